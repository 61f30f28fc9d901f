//! What one connection is owed and has not been written to its socket yet.
//!
//! ```text
//! chunks: [ owned | shared | owned | ... ]  tail: the one that grows
//!           ^ written so far
//! ```
//! Replies and small events are copied into the tail, one behind the other, so that a turn is one `write` of one piece
//! of memory. A tail that has grown to [`CHUNK`] becomes a chunk, and the next tail begins: nothing is copied to make
//! room. The memory of a chunk is freed when all of it is written; of a chunk that is a long reply, whenever half of the
//! rest is written. A large event is in memory once, however many connections are owed it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::size_of;
use std::sync::Arc;

use crate::counter::Counter;

/// A chunk that has grown to this takes no more, bytes. A chunk that ends with a long reply is longer by that reply.
const CHUNK: usize = 64 * 1024;
/// When all is written, a tail with room for more than this is freed, bytes.
const KEEP: usize = 64 * 1024;
/// When all is written, a queue with room for more chunks than this is freed.
const KEEP_CHUNKS: usize = 16;
/// What is sent to many is shared if it has at least so many bytes. To copy fewer costs less than to share them.
pub const SHARED_MIN: usize = 2048;
/// How many chunks one write takes at most.
const SLICES_MAX: usize = 64;

/// Bytes that several connections are owed, in memory once. They count in one sum as long as anybody is owed them.
#[derive(Debug)]
pub struct Shared {
    bytes: Vec<u8>,
    /// The sum in which they count.
    sum: Arc<Counter>,
}

impl Shared {
    /// `sum` is that of the thread whose connections share the bytes.
    pub fn new(bytes: Vec<u8>, sum: &Arc<Counter>) -> Arc<Shared> {
        sum.add(bytes.capacity() as u64);
        Arc::new(Shared { bytes, sum: sum.clone() })
    }

    /// How many they are.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.sum.set(self.sum.get() - self.bytes.capacity() as u64);
    }
}

/// A part of the output, never empty.
enum Chunk {
    Owned(Vec<u8>),
    Shared(Arc<Shared>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Owned(bytes) => bytes,
            Chunk::Shared(shared) => &shared.bytes,
        }
    }

    /// Memory that is this connection's alone, bytes.
    fn memory(&self) -> usize {
        match self {
            Chunk::Owned(bytes) => bytes.capacity(),
            Chunk::Shared(_) => 0,
        }
    }
}

/// The unwritten bytes of one connection.
#[derive(Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    /// What comes after the chunks, and takes what is added.
    tail: Vec<u8>,
    /// The sum of the chunks' lengths, bytes.
    chunk_bytes: usize,
    /// The memory of the chunks that are owned, bytes.
    chunk_memory: usize,
    /// How much of the first chunk is written, or of the tail if there is no chunk, bytes.
    written: usize,
}

