//! A server for tests: enough of the protocol, in memory, with faults on request.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wire::{NO_NODE, NODE_EXISTS, NOT_EMPTY, opcode};

/// What the server does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Closes the connection instead of answering the n-th setData.
    CloseAtSet(u64),
    /// Answers the n-th setData with a wrong xid.
    WrongXidAtSet(u64),
    /// Closes every connection before the handshake is answered.
    CloseAtHandshake,
    /// Takes every connection, and answers no handshake after so many.
    SilentAfterSessions(u64),
    /// Answers nobody any more from the n-th setData on.
    SilentFromSet(u64),
}

/// A server that runs as long as the test's process.
pub struct Standin {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    fault: Fault,
    znodes: Mutex<BTreeMap<String, Vec<u8>>>,
    watchers: Mutex<Vec<(String, TcpStream)>>,
    sets: AtomicU64,
    sessions: AtomicU64,
    closed: AtomicU64,
    watches: AtomicU64,
}

impl Standin {
    pub fn start(fault: Fault) -> Standin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State {
            fault,
            znodes: Mutex::default(),
            watchers: Mutex::default(),
            sets: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            watches: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection ends when its client is gone or a fault is due.
                thread::spawn(move || state.serve(stream).is_ok());
            }
        });
        Standin { address, state }
    }

    pub fn paths(&self) -> Vec<String> {
        self.state.znodes.lock().unwrap().keys().cloned().collect()
    }

    pub fn put(&self, path: &str, data: &[u8]) {
        self.state.znodes.lock().unwrap().insert(path.into(), data.to_vec());
    }

    /// setData requests so far.
    pub fn sets(&self) -> u64 {
        self.state.sets.load(Ordering::SeqCst)
    }

    /// Watches that exists and addWatch have set so far. They are counted and never fire.
    pub fn watches(&self) -> u64 {
        self.state.watches.load(Ordering::SeqCst)
    }

    /// Sessions opened and closed so far.
    pub fn sessions(&self) -> (u64, u64) {
        (self.state.sessions.load(Ordering::SeqCst), self.state.closed.load(Ordering::SeqCst))
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        read_frame(&mut stream)?;
        if self.fault == Fault::CloseAtHandshake {
            return Ok(());
        }
        let id = self.sessions.fetch_add(1, Ordering::SeqCst) + 1;
        if matches!(self.fault, Fault::SilentAfterSessions(most) if id > most) || self.is_silent() {
            return say_nothing(stream);
        }
        let mut hello = [&0i32.to_be_bytes()[..], &30_000i32.to_be_bytes(), &id.to_be_bytes()].concat();
        hello.extend([&16i32.to_be_bytes()[..], &[0; 17]].concat());
        write_frame(&mut stream, &hello)?;
        loop {
            let request = read_frame(&mut stream)?;
            let (xid, code) = (int(&request, 0), int(&request, 4));
            let (err, record) = match code {
                opcode::CLOSE_SESSION => {
                    self.closed.fetch_add(1, Ordering::SeqCst);
                    (0, Vec::new())
                }
                opcode::PING => (0, Vec::new()),
                _ => self.answer(code, &request[8..], &stream)?,
            };
            let set = if code == opcode::SET_DATA { self.sets.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
            if self.is_silent() {
                return say_nothing(stream);
            }
            let xid = match self.fault {
                Fault::CloseAtSet(n) if n == set => return Ok(()),
                Fault::WrongXidAtSet(n) if n == set => xid + 1,
                _ => xid,
            };
            let header = [&xid.to_be_bytes()[..], &1i64.to_be_bytes(), &err.to_be_bytes()].concat();
            write_frame(&mut stream, &[header, record].concat())?;
            if code == opcode::CLOSE_SESSION {
                return Ok(());
            }
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self.fault, Fault::SilentFromSet(n) if self.sets.load(Ordering::SeqCst) >= n)
    }

    /// Error code and record of a reply.
    fn answer(&self, code: i32, body: &[u8], stream: &TcpStream) -> io::Result<(i32, Vec<u8>)> {
        let length = int(body, 0) as usize;
        let path = String::from_utf8(body[4..4 + length].to_vec()).expect("paths are text");
        let rest = &body[4 + length..];
        let mut znodes = self.znodes.lock().unwrap();
        let is_there = znodes.contains_key(&path);
        let stat = vec![0; 68];
        if code == opcode::ADD_WATCH || code == opcode::EXISTS && rest[0] == 1 {
            self.watches.fetch_add(1, Ordering::SeqCst);
        }
        Ok(match code {
            opcode::ADD_WATCH => (0, vec![0; 4]),
            opcode::SYNC => (0, buffer(path.as_bytes())),
            opcode::CREATE if is_there => (NODE_EXISTS, Vec::new()),
            opcode::CREATE => {
                znodes.insert(path.clone(), rest[4..4 + int(rest, 0) as usize].to_vec());
                (0, buffer(path.as_bytes()))
            }
            _ if !is_there => (NO_NODE, Vec::new()),
            opcode::DELETE if children(&znodes, &path)[..4] != [0; 4] => (NOT_EMPTY, Vec::new()),
            opcode::DELETE => {
                znodes.remove(&path);
                (0, Vec::new())
            }
            opcode::EXISTS => (0, stat),
            opcode::GET_DATA => {
                if rest[0] == 1 {
                    self.watchers.lock().unwrap().push((path.clone(), stream.try_clone()?));
                }
                (0, [buffer(&znodes[&path]), stat].concat())
            }
            opcode::SET_DATA => {
                self.notify(&path)?;
                (0, stat)
            }
            opcode::GET_CHILDREN => (0, children(&znodes, &path)),
            other => panic!("the tool sent opcode {other}"),
        })
    }

    fn notify(&self, path: &str) -> io::Result<()> {
        let mut watchers = self.watchers.lock().unwrap();
        for (_, stream) in watchers.iter_mut().filter(|(watched, _)| watched == path) {
            let header = [&(-1i32).to_be_bytes()[..], &1i64.to_be_bytes(), &0i32.to_be_bytes()].concat();
            let event = [&3i32.to_be_bytes()[..], &3i32.to_be_bytes(), &buffer(path.as_bytes())].concat();
            write_frame(stream, &[header, event].concat())?;
        }
        watchers.retain(|(watched, _)| watched != path);
        Ok(())
    }
}

/// Reads until the client has had enough.
fn say_nothing(mut stream: TcpStream) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn children(znodes: &BTreeMap<String, Vec<u8>>, path: &str) -> Vec<u8> {
    let prefix = format!("{path}/");
    let names: Vec<&str> =
        znodes.keys().filter_map(|znode| znode.strip_prefix(&prefix)).filter(|name| !name.contains('/')).collect();
    let mut record = (names.len() as i32).to_be_bytes().to_vec();
    for name in names {
        record.extend(buffer(name.as_bytes()));
    }
    record
}

fn buffer(content: &[u8]) -> Vec<u8> {
    [&(content.len() as i32).to_be_bytes()[..], content].concat()
}

fn int(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut payload = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut payload)?;
    Ok(payload)
}

fn write_frame(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    stream.write_all(&buffer(payload))
}
