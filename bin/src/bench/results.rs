//! The file for the results of `--json`: whether it can be written is known before the run that takes its time.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is open for writing and holds what it held, until there are results.
pub struct ResultsFile {
    path: PathBuf,
    file: File,
    /// It was not there before.
    is_new: bool,
}

impl ResultsFile {
    pub fn open(path: &Path) -> io::Result<ResultsFile> {
        let open = |is_new: bool| OpenOptions::new().write(true).create_new(is_new).open(path);
        let (file, is_new) = match open(true) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (open(false)?, false),
            file => (file?, true),
        };
        Ok(ResultsFile { path: path.to_owned(), file, is_new })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a terminal holds nothing that would have to go.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }

    /// There are no results: it is as it was.
    pub fn give_up(self) {
        if self.is_new {
            // What stays behind is an empty file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
