//! A password, or a key: bytes that nobody is shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a file with a password that are looked at. Longer ones are refused: nobody has such a password, and a file that
/// was named by mistake may be of any size.
pub const SECRET_FILE_MAX: u64 = 64 * 1024;

/// Bytes that are wiped when they are dropped, compared in a time that tells nothing of them, and shown as `***`.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// What a file holds, without one trailing line break, as ZooKeeper reads the files of `passwordPath`. A line break
    /// before that one belongs to the secret.
    ///
    /// # Errors
    /// What reading it gave; [`io::ErrorKind::FileTooLarge`] above [`SECRET_FILE_MAX`].
    pub fn read_file(path: &Path) -> io::Result<Secret> {
        // So much room at once: growing would leave copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_FILE_MAX as usize + 1));
        File::open(path)?.take(SECRET_FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > SECRET_FILE_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(Secret(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    /// Takes as long for any two secrets of the same length.
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::{SECRET_FILE_MAX, Secret};

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new(b"wonder".to_vec())), "***");
    }

    #[test]
    fn secrets_are_equal_by_their_bytes() {
        let secret = Secret::new(b"wonder".to_vec());
        assert_eq!(secret, Secret::new(b"wonder".to_vec()));
        assert_ne!(secret, Secret::new(b"wondes".to_vec()));
        assert_ne!(secret, Secret::new(b"wonder\0".to_vec()));
    }

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_not_of_the_secret() {
        let path = std::env::temp_dir().join(format!("paddock-secret-{}", std::process::id()));
        for (held, secret) in [("a b", "a b"), ("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a\r"), ("", ""), ("\n", "")] {
            std::fs::write(&path, held).unwrap();
            assert_eq!(Secret::read_file(&path).unwrap().bytes(), secret.as_bytes());
        }
        std::fs::write(&path, vec![b'a'; SECRET_FILE_MAX as usize + 1]).unwrap();
        assert_eq!(Secret::read_file(&path).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Secret::read_file(&path).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}
