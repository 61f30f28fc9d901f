//! What each part of the node is told by the configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use paddock_consensus::ServerId;
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_engine::acl::{Authority, SuperDigest};
use paddock_engine::admit::FRAME_MAX;
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::Rules;
use paddock_engine::log::{LogConfig, Method};
use paddock_engine::tree::ExtendedTypes;
use paddock_net::client_tls::ClientTls;
use paddock_net::reactor::{self, SaslSettings};

use super::peers::observer_master_addresses;
use super::peers::sockets::{MyId, SecuringMax, Security, SecurityError, SocketSettings, UntakenMax};
use crate::config::{Config, Ensemble, IoMethod, NewSessions, Purge};
use crate::jaas_file;

/// What was sent on an election connection is given so long at least, however short `cnxTimeout` is. A lost packet is sent again
/// after 0.2 s, 0.6 s and 1.4 s: a network that loses some is none that is gone.
const UNTAKEN_MIN: Duration = Duration::from_secs(2);

pub fn log_config(config: &Config) -> LogConfig {
    LogConfig {
        data_dir: config.data_dir.clone(),
        segment_bytes: config.pre_alloc_size,
        in_flight: config.io_depth as usize,
        sync: config.force_sync,
        method: match config.io_method {
            IoMethod::Auto => Method::Auto,
            IoMethod::Ring => Method::Ring,
            IoMethod::Thread => Method::Thread,
        },
        warn_after: config.fsync_warning_threshold,
        ..LogConfig::new(&config.data_log_dir)
    }
}

pub fn rules(config: &Config) -> Rules {
    let extended_types = match (config.extended_types_enabled, config.emulate_353_ttl_nodes) {
        (false, _) => ExtendedTypes::Off,
        (true, false) => ExtendedTypes::On,
        (true, true) => ExtendedTypes::Emulate353,
    };
    let authority = authority(config);
    // A member that has nowhere to keep a change refuses it.
    let reconfig_enabled = config.ensemble.as_ref().map_or(config.reconfig_enabled, |ensemble| ensemble.reconfigures);
    Rules { authority, extended_types, reconfig_enabled, enforce_quota: config.enforce_quota }
}

pub fn authority(config: &Config) -> Authority {
    let schemes = config.schemes.clone();
    Authority {
        skip_acl: config.skip_acl,
        digest_enabled: schemes.digest,
        digest_algorithm: config.digest_algorithm,
        super_digest: config.super_digest.as_ref().map(|secret| SuperDigest::new(secret.reveal().to_owned())),
        x509: schemes.x509,
        sasl_served: schemes.sasl,
        sasl: schemes.sasl_rules,
        ensemble: schemes.ensemble,
        key_served: schemes.key,
    }
}

pub fn container_settings(config: &Config) -> ContainerSettings {
    let millis = |interval: Duration| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    ContainerSettings {
        check_interval_ms: millis(config.container_check_interval),
        max_per_minute: config.container_max_per_minute,
        max_never_used_ms: config.container_max_never_used.map(|age| i64::try_from(millis(age)).unwrap_or(i64::MAX)),
    }
}

pub fn reactor_settings(
    config: &Config,
    authority: Authority,
    tls: Option<Arc<ClientTls>>,
    sasl: Option<SaslSettings>,
) -> reactor::Settings {
    reactor::Settings {
        frame_max: config.jute_max_buffer.min(FRAME_MAX),
        session_timeout_min: config.min_session_timeout,
        session_timeout_max: config.max_session_timeout,
        connections_per_address_max: config.max_client_cnxns,
        connections_max: config.max_cnxns,
        handshake_deadline: config.sessionless_cnxn_timeout,
        heard_interval: heard_interval(config),
        outstanding_max: u64::from(config.global_outstanding_limit),
        connections_bytes_max: config.connections_bytes_max,
        tcp_keep_alive: config.tcp_keep_alive,
        authority,
        enforced_schemes: config.enforced_schemes.clone(),
        sasl,
        local_sessions: config.new_sessions != NewSessions::Global,
        tells_gone: config.request_throttle.wants_gone(),
        slow_request: config.slow_request,
        tls,
    }
}

