//! Whether what is on the disk can be relied on, and with what a server begins that has nothing to rely on.
//!
//! A server whose history is damaged must not vote: what it lacks may be what it had acknowledged. Nor may one whose epochs are
//! damaged: what it has promised is not known, nor how much its history counts. Nor may one that has no data at all, unless
//! somebody has said that there never was any: its disk may be another one than it was; and if its epochs say that there was
//! some, nobody can say that. All of these begin with an empty state, in a generation of their own that never counts, and are
//! brought a full copy. Only when that is in place goes what was there before.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::zab::Standing;
use paddock_consensus::{History, Zxid};
use paddock_engine::database::{Database, Rules};
use paddock_engine::epoch_files::EpochFiles;
use paddock_engine::generation::{self, FormerGenerations, Generation, NextGeneration};
use paddock_engine::io::Files;
use paddock_engine::log::{self, Log, LogConfig, LogError, milestone_path};
use paddock_engine::snapshot;
use paddock_net::replica_status::RecoveryTimes;

use crate::node::recovery::{
    Present, Recovered, RecoveryError, random_seed, recover_present, refuse_misplaced_present,
};

/// A file by which an operator says that a server without data never had any. It goes when the server has begun. ZooKeeper
/// looks for it in the `dataLogDir`, and its script puts it into the `dataDir`.
const INITIALIZE: &str = "initialize";
/// A file by which a server remembers that it began without data, from before it promises an epoch until it has data: a promise
/// alone would otherwise show that data was lost.
const UNINITIALIZED: &str = "paddock.uninitialized";
/// What it says, to people.
const UNINITIALIZED_TEXT: &str = "This server began without data, and awaits a full copy of its leader's state.\n";

/// Why there is no data, as far as files tell.
#[derive(Debug, PartialEq, Eq)]
enum Lack {
    /// This file shows that there was some.
    Lost(PathBuf),
    /// The server began without, and ended before its first copy was whole.
    Awaited,
    /// Nobody says that there never was any.
    Unexplained,
}

/// What a server begins with.
pub struct Beginning {
    pub standing: Standing,
    /// The generation that counts; `None` if nothing tells any more which one that is.
    pub present: Option<Generation>,
    /// The one that has the log: the present one, unless the history cannot be relied on.
    pub generation: Generation,
    pub database: Database,
    pub log: Log,
    pub history: History,
    pub snapshot: Option<Zxid>,
    /// Transactions of the log behind it.
    pub replayed: u64,
    /// How long it took to have the state.
    pub times: RecoveryTimes,
    /// What may be removed.
    pub former: FormerGenerations,
}

impl Beginning {
    /// Recovers the state, if it can be relied on. `config` has the `dataDir` and the `dataLogDir` themselves; `autocreate` is
    /// whether a server without data is one that never had any.
    ///
    /// # Errors
    /// What a person has to see to: directories, space, the system.
    pub fn find(
        config: &LogConfig,
        rules: &Rules,
        autocreate: bool,
        epochs: &EpochFiles,
    ) -> Result<Beginning, RecoveryError> {
        let beginning = match Beginning::sound(config, rules, autocreate, epochs) {
            Ok(Some(beginning)) => beginning,
            Ok(None) => return Beginning::without_history(config, rules, Standing::Nothing),
            Err(error) if is_damage(&error) => {
                tracing::error!(
                    "{error}. This server does not vote, and is brought a full copy of its leader's state, in whose favour \
                     what is there goes"
                );
                Beginning::without_history(config, rules, Standing::Damaged)?
            }
            Err(error) => return Err(error),
        };
        forget_initialized(config)?;
        let forgotten = forget_uninitialized(&config.files, &config.data_dir);
        forgotten.map_err(io_failed("remove", &config.data_dir.join(UNINITIALIZED)))?;
        Ok(beginning)
    }

    /// `None` if there is no data, and nobody can say that there never was any.
    fn sound(
        config: &LogConfig,
        rules: &Rules,
        autocreate: bool,
        epochs: &EpochFiles,
    ) -> Result<Option<Beginning>, RecoveryError> {
        let present = refuse_misplaced_present(&config.files, &config.data_dir, &config.dir)?;
        if let Some(lack) = find_lack(config, present, autocreate, epochs)? {
            tell_lack(&lack, &config.data_dir);
            if lack == Lack::Unexplained {
                remember_uninitialized(config)?;
            }
            return Ok(None);
        }
        let Present { generation, recovered, former } = recover_present(config.clone(), rules.clone())?;
        if let Err(error) = epochs.check(recovered.database.last_zxid()) {
            recovered.log.close().map_err(RecoveryError::Log)?;
            return Err(RecoveryError::Epochs(error));
        }
        recovered.report(None);
        let Recovered { database, log, found, snapshot, times, .. } = recovered;
        let (standing, history, replayed) = (Standing::Sound, found.history, found.records);
        let present = Some(generation);
        Ok(Some(Beginning { standing, present, generation, database, log, history, snapshot, replayed, times, former }))
    }

