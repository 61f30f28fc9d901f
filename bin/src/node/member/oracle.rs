//! The file in which the oracle of an ensemble of two says whether this server goes on alone: oraclePath.

use std::path::PathBuf;

use paddock_engine::io::Files;

/// The first byte of a file that lets this server go on.
const GRANTS: u8 = b'1';

/// Somebody else writes the file: whoever knows which of two servers is alive. He may take back what it says at any moment, so
/// nothing of it is kept.
#[derive(Debug)]
pub struct OracleFile {
    files: Files,
    path: PathBuf,
    /// What it said last, of which people have been told.
    told: Option<bool>,
}

impl OracleFile {
    pub fn new(files: Files, path: PathBuf) -> OracleFile {
        OracleFile { files, path, told: None }
    }

    /// Whoever follows has been left alone no longer: people are told anew when it is again.
    pub fn forget_told(&mut self) {
        self.told = None;
    }

    /// Whether this server may go on alone. A file that cannot be read lets nobody go on.
    pub fn grants(&mut self) -> bool {
        let read = self.files.read(&self.path, 1);
        let grants = matches!(read.as_deref(), Ok([GRANTS]));
        if self.told.replace(grants) != Some(grants) {
            let path = self.path.display();
            match (grants, read) {
                (true, _) => tracing::info!("{path} lets this server go on without the other"),
                (false, Ok(_)) => {
                    tracing::info!("{path} does not let this server go on without the other: it does not begin with 1")
                }
                (false, Err(error)) => {
                    tracing::info!("{path} does not let this server go on without the other: {error}");
                }
            }
        }
        grants
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use paddock_engine::io::Files;

    use super::OracleFile;

    #[test]
    fn only_the_first_character_counts() {
        let dir = std::env::temp_dir().join(format!("paddock-oracle-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a writable temporary directory");
        let path = dir.join("oracle");
        let mut oracle = OracleFile::new(Files::default(), path.clone());
        assert!(!oracle.grants(), "there is no file");
        for (text, expected) in
            [("1", true), ("0", false), ("1\n", true), ("", false), ("10", true), (" 1", false), ("01", false)]
        {
            fs::write(&path, text).expect("it is writable");
            assert_eq!(oracle.grants(), expected, "{text:?}");
        }
        fs::remove_file(&path).expect("it is the test's own");
        fs::create_dir(&path).expect("a writable temporary directory");
        assert!(!oracle.grants(), "a directory says nothing");
        fs::remove_dir_all(&dir).expect("it is the test's own");
    }
}
