//! The reply to the four-letter word `conf`.

use std::path::PathBuf;

use paddock_consensus::ServerId;
use paddock_consensus::config::PeerType;

/// What `conf` tells of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfReply {
    /// The ports that are bound: of clients, and of those that speak TLS.
    pub client_port: Option<u16>,
    pub secure_client_port: Option<u16>,
    /// The directories that hold the files themselves, absolute.
    pub data_dir: PathBuf,
    pub data_log_dir: PathBuf,
    /// Bytes of the files in them.
    pub data_dir_bytes: u64,
    pub data_log_dir_bytes: u64,
    /// Times in ms.
    pub tick_time: i32,
    pub min_session_timeout: i32,
    pub max_session_timeout: i32,
    /// Of one address; 0 is no limit.
    pub max_client_cnxns: u32,
    /// -1 leaves it to the system.
    pub listen_backlog: i32,
    /// `None`: the server stands alone.
    pub ensemble: Option<EnsembleConf>,
}

/// What `conf` tells besides of a member of an ensemble.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnsembleConf {
    pub me: ServerId,
    /// Ticks.
    pub init_limit: u32,
    pub sync_limit: u32,
    /// Of this server's addresses, each once.
    pub election_ports: Vec<u16>,
    pub quorum_ports: Vec<u16>,
    pub peer_type: PeerType,
    /// The text of the configuration: members, groups, weights and the version.
    pub membership: String,
}

impl EnsembleConf {
    /// The lines that follow; the last has no end, as ZooKeeper's has none.
    fn render(&self) -> String {
        let ports = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join("|");
        let peer_type = match self.peer_type {
            PeerType::Participant => 0,
            PeerType::Observer => 1,
        };
        format!(
            "initLimit={}\nsyncLimit={}\nelectionAlg=3\nelectionPort={}\nquorumPort={}\npeerType={peer_type}\nmembership: \n{}",
            self.init_limit,
            self.sync_limit,
            ports(&self.election_ports),
            ports(&self.quorum_ports),
            self.membership,
        )
    }
}

/// What a server tells that serves readers alone: nothing of the others.
pub fn without_membership(rendered: &str) -> &str {
    rendered.rfind("membership: \n").map_or(rendered, |end| &rendered[..end])
}

fn port_text(port: Option<u16>) -> String {
    port.map_or_else(|| "-1".to_owned(), |port| port.to_string())
}

impl ConfReply {
    /// One of the ports, that of plain clients if there is one.
    pub fn any_client_port(&self) -> u16 {
        self.client_port.or(self.secure_client_port).unwrap_or_default()
    }

    /// The lines, in ZooKeeper's order. A port of -1 is no listener.
    pub fn render(&self) -> String {
        let lines = [
            ("clientPort", port_text(self.client_port)),
            ("secureClientPort", port_text(self.secure_client_port)),
            ("dataDir", self.data_dir.display().to_string()),
            ("dataDirSize", self.data_dir_bytes.to_string()),
            ("dataLogDir", self.data_log_dir.display().to_string()),
            ("dataLogSize", self.data_log_dir_bytes.to_string()),
            ("tickTime", self.tick_time.to_string()),
            ("maxClientCnxns", self.max_client_cnxns.to_string()),
            ("minSessionTimeout", self.min_session_timeout.to_string()),
            ("maxSessionTimeout", self.max_session_timeout.to_string()),
            ("clientPortListenBacklog", self.listen_backlog.to_string()),
            // A standalone ZooKeeper answers 0 here, whatever its `myid` says.
            ("serverId", self.ensemble.as_ref().map_or(0, |ensemble| ensemble.me.0).to_string()),
        ];
        let ensemble = self.ensemble.as_ref().map(EnsembleConf::render);
        lines.iter().map(|(key, value)| format!("{key}={value}\n")).chain(ensemble).collect()
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::config::PeerType;

    use super::{ConfReply, EnsembleConf, without_membership};

    fn alone() -> ConfReply {
        ConfReply {
            client_port: Some(4000),
            secure_client_port: None,
            data_dir: "/data/paddock-1".into(),
            data_log_dir: "/log/paddock-1".into(),
            data_dir_bytes: 12,
            data_log_dir_bytes: 34,
            tick_time: 500,
            min_session_timeout: 1000,
            max_session_timeout: 10_000,
            max_client_cnxns: 7,
            listen_backlog: 9,
            ensemble: None,
        }
    }

    #[test]
    fn lines_and_their_order() {
        let expected = "clientPort=4000\nsecureClientPort=-1\ndataDir=/data/paddock-1\ndataDirSize=12\n\
             dataLogDir=/log/paddock-1\ndataLogSize=34\ntickTime=500\nmaxClientCnxns=7\nminSessionTimeout=1000\n\
             maxSessionTimeout=10000\nclientPortListenBacklog=9\nserverId=0\n";
        assert_eq!(alone().render(), expected);
    }

    #[test]
    fn a_member_tells_of_its_ensemble_besides() {
        let ensemble = EnsembleConf {
            me: ServerId(2),
            init_limit: 10,
            sync_limit: 5,
            election_ports: vec![3888, 3889],
            quorum_ports: vec![2888],
            peer_type: PeerType::Observer,
            membership: "server.1=a:2888:3888:participant\nversion=0".to_owned(),
        };
        let alone = alone();
        let common = alone.render().replace("serverId=0", "serverId=2");
        let expected = "initLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=3888|3889\nquorumPort=2888\npeerType=1\n\
                        membership: \nserver.1=a:2888:3888:participant\nversion=0";
        let rendered = ConfReply { ensemble: Some(ensemble), ..alone }.render();
        assert_eq!(rendered, common + expected);
        assert!(without_membership(&rendered).ends_with("quorumPort=2888\npeerType=1\n"), "{rendered}");
    }
}
