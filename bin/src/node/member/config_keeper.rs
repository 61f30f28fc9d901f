//! Keeps a member's configurations in its [files](super::config_files), and tries again later where these cannot be written.
//!
//! Files that are out of reach end no server. A change that is not in them is in the log, and a start [goes by
//! that](super::found_configs).

use std::path::PathBuf;

use paddock_consensus::ServerId;
use paddock_consensus::Zxid;
use paddock_consensus::config::{Config, Configs, HostPort};
use paddock_consensus::input::Mark;
use paddock_consensus::settings::Ms;
use paddock_engine::committed_config::{self, Kept};
use paddock_engine::io::Files;

use super::config_files::{ConfigFileError, ConfigFiles};

/// Between two attempts.
const RETRY: Ms = Ms(10_000);

/// What follows where files are out of reach.
const OUT_OF_REACH: &str = "The changed ensemble is kept in this server's data alone until the files can be written, which is \
                            tried every 10 s, and after a restart the data counts where it is newer than the files; put zoo.cfg \
                            into a directory where this process can create and replace files";

pub struct ConfigKeeper {
    files: ConfigFiles,
    me: ServerId,
    /// The committed configuration that the files have.
    kept: Zxid,
    /// The newest configuration that the files have as proposed since this server began.
    proposed: Zxid,
    /// Where clients connect, as the newest committed configuration has said it that says so.
    client: Option<HostPort>,
    /// When something that is not in the files, and belongs there, is tried again.
    overdue: Option<Ms>,
    /// Where the newest committed configuration is kept besides, and what is there.
    data: (Files, PathBuf),
    recorded: Kept,
}

impl ConfigKeeper {
    /// `kept` is what the files have; `data` is the `dataDir`, with what is [kept](committed_config) there.
    pub fn new(
        files: ConfigFiles,
        me: ServerId,
        kept: &Config,
        data: (Files, PathBuf),
        recorded: Kept,
    ) -> ConfigKeeper {
        ConfigKeeper {
            files,
            me,
            kept: kept.version(),
            proposed: Zxid::ZERO,
            client: client_of(kept, me),
            overdue: None,
            data,
            recorded,
        }
    }

    /// Keeps a committed configuration in the `dataDir`. The stamp of a first leader is none, since what an operator writes counts;
    /// but with it all of the data before is of a former ensemble, for it is given only where nobody's files had another version.
    ///
    /// # Errors
    /// Says why it is not durable there.
    fn record(&mut self, config: &Config) -> Result<(), ConfigFileError> {
        let mut newer = self.recorded.clone();
        match config.version() {
            Zxid::ZERO => return Ok(()),
            stamp if stamp.is_blank() => newer.disregard(stamp),
            _ => newer.committed = Some(config.clone()),
        }
        if newer == self.recorded {
            return Ok(());
        }
        let (files, data_dir) = &self.data;
        committed_config::write(files, data_dir, &newer)
            .map_err(|source| ConfigFileError::Io { path: data_dir.join(committed_config::NAME), source })?;
        self.recorded = newer;
        Ok(())
    }

