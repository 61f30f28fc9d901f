//! Where the servers of a zoo.cfg are reached. Only what says that is read, so that it is told of a file that no server would
//! start with.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use paddock_consensus::ServerId;
use paddock_consensus::config::{HostPort, Malformed, ServerLine};

use super::target::Target;
use crate::config::MAX_FILE_BYTES;
use crate::config::properties::{self, Entry, SyntaxError};

/// The host of a client port that has none.
const LOCALHOST: &str = "localhost";

/// What a zoo.cfg says of the client ports, with the members of its dynamic file.
#[derive(Default)]
pub struct ZooCfg {
    client_host: Option<String>,
    client_port: Option<u16>,
    /// Where clients come by TLS.
    secure: Option<HostPort>,
    data_dir: Option<PathBuf>,
    lines: BTreeMap<ServerId, ServerLine>,
    /// Those of the dynamic file, and which that is.
    dynamic: BTreeMap<ServerId, ServerLine>,
    dynamic_file: PathBuf,
}

/// Why it is not known where a server is reached.
#[derive(Debug)]
pub enum ZooCfgError {
    Read {
        file: PathBuf,
        source: io::Error,
    },
    TooLong(PathBuf),
    Syntax {
        file: PathBuf,
        source: SyntaxError,
    },
    Line {
        file: PathBuf,
        key: String,
        source: Malformed,
    },
    /// This server, or the one of this line, has no client port.
    NoPort {
        file: PathBuf,
        key: Option<String>,
    },
    /// It has one for TLS alone.
    OnlySecure(PathBuf),
}

impl fmt::Display for ZooCfgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZooCfgError::Read { file, source } => write!(f, "{} cannot be read: {source}", file.display()),
            ZooCfgError::TooLong(file) => {
                write!(f, "{} is no configuration: it is longer than {MAX_FILE_BYTES} bytes", file.display())
            }
            ZooCfgError::Syntax { file, source } => write!(f, "{}:{}: {source}", file.display(), source.line),
            ZooCfgError::Line { file, key, source } => write!(f, "{}: {key}: {source}", file.display()),
            ZooCfgError::NoPort { file, key: None } => write!(
                f,
                "{}: it has no clientPort, and no server.N line with one for the number in myid",
                file.display()
            ),
            ZooCfgError::NoPort { file, key: Some(key) } => {
                write!(f, "{}: {key}: it names no client port, and there is no clientPort", file.display())
            }
            ZooCfgError::OnlySecure(file) => {
                write!(
                    f,
                    "{}: it has a secureClientPort alone; give that as HOST:PORT, with -Dzookeeper.client.secure=true",
                    file.display()
                )
            }
        }
    }
}

impl std::error::Error for ZooCfgError {}

/// Every server that is named.
#[derive(PartialEq, Eq, Debug)]
pub struct All {
    pub targets: Vec<Target>,
    /// In what the two member lists differ, if there are two. A ZooKeeper reads that of the dynamic file alone.
    pub differences: Vec<String>,
}

/// What zkServer.sh says while it looks for the port of its own server.
#[derive(PartialEq, Eq, Debug)]
pub struct Found {
    pub remarks: Vec<&'static str>,
    pub target: Result<Target, NoPort>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPort {
    None,
    OnlySecure,
}

impl NoPort {
    pub fn error(self, file: &Path) -> ZooCfgError {
        let file = file.to_owned();
        match self {
            NoPort::None => ZooCfgError::NoPort { file, key: None },
            NoPort::OnlySecure => ZooCfgError::OnlySecure(file),
        }
    }
}

impl ZooCfg {
    /// Reads a zoo.cfg, and the dynamic file that it names.
    pub fn read(file: &Path) -> Result<ZooCfg, ZooCfgError> {
        let entries = read(file)?;
        let mut cfg = ZooCfg { lines: lines(file, &entries)?, ..ZooCfg::default() };
        // Of two lines with one key the last counts, as everywhere.
        let value = |key: &str| entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.value.clone());
        cfg.client_port = value("clientPort").and_then(|port| port.parse().ok());
        cfg.client_host = value("clientPortAddress");
        let secure_host = value("secureClientPortAddress").unwrap_or_else(|| LOCALHOST.to_owned());
        let secure_port = value("secureClientPort").and_then(|port| port.parse().ok());
        cfg.secure = secure_port.map(|port| HostPort { host: secure_host.as_str().into(), port });
        cfg.data_dir = value("dataDir").map(PathBuf::from);
        if let Some(dynamic) = value("dynamicConfigFile").map(PathBuf::from) {
            cfg.dynamic = lines(&dynamic, &read(&dynamic)?)?;
            cfg.dynamic_file = dynamic;
        }
        Ok(cfg)
    }

