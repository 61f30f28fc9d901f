//! `paddock restore`: the state after a transaction that a backup reaches, as directories with which a server starts.

mod error;
mod moment;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use paddock_consensus::Epoch;
use paddock_engine::backup::{
    BackupError, FoundIndex, Placed, Placement, Restored, Settings, Target, To, build, find, place, read_index,
    refuse_unless_empty,
};
use paddock_engine::database::Rules;
use paddock_engine::io::Files;
use paddock_engine::tree::ExtendedTypes;
use serde_json::json;

use crate::answer::Answer;
use crate::backup::Watch;
use crate::date::when;
use crate::node::recovery::random_seed;
use crate::progress::Progress;
pub use error::RestoreError;

#[derive(Args)]
pub struct RestoreArgs {
    /// The directory of the backups. Nothing in it is changed.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The dataDir that is made: a directory that is empty or not there.
    #[arg(value_name = "DATA_DIR")]
    data_dir: PathBuf,
    /// Up to which transaction: its zxid, as 0x and hexadecimal digits; or a time, as 2026-01-31T12:00:00Z (UTC) or in milliseconds
    /// since 1970, for all that was ordered until then; all that there is, unless told.
    #[arg(long, value_name = "ZXID|TIME", value_parser = moment::parse)]
    to: Option<To>,
    /// Of which history, as `paddock backup --list` numbers them; unless told, the newest one that reaches so far. Another one begins where
    /// a server was restored or lost its data.
    #[arg(long, value_name = "N")]
    history: Option<u64>,
    /// The dataLogDir, if it is to be another directory; empty or not there as well.
    #[arg(long, value_name = "DIR")]
    data_log_dir: Option<PathBuf>,
    /// The server is to be a member of an ensemble, with this number in its myid.
    #[arg(long, value_name = "N")]
    member: Option<u64>,
    /// Show no progress on a terminal.
    #[arg(long)]
    no_progress: bool,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &RestoreArgs) -> Result<(), RestoreError> {
    let began = Instant::now();
    let mut answer = Answer::new(arguments.json);
    let progress = Progress::new(!arguments.no_progress);
    let (files, directory, data_dir) = (&Files::Real, &*arguments.directory, &*arguments.data_dir);
    let log_dir = arguments.data_log_dir.as_deref().unwrap_or(data_dir);
    let FoundIndex { mut index, remark } = read_index(files, directory)?;
    if let Some(number) = arguments.history {
        index.histories.retain(|history| history.number == number);
        if index.histories.is_empty() {
            return Err(RestoreError::NoHistory { directory: directory.to_owned(), number });
        }
    }
    let target = find(files, directory, &index, arguments.to.unwrap_or(To::Newest))?;
    // Before the state is built, which may take long.
    refuse_unless_empty(files, data_dir)?;
    refuse_unless_empty(files, log_dir)?;
    let seed = random_seed(files).map_err(RestoreError::Recovery)?;
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    let settings = Settings { seed, rules: rules.clone() };
    let mut watch = Watch::new(progress, "replaying the log");
    let restored = build(files, &target, &settings, &mut watch);
    drop(watch);
    let restored = restored?;
    let remarks = remark.into_iter().chain(beyond(arguments.to, &target)).collect();
    let story = Story::of(&restored, &target, remarks);
    let placement = Placement { data_dir, log_dir, member: arguments.member };
    let placed = place(files, restored, &placement, &rules).map_err(|error| match error {
        BackupError::NotEmpty { .. } | BackupError::Directory(_) => RestoreError::Backup(error),
        error => RestoreError::Unfinished { directory: data_dir.to_owned(), error },
    })?;
    story.tell(&placed, &placement, &mut answer)?;
    answer.object(&story.object(&placed, &placement, began))?;
    Ok(answer.finish()?)
}

/// Backups reach up to the newest of them: that a later time was asked for is to be known.
fn beyond(to: Option<To>, target: &Target) -> Option<String> {
    match (to, target.taken) {
        (Some(To::Time(time)), Some(taken)) if taken < time => Some(format!(
            "what was ordered between {}, when the newest backup of this history was begun, and {} may be missing",
            when(taken),
            when(time)
        )),
        _ => None,
    }
}

/// How the state came about, for people.
struct Story {
    /// The snapshot that it was begun with, and when that was taken; nothing where the log goes back to the first transaction.
    from: String,
    replayed: u64,
    history: u64,
    /// When the last transaction was ordered, ms.
    time: Option<i64>,
    snapshot_taken: Option<i64>,
    /// The newest epoch that the backups know of, and the one that a member promises.
    epoch: Epoch,
    accepted: Epoch,
    remarks: Vec<String>,
}

