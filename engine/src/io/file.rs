//! An open file.

use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::metadata::Identity;
use super::simulated::OpenFile;
use super::{Map, sys};

/// Copied at a time.
const COPY_BYTES: usize = 64 << 10;

/// An open file, or an open directory. It keeps what it was opened on, whatever becomes of the name.
#[derive(Debug)]
pub enum File {
    /// Of this machine.
    Real(std::fs::File),
    Simulated(OpenFile),
}

impl File {
    /// The file of this machine, for whoever hands it to the kernel.
    ///
    /// # Panics
    /// If it is no file of this machine.
    pub(super) fn real(&self) -> &std::fs::File {
        match self {
            File::Real(file) => file,
            File::Simulated(_) => panic!("a simulated file is none of this machine"),
        }
    }

    /// Reads bytes from `offset` on; none at the end of the file.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            File::Real(file) => file.read_at(bytes, offset),
            File::Simulated(file) => file.read_at(bytes, offset),
        }
    }

    /// Writes bytes at `offset`, perhaps not all of them. Nothing of it is durable.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self {
            File::Real(file) => file.write_at(bytes, offset),
            File::Simulated(file) => file.write_at(bytes, offset),
        }
    }

    /// Writes all of the bytes at `offset`.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self {
            File::Real(file) => file.write_all_at(bytes, offset),
            File::Simulated(file) => file.write_at(bytes, offset).map(|_| ()),
        }
    }

    /// Writes to the start of this file so many bytes of another, or those that it has, from `offset` on. Returns how many.
    pub fn copy_from(&self, other: &File, offset: u64, bytes: u64) -> io::Result<u64> {
        let mut piece = vec![0; COPY_BYTES];
        let mut done = 0;
        while done < bytes {
            let most = usize::try_from(bytes - done).unwrap_or(usize::MAX).min(COPY_BYTES);
            match other.read_at(&mut piece[..most], offset + done) {
                Ok(0) => break,
                Ok(read) => {
                    self.write_all_at(&piece[..read], done)?;
                    done += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// In bytes.
    pub fn length(&self) -> io::Result<u64> {
        match self {
            File::Real(file) => Ok(file.metadata()?.len()),
            File::Simulated(file) => file.length(),
        }
    }

    /// Cuts the file, or adds zeros.
    pub fn set_length(&self, bytes: u64) -> io::Result<()> {
        match self {
            File::Real(file) => file.set_len(bytes),
            File::Simulated(file) => file.set_length(bytes),
        }
    }

    /// Makes the content durable, and of the rest what is needed to read it.
    pub fn sync_data(&self) -> io::Result<()> {
        match self {
            File::Real(file) => file.sync_data(),
            File::Simulated(file) => file.sync(),
        }
    }

    /// Makes all but the name durable; of a directory, the names in it.
    pub fn sync_all(&self) -> io::Result<()> {
        match self {
            File::Real(file) => file.sync_all(),
            File::Simulated(file) => file.sync(),
        }
    }

    /// The content as bytes.
    pub fn map(&self) -> io::Result<Map> {
        match self {
            File::Real(file) => Map::of(file),
            File::Simulated(file) => file.read().map(Map::holding),
        }
    }

    /// Locks it for this process until the value is dropped. Does not wait.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        match self {
            File::Real(file) => file.try_lock(),
            File::Simulated(file) => file.try_lock(),
        }
    }

    /// See [`Identity`].
    pub fn identity(&self) -> io::Result<Identity> {
        match self {
            File::Real(file) => sys::identity(file),
            File::Simulated(file) => Ok(file.identity()),
        }
    }

    /// How many names it has. For a real file one system call that asks for nothing else ([`sys::link_count`]).
    pub fn link_count(&self) -> io::Result<u32> {
        match self {
            File::Real(file) => sys::link_count(file),
            File::Simulated(file) => file.link_count(),
        }
    }

    /// Whether it has no name, and nobody else has it open: then it goes with this value. `false` where it cannot be told.
    pub fn is_last_use(&self) -> bool {
        match self {
            File::Real(file) => file.metadata().is_ok_and(|found| found.nlink() == 0) && sys::is_only_user(file),
            File::Simulated(file) => file.is_last_use(),
        }
    }

    /// What direct writes to it are aligned and padded to, in bytes; `None` where the file system has none.
    pub fn write_unit(&self) -> Option<usize> {
        match self {
            File::Real(file) => sys::write_unit(file),
            File::Simulated(file) => file.write_unit(),
        }
    }
}