    /// Makes durable what a start has found in the files, and writes what it goes by, if that is newer. Says once what is not in
    /// the files, or could not be written there.
    ///
    /// # Errors
    /// What is in the files and cannot be made durable, unless they are out of reach.
    pub fn begin(&mut self, files: &Configs, found: &Configs, now: Ms) -> Result<(), ConfigFileError> {
        let durable = match self.files.make_durable(files) {
            Err(error) if !error.is_out_of_reach() => return Err(error),
            durable => durable,
        };
        if let Err(error) = self.record(&found.committed) {
            tracing::warn!("{error}. The committed ensemble is in the configuration files and the log alone");
        }
        self.proposed = files.last_seen.version();
        if files == found {
            if let Err(error) = durable.and_then(|()| self.files.probe()) {
                tracing::warn!(
                    "{error}. A change of the ensemble could be kept in this server's data alone, and not where an operator, or \
                     a server without its data, finds it: put zoo.cfg into a directory where this process can create and \
                     replace files"
                );
            }
            return Ok(());
        }
        let (older, newest) = match found.is_changing() {
            true => (&files.last_seen, &found.last_seen),
            false => (&files.committed, &found.committed),
        };
        let file = self.files.path().display().to_string();
        let (older, newer) = (older.version().0, newest.version().0);
        let counts = format!(
            "{file} has the ensemble of version {older:x}, and this server's data that of version {newer:x}, which counts"
        );
        if !newest.members().contains_key(&self.me) {
            tracing::warn!("{counts}. This server is not in it: add it to the ensemble by reconfig, or stop it");
            return Ok(());
        }
        match durable.and_then(|()| self.keep(found)) {
            // A crash came before it was written as committed.
            Ok(()) if newer == files.last_seen.version().0 => {}
            Ok(()) => tracing::warn!("{counts} and is written there now. See why {file} was an older one"),
            Err(error) if error.is_out_of_reach() => self.put_off(now, || {
                tracing::warn!(
                    "{counts}. {error}. Put zoo.cfg into a directory where this process can create and replace files, or write \
                     the servers of that version into it; writing is tried again every 10 s"
                );
            }),
            Err(error) => self.put_off(now, || tracing::warn!("{counts}. {error}; writing is tried again every 10 s")),
        }
        Ok(())
    }

