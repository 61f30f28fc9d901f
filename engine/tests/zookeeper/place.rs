//! A directory of a test's own, removed at its end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use paddock_engine::database::Rules;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::zookeeper::{Directories, Settings};

pub const SEED: HashSeed = HashSeed(*b"sixteen byte key");
pub const LENGTH_MAX: usize = 1 << 20;

pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("paddock-zookeeper-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn directories(&self) -> Directories {
        Directories::new(&self.0, None)
    }

    /// Where the files are, made if need be.
    pub fn files(&self) -> PathBuf {
        let files = self.directories().snapshot_dir();
        std::fs::create_dir_all(&files).unwrap();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn rules() -> Rules {
    Rules { extended_types: ExtendedTypes::On, ..Rules::default() }
}

/// Logs may be missing, since most tests need none.
pub fn settings() -> Settings {
    Settings {
        seed: SEED,
        rules: rules(),
        length_max: LENGTH_MAX,
        digests_enabled: true,
        trust_empty_snapshot: false,
        accept_missing_logs: true,
    }
}
