//! What a member of an ensemble is told besides: who the others are, and how long it waits for them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config, PeerType};

use super::assembly::{Assembly, count, size};
use super::error::ConfigError;
use super::membership::{Member, Members, Membership};
use super::place::Place;
use super::quorum_security::QuorumSecurity;
use super::settings::Setting;

/// ZooKeeper raises a smaller `commitLogCount` to this.
const LEAST_COMMIT_LOG: i64 = 500;
/// What a negative `electionPortBindRetry` stands for.
const BIND_TRIES: u32 = 3;
/// Where znodes may have a time to live, one byte of a session's id is all there is for its server.
const EXTENDED_SERVER_ID_MAX: i64 = 254;

/// What a member of an ensemble is told besides. A tick is `tickTime`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// The number in `myid`, one of the members'.
    pub me: ServerId,
    /// Members, groups and weights, with the version that the name of the dynamic file has, or 0.
    pub config: Arc<Config>,
    /// A change of it that was proposed and is not known to be made.
    pub last_seen: Option<Arc<Config>>,
    /// The ensemble may be changed while it runs, and this server keeps that beside its file.
    pub reconfigures: bool,
    /// A server may stand alone, so that no change leaves one participant: `standaloneEnabled`.
    pub standalone_enabled: bool,
    /// A server may have several addresses: `multiAddress.enabled`.
    pub several_addresses: bool,
    /// Ticks that a learner and its leader have to agree and to be synchronised, at least 1.
    pub init_limit: u32,
    /// Ticks that a synchronised server may be silent, at least 1.
    pub sync_limit: u32,
    /// Ticks that a learner tries to connect to its leader; 0 is `init_limit`.
    pub connect_limit: u32,
    /// Whether a leader takes clients.
    pub leader_serves: bool,
    /// A server that has looked for a leader in vain for a while serves reads.
    pub read_only_mode: bool,
    /// The file that says whether one of two voters goes on while the other is gone.
    pub oracle: Option<PathBuf>,
    /// The ports for servers are opened at every address of the machine, not only at those of the member list.
    pub listen_on_all: bool,
    /// How long a connection to another server may take to be there, and to say who it is; at least 1 ms.
    pub connection_timeout: Duration,
    /// How often it is tried to open the election port, at least once; `None`: until it succeeds.
    pub bind_tries_max: Option<u32>,
    /// Keepalive of TCP on connections between servers.
    pub tcp_keep_alive: bool,
    /// Between two notifications of a server that hears nothing: at first, and at most; at least 1 ms.
    pub notification_interval_min: Duration,
    pub notification_interval_max: Duration,
    /// How long a leader waits for a quorum to tell its epochs; `None`: a tick.
    pub epoch_wait_max: Option<Duration>,
    /// An observer that lost its master waits a random time up to this before it looks again.
    pub observer_election_delay_max: Duration,
    /// A follower serves observers at this port of its own, and an observer asks the others at it: the same for all servers.
    pub observer_master_port: Option<u16>,
    /// An observer waits a random time up to this before it connects to its leader, or asks all observer masters once more.
    pub observer_reconnect_delay_max: Duration,
    /// Transactions that stay in memory for learners, at least 500.
    pub commit_log_count: usize,
    /// A server without data is one that never had any.
    pub autocreate: bool,
    /// Every learner is brought a full copy.
    pub force_snapshot: bool,
    /// What Paddocks can beyond ZooKeeper's protocol is used among them.
    pub has_features: bool,
    /// A leader that has given so many zxids of its epoch begins the next one.
    pub renew_from: u32,
    /// How servers make sure of each other.
    pub security: QuorumSecurity,
}