    /// The server whose file this is, found as zkServer.sh finds it.
    pub fn own(&self) -> Found {
        if let Some(port) = self.client_port {
            let host = self.client_host.as_deref().unwrap_or(LOCALHOST);
            return Found { remarks: Vec::new(), target: Ok(target(None, host, port)) };
        }
        let mut remarks = Vec::new();
        let client = match self.my_id() {
            None => {
                remarks.push("myid could not be determined, will not able to locate clientPort in the server configs.");
                None
            }
            Some(me) => self.client_of(me, &mut remarks),
        };
        if let Some(HostPort { host, port }) = client {
            // Of every address of the machine, which a line without a host means too, the script takes this one.
            let host: &str = if is_unspecified(&host) { LOCALHOST } else { &host };
            return Found { remarks, target: Ok(target(None, host, port)) };
        }
        remarks.push("Client port not found. Looking for secureClientPort in the static config.");
        if self.secure.is_some() {
            return Found { remarks, target: Err(NoPort::OnlySecure) };
        }
        remarks.push("Unable to find either secure or unsecure client port in any configs. Terminating.");
        Found { remarks, target: Err(NoPort::None) }
    }

    /// The port of this server for TLS, if it has one.
    pub fn secure(&self) -> Option<&HostPort> {
        self.secure.as_ref()
    }

    fn client_of(&self, me: ServerId, remarks: &mut Vec<&'static str>) -> Option<HostPort> {
        let client = |lines: &BTreeMap<ServerId, ServerLine>| lines.get(&me)?.member.client.clone();
        if let Some(client) = client(&self.lines) {
            return Some(client);
        }
        remarks.push("Client port not found in static config file. Looking in dynamic config file.");
        let client = client(&self.dynamic);
        if client.is_none() {
            remarks.push("Client port not found in the server configs");
        }
        client
    }

    /// The number in `myid`.
    fn my_id(&self) -> Option<ServerId> {
        let text = fs::read_to_string(self.data_dir.as_ref()?.join("myid")).ok()?;
        text.lines().next()?.trim().parse().ok().map(ServerId)
    }

    /// Every server that the file names, or its dynamic file does: where they differ, each as either says. One whose line has no
    /// client port is reached at the file's own.
    ///
    /// # Errors
    /// If neither has one. There is none that the file names where it has no member list.
    pub fn all(&self, file: &Path) -> Result<All, ZooCfgError> {
        let of_file = self.reached(file, &self.lines)?;
        let of_dynamic = self.reached(file, &self.dynamic)?;
        let mut all = All { targets: of_dynamic.clone(), differences: Vec::new() };
        for target in of_file.iter().filter(|target| !of_dynamic.contains(target)) {
            all.targets.push(target.clone());
        }
        all.targets.sort_by_key(|target| (target.server, target.address.to_string()));
        if of_file.is_empty() || of_dynamic.is_empty() {
            return Ok(all);
        }
        let both = [(file, &of_file, &of_dynamic), (&self.dynamic_file, &of_dynamic, &of_file)];
        for (named, targets, others) in both {
            let alone = targets.iter().filter(|target| !others.contains(target));
            all.differences.extend(alone.map(|target| format!("only {} names {target}", named.display())));
        }
        Ok(all)
    }

