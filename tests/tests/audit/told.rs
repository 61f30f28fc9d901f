//! What a server's audit log tells.
use paddock_tests::server::{Kind, Server, Setup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name that stands in front of what is told, in whatever form the log has.
const LOGGER: &str = "Slf4jAuditLogger";

/// A server with an audit log. ZooKeeper's is among all else that it says.
pub fn setup(kind: Kind) -> Setup {
    let setup = Setup::new(kind)
        .property("zookeeper.audit.enable", "true")
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("znode.container.checkIntervalMs", "100000000");
    match kind {
        Kind::Paddock => setup,
        Kind::ZooKeeper => setup.property("org.slf4j.simpleLogger.log.org.apache.zookeeper.audit", "info"),
    }
}

/// Paddock's audit log where nothing says another place.
pub fn file(server: &Server) -> PathBuf {
    server.data_dir().join("zookeeper_audit.log")
}

/// A file that may not be there yet.
pub fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Level and pairs of each line, which had tabs between them. Sessions are named by the order in which they come.
pub fn lines(text: &str) -> Vec<String> {
    let mut sessions: Vec<String> = Vec::new();
    let mut line = |line: &str| {
        let (head, pairs) = line.split_once(LOGGER)?;
        let level = if head.contains(" ERROR ") { "ERROR" } else { "INFO" };
        let pairs = pairs.strip_prefix(": ").or(pairs.strip_prefix(" - "))?;
        let pair = |pair: &str| match pair.strip_prefix("session=") {
            Some(session) => {
                let known = sessions.iter().position(|known| known == session).unwrap_or(sessions.len());
                if known == sessions.len() {
                    sessions.push(session.to_owned());
                }
                format!("session={known}")
            }
            None => pair.to_owned(),
        };
        let pairs: Vec<String> = pairs.split('\t').map(pair).collect();
        Some(format!("{level} {}", pairs.join(" ")))
    };
    text.lines().filter_map(&mut line).collect()
}

pub fn send(server: &Server, signal: &str) {
    let pid = server.pid();
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().expect("sh runs");
    assert!(sent.success(), "SIG{signal} could not be sent to {pid}");
}

/// The user whose processes servers are.
pub fn server_user() -> String {
    let told = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8(told.stdout).expect("it is a name").trim().to_owned()
}