/// Four times a tick, and often enough for any.
pub fn heard_interval(config: &Config) -> Duration {
    Duration::from_millis((config.tick_time.max(4) as u64 / 4).min(500))
}

/// Snapshots that stay; `None` for all.
pub fn retain(config: &Config) -> Option<usize> {
    (!matches!(config.purge, Purge::Off)).then_some(config.snap_retain_count as usize)
}

/// Where and how this server is connected with the others.
pub fn socket_settings(config: &Config, ensemble: &Ensemble, security: Security) -> SocketSettings {
    let own = ensemble.config.members().get(&ensemble.me);
    let own = || own.into_iter().flat_map(|member| &member.addresses);
    let quorum: Vec<HostPort> = own().map(|address| address.quorum.clone()).collect();
    SocketSettings {
        my_id: MyId { server: ensemble.me, file: config.data_dir.join("myid") },
        election: own().map(|address| address.election.clone()).collect(),
        observer_master: observer_master_addresses(&quorum, ensemble.observer_master_port.unwrap_or(0)),
        quorum,
        listens_on_all: ensemble.listen_on_all,
        election_tries: ensemble.bind_tries_max.unwrap_or(0),
        keep_alive: ensemble.tcp_keep_alive,
        untaken_max: UntakenMax {
            election: ensemble.connection_timeout.max(UNTAKEN_MIN),
            quorum: ticks(config, ensemble.init_limit.max(ensemble.sync_limit)),
        },
        security,
        securing_max: SecuringMax {
            election: ms(ensemble.connection_timeout),
            quorum: ms(ticks(config, ensemble.init_limit)),
        },
    }
}

/// What servers make sure of each other with.
///
/// # Errors
/// As [`Security::load`].
pub fn security(config: &Config, ensemble: &Ensemble) -> Result<Security, SecurityError> {
    let property =
        |name: &str| config.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    Security::load(&ensemble.security, &|name: &str| jaas_file::property(name, property))
}