impl Story {
    fn of(restored: &Restored, target: &Target, mut remarks: Vec<String>) -> Story {
        remarks.extend_from_slice(&restored.remarks);
        let from = match restored.snapshot_taken {
            Some(_) => format!("the snapshot of transaction {}", restored.from),
            None => "the state before the first transaction".to_owned(),
        };
        Story {
            from,
            replayed: restored.replayed,
            history: target.history.number,
            time: restored.time,
            snapshot_taken: restored.snapshot_taken,
            epoch: restored.epoch,
            accepted: restored.accepted(),
            remarks,
        }
    }

    fn tell(&self, placed: &Placed, placement: &Placement<'_>, answer: &mut Answer) -> Result<(), RestoreError> {
        let Placed { file, bytes, zxid, znodes, digest, sessions } = placed;
        self.remarks.iter().try_for_each(|remark| answer.line(format_args!("{remark}")))?;
        let time = match (self.time, self.snapshot_taken) {
            (Some(time), _) => format!(", which was ordered {}", when(time)),
            (None, Some(taken)) => format!(", of which a snapshot was taken {}", when(taken)),
            (None, None) => String::new(),
        };
        answer.line(format_args!(
            "restored the state after transaction {zxid}{time}: {znodes} znodes, {} sessions, the digest {digest:x}",
            sessions.len()
        ))?;
        answer.line(format_args!(
            "it is made of {} and {} transactions behind it of history {}, each with the digest that it was written with",
            self.from, self.replayed, self.history
        ))?;
        answer.line(format_args!("wrote {} ({bytes} bytes), and read it back", file.display()))?;
        answer.line(format_args!(
            "clients that have seen later transactions are refused until they begin new sessions"
        ))?;
        match placement.member {
            Some(member) => self.tell_member(member, placed, answer)?,
            None if self.epoch > Epoch(0) => answer.line(format_args!(
                "it is for a server that stands alone, though the backup is of an ensemble's: with --member N it is for server N \
                 of one"
            ))?,
            None => {}
        }
        answer.line(format_args!("next: paddock serve with {}", Directories(placement)))?;
        Ok(())
    }

    fn tell_member(&self, member: u64, placed: &Placed, answer: &mut Answer) -> Result<(), RestoreError> {
        let zxid = placed.zxid;
        answer.line(format_args!(
            "it is for server {member} of an ensemble, whose next leader begins an epoch above {}",
            self.accepted.0
        ))?;
        answer.line(format_args!(
            "before any server starts, restore each other one that votes from the same backup with --to {zxid} --history {} and its own \
             --member: one that has its former data would bring that back, and one with empty directories could be elected without any",
            self.history
        ))?;
        answer.line(format_args!("observers begin with empty directories, with myid, and are brought a copy"))?;
        Ok(())
    }

    fn object(&self, placed: &Placed, placement: &Placement<'_>, began: Instant) -> serde_json::Value {
        json!({
            "zxid": placed.zxid.to_string(),
            "timeMillis": self.time,
            "snapshotTakenMillis": self.snapshot_taken,
            "history": self.history,
            "replayed": self.replayed,
            "znodes": placed.znodes,
            "sessions": placed.sessions.len(),
            "digest": format!("{:x}", placed.digest),
            "file": placed.file.display().to_string(),
            "fileBytes": placed.bytes,
            "dataDir": placement.data_dir.display().to_string(),
            "dataLogDir": placement.log_dir.display().to_string(),
            "member": placement.member,
            "remarks": self.remarks,
            "millis": began.elapsed().as_millis() as u64,
        })
    }
}

/// The directories as lines of a zoo.cfg.
struct Directories<'a>(&'a Placement<'a>);

impl std::fmt::Display for Directories<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Placement { data_dir, log_dir, .. } = *self.0;
        write!(f, "dataDir={}", absolute(data_dir).display())?;
        if data_dir == log_dir { Ok(()) } else { write!(f, " and dataLogDir={}", absolute(log_dir).display()) }
    }
}

/// Only a working directory that is gone leaves a path relative.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;
    use paddock_engine::backup::{Backup, BackupError, History, Index, To, find};
    use paddock_engine::io::Files;

    use super::beyond;

    #[test]
    fn a_time_behind_all_backups_is_told() -> Result<(), BackupError> {
        let history = History { number: 1, ..History::default() };
        let (zxid, epoch) = (Zxid::ZERO, Zxid::ZERO.epoch());
        let backup = |number, taken| Backup { number, history: 1, taken, from: zxid, last: zxid, epoch };
        let index = Index { server: None, histories: vec![history], backups: vec![backup(1, 5000), backup(2, 7000)] };
        let target = find(&Files::Real, Path::new("/none"), &index, To::Newest)?;
        for to in [None, Some(To::Newest), Some(To::Zxid(Zxid(9))), Some(To::Time(7000))] {
            assert_eq!(beyond(to, &target), None, "{to:?}");
        }
        let told = beyond(Some(To::Time(9000)), &target).unwrap_or_default();
        assert!(told.contains("1970-01-01T00:00:07.000Z") && told.contains("1970-01-01T00:00:09.000Z"), "{told}");
        Ok(())
    }
}
