//! Servers with ids, of which a list says who belongs to the ensemble.

use paddock_tests::client::{Client, ClientError};
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::{err, flags};
use paddock_tests::reply::Reply;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, error_of, four_letter_word, free_port, poll_until};
use std::collections::BTreeMap;
use std::fs;

/// Of every session here, ms.
const TIMEOUT_MS: i32 = 30_000;
const CONFIG: &str = "/zookeeper/config";
pub const SUPER: &[u8] = b"super:test";
const SUPER_DIGEST: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

pub const PARTICIPANT: &str = "participant";
pub const OBSERVER: &str = "observer";

pub struct Ensemble {
    servers: BTreeMap<u32, Member>,
    /// Lines of every zoo.cfg.
    lines: Vec<(String, String)>,
    /// Each server has an address of its own for the others, 127.0.0.ID.
    at_own_addresses: bool,
    /// Its servers know the password of a super user.
    has_super_user: bool,
}

struct Member {
    server: Server,
    quorum: u16,
    election: u16,
}

impl Ensemble {
    /// So many participants that serve, with ids from 1.
    pub fn start(kind: Kind, count: u32) -> Ensemble {
        Ensemble::with(&[]).and_start(&vec![kind; count as usize])
    }

    /// No server yet; with these lines in every zoo.cfg.
    pub fn with(lines: &[(&str, &str)]) -> Ensemble {
        let lines = lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ensemble { servers: BTreeMap::new(), lines, at_own_addresses: false, has_super_user: true }
    }

    /// Its servers can have a port with the same number.
    pub fn at_own_addresses(self) -> Ensemble {
        Ensemble { at_own_addresses: true, ..self }
    }

    pub fn without_super_user(self) -> Ensemble {
        Ensemble { has_super_user: false, ..self }
    }

    /// Participants of these kinds, with ids from 1, that are the ensemble, and serve.
    pub fn and_start(self, kinds: &[Kind]) -> Ensemble {
        let ids: Vec<u32> = (1..).take(kinds.len()).collect();
        self.and_start_by_turns(kinds, &[&ids])
    }

    /// The same, where some serve before others start.
    pub fn and_start_by_turns(mut self, kinds: &[Kind], turns: &[&[u32]]) -> Ensemble {
        let ids: Vec<u32> = (1..).zip(kinds).map(|(id, kind)| self.prepare(id, *kind)).collect();
        let list: Vec<String> = ids.iter().map(|id| self.line(*id, PARTICIPANT)).collect();
        for turn in turns {
            turn.iter().for_each(|id| self.spawn(*id, &list));
            turn.iter().for_each(|id| drop(self.wait_for(*id)));
        }
        self
    }

    /// A server that is in no list yet.
    pub fn prepare(&mut self, id: u32, kind: Kind) -> u32 {
        let setup = Setup::new(kind)
            .config("initLimit", "10")
            .config("syncLimit", "5")
            .config("tickTime", "1000")
            .config("reconfigEnabled", "true");
        let setup = match self.has_super_user {
            true => setup.property("zookeeper.DigestAuthenticationProvider.superDigest", SUPER_DIGEST),
            false => setup,
        };
        let setup = self.lines.iter().fold(setup, |setup, (key, value)| setup.config(key, value));
        // Debian's is 3.8.
        let setup = if kind == Kind::ZooKeeper { setup.class_path(current_zookeeper()) } else { setup };
        let server = setup.prepare();
        let data_dir = server.data_dir();
        let myid = fs::create_dir(&data_dir).and_then(|()| fs::write(data_dir.join("myid"), id.to_string()));
        myid.expect("the directory is the test's own");
        self.servers.insert(id, Member { server, quorum: free_port(), election: free_port() });
        id
    }

    /// The line of a server with this role.
    pub fn line(&self, id: u32, role: &str) -> String {
        let Member { server, quorum, election } = &self.servers[&id];
        let client = server.address().port();
        let host = if self.at_own_addresses { id } else { 1 };
        format!("server.{id}=127.0.0.{host}:{quorum}:{election}:{role};127.0.0.1:{client}")
    }

