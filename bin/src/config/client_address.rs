//! The listeners for clients: `clientPortAddress` and `clientPort`, `secureClientPortAddress` and `secureClientPort`, or what the
//! member list says about this server.

use paddock_consensus::config::{HostPort, ServerLine};

use super::assembly::Assembly;
use super::error::ConfigError;
use super::membership::Member;
use super::place::Place;
use super::settings::Setting;
use super::value::{Value, shown};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

/// Of a server without a file.
const LOCALHOST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PORT: u16 = 2181;
/// Every address of the machine.
const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A port for clients: its keys, and where the line of a server has it.
struct Listener {
    port: &'static str,
    host: &'static str,
    /// Of a server without a file.
    default: Option<u16>,
    of_line: fn(&ServerLine) -> Option<&HostPort>,
}

const PLAIN: Listener = Listener {
    port: "clientPort",
    host: "clientPortAddress",
    default: Some(PORT),
    of_line: |line| line.member.client.as_ref(),
};
/// ZooKeeper 3.9 takes it from these keys alone; 3.10 writes it into the lines.
const SECURE: Listener = Listener {
    port: "secureClientPort",
    host: "secureClientPortAddress",
    default: None,
    of_line: |line| line.secure_client.as_ref(),
};

impl Assembly<'_> {
    /// The listener for plain clients and the one for those that speak TLS, of which there is one at least.
    pub(super) fn client_addresses(
        &mut self,
        member: Option<&Member>,
        server_id: Option<i64>,
        data_dir: &Path,
    ) -> Result<(Option<SocketAddr>, Option<SocketAddr>), ConfigError> {
        let [plain, secure] =
            [&PLAIN, &SECURE].map(|listener| self.listener_address(listener, member, server_id, data_dir));
        match (plain?, secure?) {
            (None, None) => Err(self.missing_port()),
            addresses => Ok(addresses),
        }
    }

    /// The keys of a listener, or what the member's line says of it; where both are there, they must agree.
    fn listener_address(
        &self,
        listener: &Listener,
        member: Option<&Member>,
        server_id: Option<i64>,
        data_dir: &Path,
    ) -> Result<Option<SocketAddr>, ConfigError> {
        let fixed = self.fixed_address(listener)?;
        let listed = member.and_then(|member| Some((member, (listener.of_line)(&member.line)?)));
        let Some((member, HostPort { host, port })) = listed else { return Ok(fixed.map(|(address, _)| address)) };
        if let Some(id) = server_id.filter(|id| *id != member.id.0) {
            // The line is another server's.
            let problem = format!("the server id is {id}, but the only member is {} ({})", member.key, member.place);
            return match fixed {
                Some((address, _)) => Ok(Some(address)),
                None => Err(ConfigError::ServerId { file: data_dir.join("myid"), problem }),
            };
        }
        let mut listed = self.resolve(&member.place, &member.key, host)?;
        listed.set_port(*port);
        match fixed {
            Some((fixed, place))
                if fixed.port() != listed.port() || !fixed.ip().is_unspecified() && fixed != listed =>
            {
                let problem = format!(
                    "the client address {fixed} is not the {listed} of {} ({}); set both alike or remove one",
                    member.key, member.place
                );
                Err(ConfigError::Refused { place, key: listener.port.to_owned(), problem })
            }
            _ => Ok(Some(listed)),
        }
    }

    /// Refuses a port for clients that is one of those for servers. `listens_on_all` is the setting `quorumListenOnAllIPs`.
    pub(super) fn refuse_shared_client_port(
        &self,
        address: SocketAddr,
        me: &Member,
        listens_on_all: bool,
    ) -> Result<(), ConfigError> {
        let is_one = |port: &&HostPort| {
            let is_everywhere = listens_on_all || address.ip().is_unspecified();
            port.port == address.port() && (is_everywhere || self.may_be_at(&port.host, address.ip()))
        };
        let Some(port) = me.ports().find(is_one) else { return Ok(()) };
        let of_address = |key: &&str| self.settings.given(key).filter(|port| port_of(&port.value) == address.port());
        let (place, key) = match ["clientPort", "secureClientPort"].iter().find_map(of_address) {
            Some(Setting { place, spelled, .. }) => (place.clone(), spelled.clone()),
            None => (me.place.clone(), me.key.clone()),
        };
        let problem = format!(
            "the client address {address} and {port} of {} ({}), where other servers connect, are one port; give clients \
             another",
            me.key, me.place
        );
        Err(ConfigError::Refused { place, key, problem })
    }

    /// Whether a host stands for this address, or for every address of the machine. A name that nobody knows yet stands for
    /// none.
    fn may_be_at(&self, host: &str, address: IpAddr) -> bool {
        let host = host.parse().or_else(|_| (self.outside.resolve)(host).map(|host| host.ip()));
        host.is_ok_and(|host: IpAddr| {
            host.to_canonical().is_unspecified() || host.to_canonical() == address.to_canonical()
        })
    }

    /// What the keys of a listener say, with the place of the port; without a file the default stands for them, if there is one.
    fn fixed_address(&self, listener: &Listener) -> Result<Option<(SocketAddr, Place)>, ConfigError> {
        let host = self.settings.given(listener.host);
        let port = self.settings.given(listener.port).cloned();
        let default = listener.default.filter(|_| self.file.is_none());
        let (port, place) = match (port, default, host) {
            (Some(setting), _, _) => (port_of(&setting.value), setting.place),
            (None, Some(port), _) => (port, Place::CommandLine),
            (None, None, None) => return Ok(None),
            (None, None, Some(host)) => {
                return Err(ConfigError::Refused {
                    place: host.place.clone(),
                    key: host.spelled.clone(),
                    problem: format!("{0} is not set, so there is no port to listen on; add {0}=2181", listener.port),
                });
            }
        };
        let mut address = match (host, self.file) {
            (Some(setting), _) => self.resolve(&setting.place, &setting.spelled, &setting.text)?,
            (None, None) => LOCALHOST,
            (None, Some(_)) => UNSPECIFIED,
        };
        address.set_port(port);
        Ok(Some((address, place)))
    }

    /// The address of a host, with the port 0.
    fn resolve(&self, place: &Place, key: &str, host: &str) -> Result<SocketAddr, ConfigError> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match self.literal(bare) {
            Ok(Some(address)) => return Ok(address),
            Ok(None) => {}
            Err(problem) => {
                let expected = "an address such as 10.0.0.1, 2001:db8::1 or fe80::1%eth0, or a host name".to_owned();
                return Err(ConfigError::Value { place: place.clone(), key: key.to_owned(), problem, expected });
            }
        }
        (self.outside.resolve)(bare).map_err(|source| ConfigError::Unresolved {
            place: place.clone(),
            key: key.to_owned(),
            host: host.to_owned(),
            source,
        })
    }

    /// An address that is written as one, with the port 0; `None`: it is a name. An address of IPv6 may have a zone, the
    /// name or number of an interface, and a link-local one must, since each interface has its own.
    fn literal(&self, host: &str) -> Result<Option<SocketAddr>, String> {
        let (ip, zone) = match host.split_once('%') {
            Some((ip, zone)) => (ip, Some(zone)),
            None => (host, None),
        };
        let Ok(ip) = ip.parse::<IpAddr>() else { return Ok(None) };
        let scope_id = match (ip, zone) {
            (IpAddr::V4(_), Some(_)) => return Err(format!("{} has a zone, as only IPv6 has", shown(host))),
            (IpAddr::V6(ip), None) if ip.is_unicast_link_local() => {
                return Err(format!("the link-local address {ip} lacks its interface, as in {ip}%eth0"));
            }
            (_, None) => 0,
            (IpAddr::V6(_), Some(zone)) => match zone.parse::<u32>() {
                Ok(number) => number,
                Err(_) => (self.outside.interface)(zone)
                    .map_err(|error| format!("this machine has no network interface {}: {error}", shown(zone)))?,
            },
        };
        Ok(Some(match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, 0),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, 0, 0, scope_id).into(),
        }))
    }

    fn missing_port(&self) -> ConfigError {
        let advice =
            "add clientPort=2181, the port to which clients connect, or secureClientPort=2281 for those that speak TLS";
        let file = self.file.expect("without a file there is a default port").to_owned();
        ConfigError::Missing { file, key: "clientPort", advice }
    }
}