    /// Keeps a configuration, durably. Where an operator keeps `zoo.cfg` out of reach, this server goes on all the same, as
    /// ZooKeeper does. A committed one for which `zoo.cfg` cannot be had, because it is gone or half edited, is kept as if it were
    /// proposed: a start then goes by it and the one before. That it is committed is durable in one of both places, the files or the
    /// `dataDir`: what is acknowledged behind it rests on that.
    ///
    /// # Errors
    /// Says why it is not durable. Where the disk is full, it is to be tried again.
    pub fn write(&mut self, mark: &Mark, now: Ms) -> Result<(), ConfigFileError> {
        match mark {
            Mark::LastSeen(config) => match self.files.write_last_seen(config) {
                Err(error) if error.is_out_of_reach() => {
                    self.put_off(now, || tracing::error!("{error}. {OUT_OF_REACH}"));
                    Ok(())
                }
                Ok(()) => {
                    self.proposed = config.version();
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Mark::Committed(config) => {
                self.write_committed(config, now)?;
                self.client = client_of(config, self.me).or(self.client.take());
                match self.record(config) {
                    Err(error) if self.kept == config.version() => {
                        tracing::warn!(
                            "{error}. The committed ensemble is in the configuration files and the log alone"
                        );
                        Ok(())
                    }
                    recorded => recorded,
                }
            }
            Mark::AcceptedEpoch(_) | Mark::CurrentEpoch(_) => unreachable!("epochs have files of their own"),
        }
    }

    fn write_committed(&mut self, config: &Config, now: Ms) -> Result<(), ConfigFileError> {
        match self.files.write_committed(config, self.client.as_ref()) {
            Ok(()) => {
                self.kept = config.version();
                self.tell_kept(config);
                Ok(())
            }
            Err(error) if error.is_out_of_reach() => {
                self.put_off(now, || tracing::error!("{error}. {OUT_OF_REACH}"));
                Ok(())
            }
            Err(error) if error.is_shortage() => Err(error),
            Err(error) => {
                self.put_off(now, || {
                    tracing::error!(
                        "{error}. The changed ensemble counts, and is kept in a file of its own until zoo.cfg can be \
                         written, which is tried every 10 s; see to zoo.cfg before this server is started again"
                    );
                });
                // A newer one that is proposed must stay: others may count on this server to know it.
                if config.version() < self.proposed {
                    return Ok(());
                }
                self.files.write_last_seen(config)
            }
        }
    }

    /// It is told once until it is written.
    fn put_off(&mut self, now: Ms, tell: impl FnOnce()) {
        if self.overdue.is_none() {
            tell();
        }
        self.overdue = Some(now.after(RETRY));
    }

    fn tell_kept(&mut self, config: &Config) {
        if self.overdue.take().is_some() {
            let (file, version) = (self.files.path().display(), config.version().0);
            tracing::info!("{file} could be written again, and has the ensemble of version {version:x}");
        }
    }

    /// When [`try_again`](Self::try_again) has something to do.
    pub fn deadline(&self) -> Option<Ms> {
        self.overdue
    }

    /// Writes what is not in the files, if it is due.
    pub fn try_again(&mut self, configs: &Configs, now: Ms) {
        if self.overdue.is_none_or(|due| now < due) {
            return;
        }
        match self.keep(configs) {
            Ok(()) => self.tell_kept(if configs.is_changing() { &configs.last_seen } else { &configs.committed }),
            Err(_) => self.overdue = Some(now.after(RETRY)),
        }
    }

    fn keep(&mut self, configs: &Configs) -> Result<(), ConfigFileError> {
        if configs.committed.version() > self.kept {
            self.files.write_committed(&configs.committed, self.client.as_ref())?;
            self.kept = configs.committed.version();
        }
        if configs.is_changing() { self.files.write_last_seen(&configs.last_seen) } else { Ok(()) }
    }
}

fn client_of(config: &Config, me: ServerId) -> Option<HostPort> {
    config.members().get(&me).and_then(|member| member.client.clone())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use paddock_consensus::config::{Config, Configs};
    use paddock_consensus::input::Mark;
    use paddock_consensus::settings::Ms;
    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::committed_config::{self, Kept};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};

    use super::super::config_files::tests::{config, files_of, machine, read, versions};
    use super::{ConfigKeeper, RETRY};

    const NOW: Ms = Ms(1_000);

    fn keeper(machine: &FileSystem) -> ConfigKeeper {
        keeper_beside(machine, machine)
    }

    /// One whose `dataDir` is on another file system.
    fn keeper_beside(machine: &FileSystem, of_data: &FileSystem) -> ConfigKeeper {
        ConfigKeeper::new(files_of(machine), ServerId(1), &config(0, 0), data(of_data), Kept::default())
    }

    fn data(machine: &FileSystem) -> (Files, PathBuf) {
        (Files::Simulated(machine.clone()), "/data".into())
    }

    /// What is kept in the `dataDir`.
    fn recorded(machine: &FileSystem) -> Option<i64> {
        let (files, data_dir) = data(machine);
        committed_config::read(&files, &data_dir).unwrap().committed.map(|config| config.version().0)
    }

    fn put_out_of_reach(machine: &FileSystem, number: i32) {
        for operation in [Operation::Create, Operation::Rename] {
            let effect = Effect::Fails(number);
            machine.add_fault(Fault { operation, skipped: 0, times: u64::MAX, effect });
        }
    }

    fn names(machine: &FileSystem) -> Vec<OsString> {
        let mut names = Files::Simulated(machine.clone()).list(Path::new("/conf")).unwrap();
        names.sort();
        names
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can() {
        let [machine, of_data] = [machine(), machine()];
        let mut keeper = keeper_beside(&machine, &of_data);
        let made = Configs::settled(config(7, 1));
        put_out_of_reach(&machine, libc::EROFS);
        keeper.write(&Mark::LastSeen(config(7, 1)), NOW).unwrap();
        keeper.write(&Mark::Committed(config(7, 1)), NOW).unwrap();
        assert_eq!(recorded(&of_data), Some(7));
        let mut due = NOW.after(RETRY);
        for _ in 0..3 {
            assert_eq!(keeper.deadline(), Some(due));
            keeper.try_again(&made, Ms(due.0 - 1));
            assert_eq!(keeper.deadline(), Some(due), "not before its time");
            keeper.try_again(&made, due);
            due = due.after(RETRY);
        }
        assert_eq!(versions(&read(&machine)), (0, 0));
        machine.clear_faults();
        keeper.try_again(&made, due);
        assert_eq!(keeper.deadline(), None);
        assert_eq!(versions(&read(&machine.crash(&mut Seeded::new(1)))), (7, 7));
    }

    /// What is acknowledged behind a change rests on that being known as committed, in one place at least.
    #[test]
    fn what_is_committed_is_durable_in_the_files_or_in_the_data() {
        let committed = Mark::Committed(config(7, 1));
        let [machine, of_data] = [machine(), machine()];
        let mut keeper = keeper_beside(&machine, &of_data);
        put_out_of_reach(&machine, libc::EROFS);
        put_out_of_reach(&of_data, libc::ENOSPC);
        let error = keeper.write(&committed, NOW).unwrap_err();
        assert!(error.is_shortage() && error.to_string().contains("/data/paddock.config"), "{error}");
        of_data.clear_faults();
        keeper.write(&committed, NOW).unwrap();
        assert_eq!((versions(&read(&machine)), recorded(&of_data)), ((0, 0), Some(7)));
        machine.clear_faults();
        let mut keeper = keeper_beside(&machine, &of_data);
        put_out_of_reach(&of_data, libc::ENOSPC);
        keeper.write(&Mark::Committed(config(8, 1)), NOW).unwrap();
        assert_eq!((versions(&read(&machine)), recorded(&of_data)), ((8, 8), Some(7)));
    }

    /// The members that an operator wrote are not moved out of zoo.cfg by that.
    #[test]
    fn what_is_only_proposed_stays_so() {
        let machine = machine();
        let mut keeper = keeper(&machine);
        let changing = Configs { committed: config(0, 0), last_seen: config(7, 1) };
        put_out_of_reach(&machine, libc::EACCES);
        keeper.write(&Mark::LastSeen(config(7, 1)), NOW).unwrap();
        machine.clear_faults();
        keeper.try_again(&changing, NOW.after(RETRY));
        assert_eq!((keeper.deadline(), versions(&read(&machine)), recorded(&machine)), (None, (0, 7), None));
        assert_eq!(names(&machine).len(), 2, "{:?}", names(&machine));
    }

    #[test]
    fn a_committed_one_that_zoo_cfg_does_not_take_leaves_a_newer_one_that_is_proposed() {
        for (committed, expected) in [(7, 8), (9, 9)] {
            let machine = machine();
            let mut keeper = keeper(&machine);
            keeper.write(&Mark::LastSeen(config(8, 1)), NOW).unwrap();
            let effect = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::Create, skipped: 0, times: 1, effect });
            keeper.write(&Mark::Committed(config(committed, 1)), NOW).unwrap();
            assert_eq!(versions(&read(&machine)), (0, expected), "{committed}");
        }
    }