    /// Where the servers of a member list are reached.
    fn reached(&self, file: &Path, lines: &BTreeMap<ServerId, ServerLine>) -> Result<Vec<Target>, ZooCfgError> {
        let reached = |(server, ServerLine { member, .. }): (&ServerId, &ServerLine)| {
            let key = Some(*server);
            let host = &member.addresses[0].quorum.host;
            match (&member.client, self.client_port) {
                (Some(client), _) if !is_unspecified(&client.host) => Ok(target(key, &client.host, client.port)),
                (Some(client), _) => Ok(target(key, host, client.port)),
                (None, Some(port)) => Ok(target(key, host, port)),
                (None, None) => {
                    Err(ZooCfgError::NoPort { file: file.to_owned(), key: Some(format!("server.{}", server.0)) })
                }
            }
        };
        lines.iter().map(reached).collect()
    }
}

fn target(server: Option<ServerId>, host: &str, port: u16) -> Target {
    Target { server, address: HostPort { host: host.into(), port } }
}

/// Every address of a machine is none of it for others.
fn is_unspecified(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_unspecified())
}

fn read(file: &Path) -> Result<Vec<Entry>, ZooCfgError> {
    let bytes = crate::config::read(file).map_err(|source| ZooCfgError::Read { file: file.to_owned(), source })?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ZooCfgError::TooLong(file.to_owned()));
    }
    properties::parse(&bytes).map_err(|source| ZooCfgError::Syntax { file: file.to_owned(), source })
}

