//! What a person can do about an error of the system.
//!
//! An error says what the kernel refused; whoever runs the server wants to know what to change. Most of what goes wrong
//! with files is no matter of rights, and to send somebody looking for them costs the hour in which it counts.

use std::io::{self, ErrorKind};

/// What to do about a refusal of the system to do something with a file: a clause for the end of a sentence.
pub fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => {
            "this process has as many files open as it may; raise its limit of open files (ulimit -n, LimitNOFILE of systemd)"
        }
        Some(libc::ENFILE) => "the machine has as many files open as it may; raise its limit (sysctl fs.file-max)",
        Some(libc::ENOSPC) => "free space, or inodes, on that file system",
        Some(libc::EDQUOT) => "raise the quota of this user, or free some of it",
        Some(libc::EFBIG) => "raise the limit of a file's size (ulimit -f)",
        Some(libc::ENOMEM) => "free memory, or raise the limit of what this process may have (ulimit -v, its cgroup)",
        Some(libc::EAGAIN) => "raise the limit of threads (ulimit -u, TasksMax of systemd)",
        Some(libc::ENOENT) => {
            "it, or a directory above it, is not there or was removed; put it back or correct the path"
        }
        Some(libc::ENOTDIR) => "something on the way is no directory; correct the path",
        Some(libc::EISDIR) => "it is a directory; correct the path or move it away",
        Some(libc::EEXIST | libc::ENOTEMPTY) => "something else lies there; move it away",
        Some(libc::ELOOP) => "symbolic links lead in a circle; correct them",
        Some(libc::ENAMETOOLONG) => "give a shorter path",
        Some(libc::EROFS) => {
            "the file system is mounted read-only; the kernel does that to a disk that fails (dmesg tells); remount it, or \
             use another one"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "give this user the right to, and look for what else guards it (SELinux, chattr)"
        }
        Some(libc::EIO | libc::EUCLEAN) => "the disk or its file system fails; see what the kernel says (dmesg)",
        Some(libc::ENODEV | libc::ENXIO) => "the device has gone; attach it again",
        Some(libc::ESTALE | libc::ETIMEDOUT | libc::EHOSTDOWN) => {
            "the file server does not answer; mount its file system again"
        }
        Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS) => "this file system cannot do that; use another one",
        Some(libc::EBUSY | libc::ETXTBSY) => "another program uses it; stop that one",
        _ => by_kind(error.kind()),
    }
}

/// Errors that were made here and not by the kernel.
fn by_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "it is not there; put it back or correct the path",
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => "the file is not what it should be; take it from a backup",
        ErrorKind::WriteZero => "the device takes no more bytes; see what the kernel says (dmesg)",
        _ => "check the disk and the rights of this user",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::advice;

    #[test]
    fn each_error_has_what_helps_against_it() {
        for (number, word) in [
            (libc::EMFILE, "ulimit -n"),
            (libc::ENFILE, "fs.file-max"),
            (libc::ENOSPC, "free space"),
            (libc::EDQUOT, "quota"),
            (libc::ENOENT, "put it back"),
            (libc::EROFS, "mounted read-only"),
            (libc::EIO, "dmesg"),
            (libc::EACCES, "right"),
            (libc::EPERM, "right"),
        ] {
            let advice = advice(&io::Error::from_raw_os_error(number));
            assert!(advice.contains(word), "{number}: {advice}");
            let speaks_of_rights = advice.contains("right");
            assert_eq!(speaks_of_rights, matches!(number, libc::EACCES | libc::EPERM), "{number}: {advice}");
        }
    }

    #[test]
    fn errors_without_a_number_have_advice_too() {
        assert!(advice(&io::ErrorKind::NotFound.into()).contains("put it back"));
        assert!(advice(&io::Error::other("strange")).contains("check the disk"));
    }
}
