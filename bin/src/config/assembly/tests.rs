use super::super::SaslConfig;
use super::*;
use crate::config::{AdminSettings, ConnectionThrottleSettings, NewSessions, RequestThrottleSettings, Schemes};
use paddock_engine::acl::{DigestAlgorithm, Sasl};

/// A world of files; only the host `db.example` has an address, and the interfaces are `lo` and `eth0`, 1 and 2.
pub fn assemble_in(
    files: &[(&str, &str)],
    file: Option<&str>,
    options: &[(&str, &str)],
) -> Result<Loaded, ConfigError> {
    let read = |path: &Path| {
        let names = || files.iter().map(|(name, _)| Path::new(name));
        if let Some((_, text)) = files.iter().find(|(name, _)| Path::new(name) == path) {
            return Ok(text.as_bytes().to_vec());
        }
        Err(io::Error::from(match () {
            () if names().any(|name| name.starts_with(path)) => ErrorKind::IsADirectory,
            () if names().any(|name| path.starts_with(name)) => ErrorKind::NotADirectory,
            () => ErrorKind::NotFound,
        }))
    };
    let resolve = |host: &str| match host {
        "db.example" => Ok(SocketAddr::from(([10, 0, 0, 7], 0))),
        _ => Err(io::Error::from(ErrorKind::NotFound)),
    };
    let interface = |name: &str| {
        let found = ["lo", "eth0"].iter().position(|known| *known == name);
        found.map(|at| at as u32 + 1).ok_or_else(|| io::Error::from(ErrorKind::NotFound))
    };
    let options: Vec<_> = options.iter().map(|(name, value)| Property::split(&format!("{name}={value}"))).collect();
    let outside = Outside { read: &read, resolve: &resolve, interface: &interface };
    assemble(file.map(Path::new), &options, &[], &outside).map_err(|failure| failure.error)
}

fn with_lines(lines: &str) -> Result<Loaded, ConfigError> {
    let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
    assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[])
}

fn config(lines: &str) -> Config {
    with_lines(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}")).config
}

fn refused(lines: &str) -> String {
    with_lines(lines).expect_err(lines).to_string()
}

#[test]
fn the_super_user_may_be_in_a_file() {
    let lines = "dataDir=/data\nclientPort=2181\nDigestAuthenticationProvider.superDigest=a:b\n\
                 paddock.superDigestPath=/run/super\n";
    let digest = |text: &str| {
        let files = [("zoo.cfg", lines), ("/run/super", text)];
        let config = assemble_in(&files, Some("zoo.cfg"), &[]).expect("well formed").config;
        config.super_digest.expect("there is one").reveal().to_owned()
    };
    assert_eq!([digest("super:x\n"), digest("super:x\r\n"), digest("super:x")], ["super:x"; 3].map(str::to_owned));
    assert_eq!(digest("super:x\n\n"), "super:x\n", "one line break is dropped");
    let error = assemble_in(&[("zoo.cfg", lines)], Some("zoo.cfg"), &[]).expect_err("there is no such file");
    assert!(error.to_string().starts_with("/run/super: the file cannot be read"), "{error}");
}

#[test]
fn without_a_file() {
    let Loaded { config, warnings } = assemble_in(&[], None, &[]).expect("the defaults");
    assert_eq!(warnings, []);
    assert_eq!(config.data_dir, Path::new("./paddock-data"));
    assert_eq!(config.data_log_dir, config.data_dir);
    assert_eq!(config.client_address.expect("an address").to_string(), "127.0.0.1:2181");
    let times = (config.tick_time, config.min_session_timeout, config.max_session_timeout);
    assert_eq!(times, (2000, 4000, 40_000));
    assert_eq!((config.purge, config.snap_retain_count), (Purge::AfterSnapshot, 3));
    for word in ["ruok", "srvr", "stat", "mntr", "conf", "cons", "envi", "isro"] {
        assert!(config.four_letter_whitelist.allows(word), "{word}");
    }
    assert!(!config.four_letter_whitelist.allows("dump"));
    assert_eq!(config.initial_text.reveal(), "");
    assert_eq!(config.server_id, None);
}

