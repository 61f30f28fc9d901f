//! The reply to the four-letter word `conf`.

use super::Config;
use paddock_engine::log::log_dir;
use paddock_engine::snapshot::snapshot_dir;
use std::path::PathBuf;

/// Bytes on disk, counted when the word arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub data_dir: u64,
    pub data_log_dir: u64,
}

/// The lines of `conf` for a standalone server, in ZooKeeper's order. `client_port` is the port that is bound, which
/// differs from the configured one when that is 0. Directories are absolute, and those that hold the files, as
/// ZooKeeper's end in `version-2`; a port of -1 is no listener.
pub fn render(config: &Config, client_port: u16, sizes: Sizes) -> String {
    let lines = [
        ("clientPort", client_port.to_string()),
        ("secureClientPort", "-1".to_owned()),
        ("dataDir", absolute(snapshot_dir(&config.data_dir))),
        ("dataDirSize", sizes.data_dir.to_string()),
        ("dataLogDir", absolute(log_dir(&config.data_log_dir))),
        ("dataLogSize", sizes.data_log_dir.to_string()),
        ("tickTime", config.tick_time.to_string()),
        ("maxClientCnxns", config.max_client_cnxns.to_string()),
        ("minSessionTimeout", config.min_session_timeout.to_string()),
        ("maxSessionTimeout", config.max_session_timeout.to_string()),
        ("clientPortListenBacklog", config.listen_backlog.to_string()),
        // A standalone ZooKeeper answers 0 here, whatever its `myid` says.
        ("serverId", "0".to_owned()),
    ];
    lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

/// Only a working directory that is gone leaves a path relative.
fn absolute(dir: PathBuf) -> String {
    std::path::absolute(&dir).unwrap_or(dir).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::Property;
    use super::*;

    #[test]
    fn lines_and_their_order() {
        let properties = [
            ("dataDir", "/data"),
            ("dataLogDir", "log"),
            ("tickTime", "500"),
            ("maxClientCnxns", "7"),
            ("clientPortListenBacklog", "9"),
        ];
        let properties = properties.map(|(name, value)| Property::split(&format!("{name}={value}")));
        let config = super::super::load(None, &properties, &[]).expect("well formed").config;
        let here = std::env::current_dir().expect("a working directory");
        let expected = format!(
            "clientPort=4000\nsecureClientPort=-1\ndataDir=/data/paddock-1\ndataDirSize=12\n\
             dataLogDir={}/log/paddock-1\ndataLogSize=34\ntickTime=500\nmaxClientCnxns=7\nminSessionTimeout=1000\n\
             maxSessionTimeout=10000\nclientPortListenBacklog=9\nserverId=0\n",
            here.display()
        );
        assert_eq!(render(&config, 4000, Sizes { data_dir: 12, data_log_dir: 34 }), expected);
    }
}
