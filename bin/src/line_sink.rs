//! Where the lines of a log go: a stream, such as stderr, or a file that is exchanged when it is full. For the thread that
//! writes a log; what there is to say of it goes to the log of words.

use std::io::{self, Write};

use paddock_engine::io::advice;

use crate::rotation::RotatingFile;

pub enum LineSink {
    Stream(Box<dyn Write + Send>),
    File(RotatingFile),
}

impl LineSink {
    /// What it is, for people.
    pub fn name(&self) -> String {
        match self {
            LineSink::Stream(_) => "the output of the process".to_owned(),
            LineSink::File(file) => file.path().display().to_string(),
        }
    }

    /// Opens a file anew, which somebody may have renamed. Whether what has its name now is open.
    pub fn reopen(&mut self) -> bool {
        let LineSink::File(file) = self else { return false };
        let Err(error) = file.reopen() else { return true };
        let name = file.path().display();
        tracing::warn!(
            "{name}: this log cannot be opened anew: {error}; {}; what was its file is written to meanwhile",
            advice(&error)
        );
        false
    }

    /// Tells of a full file that cannot be exchanged, if there is news of that.
    pub fn tell_trouble(&mut self) {
        if let LineSink::File(file) = self
            && let Some(error) = file.take_trouble()
        {
            let name = file.path().display();
            tracing::warn!(
                "{name}: this log is full and cannot be exchanged for a new one, so that it grows on: {error}; {}",
                advice(&error)
            );
        }
    }
}

impl Write for LineSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            LineSink::Stream(stream) => stream.write(bytes),
            LineSink::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
