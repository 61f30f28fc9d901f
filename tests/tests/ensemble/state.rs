//! All that a server shows.
use paddock_history::Event;
use paddock_tests::client::ClientError;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::records::Stat;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_every};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const TIMEOUT_MS: i32 = 40_000;
const RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// The server's own znodes, of which the judge knows little.
const RESERVED: &str = "/zookeeper";

/// The znodes of one server at one time, by their paths.
#[derive(Debug)]
pub struct State {
    /// Of the last transaction that it shows.
    pub zxid: i64,
    znodes: BTreeMap<String, (Option<Vec<u8>>, Stat)>,
}

impl State {
    /// What a server shows after a sync; what was seen of it is added to `events`. Where the ensemble has another leader
    /// meanwhile, all is read again.
    pub fn read(address: SocketAddr, clock: Clock, events: &mut Vec<Event>) -> State {
        let read = poll_every(RETRY_INTERVAL, DEADLINE, || {
            let mut client = Noted::connect(address, TIMEOUT_MS, clock).ok()?;
            let state = State::read_by(&mut client);
            events.extend(client.into_events());
            state.ok()
        });
        read.unwrap_or_else(|| panic!("{address} does not show what it has"))
    }

    fn read_by(client: &mut Noted) -> Result<State, ClientError> {
        client.call(&Request::sync("/"))?;
        let mut state = State { zxid: 0, znodes: BTreeMap::new() };
        let mut paths = vec!["/".to_owned()];
        while let Some(path) = paths.pop() {
            let reply = client.call(&Request::get_data(&path, false))?;
            state.zxid = state.zxid.max(reply.zxid);
            match reply.body {
                Body::Data(data, stat) => {
                    if stat.num_children > 0 {
                        paths.extend(children(client, &path)?);
                    }
                    state.znodes.insert(path, (data, stat));
                }
                other => panic!("{path}: {other:?}"),
            }
        }
        Ok(state)
    }

    /// Panics with the first znode that differs.
    pub fn assert_equal(&self, other: &State) {
        for (path, znode) in &self.znodes {
            assert_eq!(Some(znode), other.znodes.get(path), "{path}, of zxid {:#x} and {:#x}", self.zxid, other.zxid);
        }
        let more = other.znodes.keys().find(|path| !self.znodes.contains_key(*path));
        assert_eq!(more, None, "only one server has it, of zxid {:#x} and {:#x}", self.zxid, other.zxid);
    }
}

fn children(client: &mut Noted, path: &str) -> Result<Vec<String>, ClientError> {
    match client.call(&Request::get_children2(path, false))?.body {
        Body::NamesStat(Some(names), _) => {
            let below = names.into_iter().flatten().map(|name| format!("{}/{name}", path.trim_end_matches('/')));
            Ok(below.filter(|path| path != RESERVED).collect())
        }
        other => panic!("{path}: {other:?}"),
    }
}
