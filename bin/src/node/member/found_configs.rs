//! By which configurations a start goes: those of its files, and that of its data where that is newer.
//!
//! Files may be older than they were told to be: where they cannot be written, or where each start brings them anew. The
//! transaction that changed the ensemble is in the log, though, before anybody counts by it, and so in the state that a start
//! recovers, in `/zookeeper/config`. A server that forgot it would count by the former members, and so might they: two quorums
//! without a common server.
//!
//! Which one is committed is kept in the `dataDir` besides ([`committed_config`](paddock_engine::committed_config)).
//!
//! What a client has written there itself is no configuration: a reconfiguration alone, and a server that shows its own, leave
//! version -1, and the version of the text as mzxid.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use paddock_consensus::config::{Config, ConfigOfData, Configs};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::committed_config;
use paddock_engine::database::{CONFIG_PATH, Database};
use paddock_engine::io::Files;

/// The version of `/zookeeper/config` that nobody but servers writes.
const OWN_VERSION: i32 = -1;

/// What the state has that a start has recovered, its log included; `None` if there is none that has a version.
pub fn config_of_data(database: &Database) -> Option<ConfigOfData> {
    let znode = database.tree().get(CONFIG_PATH)?;
    let stat = znode.stat();
    let config = Config::parse(std::str::from_utf8(znode.data()?).ok()?).ok()?;
    let version = config.version();
    // The stamp of a first leader, who has changed nothing, is blank: what an operator writes counts.
    let is_own = stat.version == OWN_VERSION && stat.mzxid == version.0 && version > Zxid::ZERO && !version.is_blank();
    is_own.then(|| ConfigOfData::new(Arc::new(config), database.last_zxid()))
}

/// What counts of the files, where no configuration of the data up to `disregarded` does: beside a fresh list nothing is proposed,
/// since what was belongs to the former ensemble.
pub fn without_former(files: &Configs, disregarded: Zxid) -> Configs {
    match disregarded > Zxid::ZERO && files.committed.version() == Zxid::ZERO {
        true => Configs::settled(files.committed.clone()),
        false => files.clone(),
    }
}

/// A server that does not take part in changes, or that stands alone, goes by what an operator wrote, and so does every later
/// start of it: what its data has by now counts no more. Written only where there is something.
///
/// # Errors
/// Then a later start may go by it.
pub fn disregard_former(files: &Files, data_dir: &Path, database: &Database) -> io::Result<()> {
    // Damaged, it says nothing, and is written anew where there is something to say.
    let kept = committed_config::read(files, data_dir).unwrap_or_default();
    let recorded = kept.committed.as_ref().map_or(Zxid::ZERO, Config::version);
    let in_state = config_of_data(database).map_or(Zxid::ZERO, |data| data.version());
    let mut newer = kept.clone();
    newer.disregard(recorded.max(in_state));
    if newer == kept { Ok(()) } else { committed_config::write(files, data_dir, &newer) }
}

/// Where a server is by what an operator wrote, and by the configuration of its data that counts in the place of that.
#[derive(Debug, PartialEq, Eq)]
pub struct Moved {
    pub written: String,
    pub kept: String,
    /// The configuration of the data.
    pub newest: Arc<Config>,
}

/// Whether the list that an operator wrote has this server on another machine than the newer one of the data. Then the data may
/// be a copy: with its configuration, the copy would speak to those that it was taken from, in the name of one of them. A list
/// that has a version was made by servers, or for this.
pub fn find_moved(files: &Configs, found: &Configs, me: ServerId) -> Option<Moved> {
    let newest = if found.is_changing() { &found.last_seen } else { &found.committed };
    if files.committed.version() != Zxid::ZERO || newest.version() == files.last_seen.version() {
        return None;
    }
    let (written, kept) = (hosts(&files.committed, me)?, hosts(newest, me)?);
    let stayed = written.iter().any(|written| kept.iter().any(|kept| may_be_one(written, kept)));
    (!stayed).then(|| Moved { written: written.join(", "), kept: kept.join(", "), newest: newest.clone() })
}

/// The hosts at which others reach this server, if it is a member.
fn hosts(config: &Config, me: ServerId) -> Option<Vec<&str>> {
    let addresses = &config.members().get(&me)?.addresses;
    Some(addresses.iter().map(|address| &*address.quorum.host).collect())
}

/// Whether both may be one machine: by its short name and its full one, by a name and by an address, or where one of them is every
/// address of whatever machine it is.
fn may_be_one(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other || one.is_unspecified() || other.is_unspecified(),
        (Err(_), Err(_)) => {
            let label = |name: &str| name.split('.').next().unwrap_or(name).to_ascii_lowercase();
            one.eq_ignore_ascii_case(other) || (one.contains('.') != other.contains('.') && label(one) == label(other))
        }
        _ => true,
    }
}