#[test]
fn options_stand_in_for_a_missing_file() {
    let options = [("dataDir", "d"), ("clientPort", "0"), ("zookeeper.tickTime", "100"), ("snapCount", "7")];
    let Loaded { config, warnings } = assemble_in(&[], None, &options).expect("well formed");
    assert_eq!(warnings, []);
    assert_eq!(config.data_dir, Path::new("d"));
    assert_eq!(config.client_address.expect("an address").to_string(), "127.0.0.1:0");
    assert_eq!((config.tick_time, config.max_session_timeout, config.snap_count), (100, 2000, 7));
    let options = [("autopurge.purgeInterval", "0"), ("4lw.commands.whitelist", "dump")];
    let config = assemble_in(&[], None, &options).expect("well formed").config;
    assert_eq!(config.purge, Purge::Off);
    assert!(config.four_letter_whitelist.allows("dump") && !config.four_letter_whitelist.allows("ruok"));
}

#[test]
fn defaults_of_a_file_are_zookeepers() {
    let Loaded { config, warnings } = with_lines("").expect("well formed");
    assert_eq!(warnings, []);
    let expected = Config {
        file: Some("zoo.cfg".into()),
        data_dir: "/data".into(),
        data_log_dir: "/data".into(),
        data_dir_autocreate: true,
        snapshot_trust_empty: false,
        snapshot_compression: Compression::None,
        tree_digest_enabled: true,
        convert: false,
        client_address: "0.0.0.0:2181".parse().ok(),
        secure_client_address: None,
        client_tls: None,
        listen_backlog: -1,
        tick_time: 3000,
        min_session_timeout: 6000,
        max_session_timeout: 60_000,
        max_client_cnxns: 60,
        max_cnxns: 0,
        tcp_keep_alive: false,
        sessionless_cnxn_timeout: Duration::from_secs(10),
        global_outstanding_limit: 8192,
        connection_throttle: ConnectionThrottleSettings {
            tokens: 0,
            fill_count: 1,
            fill_time_ms: 1,
            freeze_time_ms: None,
            drop_increase: 0.02,
            drop_decrease: 0.002,
            decrease_ratio: 0.0,
            weights: None,
        },
        request_throttle: RequestThrottleSettings {
            requests_max: None,
            drops_stale: true,
            checks_connection: true,
            checks_latency: false,
            wait_max: None,
        },
        large_request_threshold: None,
        large_request_max_bytes: 100 << 20,
        connections_bytes_max: 512 << 20,
        slow_request: None,
        new_sessions: NewSessions::Global,
        jute_max_buffer: 1_048_575,
        jute_max_buffer_extra: 1_048_575,
        snap_count: 100_000,
        snap_size_limit: Some(4 << 30),
        pre_alloc_size: 64 << 20,
        force_sync: true,
        fsync_warning_threshold: Duration::from_secs(1),
        purge: Purge::AfterSnapshot,
        snap_retain_count: 3,
        backups: None,
        log: crate::messages::Settings::default(),
        audit: None,
        four_letter_whitelist: Whitelist::parse(""),
        skip_acl: false,
        schemes: Schemes {
            digest: true,
            x509: None,
            sasl: false,
            sasl_rules: Sasl::default(),
            ensemble: None,
            key: false,
        },
        super_digest: None,
        digest_algorithm: DigestAlgorithm::default(),
        enforced_schemes: Vec::new(),
        sasl: SaslConfig {
            jaas_file: None,
            server_section: "Server".to_owned(),
            krb5_conf: None,
            requires_realm: false,
            super_password: None,
            keeps_failed: false,
            rules: "DEFAULT".to_owned(),
            removes_host: false,
            removes_realm: false,
        },
        extended_types_enabled: false,
        emulate_353_ttl_nodes: false,
        enforce_quota: false,
        reconfig_enabled: false,
        container_check_interval: Duration::from_secs(60),
        container_max_per_minute: 10_000,
        container_max_never_used: None,
        server_id: None,
        ensemble: None,
        initial_text: Secret("dataDir=/data\nclientPort=2181\n".to_owned()),
        admin: AdminSettings {
            is_enabled: true,
            host: "0.0.0.0".to_owned(),
            port: 8080,
            tls: None,
            command_url: "/commands".to_owned(),
            idle: Some(Duration::from_secs(30)),
            snapshot_enabled: true,
            restore_enabled: true,
            restore_bytes_max: 16 << 30,
            snapshot_interval: Duration::from_millis(300),
            trusts_forwarded_for: false,
            console_enabled: true,
            console_edits: false,
            console_hosts: Vec::new(),
        },
        exporter: None,
        properties: Vec::new(),
        reactors: None,
        io_method: IoMethod::Auto,
        io_depth: 2,
    };
    assert_eq!(config, expected);
}

