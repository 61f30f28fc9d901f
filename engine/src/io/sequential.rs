//! A file from its start to its end.

use std::io::{self, Read, Write};

use super::file::File;

/// An open file that is read, or written, from its start on, for whoever takes any stream.
#[derive(Debug)]
pub struct Sequential {
    pub file: File,
    at: u64,
}

impl Sequential {
    pub fn new(file: File) -> Sequential {
        Sequential { file, at: 0 }
    }
}

impl Read for Sequential {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for Sequential {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }

    /// There is nothing between this and the file.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
