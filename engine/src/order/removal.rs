//! How much the remove-recursives of one request may do.

use crate::error::Code;

/// Znodes that one of them may remove, whatever limit it gives.
const REMOVED_MAX: usize = 100_000;
/// Znodes, and changes of earlier members, that all of them may look at.
const LOOKED_AT_MAX: usize = 1_000_000;
/// Bytes of all deletions that they become; of more nothing is removed.
pub(super) const REMOVED_BYTES_MAX: usize = 8 << 20;
/// Of one deletion in a multi, besides its path.
const DELETION_BYTES: usize = 12;

/// What the remove-recursives of one request have done so far.
#[derive(Default)]
pub(super) struct Removals {
    looked_at: usize,
    bytes: usize,
}

impl Removals {
    /// How many znodes one may remove that asks for so many.
    pub(super) fn limit(asked: u32) -> usize {
        usize::try_from(asked).map_or(REMOVED_MAX, |asked| asked.min(REMOVED_MAX))
    }

    /// Whether one may begin to look, where earlier members have changed so many znodes.
    pub(super) fn begin(&mut self, changed: usize) -> Result<(), Code> {
        self.looked_at += changed + 1;
        if self.looked_at > LOOKED_AT_MAX { Err(Code::NotEmpty) } else { Ok(()) }
    }

    /// Whether these paths may be removed, which were found.
    pub(super) fn note(&mut self, paths: &[String]) -> Result<(), Code> {
        self.looked_at += paths.len();
        self.bytes += paths.iter().map(|path| path.len() + DELETION_BYTES).sum::<usize>();
        if self.bytes > REMOVED_BYTES_MAX { Err(Code::NotEmpty) } else { Ok(()) }
    }
}
