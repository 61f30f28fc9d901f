//! What the four-letter words tell of the configuration and of the process's environment.

use std::os::unix::fs::MetadataExt;
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

use super::client_ports::ClientAddresses;
use super::descriptors::Descriptors;
use super::shown::ShownConfig;
use crate::config::{Config, Ensemble, NewSessions};
use crate::version;

/// `shown` is the configuration of a member's ensemble, which may be changed.
pub fn status(
    config: &Config,
    addresses: ClientAddresses,
    shown: Option<ShownConfig>,
    reactors: usize,
    descriptors: Descriptors,
) -> Status {
    let version = version::full();
    Status {
        reactors: (0..reactors).map(|_| ReactorStatus::default()).collect(),
        replica: Default::default(),
        member: Default::default(),
        backups: Default::default(),
        admin: Default::default(),
        peers: Peers::new(descriptors.clients),
        tls_handshakes: Default::default(),
        descriptors_max: descriptors.limit,
        clock: Default::default(),
        configuration: configuration(config.clone(), addresses, shown),
        environment: environment(&version).render(),
        version,
        directory_sizes: directory_sizes(config.clone()),
        has_local_sessions: config.new_sessions != NewSessions::Global,
        sessionless_millis: config.sessionless_cnxn_timeout.as_millis() as i64,
        trace_mask: Default::default(),
        allowed_words: config.four_letter_whitelist.allowed(),
    }
}

/// The body of `conf`, with the sizes of the moment.
fn configuration(config: Config, addresses: ClientAddresses, shown: Option<ShownConfig>) -> Text {
    Text::new(move || conf(&config, addresses, shown.as_ref()).render())
}

/// What `conf` tells at this moment. `addresses` are those that were opened for clients; of a member `shown` is its ensemble.
pub fn conf(config: &Config, addresses: ClientAddresses, shown: Option<&ShownConfig>) -> ConfReply {
    let member = config.ensemble.as_ref().zip(shown.map(ShownConfig::config));
    // What the configuration says, if it has said something else since the port was opened.
    let moved = member.as_ref().and_then(|(ensemble, now)| {
        let now = client_of(now, ensemble.me);
        now.filter(|now| Some(*now) != client_of(&ensemble.config, ensemble.me))
    });
    let (data_dir, data_log_dir) = directories(config);
    ConfReply {
        client_port: moved.map(|moved| moved.port).or(addresses.plain.map(|plain| plain.port())),
        secure_client_port: addresses.secure.map(|secure| secure.port()),
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
    }
}

/// The answer to `dirs`, with the sizes of the moment.
fn directory_sizes(config: Config) -> Text {
    Text::new(move || {
        let (data_dir, data_log_dir) = directories(&config);
        format!("datadir_size: {}\nlogdir_size: {}\n", directory_bytes(&data_dir), directory_bytes(&data_log_dir))
    })
}

/// Where snapshots and the log are at this moment.
fn directories(config: &Config) -> (PathBuf, PathBuf) {
    let generation = present_generation(config);
    (snapshot_dir(&generation.dir(&config.data_dir)), log_dir(&generation.dir(&config.data_log_dir)))
}

/// The directory that snapshots are below at this moment.
pub fn present_data_dir(config: &Config) -> PathBuf {
    present_generation(config).dir(&config.data_dir)
}

/// The history that counts. A member's may have been replaced since the start; the directories of a server that stands alone are
/// those of its own already.
fn present_generation(config: &Config) -> Generation {
    match config.ensemble {
        None => Generation::FIRST,
        Some(_) => present(&Files::default(), &config.data_dir, &config.data_log_dir).unwrap_or(Generation::FIRST),
    }
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

/// Name and home of the user whose process this is, as the list of users has them; `None` if they are not in it.
fn user() -> Option<(String, String)> {
    let me = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, uid, _, _, home, _] if uid.parse() == Ok(me) => Some((name.to_owned(), home.to_owned())),
            _ => None,
        }
    })
}

/// What `envi` tells.
fn environment(version: &str) -> EnviReply {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| UNKNOWN.to_owned());
    let kernel = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{file}"));
        text.map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
    };
    let (user_name, user_home) = user().unwrap_or_else(|| (variable("USER"), variable("HOME")));
    EnviReply {
        version: version.to_owned(),
        host_name: kernel("hostname"),
        // The one architecture that Java has another name for.
        os_arch: std::env::consts::ARCH.replace("x86_64", "amd64"),
        os_version: kernel("osrelease"),
        user_name,
        user_home,
        user_dir: std::env::current_dir().map_or_else(|_| UNKNOWN.to_owned(), |path| path.display().to_string()),
    }
}
