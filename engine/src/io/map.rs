//! A file as bytes.
//!
//! A mapped file turns a read error of the device into SIGBUS, which would kill the process without a word. So the map
//! is only read through [`Map::read`], which first asks the kernel to bring the pages in (`MADV_POPULATE_READ`, in
//! windows, which is also faster than a fault for each page) and reports the offset that cannot be read.
#![allow(unsafe_code)] // Mapping a file is a promise about other processes.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use memmap2::{Advice, Mmap};

/// So much is brought in at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Smaller than or equal to every page size of Linux.
const PAGE_BYTES: usize = 4096;

/// A read-only view of a whole file.
pub struct Map {
    /// `None` for an empty file, which cannot be mapped.
    map: Option<Mmap>,
    /// All below this offset has been brought in.
    present: Cell<usize>,
}

/// The device cannot read the page at this offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable {
    pub offset: usize,
}

impl Map {
    pub fn open(path: &Path) -> io::Result<Map> {
        let file = File::open(path)?;
        let map = if file.metadata()?.len() == 0 {
            None
        } else {
            // SAFETY: nobody may truncate or write the file while it is mapped. The callers hold the lock of the data
            // directory, so no other server touches it, and unmap before they truncate it themselves. A foreign process
            // that breaks the rule can make reads fault or change under us; every byte read is checked by a CRC.
            Some(unsafe { Mmap::map(&file) }?)
        };
        Ok(Map { map, present: Cell::new(0) })
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, which is cut at the end of the file.
    pub fn read(&self, range: Range<usize>) -> Result<&[u8], Unreadable> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        while self.present.get() < end {
            self.bring_in_window()?;
        }
        Ok(self.map.as_ref().map_or(&[], |map| &map[start..end]))
    }

    fn bring_in_window(&self) -> Result<(), Unreadable> {
        let start = self.present.get();
        let end = (start + WINDOW_BYTES).min(self.len());
        if !self.is_readable(start..end) {
            let pages = (start..end).step_by(PAGE_BYTES);
            let bad = pages.into_iter().find(|at| !self.is_readable(*at..(*at + PAGE_BYTES).min(end)));
            if let Some(offset) = bad {
                return Err(Unreadable { offset });
            }
        }
        self.present.set(end);
        Ok(())
    }

    fn is_readable(&self, range: Range<usize>) -> bool {
        let Some(map) = &self.map else { return true };
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
    use super::{Map, WINDOW_BYTES};

    #[test]
    fn reads_ranges_and_stops_at_the_end() {
        let path = std::env::temp_dir().join(format!("paddock-map-{}", std::process::id()));
        let bytes: Vec<u8> = (0..WINDOW_BYTES + 5).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let map = Map::open(&path).unwrap();
        assert_eq!(map.read(0..bytes.len() + 100).unwrap(), &bytes[..]);
        assert_eq!(map.read(WINDOW_BYTES - 2..WINDOW_BYTES + 2).unwrap(), &bytes[WINDOW_BYTES - 2..WINDOW_BYTES + 2]);
        assert!(map.read(bytes.len() + 1..bytes.len() + 2).unwrap().is_empty());
        std::fs::write(&path, b"").unwrap();
        assert!(Map::open(&path).unwrap().is_empty());
        std::fs::remove_file(&path).unwrap();
    }
}