impl Output {
    /// Where the next bytes go. Whoever appends to it may take back what was just appended, and nothing else.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.len() >= CHUNK {
            self.end_chunk();
            // Where so much has come there will be more: room for all of it is made once.
            self.tail = Vec::with_capacity(CHUNK);
        }
        &mut self.tail
    }

    /// Adds bytes that others are owed too.
    pub fn share(&mut self, shared: &Arc<Shared>) {
        self.end_chunk();
        self.push(Chunk::Shared(shared.clone()));
    }

    /// Bytes that wait to be written.
    pub fn unwritten(&self) -> usize {
        self.chunk_bytes + self.tail.len() - self.written
    }

    /// Memory that is held for this connection alone, bytes.
    pub fn memory(&self) -> usize {
        self.chunk_memory + self.tail.capacity() + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Writes once, no more than `max` bytes, and returns how many.
    pub fn write_to(&mut self, writer: &mut impl io::Write, max: usize) -> io::Result<usize> {
        let count = if self.chunks.is_empty() {
            let rest = &self.tail[self.written..];
            writer.write(&rest[..rest.len().min(max)])?
        } else {
            self.write_chunks(writer, max)?
        };
        self.pass(count);
        Ok(count)
    }

    /// To be called when the socket takes no more: frees the memory of what is written, where that is at least half of a
    /// long chunk.
    pub fn trim(&mut self) {
        if self.written < CHUNK {
            return;
        }
        let first = match self.chunks.front_mut() {
            None => &mut self.tail,
            Some(Chunk::Owned(bytes)) => bytes,
            Some(Chunk::Shared(_)) => return,
        };
        if self.written < first.len() / 2 {
            return;
        }
        let rest = first[self.written..].to_vec();
        let (saved, whole) = (first.capacity() - rest.capacity(), std::mem::replace(first, rest));
        drop(whole);
        if !self.chunks.is_empty() {
            self.chunk_memory -= saved;
            self.chunk_bytes -= self.written;
        }
        self.written = 0;
    }

    /// Frees the memory that is only kept for the next reply.
    pub fn shrink(&mut self) {
        if self.unwritten() == 0 {
            *self = Output::default();
        }
    }

    fn write_chunks(&self, writer: &mut impl io::Write, max: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let (mut count, mut room, mut skip) = (0, max, self.written);
        for bytes in self.chunks.iter().map(Chunk::bytes).chain([&self.tail[..]]).take(SLICES_MAX) {
            let bytes = &bytes[skip..];
            let bytes = &bytes[..bytes.len().min(room)];
            if bytes.is_empty() {
                break;
            }
            slices[count] = IoSlice::new(bytes);
            count += 1;
            room -= bytes.len();
            skip = 0;
        }
        writer.write_vectored(&slices[..count])
    }

    /// Notes that so many bytes more are written.
    fn pass(&mut self, count: usize) {
        self.written += count;
        while let Some(chunk) = self.chunks.front() {
            let length = chunk.bytes().len();
            if self.written < length {
                return;
            }
            self.written -= length;
            self.chunk_bytes -= length;
            self.chunk_memory -= chunk.memory();
            self.chunks.pop_front();
        }
        assert!(self.written <= self.tail.len(), "no more is written than there is");
        if self.written == self.tail.len() {
            self.written = 0;
            self.tail.clear();
            if self.tail.capacity() > KEEP {
                self.tail = Vec::new();
            }
            if self.chunks.capacity() > KEEP_CHUNKS {
                self.chunks = VecDeque::new();
            }
        }
    }

    /// Makes the tail a chunk like those before it.
    fn end_chunk(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.push(Chunk::Owned(tail));
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.chunk_bytes += chunk.bytes().len();
        self.chunk_memory += chunk.memory();
        self.chunks.push_back(chunk);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{self, IoSlice, Write};
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{CHUNK, KEEP, KEEP_CHUNKS, Output, SHARED_MIN, SLICES_MAX, Shared};
    use crate::counter::Counter;

    /// A socket that takes so many bytes at a time.
    struct Socket {
        takes: usize,
        taken: Vec<u8>,
        slices_most: usize,
    }

    impl Socket {
        fn that_takes(takes: usize) -> Socket {
            Socket { takes, taken: Vec::new(), slices_most: 0 }
        }
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.takes);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.slices_most = self.slices_most.max(slices.len());
            assert!(slices.iter().all(|slice| !slice.is_empty()));
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.write(&all)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// `length` bytes that no other place of the stream has in this order.
    fn bytes(from: usize, length: usize) -> Vec<u8> {
        (from..from + length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    fn write_all(output: &mut Output, takes: usize) -> Vec<u8> {
        let mut socket = Socket::that_takes(takes);
        while output.unwritten() > 0 {
            assert!(output.write_to(&mut socket, usize::MAX).unwrap() > 0);
            output.trim();
        }
        socket.taken
    }

    /// Small, shared, small, long, shared twice, small: cut at every boundary and everywhere between.
    #[test]
    fn bytes_come_out_in_order_wherever_writes_end() {
        let pieces = [3, 4, 2, 5, 4, 4, 1];
        let length: usize = pieces.iter().sum();
        for takes in 1..=length {
            let (mut output, sum) = (Output::default(), Arc::new(Counter::default()));
            let mut at = 0;
            for (index, piece) in pieces.into_iter().enumerate() {
                let piece_bytes = bytes(at, piece);
                match index {
                    1 | 4 | 5 => output.share(&Shared::new(piece_bytes, &sum)),
                    _ => output.tail().extend_from_slice(&piece_bytes),
                }
                at += piece;
                assert_eq!(output.unwritten(), at);
            }
            assert_eq!(write_all(&mut output, takes), bytes(0, length), "{takes} at a time");
            assert_eq!((output.unwritten(), output.chunk_bytes, output.chunk_memory, sum.get()), (0, 0, 0, 0));
        }
    }

    #[test]
    fn small_replies_are_one_piece_of_memory_that_is_used_again() {
        let mut output = Output::default();
        output.tail().extend_from_slice(&[1; 1000]);
        output.tail().extend_from_slice(&[2; 1000]);
        assert!(output.chunks.is_empty());
        let memory = output.memory();
        let mut socket = Socket::that_takes(usize::MAX);
        assert_eq!(output.write_to(&mut socket, usize::MAX).unwrap(), 2000);
        assert_eq!((output.memory(), socket.slices_most), (memory, 0));
    }

    #[test]
    fn no_write_is_longer_than_it_may_be_or_has_too_many_pieces() {
        let (mut output, sum) = (Output::default(), Arc::new(Counter::default()));
        for number in 0..2 * SLICES_MAX {
            output.share(&Shared::new(bytes(number, 10), &sum));
            output.tail().push(0);
        }
        let mut socket = Socket::that_takes(usize::MAX);
        assert_eq!(output.write_to(&mut socket, 25).unwrap(), 25);
        assert_eq!(output.write_to(&mut socket, usize::MAX).unwrap(), SLICES_MAX / 2 * 11 - 3);
        assert_eq!(socket.slices_most, SLICES_MAX);
    }

    #[test]
    fn a_shared_event_is_held_until_its_last_receiver_has_it() {
        let sum = Arc::new(Counter::default());
        let shared = Shared::new(bytes(0, SHARED_MIN), &sum);
        let mut outputs: [Output; 3] = Default::default();
        outputs.iter_mut().for_each(|output| output.share(&shared));
        drop(shared);
        assert_eq!(sum.get(), SHARED_MIN as u64, "it counts once");
        let [first, second, third] = &mut outputs;
        assert_eq!(write_all(first, usize::MAX), bytes(0, SHARED_MIN));
        assert_eq!(write_all(second, 100), bytes(0, SHARED_MIN));
        assert_eq!(sum.get(), SHARED_MIN as u64);
        *third = Output::default();
        assert_eq!(sum.get(), 0, "the last one was closed");
    }

    #[test]
    fn memory_is_given_back_as_it_is_written() {
        let mut output = Output::default();
        while output.unwritten() < 100 * CHUNK {
            output.tail().extend_from_slice(&[0; 100]);
        }
        assert!(output.memory() < 201 * CHUNK + 10_000, "{}", output.memory());
        let mut socket = Socket::that_takes(CHUNK / 2);
        while output.unwritten() > 0 {
            output.write_to(&mut socket, usize::MAX).unwrap();
            // No chunk is less than half full.
            assert!(output.memory() <= 2 * (output.unwritten() + 2 * CHUNK) + 10_000);
        }
        assert!(output.memory() <= KEEP + KEEP_CHUNKS * size_of::<super::Chunk>());
        output.shrink();
        assert_eq!(output.memory(), 0);
    }

    #[test]
    fn a_chunk_behind_a_full_one_does_not_move_as_it_grows() {
        let mut output = Output::default();
        output.tail().extend_from_slice(&[0; CHUNK]);
        output.tail().push(0);
        let at = output.tail.as_ptr();
        while output.tail.len() + 100 <= CHUNK {
            output.tail().extend_from_slice(&[0; 100]);
        }
        assert_eq!(at, output.tail.as_ptr());
    }

    #[test]
    fn a_long_reply_is_given_back_by_halves() {
        for behind in [0, SHARED_MIN] {
            let (mut output, sum) = (Output::default(), Arc::new(Counter::default()));
            output.tail().extend_from_slice(&bytes(0, 50 * CHUNK));
            if behind > 0 {
                output.share(&Shared::new(bytes(50 * CHUNK, behind), &sum));
            }
            let mut socket = Socket::that_takes(CHUNK);
            while output.unwritten() > 0 {
                output.write_to(&mut socket, usize::MAX).unwrap();
                output.trim();
                assert!(output.memory() <= 2 * (output.unwritten() + 2 * CHUNK) + 10_000);
            }
            assert_eq!(socket.taken, bytes(0, 50 * CHUNK + behind));
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(usize),
        /// Takes back what was just added.
        TakeBack(usize),
        Share(usize),
        Write {
            takes: usize,
            max: usize,
        },
        Trim,
        Shrink,
    }

    fn step() -> impl Strategy<Value = Step> {
        let length = || prop_oneof![8 => 1..200_usize, 2 => 1..2 * CHUNK, 1 => 1..5 * CHUNK];
        let limit = || prop_oneof![6 => 1..2 * CHUNK, 2 => 1..10_usize, 1 => Just(usize::MAX)];
        prop_oneof![
            6 => length().prop_map(Step::Add),
            1 => length().prop_map(Step::TakeBack),
            3 => length().prop_map(Step::Share),
            5 => (limit(), limit()).prop_map(|(takes, max)| Step::Write { takes, max }),
            2 => Just(Step::Trim),
            1 => Just(Step::Shrink),
        ]
    }

    /// What is owed, as plain bytes, and the shared pieces that are not wholly written: where they end in the stream.
    #[derive(Default)]
    struct Model {
        owed: VecDeque<u8>,
        added: usize,
        shared: VecDeque<(usize, u64)>,
    }

    impl Model {
        fn next(&mut self, length: usize) -> Vec<u8> {
            let next = bytes(self.added, length);
            self.owed.extend(&next);
            self.added += length;
            next
        }

        /// What the shared pieces take that are owed yet.
        fn shared_bytes(&mut self) -> u64 {
            let written = self.added - self.owed.len();
            self.shared.retain(|(end, _)| *end > written);
            self.shared.iter().map(|(_, capacity)| capacity).sum()
        }
    }

    fn take(step: Step, output: &mut Output, model: &mut Model, sum: &Arc<Counter>) -> Result<(), TestCaseError> {
        match step {
            Step::Add(length) => output.tail().extend_from_slice(&model.next(length)),
            Step::TakeBack(length) => {
                let tail = output.tail();
                let unwind = tail.len();
                tail.extend_from_slice(&vec![9; length]);
                tail.truncate(unwind);
            }
            Step::Share(length) => {
                let shared = Shared::new(model.next(length), sum);
                model.shared.push_back((model.added, shared.bytes.capacity() as u64));
                output.share(&shared);
            }
            Step::Write { takes, max } => {
                let mut socket = Socket::that_takes(takes);
                let count = output.write_to(&mut socket, max).expect("this socket never fails");
                prop_assert!(count <= max && count == socket.taken.len());
                prop_assert!(count > 0 || model.owed.is_empty());
                let expected: Vec<u8> = model.owed.drain(..count).collect();
                prop_assert!(socket.taken == expected, "other bytes came out");
            }
            Step::Trim => output.trim(),
            Step::Shrink => output.shrink(),
        }
        prop_assert_eq!(output.unwritten(), model.owed.len());
        prop_assert_eq!(sum.get(), model.shared_bytes());
        let (mut chunk_bytes, mut chunk_memory) = (0, 0);
        for chunk in &output.chunks {
            prop_assert!(!chunk.bytes().is_empty());
            chunk_bytes += chunk.bytes().len();
            chunk_memory += chunk.memory();
        }
        prop_assert_eq!((output.chunk_bytes, output.chunk_memory), (chunk_bytes, chunk_memory));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn what_goes_in_comes_out_whatever_the_writes_take(steps in prop::collection::vec(step(), 1..100)) {
            let (mut output, mut model, sum) = (Output::default(), Model::default(), Arc::new(Counter::default()));
            for step in steps {
                take(step, &mut output, &mut model, &sum)?;
            }
            let rest: Vec<u8> = model.owed.drain(..).collect();
            prop_assert!(write_all(&mut output, usize::MAX) == rest);
            prop_assert_eq!(sum.get(), 0);
        }
    }
}