    /// Starts a server for the first time, with this list of members.
    pub fn spawn(&self, id: u32, list: &[String]) {
        self.list(id, list);
        self.server(id).spawn();
    }

    /// Writes this list of members into the zoo.cfg of a server.
    pub fn list(&self, id: u32, list: &[String]) {
        let file = self.server(id).config_path();
        let text = fs::read_to_string(&file).expect("it was written");
        fs::write(file, text + &list.join("\n") + "\n").expect("it is writable");
    }

    /// A server that is no member starts, told of the present ensemble and itself, and follows it.
    pub fn join(&mut self, id: u32, kind: Kind, role: &str) {
        self.prepare(id, kind);
        let mut list: Vec<String> = self.config(1).lines().map(str::to_owned).collect();
        list.retain(|line| line.starts_with("server."));
        list.push(self.line(id, role));
        self.spawn(id, &list);
        self.wait_for(id);
    }

    pub fn server(&self, id: u32) -> &Server {
        &self.servers[&id].server
    }

    pub fn ids(&self) -> Vec<u32> {
        self.servers.keys().copied().collect()
    }

    /// Waits until a server serves, and returns as what.
    pub fn wait_for(&self, id: u32) -> String {
        let server = self.server(id);
        let found = poll_until(DEADLINE, || server.mode());
        found.unwrap_or_else(|| panic!("server {id} does not serve; its log ends:\n{}", server.log_tail()))
    }

    /// Waits until a server is this.
    pub fn wait_for_mode(&self, id: u32, mode: &str) {
        let server = self.server(id);
        let found = poll_until(DEADLINE, || server.mode().filter(|found| found == mode));
        assert!(found.is_some(), "server {id} does not become {mode}; its log ends:\n{}", server.log_tail());
    }

    /// Waits until `mntr` says this of a server.
    pub fn wait_for_figure(&self, id: u32, name: &str, value: u64) {
        let line = format!("{name}\t{value}");
        let is_told = || {
            let told = four_letter_word(self.server(id).address(), "mntr", DEADLINE).ok()?;
            told.lines().any(|told| told == line).then_some(())
        };
        let log = || self.server(id).log_tail();
        assert!(poll_until(DEADLINE, is_told).is_some(), "server {id} does not say {line:?}; its log ends:\n{}", log());
    }

    /// Waits until one of these leads.
    pub fn wait_for_leader(&self, ids: &[u32]) -> u32 {
        let found = poll_until(DEADLINE, || {
            ids.iter().copied().find(|id| self.server(*id).mode().as_deref() == Some("leader"))
        });
        found.unwrap_or_else(|| panic!("none of the servers {ids:?} leads"))
    }

    /// A session at a server.
    pub fn connect(&self, id: u32) -> Client {
        let client = poll_until(DEADLINE, || Client::connect(self.server(id).address(), TIMEOUT_MS).ok());
        client.unwrap_or_else(|| panic!("server {id} takes no client; its log ends:\n{}", self.server(id).log_tail()))
    }

    /// One of the super user.
    pub fn master(&self, id: u32) -> Client {
        let mut client = self.connect(id);
        client.ok(&Request::auth("digest", SUPER));
        client
    }

    /// The text that a server shows, once it has been synchronised.
    pub fn config(&self, id: u32) -> String {
        text(&self.connect(id).ok(&get_config()))
    }

    /// Waits until servers show this configuration.
    pub fn wait_for_config(&self, ids: &[u32], expected: &str) {
        for id in ids {
            let mut last = String::new();
            let found = poll_until(DEADLINE, || {
                last = text(&Client::connect(self.server(*id).address(), TIMEOUT_MS).ok()?.call(&get_config()).ok()?);
                (last == expected).then_some(())
            });
            let log = self.server(*id).log_tail();
            assert!(found.is_some(), "server {id} shows {last:?} and not {expected:?}; its log ends:\n{log}");
        }
    }