#[test]
fn every_key_reaches_its_field() {
    let differs = |line: &str, field: &dyn Fn(&Config) -> String, expected: &str| {
        assert_eq!(field(&config(line)), expected, "{line}");
        assert_ne!(field(&config("")), expected, "{line} is the default");
    };
    differs("dataLogDir=/log", &|c| c.data_log_dir.display().to_string(), "/log");
    differs("datadir.autocreate=false", &|c| c.data_dir_autocreate.to_string(), "false");
    differs("snapshot.compression.method=gz", &|c| format!("{:?}", c.snapshot_compression), "Gzip");
    differs("snapshot.compression.method=snappy", &|c| format!("{:?}", c.snapshot_compression), "Snappy");
    differs("snapshot.trust.empty=true", &|c| c.snapshot_trust_empty.to_string(), "true");
    differs("digest.enabled=false", &|c| c.tree_digest_enabled.to_string(), "false");
    differs("paddock.convert=yes", &|c| c.convert.to_string(), "true");
    differs("clientPortListenBacklog=5", &|c| c.listen_backlog.to_string(), "5");
    differs("tickTime=1000", &|c| format!("{} {}", c.tick_time, c.max_session_timeout), "1000 20000");
    differs("minSessionTimeout=7", &|c| c.min_session_timeout.to_string(), "7");
    differs("maxSessionTimeout=7000", &|c| c.max_session_timeout.to_string(), "7000");
    differs("maxClientCnxns=-3", &|c| c.max_client_cnxns.to_string(), "0");
    differs("maxCnxns=9", &|c| c.max_cnxns.to_string(), "9");
    differs("clientTcpKeepAlive=true", &|c| c.tcp_keep_alive.to_string(), "true");
    differs("nio.sessionlessCnxnTimeout=20", &|c| format!("{:?}", c.sessionless_cnxn_timeout), "20ms");
    differs("globalOutstandingLimit=0", &|c| c.global_outstanding_limit.to_string(), "1");
    differs("jute.maxbuffer=500", &|c| format!("{} {}", c.jute_max_buffer, c.jute_max_buffer_extra), "500 1024");
    differs("jute.maxbuffer.extrasize=0x1000", &|c| c.jute_max_buffer_extra.to_string(), "4096");
    differs("snapCount=0", &|c| c.snap_count.to_string(), "2");
    differs("snapSizeLimitInKb=3", &|c| format!("{:?}", c.snap_size_limit), "Some(3072)");
    differs("snapSizeLimitInKb=0", &|c| format!("{:?}", c.snap_size_limit), "None");
    differs("preAllocSize=2048", &|c| c.pre_alloc_size.to_string(), "2097152");
    differs("preAllocSize=-1", &|c| c.pre_alloc_size.to_string(), "1048576");
    differs("forceSync=no", &|c| c.force_sync.to_string(), "false");
    differs("fsync.warningthresholdms=5", &|c| format!("{:?}", c.fsync_warning_threshold), "5ms");
    differs("autopurge.purgeInterval=1", &|c| format!("{:?}", c.purge), "Every(3600s)");
    differs("autopurge.purgeInterval=5m", &|c| format!("{:?}", c.purge), "Every(300s)");
    differs("autopurge.snapRetainCount=9", &|c| c.snap_retain_count.to_string(), "9");
    differs("4lw.commands.whitelist=*", &|c| c.four_letter_whitelist.allows("wchc").to_string(), "true");
    differs("readonlymode.enabled=true", &|c| c.four_letter_whitelist.allows("isro").to_string(), "true");
    differs("skipACL=yes", &|c| c.skip_acl.to_string(), "true");
    differs("DigestAuthenticationProvider.enabled=false", &|c| c.schemes.digest.to_string(), "false");
    let digest = |c: &Config| c.super_digest.as_ref().map_or("none", Secret::reveal).to_owned();
    differs("DigestAuthenticationProvider.superDigest=super:a=", &digest, "super:a=");
    differs("extendedTypesEnabled=true", &|c| c.extended_types_enabled.to_string(), "true");
    differs("emulate353TTLNodes=true", &|c| c.emulate_353_ttl_nodes.to_string(), "true");
    differs("reconfigEnabled=true", &|c| c.reconfig_enabled.to_string(), "true");
    differs("enforceQuota=true", &|c| c.enforce_quota.to_string(), "true");
    differs("znode.container.checkIntervalMs=5", &|c| format!("{:?}", c.container_check_interval), "5ms");
    differs("znode.container.maxPerMinute=5", &|c| c.container_max_per_minute.to_string(), "5");
    differs("znode.container.maxNeverUsedIntervalMs=5", &|c| format!("{:?}", c.container_max_never_used), "Some(5ms)");
    differs("paddock.connections.maxBytes=16777216", &|c| c.connections_bytes_max.to_string(), "16777216");
    differs("paddock.restore.maxBytes=1048576", &|c| c.admin.restore_bytes_max.to_string(), "1048576");
    differs("paddock.slowRequestMillis=250", &|c| format!("{:?}", c.slow_request), "Some(250ms)");
    differs("paddock.reactors=3", &|c| format!("{:?}", c.reactors), "Some(3)");
    differs("paddock.io.method=Ring", &|c| format!("{:?}", c.io_method), "Ring");
    differs("paddock.io.method=thread", &|c| format!("{:?}", c.io_method), "Thread");
    differs("paddock.io.depth=4", &|c| c.io_depth.to_string(), "4");
}

