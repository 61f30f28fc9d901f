//! The servers of an ensemble. Each has an id, and ports for the others, that stay; what runs under it may be either kind.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use paddock_tests::client::Client;
use paddock_tests::installed::{current_zookeeper, former_zookeeper};
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, error_of, four_letter_word, free_port, poll_until};

/// Of every session here. Nothing that is done to an ensemble keeps a client without a server for so long.
pub const TIMEOUT_MS: i32 = 30_000;
/// A server that is about to serve may leave a question without an answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);
/// Where ZooKeeper logs how histories are synchronised, with the level that has it.
const SYNCHRONISATION_LOGS: [(&str, &str); 2] = [("Learner", "info"), ("LearnerHandler", "debug")];

/// What the line of a server in zoo.cfg says of its part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Participant,
    Observer,
}

/// Where clients find the servers that run, by id. Whoever has a copy sees what changes.
pub type Addresses = Arc<Mutex<BTreeMap<u32, SocketAddr>>>;

pub struct Ensemble {
    /// What every zoo.cfg has: `server.N` for each, and what was added.
    lines: Vec<(String, String)>,
    /// Of every Paddock.
    properties: Vec<(&'static str, &'static str)>,
    /// Of every server of either kind.
    jvm_properties: Vec<(String, String)>,
    /// Variables of every server's environment.
    variables: Vec<String>,
    /// What runs as Paddock, if not the usual one.
    program: Option<PathBuf>,
    /// Classes that every ZooKeeper has besides its own, and a property that names one of them.
    classes: Option<(PathBuf, (&'static str, &'static str))>,
    /// Puts into a `dataDir` what a server begins with.
    furnish: fn(Kind, &Path),
    servers: BTreeMap<u32, Server>,
    addresses: Addresses,
}

impl Ensemble {
    /// With this on the command line of each Paddock.
    pub fn property(mut self, name: &'static str, value: &'static str) -> Ensemble {
        self.properties.push((name, value));
        self
    }

