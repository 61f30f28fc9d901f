//! What a server of the demo is told: a zoo.cfg as a person would write it, with a word on each line.

use std::fmt::Write;
use std::path::Path;

/// The ports of a server, all of them of 127.0.0.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    pub client: u16,
    /// Where a leader is joined.
    pub quorum: u16,
    pub election: u16,
}

/// That of server `number`, which counts from 1, of servers with these ports.
pub fn text(number: usize, data_dir: &Path, servers: &[Ports]) -> String {
    // A backslash begins an escape in such a file.
    let data_dir = data_dir.display().to_string().replace('\\', "\\\\");
    let Ports { client, .. } = servers[number - 1];
    let mut text = format!(
        "# Server {number} of {of}, as `paddock demo` has set it up. ZooKeeper reads this file too.\n\
         \n\
         # A tick in milliseconds, in which the two limits below and the timeouts of sessions count.\n\
         tickTime=2000\n\
         # Ticks that a server has to join its leader.\n\
         initLimit=10\n\
         # Ticks that a server may be silent before its leader goes on without it, or it without its leader.\n\
         syncLimit=5\n\
         # Holds snapshots, the transaction log, and the file myid with the number of this server.\n\
         dataDir={data_dir}\n\
         # A piece of the transaction log in KiB, which is taken from the disk at once. 65536 without this line.\n\
         preAllocSize=4096\n\
         # Where clients connect: zkCli.sh -server 127.0.0.1:{client}\n\
         clientPort={client}\n\
         clientPortAddress=127.0.0.1\n\
         # The four-letter words that are answered: all. Without this line it is srvr alone.\n\
         4lw.commands.whitelist=*\n\
         # Commands by HTTP are not served: each server would want port 8080 for them.\n\
         admin.enableServer=false\n",
        of = servers.len(),
    );
    if servers.len() == 1 {
        text += "# One server is an ensemble too, which others can be added to.\nstandaloneEnabled=false\n";
    }
    text += "# Every server, the same lines in each file: its host, the port where a leader is joined, the port of the election.\n";
    for (server, Ports { quorum, election, .. }) in (1..).zip(servers) {
        writeln!(text, "server.{server}=127.0.0.1:{quorum}:{election}").expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Ports, text};
    use crate::config;

    fn ports(count: u16) -> Vec<Ports> {
        (1..=count).map(|n| Ports { client: 2180 + n, quorum: 2880 + n, election: 3880 + n }).collect()
    }

    /// One server alone is warned of, which is what the demo of one shows.
    #[test]
    fn the_configuration_takes_it() {
        for (count, warnings) in [(1, 1), (3, 0)] {
            let dir = std::env::temp_dir().join(format!("paddock-demo-cfg\\{count}-{}", std::process::id()));
            std::fs::create_dir(&dir).expect("a writable temporary directory");
            let file = dir.join("zoo.cfg");
            std::fs::write(&file, text(1, &dir, &ports(count))).expect("it is writable");
            std::fs::write(dir.join("myid"), "1\n").expect("it is writable");
            let loaded = config::load(Some(&file), &[], &[]);
            std::fs::remove_dir_all(&dir).expect("it is there");
            let loaded = loaded.map_err(|failure| failure.error.to_string()).expect("well formed");
            assert_eq!(loaded.warnings.len(), warnings, "{:?}", loaded.warnings);
            assert_eq!(loaded.config.data_dir, dir);
            assert_eq!(loaded.config.client_address.expect("an address").to_string(), "127.0.0.1:2181");
            let members = loaded.config.ensemble.expect("an ensemble").config.members().len();
            assert_eq!(members, usize::from(count));
        }
    }

    #[test]
    fn each_line_is_explained() {
        let text = text(2, Path::new("/data"), &ports(3));
        assert!(text.contains("\nclientPort=2182\n") && text.contains("\nserver.3=127.0.0.1:2883:3883\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 120), "{text}");
    }
}
