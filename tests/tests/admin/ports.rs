//! Which ports are opened, and what becomes of one that is not free.
use crate::{setup, start_with};
use paddock_tests::http::{Connection, get};
use paddock_tests::server::{DEADLINE, Kind, free_port, poll_until};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const PROMETHEUS: &str = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";

#[test]
fn a_second_server_on_the_machine_goes_on_without() {
    let (setup, address) = setup(Kind::Paddock);
    let first = setup.clone().start();
    let second = setup.start();
    assert!(second.log().contains(&format!("the AdminServer cannot listen on {address}")), "{}", second.log());
    assert_eq!(second.mode().as_deref(), Some("standalone"));
    assert_eq!(get(address, "/health/ready").status, 200);
    first.terminate_in_peace();
    assert!(Connection::open(address).is_err(), "it was the first one's");
}

#[test]
fn nothing_listens_where_it_is_switched_off_or_needs_tls() {
    for (key, value) in [("admin.enableServer", "false"), ("admin.forceHttps", "true")] {
        let admin = start_with(|setup| setup.config(key, value));
        assert!(Connection::open(admin.address).is_err(), "{key}={value}");
    }
}

#[test]
fn commands_are_where_the_configuration_says() {
    let admin = start_with(|setup| setup.config("admin.commandURL", "/a/b"));
    assert_eq!(get(admin.address, "/commands/ruok").status, 404);
    assert_eq!(get(admin.address, "/a/b/ruok").status, 200);
    let index = get(admin.address, "/a/b/");
    assert!(index.text().starts_with("<a href=\"/a/b/configuration\">configuration</a>\n<br/>\n"), "{}", index.text());
}

#[test]
fn metrics_are_fetched_from_a_port_of_their_own() {
    let port = free_port();
    let with_metrics = |setup: paddock_tests::server::Setup| {
        let setup =
            setup.config("metricsProvider.className", PROMETHEUS).config("metricsProvider.httpHost", "127.0.0.1");
        setup.config("metricsProvider.httpPort", &port.to_string())
    };
    let admin = start_with(with_metrics);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let metrics = get(address, "/metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().lines().any(|line| line.starts_with("znode_count ")), "{}", metrics.text());
    assert_eq!((get(address, "/").status, get(address, "/commands/ruok").status), (404, 404));
    assert_eq!(admin.get("ruok").status, 200);
}

#[test]
fn a_start_ends_where_metrics_cannot_be_exported() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let port = taken.local_addr().expect("it is bound").port();
    let (setup, _) = setup(Kind::Paddock);
    let setup = setup.config("metricsProvider.className", PROMETHEUS).config("metricsProvider.httpHost", "127.0.0.1");
    let server = setup.config("metricsProvider.httpPort", &port.to_string()).prepare();
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it ends");
    assert_eq!(status.code(), Some(1));
    let told = format!("the metrics cannot be exported at 127.0.0.1:{port}");
    assert!(server.log().contains(&told), "{}", server.log());
}
