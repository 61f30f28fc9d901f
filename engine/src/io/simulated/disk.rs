//! Writes of a simulated machine, which complete when a scheduler says so.

use std::io;
use std::os::fd::BorrowedFd;

use super::file_system::FileSystem;
use crate::io::disk::{Disk, Write, Written};
use crate::io::file::File;

/// The scheduler ends writes by [`FileSystem::complete`]; whoever waits has one of them ended, which the seed chooses.
pub struct ScheduledDisk {
    files: FileSystem,
    number: u64,
    in_flight: usize,
    under_way: Vec<(u64, Write)>,
}

impl ScheduledDisk {
    /// A disk for `in_flight` writes at a time.
    pub fn new(files: &FileSystem, in_flight: usize) -> io::Result<ScheduledDisk> {
        Ok(ScheduledDisk { number: files.number()?, files: files.clone(), in_flight, under_way: Vec::new() })
    }
}

impl Disk for ScheduledDisk {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        assert!(write.length <= write.buffer.len(), "a write lies within its buffer");
        assert!(self.under_way.len() < self.in_flight, "no more writes than the disk was made for");
        let File::Simulated(file) = &*write.file else { panic!("a simulated disk writes to simulated files") };
        let bytes = &write.buffer[..write.length];
        self.files.submit((self.number, ticket), file.place(), (bytes, write.offset), write.durable)?;
        self.under_way.push((ticket, write));
        Ok(())
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        for (ticket, result) in self.files.take_ended(self.number)? {
            let index = self.under_way.iter().position(|(other, _)| *other == ticket).expect("only what began ends");
            let (_, write) = self.under_way.remove(index);
            written.push(Written { ticket, buffer: write.buffer, result });
        }
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        if !self.under_way.is_empty() && !self.files.has_ended(self.number)? {
            self.files.complete_one_of(self.number);
        }
        Ok(())
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn name(&self) -> &'static str {
        "simulated"
    }
}
