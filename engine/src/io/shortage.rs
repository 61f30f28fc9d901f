//! What is short now and may be had again later.

use std::io;

/// Whether something was short that may be had again later, once somebody has freed it: space, descriptors, memory. Whoever
/// tries again then loses nothing.
pub fn is_shortage(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    matches!(number, Some(libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::is_shortage;

    #[test]
    fn a_full_disk_is_one_and_a_failing_disk_is_none() {
        let is_one = |number| is_shortage(&io::Error::from_raw_os_error(number));
        assert!([libc::ENOSPC, libc::EDQUOT, libc::EMFILE, libc::ENFILE, libc::ENOMEM].into_iter().all(is_one));
        assert!(![libc::EIO, libc::EROFS, libc::EACCES, libc::ENOENT].into_iter().any(is_one));
        assert!(!is_shortage(&io::ErrorKind::WriteZero.into()));
    }
}
