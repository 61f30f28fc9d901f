//! The machine's floor: a server that does for `paddock bench` what no server can leave out, and nothing else.
//!
//! One thread, one `read` and one `write` for each connection and wake-up. A read is answered with constant bytes. A
//! setData is 200 bytes of the group that is being filled, and is answered when the group is durable; up to two groups of
//! 4 KiB and more are under way, written as the log does it (io_uring, O_DIRECT, RWF_DSYNC, zeroed blocks). There is no
//! tree, no session, no checksum and no recovery: what is written is overwritten in turn, and the peer is trusted.
//!
//! ```text
//! cargo build --release --package paddock-benches --example floor
//! paddock bench versus --name floor --b "target/release/examples/floor {port} {dir}" --b-name floor --row read --row write
//! ```

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use paddock_engine::error::Code;
use paddock_engine::io::{AlignedBuffer, Disk, File, Ring, Write, Written};
use paddock_engine::request::opcode;

const LISTENER: Token = Token(0);
const DISK: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

const IN_FLIGHT: usize = 2;
const BLOCK: usize = 4096;
const FILE_BYTES: u64 = 64 << 20;
const GROUP_BYTES_MAX: usize = 1 << 20;
const RECORD: [u8; 200] = [7; 200];
const STAT: [u8; 68] = [0; 68];

struct Connection {
    stream: TcpStream,
    /// A frame that has not come whole.
    input: Vec<u8>,
    output: Vec<u8>,
    is_open: bool,
    is_dirty: bool,
}

/// Who waits for a group: slots and xids.
type Waiting = Vec<(usize, i32)>;

struct Server {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    dirty: Vec<usize>,
    ring: Ring,
    file: Arc<File>,
    offset: u64,
    buffers: Vec<AlignedBuffer>,
    filled: usize,
    filling: Waiting,
    under_way: VecDeque<(u64, Waiting, bool)>,
    next_ticket: u64,
    written: Vec<Written>,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(directory)) = (arguments.next().and_then(|port| port.parse().ok()), arguments.next()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "usage: floor PORT DIRECTORY"));
    };
    Server::new(port, Path::new(&directory))?.run()
}

fn zeroed_file(directory: &Path) -> io::Result<std::fs::File> {
    let path = directory.join("floor");
    std::fs::write(&path, vec![0; FILE_BYTES as usize])?;
    let file = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path)?;
    file.sync_all()?;
    Ok(file)
}

