//! The AdminServer and the exporter of metrics by HTTPS.
use crate::{setup, start_with};
use paddock_tests::certificates::{Authority, Issued};
use paddock_tests::http::get;
use paddock_tests::server::{Kind, Setup, free_port, paddock};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

fn with_stores(setup: Setup, authority: &Authority, server: &Issued) -> Setup {
    let path = |path: &Path| path.display().to_string();
    let setup = setup.config("ssl.quorum.keyStore.location", &path(&server.store));
    setup.config("ssl.quorum.trustStore.location", &path(&authority.certificate()))
}

/// The whole answer to a request by HTTPS; nothing where the connection is not made.
fn ask(address: SocketAddr, authority: &Authority, client: Option<&Issued>, path: &str, header: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-verify_return_error", "-connect", &address.to_string(), "-CAfile"]);
    command.arg(authority.certificate());
    if let Some(client) = client {
        command.arg("-cert").arg(&client.certificate).arg("-key").arg(&client.key);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl is there");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n");
    // One that is refused reads nothing.
    let _ = child.stdin.take().expect("piped").write_all(request.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn https_is_served_alone_where_it_is_forced() {
    let authority = Authority::new();
    let server = authority.issue("/CN=server", 30);
    let admin = start_with(|setup| with_stores(setup.config("admin.forceHttps", "true"), &authority, &server));
    let answer = ask(admin.address, &authority, None, "/commands/ruok", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=86400; includeSubDomains\r\n"), "{answer}");
    assert!(answer.contains("\"error\" : null"), "{answer}");
    let console = ask(admin.address, &authority, None, "/console/", "");
    assert!(console.starts_with("HTTP/1.1 200 OK\r\n") && console.contains("<html"), "{console}");
    let plain = std::panic::catch_unwind(|| get(admin.address, "/commands/ruok"));
    assert!(plain.is_err(), "plain HTTP is not answered");
}

#[test]
fn one_port_takes_both() {
    let authority = Authority::new();
    let server = authority.issue("/CN=server", 30);
    let admin = start_with(|setup| with_stores(setup.config("admin.portUnification", "true"), &authority, &server));
    let plain = get(admin.address, "/commands/ruok");
    assert_eq!((plain.status, plain.header("strict-transport-security")), (200, None));
    assert!(ask(admin.address, &authority, None, "/commands/ruok", "").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_client_may_have_to_show_a_certificate() {
    let authority = Authority::new();
    let (server, client) = (authority.issue("/CN=server", 30), authority.issue("/O=Paddock/CN=pat", 30));
    let admin = start_with(|setup| {
        let setup = setup.config("admin.forceHttps", "true").config("admin.needClientAuth", "true");
        with_stores(setup, &authority, &server)
    });
    assert_eq!(ask(admin.address, &authority, None, "/commands/ruok", ""), "");
    let stranger = Authority::new();
    assert_eq!(ask(admin.address, &authority, Some(&stranger.issue("/CN=x", 30)), "/commands/ruok", ""), "");
    let answer = ask(admin.address, &authority, Some(&client), "/commands/ruok", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn without_a_key_the_admin_server_stays_off() {
    let (setup, address) = setup(Kind::Paddock);
    let server = setup.config("admin.forceHttps", "true").start();
    assert!(server.log().contains("admin.forceHttps: the AdminServer stays off"), "{}", server.log());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn metrics_are_fetched_by_https() {
    let authority = Authority::new();
    let server = authority.issue("/CN=server", 30);
    let port = free_port();
    let store = server.store.display().to_string();
    let _admin = start_with(|setup| {
        let class = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
        let setup = setup.config("metricsProvider.className", class).config("metricsProvider.httpHost", "127.0.0.1");
        let setup = setup.config("metricsProvider.httpsPort", &port.to_string());
        let setup = setup.config("metricsProvider.ssl.keyStore.location", &store);
        setup
            .config("metricsProvider.ssl.need.client.auth", "false")
            .config("metricsProvider.ssl.want.client.auth", "false")
    });
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let answer = ask(address, &authority, None, "/metrics", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\nznode_count "), "{answer}");
}

#[test]
fn writes_are_profiled_by_https() {
    let authority = Authority::new();
    let server = authority.issue("/CN=server", 30);
    let admin = start_with(|setup| with_stores(setup.config("admin.forceHttps", "true"), &authority, &server));
    let trust = format!("-Dzookeeper.ssl.trustStore.location={}", authority.certificate().display());
    let dir = paddock_tests::server::TempDir::new("profile");
    let profile = |arguments: &[&str]| {
        let mut command = Command::new(paddock());
        command.current_dir(dir.path()).args(["profile", &admin.server.connect_string(), "--seconds", "1"]);
        command.args(["--admin", &admin.address.port().to_string()]).args(arguments);
        command.output().expect("the program is there")
    };
    let output = profile(&["--https", &trust]);
    assert!(output.status.success(), "{output:?}");
    assert!(!profile(&[]).status.success(), "it is no port for plain HTTP");
}