fn port_of(value: &Value) -> u16 {
    match value {
        Value::Number(port) => u16::try_from(*port).expect("the kind ends at 65535"),
        other => panic!("clientPort is a number in the table of keys, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;

    /// `static_lines` beside `dataDir`, with a dynamic file and a `myid` where given.
    fn serve(static_lines: &str, dynamic: Option<&str>, myid: Option<&str>) -> Result<(String, Vec<String>), String> {
        let text = format!("dataDir=/data\n{static_lines}");
        let mut files = vec![("zoo.cfg", text.as_str())];
        files.extend(dynamic.map(|text| ("/etc/zoo.dynamic", text)));
        files.extend(myid.map(|text| ("/data/myid", text)));
        let loaded = assemble_in(&files, Some("zoo.cfg"), &[]).map_err(|error| error.to_string())?;
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        Ok((loaded.config.client_address.expect("it has one").to_string(), warnings))
    }

    const DYNAMIC: &str = "dynamicConfigFile=/etc/zoo.dynamic";

    #[test]
    fn addresses() {
        let alone = "server.1=h:2888:3888;2182";
        for (lines, dynamic, myid, expected) in [
            ("clientPort=2182", None, None, "0.0.0.0:2182"),
            ("clientPort=0", None, None, "0.0.0.0:0"),
            ("clientPort=2182\nclientPortAddress=127.0.0.1", None, None, "127.0.0.1:2182"),
            ("clientPort=2182\nclientPortAddress=::1", None, None, "[::1]:2182"),
            ("clientPort=2182\nclientPortAddress=[::1]", None, None, "[::1]:2182"),
            ("clientPort=2182\nclientPortAddress=::1%lo", None, None, "[::1%1]:2182"),
            ("clientPort=2182\nclientPortAddress=[fe80::7%eth0]", None, None, "[fe80::7%2]:2182"),
            ("clientPort=2182\nclientPortAddress=fe80::7%12", None, None, "[fe80::7%12]:2182"),
            ("server.1=h:1:2;[fe80::7%eth0]:2182", None, None, "[fe80::7%2]:2182"),
            ("clientPort=5\nclientPortAddress=fe80::7%2\nserver.1=h:1:2;[fe80::7%eth0]:5", None, None, "[fe80::7%2]:5"),
            ("clientPort=2182\nclientPortAddress=db.example", None, None, "10.0.0.7:2182"),
            (alone, None, None, "0.0.0.0:2182"),
            (alone, None, Some("1"), "0.0.0.0:2182"),
            ("server.1=h:1:2;db.example:2182", None, None, "10.0.0.7:2182"),
            ("clientPort=2182\nserver.1=h:1:2;[::1]:2182", None, None, "[::1]:2182"),
            ("clientPort=2182\nserver.1=h:1:2", None, None, "0.0.0.0:2182"),
            ("clientPort=2183\nserver.1=h:1:2;2182", None, Some("4"), "0.0.0.0:2183"),
            (DYNAMIC, Some(alone), None, "0.0.0.0:2182"),
            (DYNAMIC, Some("server.1=h:1:2;5\nserver.1=h:1:2;6\nweight.1=1"), None, "0.0.0.0:6"),
        ] {
            let (address, _) = serve(lines, dynamic, myid).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
            assert_eq!(address, expected, "{lines:?} {dynamic:?} {myid:?}");
        }
    }

    #[test]
    fn refusals() {
        for (lines, dynamic, myid, expected) in [
            ("", None, None, "zoo.cfg: clientPort is not set; add clientPort=2181, the port to which clients connect"),
            (
                "secureClientPortAddress=::1",
                None,
                None,
                "zoo.cfg:2: secureClientPortAddress: secureClientPort is not set",
            ),
            ("clientPortAddress=::1", None, None, "zoo.cfg:2: clientPortAddress: clientPort is not set"),
            (
                "clientPort=1\nclientPortAddress=nowhere",
                None,
                None,
                "zoo.cfg:3: clientPortAddress: the host \"nowhere\" has no address",
            ),
            (
                "clientPort=1\nclientPortAddress=fe80::7%eth9",
                None,
                None,
                "zoo.cfg:3: clientPortAddress: this machine has no network interface \"eth9\": ",
            ),
            (
                "clientPort=1\nclientPortAddress=fe80::7",
                None,
                None,
                "zoo.cfg:3: clientPortAddress: the link-local address fe80::7 lacks its interface, as in fe80::7%eth0",
            ),
            (
                "clientPort=1\nclientPortAddress=10.0.0.1%lo",
                None,
                None,
                "zoo.cfg:3: clientPortAddress: \"10.0.0.1%lo\" has a zone, as only IPv6 has; expected an address",
            ),
            (
                "clientPort=5\nclientPortAddress=fe80::7%1\nserver.1=h:1:2;[fe80::7%eth0]:5",
                None,
                None,
                "zoo.cfg:2: clientPort: the client address [fe80::7%1]:5 is not the [fe80::7%2]:5 of server.1",
            ),
            ("server.1=h:1:2;nowhere:1", None, None, "zoo.cfg:2: server.1: the host \"nowhere\" has no address"),
            ("standaloneEnabled=false\nclientPort=1", None, None, "zoo.cfg:2: standaloneEnabled: "),
            (
                "clientPort=5\nserver.1=h:1:2;6",
                None,
                None,
                "zoo.cfg:2: clientPort: the client address 0.0.0.0:5 is not",
            ),
            (
                "clientPort=5\nclientPortAddress=::1\nserver.1=h:1:2;5",
                None,
                None,
                "zoo.cfg:2: clientPort: the client address [::1]:5 is not the 0.0.0.0:5 of server.1 (zoo.cfg:4)",
            ),
            ("server.1=h:1:2;6", None, Some("4"), "/data/myid: the server id is 4, but the only member is server.1"),
            ("server.1=h:1", None, None, "zoo.cfg:2: server.1: \"h:1\" lacks a port; expected host:quorumPort"),
            (DYNAMIC, None, None, "/etc/zoo.dynamic: the file cannot be read"),
            (
                "dynamicConfigFile=/etc/zoo.dynamic\nserver.1=h:1:2;5",
                Some(""),
                None,
                "zoo.cfg:3: server.1: members belong into the file that dynamicConfigFile names",
            ),
            (DYNAMIC, Some("\ntickTime=5"), None, "/etc/zoo.dynamic:2: \"tickTime\": a dynamic file holds only"),
            (
                DYNAMIC,
                Some("server.1=h:1:2;5\nversion=100000002"),
                None,
                "/etc/zoo.dynamic:2: \"version\": the version of a dynamic file stands in hexadecimal behind the last dot",
            ),
            (DYNAMIC, Some(""), None, "zoo.cfg:2: dynamicConfigFile: /etc/zoo.dynamic names no server"),
        ] {
            let error = serve(lines, dynamic, myid).expect_err(lines);
            assert!(error.starts_with(expected), "{lines:?}: {error}");
        }
    }

    #[test]
    fn a_single_member_is_remarked() {
        let (_, warnings) = serve("server.1=h:1:2;5", None, None).expect("well formed");
        assert_eq!(
            warnings,
            ["zoo.cfg:2: server.1: the only server is served standalone; its quorum ports stay closed"]
        );
    }

    #[test]
    fn secure_addresses() {
        const KEY: &str = "ssl.keyStore.location=/k.pem\n";
        for (lines, plain, secure) in [
            ("secureClientPort=2281", None, Some("0.0.0.0:2281")),
            ("clientPort=2181\nsecureClientPort=2281", Some("0.0.0.0:2181"), Some("0.0.0.0:2281")),
            ("secureClientPort=5\nsecureClientPortAddress=::1", None, Some("[::1]:5")),
            ("clientPort=5\nclientPortAddress=127.0.0.1\nsecureClientPort=6", Some("127.0.0.1:5"), Some("0.0.0.0:6")),
            ("server.1=h:1:2;5;127.0.0.1:6", Some("0.0.0.0:5"), Some("127.0.0.1:6")),
            ("server.1=h:1:2;5\nsecureClientPort=6", Some("0.0.0.0:5"), Some("0.0.0.0:6")),
        ] {
            let text = format!("dataDir=/data\n{KEY}{lines}");
            let loaded = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).expect(lines).config;
            let told = [loaded.client_address, loaded.secure_client_address].map(|one| one.map(|one| one.to_string()));
            assert_eq!(told.each_ref().map(Option::as_deref), [plain, secure], "{lines:?}");
        }
        let error =
            serve(&format!("{KEY}secureClientPort=5\nserver.1=h:1:2;4;6"), None, None).expect_err("they differ");
        assert!(error.starts_with("zoo.cfg:3: secureClientPort: the client address 0.0.0.0:5 is not"), "{error}");
    }
}
