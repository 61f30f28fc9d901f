//! A file that is read from its start to its end, a piece at a time.

use std::io;
use std::path::Path;

use crate::io::{Access, File, Files};

/// Bytes that are read at a time.
const PIECE_BYTES: u64 = 256 << 10;

/// The bytes of a file from some offset on, as many as were asked for. It is not a map, because the file may be written to
/// behind what is read, and may be removed or cut.
pub(super) struct Window {
    file: File,
    /// Bytes of the file that are looked at.
    limit: u64,
    /// Where the bytes begin that were not passed by yet.
    offset: u64,
    /// What was read of the file, up to some piece's end.
    bytes: Vec<u8>,
    /// The bytes among them that were passed by.
    passed: usize,
}

impl Window {
    /// On the first `limit` bytes of a file.
    pub fn open(files: &Files, path: &Path, limit: u64) -> io::Result<Window> {
        Ok(Window { file: files.open(path, Access::Read)?, limit, offset: 0, bytes: Vec::new(), passed: 0 })
    }

    /// Where the window begins, in bytes from the file's start.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `count` bytes, or as many as there are up to the limit and the file's end. What is claimed costs memory only
    /// as far as it is there.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.bytes.len() - self.passed < count && self.read_piece()? {}
        let end = self.bytes.len().min(self.passed.saturating_add(count));
        Ok(&self.bytes[self.passed..end])
    }

    /// Passes by the next `count` bytes; there may be fewer.
    pub fn pass(&mut self, count: usize) {
        let here = count.min(self.bytes.len() - self.passed);
        self.passed += here;
        self.offset += count as u64;
        if here < count {
            // What is beyond has not been read, and is not.
            self.bytes.clear();
            self.passed = 0;
        }
    }

    /// Reads one piece behind what is there. Returns whether there was anything.
    fn read_piece(&mut self) -> io::Result<bool> {
        self.bytes.drain(..std::mem::take(&mut self.passed));
        let (length, from) = (self.bytes.len(), self.offset + self.bytes.len() as u64);
        let piece = self.limit.saturating_sub(from).min(PIECE_BYTES);
        self.bytes.resize(length + usize::try_from(piece).expect("a piece is small"), 0);
        loop {
            match self.file.read_at(&mut self.bytes[length..], from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.bytes.truncate(length);
                    return Err(error);
                }
                Ok(read) => {
                    self.bytes.truncate(length + read);
                    return Ok(read > 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Window};
    use crate::io::Files;

    #[test]
    fn it_goes_through_a_file_up_to_its_limit() {
        let path = std::env::temp_dir().join(format!("paddock-window-{}", std::process::id()));
        let bytes: Vec<u8> = (0..PIECE_BYTES as usize * 3).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let limit = bytes.len() - 5;
        let mut window = Window::open(&Files::Real, &path, limit as u64).unwrap();
        let mut at = 0;
        for step in [10, PIECE_BYTES as usize - 3, 1, PIECE_BYTES as usize * 2 - 20] {
            assert_eq!(window.peek(step).unwrap(), &bytes[at..at + step]);
            window.pass(step);
            at += step;
            assert_eq!(window.offset(), at as u64);
        }
        assert_eq!(window.peek(100).unwrap(), &bytes[at..limit], "not beyond the limit");
        window.pass(100);
        assert!(window.peek(1).unwrap().is_empty());

        let mut window = Window::open(&Files::Real, &path, u64::MAX).unwrap();
        window.pass(PIECE_BYTES as usize + 7);
        assert_eq!(window.peek(9).unwrap(), &bytes[PIECE_BYTES as usize + 7..][..9], "what is passed by is not read");
        assert_eq!(window.peek(usize::MAX / 2).unwrap().len(), bytes.len() - PIECE_BYTES as usize - 7);
        std::fs::remove_file(&path).unwrap();
    }
}
