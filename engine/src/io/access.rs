//! What a file is opened for.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reading one that is there, or having a directory.
    Read,
    /// Writing to one that is there.
    Write,
    /// The same, but not through a symbolic link.
    WriteItself,
    /// Reading and writing; it is made where it is not there.
    Keep,
    /// Writing from its start: it is made, or emptied.
    Replace,
    /// Writing to one that must not be there yet; past the cache of the system (O_DIRECT) if `direct`.
    New { direct: bool },
}

impl Access {
    /// The same for the kernel.
    pub(super) fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        match self {
            Access::Read => options.read(true),
            Access::Write => options.write(true),
            Access::WriteItself => options.write(true).custom_flags(libc::O_NOFOLLOW),
            Access::Keep => options.read(true).write(true).create(true).truncate(false),
            Access::Replace => options.write(true).create(true).truncate(true),
            Access::New { direct } => {
                options.write(true).create_new(true).custom_flags(if direct { libc::O_DIRECT } else { 0 })
            }
        };
        options
    }
}
