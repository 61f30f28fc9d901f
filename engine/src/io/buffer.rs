//! Memory at an alignment, as O_DIRECT wants it.
#![allow(unsafe_code)] // std has no growable allocation at an alignment that is chosen at run time.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;

/// Zeroed memory of a fixed size whose address is a multiple of its alignment. The address stays when the value moves.
pub struct AlignedBuffer {
    start: NonNull<u8>,
    layout: Layout,
    /// See [`AlignedBuffer::zeros`].
    zeros: Range<usize>,
}

// SAFETY: the buffer owns its memory alone, as a `Box<[u8]>` does.
unsafe impl Send for AlignedBuffer {}
// SAFETY: through a shared reference the memory can only be read.
unsafe impl Sync for AlignedBuffer {}

impl AlignedBuffer {
    /// `bytes` is rounded up to a multiple of `alignment`.
    ///
    /// # Panics
    /// If `alignment` is not a power of two, or the size overflows `isize`.
    pub fn new(bytes: usize, alignment: usize) -> Self {
        assert!(alignment.is_power_of_two(), "an alignment is a power of two, not {alignment}");
        let bytes = bytes.max(1).checked_next_multiple_of(alignment).expect("a buffer's size fits isize");
        let layout = Layout::from_size_align(bytes, alignment).expect("a buffer's size fits isize");
        // SAFETY: the layout's size is at least 1, by the `max` above.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        AlignedBuffer { start, layout, zeros: 0..bytes }
    }

    pub fn alignment(&self) -> usize {
        self.layout.align()
    }

    /// Bytes that are surely zero, as far as whoever writes to it has [said](Self::set_zeros): whoever pads need not write zeros
    /// where they are.
    pub fn zeros(&self) -> Range<usize> {
        self.zeros.clone()
    }

    pub fn set_zeros(&mut self, zeros: Range<usize>) {
        self.zeros = zeros;
    }

    /// Moves to at least `bytes` of memory, keeping the first `kept` bytes; the others are zero.
    pub fn resize(&mut self, bytes: usize, kept: usize) {
        let mut larger = AlignedBuffer::new(bytes, self.alignment());
        larger[..kept].copy_from_slice(&self[..kept]);
        larger.zeros.start = kept;
        *self = larger;
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` points to `layout.size()` bytes that `new` initialised and this value owns until its drop.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; the exclusive reference to the owner makes this the only access.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        // SAFETY: `start` came from `alloc_zeroed` with this very layout, and nothing uses it after the drop.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl std::fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuffer").field("bytes", &self.len()).field("alignment", &self.alignment()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::AlignedBuffer;

    #[test]
    fn is_aligned_zeroed_and_keeps_what_it_is_told() {
        for alignment in [512, 4096, 65536] {
            let mut buffer = AlignedBuffer::new(alignment + 1, alignment);
            assert_eq!(buffer.as_ptr() as usize % alignment, 0);
            assert_eq!(buffer.len(), 2 * alignment);
            assert!(buffer.iter().all(|byte| *byte == 0));
            buffer.fill(7);
            buffer.resize(5 * alignment, 10);
            assert_eq!(buffer.as_ptr() as usize % alignment, 0);
            assert_eq!(buffer.len(), 5 * alignment);
            assert!(buffer[..10].iter().all(|byte| *byte == 7));
            assert!(buffer[10..].iter().all(|byte| *byte == 0));
        }
    }
}
