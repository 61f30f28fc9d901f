//! A disk by io_uring: one system call starts a durable write, none is needed to learn that it has completed.
//!
//! ```text
//! submit   slot <- (file, buffer)      SQE ---- io_uring_enter ----> kernel: O_DIRECT write with RWF_DSYNC
//! reap     slot -> (buffer, result)    CQE <---- shared memory ----- and the ring's file is readable
//! ```
//!
//! Who sleeps in `epoll_wait` is woken by the ring's own file. It tells nothing once the CQEs are taken, so that a
//! completion that was seen in passing costs no turn of its own, as it would with an eventfd. Completions do not
//! interrupt the thread that submits while it runs (`COOP_TASKRUN`): they come in with its next system call.
//!
//! The invariant behind every `unsafe` here: **a slot is full from before its SQE is pushed until its CQE is seen**, and
//! a full slot keeps its buffer (whose address does not change) and its file open. A ring that is dropped waits for its
//! CQEs first; if it cannot, it leaks the slots rather than free memory that the kernel may still read.
#![allow(unsafe_code)] // The kernel reads memory behind the compiler's back.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, types};

use super::disk::{IN_FLIGHT_MAX, Partial, Step, is_passing};
use super::{Disk, Write, Written};

/// Refusals of `io_uring_enter` in a row before the ring gives up.
const ENTER_TRIES_MAX: u32 = 1000;

struct Slot {
    ticket: u64,
    write: Write,
    partial: Partial,
}

/// See the module.
pub struct Ring {
    ring: IoUring,
    slots: Vec<Option<Slot>>,
}

impl Ring {
    /// A ring for `in_flight` writes at a time. Fails with ENOSYS or EPERM where the kernel or a sandbox has no io_uring.
    ///
    /// # Panics
    /// If `in_flight` is 0 or above [`IN_FLIGHT_MAX`].
    pub fn new(in_flight: usize) -> io::Result<Ring> {
        assert!((1..=IN_FLIGHT_MAX).contains(&in_flight), "a ring carries 1 to {IN_FLIGHT_MAX} writes");
        // Linux before 5.19 knows no such flag.
        let ring = match IoUring::builder().setup_coop_taskrun().build(in_flight as u32) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => IoUring::new(in_flight as u32)?,
            built => built?,
        };
        Ok(Ring { ring, slots: (0..in_flight).map(|_| None).collect() })
    }

    /// Queues what is left of the write in a slot, without telling the kernel.
    fn push(&mut self, index: usize) {
        let slot = self.slots[index].as_ref().expect("only full slots are pushed");
        let at = slot.partial.written;
        let rest = &slot.write.buffer[at..slot.write.length];
        let length = u32::try_from(rest.len()).expect("a write is below 4 GiB");
        let entry = opcode::Write::new(types::Fd(slot.write.file.real().as_raw_fd()), rest.as_ptr(), length)
            .offset(slot.write.offset + at as u64)
            .rw_flags(if slot.write.durable { libc::RWF_DSYNC } else { 0 })
            .build()
            .user_data(index as u64);
        // SAFETY: the entry points into a full slot, which stays full, and hence the buffer allocated and the file open,
        // until `settle` sees the entry's CQE or `drop` has waited for it.
        unsafe { self.ring.submission().push(&entry) }.expect("the queue has room for one entry of every slot");
    }

    /// Tells the kernel what has been queued.
    fn enter(&self, want: usize) -> io::Result<()> {
        for _ in 0..ENTER_TRIES_MAX {
            match self.ring.submit_and_wait(want) {
                Ok(_) => return Ok(()),
                // EBUSY: completions have to be taken first; they are there, so the wait is over.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && want > 0 => return Ok(()),
                Err(error) if is_passing(&error) || error.raw_os_error() == Some(libc::EBUSY) => {
                    std::thread::yield_now()
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("io_uring_enter is refused for good"))
    }

    /// Takes in one CQE: empties its slot or queues the rest of its write.
    fn settle(&mut self, index: usize, result: i32) -> Option<Written> {
        let slot = self.slots[index].as_mut().expect("a completion belongs to a full slot");
        let result = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        let result = match slot.partial.note(result, slot.write.length, slot.write.buffer.alignment()) {
            Step::Again => {
                self.push(index);
                return None;
            }
            Step::Done => Ok(()),
            Step::Failed(error) => Err(error),
        };
        let slot = self.slots[index].take().expect("the slot was full");
        Some(Written { ticket: slot.ticket, buffer: slot.write.buffer, result })
    }

    fn next_completion(&mut self) -> Option<(usize, i32)> {
        self.ring.completion().next().map(|entry| (entry.user_data() as usize, entry.result()))
    }

    fn is_idle(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }
}

impl Disk for Ring {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        assert!(write.length <= write.buffer.len(), "a write lies within its buffer");
        let index = self.slots.iter().position(Option::is_none).expect("no more writes than the ring was made for");
        self.slots[index] = Some(Slot { ticket, write, partial: Partial::default() });
        self.push(index);
        self.enter(0)
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        let mut resumed = false;
        while let Some((index, result)) = self.next_completion() {
            match self.settle(index, result) {
                Some(done) => written.push(done),
                None => resumed = true,
            }
        }
        if resumed { self.enter(0) } else { Ok(()) }
    }

    fn wait(&mut self) -> io::Result<()> {
        if self.is_idle() || !self.ring.completion().is_empty() { Ok(()) } else { self.enter(1) }
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: the ring keeps its file open for as long as it is borrowed.
        Some(unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) })
    }

    fn name(&self) -> &'static str {
        "io_uring"
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while !self.is_idle() {
            if self.enter(1).is_err() {
                // The kernel may still read these buffers: they must outlive the process, not the ring.
                std::mem::forget(std::mem::take(&mut self.slots));
                return;
            }
            while let Some((index, _)) = self.next_completion() {
                self.slots[index] = None;
            }
        }
    }
}