    fn without_history(config: &LogConfig, rules: &Rules, standing: Standing) -> Result<Beginning, RecoveryError> {
        let known = generation::known(&config.files, &config.data_dir, &config.dir);
        let present = known.map_err(RecoveryError::Generation)?;
        let seed = random_seed(&config.files)?;
        let mut database = Database::new(seed, rules.clone());
        let next = NextGeneration::begin(config.clone(), &mut database, &seed).map_err(RecoveryError::Generation)?;
        let (generation, log) = next.into_unfinished();
        let sealed = database.tree_mut().seal();
        database.tree_mut().publish(sealed);
        let (history, former) = (History::new(Zxid::ZERO), FormerGenerations::default());
        let (snapshot, replayed, times) = (None, 0, RecoveryTimes::default());
        Ok(Beginning { standing, present, generation, database, log, history, snapshot, replayed, times, former })
    }
}

/// Whether something that was there is gone or changed, so that another server's copy makes it good. What else stops a start
/// is a matter of directories, or of the machine.
fn is_damage(error: &RecoveryError) -> bool {
    use LogError::{Damaged, Gap, Missing, Rejected};
    match error {
        RecoveryError::NoSnapshotHolds { .. }
        | RecoveryError::Log(Damaged(_) | Missing(_) | Gap { .. } | Rejected { .. })
        | RecoveryError::Epochs(_) => true,
        RecoveryError::Generation(error) => error.is_damage(),
        _ => false,
    }
}

/// `None` if there is data, or if somebody says that there never was any.
fn find_lack(
    config: &LogConfig,
    present: Generation,
    autocreate: bool,
    epochs: &EpochFiles,
) -> Result<Option<Lack>, RecoveryError> {
    if has_data(config, present)? {
        return Ok(None);
    }
    if let Some(file) = epochs.of_a_member() {
        let awaited = epochs.has_only_promised() && exists(&config.files, &config.data_dir.join(UNINITIALIZED))?;
        return Ok(Some(if awaited { Lack::Awaited } else { Lack::Lost(file) }));
    }
    Ok((!autocreate && !is_initialized(config)?).then_some(Lack::Unexplained))
}

fn tell_lack(lack: &Lack, data_dir: &Path) {
    let data_dir = data_dir.display();
    match lack {
        Lack::Lost(file) => tracing::error!(
            "there is no data in {data_dir}, although {} shows that there was some. This server does not vote before it has a \
             full copy of its leader's state; if the whole ensemble is to begin anew without its data, remove acceptedEpoch and \
             currentEpoch as well",
            file.display()
        ),
        Lack::Awaited => tracing::warn!(
            "there is no data in {data_dir}: this server began without, and ended before it had its first full copy of its \
             leader's state. It does not vote before it has one; if the whole ensemble is to begin anew without its data, remove \
             acceptedEpoch as well"
        ),
        Lack::Unexplained => tracing::warn!(
            "there is no data in {data_dir}, and neither a file {INITIALIZE} nor db.autocreate says that there never was any: \
             this server does not vote before it has a full copy of its leader's state"
        ),
    }
}

/// Durable before an epoch is promised.
fn remember_uninitialized(config: &LogConfig) -> Result<(), RecoveryError> {
    let path = config.data_dir.join(UNINITIALIZED);
    config.files.write_atomically(&path, UNINITIALIZED_TEXT.as_bytes()).map_err(io_failed("write", &path))
}