impl Server {
    fn new(port: u16, directory: &Path) -> io::Result<Server> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let ring = Ring::new(IN_FLIGHT)?;
        let completions = ring.event_fd().expect("a ring has one").as_raw_fd();
        poll.registry().register(&mut SourceFd(&completions), DISK, Interest::READABLE)?;
        Ok(Server {
            poll,
            listener,
            connections: Vec::new(),
            dirty: Vec::new(),
            ring,
            file: Arc::new(File::Real(zeroed_file(directory)?)),
            offset: 0,
            buffers: (0..=IN_FLIGHT).map(|_| AlignedBuffer::new(GROUP_BYTES_MAX, BLOCK)).collect(),
            filled: 0,
            filling: Waiting::new(),
            under_way: VecDeque::new(),
            next_ticket: 0,
            written: Vec::new(),
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    DISK => {}
                    Token(token) => self.serve(token - FIRST_CONNECTION, &mut buffer),
                }
            }
            self.complete()?;
            self.submit()?;
            self.write_all();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            stream.set_nodelay(true)?;
            let slot = self.connections.len();
            self.poll.registry().register(&mut stream, Token(slot + FIRST_CONNECTION), Interest::READABLE)?;
            let (input, output) = (Vec::new(), Vec::new());
            self.connections.push(Some(Connection { stream, input, output, is_open: false, is_dirty: false }));
        }
        Ok(())
    }

    fn serve(&mut self, slot: usize, buffer: &mut [u8]) {
        loop {
            let Some(connection) = &mut self.connections[slot] else { return };
            match connection.stream.read(buffer) {
                Ok(0) => return self.connections[slot] = None,
                Ok(count) => {
                    connection.input.extend_from_slice(&buffer[..count]);
                    self.take_frames(slot);
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.connections[slot] = None,
            }
        }
    }

    fn take_frames(&mut self, slot: usize) {
        let Some(connection) = &mut self.connections[slot] else { return };
        let input = std::mem::take(&mut connection.input);
        let mut rest = &input[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let Some((frame, behind)) = behind.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
            rest = behind;
            self.take_frame(slot, frame);
        }
        let left = rest.len();
        if let Some(connection) = &mut self.connections[slot] {
            connection.input = input;
            connection.input.drain(..connection.input.len() - left);
        }
    }

    fn take_frame(&mut self, slot: usize, frame: &[u8]) {
        let Some(connection) = &mut self.connections[slot] else { return };
        if !std::mem::replace(&mut connection.is_open, true) {
            let session = (slot as i64 + 1).to_be_bytes();
            put(&mut connection.output, &[&[0; 4], &30_000i32.to_be_bytes(), &session, &16i32.to_be_bytes(), &[1; 17]]);
            return self.mark(slot);
        }
        let number = |at: usize| {
            let bytes = frame.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| i32::from_be_bytes(*bytes))
        };
        let (xid, body) = (number(0), frame.get(8..).unwrap_or_default());
        let path_length = usize::try_from(number(8)).unwrap_or(0);
        let path = body.get(..4 + path_length).unwrap_or_default();
        match number(4) {
            opcode::SET_DATA => return self.append(slot, xid),
            // The root of a bench, which it asks for before it makes it.
            opcode::GET_DATA if path.iter().filter(|byte| **byte == b'/').count() == 1 => {
                reply_with(&mut connection.output, xid, Code::NoNode.number(), &[]);
            }
            opcode::GET_DATA => reply(&mut connection.output, xid, &[&100i32.to_be_bytes(), &[5; 100], &STAT]),
            opcode::CREATE => reply(&mut connection.output, xid, &[path]),
            opcode::EXISTS => reply(&mut connection.output, xid, &[&STAT]),
            opcode::GET_CHILDREN => reply(&mut connection.output, xid, &[&[0; 4]]),
            _ => reply(&mut connection.output, xid, &[]),
        }
        self.mark(slot);
    }

    fn mark(&mut self, slot: usize) {
        if let Some(connection) = &mut self.connections[slot]
            && !std::mem::replace(&mut connection.is_dirty, true)
        {
            self.dirty.push(slot);
        }
    }

    fn append(&mut self, slot: usize, xid: i32) {
        let buffer = self.buffers.last_mut().expect("one buffer more than groups under way");
        // More than fits is not written: the floor may only be too low.
        if self.filled + RECORD.len() <= GROUP_BYTES_MAX {
            buffer[self.filled..self.filled + RECORD.len()].copy_from_slice(&RECORD);
            self.filled += RECORD.len();
        }
        self.filling.push((slot, xid));
    }

    fn submit(&mut self) -> io::Result<()> {
        if self.filling.is_empty() || self.under_way.len() == IN_FLIGHT {
            return Ok(());
        }
        let buffer = self.buffers.pop().expect("one buffer more than groups under way");
        let length = self.filled.next_multiple_of(BLOCK);
        if self.offset + length as u64 > FILE_BYTES {
            self.offset = 0;
        }
        let write = Write { file: self.file.clone(), offset: self.offset, buffer, length, durable: true };
        self.ring.submit(self.next_ticket, write)?;
        let waiting = Waiting::with_capacity(self.filling.len());
        let waiting = std::mem::replace(&mut self.filling, waiting);
        self.under_way.push_back((self.next_ticket, waiting, false));
        self.offset += length as u64;
        self.next_ticket += 1;
        self.filled = 0;
        Ok(())
    }

    fn complete(&mut self) -> io::Result<()> {
        self.ring.reap(&mut self.written)?;
        for done in self.written.drain(..) {
            done.result?;
            // The last one is being filled.
            self.buffers.insert(0, done.buffer);
            self.under_way.iter_mut().filter(|group| group.0 == done.ticket).for_each(|group| group.2 = true);
        }
        while let Some((_, waiting, _)) = self.under_way.pop_front_if(|group| group.2) {
            for (slot, xid) in waiting {
                if let Some(connection) = &mut self.connections[slot] {
                    reply(&mut connection.output, xid, &[&STAT]);
                    self.mark(slot);
                }
            }
        }
        Ok(())
    }

    fn write_all(&mut self) {
        for slot in self.dirty.drain(..) {
            let Some(connection) = &mut self.connections[slot] else { continue };
            connection.is_dirty = false;
            // The replies of one turn fit a socket's buffer.
            if connection.stream.write_all(&connection.output).is_err() {
                self.connections[slot] = None;
            } else {
                connection.output.clear();
            }
        }
    }
}

/// One frame.
fn put(output: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    output.extend_from_slice(&(length as u32).to_be_bytes());
    parts.iter().for_each(|part| output.extend_from_slice(part));
}

/// A reply without an error.
fn reply(output: &mut Vec<u8>, xid: i32, parts: &[&[u8]]) {
    reply_with(output, xid, 0, parts);
}

fn reply_with(output: &mut Vec<u8>, xid: i32, code: i32, parts: &[&[u8]]) {
    let length: usize = 16 + parts.iter().map(|part| part.len()).sum::<usize>();
    output.extend_from_slice(&(length as u32).to_be_bytes());
    output.extend_from_slice(&xid.to_be_bytes());
    output.extend_from_slice(&[0; 8]);
    output.extend_from_slice(&code.to_be_bytes());
    parts.iter().for_each(|part| output.extend_from_slice(part));
}
