//! Which snapshot is meant, and what it holds. Of which kind a file is says what it begins with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::database::Rules;
use paddock_engine::generation;
use paddock_engine::io::Files;
use paddock_engine::tree::{ExtendedTypes, HashSeed, Tree};
use paddock_engine::zookeeper::snapshot::ZxidDigest;
use paddock_engine::zookeeper::{self, Compression, SnapshotFile, VERSION_DIR};
use paddock_engine::{snapshot, zookeeper::FormatError};
use serde_json::{Value, json};

use super::SnapshotCommandError;
use crate::kind::{self, Kind};

/// Longer texts and data of a ZooKeeper's are damage, bytes.
const TEXT_BYTES_MAX: usize = 1 << 30;
/// Of trees that live as long as a command.
const SEED: HashSeed = HashSeed(*b"paddock snapshot");

/// A file that is a snapshot by its beginning.
pub enum Source {
    Paddock(PathBuf),
    ZooKeeper(PathBuf, Compression),
}

/// What a snapshot holds.
pub struct Content {
    /// "Paddock" or "ZooKeeper".
    pub whose: &'static str,
    /// ZooKeeper's: the digest at its end, which is of the transaction that was the last one when the writing ended.
    pub noted: Option<ZxidDigest>,
    pub file: PathBuf,
    /// Of the file.
    pub bytes: u64,
    pub zxid: Zxid,
    pub tree: Tree,
    /// Timeouts by session, ms.
    pub sessions: BTreeMap<i64, i32>,
}

impl Source {
    /// The file, or the newest snapshot of a directory.
    pub fn find(path: &Path) -> Result<Source, SnapshotCommandError> {
        if !path.is_dir() {
            return Source::of_file(path);
        }
        let newest = Source::list(path)?.pop();
        newest.ok_or_else(|| SnapshotCommandError::NoSnapshot { directory: path.to_owned() })
    }

    /// The file, or all snapshots of a directory, the newest last.
    pub fn all(path: &Path) -> Result<Vec<Source>, SnapshotCommandError> {
        if !path.is_dir() {
            return Ok(vec![Source::of_file(path)?]);
        }
        let all = Source::list(path)?;
        if all.is_empty() { Err(SnapshotCommandError::NoSnapshot { directory: path.to_owned() }) } else { Ok(all) }
    }

    /// A Paddock's own come first: where both lie in one `dataDir`, they are what is served.
    fn list(directory: &Path) -> Result<Vec<Source>, SnapshotCommandError> {
        let failed = |source| SnapshotCommandError::Path { path: directory.to_owned(), source };
        // It may be the directory inside.
        let above = directory.parent().filter(|parent| snapshot::snapshot_dir(parent) == directory);
        let ours = match above {
            Some(above) => snapshot::list(&Files::Real, above),
            None => {
                let present = generation::present(&Files::Real, directory, directory);
                let present = present.map_err(SnapshotCommandError::Generation)?;
                snapshot::list(&Files::Real, &present.dir(directory))
            }
        };
        let ours = ours.map_err(failed)?;
        if !ours.is_empty() {
            return Ok(ours.into_iter().map(|(_, file)| Source::Paddock(file)).collect());
        }
        let mut found = Vec::new();
        for place in [directory.to_owned(), directory.join(VERSION_DIR)] {
            for file in SnapshotFile::list(&Files::Real, &place).map_err(failed)? {
                // One of that name which begins otherwise is no other file: it is damaged, and read as what it should be.
                let otherwise = || Source::ZooKeeper(file.path.clone(), file.compression);
                found.push(Source::of_file(&file.path).unwrap_or_else(|_| otherwise()));
            }
        }
        Ok(found)
    }

    fn of_file(file: &Path) -> Result<Source, SnapshotCommandError> {
        let not_one = |why| SnapshotCommandError::NotASnapshot { file: file.to_owned(), why };
        let kind =
            kind::of_file(file).map_err(|source| SnapshotCommandError::Path { path: file.to_owned(), source })?;
        match kind {
            Kind::PaddockSnapshot => Ok(Source::Paddock(file.to_owned())),
            Kind::ZooKeeperSnapshot(compression) => Ok(Source::ZooKeeper(file.to_owned(), compression)),
            Kind::PaddockLog | Kind::ZooKeeperLog => Err(not_one("it is a transaction log; `paddock log` reads those")),
            Kind::Void => Err(not_one("nothing is written in it")),
            Kind::Other => Err(not_one("it begins as no snapshot does")),
        }
    }