#[test]
fn refusals() {
    for (lines, expected) in [
        (
            "tickTime=0",
            "zoo.cfg:3: tickTime: 0 is too small; expected milliseconds, a whole number from 1 to 2147483647",
        ),
        ("a=b\ntickTime=2s", "zoo.cfg:4: tickTime: \"2s\" is not a whole number; expected milliseconds"),
        ("clientPort=70000", "zoo.cfg:3: clientPort: 70000 is too large; expected a port from 0 to 65535"),
        ("localSessionsEnabled=yes", "zoo.cfg:3: localSessionsEnabled: \"yes\" is neither; expected true or false"),
        ("autopurge.purgeInterval=1w", "zoo.cfg:3: autopurge.purgeInterval: \"1w\" is not a period; expected hours"),
        ("electionAlg=1", "zoo.cfg:3: electionAlg: 1 is too small; expected 3"),
        ("dataLogDir=", "zoo.cfg:3: dataLogDir: the value is empty; expected a path"),
        (
            "minSessionTimeout=9\nmaxSessionTimeout=8",
            "zoo.cfg:3: minSessionTimeout: minSessionTimeout is 9 ms and maxSessionTimeout is 8 ms (20 ticks unless set)",
        ),
        ("maxSessionTimeout=8", "zoo.cfg:3: maxSessionTimeout: minSessionTimeout is 6000 ms"),
        ("tickTime=10\nminSessionTimeout=201", "zoo.cfg:4: minSessionTimeout: minSessionTimeout is 201 ms"),
        ("metricsProvider.className=my.Metrics", "zoo.cfg:3: metricsProvider.className: a server without a JVM"),
        (
            "sessionRequireClientSASLAuth=true",
            "zoo.cfg:3: sessionRequireClientSASLAuth: the scheme \"sasl\" is not served",
        ),
        ("DigestAuthenticationProvider.digestAlg=MD5", "zoo.cfg:3: DigestAuthenticationProvider.digestAlg: "),
        ("paddock.reactors=65", "zoo.cfg:3: paddock.reactors: 65 is too large; expected a whole number from 0 to 64"),
        ("x=\\u12", "zoo.cfg:3: \"\\u\" must be followed by four hexadecimal digits"),
    ] {
        let found = refused(lines);
        assert!(found.starts_with(expected), "{lines:?}: {found}");
    }
    let error = assemble_in(&[("zoo.cfg", "clientPort=1")], Some("zoo.cfg"), &[]).expect_err("no dataDir");
    assert!(error.to_string().starts_with("zoo.cfg: dataDir is not set; add dataDir="), "{error}");
    let error = assemble_in(&[], None, &[("zookeeper.tickTime", "x")]).expect_err("no number");
    assert!(error.to_string().starts_with("command line: -Dzookeeper.tickTime: \"x\" is not"), "{error}");
}

