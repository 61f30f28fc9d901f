//! `paddock log cut`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use paddock_consensus::Zxid;
use paddock_engine::generation::Generation;
use paddock_engine::io::{DataDir, Files};
use paddock_engine::zookeeper::FormatError;
use paddock_engine::zookeeper::log::{Entry, LogReader};
use paddock_engine::{log, snapshot};

use super::check::{is_data_dir, place};
use super::source::{Source, TXN_BYTES_MAX, existing, in_present};
use super::{LogCommandError, parse_zxid};
use crate::answer::Answer;
use crate::node::foreign::foreign_data;

#[derive(Args)]
pub struct CutArgs {
    /// The dataLogDir of a server that does not run; or one file of a ZooKeeper's log, of which a shorter copy is made.
    #[arg(value_name = "DIR|FILE")]
    place: PathBuf,
    /// Its dataDir, if that is another directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The last transaction that stays, decimal or 0x and hexadecimal.
    #[arg(long, value_name = "ZXID", value_parser = parse_zxid)]
    after: Zxid,
}

pub fn run(arguments: &CutArgs, answer: &mut Answer) -> Result<(), LogCommandError> {
    let CutArgs { place, data_dir, after } = arguments;
    match Source::find(place, data_dir.as_deref()) {
        Ok(Source::ZooKeeper(files)) if !place.is_dir() => {
            files.iter().try_for_each(|file| copy_up_to(file, *after, answer))
        }
        Ok(Source::ZooKeeper(_)) => Err(LogCommandError::ZooKeepers { directory: place.clone() }),
        Ok(Source::Segment(_)) => Err(LogCommandError::NoDirectory(place.clone())),
        Err(error) if !place.is_dir() => Err(error),
        // A log that is missing can be given up too.
        _ if is_zookeepers_own(place) => Err(LogCommandError::ZooKeepers { directory: place.clone() }),
        _ => cut(place, data_dir.as_deref(), *after, answer),
    }
}

/// Whether it is ZooKeeper's `version-2`, into which nothing of Paddock's is put.
fn is_zookeepers_own(directory: &Path) -> bool {
    foreign_data(&Files::Real, directory).as_deref() == Some(directory)
}

/// Copies a ZooKeeper's file up to a transaction, under the name that ZooKeeper's own tool gives. The file itself stays, as
/// everything of a ZooKeeper's does.
fn copy_up_to(file: &Path, after: Zxid, answer: &mut Answer) -> Result<(), LogCommandError> {
    let damaged = |error: FormatError| LogCommandError::Damaged(format!("{}: {error}", file.display()));
    let mut reader = LogReader::open(&Files::Real, file, TXN_BYTES_MAX).map_err(damaged)?;
    let (mut kept, mut last) = (0, Zxid::ZERO);
    let end = loop {
        match reader.read_entry() {
            Ok(Entry::Record { zxid, .. }) if zxid <= after => (kept, last) = (kept + 1, zxid),
            Ok(Entry::Record { offset, .. } | Entry::End { offset } | Entry::Torn { offset }) => break offset,
            // What is damaged comes later than what is kept.
            Err(_) if last == after => break reader.end(),
            Err(error) => return Err(damaged(error)),
        }
    };
    let copy = PathBuf::from(format!("{}.chopped{}", file.display(), after.0));
    write_copy(file, &copy, end).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => LogCommandError::Exists(copy.clone()),
        _ => LogCommandError::Copy { path: copy.clone(), source },
    })?;
    answer.line(format_args!("wrote {}: {kept} transactions, the last is {last}", copy.display()))?;
    answer.line(format_args!(
        "next: move {} and the logs after it to a directory outside, then give the copy that name",
        file.display()
    ))?;
    Ok(())
}

/// Writes the first bytes of a file to another, which must not be there.
fn write_copy(file: &Path, copy: &Path, bytes: u64) -> io::Result<()> {
    let from = File::open(file)?;
    let mut to = File::create_new(copy)?;
    let written = io::copy(&mut from.take(bytes), &mut to).and_then(|_| to.sync_all());
    if written.is_err() {
        // Half a copy is worth less than its space.
        let _ = std::fs::remove_file(copy);
    }
    written?;
    let parent = copy.parent().filter(|parent| !parent.as_os_str().is_empty());
    Files::Real.sync_dir(parent.unwrap_or(Path::new(".")))
}