impl Assembly<'_> {
    /// What a member is told, if this server is one, and its own line, if it has one.
    pub(super) fn ensemble(
        &mut self,
        server_id: Option<i64>,
        data_dir: &Path,
    ) -> Result<(Option<Ensemble>, Option<Member>), ConfigError> {
        self.refuse_requirements()?;
        match self.membership()? {
            Membership::Alone(member) => Ok((None, member)),
            Membership::Ensemble(members) => {
                let (ensemble, me) = self.ensemble_of(&members, server_id, data_dir)?;
                Ok((Some(ensemble), Some(me)))
            }
        }
    }

    /// What a member is told, and its own line of `members`.
    fn ensemble_of(
        &mut self,
        members: &Members,
        server_id: Option<i64>,
        data_dir: &Path,
    ) -> Result<(Ensemble, Member), ConfigError> {
        let config = members.config()?;
        let init_limit = self.limit(members, "initLimit", "10, the ticks that a server has to join its leader")?;
        let sync_limit = self.limit(members, "syncLimit", "5, the ticks that a server may be silent")?;
        let me = self.me(members, server_id, data_dir)?.clone();
        let security = self.quorum_security()?;
        self.remark_peer_type(&me);
        let reconfigures = self.reconfigures();
        let last_seen = self.last_seen(members, reconfigures)?;
        self.remark_oracle(config.quorum().voters().count());
        let ensemble = Ensemble {
            me: me.id,
            config: Arc::new(config),
            last_seen: last_seen.map(Arc::new),
            reconfigures,
            standalone_enabled: self.flag("standaloneEnabled"),
            several_addresses: self.flag("multiAddress.enabled"),
            init_limit,
            sync_limit,
            connect_limit: count(self.number("connectToLearnerMasterLimit")),
            leader_serves: self.flag("leaderServes"),
            read_only_mode: self.flag("readonlymode.enabled"),
            oracle: self.text("oraclePath").map(PathBuf::from),
            listen_on_all: self.flag("quorumListenOnAllIPs"),
            connection_timeout: self.millis("cnxTimeout"),
            bind_tries_max: self.bind_tries_max(),
            tcp_keep_alive: self.flag("tcpKeepAlive"),
            notification_interval_min: self.millis("fastleader.minNotificationInterval"),
            notification_interval_max: self.millis("fastleader.maxNotificationInterval"),
            epoch_wait_max: u64::try_from(self.number("leader.maxTimeToWaitForEpoch")).ok().map(Duration::from_millis),
            observer_election_delay_max: Duration::from_millis(count(self.number("observer.election.DelayMs")).into()),
            observer_master_port: self.observer_master_port(&me)?,
            observer_reconnect_delay_max: Duration::from_millis(count(self.number("observer.reconnectDelayMs")).into()),
            commit_log_count: size(self.at_least("commitLogCount", LEAST_COMMIT_LOG)),
            autocreate: self.flag("db.autocreate"),
            force_snapshot: self.flag("forceSnapshotSync"),
            has_features: self.flag("paddock.ensemble.features"),
            renew_from: count(self.number("paddock.ensemble.renewFrom")),
            security,
        };
        Ok((ensemble, me))
    }

    /// A number of ticks that must be there. `example` is one with what it means.
    fn limit(&self, members: &Members, key: &'static str, example: &str) -> Result<u32, ConfigError> {
        match self.settings.given(key) {
            None => {
                let Member { place, key: first, .. } = members.first().clone();
                let problem = format!("an ensemble needs {key}, which is not set; add {key}={example}");
                Err(ConfigError::Refused { place, key: first, problem })
            }
            Some(Setting { place, spelled, .. }) => match count(self.number(key)) {
                0 => {
                    let problem = format!("an ensemble cannot do with 0 ticks; write {key}={example}");
                    Err(ConfigError::Refused { place: place.clone(), key: spelled.clone(), problem })
                }
                ticks => Ok(ticks),
            },
        }
    }

    /// The member that this server is.
    fn me<'a>(&self, members: &'a Members, server_id: Option<i64>, data_dir: &Path) -> Result<&'a Member, ConfigError> {
        let wrong = |problem| Err(ConfigError::ServerId { file: data_dir.join("myid"), problem });
        let first = members.first();
        let Some(id) = server_id else { return Err(self.without_id(&first.place, data_dir)) };
        let Some(me) = members.get(ServerId(id)) else {
            // A change of the ensemble has left it out, or it was started to join and learnt of the others too soon.
            let advice = match self.flag("reconfigEnabled") && self.settings.given("dynamicConfigFile").is_some() {
                true => {
                    "to have it in the ensemble, start it with a zoo.cfg that lists that and this server, and reconfig -add it"
                }
                false => "write the N of this server's line",
            };
            return wrong(format!(
                "the server id is {id}, but there is no server.{id} in the member list ({}); {advice}",
                first.place
            ));
        };
        if id > EXTENDED_SERVER_ID_MAX && self.flag("extendedTypesEnabled") {
            return wrong(format!(
                "the server id is {id}, and with extendedTypesEnabled it is at most {EXTENDED_SERVER_ID_MAX}; give this server \
                 a smaller one, here and in the member list ({}), or set extendedTypesEnabled=false",
                me.place
            ));
        }
        Ok(me)
    }

    /// There is no `myid`; `ensemble` is where the member list stands.
    fn without_id(&self, ensemble: &Place, data_dir: &Path) -> ConfigError {
        let failure = |file: &Path| (self.outside.read)(file).err().map(|error| error.kind());
        let advice = "write the N of this server's server.N";
        let file = data_dir.join("myid");
        let (file, problem) = match failure(&file) {
            Some(ErrorKind::NotADirectory) => (
                data_dir.to_owned(),
                format!(
                    "the dataDir is no directory, and a member of an ensemble ({ensemble}) needs one; correct dataDir"
                ),
            ),
            Some(ErrorKind::NotFound) if failure(data_dir) == Some(ErrorKind::NotFound) => (
                data_dir.to_owned(),
                format!(
                    "the dataDir does not exist, and a member of an ensemble ({ensemble}) needs it with a file myid; correct \
                     dataDir, or create it and {advice} into that file"
                ),
            ),
            _ => (
                file,
                format!("the file is missing, and a member of an ensemble ({ensemble}) needs it; {advice} into it"),
            ),
        };
        ConfigError::ServerId { file, problem }
    }

    /// The role of the line counts.
    fn remark_peer_type(&mut self, me: &Member) {
        let Some(Setting { text, place, spelled, .. }) = self.settings.given("peerType").cloned() else { return };
        let of_line = match me.line.member.peer_type {
            PeerType::Participant => "participant",
            PeerType::Observer => "observer",
        };
        if !text.eq_ignore_ascii_case(of_line) {
            let remark = format!("{spelled}: {text} does not count, because {} ({}) says {of_line}", me.key, me.place);
            self.settings.warn(&place, remark);
        }
    }

    /// A reconfiguration may leave two of them.
    fn remark_oracle(&mut self, participants: usize) {
        let Some(Setting { place, spelled, .. }) = self.settings.given("oraclePath").cloned() else { return };
        if participants != 2 {
            let remark = format!(
                "{spelled}: an oracle speaks for one of two participants, and there are {participants}; it is not asked"
            );
            self.settings.warn(&place, remark);
        }
    }

    /// Whether the ensemble may be changed while this server runs, which writes that beside its file.
    fn reconfigures(&mut self) -> bool {
        if !self.flag("reconfigEnabled") {
            return false;
        }
        if self.file.is_none() {
            let Setting { place, spelled, .. } =
                self.settings.given("reconfigEnabled").expect("the default is no").clone();
            let remark = format!(
                "{spelled}: a server without a file has nowhere to keep changes of the ensemble, so every reconfig is refused; \
                 give it a zoo.cfg"
            );
            self.settings.warn(&place, remark);
        }
        self.file.is_some()
    }

    /// A change that was proposed and is not known to be made.
    fn last_seen(&self, members: &Members, reconfigures: bool) -> Result<Option<Config>, ConfigError> {
        // Members in the file itself may be an operator's newer ones, and count as they are where none are proposed.
        match reconfigures || self.settings.given("dynamicConfigFile").is_some() {
            true => self.begun_change(members.version, reconfigures),
            false => Ok(None),
        }
    }

    /// 0 is none.
    fn observer_master_port(&self, me: &Member) -> Result<Option<u16>, ConfigError> {
        let port = u16::try_from(self.number("observerMasterPort")).ok().filter(|port| *port != 0);
        let Some((port, Setting { place, spelled, .. })) = port.zip(self.settings.given("observerMasterPort")) else {
            return Ok(None);
        };
        match me.ports().find(|other| other.port == port) {
            None => Ok(Some(port)),
            Some(other) => {
                let problem = format!("{port} is the port of {other} too ({}); give observers another", me.place);
                Err(ConfigError::Refused { place: place.clone(), key: spelled.clone(), problem })
            }
        }
    }

    /// 0 is without end; what is less, ZooKeeper passes over.
    fn bind_tries_max(&mut self) -> Option<u32> {
        let tries = self.number("electionPortBindRetry");
        if let (..0, Some(Setting { place, spelled, .. })) =
            (tries, self.settings.given("electionPortBindRetry").cloned())
        {
            self.settings.warn(&place, format!("{spelled}: {tries} is too small; {BIND_TRIES} is used"));
        }
        match tries {
            ..0 => Some(BIND_TRIES),
            0 => None,
            tries => Some(count(tries)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use paddock_consensus::Zxid;

    use super::super::{Config, ConfigError, Loaded, NewSessions};
    use super::*;

    const THREE: &str = "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888";
    /// Three lines, so that what a test adds begins in the fourth.
    const STATIC: &str = "dataDir=/data\ninitLimit=10\nsyncLimit=5\n";

    /// Server 1 with `lines` from the fourth on.
    fn serve(lines: &str) -> Result<Loaded, ConfigError> {
        serve_as("1", &format!("{STATIC}{lines}"), &[])
    }

    fn serve_as(myid: &str, text: &str, files: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let mut all = vec![("zoo.cfg", text), ("/data/myid", myid)];
        all.extend(files);
        assemble_in(&all, Some("zoo.cfg"), &[])
    }

    fn config(lines: &str) -> Config {
        serve(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}")).config
    }

    #[test]
    fn a_usual_file() {
        let Loaded { config, warnings } = serve(&format!("clientPort=2181\n{THREE}")).expect("well formed");
        assert_eq!(warnings, []);
        assert_eq!(config.client_address.expect("an address").to_string(), "0.0.0.0:2181");
        let ensemble = config.ensemble.expect("three participants");
        let text = "server.1=a:2888:3888:participant\nserver.2=b:2888:3888:participant\nserver.3=c:2888:3888:participant\n\
                    version=0";
        assert_eq!(ensemble.config.text(), text);
        let expected = Ensemble {
            me: ServerId(1),
            config: ensemble.config.clone(),
            last_seen: None,
            reconfigures: false,
            standalone_enabled: true,
            several_addresses: false,
            init_limit: 10,
            sync_limit: 5,
            connect_limit: 0,
            leader_serves: true,
            read_only_mode: false,
            oracle: None,
            listen_on_all: false,
            connection_timeout: Duration::from_secs(5),
            bind_tries_max: Some(3),
            tcp_keep_alive: false,
            notification_interval_min: Duration::from_millis(200),
            notification_interval_max: Duration::from_secs(60),
            epoch_wait_max: None,
            observer_election_delay_max: Duration::from_millis(200),
            observer_master_port: None,
            observer_reconnect_delay_max: Duration::ZERO,
            commit_log_count: 500,
            autocreate: true,
            force_snapshot: false,
            has_features: true,
            renew_from: 0xffff_f000,
            security: QuorumSecurity::default(),
        };
        assert_eq!(ensemble, expected);
    }

    #[test]
    fn every_key_reaches_its_field() {
        let ensemble = |line: &str| config(&format!("clientPort=2181\n{THREE}\n{line}")).ensemble.expect("an ensemble");
        let differs = |line: &str, field: &dyn Fn(&Ensemble) -> String, expected: &str| {
            assert_eq!(field(&ensemble(line)), expected, "{line}");
            assert_ne!(field(&ensemble("")), expected, "{line} is the default");
        };
        differs("reconfigEnabled=true", &|e| e.reconfigures.to_string(), "true");
        differs("multiAddress.enabled=true", &|e| e.several_addresses.to_string(), "true");
        differs("standaloneEnabled=false", &|e| e.standalone_enabled.to_string(), "false");
        differs("initLimit=7", &|e| e.init_limit.to_string(), "7");
        differs("syncLimit=7", &|e| e.sync_limit.to_string(), "7");
        differs("connectToLearnerMasterLimit=7", &|e| e.connect_limit.to_string(), "7");
        differs("leaderServes=no", &|e| e.leader_serves.to_string(), "false");
        differs("readonlymode.enabled=true", &|e| e.read_only_mode.to_string(), "true");
        differs("observerMasterPort=7", &|e| format!("{:?}", e.observer_master_port), "Some(7)");
        differs("observer.reconnectDelayMs=7", &|e| format!("{:?}", e.observer_reconnect_delay_max), "7ms");
        differs("oraclePath=/oracle", &|e| format!("{:?}", e.oracle), "Some(\"/oracle\")");
        differs("quorumListenOnAllIPs=true", &|e| e.listen_on_all.to_string(), "true");
        differs("cnxTimeout=7", &|e| format!("{:?}", e.connection_timeout), "7ms");
        differs("electionPortBindRetry=7", &|e| format!("{:?}", e.bind_tries_max), "Some(7)");
        differs("electionPortBindRetry=0", &|e| format!("{:?}", e.bind_tries_max), "None");
        differs("tcpKeepAlive=true", &|e| e.tcp_keep_alive.to_string(), "true");
        differs("fastleader.minNotificationInterval=7", &|e| format!("{:?}", e.notification_interval_min), "7ms");
        differs("fastleader.maxNotificationInterval=7", &|e| format!("{:?}", e.notification_interval_max), "7ms");
        differs("leader.maxTimeToWaitForEpoch=7", &|e| format!("{:?}", e.epoch_wait_max), "Some(7ms)");
        differs("maxTimeToWaitForEpoch=0", &|e| format!("{:?}", e.epoch_wait_max), "Some(0ns)");
        differs("observer.election.DelayMs=7", &|e| format!("{:?}", e.observer_election_delay_max), "7ms");
        differs("observer.election.DelayMs=-7", &|e| format!("{:?}", e.observer_election_delay_max), "0ns");
        differs("commitLogCount=700", &|e| e.commit_log_count.to_string(), "700");
        differs("db.autocreate=false", &|e| e.autocreate.to_string(), "false");
        differs("forceSnapshotSync=true", &|e| e.force_snapshot.to_string(), "true");
        differs("paddock.ensemble.features=false", &|e| e.has_features.to_string(), "false");
        differs("paddock.ensemble.renewFrom=700", &|e| e.renew_from.to_string(), "700");
    }

    #[test]
    fn clients_have_a_port_that_servers_have_not() {
        let others = "server.2=b:2888:3888";
        for (lines, expected) in [
            (
                "clientPort=2888\nserver.1=a:2888:3888",
                "zoo.cfg:4: clientPort: the client address 0.0.0.0:2888 and a:2888 of server.1 (zoo.cfg:5), where other servers \
                 connect, are one port; give clients another",
            ),
            (
                "clientPort=3888\nserver.1=a:2888:3888",
                "zoo.cfg:4: clientPort: the client address 0.0.0.0:3888 and a:3888 of",
            ),
            (
                "server.1=a:2888:3888;3888",
                "zoo.cfg:4: server.1: the client address 0.0.0.0:3888 and a:3888 of server.1",
            ),
            (
                "clientPort=2888\nclientPortAddress=10.0.0.7\nserver.1=0.0.0.0:2888:3888",
                "zoo.cfg:4: clientPort: the client address 10.0.0.7:2888 and 0.0.0.0:2888 of server.1",
            ),
            (
                "clientPort=2888\nclientPortAddress=10.0.0.7\nserver.1=db.example:2888:3888",
                "zoo.cfg:4: clientPort: the client address 10.0.0.7:2888 and db.example:2888 of server.1",
            ),
            (
                "clientPort=2888\nclientPortAddress=10.0.0.7\nserver.1=10.0.0.8:2888:3888\nquorumListenOnAllIPs=true",
                "zoo.cfg:4: clientPort: the client address 10.0.0.7:2888 and 10.0.0.8:2888 of server.1",
            ),
        ] {
            let error = serve(&format!("{lines}\n{others}")).expect_err(lines).to_string();
            assert!(error.starts_with(expected), "{lines:?}: {error}");
        }
        for lines in [
            "clientPort=2888\nclientPortAddress=10.0.0.7\nserver.1=10.0.0.8:2888:3888",
            "clientPort=2888\nclientPortAddress=10.0.0.7\nserver.1=nowhere:2888:3888",
            "clientPort=2889\nserver.1=a:2888:3888\nserver.3=c:2889:3889",
        ] {
            assert!(serve(&format!("{lines}\n{others}")).is_ok(), "{lines:?}");
        }
    }

    #[test]
    fn observers_have_a_port_that_servers_have_not() {
        let error = serve(&format!("clientPort=2181\n{THREE}\nobserverMasterPort=3888")).expect_err("it is taken");
        let expected =
            "zoo.cfg:8: observerMasterPort: 3888 is the port of a:3888 too (zoo.cfg:5); give observers another";
        assert_eq!(error.to_string(), expected);
        assert_eq!(
            config(&format!("clientPort=2181\n{THREE}\nobserverMasterPort=0")).ensemble.unwrap().observer_master_port,
            None
        );
    }

    const DYNAMIC: &str = "clientPort=2181\ndynamicConfigFile=/etc/zoo.cfg.dynamic.1a00000002";

    #[test]
    fn client_addresses() {
        for (lines, expected) in [
            ("clientPort=2182\nserver.1=a:1:2\nserver.2=b:1:2;5", "0.0.0.0:2182"),
            ("clientPort=2182\nclientPortAddress=::1\nserver.1=a:1:2\nserver.2=b:1:2", "[::1]:2182"),
            ("server.1=a:1:2;2182\nserver.2=b:1:2;5", "0.0.0.0:2182"),
            ("server.1=a:1:2;db.example:2182\nserver.2=b:1:2;nowhere:5", "10.0.0.7:2182"),
            ("clientPort=2182\nserver.1=a:1:2;127.0.0.1:2182\nserver.2=b:1:2", "127.0.0.1:2182"),
            ("clientPort=7\nclientPortAddress=10.0.0.7\nserver.1=a:1:2;db.example:7\nserver.2=b:1:2", "10.0.0.7:7"),
        ] {
            assert_eq!(config(lines).client_address.expect("an address").to_string(), expected, "{lines:?}");
        }
    }

    #[test]
    fn configurations() {
        for (lines, expected) in [
            ("standaloneEnabled=false\nserver.1=a:1:2", "server.1=a:1:2:participant\nversion=0"),
            (
                "server.1=a:1:2\nserver.3=[::1]:1:2:observer;[::2]:5\nserver.2=b:1:2",
                "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n\
                 server.3=[0:0:0:0:0:0:0:1]:1:2:observer;[0:0:0:0:0:0:0:2]:5\nversion=0",
            ),
            (
                "multiAddress.enabled=true\nserver.1=a:1:2|b:3:4\nserver.2=c:1:2",
                "server.1=a:1:2|b:3:4:participant\nserver.2=c:1:2:participant\nversion=0",
            ),
            (
                "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1\ngroup.2=2\nweight.2=3",
                "server.1=a:1:2:participant\nserver.2=b:1:2:participant\ngroup.1=1\ngroup.2=2\nweight.1=1\nweight.2=3\n\
                 version=0",
            ),
        ] {
            let ensemble = config(&format!("clientPort=2181\n{lines}")).ensemble.expect(lines);
            assert_eq!(ensemble.config.text(), expected);
        }
        let observer = serve_as(
            "3",
            &format!("{STATIC}clientPort=2181\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer"),
            &[],
        );
        assert_eq!(observer.expect("an observer").config.ensemble.expect("an ensemble").me, ServerId(3));
    }

    #[test]
    fn a_dynamic_file_as_zookeeper_writes_it() {
        let list = "server.1=a:1:2:participant;0.0.0.0:2182\nserver.2=b:1:2:participant;0.0.0.0:2182\n\
                    server.3=c:1:2:observer;0.0.0.0:2182";
        let text = format!("{STATIC}dynamicConfigFile=/etc/zoo.cfg.dynamic.1a00000002");
        let version = |next: &str| {
            let files = [("/etc/zoo.cfg.dynamic.1a00000002", list), ("zoo.cfg.dynamic.next", next)];
            serve_as("1", &text, if next.is_empty() { &files[..1] } else { &files })
        };
        let config = version("").expect("well formed").config;
        assert_eq!(config.client_address.expect("an address").to_string(), "0.0.0.0:2182");
        let expected = format!("{list}\nversion=1a00000002");
        assert_eq!(config.ensemble.expect("two participants").config.text(), expected);
        for left_behind in ["version=1a00000002", "server.1=a:1:2\nversion=5", "server.1=a:1:2"] {
            assert!(version(left_behind).is_ok(), "{left_behind}");
        }
        for begun in ["server.1=a:1:2\nversion=1a00000003", "\nversion=x"] {
            let error = version(begun).expect_err(begun).to_string();
            let expected =
                "zoo.cfg.dynamic.next:2: version: this change of the ensemble was begun and is not known to be made";
            assert!(error.starts_with(expected), "{begun}: {error}");
        }
        // A server alone changes with nobody.
        let files = [("/etc/zoo.dynamic", "server.1=a:1:2;5"), ("zoo.cfg.dynamic.next", "version=7")];
        let alone = serve_as("1", &format!("{STATIC}dynamicConfigFile=/etc/zoo.dynamic"), &files).expect("alone");
        assert_eq!(alone.config.ensemble, None);
    }

    #[test]
    fn a_change_that_was_begun_goes_on_where_the_ensemble_may_be_changed() {
        let lists = ["server.1=a:1:2;2181\nserver.2=b:1:2", "server.1=a:1:2;2181\nserver.2=b:1:2\nserver.3=c:1:2"];
        let [dynamic, fixed] = [
            format!("{STATIC}reconfigEnabled=true\ndynamicConfigFile=/etc/zoo.cfg.dynamic.1a00000002"),
            format!("{STATIC}reconfigEnabled=true\n{}", lists[0]),
        ];
        let last_seen = |text: &str, next: &str| {
            let files = [("/etc/zoo.cfg.dynamic.1a00000002", lists[0]), ("zoo.cfg.dynamic.next", next)];
            serve_as("1", text, &files).map(|loaded| loaded.config.ensemble.expect("an ensemble").last_seen)
        };
        let next = format!("{}\nversion=1a00000003", lists[1]);
        for text in [&dynamic, &fixed] {
            let config = last_seen(text, &next).expect("well formed").expect("it is newer");
            assert_eq!((config.version(), config.members().len()), (Zxid(0x1a_0000_0003), 3));
        }
        let made = format!("{}\nversion=1a00000002", lists[1]);
        assert_eq!(last_seen(&dynamic, &made).expect("well formed"), None);
        let error = last_seen(&dynamic, "server.1=a:1\nversion=1a00000003").expect_err("no port").to_string();
        assert!(error.starts_with("zoo.cfg.dynamic.next:1: server.1: \"a:1\" lacks a port"), "{error}");
        let error = last_seen(&dynamic, "server.1=a:1:2\nversion=x").expect_err("no version").to_string();
        assert!(error.starts_with("zoo.cfg.dynamic.next:2: version: \"x\" is not a version"), "{error}");
        for damaged in ["", lists[1]] {
            let error = last_seen(&dynamic, damaged).expect_err("no version").to_string();
            assert!(error.starts_with("zoo.cfg.dynamic.next: version is not set; "), "{error}");
        }
    }

    #[test]
    fn a_server_that_was_removed_is_told_how_it_comes_back() {
        let text = format!("{STATIC}reconfigEnabled=true\ndynamicConfigFile=/etc/zoo.cfg.dynamic.1a00000002");
        let files = [("/etc/zoo.cfg.dynamic.1a00000002", "server.1=a:1:2;2181\nserver.2=b:1:2;2181")];
        let error = serve_as("3", &text, &files).expect_err("it is none of them").to_string();
        let expected = "/data/myid: the server id is 3, but there is no server.3 in the member list \
                        (/etc/zoo.cfg.dynamic.1a00000002:1); to have it in the ensemble, start it with a zoo.cfg that lists \
                        that and this server, and reconfig -add it";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_server_without_a_file_keeps_no_changes() {
        let options = [
            ("server.1", "a:1:2"),
            ("server.2", "b:1:2"),
            ("server.3", "c:1:2"),
            ("initLimit", "10"),
            ("syncLimit", "5"),
            ("reconfigEnabled", "true"),
        ];
        let loaded = assemble_in(&[("./paddock-data/myid", "2")], None, &options).expect("well formed");
        assert!(!loaded.config.ensemble.expect("three participants").reconfigures);
        let remark =
            "command line: -DreconfigEnabled: a server without a file has nowhere to keep changes of the ensemble";
        assert!(loaded.warnings.iter().any(|warning| warning.to_string().starts_with(remark)), "{:?}", loaded.warnings);
    }

    #[test]
    fn local_sessions_are_as_the_file_says() {
        let new_sessions = |lines: &str| config(&format!("clientPort=2181\n{THREE}\n{lines}")).new_sessions;
        let local = "localSessionsEnabled=true";
        let upgrading = "localSessionsUpgradingEnabled=true";
        assert_eq!(new_sessions(local), NewSessions::Local { may_upgrade: false });
        assert_eq!(new_sessions(&format!("{local}\n{upgrading}")), NewSessions::Local { may_upgrade: true });
        assert_eq!(new_sessions(upgrading), NewSessions::Global);
        assert_eq!(new_sessions("paddock.standalone.localSessions=true"), NewSessions::Global);
    }

    #[test]
    fn an_ensemble_without_a_file() {
        let options = [("server.1", "a:1:2"), ("server.2", "b:1:2"), ("initLimit", "10"), ("syncLimit", "5")];
        let files = [("./paddock-data/myid", "2")];
        let config = assemble_in(&files, None, &options).expect("well formed").config;
        assert_eq!(config.client_address.expect("an address").to_string(), "127.0.0.1:2181");
        assert_eq!(config.ensemble.expect("two participants").me, ServerId(2));
        let error = assemble_in(&files, None, &options[..3]).expect_err("no syncLimit").to_string();
        assert!(error.starts_with("command line: server.1: an ensemble needs syncLimit, which is not set"), "{error}");
    }

    #[test]
    fn refusals() {
        for (lines, expected) in [
            ("", "zoo.cfg: clientPort is not set; add clientPort=2181, the port to which clients connect"),
            (
                "clientPort=2181\ninitLimit=0",
                "zoo.cfg:8: initLimit: an ensemble cannot do with 0 ticks; write initLimit=10, the ticks that a server has",
            ),
            (
                "clientPort=2181\nsyncLimit=0",
                "zoo.cfg:8: syncLimit: an ensemble cannot do with 0 ticks; write syncLimit=5, the ticks that a server may",
            ),
            (
                "clientPort=2181\ninitLimit=-1",
                "zoo.cfg:8: initLimit: -1 is too small; expected ticks, a whole number from 0",
            ),
            ("clientPort=2181\ncnxTimeout=0", "zoo.cfg:8: cnxTimeout: 0 is too small; expected milliseconds, a whole"),
            (
                "clientPort=2181\nfastleader.minNotificationInterval=0",
                "zoo.cfg:8: fastleader.minNotificationInterval: 0 is too small; expected milliseconds, a whole",
            ),
            ("clientPort=2181\nelectionAlg=1", "zoo.cfg:8: electionAlg: 1 is too small; expected 3"),
            (
                "clientPort=2181\npeerType=leader",
                "zoo.cfg:8: peerType: \"leader\" is not known; expected participant or observer",
            ),
            (
                "clientPort=5\nserver.1=a:1:2;6",
                "zoo.cfg:7: clientPort: the client address 0.0.0.0:5 is not the 0.0.0.0:6 of",
            ),
            ("server.1=a:1:2;nowhere:5", "zoo.cfg:7: server.1: the host \"nowhere\" has no address: "),
            (
                "clientPort=2181\nserver.4=a:1:2|b:1:2",
                "zoo.cfg:8: server.4: the server has several addresses; expected one address, or multiAddress.enabled=true",
            ),
            (
                "clientPort=2181\ngroup.1=1:2",
                "zoo.cfg:6: server.3: server 3 is in no group; expected each participant in one group.N line",
            ),
            (
                "clientPort=2181\ngroup.1=1:2:3\ngroup.2=3",
                "zoo.cfg:9: group.2: server 3 is in a group already; expected each participant in one group.N line",
            ),
            (
                "clientPort=2181\ngroup.1=1:2:3:4",
                "zoo.cfg:8: group.1: server 4 is in a group and no participant; expected each participant in one",
            ),
            (
                "clientPort=2181\nweight.1=2",
                "zoo.cfg:4: server.1: server 1 is in no group; expected each participant in one",
            ),
            (
                "clientPort=2181\ngroup.x=1",
                "zoo.cfg:8: group.x: \"x\" is not a group; expected group.N with a whole number N",
            ),
            (
                "clientPort=2181\ngroup.1=1:x",
                "zoo.cfg:8: group.1: \"x\" is not a server id; expected server ids with colons",
            ),
            (
                "clientPort=2181\nweight.1=x",
                "zoo.cfg:8: weight.1: \"x\" is not a weight; expected a whole number, 0 or more",
            ),
            (
                "clientPort=2181\nweight.x=1",
                "zoo.cfg:8: weight.x: \"x\" is not a server id; expected weight.N with a whole",
            ),
        ] {
            let error = serve(&format!("{THREE}\n{lines}")).expect_err(lines).to_string();
            assert!(error.starts_with(expected), "{lines:?}: {error}");
        }
        for (text, expected) in [
            (
                "syncLimit=5",
                "zoo.cfg:4: server.1: an ensemble needs initLimit, which is not set; add initLimit=10, the ticks that a \
                 server has to join its leader",
            ),
            (
                "initLimit=5",
                "zoo.cfg:4: server.1: an ensemble needs syncLimit, which is not set; add syncLimit=5, the ticks that a \
                 server may be silent",
            ),
        ] {
            let text = format!("dataDir=/data\nclientPort=2181\n{text}\n{THREE}");
            let error = serve_as("1", &text, &[]).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let files = [("/etc/zoo.cfg.dynamic.1a00000002", "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1")];
        let error = serve_as("1", &format!("{STATIC}{DYNAMIC}"), &files).expect_err("no group").to_string();
        assert!(error.starts_with("/etc/zoo.cfg.dynamic.1a00000002:2: server.2: server 2 is in no group; "), "{error}");
    }

    #[test]
    fn server_ids() {
        let text = format!("{STATIC}clientPort=2181\n{THREE}\nserver.255=d:1:2\nserver.254=e:1:2");
        let extended = format!("{text}\nextendedTypesEnabled=true");
        for (myid, text, expected) in [
            (
                "4",
                &text,
                "/data/myid: the server id is 4, but there is no server.4 in the member list (zoo.cfg:5); write the N of",
            ),
            (
                "-1",
                &text,
                "/data/myid: the server id is -1, but there is no server.-1 in the member list (zoo.cfg:5); write",
            ),
            ("x", &text, "/data/myid: the first line, \"x\", is not a server id; write the N of server.N"),
            (
                "255",
                &extended,
                "/data/myid: the server id is 255, and with extendedTypesEnabled it is at most 254; give this server a \
                 smaller one, here and in the member list (zoo.cfg:8), or set extendedTypesEnabled=false",
            ),
        ] {
            let error = serve_as(myid, text, &[]).expect_err(myid).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let without = |data_dir: &[(&str, &str)]| {
            let files = [&[("zoo.cfg", text.as_str())], data_dir].concat();
            assemble_in(&files, Some("zoo.cfg"), &[]).expect_err("no myid").to_string()
        };
        let expected = "/data/myid: the file is missing, and a member of an ensemble (zoo.cfg:5) needs it; write the N of this \
                        server's server.N into it";
        assert_eq!(without(&[("/data/version-2", "")]), expected);
        let expected = "/data: the dataDir does not exist, and a member of an ensemble (zoo.cfg:5) needs it with a file myid; \
                        correct dataDir, or create it and write the N of this server's server.N into that file";
        assert_eq!(without(&[]), expected);
        let expected =
            "/data: the dataDir is no directory, and a member of an ensemble (zoo.cfg:5) needs one; correct dataDir";
        assert_eq!(without(&[("/data", "text")]), expected);
        for (myid, text) in [("255", &text), ("254", &extended)] {
            assert!(serve_as(myid, text, &[]).is_ok(), "{myid}");
        }
    }

    #[test]
    fn remarks() {
        for (lines, expected) in [
            (
                "server.2=b:1:2",
                "zoo.cfg:4: server.1: the ensemble serves only while every participant does; add participants, three bear",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2",
                "zoo.cfg:4: server.1: an even number of participants bears no more losses than one participant less; make",
            ),
            (
                "standaloneEnabled=false",
                "zoo.cfg:4: server.1: the ensemble serves only while every participant does; add participants, three bear",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\npeerType=Observer",
                "zoo.cfg:8: peerType: Observer does not count, because server.1 (zoo.cfg:4) says participant",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\nelectionPortBindRetry=-1",
                "zoo.cfg:8: electionPortBindRetry: -1 is too small; 3 is used",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\ncommitLogCount=499",
                "zoo.cfg:8: commitLogCount: 499 is too small; 500 is used",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\npaddock.standalone.localSessions=false",
                "zoo.cfg:8: paddock.standalone.localSessions: a member of an ensemble goes by localSessionsEnabled",
            ),
            (
                "server.2=b:1:2\nserver.3=c:1:2\noraclePath=/oracle",
                "zoo.cfg:8: oraclePath: an oracle speaks for one of two participants, and there are 3; it is not asked",
            ),
        ] {
            let text = format!("{STATIC}server.1=a:1:2\nclientPort=2181\n{lines}");
            let mut warnings = serve_as("1", &text, &[]).expect(lines).warnings;
            // Of two lines of one key the first is told not to count.
            warnings.retain(|warning| !warning.text.contains("this value does not count"));
            let [warning] = warnings.as_slice() else { panic!("{lines:?}: {warnings:?}") };
            assert!(warning.to_string().starts_with(expected), "{lines:?}: {warning}");
        }
        for lines in [
            "server.2=b:1:2\nserver.3=c:1:2\nreconfigEnabled=true",
            "server.2=b:1:2\nserver.3=c:1:2\npeerType=PARTICIPANT",
            "server.2=b:1:2\ngroup.1=1\ngroup.2=2",
            "server.2=b:1:2\noraclePath=/oracle",
            "server.2=b:1:2\nserver.3=c:1:2;1;2281\nserver.4=d:1:2:observer",
        ] {
            let text = format!("{STATIC}server.1=a:1:2\nclientPort=2181\n{lines}");
            assert_eq!(serve_as("1", &text, &[]).expect(lines).warnings, [], "{lines}");
        }
    }
}