/// Whether clients are to read the committed configuration in a state. A newer one that a transaction has brought stays there:
/// a start is to find it.
pub fn is_to_show(database: &Database, committed: &Config) -> bool {
    config_of_data(database).is_none_or(|data| data.version() <= committed.version())
}

/// Has clients read it, if they [are to](is_to_show).
pub fn show_committed(database: &mut Database, committed: &Config) {
    if is_to_show(database, committed) {
        database.show_config(committed.text(), committed.version());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use paddock_consensus::config::{Config, ConfigOfData, Configs};
    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::committed_config::{self, Kept};
    use paddock_engine::database::{CONFIG_PATH, Database, Rules};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::FileSystem;
    use paddock_engine::tree::HashSeed;
    use paddock_engine::txn::{Txn, TxnHeader};

    use super::{config_of_data, disregard_former, find_moved, show_committed};

    const VERSION: i64 = 0x1_0000_0005;
    /// Of a later epoch.
    const LATER: i64 = 0x2_0000_0003;

    fn config(version: i64) -> Arc<Config> {
        Arc::new(Config::parse(&format!("server.1=a:1:2;3\nserver.2=b:1:2;3\nversion={version:x}")).unwrap())
    }

    fn configs(committed: i64, last_seen: i64) -> Configs {
        Configs { committed: config(committed), last_seen: config(last_seen) }
    }

    fn versions(found: &Configs) -> (i64, i64) {
        (found.committed.version().0, found.last_seen.version().0)
    }

    fn database() -> Database {
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        show_committed(&mut database, &config(0));
        database
    }

    fn apply(database: &mut Database, zxid: i64, txn: &Txn<'_>) {
        database.apply(&TxnHeader { client: 7, cxid: 0, zxid, time: 1 }, txn, None);
    }

    fn reconfigure(database: &mut Database, zxid: i64) {
        let config = config(zxid);
        let data = Some(config.text().as_bytes());
        apply(database, zxid, &Txn::Reconfig { path: CONFIG_PATH.into(), data, version: -1 });
    }

    fn found(files: (i64, i64), database: &Database) -> (i64, i64) {
        versions(&configs(files.0, files.1).with_data(config_of_data(database).as_ref()))
    }

    const SESSION: Txn<'static> = Txn::CreateSession { timeout: 4000 };

    #[test]
    fn the_newest_of_files_and_data_is_the_last_seen() {
        let mut database = database();
        assert_eq!(found((0, 0), &database), (0, 0), "nothing was changed");
        reconfigure(&mut database, VERSION);
        for (files, expected, why) in [
            ((0, 0), (0, VERSION), "the files are older, and it is perhaps not committed"),
            ((VERSION - 1, VERSION - 1), (VERSION - 1, VERSION), "the same"),
            ((0, VERSION), (0, VERSION), "the files have it as proposed"),
            ((VERSION, VERSION), (VERSION, VERSION), "the files have it"),
            ((VERSION + 1, VERSION + 1), (VERSION + 1, VERSION + 1), "the files are newer"),
            ((VERSION, VERSION + 2), (VERSION, VERSION + 2), "a later one is proposed"),
            ((0, VERSION + 2), (VERSION, VERSION + 2), "a later one that is proposed shows that it was made"),
            ((0, LATER), (0, VERSION), "a leader of a later epoch may have told that before its history was taken"),
            ((0, VERSION - 2), (0, VERSION), "an earlier one that was proposed does not count any more"),
        ] {
            assert_eq!(found(files, &database), expected, "{why}");
        }
        apply(&mut database, VERSION + 1, &SESSION);
        assert_eq!(found((0, 0), &database), (0, VERSION), "its leader may not have committed it");
        apply(&mut database, 0x2_0000_0001, &SESSION);
        assert_eq!(found((0, 0), &database), (VERSION, VERSION), "a later leader has a quorum for it");
    }

    #[test]
    fn what_a_server_has_shown_was_committed() {
        const STAMP: i64 = 0x1_0000_0000;
        for (version, last, expected) in [(VERSION, 9, VERSION), (STAMP, STAMP + 3, 0)] {
            let mut database = database();
            apply(&mut database, last, &SESSION);
            show_committed(&mut database, &config(version));
            assert_eq!(found((0, 0), &database), (expected, expected), "{version:x}: a stamp changes nothing");
        }
    }

    #[test]
    fn what_was_kept_as_committed_is_and_a_newer_one_of_the_log_is_proposed() {
        let mut database = database();
        reconfigure(&mut database, VERSION);
        for (kept, expected) in [(VERSION, (VERSION, VERSION)), (VERSION - 2, (VERSION - 2, VERSION))] {
            let kept = ConfigOfData::recorded(config(kept));
            let found = configs(0, 0).with_data(Some(&kept));
            assert_eq!(versions(&found.with_data(config_of_data(&database).as_ref())), expected);
        }
    }

    #[test]
    fn what_counts_no_more_is_written_once_and_covers_the_newest() {
        let files = Files::Simulated(FileSystem::new(1));
        let data_dir = Path::new("/data");
        files.create_dir(data_dir).unwrap();
        let kept = || committed_config::read(&files, data_dir).unwrap();
        let mut database = database();
        disregard_former(&files, data_dir, &database).unwrap();
        assert_eq!(kept(), Kept::default(), "there is nothing that could count");
        reconfigure(&mut database, VERSION);
        disregard_former(&files, data_dir, &database).unwrap();
        assert_eq!(kept(), Kept { committed: None, disregarded: Zxid(VERSION) });
        let later = Config::parse(config(VERSION + 2).text()).unwrap();
        let later = Kept { committed: Some(later), disregarded: Zxid(VERSION) };
        committed_config::write(&files, data_dir, &later).unwrap();
        for _ in 0..2 {
            disregard_former(&files, data_dir, &database).unwrap();
            assert_eq!(kept(), Kept { committed: None, disregarded: Zxid(VERSION + 2) });
        }
    }

    #[test]
    fn data_that_has_this_server_on_another_machine_does_not_overrule_what_an_operator_wrote() {
        let at = |host: &str, port: u16, version: i64| {
            let text = format!("server.1={host}:{port}:2;3\nserver.2=b:1:2;3\nversion={version:x}");
            Arc::new(Config::parse(&text).unwrap())
        };
        let moved = |files: &Arc<Config>, data: &Arc<Config>, me: i64| {
            let found = Configs::settled(data.clone());
            find_moved(&Configs::settled(files.clone()), &found, ServerId(me)).map(|moved| (moved.written, moved.kept))
        };
        let data = at("a", 1, VERSION);
        let copied = Some(("test".to_owned(), "a".to_owned()));
        assert_eq!(moved(&at("test", 1, 0), &data, 1), copied);
        assert_eq!(moved(&at("test", 1, 0), &data, 2), None, "it is where it was");
        assert_eq!(moved(&at("test", 1, 0), &data, 3), None, "it is in neither");
        for same in ["a", "A", "a.example.com", "10.0.0.1", "0.0.0.0"] {
            assert_eq!(moved(&at(same, 7, 0), &data, 1), None, "{same}: ports move by reconfiguration");
        }
        let data_at = |host: &str| at(host, 1, VERSION);
        assert!(moved(&at("10.0.0.1", 1, 0), &data_at("10.0.0.2"), 1).is_some());
        assert_eq!(moved(&at("0.0.0.0", 1, 0), &data_at("10.0.0.2"), 1), None, "that is any of its addresses");
        assert_eq!(moved(&at("test", 1, VERSION - 1), &data, 1), None, "servers made that list");
        let proposed = Configs { committed: at("test", 1, 0), last_seen: data.clone() };
        let files = Configs::settled(at("test", 1, 0));
        assert!(find_moved(&files, &proposed, ServerId(1)).is_some(), "a proposed one counts too");
        assert_eq!(find_moved(&proposed, &proposed, ServerId(1)), None, "its own files have that as proposed");
    }

    #[test]
    fn a_proposed_one_is_not_forgotten_by_showing_the_one_before() {
        let mut database = database();
        reconfigure(&mut database, VERSION);
        show_committed(&mut database, &config(VERSION - 1));
        assert_eq!(found((0, 0), &database), (0, VERSION));
        show_committed(&mut database, &config(VERSION + 1));
        assert_eq!(found((0, 0), &database), (VERSION + 1, VERSION + 1));
    }

    #[test]
    fn what_a_client_writes_is_no_configuration() {
        for (written, version) in [(config(VERSION), 0), (config(VERSION + 1), -1)] {
            let mut database = database();
            let data = Some(written.text().as_bytes());
            apply(&mut database, VERSION, &Txn::SetData { path: CONFIG_PATH.into(), data, version });
            assert_eq!(found((0, 0), &database), (0, 0), "{version}");
        }
        for text in ["", "version=100000005", "server.1=a:1:2;3\nserver.2=b:1\nversion=100000005"] {
            let mut database = database();
            let data = Some(text.as_bytes());
            apply(&mut database, VERSION, &Txn::Reconfig { path: CONFIG_PATH.into(), data, version: -1 });
            assert_eq!(found((0, 0), &database), (0, 0), "{text:?}");
        }
        let nothing = Database::new(HashSeed([7; 16]), Rules::default());
        assert!(config_of_data(&nothing).is_none());
    }
}