    /// What is done away with stays so when something else is committed, and a stamp does away with what was before it.
    #[test]
    fn what_is_disregarded_is_kept_with_what_is_committed() {
        const STAMP: i64 = 9 << 32;
        let machine = machine();
        let (files, data_dir) = data(&machine);
        let before = Kept { committed: None, disregarded: Zxid(5) };
        let mut keeper = ConfigKeeper::new(files_of(&machine), ServerId(1), &config(0, 0), data(&machine), before);
        let mut write = |version: i64| {
            keeper.write(&Mark::Committed(config(version, 1)), NOW).unwrap();
            let kept = committed_config::read(&files, &data_dir).unwrap();
            (kept.disregarded.0, kept.committed.map(|config| config.version().0))
        };
        assert_eq!(write(7), (5, Some(7)));
        assert_eq!(write(STAMP), (STAMP, None));
        assert_eq!(write(STAMP + 2), (STAMP, Some(STAMP + 2)));
    }

    /// The line of a server may say nothing of clients. They connect where they did, however often its file is tried.
    #[test]
    fn clients_are_not_forgotten_while_the_disk_is_full() {
        let machine = machine();
        let mut keeper = keeper(&machine);
        let text = config(7, 0).text().replace("server.1=a:1:2:participant;0.0.0.0:2181", "server.1=a:1:2:participant");
        let silent = Arc::new(Config::parse(&text).unwrap());
        assert_eq!(super::client_of(&silent, ServerId(1)), None, "{text}");
        let effect = Effect::Fails(libc::ENOSPC);
        machine.add_fault(Fault { operation: Operation::Create, skipped: 0, times: 2, effect });
        for _ in 0..2 {
            assert!(keeper.write(&Mark::Committed(silent.clone()), NOW).unwrap_err().is_shortage());
        }
        keeper.write(&Mark::Committed(silent), NOW).unwrap();
        // It looks where clients connect.
        assert_eq!(versions(&read(&machine)), (7, 7));
    }

