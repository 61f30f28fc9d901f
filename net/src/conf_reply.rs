//! The reply to the four-letter word `conf`.

use std::path::PathBuf;

/// What `conf` tells of a server that stands alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfReply {
    /// The port that is bound.
    pub client_port: u16,
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
}

impl ConfReply {
    /// The lines, in ZooKeeper's order. A port of -1 is no listener.
    pub fn render(&self) -> String {
        let lines = [
            ("clientPort", self.client_port.to_string()),
            ("secureClientPort", "-1".to_owned()),
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
            ("serverId", "0".to_owned()),
        ];
        lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ConfReply;

    #[test]
    fn lines_and_their_order() {
        let reply = ConfReply {
            client_port: 4000,
            data_dir: "/data/paddock-1".into(),
            data_log_dir: "/log/paddock-1".into(),
            data_dir_bytes: 12,
            data_log_dir_bytes: 34,
            tick_time: 500,
            min_session_timeout: 1000,
            max_session_timeout: 10_000,
            max_client_cnxns: 7,
            listen_backlog: 9,
        };
        let expected = "clientPort=4000\nsecureClientPort=-1\ndataDir=/data/paddock-1\ndataDirSize=12\n\
             dataLogDir=/log/paddock-1\ndataLogSize=34\ntickTime=500\nmaxClientCnxns=7\nminSessionTimeout=1000\n\
             maxSessionTimeout=10000\nclientPortListenBacklog=9\nserverId=0\n";
        assert_eq!(reply.render(), expected);
    }
}