#[test]
fn warnings() {
    for (lines, expected) in [
        ("autopurge.snapRetainCount=2", "zoo.cfg:3: autopurge.snapRetainCount: 2 is too small; 3 is used"),
        ("snapCount=1", "zoo.cfg:3: snapCount: 1 is too small; 2 is used"),
        ("globalOutstandingLimit=-1", "zoo.cfg:3: globalOutstandingLimit: -1 is too small; 1 is used"),
        ("dataLogDir=log", "zoo.cfg:3: dataLogDir: \"log\" is relative to the working directory"),
        ("4lw.commands.whitelist=ruok,sata", "zoo.cfg:3: 4lw.commands.whitelist: \"sata\" is no four-letter word"),
        ("preAllocSize=-1", "zoo.cfg:3: preAllocSize: -1 is too small; 1024 is used"),
        (
            "authProvider.1=my.Provider",
            "zoo.cfg:3: authProvider.1: a server without a JVM cannot load the class \"my.Prov",
        ),
        ("authProvider.sasl=", "zoo.cfg:3: authProvider.sasl: a server without a JVM cannot load the class \"\""),
        (
            "DigestAuthenticationProvider.superDigest=plain",
            "zoo.cfg:3: DigestAuthenticationProvider.superDigest: no password can match it",
        ),
    ] {
        let warnings = with_lines(lines).expect(lines).warnings;
        let [warning] = warnings.as_slice() else { panic!("{lines:?}: {warnings:?}") };
        assert!(warning.to_string().starts_with(expected), "{lines:?}: {warning}");
    }
    for lines in ["authProvider.1=org.apache.zookeeper.server.auth.IPAuthenticationProvider", "dataLogDir=./log"] {
        assert_eq!(with_lines(lines).expect(lines).warnings, [], "{lines:?}");
    }
}

#[test]
fn every_given_default_is_accepted_in_silence() {
    let lines = "admin.enableServer=false\nsslQuorum=false\nforceSync=yes\nlocalSessionsEnabled=FALSE\ninitLimit=10";
    assert_eq!(with_lines(lines).expect(lines).warnings, []);
}

#[test]
fn server_ids() {
    let serve = |myid: &str| {
        let files = [("zoo.cfg", "dataDir=/data\nclientPort=1"), ("/data/myid", myid)];
        assemble_in(&files, Some("zoo.cfg"), &[]).map(|loaded| loaded.config.server_id)
    };
    assert_eq!(serve("3\nrest").expect("an id"), Some(3));
    assert_eq!(serve(" 12 \r\n").expect("an id"), Some(12));
    assert_eq!(serve("\u{feff}3\r\n").expect("an id"), Some(3));
    for myid in ["", "three", "\n3"] {
        let error = serve(myid).expect_err(myid).to_string();
        assert!(error.starts_with("/data/myid: the first line, "), "{error}");
    }
}