    /// Whoever writes it waits, and so does what rests on it.
    #[test]
    fn a_full_disk_is_told_and_leaves_what_is_there() {
        let machine = machine();
        let mut keeper = keeper(&machine);
        let effect = Effect::Fails(libc::ENOSPC);
        machine.add_fault(Fault { operation: Operation::Create, skipped: 0, times: 1, effect });
        let mut write = || keeper.write(&Mark::Committed(config(7, 1)), NOW);
        assert!(write().unwrap_err().is_shortage());
        assert_eq!(versions(&read(&machine)), (0, 0));
        write().unwrap();
        assert_eq!((keeper.deadline(), versions(&read(&machine))), (None, (7, 7)));
    }

    #[test]
    fn a_start_writes_what_its_data_has_and_its_files_have_not() {
        let files = Configs::settled(config(0, 0));
        for found in [
            Configs::settled(config(7, 1)),
            Configs { committed: config(0, 0), last_seen: config(7, 1) },
            Configs { committed: config(7, 1), last_seen: config(8, 0) },
        ] {
            let machine = machine();
            put_out_of_reach(&machine, libc::EROFS);
            let mut keeper = keeper(&machine);
            keeper.begin(&files, &found, NOW).unwrap();
            assert_eq!(versions(&read(&machine)), (0, 0));
            machine.clear_faults();
            keeper.try_again(&found, NOW.after(RETRY));
            assert_eq!(versions(&read(&machine)), versions(&found), "later");
            let machine = super::super::config_files::tests::machine();
            self::keeper(&machine).begin(&files, &found, NOW).unwrap();
            assert_eq!(versions(&read(&machine.crash(&mut Seeded::new(1)))), versions(&found), "at once");
        }
    }

    /// Where its files are out of reach, a start knows by that what was made.
    #[test]
    fn what_is_committed_is_in_the_data_too() {
        let machine = machine();
        let mut keeper = keeper(&machine);
        keeper.write(&Mark::Committed(config(7, 1)), NOW).unwrap();
        assert_eq!(recorded(&machine.crash(&mut Seeded::new(1))), Some(7));
        let machine = super::super::config_files::tests::machine();
        let made = Configs::settled(config(8, 1));
        self::keeper(&machine).begin(&Configs::settled(config(0, 0)), &made, NOW).unwrap();
        assert_eq!(recorded(&machine.crash(&mut Seeded::new(1))), Some(8));
    }

    /// With it in its files it could not start again, and an operator may have started it to be added once more.
    #[test]
    fn a_server_that_is_not_in_it_keeps_its_files() {
        let machine = machine();
        let mut keeper =
            ConfigKeeper::new(files_of(&machine), ServerId(4), &config(0, 0), data(&machine), Kept::default());
        let found = Configs::settled(config(7, 0));
        keeper.begin(&Configs::settled(config(0, 0)), &found, NOW).unwrap();
        assert_eq!((keeper.deadline(), versions(&read(&machine))), (None, (0, 0)));
    }

    #[test]
    fn a_probe_leaves_nothing() {
        let machine = machine();
        let files = Configs::settled(config(0, 0));
        let before = names(&machine);
        machine.record();
        keeper(&machine).begin(&files, &files, NOW).unwrap();
        assert_eq!(names(&machine), before);
        for moment in machine.take_recorded() {
            let machine = moment.ended(&mut Seeded::new(1));
            files_of(&machine).probe().unwrap();
            assert_eq!(names(&machine.crash(&mut Seeded::new(1))), before);
        }
        put_out_of_reach(&machine, libc::EROFS);
        assert!(files_of(&machine).probe().unwrap_err().is_out_of_reach());
        keeper(&machine).begin(&files, &files, NOW).unwrap();
    }
}
