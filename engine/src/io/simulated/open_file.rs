//! An open file of a simulated machine.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_system::FileSystem;
use super::names::Node;
use crate::io::access::Access;
use crate::io::metadata::Identity;

/// Keeps what it was opened on, whatever becomes of the name.
#[derive(Debug)]
pub struct OpenFile {
    files: FileSystem,
    /// Where it was opened.
    path: PathBuf,
    node: Node,
    handle: u64,
}

impl OpenFile {
    pub(in crate::io) fn open(files: &FileSystem, path: &Path, access: Access) -> io::Result<OpenFile> {
        let handle = files.number()?;
        Ok(OpenFile { node: files.open(path, access)?, files: files.clone(), path: path.to_owned(), handle })
    }

    /// What it is, and the path by which it was opened.
    pub(super) fn place(&self) -> (Node, &Path) {
        (self.node, &self.path)
    }

    pub(in crate::io) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.files.read_at(self.node, bytes, offset)
    }

    /// The whole content.
    pub(in crate::io) fn read(&self) -> io::Result<Arc<[u8]>> {
        self.files.read(self.node)
    }

    pub(in crate::io) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.files.write_at(self.node, &self.path, bytes, offset)?;
        Ok(bytes.len())
    }

    pub(in crate::io) fn length(&self) -> io::Result<u64> {
        self.files.length(self.node)
    }

    pub(in crate::io) fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.files.set_length(self.node, &self.path, bytes)
    }

    pub(in crate::io) fn sync(&self) -> io::Result<()> {
        self.files.sync(self.node, &self.path)
    }

    pub(in crate::io) fn try_lock(&self) -> Result<(), TryLockError> {
        match self.files.try_lock(self.node, self.handle) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TryLockError::WouldBlock),
            Err(error) => Err(TryLockError::Error(error)),
        }
    }

    pub(in crate::io) fn identity(&self) -> Identity {
        FileSystem::identity_of(self.node)
    }

    pub(in crate::io) fn link_count(&self) -> io::Result<u32> {
        self.files.link_count(self.node)
    }

    pub(in crate::io) fn is_last_use(&self) -> bool {
        self.files.is_last_use(self.node).unwrap_or(false)
    }

    pub(in crate::io) fn write_unit(&self) -> Option<usize> {
        self.files.unit().ok()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.files.close(self.node, self.handle);
    }
}
