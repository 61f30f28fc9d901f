//! `paddock convert --to-zookeeper`: the state as files that a ZooKeeper starts on.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_engine::conversion::Own;
use paddock_engine::io::Files;
use paddock_engine::zookeeper::{Directories, Epochs, Settings, recover, write_data_dir};
use serde_json::json;

use super::ConvertError;
use super::meter::{Counter, Meter};
use crate::answer::Answer;
use crate::config::Config;
use crate::node::conversion::ZNODE_BYTES;
use crate::node::recovery::{read, refuse_misplaced_present};
use crate::progress::Progress;

pub fn run(
    config: &Config,
    settings: &Settings,
    directory: &Path,
    progress: Progress,
    answer: &mut Answer,
) -> Result<(), ConvertError> {
    let began = Instant::now();
    let (data_dir, log_dir) = (&config.data_dir, &config.data_log_dir);
    let generation = refuse_misplaced_present(&Files::Real, data_dir, log_dir).map_err(ConvertError::Recovery)?;
    if Own::find(&Files::Real, data_dir, log_dir).map_err(|error| ConvertError::From(error.into()))? == Own::Nothing {
        return Err(ConvertError::Nothing { directory: data_dir.clone() });
    }
    let failed = |source| ConvertError::Write { directory: directory.to_owned(), source };
    if !is_empty(directory).map_err(failed)? {
        return Err(ConvertError::NotEmpty { directory: directory.to_owned() });
    }
    let (data_dir, log_dir) = (generation.dir(data_dir), generation.dir(log_dir));
    let mut database =
        read(&Files::Real, &data_dir, &log_dir, settings.rules.clone()).map_err(ConvertError::Recovery)?;
    let zxid = database.last_zxid();
    let tree = database.tree();
    let bytes = tree.data_bytes() + tree.len() as u64 * ZNODE_BYTES;
    let meter = Meter::start(progress, "writing ZooKeeper's snapshot", Counter::Written, bytes);
    let sessions: Vec<(i64, i32)> = database.sessions().collect();
    let pin = database.tree_mut().pin().expect("nothing else holds a version");
    let epochs = Epochs::of(zxid);
    let written =
        write_data_dir(&Files::Real, directory, &pin.view(), zxid, &sessions, epochs, config.snapshot_compression)
            .map_err(failed)?;
    drop(pin);
    drop(meter);
    let content = Content { zxid, znodes: database.tree().len(), digest: database.tree().digest(), sessions };
    // It is read back without being in memory twice.
    drop(database);
    let bytes = std::fs::metadata(&written).map_err(failed)?.len();
    let meter = Meter::start(progress, "reading it back", Counter::Read, bytes);
    // Nothing but this snapshot was written.
    content.read_back(directory, &Settings { accept_missing_logs: true, ..settings.clone() })?;
    drop(meter);
    let Content { znodes, digest, sessions, .. } = content;
    let file = written.display();
    answer.line(format_args!(
        "wrote {file} ({bytes} bytes): the state after transaction {zxid}, {znodes} znodes, {} sessions",
        sessions.len()
    ))?;
    answer.line(format_args!("read it back; the digest is {digest:x}, as it was"))?;
    answer.line(format_args!("took {:.1} s; Paddock's files are as they were", began.elapsed().as_secs_f64()))?;
    answer.line(format_args!(
        "next: start ZooKeeper with dataDir={} (and without dataLogDir, or with an empty one)",
        directory.display()
    ))?;
    answer.object(&json!({
        "file": file.to_string(),
        "fileBytes": bytes,
        "zxid": zxid.to_string(),
        "znodes": znodes,
        "sessions": sessions.len(),
        "digest": format!("{digest:x}"),
        "millis": began.elapsed().as_millis() as u64,
    }))?;
    Ok(())
}

/// Whether nothing is there, not even the directory perhaps.
fn is_empty(directory: &Path) -> io::Result<bool> {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// What a ZooKeeper must have of it.
struct Content {
    zxid: Zxid,
    znodes: usize,
    digest: u64,
    /// With their timeouts, ms.
    sessions: Vec<(i64, i32)>,
}

impl Content {
    fn read_back(&self, directory: &Path, settings: &Settings) -> Result<(), ConvertError> {
        let read = recover(&Files::Real, &Directories::new(directory, None), settings)
            .map_err(|source| ConvertError::ReadBack { directory: directory.to_owned(), source })?;
        let (tree, zxid) = (read.database.tree(), read.database.last_zxid());
        let what = if (zxid, tree.len(), tree.digest()) != (self.zxid, self.znodes, self.digest) {
            format!("{} znodes with the digest {:x} after {zxid}", tree.len(), tree.digest())
        } else if !read.database.sessions().eq(self.sessions.iter().copied()) {
            format!("{} sessions", read.database.sessions().len())
        } else {
            return Ok(());
        };
        Err(ConvertError::Differs { directory: directory.to_owned(), what })
    }
}
