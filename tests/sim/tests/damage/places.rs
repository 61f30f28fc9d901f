//! What is damaged is a place and not a file's content: a directory is missing, or is a file, both epoch files are gone, or what
//! lies there is another server's.

use std::path::{Path, PathBuf};

use paddock_engine::io::Files;
use paddock_engine::io::simulated::FileSystem;

use super::case::kind_of_file;
use super::prepared::{End, Prepared, read_all, replace};
use super::said::{listen, take_said};
use super::servers::Servers;
use super::table;

/// What is done to the disk of one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    BothEpochs,
    /// The directory with log and snapshots, and all that is in it.
    NoDirectory,
    /// An empty directory is in its place.
    EmptyDirectory,
    /// A file is in its place.
    DirectoryIsFile,
    /// All files of a kind are directories.
    LogsAreDirectories,
    SnapshotsAreDirectories,
    EpochIsDirectory,
    GenerationIsDirectory,
    MilestoneIsDirectory,
    /// All that the other server has which is up to date.
    OfFollower,
}

const CHANGES: [Change; 10] = [
    Change::BothEpochs,
    Change::NoDirectory,
    Change::EmptyDirectory,
    Change::DirectoryIsFile,
    Change::LogsAreDirectories,
    Change::SnapshotsAreDirectories,
    Change::EpochIsDirectory,
    Change::GenerationIsDirectory,
    Change::MilestoneIsDirectory,
    Change::OfFollower,
];

/// The directory with the log and the snapshots that count.
fn present(files: &Files) -> PathBuf {
    let generation = PathBuf::from("/data/paddock.generation.1/paddock-1");
    match files.exists(&generation) {
        Ok(true) => generation,
        _ => "/data/paddock-1".into(),
    }
}

fn remove_all(files: &Files, directory: &Path) {
    for path in read_all(files).into_keys().filter(|path| path.starts_with(directory)) {
        files.remove(&path).expect("it is there");
    }
    files.remove_dir(directory).expect("it is empty");
}

fn into_directory(files: &Files, path: &Path) {
    if files.exists(path).expect("it can be looked for") {
        files.remove(path).expect("it is there");
    }
    files.create_dir(path).expect("the name is free");
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Change::BothEpochs => "`acceptedEpoch` and `currentEpoch` are gone",
            Change::NoDirectory => "the directory of log and snapshots is gone",
            Change::EmptyDirectory => "an empty directory is in its place",
            Change::DirectoryIsFile => "a file is in its place",
            Change::LogsAreDirectories => "all files of the log are directories",
            Change::SnapshotsAreDirectories => "all snapshots are directories",
            Change::EpochIsDirectory => "`currentEpoch` is a directory",
            Change::GenerationIsDirectory => "`paddock.generation` is a directory",
            Change::MilestoneIsDirectory => "the milestone is a directory",
            Change::OfFollower => "all is another server's, which is up to date",
        }
    }

    fn make(self, disk: &FileSystem, other: &FileSystem) {
        let files = Files::Simulated(disk.clone());
        let inner = present(&files);
        let data = Path::new("/data");
        let of_kind = |kind: &str| -> Vec<PathBuf> {
            let all = read_all(&files).into_keys();
            all.filter(|path| path.starts_with(&inner) && kind_of_file(path) == kind).collect()
        };
        match self {
            Change::BothEpochs => ["acceptedEpoch", "currentEpoch"].iter().for_each(|name| {
                files.remove(&data.join(name)).expect("it is there");
            }),
            Change::NoDirectory => remove_all(&files, &inner),
            Change::EmptyDirectory => {
                remove_all(&files, &inner);
                files.create_dir(&inner).expect("the name is free");
            }
            Change::DirectoryIsFile => {
                remove_all(&files, &inner);
                files.write_atomically(&inner, b"no directory").expect("the name is free");
            }
            Change::LogsAreDirectories => of_kind("log").iter().for_each(|path| into_directory(&files, path)),
            Change::SnapshotsAreDirectories => {
                of_kind("snapshot").iter().for_each(|path| into_directory(&files, path));
            }
            Change::EpochIsDirectory => into_directory(&files, &data.join("currentEpoch")),
            Change::GenerationIsDirectory => into_directory(&files, &data.join("paddock.generation")),
            Change::MilestoneIsDirectory => into_directory(&files, &inner.join("milestone")),
            Change::OfFollower => {
                for path in read_all(&files).into_keys() {
                    files.remove(&path).expect("it is there");
                }
                for (path, content) in read_all(&Files::Simulated(other.clone())) {
                    files.create_dir(path.parent().expect("it lies in one")).expect("it can be made");
                    if !files.exists(&path).expect("it can be looked for") {
                        files.write_atomically(&path, b"-").expect("there is space");
                    }
                    replace(&files, &path, &content);
                }
            }
        }
    }

    fn try_on(self, prepared: &Prepared) -> Result<&'static str, String> {
        let Prepared { leader, follower, laggard, .. } = *prepared;
        let disks = prepared.disks();
        self.make(&disks[leader], &disks[follower]);
        take_said();
        let mut servers = Servers::new(1, Some(&disks));
        let started = servers.start(leader);
        let told = take_said();
        servers.start(laggard).map_err(|error| format!("the one that lacks some does not start: {error}"))?;
        // Whoever serves without the one that has it all has it all itself.
        if servers.comes(|servers| servers.serves(laggard)) {
            has_all(prepared, &servers, laggard)?;
        }
        servers.start(follower).map_err(|error| format!("the other one does not start: {error}"))?;
        let places = match &started {
            Ok(()) => vec![leader, follower, laggard],
            Err(refusal) if refusal.contains("/data") => vec![follower, laggard],
            Err(refusal) => return Err(format!("the refusal names no file: {refusal}")),
        };
        if !servers.comes(|servers| servers.all_serve(&places)) {
            return Err(format!("they do not all serve: {:?}\n{told}", servers.ended(leader)));
        }
        for &place in &places {
            if !servers.comes(|servers| servers.state(place) == servers.state(follower)) {
                return Err(format!("{place} has another state than {follower}"));
            }
            has_all(prepared, &servers, place)?;
        }
        match started {
            Err(_) => Ok("refused"),
            Ok(()) if !told.contains("does not vote") => Ok("served"),
            Ok(()) if told.contains("/data") => Ok("copied"),
            Ok(()) => Err(format!("what is told names no file: {told}")),
        }
    }
}

fn has_all(prepared: &Prepared, servers: &Servers, place: usize) -> Result<(), String> {
    let lost = prepared.acknowledged.iter().find(|(path, data)| servers.data(place, path).as_ref() != Some(data));
    lost.map_or(Ok(()), |(path, _)| Err(format!("{path} was acknowledged, and is not in the state of {place}")))
}

#[test]
fn places_that_are_not_what_they_were_are_made_good_or_told() {
    listen();
    let generations = [Prepared::young(), Prepared::new(End::AtRest)];
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for change in CHANGES {
        let outcomes = generations.each_ref().map(|prepared| match change.try_on(prepared) {
            Ok(outcome) => outcome,
            Err(failure) => {
                failures.push(format!("{change:?}: {failure}"));
                "failed"
            }
        });
        rows.push([change.name(), outcomes[0], outcomes[1]]);
    }
    let head = ["what has become of a place", "first generation", "generation that was copied"];
    table::tell("places.md", &table::table(&head, &rows));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
