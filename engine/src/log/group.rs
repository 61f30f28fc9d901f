//! A group: its number, and the memory in which the next one is filled.

use paddock_consensus::Zxid;

use super::format::{GROUP_BYTES_MAX, HEADER_BYTES, Header, RECORD_HEADER_BYTES, seal_record};
use crate::io::AlignedBuffer;
use crate::jute;

/// Names a group: 1 is the first of the log, and each has one more than the one before.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupNumber(pub u64);

/// The memory of a group to begin with; it grows by doubling.
const BUFFER_BYTES: usize = 256 << 10;

/// A buffer that grew beyond this is given back after its write.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

/// Records encode themselves straight into the memory that the device reads; there is no second copy. Write through
/// [`jute::Write`] and [`extend_from_slice`](Self::extend_from_slice).
pub struct GroupBuffer {
    memory: AlignedBuffer,
    /// Bytes of header and records so far.
    length: usize,
    records: u32,
    /// The zxid of the first record.
    first: Zxid,
}

impl GroupBuffer {
    pub(super) fn new(memory: AlignedBuffer) -> Self {
        GroupBuffer { memory, length: HEADER_BYTES, records: 0, first: Zxid::ZERO }
    }

    /// Memory for a group, aligned to `unit`.
    pub(super) fn memory(unit: usize) -> AlignedBuffer {
        AlignedBuffer::new(BUFFER_BYTES, unit)
    }

    /// Takes memory back after its write: an outsized one is exchanged.
    pub(super) fn shrunk(memory: AlignedBuffer) -> AlignedBuffer {
        if memory.len() > BUFFER_BYTES_KEPT { Self::memory(memory.alignment()) } else { memory }
    }

    /// Bytes of header and records.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }

    /// The zxid of the first record.
    pub(super) fn first(&self) -> Zxid {
        self.first
    }

    pub(super) fn clear(&mut self) {
        let zeros = self.memory.zeros();
        self.memory.set_zeros(zeros.start.max(self.length)..zeros.end);
        (self.length, self.records) = (HEADER_BYTES, 0);
    }

    /// Encodes one record and returns where its payload begins, and its checksum.
    pub(super) fn record(&mut self, zxid: Zxid, previous_crc: u32, encode: impl FnOnce(&mut Self)) -> (usize, u32) {
        let start = self.length;
        self.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
        encode(self);
        let crc = seal_record(&mut self.memory[start..self.length], zxid, previous_crc);
        if self.records == 0 {
            self.first = zxid;
        }
        self.records += 1;
        (start + RECORD_HEADER_BYTES, crc)
    }

    /// The bytes from an offset to the end.
    pub(super) fn since(&self, offset: usize) -> &[u8] {
        &self.memory[offset..self.length]
    }

    /// Writes the header and pads. Returns the memory, the length to write, and the group's checksum.
    pub(super) fn seal(mut self, header: &Header) -> (AlignedBuffer, usize, u32) {
        let padded = header.padded_length();
        if padded > self.memory.len() {
            self.memory.resize(padded, self.length);
        }
        let crc = header.seal(&mut self.memory[..self.length]);
        self.pad(padded);
        debug_assert!(self.memory[self.length..padded].iter().all(|byte| *byte == 0), "a group is padded with zeros");
        (self.memory, padded, crc)
    }

    /// Fills up with zeros, as far as there are none. Where one short group follows another these are a few bytes, while all of
    /// the padding would be most of what the group takes.
    fn pad(&mut self, padded: usize) {
        let zeros = self.memory.zeros();
        let (filled, end) = match zeros.contains(&padded) || zeros.end == padded {
            true => (zeros.start.max(self.length), zeros.end),
            false => (padded, padded),
        };
        self.memory[self.length..filled].fill(0);
        self.memory.set_zeros(self.length..end);
    }

    /// Appends bytes to the record.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if end > self.memory.len() {
            self.grow(end);
        }
        self.memory[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        assert!(end <= GROUP_BYTES_MAX, "a group of the log stays below {GROUP_BYTES_MAX} bytes");
        self.memory.resize(end.max(2 * self.memory.len()), self.length);
    }
}

impl jute::Write for GroupBuffer {
    fn put_bool(&mut self, value: bool) {
        self.extend_from_slice(&[u8::from(value)]);
    }

    fn put_i32(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_buffer(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.put_i32(-1),
            Some(bytes) => {
                self.put_i32(jute::wire_length(bytes.len()));
                self.extend_from_slice(bytes);
            }
        }
    }

    fn put_string(&mut self, value: &str) {
        self.put_buffer(Some(value.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::GroupBuffer;
    use crate::jute::Write;

    #[test]
    fn encodes_as_a_vector_does() {
        fn encode(out: &mut impl Write) {
            out.put_bool(true);
            out.put_i32(-2);
            out.put_i64(1 << 40);
            out.put_buffer(None);
            out.put_string("/a");
        }
        let mut expected = Vec::new();
        encode(&mut expected);
        let mut group = GroupBuffer::new(GroupBuffer::memory(4096));
        let start = group.length();
        encode(&mut group);
        assert_eq!(group.since(start), expected);
        group.extend_from_slice(&vec![1; 1 << 20]);
        assert_eq!(group.length(), start + expected.len() + (1 << 20));
        assert_eq!(&group.since(start)[..expected.len()], expected);
    }

    #[test]
    fn whatever_was_in_the_memory_before_a_group_is_padded_with_zeros() {
        let mut memory = GroupBuffer::memory(4096);
        for length in [100, 50, 9000, 60, 300, 5000, 4096, 80, 300_000, 70, 200_000, 12_000, 12_001, 90] {
            let mut group = GroupBuffer::new(memory);
            // One that is given up leaves its bytes behind.
            group.extend_from_slice(&vec![1; length / 2]);
            group.clear();
            group.extend_from_slice(&vec![2; length]);
            let (end, padded) = (group.length(), group.length().next_multiple_of(4096));
            group.memory.resize(padded.max(group.memory.len()), end);
            group.pad(padded);
            assert!(group.memory[end..padded].iter().all(|byte| *byte == 0), "{length}");
            memory = group.memory;
        }
    }
}
