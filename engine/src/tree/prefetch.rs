//! The one hint to the processor: bring these lines, they will be read soon.
#![allow(unsafe_code)] // The intrinsic is `unsafe` in name only: a hint cannot fault, whatever the address.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for `bytes` from `address` on. Does nothing where the processor has no such hint.
#[inline(always)]
pub(super) fn prefetch(address: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..bytes).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86_64, and a prefetch of any address, mapped or not, is without effect on memory.
        unsafe { _mm_prefetch(address.wrapping_add(offset).cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (address, bytes, LINE);
}