    /// With this on the command line of each server, as a JVM takes it.
    pub fn jvm_property(mut self, name: &str, value: &str) -> Ensemble {
        self.jvm_properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this variable in the environment of each server.
    pub fn variable(mut self, name: &str, value: &str) -> Ensemble {
        self.variables.push(format!("{name}={value}"));
        self
    }

    /// With this program as Paddock.
    pub fn program(mut self, program: &str) -> Ensemble {
        self.program = Some(program.into());
        self
    }

    /// With the classes of this directory for each ZooKeeper, and a property that names one of them.
    pub fn classes(mut self, directory: &Path, property: (&'static str, &'static str)) -> Ensemble {
        self.classes = Some((directory.to_owned(), property));
        self
    }

    /// Each server begins with what this puts into its `dataDir`.
    pub fn furnish(mut self, furnish: fn(Kind, &Path)) -> Ensemble {
        self.furnish = furnish;
        self
    }

    /// The ids are counted from 1. No server runs.
    pub fn of(parts: &[Part]) -> Ensemble {
        Ensemble::at(parts, |_| "127.0.0.1".to_owned())
    }

    /// The same, with an address for each server at which others find it: all of them have a port of one number.
    pub fn of_addresses(parts: &[Part]) -> Ensemble {
        Ensemble::at(parts, |id| format!("127.0.0.{id}"))
    }

    /// The same, where others find each server by this name.
    pub fn of_name(parts: &[Part], name: &str) -> Ensemble {
        Ensemble::at(parts, |_| name.to_owned())
    }

    fn at(parts: &[Part], host: impl Fn(u32) -> String) -> Ensemble {
        let line = |(id, part): (u32, &Part)| {
            let role = if *part == Part::Observer { ":observer" } else { "" };
            (format!("server.{id}"), format!("{}:{}:{}{role}", host(id), free_port(), free_port()))
        };
        let lines = (1..).zip(parts).map(line).collect();
        let (properties, servers, addresses) = (Vec::new(), BTreeMap::new(), Addresses::default());
        let (jvm_properties, variables) = (Vec::new(), Vec::new());
        Ensemble {
            lines,
            properties,
            jvm_properties,
            variables,
            program: None,
            classes: None,
            furnish: |_, _| (),
            servers,
            addresses,
        }
    }

    /// With this in every zoo.cfg.
    pub fn config(mut self, key: &str, value: &str) -> Ensemble {
        self.lines.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Whether clients may change who belongs to it.
    pub fn may_be_reconfigured(&self) -> bool {
        self.lines.contains(&("reconfigEnabled".to_owned(), "true".to_owned()))
    }

    /// Starts a server on a directory that is empty but for what it is [furnished](Ensemble::furnish) with. What had the id before is gone, with its directory.
    pub fn begin(&mut self, id: u32, kind: Kind) {
        let setup = Setup::new(kind).config("initLimit", "10").config("syncLimit", "5");
        let setup = self.lines.iter().fold(setup, |setup, (key, value)| setup.config(key, value));
        let setup = match self.variables.is_empty() {
            true => setup,
            false => setup.on(Ipv4Addr::LOCALHOST, [&["env".to_owned()][..], &self.variables].concat()),
        };
        let setup = self.jvm_properties.iter().fold(setup, |setup, (name, value)| setup.property(name, value));
        let setup = match kind {
            Kind::Paddock => {
                let setup = self.program.iter().fold(setup, |setup, program| setup.program(program));
                self.properties.iter().fold(setup, |setup, (name, value)| setup.property(name, value))
            }
            Kind::ZooKeeper => self.of_zookeeper(setup),
        };
        let server = setup.prepare();
        let data_dir = server.data_dir();
        let myid = fs::create_dir(&data_dir).and_then(|()| fs::write(data_dir.join("myid"), id.to_string()));
        myid.expect("the directory is the test's own");
        (self.furnish)(kind, &data_dir);
        server.spawn();
        self.lock().insert(id, server.address());
        self.servers.insert(id, server);
    }

    fn of_zookeeper(&self, setup: Setup) -> Setup {
        let mut class_path = zookeeper();
        let setup = match &self.classes {
            None => setup,
            Some((directory, (name, value))) => {
                class_path = format!("{class_path}:{}", directory.display());
                setup.property(name, value)
            }
        };
        SYNCHRONISATION_LOGS.iter().fold(setup.class_path(class_path), |setup, (name, level)| {
            setup.property(&format!("org.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum.{name}"), level)
        })
    }

    /// Starts a server that was ended on what it has. Each of these lines of its zoo.cfg is another one from here on.
    pub fn begin_again(&self, id: u32, lines: &[(&str, &str)]) {
        let server = self.server(id);
        lines.iter().for_each(|(key, value)| server.configure(key, Some(Path::new(value))));
        server.spawn();
        self.lock().insert(id, server.address());
    }

    /// Where others find a server: its quorum port and its election port.
    pub fn ports(&self, id: u32) -> [SocketAddr; 2] {
        let key = format!("server.{id}");
        let (_, line) = self.lines.iter().find(|(known, _)| *known == key).expect("it has a line");
        let mut words = line.split(':');
        let host: std::net::IpAddr = words.next().and_then(|word| word.parse().ok()).expect("an address");
        [(); 2].map(|()| SocketAddr::new(host, words.next().and_then(|word| word.parse().ok()).expect("a port")))
    }

    /// Ends a server in order; clients are told of it no more.
    pub fn terminate(&self, id: u32) {
        self.lock().remove(&id);
        self.server(id).terminate();
    }

    pub fn server(&self, id: u32) -> &Server {
        &self.servers[&id]
    }

    /// Of the servers that have begun.
    pub fn ids(&self) -> Vec<u32> {
        self.servers.keys().copied().collect()
    }

    pub fn addresses(&self) -> Addresses {
        Arc::clone(&self.addresses)
    }

    /// What a server says it is, if it serves.
    pub fn mode(&self, id: u32) -> Option<String> {
        mode(self.server(id).address())
    }

    /// Waits until a server serves, and returns as what.
    pub fn wait_for(&self, id: u32) -> String {
        let server = self.server(id);
        let found = poll_until(DEADLINE, || {
            if let Some(status) = server.exit_status() {
                panic!("server {id} has ended with {status}; its log ends:\n{}", server.log_tail());
            }
            mode(server.address())
        });
        found.unwrap_or_else(|| panic!("server {id} does not serve; its log ends:\n{}", server.log_tail()))
    }

    /// Waits until all of these serve, and returns the id of the leader among them.
    pub fn wait_for_leader(&self, ids: &[u32]) -> u32 {
        let found = poll_until(DEADLINE, || {
            let modes: Option<Vec<String>> = ids.iter().map(|&id| self.mode(id)).collect();
            modes?.iter().zip(ids).find(|(mode, _)| *mode == "leader").map(|(_, &id)| id)
        });
        found.unwrap_or_else(|| panic!("none of the servers {ids:?} leads"))
    }

    /// A new session at a server that serves.
    pub fn connect(&self, id: u32) -> Client {
        let client = Client::connect(self.server(id).address(), TIMEOUT_MS);
        client.unwrap_or_else(|error| panic!("server {id}: {error}"))
    }

    /// Waits until a server has logged something so often.
    pub fn wait_for_words(&self, id: u32, words: &str, times: usize) {
        let server = self.server(id);
        let found = poll_until(DEADLINE, || (server.log().matches(words).count() >= times).then_some(()));
        assert!(found.is_some(), "server {id} does not say {words:?}; its log ends:\n{}", server.log_tail());
    }

    /// No Paddock has met anything that it calls an error, and no ZooKeeper has found another state than its leader.
    pub fn assert_content(&self) {
        for (id, server) in &self.servers {
            let log = server.log();
            let of_paddock = log.lines().find(|line| error_of(line).is_some());
            let of_zookeeper = log.lines().find(|line| line.contains("igest mismatch"));
            assert_eq!(of_paddock.or(of_zookeeper), None, "server {id}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, SocketAddr>> {
        self.addresses.lock().expect("nobody panics while the addresses are changed")
    }
}

/// The class path of the ZooKeeper that stands beside Paddock here: 3.9, or what `PADDOCK_MIXED_ZOOKEEPER` says.
pub fn zookeeper() -> String {
    match std::env::var("PADDOCK_MIXED_ZOOKEEPER").as_deref() {
        Err(_) | Ok("3.9") => current_zookeeper(),
        Ok("3.8") => former_zookeeper(),
        Ok(other) => panic!("PADDOCK_MIXED_ZOOKEEPER={other}: 3.9 or 3.8"),
    }
}

/// What the server at an address says it is, if it serves.
pub fn mode(address: SocketAddr) -> Option<String> {
    let answer = four_letter_word(address, "srvr", PATIENCE).ok()?;
    answer.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::to_owned)
}
