//! A summary of a history: what says which of two is newer.

use crate::{Epoch, Zxid};

/// Of two histories the one of the later epoch is newer, and in one epoch the longer one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Summary {
    /// The epoch in which its owner last took a whole history from a leader, or led.
    pub current_epoch: Epoch,
    /// Its newest transaction.
    pub last: Zxid,
}
