//! The directories of the data: all znodes are in them, and the passwords of sessions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::finding::{Findings, Spot};
use super::modes;
use super::subject::Subject;

/// Directories within one another that are looked into.
const DEPTH_MAX: usize = 4;
/// Files that are looked at; a server keeps a few hundred at most.
const FILES_MAX: usize = 10_000;
/// Files that tell nobody anything.
const HARMLESS: [&str; 5] = ["myid", "initialize", "zookeeper_server.pid", "acceptedEpoch", "currentEpoch"];

/// The youngest file, and when it was written.
pub struct Newest {
    pub path: PathBuf,
    pub at: SystemTime,
}

/// Looks at modes, and tells the youngest file.
pub fn look(subject: &Subject, findings: &mut Findings) -> Option<Newest> {
    let backups = subject.path("paddock.backup.dir").map(Path::to_owned);
    let directories =
        [(subject.data_dir(), "dataDir"), (subject.data_log_dir(), "dataLogDir"), (backups, "paddock.backup.dir")];
    let mut newest: Option<Newest> = None;
    for (directory, key) in directories {
        let Some(directory) = directory else { continue };
        let mut walk = Walk { left: FILES_MAX, readable: None, writable: None, newest: newest.take() };
        walk.directory(&directory, DEPTH_MAX);
        if let Some(path) = walk.writable {
            let what = format!("{} can be written by every user of this machine", path.display());
            let advice = format!("chmod -R o-w {}", directory.display());
            findings.error("data-writable", Spot::File(directory.clone()), what, advice);
        }
        if let Some(path) = walk.readable {
            let what = format!(
                "{}, with data of the server, can be read by every user of this machine, whatever ACLs say",
                path.display()
            );
            let advice = format!("chmod 0750 {}, the directory that {key} names", directory.display());
            findings.error("data-readable", Spot::File(directory), what, advice);
        }
        newest = walk.newest;
    }
    newest
}

struct Walk {
    left: usize,
    /// The first file that others read, and the first that they write.
    readable: Option<PathBuf>,
    writable: Option<PathBuf>,
    newest: Option<Newest>,
}

impl Walk {
    /// What cannot be looked at is passed over: whoever cannot look is not the server, and the start says more.
    fn directory(&mut self, directory: &Path, depth: usize) {
        if modes::of(directory).is_ok_and(|others| others.write) {
            self.writable.get_or_insert_with(|| directory.to_owned());
        }
        let Ok(entries) = fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > 1 => self.directory(&entry.path(), depth - 1),
                Ok(kind) if kind.is_file() => self.file(&entry),
                _ => {}
            }
        }
    }

    fn file(&mut self, entry: &fs::DirEntry) {
        let path = entry.path();
        if let Ok(at) = entry.metadata().and_then(|metadata| metadata.modified())
            && self.newest.as_ref().is_none_or(|newest| newest.at < at)
        {
            self.newest = Some(Newest { path: path.clone(), at });
        }
        let Ok(others) = modes::of(&path) else { return };
        if others.write {
            self.writable.get_or_insert_with(|| path.clone());
        }
        let is_harmless = entry.file_name().to_str().is_some_and(|name| HARMLESS.contains(&name));
        if others.read && !is_harmless {
            self.readable.get_or_insert(path);
        }
    }
}
