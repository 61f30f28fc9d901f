//! A run of bytes that grows at its end and is forgotten at its beginning.
//!
//! A byte has an offset, which it keeps: the first one ever has 0. Whoever reads has the offset of what comes next and
//! nothing else, so that one more reader costs a number. Memory is taken in chunks, and one whose bytes are forgotten is
//! used again.

use std::collections::VecDeque;

/// Memory is taken in chunks of so many bytes; what is longer and comes in one piece has a chunk of its own.
const CHUNK_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub struct Ring {
    chunks: VecDeque<Chunk>,
    /// The offset behind the last byte.
    end: u64,
    /// More bytes are not kept.
    bytes_max: usize,
    /// A chunk that is used again.
    spare: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Chunk {
    /// The offset of its first byte.
    start: u64,
    bytes: Vec<u8>,
}

impl Ring {
    pub fn new(bytes_max: usize) -> Ring {
        Ring { chunks: VecDeque::new(), end: 0, bytes_max, spare: None }
    }

    /// The offset of the oldest byte that is kept.
    pub fn start(&self) -> u64 {
        self.chunks.front().map_or(self.end, |chunk| chunk.start)
    }

    /// The offset behind the last byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The offset of the first byte of the last piece, which is forgotten whole or not at all.
    pub fn last_piece(&self) -> u64 {
        self.chunks.back().map_or(self.end, |chunk| chunk.start)
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.end - self.start()).expect("what is kept is in memory")
    }

    /// Appends the bytes that `write` does, about `length` of them. The oldest are forgotten where there are too many.
    pub fn append(&mut self, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let chunk = self.chunk_for(length);
        let before = chunk.len();
        write(chunk);
        let written = chunk.len() - before;
        self.end += written as u64;
        while self.bytes() > self.bytes_max && self.chunks.len() > 1 {
            self.forget_chunk();
        }
    }

    /// What there is in one piece from an offset on; empty at the end. `None` if it is forgotten.
    pub fn read(&self, offset: u64) -> Option<&[u8]> {
        if offset == self.end {
            return Some(&[]);
        }
        let place = self.chunks.partition_point(|chunk| chunk.start <= offset).checked_sub(1)?;
        let chunk = &self.chunks[place];
        usize::try_from(offset - chunk.start).ok().and_then(|from| chunk.bytes.get(from..))
    }

    /// Nobody needs what is before this offset.
    pub fn forget_before(&mut self, offset: u64) {
        while self.chunks.front().is_some_and(|chunk| chunk.start + chunk.bytes.len() as u64 <= offset) {
            self.forget_chunk();
        }
    }

    fn forget_chunk(&mut self) {
        if let Some(Chunk { mut bytes, .. }) = self.chunks.pop_front() {
            // Those of long pieces are too large to keep for nothing.
            if bytes.capacity() == CHUNK_BYTES {
                bytes.clear();
                self.spare = Some(bytes);
            }
        }
    }

    /// The last chunk, or a new one where that has no room for so many bytes more.
    fn chunk_for(&mut self, length: usize) -> &mut Vec<u8> {
        let has_room = self.chunks.back().is_some_and(|chunk| chunk.bytes.capacity() - chunk.bytes.len() >= length);
        if !has_room {
            let spare = self.spare.take_if(|spare| spare.capacity() >= length);
            let bytes = spare.unwrap_or_else(|| Vec::with_capacity(length.max(CHUNK_BYTES)));
            self.chunks.push_back(Chunk { start: self.end, bytes });
        }
        &mut self.chunks.back_mut().expect("one was put there").bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_BYTES, Ring};

    fn append(ring: &mut Ring, byte: u8, length: usize) {
        ring.append(length, |out| out.extend(std::iter::repeat_n(byte, length)));
    }

    /// All that is kept from an offset on.
    fn all(ring: &Ring, mut offset: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let piece = ring.read(offset)?;
            if piece.is_empty() {
                return Some(bytes);
            }
            bytes.extend_from_slice(piece);
            offset += piece.len() as u64;
        }
    }

    #[test]
    fn every_offset_is_read_until_it_is_forgotten() {
        let mut ring = Ring::new(3 * CHUNK_BYTES);
        append(&mut ring, 1, CHUNK_BYTES - 1);
        append(&mut ring, 2, 2);
        append(&mut ring, 3, CHUNK_BYTES + 5);
        let whole = [vec![1; CHUNK_BYTES - 1], vec![2; 2], vec![3; CHUNK_BYTES + 5]].concat();
        for offset in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, whole.len()] {
            assert_eq!(all(&ring, offset as u64).as_deref(), Some(&whole[offset..]), "{offset}");
        }
        assert_eq!(ring.read(whole.len() as u64 + 1), None);
        append(&mut ring, 4, CHUNK_BYTES);
        assert_eq!((ring.read(CHUNK_BYTES as u64 - 2), ring.start()), (None, CHUNK_BYTES as u64 - 1));
        assert_eq!(all(&ring, CHUNK_BYTES as u64 - 1).unwrap().len(), 2 * CHUNK_BYTES + 7);
        ring.forget_before(ring.end());
        assert_eq!((ring.bytes(), ring.read(ring.end())), (0, Some(&[][..])));
    }

    #[test]
    fn the_last_piece_stays_however_long_it_is() {
        let mut ring = Ring::new(10);
        append(&mut ring, 1, 4);
        append(&mut ring, 2, 2 * CHUNK_BYTES);
        assert_eq!(all(&ring, 4), Some(vec![2; 2 * CHUNK_BYTES]));
        assert_eq!(ring.read(0), None);
    }

    #[test]
    fn memory_is_used_again() {
        let mut ring = Ring::new(usize::MAX);
        for _ in 0..100 {
            append(&mut ring, 1, CHUNK_BYTES / 2 + 1);
            ring.forget_before(ring.end());
            assert!(ring.chunks.len() <= 1 && ring.bytes() <= CHUNK_BYTES);
            assert!(ring.chunks.iter().all(|chunk| chunk.bytes.capacity() == CHUNK_BYTES));
        }
        assert!(ring.spare.is_some());
    }
}
