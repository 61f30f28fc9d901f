//! What the four-letter words tell of the configuration and of the process's environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config as Membership, HostPort, PeerAddress, PeerType};
use paddock_engine::generation::{Generation, present};
use paddock_engine::io::Files;
use paddock_engine::log::log_dir;
use paddock_engine::snapshot::snapshot_dir;
use paddock_net::conf_reply::{ConfReply, EnsembleConf};
use paddock_net::envi_reply::{EnviReply, UNKNOWN};
use paddock_net::status::{Peers, ReactorStatus, Status, Text};

use super::descriptors::Descriptors;
use super::shown::ShownConfig;
use crate::config::{Config, Ensemble};
use crate::version;

/// `shown` is the configuration of a member's ensemble, which may be changed.
pub fn status(
    config: &Config,
    address: SocketAddr,
    shown: Option<ShownConfig>,
    reactors: usize,
    descriptors: Descriptors,
) -> Status {
    let version = version::full();
    Status {
        reactors: (0..reactors).map(|_| ReactorStatus::default()).collect(),
        replica: Default::default(),
        member: Default::default(),
        peers: Peers::new(descriptors.clients),
        descriptors_max: descriptors.limit,
        clock: Default::default(),
        configuration: configuration(config.clone(), address.port(), shown),
        environment: environment(&version).render(),
        version,
        allowed_words: config.four_letter_whitelist.allowed(),
    }
}

/// The body of `conf`, with the sizes of the moment.
fn configuration(config: Config, port: u16, shown: Option<ShownConfig>) -> Text {
    Text::new(move || {
        let member = config.ensemble.as_ref().zip(shown.as_ref().map(ShownConfig::config));
        // What the configuration says, if it has said something else since the port was opened.
        let moved = member.as_ref().and_then(|(ensemble, now)| {
            let now = client_of(now, ensemble.me);
            now.filter(|now| Some(*now) != client_of(&ensemble.config, ensemble.me))
        });
        let Config { data_dir, data_log_dir, .. } = &config;
        let (data_dir, data_log_dir) = match config.ensemble {
            None => (data_dir.clone(), data_log_dir.clone()),
            // A member's history may have been replaced since the start.
            Some(_) => {
                let present = present(&Files::default(), data_dir, data_log_dir).unwrap_or(Generation::FIRST);
                (present.dir(data_dir), present.dir(data_log_dir))
            }
        };
        let (data_dir, data_log_dir) = (snapshot_dir(&data_dir), log_dir(&data_log_dir));
        let reply = ConfReply {
            client_port: moved.map_or(port, |moved| moved.port),
            data_dir_bytes: directory_bytes(&data_dir),
            data_log_dir_bytes: directory_bytes(&data_log_dir),
            data_dir: absolute(data_dir),
            data_log_dir: absolute(data_log_dir),
            tick_time: config.tick_time,
            min_session_timeout: config.min_session_timeout,
            max_session_timeout: config.max_session_timeout,
            max_client_cnxns: config.max_client_cnxns,
            listen_backlog: config.listen_backlog,
            ensemble: member.as_ref().map(|(ensemble, now)| ensemble_conf(ensemble, now)),
        };
        reply.render()
    })
}

fn client_of(config: &Membership, me: ServerId) -> Option<&HostPort> {
    config.members().get(&me)?.client.as_ref()
}

/// `now` is the configuration as it is by now. One that this server was removed from says nothing of it, and it goes on at the
/// ports that it had, as one that would vote.
fn ensemble_conf(ensemble: &Ensemble, now: &Membership) -> EnsembleConf {
    let listed = now.members().get(&ensemble.me);
    let me = listed.unwrap_or_else(|| &ensemble.config.members()[&ensemble.me]);
    let ports = |port: fn(&PeerAddress) -> u16| {
        let mut ports: Vec<u16> = me.addresses.iter().map(port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    EnsembleConf {
        me: ensemble.me,
        init_limit: ensemble.init_limit,
        sync_limit: ensemble.sync_limit,
        election_ports: ports(|address| address.election.port),
        quorum_ports: ports(|address| address.quorum.port),
        peer_type: listed.map_or(PeerType::Participant, |me| me.peer_type),
        membership: now.text().to_owned(),
    }
}

/// Only a working directory that is gone leaves a path relative.
fn absolute(dir: PathBuf) -> PathBuf {
    std::path::absolute(&dir).unwrap_or(dir)
}

fn directory_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// What `envi` tells.
fn environment(version: &str) -> EnviReply {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| UNKNOWN.to_owned());
    let kernel = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{file}"));
        text.map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
    };
    EnviReply {
        version: version.to_owned(),
        host_name: kernel("hostname"),
        os_arch: std::env::consts::ARCH.to_owned(),
        os_version: kernel("osrelease"),
        user_name: variable("USER"),
        user_home: variable("HOME"),
        user_dir: std::env::current_dir().map_or_else(|_| UNKNOWN.to_owned(), |path| path.display().to_string()),
    }
}
