//! `zoo.cfg` as a member rewrites it when the ensemble is changed.

use std::path::Path;

use paddock_consensus::config::HostPort;

use super::properties::{self, Entry};

/// What stands in the dynamic file instead.
const MOVED: [&str; 5] = ["server.", "group", "weight", "dynamicConfigFile", "peerType"];
/// What the dynamic file says where it tells the address for clients.
const CLIENT_ADDRESS: [&str; 2] = ["clientPort", "clientPortAddress"];

/// What becomes of the address for clients.
#[derive(Clone, Copy, Debug)]
pub enum Clients<'a> {
    /// The dynamic file says it.
    Moved,
    /// It is as the file says.
    Stay,
    /// It is as the file says, or this, if it says nothing.
    At(&'a HostPort),
}

/// The file with its bytes.
pub struct StaticFile<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
}

impl StaticFile<'_> {
    /// # Errors
    /// Says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<StaticFile<'_>, String> {
        let entries = properties::parse(bytes).map_err(|error| format!("line {}: {error}", error.line))?;
        Ok(StaticFile { bytes, entries })
    }

    /// Whether members stand in it.
    pub fn has_members(&self) -> bool {
        self.entries.iter().any(|entry| entry.key.starts_with("server."))
    }

    /// The file that names `dynamic` for what stands there. All else stays as it was, with its remarks.
    ///
    /// # Errors
    /// If the path cannot be written in a file of this kind.
    pub fn pointing_to(&self, dynamic: &Path, clients: Clients<'_>) -> Result<Vec<u8>, String> {
        let moves_clients = matches!(clients, Clients::Moved);
        let moved = |key: &str| {
            MOVED.iter().any(|prefix| key.starts_with(prefix)) || moves_clients && CLIENT_ADDRESS.contains(&key)
        };
        let path = dynamic.to_str().ok_or_else(|| format!("the path {} is not UTF-8", dynamic.display()))?;
        let mut text = properties::without(self.bytes, moved).expect("it was read before");
        if !matches!(text.last(), None | Some(b'\n' | b'\r')) {
            text.push(b'\n');
        }
        if let Clients::At(HostPort { host, port }) = clients
            && !self.entries.iter().any(|entry| entry.key == "clientPort")
        {
            let host = properties::escaped(host);
            text.extend_from_slice(format!("clientPort={port}\nclientPortAddress={host}\n").as_bytes());
        }
        text.extend_from_slice(format!("dynamicConfigFile={}\n", properties::escaped(path)).as_bytes());
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::config::HostPort;

    use super::super::properties;
    use super::{Clients, StaticFile};

    fn rewritten(text: &str, clients: Clients<'_>) -> String {
        let file = StaticFile::read(text.as_bytes()).expect("it is well formed");
        let bytes = file.pointing_to(Path::new("/conf/zoo.cfg.dynamic.100000002"), clients).expect("it can be");
        String::from_utf8(bytes).expect("it is ASCII")
    }

    #[test]
    fn members_go_and_all_else_stays() {
        let text = "# ours\ntickTime=2000\nserver.1=a:1:2\\\n  :participant\n# the second\n server.2 = b:1:2\r\ngroup.1=1:2\n\
                    weight.1=1\npeerType=participant\nclientPort=2181\nclientPortAddress=h\nclientPortListenBacklog=5\n\
                    dynamicConfigFile=/old\ninitLimit=5";
        let kept = "# ours\ntickTime=2000\n# the second\n";
        let end = "clientPortListenBacklog=5\ninitLimit=5\ndynamicConfigFile=/conf/zoo.cfg.dynamic.100000002\n";
        assert_eq!(rewritten(text, Clients::Moved), format!("{kept}{end}"));
        assert_eq!(rewritten(text, Clients::Stay), format!("{kept}clientPort=2181\nclientPortAddress=h\n{end}"));
        assert_eq!(rewritten("", Clients::Moved), "dynamicConfigFile=/conf/zoo.cfg.dynamic.100000002\n");
    }

    #[test]
    fn clients_stay_where_they_were_if_nothing_else_says_where() {
        let former = HostPort { host: "0:0:0:0:0:0:0:1".into(), port: 2182 };
        let end = "dynamicConfigFile=/conf/zoo.cfg.dynamic.100000002\n";
        let expected = format!("a=1\nclientPort=2182\nclientPortAddress=0:0:0:0:0:0:0:1\n{end}");
        assert_eq!(rewritten("a=1\n", Clients::At(&former)), expected);
        assert_eq!(rewritten("clientPort=1\n", Clients::At(&former)), format!("clientPort=1\n{end}"));
    }

    #[test]
    fn any_path_is_read_back() {
        let path = "/a b\\c/\u{fc}ber/\u{1f600}=:#";
        let file = StaticFile::read(b"a=1").expect("it is well formed");
        let text = file.pointing_to(Path::new(path), Clients::Stay).expect("it can be");
        let entries = properties::parse(&text).expect("it is well formed");
        assert_eq!((&*entries[1].key, &*entries[1].value), ("dynamicConfigFile", path));
    }

    #[test]
    fn members_are_found() {
        for (text, expected) in [("server.1=a:1:2", true), ("# server.1=a:1:2", false), ("a=server.1", false)] {
            assert_eq!(StaticFile::read(text.as_bytes()).map(|file| file.has_members()), Ok(expected), "{text}");
        }
        assert!(StaticFile::read(b"a=1\nb=\\u12").is_err_and(|problem| problem.starts_with("line 2: ")));
    }
}