    /// Writes a znode at each of these servers, and reads it at every one of them.
    pub fn assert_serves(&self, ids: &[u32], name: &str) {
        for id in ids {
            let path = format!("/{name}-{id}");
            let written = poll_until(DEADLINE, || {
                let code = self.connect(*id).call(&Request::create(&path, b"data", flags::PERSISTENT)).ok()?.err;
                [err::OK, err::NODE_EXISTS].contains(&code).then_some(())
            });
            assert!(written.is_some(), "{path} cannot be written; the log ends:\n{}", self.server(*id).log_tail());
            for other in ids {
                let mut client = self.connect(*other);
                client.ok(&Request::sync(&path));
                assert_eq!(client.ok(&Request::get_data(&path, false)).data(), Some(&b"data"[..]), "at {other}");
            }
        }
    }

    /// All of these end, and start again from their files.
    pub fn start_again(&self, ids: &[u32]) {
        for id in ids {
            self.server(*id).terminate();
        }
        ids.iter().for_each(|id| self.server(*id).spawn());
        ids.iter().for_each(|id| drop(self.wait_for(*id)));
    }

    /// No Paddock has met anything that it calls an error.
    pub fn assert_content(&self) {
        for id in self.ids() {
            let log = self.server(id).log();
            assert_eq!(log.lines().find(|line| error_of(line).is_some()), None, "server {id}");
        }
    }
}

impl Ensemble {
    /// Removes the leader, by a client of another server, and returns the text of the new configuration. A ZooKeeper that is
    /// given another leader may close the connection before it answers.
    pub fn remove_leader(&self, leader: u32, at: u32) -> String {
        let mut master = self.master(at);
        match master.call(&leaving(&[leader])) {
            Ok(answer) => assert_eq!(answer.err, err::OK),
            Err(error) => assert!(matches!(error, ClientError::Closed), "{error}"),
        }
        let line = format!("server.{leader}=");
        let config = poll_until(DEADLINE, || {
            let mut client = Client::connect(self.server(at).address(), TIMEOUT_MS).ok()?;
            Some(text(&client.call(&get_config()).ok()?)).filter(|config| !config.contains(&line))
        });
        config.unwrap_or_else(|| panic!("server {leader} stays; the log ends:\n{}", self.server(at).log_tail()))
    }
}

pub fn get_config() -> Request {
    Request::get_data(CONFIG, false)
}

pub fn text(reply: &Reply) -> String {
    String::from_utf8(reply.data().unwrap_or_default().to_vec()).expect("a configuration is text")
}

/// Servers with commas between them.
pub fn joining(lines: &[String]) -> Request {
    Request::Reconfig { joining: Some(lines.join(",")), leaving: None, members: None, config_id: -1 }
}

pub fn leaving(ids: &[u32]) -> Request {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    Request::Reconfig { joining: None, leaving: Some(ids.join(",")), members: None, config_id: -1 }
}

pub fn members(lines: &[String], config_id: i64) -> Request {
    Request::Reconfig { joining: None, leaving: None, members: Some(lines.join("\n")), config_id }
}

/// Has the ensemble changed by a client of the super user, and returns the text of the new configuration. One that a server
/// joins is tried until that follows.
pub fn reconfigure(client: &mut Client, request: &Request) -> String {
    let answer = poll_until(DEADLINE, || {
        let answer = client.call(request).expect("the connection lasts");
        (![err::NEW_CONFIG_NO_QUORUM, err::RECONFIG_IN_PROGRESS].contains(&answer.err)).then_some(answer)
    });
    let answer = answer.expect("a quorum of the new members is there");
    assert_eq!(answer.err, err::OK, "{request:?}");
    let (text, stat) = (text(&answer), answer.stat());
    assert_eq!((stat.version, stat.mzxid), (-1, answer.zxid));
    assert!(text.ends_with(&format!("\nversion={:x}", stat.mzxid)), "{text}");
    text
}