/// There is data.
pub(super) fn forget_uninitialized(files: &Files, data_dir: &Path) -> io::Result<()> {
    match files.remove(&data_dir.join(UNINITIALIZED)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn io_failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RecoveryError {
    let path = path.to_owned();
    move |source| RecoveryError::Io { action, path, source }
}

/// Whether the present generation has any file that a server with data has.
fn has_data(config: &LogConfig, present: Generation) -> Result<bool, RecoveryError> {
    let LogConfig { files, data_dir, dir, .. } = config;
    let (data, log) = (present.dir(data_dir), present.dir(dir));
    let milestone = milestone_path(&data);
    let snapshots = snapshot::list(files, &data).map_err(io_failed("list the snapshots in", &data))?;
    let has_milestone = files.exists(&milestone).map_err(io_failed("look for", &milestone))?;
    let segments = log::segment_count(files, &log).map_err(RecoveryError::Log)?;
    Ok(has_milestone || segments > 0 || !snapshots.is_empty())
}

/// Where the file may be.
fn places(config: &LogConfig) -> impl Iterator<Item = &Path> {
    let LogConfig { files, data_dir, dir, .. } = config;
    let other = (!files.is_same_directory(data_dir, dir)).then_some(dir.as_path());
    std::iter::once(data_dir.as_path()).chain(other)
}

fn is_initialized(config: &LogConfig) -> Result<bool, RecoveryError> {
    let look = |place: &Path| {
        let path = place.join(INITIALIZE);
        exists(&config.files, &path)
    };
    places(config).try_fold(false, |found, place| Ok(found || look(place)?))
}

fn forget_initialized(config: &LogConfig) -> Result<(), RecoveryError> {
    for place in places(config) {
        let path = place.join(INITIALIZE);
        if exists(&config.files, &path)? {
            config.files.remove(&path).map_err(io_failed("remove", &path))?;
        }
    }
    Ok(())
}

fn exists(files: &Files, path: &Path) -> Result<bool, RecoveryError> {
    files.exists(path).map_err(io_failed("look for", path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use paddock_consensus::zab::Standing;
    use paddock_consensus::{Epoch, Zxid};
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::epoch_files::EpochFiles;
    use paddock_engine::generation::{Generation, NextGeneration};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::{FileSystem, Seeded};
    use paddock_engine::log::LogConfig;
    use paddock_engine::tree::HashSeed;
    use paddock_engine::txn::{Txn, TxnHeader};

    use super::{Beginning, Lack, UNINITIALIZED, find_lack};

    /// Goes with the value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("paddock-standing-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn begin(&self, autocreate: bool) -> Beginning {
            let epochs = EpochFiles::read(&Files::Real, &self.0).unwrap();
            let found = Beginning::find(&LogConfig::new(&self.0), &Rules::default(), autocreate, &epochs);
            found.map_err(|error| error.to_string()).unwrap()
        }

        fn standing(&self, autocreate: bool) -> Standing {
            let beginning = self.begin(autocreate);
            beginning.log.close().unwrap();
            beginning.standing
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_server_without_data_does_not_vote_unless_somebody_says_that_there_never_was_any() {
        let dir = Directory::new("nothing");
        for _ in 0..2 {
            assert_eq!(dir.standing(false), Standing::Nothing, "however often it starts");
        }
        fs::write(dir.0.join("initialize"), "").unwrap();
        assert_eq!(dir.standing(false), Standing::Sound);
        assert!(!dir.0.join("initialize").exists(), "it is said once");
        assert_eq!(dir.standing(false), Standing::Sound, "it has data from then on");
        let dir = Directory::new("autocreate");
        assert_eq!((dir.standing(true), dir.standing(false)), (Standing::Sound, Standing::Sound));
    }

    /// Its epoch would have others believe that it has what that epoch began with.
    #[test]
    fn who_was_in_an_epoch_has_had_data_whatever_anybody_says() {
        let dir = Directory::new("member");
        let mut epochs = EpochFiles::read(&Files::Real, &dir.0).unwrap();
        epochs.write_accepted(Epoch(2)).unwrap();
        epochs.write_current(Epoch(2)).unwrap();
        fs::write(dir.0.join("initialize"), "").unwrap();
        assert_eq!(dir.standing(true), Standing::Nothing);
        fs::remove_file(dir.0.join("acceptedEpoch")).unwrap();
        fs::remove_file(dir.0.join("currentEpoch")).unwrap();
        assert_eq!(dir.standing(false), Standing::Sound);
    }

    fn lack(config: &LogConfig) -> Option<Lack> {
        let epochs = EpochFiles::read(&config.files, &config.data_dir).unwrap();
        find_lack(config, Generation::FIRST, false, &epochs).map_err(|error| error.to_string()).unwrap()
    }

    /// Nothing is lost there, whenever the server ends: it has only promised an epoch before its copy was whole.
    #[test]
    fn who_began_without_data_and_has_promised_an_epoch_is_told_from_one_that_lost_its_data() {
        let machine = FileSystem::new(1);
        let config_of = |machine: &FileSystem| {
            let mut config = LogConfig::new(Path::new("/data"));
            config.files = Files::Simulated(machine.clone());
            config
        };
        let config = config_of(&machine);
        config.files.create_dir(Path::new("/data")).unwrap();
        config.files.sync_dir(Path::new("/")).unwrap();
        machine.record();
        let mut epochs = EpochFiles::read(&config.files, Path::new("/data")).unwrap();
        let begun = Beginning::find(&config, &Rules::default(), false, &epochs);
        let begun = begun.map_err(|error| error.to_string()).unwrap();
        assert_eq!(begun.standing, Standing::Nothing);
        // As a server does before its first search.
        epochs.write_accepted(Epoch(0)).unwrap();
        epochs.write_current(Epoch(0)).unwrap();
        epochs.write_accepted(Epoch(2)).unwrap();
        let mut moments = machine.take_recorded();
        moments.push(machine.moment());
        for (index, moment) in moments.iter().enumerate() {
            for seed in 0..8 {
                let draws = &mut Seeded::new(seed);
                let found = if seed % 2 == 0 { moment.crashed(draws) } else { moment.ended(draws) };
                let config = config_of(&found);
                let promised = EpochFiles::read(&config.files, Path::new("/data")).unwrap().accepted();
                let has_promised = promised.is_some_and(|epoch| epoch > Epoch(0));
                let expected = if has_promised { Lack::Awaited } else { Lack::Unexplained };
                assert_eq!(lack(&config), Some(expected), "{index}, {seed}");
                // It is not asked for its vote, even if somebody says now that there never was data.
                if has_promised {
                    config.files.write_atomically(Path::new("/data/initialize"), b"").unwrap();
                    assert_eq!(lack(&config), Some(Lack::Awaited), "{index}, {seed}");
                }
            }
        }
        assert_eq!(lack(&config), Some(Lack::Awaited));
        epochs.write_current(Epoch(2)).unwrap();
        assert_eq!(lack(&config), Some(Lack::Lost("/data/currentEpoch".into())), "it had a copy");
    }

    #[test]
    fn who_has_data_does_not_remember_that_it_had_none() {
        let dir = Directory::new("uninitialized");
        assert_eq!(dir.standing(false), Standing::Nothing);
        assert!(dir.0.join(UNINITIALIZED).exists());
        fs::write(dir.0.join("initialize"), "").unwrap();
        assert_eq!(dir.standing(false), Standing::Sound);
        assert!(!dir.0.join(UNINITIALIZED).exists());
    }

    #[test]
    fn who_does_not_know_what_it_has_promised_does_not_vote_and_leaves_the_file() {
        let dir = Directory::new("promise");
        assert_eq!(dir.standing(true), Standing::Sound);
        let mut epochs = EpochFiles::read(&Files::Real, &dir.0).unwrap();
        epochs.write_accepted(Epoch(2)).unwrap();
        epochs.write_current(Epoch(2)).unwrap();
        fs::write(dir.0.join("currentEpoch"), "\u{1}").unwrap();
        for _ in 0..2 {
            assert_eq!(dir.standing(true), Standing::Damaged);
            assert_eq!(fs::read(dir.0.join("currentEpoch")).unwrap(), b"\x01");
        }
    }

    #[test]
    fn a_damaged_history_stays_until_another_is_in_its_place() {
        let dir = Directory::new("damaged");
        let mut beginning = dir.begin(true);
        for zxid in 1..=3 {
            let header = TxnHeader { client: 7, cxid: 0, zxid, time: 1 };
            beginning.log.append(Zxid(zxid), |out| Txn::CreateSession { timeout: 4000 }.write(&header, out));
            beginning.log.fence_durably().unwrap();
        }
        beginning.log.close().unwrap();
        let segment = fs::read_dir(dir.0.join("paddock-1")).unwrap().map(|entry| entry.unwrap().path());
        let segment = segment.filter(|path| path.to_string_lossy().contains("log.")).min().unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        bytes[100] ^= 1;
        fs::write(&segment, &bytes).unwrap();
        for _ in 0..2 {
            let Beginning { standing, present, generation, database, log, .. } = dir.begin(true);
            assert_eq!((standing, present), (Standing::Damaged, Some(Generation::FIRST)));
            assert_ne!(generation, Generation::FIRST, "nothing is written beside what is damaged");
            assert_eq!((database.last_zxid(), log.last_zxid()), (Zxid::ZERO, Zxid::ZERO));
            log.close().unwrap();
            assert!(fs::read(&segment).unwrap() == bytes, "it is as it was");
        }
        // What a leader brings comes into place.
        let seed = HashSeed([7; 16]);
        let mut brought = Database::new(seed, Rules::default());
        let header = TxnHeader { client: 7, cxid: 0, zxid: 9, time: 1 };
        brought.apply(&header, &Txn::CreateSession { timeout: 4000 }, None);
        let next = NextGeneration::begin(LogConfig::new(&dir.0), &mut brought, &seed).unwrap();
        next.succeed().unwrap().log.close().unwrap();
        let Beginning { standing, database, log, .. } = dir.begin(false);
        assert_eq!((standing, database.last_zxid()), (Standing::Sound, Zxid(9)));
        log.close().unwrap();
    }
}
