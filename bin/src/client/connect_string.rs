//! Where a client finds servers, and below which znode it lives: `host:port,host:port/chroot`.

use paddock_consensus::config::HostPort;

use super::path_rule;

/// Of a host that names none.
const DEFAULT_PORT: u16 = 2181;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectString {
    /// At least one, in the order in which they were written.
    pub hosts: Vec<HostPort>,
    pub chroot: Chroot,
}

impl ConnectString {
    /// # Errors
    /// What is wrong, in the words of ZooKeeper's client.
    pub fn parse(text: &str) -> Result<ConnectString, String> {
        let (hosts, chroot) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, ""),
        };
        let chroot = Chroot::new(chroot)?;
        let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
        let hosts: Vec<HostPort> = hosts.map(host_port).collect::<Result<_, _>>()?;
        if hosts.is_empty() {
            return Err("A HostProvider may not be empty!".into());
        }
        Ok(ConnectString { hosts, chroot })
    }
}

fn host_port(text: &str) -> Result<HostPort, String> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.rsplit_once(']') else {
            return Err(format!("{text} starts with '[' but has no matching ']'"));
        };
        if host.is_empty() {
            return Err(" is empty.".into());
        }
        let port = match rest.strip_prefix(':') {
            Some(number) => port(number)?,
            None if rest.is_empty() => DEFAULT_PORT,
            None => return Err(format!("{text} does not have : after ]")),
        };
        return Ok(HostPort { host: host.into(), port });
    }
    match text.rsplit_once(':') {
        Some((host, "")) => Ok(HostPort { host: host.into(), port: DEFAULT_PORT }),
        Some((host, number)) => Ok(HostPort { host: host.into(), port: port(number)? }),
        None => Ok(HostPort { host: text.into(), port: DEFAULT_PORT }),
    }
}

fn port(text: &str) -> Result<u16, String> {
    let number: i32 = text.parse().map_err(|_| format!("For input string: \"{text}\""))?;
    u16::try_from(number).map_err(|_| format!("port out of range:{number}"))
}

/// The znode that a client takes for the root; none is the root itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chroot(Option<String>);

impl Chroot {
    fn new(text: &str) -> Result<Chroot, String> {
        if text.len() <= 1 {
            return Ok(Chroot(None));
        }
        path_rule::check(text)?;
        Ok(Chroot(Some(text.into())))
    }

    /// How the server knows what the client calls `path`.
    pub fn server_path(&self, path: &str) -> String {
        match &self.0 {
            None => path.into(),
            Some(chroot) if path == "/" => chroot.clone(),
            Some(chroot) => format!("{chroot}{path}"),
        }
    }

    /// What the client calls a path of the server.
    pub fn client_path(&self, path: &str) -> String {
        let Some(chroot) = &self.0 else { return path.into() };
        match path.strip_prefix(chroot.as_str()) {
            Some("") => "/".into(),
            Some(rest) if rest.starts_with('/') => rest.into(),
            // As `/zookeeper/config` is, which lies outside of any chroot.
            _ => path.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectString;

    fn hosts(text: &str) -> Vec<String> {
        let connect = ConnectString::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        connect.hosts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hosts_have_ports() {
        assert_eq!(hosts("zk1"), ["zk1:2181"]);
        assert_eq!(hosts("zk1:1, zk2:2,,zk3:"), ["zk1:1", "zk2:2", "zk3:2181"]);
        assert_eq!(hosts("[::1]:3,[::2]"), ["[::1]:3", "[::2]:2181"]);
    }

    #[test]
    fn what_is_no_connect_string_is_told() {
        for (text, why) in [
            ("", "A HostProvider may not be empty!"),
            ("/a", "A HostProvider may not be empty!"),
            ("zk:x", "For input string: \"x\""),
            ("zk:70000", "port out of range:70000"),
            ("[::1:2", "[::1:2 starts with '[' but has no matching ']'"),
            ("zk/a/", "Path must not end with / character"),
        ] {
            assert_eq!(ConnectString::parse(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_chroot_is_put_before_paths_and_taken_off() {
        let chroot = |text: &str| ConnectString::parse(text).expect("it is one").chroot;
        for text in ["zk", "zk/"] {
            assert_eq!(chroot(text).server_path("/a"), "/a");
            assert_eq!(chroot(text).client_path("/a"), "/a");
        }
        let app = chroot("zk/app");
        assert_eq!((app.server_path("/"), app.server_path("/a")), ("/app".to_owned(), "/app/a".to_owned()));
        assert_eq!((app.client_path("/app"), app.client_path("/app/a")), ("/".to_owned(), "/a".to_owned()));
        assert_eq!(app.client_path("/zookeeper/config"), "/zookeeper/config");
        assert_eq!(chroot("zk/zoo").client_path("/zookeeper/config"), "/zookeeper/config");
    }
}
