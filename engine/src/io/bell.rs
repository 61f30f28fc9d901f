//! What wakes an event loop when a thread has something for it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::{Files, sys};

/// An eventfd, which everybody who has a clone can write. Without one it rings nobody: a scheduler knows by itself.
#[derive(Clone, Debug)]
pub struct Bell(Option<Arc<File>>);

impl Bell {
    /// A bell for whoever works on these files.
    pub fn new(files: &Files) -> io::Result<Bell> {
        if files.is_simulated() { Ok(Bell(None)) } else { Ok(Bell(Some(Arc::new(sys::event_fd()?.into())))) }
    }

    pub fn ring(&self) {
        if let Some(event) = &self.0 {
            // An eventfd fails only when its counter is full, and then it is readable anyhow.
            let _ = (&**event).write(&1u64.to_ne_bytes());
        }
    }

    /// Readable once it has rung. Watch it edge-triggered, as mio does: nobody reads it empty.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|event| event.as_fd())
    }
}
