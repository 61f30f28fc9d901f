//! `paddock log cut`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use paddock_consensus::Zxid;
use paddock_engine::io::{DataDir, Files};
use paddock_engine::log::{self, FoundMilestone, milestone_path};
use paddock_engine::snapshot;
use paddock_engine::zookeeper::FormatError;
use paddock_engine::zookeeper::log::{Entry, LogReader};

use super::check::place;
use super::given::{Directories, Given, is_data_dir};
use super::source::{Source, TXN_BYTES_MAX, existing};
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
    let (given, after) = (Given::new(&arguments.place), arguments.after);
    let data_dir = arguments.data_dir.as_deref().map(Given::new);
    let place = &given.path;
    match Source::find(place, data_dir.as_ref().map(|data_dir| &*data_dir.path)) {
        Ok(Source::ZooKeeper(files)) if !place.is_dir() => {
            files.iter().try_for_each(|file| copy_up_to(file, after, answer))
        }
        Ok(Source::ZooKeeper(_)) => Err(LogCommandError::ZooKeepers { directory: place.clone() }),
        Ok(Source::Segment(_)) => Err(LogCommandError::NoDirectory(place.clone())),
        Err(error) if !place.is_dir() => Err(error),
        // A log that is missing can be given up too.
        _ if is_zookeepers_own(place) => Err(LogCommandError::ZooKeepers { directory: place.clone() }),
        _ => cut(&given, data_dir.as_ref(), after, answer),
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
pub fn write_copy(file: &Path, copy: &Path, bytes: u64) -> io::Result<()> {
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

fn cut(log: &Given, data: Option<&Given>, after: Zxid, answer: &mut Answer) -> Result<(), LogCommandError> {
    let (dir, data_dir) = (&*log.path, &*data.unwrap_or(log).path);
    existing(dir)?;
    existing(data_dir)?;
    // Not while a server runs on them.
    let _log_lock = DataDir::open(&Files::Real, dir, false).map_err(LogCommandError::Directory)?;
    let _data_lock = (!Files::Real.is_same_directory(dir, data_dir))
        .then(|| DataDir::open(&Files::Real, data_dir, false).map_err(LogCommandError::Directory))
        .transpose()?;
    let Directories { dir, data_dir } = Directories::present(log, data)?;
    log.refuse_unless_present(&dir)?;
    data.map_or(Ok(()), |data| data.refuse_unless_present(&data_dir))?;
    if data.is_none() && !is_data_dir(&dir)? {
        return Err(LogCommandError::DataDirNeeded { directory: dir });
    }
    let snapshots = snapshot::list(&Files::Real, &data_dir)?;
    if let Some((zxid, path)) = snapshots.into_iter().rev().find(|(zxid, _)| *zxid > after) {
        return Err(LogCommandError::NewerSnapshot { zxid, path });
    }
    let removed = log::cut_after(place(&dir, &data_dir)?, after)?;
    let (records, segments) = (removed.records, removed.segments);
    answer.line(format_args!("removed {records} transactions and {segments} whole segments after {after}"))?;
    if let Some(first) = removed_before_a_copy(&dir, &data_dir)? {
        answer.line(format_args!(
            "nothing of the log is left, and a start removes what comes back of it; who puts a copy of it back later removes {} \
             first",
            first.display()
        ))?;
    }
    Ok(())
}

/// The milestone of a log that was cut to nothing, which has a start remove every segment that it had.
fn removed_before_a_copy(dir: &Path, data_dir: &Path) -> Result<Option<PathBuf>, LogCommandError> {
    let found = FoundMilestone::read(&Files::Real, data_dir)?;
    let removes = found.milestone().is_some_and(|milestone| milestone.first_segment > 0);
    let is_empty = log::segment_count(&Files::Real, dir)? == 0;
    Ok((removes && is_empty).then(|| milestone_path(data_dir)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::generation::{FormerGenerations, NextGeneration, Succeeded};
    use paddock_engine::io::{DataDir, Files};
    use paddock_engine::log::{LogConfig, segment_count};
    use paddock_engine::progress::Progress;
    use paddock_engine::tree::HashSeed;

    use super::{CutArgs, removed_before_a_copy, run};
    use crate::answer::Answer;
    use crate::log::check::{self, CheckArgs};
    use crate::log::source::Source;
    use crate::log::{LogCommandError, PathArgs};

    fn cut(place: &Path, data_dir: &Path, after: i64) -> Result<(), LogCommandError> {
        let (place, data_dir) = (place.to_owned(), Some(data_dir.to_owned()));
        run(&CutArgs { place, data_dir, after: Zxid(after) }, &mut Answer::new(true))
    }

    fn check(place: &Path, data_dir: Option<&Path>) -> Result<(), LogCommandError> {
        let log = PathArgs { place: place.to_owned(), data_dir: data_dir.map(Path::to_owned), json: true };
        check::run(&CheckArgs { log }, &mut Answer::new(true))
    }

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
        let Succeeded { generation: present, mut log, .. } = next.succeed().unwrap();
        log.append(Zxid(1), |out| out.extend_from_slice(b"one"));
        log.append(Zxid(2), |out| out.extend_from_slice(b"two"));
        log.close().unwrap();

        let (of_data, of_logs) = (present.dir(&data), present.dir(&logs));
        let is_found =
            |found: Result<Source, LogCommandError>| matches!(found, Ok(Source::Paddock(at)) if at.dir == of_logs);
        assert!(is_found(Source::find(&logs, Some(&data))));
        assert!(is_found(Source::find(&of_logs, None)));
        assert!(is_found(Source::find(&of_logs, Some(&data))), "the dataDir is given as it is in the configuration");
        assert!(is_found(Source::find(&logs, Some(&of_data))));
        assert!(matches!(Source::find(&logs, None), Err(LogCommandError::WhichGeneration { .. })));
        assert!(check(&of_logs, Some(&data)).is_ok() && check(&logs, Some(&data)).is_ok());
        assert!(matches!(check(&of_logs, None), Err(LogCommandError::NothingTells { .. })));

        let lock = DataDir::open(&Files::Real, &data, false).unwrap();
        let (in_data, in_logs) = (dir.join("link"), of_logs.join("paddock-1/.."));
        std::os::unix::fs::symlink(&of_data, &in_data).unwrap();
        for (place, data_dir) in [(&of_logs, &of_data), (&in_logs, &in_data)] {
            assert!(matches!(cut(place, data_dir, 1), Err(LogCommandError::Directory(_))));
        }
        assert!(!of_data.join("paddock.lock").exists() && !of_logs.join("paddock.lock").exists());
        drop(lock);
        let former = logs.join("paddock.generation.7");
        assert!(matches!(cut(&former, &data, 1), Err(LogCommandError::NotPresent { .. })));
        cut(&in_logs, &in_data, 1).unwrap();
        assert_eq!(removed_before_a_copy(&of_logs, &of_data).unwrap(), None);
        cut(&logs, &data, 0).unwrap();
        assert_eq!(removed_before_a_copy(&of_logs, &of_data).unwrap(), Some(of_data.join("paddock-1/milestone")));
        assert_eq!(segment_count(&Files::Real, &of_logs).unwrap(), 0);
        // Its half of the generation is gone.
        std::fs::remove_dir_all(&of_logs).unwrap();
        cut(&of_logs, &of_data, 0).unwrap();

        let mut former = FormerGenerations::find(&Files::Real, &data, &logs, present).unwrap();
        while former.work() == Progress::More {}
        assert!(of_data.join("paddock-1").exists() && !data.join("paddock-1").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