/// The `server.N` lines, of two for one server the last.
fn lines(file: &Path, entries: &[Entry]) -> Result<BTreeMap<ServerId, ServerLine>, ZooCfgError> {
    let mut lines = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.key.starts_with("server.")) {
        let wrong = |source| ZooCfgError::Line { file: file.to_owned(), key: entry.key.clone(), source };
        let server = ServerLine::server(&entry.key).map_err(wrong)?;
        lines.insert(server, ServerLine::parse(&entry.value).map_err(wrong)?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{NoPort, ZooCfg};

    /// Goes with the value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("paddock-status-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).expect("a writable temporary directory");
            Directory(path)
        }

        /// A file in it, in whose text DIR stands for the directory.
        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text.replace("DIR", &self.0.display().to_string())).expect("a writable directory");
            path
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn read(file: &Path) -> ZooCfg {
        ZooCfg::read(file).unwrap_or_else(|error| panic!("{error}"))
    }

    fn own(file: &Path) -> (Vec<&'static str>, Result<String, NoPort>) {
        let found = read(file).own();
        (found.remarks, found.target.map(|target| target.to_string()))
    }

    const NO_ID: &str = "myid could not be determined, will not able to locate clientPort in the server configs.";
    const NOT_STATIC: &str = "Client port not found in static config file. Looking in dynamic config file.";
    const NOT_FOUND: &str = "Client port not found in the server configs";
    const SECURE: &str = "Client port not found. Looking for secureClientPort in the static config.";
    const NONE: &str = "Unable to find either secure or unsecure client port in any configs. Terminating.";

    #[test]
    fn the_own_port_is_found_as_zookeepers_script_finds_it() {
        let dir = Directory::new("own");
        let found = |text: &str| own(&dir.file("zoo.cfg", text));
        assert_eq!(found("clientPort=2181"), (vec![], Ok("localhost:2181".to_owned())));
        let text = "clientPort=1\nclientPortAddress=10.0.0.1\nclientPort = 2182";
        assert_eq!(found(text), (vec![], Ok("10.0.0.1:2182".to_owned())));
        assert_eq!(found(""), (vec![NO_ID, SECURE, NONE], Err(NoPort::None)));
        assert_eq!(found("dataDir=DIR"), (vec![NO_ID, SECURE, NONE], Err(NoPort::None)));
        dir.file("myid", "2\n");
        let lines = "dataDir=DIR\nserver.1=a:1:2;2181\nserver.2=b:1:2;[::1]:2182";
        assert_eq!(found(lines), (vec![], Ok("[0:0:0:0:0:0:0:1]:2182".to_owned())));
        let text = "dataDir=DIR\nserver.2=b:1:2\nsecureClientPort=2281";
        assert_eq!(found(text), (vec![NOT_STATIC, NOT_FOUND, SECURE], Err(NoPort::OnlySecure)));
        let secure = |text: &str| read(&dir.file("zoo.cfg", text)).secure().map(ToString::to_string);
        assert_eq!(secure(text).as_deref(), Some("localhost:2281"));
        assert_eq!(secure("secureClientPort=1\nsecureClientPortAddress=a").as_deref(), Some("a:1"));
        assert_eq!(secure("clientPort=1"), None);
        dir.file("zoo.cfg.dynamic", "server.1=a:1:2;2181\nserver.2=b:1:2;2183");
        let text = "dataDir=DIR\ndynamicConfigFile=DIR/zoo.cfg.dynamic";
        assert_eq!(found(text), (vec![NOT_STATIC], Ok("localhost:2183".to_owned())));
    }

    #[test]
    fn every_server_is_reached_at_its_own_host() {
        let dir = Directory::new("all");
        let all = |text: &str| {
            let file = dir.file("zoo.cfg", text);
            let all = read(&file).all(&file).map_err(|error| error.to_string())?;
            assert_eq!(all.differences, [""; 0]);
            Ok(all.targets.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let found = |targets: &[&str]| Ok::<_, String>(targets.iter().map(|&target| target.to_owned()).collect());
        assert_eq!(all("clientPort=2181"), found(&[]));
        let text = "server.2=b:1:2;2182\nserver.1=a:1:2:observer;10.0.0.1:2181\nserver.3=c:1:2\nclientPort=2183";
        assert_eq!(all(text), found(&["server.1 10.0.0.1:2181", "server.2 b:2182", "server.3 c:2183"]));
        dir.file("dynamic", "server.4=[::4]:1:2;[::]:2184");
        let text = "dynamicConfigFile=DIR/dynamic";
        assert_eq!(all(text), found(&["server.4 [0:0:0:0:0:0:0:4]:2184"]));
        let error = all("server.1=a:1:2").expect_err("no port");
        assert!(error.contains("server.1: it names no client port"), "{error}");
    }

    #[test]
    fn where_two_member_lists_differ_every_server_of_both_is_asked() {
        let dir = Directory::new("differ");
        let dynamic = dir.file("dynamic", "server.1=a:1:2;2181\nserver.2=b:1:2;2182");
        let text = "dynamicConfigFile=DIR/dynamic\nserver.1=a:1:2;2181\nserver.2=b:1:2;2192\nserver.3=c:1:2;2183";
        let file = dir.file("zoo.cfg", text);
        let all = read(&file).all(&file).expect("every server has a port");
        let targets: Vec<String> = all.targets.iter().map(ToString::to_string).collect();
        assert_eq!(targets, ["server.1 a:2181", "server.2 b:2182", "server.2 b:2192", "server.3 c:2183"]);
        let (file, dynamic) = (file.display(), dynamic.display());
        let differences = [
            format!("only {file} names server.2 b:2192"),
            format!("only {file} names server.3 c:2183"),
            format!("only {dynamic} names server.2 b:2182"),
        ];
        assert_eq!(all.differences, differences);
    }

    #[test]
    fn files_that_say_nothing_are_told_of() {
        let dir = Directory::new("bad");
        let error = |file: &Path| ZooCfg::read(file).err().expect("it cannot be read").to_string();
        assert!(error(&dir.0.join("missing")).contains("missing cannot be read: "));
        assert!(error(&dir.file("line", "server.1=a")).contains("server.1: \"a\" lacks a port; expected "));
        assert!(error(&dir.file("syntax", "\n\\u00")).contains("syntax:2: "));
        assert!(error(&dir.file("long", &"#".repeat(1 << 21))).contains("longer than"));
    }
}