fn cut(dir: &Path, data_dir: Option<&Path>, after: Zxid, answer: &mut Answer) -> Result<(), LogCommandError> {
    existing(dir)?;
    let given = data_dir;
    let data_dir = given.unwrap_or(dir);
    existing(data_dir)?;
    // A server's messages name the directories of its generation.
    let (dir, data_dir) = (Generation::above(dir), Generation::above(data_dir));
    // Not while a server runs on them.
    let _log_lock = DataDir::open(&Files::Real, dir, false).map_err(LogCommandError::Directory)?;
    let _data_lock = (!Files::Real.is_same_directory(dir, data_dir))
        .then(|| DataDir::open(&Files::Real, data_dir, false).map_err(LogCommandError::Directory))
        .transpose()?;
    let (dir, data_dir) = in_present(dir, data_dir)?;
    if given.is_none() && !is_data_dir(&dir)? {
        return Err(LogCommandError::DataDirNeeded { directory: dir });
    }
    let snapshots = snapshot::list(&Files::Real, &data_dir)?;
    if let Some((zxid, path)) = snapshots.into_iter().rev().find(|(zxid, _)| *zxid > after) {
        return Err(LogCommandError::NewerSnapshot { zxid, path });
    }
    let removed = log::cut_after(place(&dir, &data_dir)?, after)?;
    let (records, segments) = (removed.records, removed.segments);
    answer.line(format_args!("removed {records} transactions and {segments} whole segments after {after}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::generation::NextGeneration;
    use paddock_engine::io::{DataDir, Files};
    use paddock_engine::log::{LogConfig, segment_count};
    use paddock_engine::tree::HashSeed;

    use super::cut;
    use crate::answer::Answer;
    use crate::log::LogCommandError;
    use crate::log::source::Source;

    /// A server's messages name the directories of its generation, and its lock is of those around them.
    #[test]
    fn the_log_of_the_present_generation_is_found_and_cut() {
        let dir = std::env::temp_dir().join(format!("paddock-log-generation-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (data, logs) = (dir.join("data"), dir.join("log"));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&logs).unwrap();
        let seed = HashSeed([7; 16]);
        let config = LogConfig { data_dir: data.clone(), ..LogConfig::new(&logs) };
        let next = NextGeneration::begin(config, &mut Database::new(seed, Rules::default()), &seed).unwrap();
        let (present, mut log) = next.succeed().unwrap();
        log.append(Zxid(1), |out| out.extend_from_slice(b"one"));
        log.append(Zxid(2), |out| out.extend_from_slice(b"two"));
        log.close().unwrap();

        let (of_data, of_logs) = (present.dir(&data), present.dir(&logs));
        let is_found =
            |found: Result<Source, LogCommandError>| matches!(found, Ok(Source::Paddock(at)) if at == of_logs);
        assert!(is_found(Source::find(&logs, Some(&data))));
        assert!(is_found(Source::find(&of_logs, None)));
        assert!(matches!(Source::find(&logs, None), Err(LogCommandError::Generation(_))));

        let mut answer = Answer::new(true);
        let lock = DataDir::open(&Files::Real, &data, false).unwrap();
        let refused = cut(&of_logs, Some(&of_data), Zxid(1), &mut answer);
        assert!(matches!(refused, Err(LogCommandError::Directory(_))));
        drop(lock);
        cut(&of_logs, Some(&of_data), Zxid(1), &mut answer).unwrap();
        cut(&logs, Some(&data), Zxid(0), &mut answer).unwrap();
        assert_eq!(segment_count(&Files::Real, &of_logs).unwrap(), 0);

        present.remove_others(&Files::Real, &data, &logs).unwrap();
        assert!(of_data.join("paddock-1").exists() && !data.join("paddock-1").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
