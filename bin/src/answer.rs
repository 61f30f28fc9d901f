//! What a command answers on stdout: text for people, or JSON for programs, one object a line.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use serde_json::Value;

/// The answer of one command. Whoever reads may go away when they have seen enough, which is no failure: nothing is written
/// from then on.
pub struct Answer {
    out: BufWriter<StdoutLock<'static>>,
    is_json: bool,
    is_read: bool,
}

impl Answer {
    pub fn new(is_json: bool) -> Answer {
        Answer { out: BufWriter::new(io::stdout().lock()), is_json, is_read: true }
    }

    /// Whether it is for programs.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// `false` once the reader has gone, so that there is no use in going on.
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// A line for people; nothing where programs read.
    pub fn line(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.is_json { Ok(()) } else { self.write(format_args!("{text}\n")) }
    }

    /// What is no whole line, for people; nothing where programs read.
    pub fn text(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.is_json { Ok(()) } else { self.write(text) }
    }

    /// An object for programs; nothing where people read.
    pub fn object(&mut self, value: &Value) -> io::Result<()> {
        if self.is_json { self.write(format_args!("{value}\n")) } else { Ok(()) }
    }

    /// Sees that all of it is written.
    pub fn finish(&mut self) -> io::Result<()> {
        if !self.is_read {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.note(flushed)
    }

    fn write(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if !self.is_read {
            return Ok(());
        }
        let written = self.out.write_fmt(text);
        self.note(written)
    }

    fn note(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_read = false;
                Ok(())
            }
            written => written,
        }
    }
}
