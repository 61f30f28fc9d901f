//! The files in which a member keeps who belongs to the ensemble, where that may be changed while it runs: those of
//! ZooKeeper, beside its `zoo.cfg`.
//!
//! ```text
//! zoo.cfg                     names the dynamic file that counts, once a configuration was put in force
//! zoo.cfg.dynamic.<version>   the members of a committed configuration; the version is hexadecimal
//! zoo.cfg.dynamic.next        the configuration that was proposed last, with its version, until it is committed
//! zoo.cfg.bak                 zoo.cfg as an operator wrote it, from when members were last moved out of it
//! ```
//!
//! Each is replaced whole, and durably. A commit writes the dynamic file, then has `zoo.cfg` name it, which is the moment from
//! which it counts, and then removes what was proposed. A crash before that moment leaves the former members and the proposal;
//! a crash behind it leaves a proposal that is committed, which the next start removes.
//!
//! Former dynamic files stay, as in ZooKeeper.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config, Configs, HostPort};
use paddock_engine::io::{Access, Files, advice, is_shortage};

use crate::config::{Clients, StaticFile};

/// No `zoo.cfg` is longer: a start has read it. Bytes.
const STATIC_BYTES_MAX: usize = crate::config::MAX_FILE_BYTES as usize;

/// Why a configuration is not durable.
#[derive(Debug)]
pub enum ConfigFileError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// `zoo.cfg` is not what the start has read any more.
    Malformed {
        path: PathBuf,
        problem: String,
    },
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigFileError::Io { path, source } => {
                write!(f, "cannot write {}: {source}; {}", path.display(), advice(source))
            }
            ConfigFileError::Malformed { path, problem } => write!(f, "{}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for ConfigFileError {}

impl ConfigFileError {
    /// Whether an operator has put the file where this process cannot write it: on a file system that is mounted read-only, in
    /// a directory of somebody else, or mounted by itself, so that no other file can take its place.
    pub fn is_out_of_reach(&self) -> bool {
        use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
        match self {
            ConfigFileError::Io { source, .. } => {
                matches!(source.kind(), ReadOnlyFilesystem | PermissionDenied | ResourceBusy | CrossesDevices)
            }
            ConfigFileError::Malformed { .. } => false,
        }
    }

    /// Whether something was short that may be had again later.
    pub fn is_shortage(&self) -> bool {
        matches!(self, ConfigFileError::Io { source, .. } if is_shortage(source))
    }
}

/// The files beside one `zoo.cfg`.
#[derive(Debug)]
pub struct ConfigFiles {
    files: Files,
    /// The whole path of `zoo.cfg`.
    file: PathBuf,
    me: ServerId,
}

impl ConfigFiles {
    /// `file` is `zoo.cfg`, with its whole path.
    pub fn new(files: Files, file: PathBuf, me: ServerId) -> ConfigFiles {
        ConfigFiles { files, file, me }
    }

    /// Makes durable what a start has found, by writing it anew: the process before this one may have ended in the middle of a
    /// write, or because a sync failed, and a power cut would take back what this one tells others. What is left of a commit is
    /// done. Files of an operator, which have other names, are left as they are.
    pub fn make_durable(&self, Configs { committed, last_seen }: &Configs) -> Result<(), ConfigFileError> {
        if self.is_there(&self.dynamic(committed))? {
            self.keep(committed, None)?;
        }
        match self.is_there(&self.next())? {
            false => Ok(()),
            true if last_seen.version() > committed.version() => self.write_last_seen(last_seen),
            true => self.remove_next(),
        }
    }

    /// `zoo.cfg`.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Whether files can be created beside `zoo.cfg`. Nothing of that stays.
    ///
    /// # Errors
    /// Says why not.
    pub fn probe(&self) -> Result<(), ConfigFileError> {
        let path = beside(&self.file, ".probe");
        let probed = self.files.open(&path, Access::Replace).map(drop).and_then(|()| self.files.remove(&path));
        probed.map_err(|source| ConfigFileError::Io { path, source })
    }

    fn is_there(&self, path: &Path) -> Result<bool, ConfigFileError> {
        self.files.exists(path).map_err(|source| ConfigFileError::Io { path: path.to_owned(), source })
    }

    /// Keeps the configuration that was proposed last.
    pub fn write_last_seen(&self, config: &Config) -> Result<(), ConfigFileError> {
        self.write(self.next(), sorted_lines(config, true).as_bytes())
    }

    /// Keeps a committed configuration. A later one that is proposed stays so. `former` is where clients connect so far, if the
    /// former configuration says that.
    pub fn write_committed(&self, config: &Config, former: Option<&HostPort>) -> Result<(), ConfigFileError> {
        self.keep(config, former)?;
        match self.is_proposed_after(config)? {
            true => Ok(()),
            false => self.remove_next(),
        }
    }

    fn keep(&self, config: &Config, former: Option<&HostPort>) -> Result<(), ConfigFileError> {
        let dynamic = self.dynamic(config);
        self.write(dynamic.clone(), sorted_lines(config, false).as_bytes())?;
        self.point_to(&dynamic, config, former)
    }

    /// Whether the proposal that is kept is of a later version, or of one that nobody can read: that is a start's to refuse.
    fn is_proposed_after(&self, config: &Config) -> Result<bool, ConfigFileError> {
        let path = self.next();
        let text = match self.files.read(&path, STATIC_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(ConfigFileError::Io { path, source }),
            Ok(text) => text,
        };
        let text = String::from_utf8_lossy(&text);
        let version = text.lines().find_map(|line| i64::from_str_radix(line.strip_prefix("version=")?, 16).ok());
        Ok(version.is_none_or(|version| version > config.version().0))
    }

    fn dynamic(&self, config: &Config) -> PathBuf {
        beside(&self.file, &format!(".dynamic.{:x}", config.version().0))
    }

    /// Has `zoo.cfg` name the dynamic file, and nothing more of what that says.
    fn point_to(&self, dynamic: &Path, config: &Config, former: Option<&HostPort>) -> Result<(), ConfigFileError> {
        let path = &self.file;
        let failed = |source| ConfigFileError::Io { path: path.clone(), source };
        let bytes = self.files.read(path, STATIC_BYTES_MAX).map_err(failed)?;
        let malformed = |problem| ConfigFileError::Malformed { path: path.clone(), problem };
        let file = StaticFile::read(&bytes).map_err(malformed)?;
        if file.has_members() {
            self.write_like_zoo_cfg(beside(path, ".bak"), &bytes)?;
        }
        let tells_client = config.members().get(&self.me).is_some_and(|member| member.client.is_some());
        let clients = if tells_client { Clients::Moved } else { former.map_or(Clients::Stay, Clients::At) };
        self.write_like_zoo_cfg(path.clone(), &file.pointing_to(dynamic, clients).map_err(malformed)?)
    }

    /// `zoo.cfg` may have passwords in it, and whoever may not read it may not read what is made of it.
    fn write_like_zoo_cfg(&self, path: PathBuf, bytes: &[u8]) -> Result<(), ConfigFileError> {
        let written = self.files.write_atomically_like(&path, &self.file, bytes);
        written.map_err(|source| ConfigFileError::Io { path, source })
    }

    fn remove_next(&self) -> Result<(), ConfigFileError> {
        let path = self.next();
        match self.files.remove(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(ConfigFileError::Io { path, source }),
            _ => Ok(()),
        }
    }

    fn next(&self) -> PathBuf {
        next_file(&self.file)
    }

    fn write(&self, path: PathBuf, bytes: &[u8]) -> Result<(), ConfigFileError> {
        self.files.write_atomically(&path, bytes).map_err(|source| ConfigFileError::Io { path, source })
    }
}

/// Where the configuration is that was proposed last.
fn next_file(file: &Path) -> PathBuf {
    beside(file, crate::config::NEXT)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The lines of a configuration as ZooKeeper orders them in files.
fn sorted_lines(config: &Config, with_version: bool) -> String {
    let mut lines: Vec<&str> =
        config.text().lines().filter(|line| with_version || !line.starts_with("version=")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use paddock_consensus::ServerId;
    use paddock_consensus::config::{Config, Configs};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};

    use super::{ConfigFileError, ConfigFiles, STATIC_BYTES_MAX};
    use crate::config::load_through;

    /// Ways in which each power cut is tried.
    const SEEDS: u64 = 6;
    const STATIC: &str = "# ours\ndataDir=/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\nreconfigEnabled=true\n";
    const MEMBERS: &str = "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant;0.0.0.0:2181\n\
                           server.3=c:1:2:participant;0.0.0.0:2181";

    pub fn machine() -> FileSystem {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        for dir in ["/conf", "/data"] {
            files.create_dir(Path::new(dir)).unwrap();
        }
        files.write_atomically(Path::new("/data/myid"), b"1").unwrap();
        files.write_atomically(&file(), format!("{STATIC}{MEMBERS}\n").as_bytes()).unwrap();
        files.sync_dir(Path::new("/")).unwrap();
        machine
    }

    fn file() -> PathBuf {
        "/conf/zoo.cfg".into()
    }

    pub fn files_of(machine: &FileSystem) -> ConfigFiles {
        ConfigFiles::new(Files::Simulated(machine.clone()), file(), ServerId(1))
    }

    /// Three servers and so many observers.
    pub fn config(version: i64, observers: i64) -> Arc<Config> {
        let lines: String =
            (4..4 + observers).map(|id| format!("server.{id}=o{id}:1:2:observer;0.0.0.0:2181\n")).collect();
        Arc::new(Config::parse(&format!("{MEMBERS}\n{lines}version={version:x}")).unwrap())
    }

    /// What a start finds.
    pub fn read(machine: &FileSystem) -> Configs {
        let files = Files::Simulated(machine.clone());
        let read = |path: &Path| files.read(path, STATIC_BYTES_MAX);
        let loaded = load_through(&read, &file()).unwrap_or_else(|failure| panic!("{}", failure.error));
        assert_eq!(loaded.config.client_address.expect("an address").to_string(), "0.0.0.0:2181");
        let ensemble = loaded.config.ensemble.expect("three vote");
        let committed = ensemble.config;
        Configs { last_seen: ensemble.last_seen.unwrap_or_else(|| committed.clone()), committed }
    }

    pub fn versions(configs: &Configs) -> (i64, i64) {
        (configs.committed.version().0, configs.last_seen.version().0)
    }

    #[test]
    fn whatever_a_crash_leaves_is_a_state_that_was_and_what_was_told_is_there() {
        let machine = machine();
        let files = files_of(&machine);
        machine.record();
        let (first, second, adopted) = (config(0x1_0000_0005, 1), config(0x1_0000_0006, 0), config(0x2_0000_0000, 2));
        let mut told = vec![(0, (0, 0))];
        let mut note = |configs| told.push((machine.recorded_count(), configs));
        files.write_last_seen(&first).unwrap();
        note((0, first.version().0));
        files.write_committed(&first, None).unwrap();
        note((first.version().0, first.version().0));
        files.write_last_seen(&second).unwrap();
        note((first.version().0, second.version().0));
        files.write_committed(&second, None).unwrap();
        note((second.version().0, second.version().0));
        // One that others told of needs no proposal.
        files.write_committed(&adopted, None).unwrap();
        note((adopted.version().0, adopted.version().0));
        let mut moments = machine.take_recorded();
        moments.push(machine.moment());
        for (index, moment) in moments.iter().enumerate() {
            let (_, least) = *told.iter().rfind(|(from, _)| *from <= index).expect("the first is of the start");
            for seed in 0..SEEDS {
                for ends in [false, true] {
                    let draws = &mut Seeded::new(seed);
                    let found = if ends { moment.ended(draws) } else { moment.crashed(draws) };
                    let configs = read(&found);
                    let is_there = versions(&configs);
                    assert!(is_there.0 >= least.0 && is_there.1 >= least.1, "{index}: {is_there:x?} after {least:x?}");
                    // What the start goes by is there after the next crash, whatever the process before has left.
                    files_of(&found).make_durable(&configs).unwrap();
                    let again = read(&found.crash(&mut Seeded::new(seed + SEEDS)));
                    assert_eq!(versions(&again), is_there, "{index}, {seed}");
                    assert_eq!(again.last_seen.text(), configs.last_seen.text());
                }
            }
        }
        assert_eq!(versions(&read(&machine)), (adopted.version().0, adopted.version().0));
    }

    #[test]
    fn a_proposal_outlives_the_commit_of_what_is_before_it() {
        let machine = machine();
        let files = files_of(&machine);
        files.write_last_seen(&config(7, 1)).unwrap();
        files.write_committed(&config(6, 0), None).unwrap();
        assert_eq!(versions(&read(&machine)), (6, 7));
        files.write_committed(&config(7, 1), None).unwrap();
        assert_eq!(versions(&read(&machine)), (7, 7));
        let next = Files::Simulated(machine.clone()).exists(Path::new("/conf/zoo.cfg.dynamic.next"));
        assert!(!next.unwrap(), "it is committed");
    }

    #[test]
    fn clients_are_served_where_they_were_when_a_list_says_nothing_of_that() {
        let machine = machine();
        let files = files_of(&machine);
        files.write_committed(&config(6, 0), None).unwrap();
        let without = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nversion=7").unwrap();
        let former = config(6, 0).members()[&ServerId(1)].client.clone();
        files.write_committed(&without, former.as_ref()).unwrap();
        assert_eq!(versions(&read(&machine)), (7, 7));
    }

    #[test]
    fn what_only_some_may_read_stays_so() {
        use std::os::unix::fs::PermissionsExt;
        let dir = std::env::temp_dir().join(format!("paddock-config-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("zoo.cfg");
        std::fs::write(&file, format!("{STATIC}{MEMBERS}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        ConfigFiles::new(Files::default(), file, ServerId(1)).write_committed(&config(7, 1), None).unwrap();
        for name in ["zoo.cfg", "zoo.cfg.bak"] {
            let mode = std::fs::metadata(dir.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_a_failed_sync_left_is_durable_before_it_is_told() {
        for seed in 0..SEEDS {
            let machine = machine();
            let fails = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped: 0, times: 1, effect: fails });
            files_of(&machine).write_last_seen(&config(7, 1)).unwrap_err();
            let machine = machine.end_process(&mut Seeded::new(seed));
            let configs = read(&machine);
            files_of(&machine).make_durable(&configs).unwrap();
            let again = read(&machine.crash(&mut Seeded::new(seed)));
            assert_eq!(versions(&again), versions(&configs), "{seed}");
        }
    }

    #[test]
    fn files_that_are_out_of_reach_are_told_from_a_disk_that_fails() {
        for (number, expected) in
            [(libc::EROFS, true), (libc::EACCES, true), (libc::EBUSY, true), (libc::EIO, false), (libc::ENOSPC, false)]
        {
            let machine = machine();
            let fault = |operation| Fault { operation, skipped: 0, times: u64::MAX, effect: Effect::Fails(number) };
            for operation in [Operation::Create, Operation::Rename] {
                machine.add_fault(fault(operation));
            }
            let error = files_of(&machine).write_committed(&config(7, 1), None).unwrap_err();
            assert_eq!(error.is_out_of_reach(), expected, "{error}");
            assert_eq!(versions(&read(&machine)), (0, 0));
        }
    }

    #[test]
    fn a_file_that_was_broken_meanwhile_is_told() {
        let machine = machine();
        Files::Simulated(machine.clone()).write_atomically(&file(), b"a=\\u12").unwrap();
        let error = files_of(&machine).write_committed(&config(7, 1), None).unwrap_err();
        assert!(matches!(error, ConfigFileError::Malformed { .. }) && !error.is_out_of_reach());
        assert!(error.to_string().starts_with("/conf/zoo.cfg: line 1: "), "{error}");
    }
}