    pub fn file(&self) -> &Path {
        match self {
            Source::Paddock(file) | Source::ZooKeeper(file, _) => file,
        }
    }

    /// Reads all of it.
    pub fn load(&self) -> Result<Content, SnapshotCommandError> {
        let file = self.file().to_owned();
        let found = std::fs::metadata(&file);
        let bytes = found.map_err(|source| SnapshotCommandError::Path { path: file.clone(), source })?.len();
        match self {
            Source::Paddock(_) => {
                let loaded = snapshot::load(&Files::Real, &file, ExtendedTypes::On);
                let loaded = loaded.map_err(|source| SnapshotCommandError::Snapshot { file: file.clone(), source })?;
                let snapshot::LoadedSnapshot { zxid, tree, sessions, .. } = loaded;
                Ok(Content { whose: "Paddock", noted: None, file, bytes, zxid, tree, sessions })
            }
            Source::ZooKeeper(_, compression) => {
                let loaded = load_zookeepers(&file, *compression);
                let loaded = loaded.map_err(|source| SnapshotCommandError::Format { file: file.clone(), source })?;
                let zookeeper::snapshot::LoadedSnapshot { content, digest: noted, .. } = loaded;
                let database = content.database;
                let (zxid, sessions) = (database.last_zxid(), database.sessions().collect());
                Ok(Content { whose: "ZooKeeper", noted, file, bytes, zxid, tree: database.into_tree(), sessions })
            }
        }
    }
}

/// Its name says of which transaction it is; under another name, what is noted at its end.
fn load_zookeepers(file: &Path, compression: Compression) -> Result<zookeeper::snapshot::LoadedSnapshot, FormatError> {
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    let named = SnapshotFile::of(file);
    let load = |zxid| {
        let file = SnapshotFile { path: file.to_owned(), zxid, compression };
        zookeeper::snapshot::load(&Files::Real, &file, TEXT_BYTES_MAX, SEED, rules.clone())
    };
    let loaded = load(named.as_ref().map_or(Zxid::ZERO, |named| named.zxid))?;
    let noted = loaded.last_zxid.or(loaded.digest.map(|digest| digest.zxid));
    let loaded = match noted.filter(|_| named.is_none()) {
        Some(zxid) => load(zxid)?,
        None => loaded,
    };
    loaded.check_digest()?;
    Ok(loaded)
}

impl Content {
    /// One line about all of it.
    pub fn line(&self) -> String {
        format!(
            "{}'s snapshot {} ({} bytes): transaction {}, {} znodes, {} bytes of paths and data, {} sessions, digest {:x}",
            self.whose,
            self.file.display(),
            self.bytes,
            self.zxid,
            self.tree.len(),
            self.tree.data_bytes(),
            self.sessions.len(),
            self.tree.digest()
        ) + &self.noted_line()
    }

    /// Until the transaction of its digest is reached, a snapshot that was written while the tree changed is not of one
    /// moment.
    fn noted_line(&self) -> String {
        match self.noted {
            Some(noted) if noted.zxid == self.zxid => ", as its end says".to_owned(),
            Some(noted) => format!(", {:x} with the log up to {}", noted.digest, noted.zxid),
            None => String::new(),
        }
    }

    /// The same for programs.
    pub fn object(&self) -> Value {
        json!({
            "kind": self.whose,
            "file": self.file.display().to_string(),
            "fileBytes": self.bytes,
            "zxid": self.zxid.to_string(),
            "znodes": self.tree.len(),
            "bytes": self.tree.data_bytes(),
            "sessions": self.sessions.len(),
            "digest": format!("{:x}", self.tree.digest()),
            "digestNoted": self.noted.map(|noted| {
                json!({"zxid": noted.zxid.to_string(), "digest": format!("{:x}", noted.digest)})
            }),
        })
    }
}
