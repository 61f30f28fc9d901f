//! Directories, logs and payloads for the tests of the log.
#![allow(dead_code)] // Each test binary uses its part.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::log::{Entry, Log, LogConfig, LogError, Place, Recovery, Verdict, inspect};

/// A directory that goes with the value.
pub struct Fresh(pub PathBuf);

impl Fresh {
    pub fn new() -> Fresh {
        Fresh::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    pub fn below(parent: &Path) -> Fresh {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = parent.join(format!("paddock-log-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Fresh(dir)
    }

    pub fn config(&self) -> LogConfig {
        LogConfig { segment_bytes: 64 << 10, ..LogConfig::new(&self.0) }
    }

    /// The segments of the log, ascending.
    pub fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.0.join("paddock-1")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("log."));
        files.sort();
        files
    }

    pub fn place(&self) -> Place<'_> {
        Place { files: &Files::Real, dir: &self.0, data_dir: &self.0, snapshot: Zxid::ZERO }
    }

    /// The same log in another directory, without its milestone: it has to tell by itself what is missing.
    pub fn copy(&self) -> Fresh {
        let copy = Fresh::below(self.0.parent().unwrap());
        std::fs::create_dir(copy.0.join("paddock-1")).unwrap();
        for file in self.files() {
            std::fs::copy(&file, copy.0.join("paddock-1").join(file.file_name().unwrap())).unwrap();
        }
        copy
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub type Records = Vec<(i64, Vec<u8>)>;

/// A payload without zero bytes, told apart by its zxid.
pub fn payload(zxid: i64, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((zxid as usize * 31 + at) % 255 + 1) as u8).collect()
}

pub fn open(config: LogConfig, after: i64) -> Result<(Log, Recovery, Records), LogError> {
    let mut records = Records::new();
    let (log, recovery) = Log::open(config, Zxid(after), &mut |zxid, payload| {
        records.push((zxid.0, payload.to_vec()));
        Ok(())
    })?;
    Ok((log, recovery, records))
}

pub fn append(log: &mut Log, zxid: i64, bytes: &[u8]) {
    let encoded = log.append(Zxid(zxid), |out| out.extend_from_slice(bytes));
    assert_eq!(encoded, bytes);
}

/// Submits what has been appended and waits until it is durable, so that the next group's mark vouches for it.
pub fn settle(log: &mut Log) -> Result<(), LogError> {
    let group = log.submit()?;
    while log.completed()? < group {
        log.wait()?;
    }
    Ok(())
}

/// One record for each length, a group for each.
pub fn fill(log: &mut Log, first: i64, lengths: &[usize]) -> Records {
    let records: Records = lengths.iter().zip(first..).map(|(length, zxid)| (zxid, payload(zxid, *length))).collect();
    for (zxid, bytes) in &records {
        append(log, *zxid, bytes);
        settle(log).unwrap();
    }
    records
}

/// Where a group is.
#[derive(Clone, Debug)]
pub struct Group {
    pub file: PathBuf,
    pub offset: u64,
    /// Without and with its padding.
    pub length: u64,
    pub bytes: u64,
    pub number: u64,
    pub last: i64,
}

pub fn groups(dir: &Path) -> (Vec<Group>, Verdict) {
    let mut found: Vec<Group> = Vec::new();
    let verdict = inspect(&Files::Real, dir, dir, &mut |entry| match entry {
        Entry::Segment { .. } => {}
        Entry::Group { file, offset, bytes, number, before, .. } => {
            found.push(Group { file: file.to_owned(), offset, length: 96, bytes, number, last: before.0 });
        }
        Entry::Record { offset, zxid, payload, .. } => {
            let group = found.last_mut().unwrap();
            group.last = zxid.0;
            group.length = offset + 20 + payload.len() as u64 - group.offset;
        }
    });
    (found, verdict.unwrap())
}

pub fn damaged(error: LogError) -> paddock_engine::log::Damage {
    match error {
        LogError::Damaged(damage) => *damage,
        other => panic!("not damage: {other}"),
    }
}
