//! What the servers of both sides are told: the same lines, whoever reads them.

use std::fmt::Write;
use std::path::Path;

/// Of one server. No limit of connections from one address, ticks as in ZooKeeper's sample, and every four-letter word.
pub const LINES: [&str; 7] = [
    "tickTime=2000",
    "dataDir={dir}",
    "clientPort={port}",
    "clientPortAddress=127.0.0.1",
    "maxClientCnxns=0",
    "admin.enableServer=false",
    "4lw.commands.whitelist=*",
];
/// And of each server of an ensemble, as in ZooKeeper's sample; the line of every server follows.
pub const ENSEMBLE_LINES: [&str; 2] = ["initLimit=10", "syncLimit=5"];

/// The ports of a server, all of them of 127.0.0.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    pub client: u16,
    pub quorum: u16,
    pub election: u16,
}

/// Of the server at `place`, which counts from 0, among servers with these ports.
pub fn text(place: usize, data_dir: &Path, servers: &[Ports]) -> String {
    // A backslash begins an escape in such a file.
    let data_dir = data_dir.display().to_string().replace('\\', "\\\\");
    let filled =
        |line: &str| line.replace("{dir}", &data_dir).replace("{port}", &servers[place].client.to_string()) + "\n";
    let mut text: String = LINES.into_iter().map(filled).collect();
    if servers.len() > 1 {
        text.extend(ENSEMBLE_LINES.map(|line| format!("{line}\n")));
        for (number, Ports { quorum, election, .. }) in (1..).zip(servers) {
            writeln!(text, "server.{number}=127.0.0.1:{quorum}:{election}").expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Ports, text};

    #[test]
    fn one_server_has_no_server_lines_and_three_have_three() {
        let ports = |first| Ports { client: first, quorum: first + 1, election: first + 2 };
        let one = text(0, Path::new("/d"), &[ports(1)]);
        assert!(one.contains("dataDir=/d\nclientPort=1\n") && !one.contains("server."), "{one}");
        let three = text(1, Path::new("/d"), &[ports(1), ports(4), ports(7)]);
        assert!(three.contains("clientPort=4\n") && three.contains("syncLimit=5\n"), "{three}");
        assert!(three.ends_with("server.1=127.0.0.1:2:3\nserver.2=127.0.0.1:5:6\nserver.3=127.0.0.1:8:9\n"), "{three}");
    }
}
