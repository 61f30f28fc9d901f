//! What is told of a file without reading it.

use std::time::SystemTime;

/// What a name leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    pub is_directory: bool,
    /// Of a file's content.
    pub bytes: u64,
    /// When the content was changed last.
    pub modified: SystemTime,
}

/// What tells a file from all others of its machine: device and number.
pub type Identity = (u32, u32, u64);
