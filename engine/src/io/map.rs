//! A file as bytes.
//!
//! A mapped file turns a read error of the device into SIGBUS, which would kill the process without a word. So the map
//! is only read through [`Map::read`], which first asks the kernel to bring the pages in (`MADV_POPULATE_READ`, in
//! windows, which is also faster than a fault for each page) and reports the offset that cannot be read.
#![allow(unsafe_code)] // Mapping a file is a promise about other processes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::{Advice, Mmap, UncheckedAdvice};

/// So much is brought in at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// So far ahead of it the disk is asked to read meanwhile.
const AHEAD_BYTES: usize = 4 << 20;

/// Smaller than or equal to every page size of Linux.
const PAGE_BYTES: usize = 4096;

/// A read-only view of a whole file.
pub struct Map {
    bytes: Bytes,
    /// All below this offset has been brought in.
    present: AtomicUsize,
}

enum Bytes {
    Mapped(Mmap),
    /// Of an empty file, which cannot be mapped, or of a simulated one.
    Held(Arc<[u8]>),
}

/// The device cannot read the page at this offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable {
    pub offset: usize,
}

impl Map {
    /// The content of a file of this machine.
    pub(super) fn of(file: &File) -> io::Result<Map> {
        let bytes = if file.metadata()?.len() == 0 {
            Bytes::Held(Arc::default())
        } else {
            // SAFETY: nobody may truncate or write the file while it is mapped. A server holds the lock of the data
            // directory, so that no other touches it, and unmaps before it truncates; who only inspects holds none, but
            // what a server removes meanwhile stays whole for whoever has it open (`Removed`). A foreign process that
            // breaks the rule can make reads fault or change under us; every byte read is checked by a CRC.
            Bytes::Mapped(unsafe { Mmap::map(file) }?)
        };
        Ok(Map { bytes, present: AtomicUsize::new(0) })
    }

    /// The content of a simulated file.
    pub(super) fn holding(bytes: Arc<[u8]>) -> Map {
        Map { present: AtomicUsize::new(bytes.len()), bytes: Bytes::Held(bytes) }
    }

    fn mapped(&self) -> Option<&Mmap> {
        match &self.bytes {
            Bytes::Mapped(map) => Some(map),
            Bytes::Held(_) => None,
        }
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Mapped(map) => map.len(),
            Bytes::Held(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, which is cut at the end of the file.
    pub fn read(&self, range: Range<usize>) -> Result<&[u8], Unreadable> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        // A second thread that comes here brings in the same pages again, which does no harm.
        while self.present.load(Ordering::Relaxed) < end {
            self.bring_in_window()?;
        }
        Ok(match &self.bytes {
            Bytes::Mapped(map) => &map[start..end],
            Bytes::Held(bytes) => &bytes[start..end],
        })
    }

    fn bring_in_window(&self) -> Result<(), Unreadable> {
        let start = self.present.load(Ordering::Relaxed);
        let end = (start + WINDOW_BYTES).min(self.len());
        self.ask_for((start + AHEAD_BYTES).min(self.len())..(end + AHEAD_BYTES).min(self.len()));
        if !self.is_readable(start..end) {
            let pages = (start..end).step_by(PAGE_BYTES);
            let bad = pages.into_iter().find(|at| !self.is_readable(*at..(*at + PAGE_BYTES).min(end)));
            if let Some(offset) = bad {
                return Err(Unreadable { offset });
            }
        }
        self.present.fetch_max(end, Ordering::Relaxed);
        Ok(())
    }

    /// Takes the whole pages of a range out of this process's memory, for a reader that goes through a file once. What is
    /// read of them again comes in by faults, so it must not be.
    pub fn forget(&self, range: Range<usize>) {
        let (start, end) = (range.start.next_multiple_of(PAGE_BYTES), range.end / PAGE_BYTES * PAGE_BYTES);
        if let Some(map) = self.mapped().filter(|map| start < end && end <= map.len()) {
            // SAFETY: the map is read-only and of a file, so dropped pages come back with the same bytes.
            let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
        }
    }

    /// Has the disk read a range without waiting for it. A hint: where it fails, the pages come later.
    fn ask_for(&self, range: Range<usize>) {
        if let Some(map) = self.mapped().filter(|_| !range.is_empty()) {
            let _ = map.advise_range(Advice::WillNeed, range.start, range.len());
        }
    }

    fn is_readable(&self, range: Range<usize>) -> bool {
        let Some(map) = self.mapped() else { return true };
        match map.advise_range(Advice::PopulateRead, range.start, range.len()) {
            Ok(()) => true,
            // EFAULT: the access would have raised SIGBUS. EHWPOISON: the memory itself is broken. Anything else (EINVAL
            // before Linux 5.14, ENOMEM, EINTR) says nothing about the device.
            Err(error) => !matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EHWPOISON)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WINDOW_BYTES;
    use crate::io::Files;

    #[test]
    fn reads_ranges_and_stops_at_the_end() {
        let path = std::env::temp_dir().join(format!("paddock-map-{}", std::process::id()));
        let bytes: Vec<u8> = (0..WINDOW_BYTES + 5).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let map = Files::Real.map(&path).unwrap();
        assert_eq!(map.read(0..bytes.len() + 100).unwrap(), &bytes[..]);
        assert_eq!(map.read(WINDOW_BYTES - 2..WINDOW_BYTES + 2).unwrap(), &bytes[WINDOW_BYTES - 2..WINDOW_BYTES + 2]);
        assert!(map.read(bytes.len() + 1..bytes.len() + 2).unwrap().is_empty());
        std::fs::write(&path, b"").unwrap();
        assert!(Files::Real.map(&path).unwrap().is_empty());
        std::fs::remove_file(&path).unwrap();
    }
}