/// What there is to say of ports at which a stranger is taken for a server: none that another machine reaches.
pub fn open_ports(config: &Config, ensemble: &Ensemble) -> Option<String> {
    if !ensemble.security.lets_strangers_in() {
        return None;
    }
    let SocketSettings { election, quorum, observer_master, .. } =
        socket_settings(config, ensemble, Security::default());
    let is_reached = |address: &&HostPort| ensemble.listen_on_all || !is_loopback(&address.host);
    let ports = [("election", election), ("quorum", quorum), ("observer master", observer_master)];
    let named = ports.iter().flat_map(|(name, addresses)| {
        addresses.iter().filter(is_reached).map(move |address| format!("the {name} port {address}"))
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| {
        format!(
            "whoever reaches {} is taken for a server of this ensemble, and reads and changes everything; let only servers \
             reach them, or have servers make sure of each other: sslQuorum=true, or quorum.auth.serverRequireSasl=true",
            named.join(", ")
        )
    })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// What this server does beyond ZooKeeper's protocol with other Paddocks.
pub const FEATURES: Features = Features(Features::EXACT_TRUNC.0 | Features::RENEWAL.0 | Features::GROUPED.0);

/// So many ticks.
fn ticks(config: &Config, count: u32) -> Duration {
    Duration::from_millis(u64::from(count) * config.tick_time.max(1) as u64)
}

fn ms(duration: Duration) -> Ms {
    Ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// What the core of a member is told.
pub fn core_settings(config: &Config, ensemble: &Ensemble, seed: u64) -> Settings {
    Settings {
        tick: Ms(config.tick_time.max(1) as u64),
        init_limit: ensemble.init_limit,
        sync_limit: ensemble.sync_limit,
        connect_limit: ensemble.connect_limit,
        notification_interval_min: ms(ensemble.notification_interval_min),
        notification_interval_max: ms(ensemble.notification_interval_max),
        epoch_wait_max: ensemble.epoch_wait_max.map(ms),
        reconfig_enabled: ensemble.reconfigures,
        leader_serves: ensemble.leader_serves,
        force_snapshot: ensemble.force_snapshot,
        observer_election_delay_max: ms(ensemble.observer_election_delay_max),
        read_only_mode: ensemble.read_only_mode,
        has_oracle: ensemble.oracle.is_some(),
        has_observer_masters: ensemble.observer_master_port.is_some(),
        observer_reconnect_delay_max: ms(ensemble.observer_reconnect_delay_max),
        features: if ensemble.has_features { FEATURES } else { Features::default() },
        renew_from: ensemble.renew_from,
        seed,
    }
}

/// What this server is among others, for people.
pub fn introduction(ensemble: &Ensemble) -> String {
    let members = ensemble.config.members();
    let (ServerId(me), count) = (ensemble.me, members.len());
    let what = if ensemble.config.is_voter(ensemble.me) { "server" } else { "observer" };
    format!("{what} {me} of an ensemble of {count}, {} of which vote", ensemble.config.quorum().voters().count())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use paddock_consensus::settings::Features;

    use super::{FEATURES, Security, UNTAKEN_MIN, core_settings, open_ports, socket_settings};
    use crate::config::{Config, Ensemble, Property, load};

    /// A member's, with another line in its file and another property.
    fn configured(name: &str, line: &str, property: &str) -> (Config, Ensemble) {
        let dir = std::env::temp_dir().join(format!("paddock-settings-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a writable temporary directory");
        let lines = "clientPort=2181\ninitLimit=10\nsyncLimit=5\nserver.1=a:1:2\nserver.2=b:1:2";
        let file = dir.join("zoo.cfg");
        let text = format!("dataDir={}\n{lines}\n{line}", dir.display());
        fs::write(dir.join("myid"), "1").and_then(|()| fs::write(&file, text)).expect("it is writable");
        let config = load(Some(&file), &[Property::split(property)], &[]).expect("it is well formed").config;
        fs::remove_dir_all(&dir).expect("it is the test's own");
        let ensemble = config.ensemble.clone().expect("there are two servers");
        (config, ensemble)
    }

    #[test]
    fn an_election_connection_outlives_a_lost_packet_however_short_the_attempts_are() {
        for (millis, expected) in [("100", UNTAKEN_MIN), ("30000", Duration::from_secs(30))] {
            let (config, ensemble) = configured("untaken", &format!("cnxTimeout={millis}"), "zookeeper.snapCount=7");
            let settings = socket_settings(&config, &ensemble, Security::default());
            assert_eq!(settings.untaken_max.election, expected, "{millis}");
        }
    }

    #[test]
    fn a_server_tells_of_no_feature_where_that_is_switched_off() {
        for (flag, expected) in [("true", FEATURES), ("false", Features::default())] {
            let (config, ensemble) = configured("features", "", &format!("paddock.ensemble.features={flag}"));
            assert_eq!(core_settings(&config, &ensemble, 1).features, expected, "{flag}");
        }
    }

    #[test]
    fn ports_that_others_reach_are_named_unless_servers_make_sure_of_each_other() {
        let named = |line: &str| {
            let (config, ensemble) = configured("open-ports", line, "zookeeper.snapCount=7");
            open_ports(&config, &ensemble)
        };
        let open = named("observerMasterPort=3").expect("a is another machine's name");
        let expected =
            "whoever reaches the election port a:2, the quorum port a:1, the observer master port a:3 is taken for";
        assert!(open.starts_with(expected), "{open}");
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            assert_eq!(named(&format!("server.1={host}:1:2")), None, "{host}");
        }
        assert!(named("server.1=127.0.0.1:1:2\nquorumListenOnAllIPs=true").is_some());
        let tls = "ssl.quorum.keyStore.location=/k.pem\nssl.quorum.trustStore.location=/t.pem\nsslQuorum=true";
        assert_eq!(named(tls), None);
        assert!(named(&format!("{tls}\nportUnification=true")).is_some());
    }
}
