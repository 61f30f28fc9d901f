//! Over TLS, on this server and on ZooKeeper's own, which is set up with the same lines.
use crate::said::shell;
use paddock_tests::certificates::Authority;
use paddock_tests::installed::class_path;
use paddock_tests::server::{Kind, Server, Setup, free_port, paddock};
use std::process::Command;

/// A server with a port for TLS at this number, which wants certificates.
fn start(kind: Kind, authority: &Authority, port: u16) -> Server {
    let server = authority.issue("/CN=server", 30);
    let jars = [
        "zookeeper",
        "netty-codec",
        "netty-handler",
        "netty-resolver",
        "netty-transport-native-unix-common",
        "slf4j-simple",
    ];
    let setup = Setup::new(kind).class_path(class_path(&jars));
    let setup = setup.property("zookeeper.serverCnxnFactory", "org.apache.zookeeper.server.NettyServerCnxnFactory");
    let setup = setup.config("secureClientPort", &port.to_string()).config("secureClientPortAddress", "127.0.0.1");
    let setup = setup.config("ssl.keyStore.location", &server.store.display().to_string());
    setup.config("ssl.trustStore.location", &authority.certificate().display().to_string()).start()
}

fn properties(authority: &Authority, days: i32) -> String {
    let client = authority.issue("/O=Paddock/CN=pat", days);
    let file = format!(
        "zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location={}\nzookeeper.ssl.trustStore.location={}\n",
        client.store.display(),
        authority.certificate().display()
    );
    authority.file("client.properties", file.as_bytes()).display().to_string()
}

fn for_both(look: impl Fn(Kind)) {
    [Kind::under_test(), Kind::ZooKeeper].into_iter().for_each(look);
}

#[test]
fn a_shell_comes_over_tls_and_is_who_its_certificate_says() {
    for_both(|kind| {
        let (authority, port) = (Authority::new(), free_port());
        let _server = start(kind, &authority, port);
        let (at, file) = (format!("localhost:{port}"), properties(&authority, 30));
        let script = "create /tls x; get /tls; whoami; setAcl /tls auth::cdrwa; getAcl /tls";
        let said = shell(&["--server", &at, "--client-configuration", &file, "-e", script]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.contains(&"x".to_owned()), "{said:?}");
        assert!(said.out.iter().any(|line| line.contains("CN=pat,O=Paddock")), "{said:?}");
        let zkcli = shell(&["--zkcli-args", "-server", &at, "-client-configuration", &file, "get", "/tls"]);
        assert!(zkcli.out.contains(&"x".to_owned()), "{zkcli:?}");
    });
}

#[test]
fn other_commands_come_over_tls_too() {
    for_both(|kind| {
        let (authority, port) = (Authority::new(), free_port());
        let _server = start(kind, &authority, port);
        let (at, file) = (format!("localhost:{port}"), properties(&authority, 30));
        let run = |arguments: &[&str]| {
            let mut command = Command::new(paddock());
            command.args(arguments).args(["--client-configuration", &file]).output().expect("the program is there")
        };
        let status = run(&["status", &at]);
        let told = String::from_utf8_lossy(&status.stdout).into_owned();
        assert_eq!(
            told,
            format!("Client port found: {port}. Client address: localhost. Client SSL: true.\nMode: standalone\n")
        );
        let ensemble = run(&["ensemble", "--once", &at]);
        assert!(
            ensemble.status.success() && String::from_utf8_lossy(&ensemble.stdout).contains("standalone"),
            "{ensemble:?}"
        );
        let bench = run(&["bench", &at, "--connections", "4", "--pipeline", "8", "--ops", "400", "--keys", "10"]);
        assert!(bench.status.success(), "{bench:?}");
    });
}

#[test]
fn why_there_is_no_connection_is_told() {
    for_both(|kind| {
        let (authority, port) = (Authority::new(), free_port());
        let _server = start(kind, &authority, port);
        let (at, stranger) = (format!("localhost:{port}"), Authority::new());
        let file = properties(&stranger, 30);
        let said = shell(&[
            "--server",
            &at,
            "--timeout",
            "4000",
            "--wait-for-connection",
            "--client-configuration",
            &file,
            "ls",
            "/",
        ]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.iter().any(|line| line.starts_with("paddock: there is no connection: TLS: ")), "{said:?}");
        let by_name = format!("127.0.0.2:{port}");
        let said = shell(&["--server", &by_name, "-Dzookeeper.client.secure=true", "-e", "ls /"]);
        assert!(said.code == Some(2) && said.err[0].contains("trustStore.location"), "{said:?}");
    });
}
