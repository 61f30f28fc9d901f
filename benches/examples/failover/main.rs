//! The clients of `benches/failover.py`: sessions that are spread over the servers of an ensemble and ask for something at
//! a fixed rate, while servers are killed. A client that loses its server tries the others at once.
//!
//! Commands come on the standard input, one a line, and each is answered with one line of JSON when it is done.
//!
//! | command | what is done |
//! |---|---|
//! | `spread` | each session goes to the server that it had at first |
//! | `kill PID PLACE` | kills the process, which is the server of this place, and measures until all goes on |
//! | `count` | tells what there has been since the last time |
//! | `rate N` | from now on there are N operations a second |
//!
//! At its beginning it says `{"open": N}`, when all sessions are open. It ends with its input.

mod connection;
mod door;
mod load;
mod round;
mod session;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use clap::Parser;
use mio::{Events, Poll, Token};

use door::Door;
use load::Load;
use round::Round;
use session::{Heard, Session};

/// How long the loop sleeps at the most: the grain of the load's times and of the tries.
const TURN: Duration = Duration::from_millis(1);
/// Between two looks at sessions that nothing has come from.
const SWEEP: Duration = Duration::from_millis(10);
/// Sessions that go back to their first server in one sweep.
const MOVED_MAX: usize = 16;
const EVENTS_MAX: usize = 1024;
const SCRATCH_BYTES: usize = 64 << 10;

#[derive(Parser)]
struct Arguments {
    /// A server's client port; repeat it for each
    #[arg(long = "server", value_name = "HOST:PORT", required = true)]
    servers: Vec<SocketAddr>,
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Operations a second, of all sessions together
    #[arg(long, default_value = "1500")]
    rate: NonZeroU32,
    /// Of a hundred operations so many set a znode, the others read one
    #[arg(long, default_value_t = 30)]
    writes: usize,
    /// Session timeout that is asked for, in milliseconds
    #[arg(long, default_value_t = 10_000)]
    timeout: i32,
    /// Znodes that `paddock bench --keep` has made
    #[arg(long, default_value_t = 1000)]
    keys: usize,
    /// Below which they are
    #[arg(long, default_value = "/failover")]
    root: String,
}

/// What the answer to `count` tells.
#[derive(Default)]
struct Counts {
    acknowledged: u64,
    read: u64,
    errors: u64,
    expired: u64,
}

struct Clients {
    poll: Poll,
    scratch: Vec<u8>,
    root: String,
    doors: Vec<Door>,
    sessions: Vec<Session>,
    /// Sessions without a connection, in the order in which they lost it.
    waiting: VecDeque<usize>,
    /// Sessions that a server serves.
    open: usize,
    load: Load,
    /// The session whose turn it is.
    turn: usize,
    swept: Instant,
    /// Highest of all zxids' first halves.
    epoch: i64,
    round: Option<Round>,
    is_spreading: bool,
    counts: Counts,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let commands = commands();
    let mut clients = Clients::new(&arguments)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    while clients.open < clients.sessions.len() {
        clients.turn(&mut events)?;
    }
    say(&format!(r#"{{"open": {}}}"#, clients.open));
    loop {
        clients.turn(&mut events)?;
        if let Some(answer) = clients.done() {
            say(&answer);
        }
        match commands.try_recv() {
            Ok(command) => clients.obey(&command)?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

#[allow(clippy::print_stdout, reason = "who gives the commands reads the answers there")]
fn say(answer: &str) {
    println!("{answer}");
}

/// The lines of the standard input, read by a thread of their own.
fn commands() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Neither a broken input nor an end of this process is worth a word.
        io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

impl Clients {
    fn new(arguments: &Arguments) -> io::Result<Clients> {
        let count = arguments.servers.len();
        Ok(Clients {
            poll: Poll::new()?,
            scratch: vec![0; SCRATCH_BYTES],
            root: arguments.root.clone(),
            doors: arguments.servers.iter().map(|&address| Door::new(address)).collect(),
            sessions: (0..arguments.sessions).map(|n| Session::new(n % count, arguments.timeout)).collect(),
            waiting: (0..arguments.sessions).collect(),
            open: 0,
            load: Load::new(arguments.rate, arguments.writes, arguments.keys),
            turn: 0,
            swept: Instant::now(),
            epoch: 0,
            round: None,
            is_spreading: false,
            counts: Counts::default(),
        })
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, Some(TURN)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in events.iter() {
            self.hear(event.token().0);
        }
        let now = Instant::now();
        self.let_in(now);
        while let Some(operation) = self.load.due(now) {
            let session = self.turn;
            self.turn = (session + 1) % self.sessions.len();
            if self.sessions[session].ask(operation, &self.root).is_err() {
                self.lose(session);
            }
        }
        if now >= self.swept + SWEEP {
            self.swept = now;
            self.sweep(now);
        }
        Ok(())
    }

    fn hear(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let greeted = session.greets();
        let heard = session.hear(&mut self.scratch, &self.root, |heard| match heard {
            Heard::Welcomed => {
                self.open += 1;
                if let Some(round) = &mut self.round {
                    round.resumed(Instant::now());
                }
            }
            Heard::Expired => {
                self.counts.expired += 1;
                if let Some(round) = &mut self.round {
                    round.expired();
                }
            }
            Heard::Answered { err, .. } if err != 0 => self.counts.errors += 1,
            Heard::Answered { is_write: false, .. } => self.counts.read += 1,
            Heard::Answered { zxid, .. } => {
                self.counts.acknowledged += 1;
                self.epoch = self.epoch.max(zxid >> 32);
                if let Some(round) = &mut self.round {
                    round.acknowledged(index, zxid, Instant::now());
                }
            }
        });
        if let Some(place) = greeted.filter(|_| self.sessions[index].greets().is_none()) {
            self.doors[place].opened();
            if self.sessions[index].place().is_none() {
                // It has expired.
                return self.waiting.push_back(index);
            }
        }
        if heard.is_err() {
            self.lose(index);
        }
    }

    /// Its connection is of no more use.
    fn lose(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        match (session.place(), session.greets()) {
            (None, None) => return,
            (Some(_), _) => self.open -= 1,
            (None, Some(place)) => self.doors[place].closed(Instant::now()),
        }
        session.lose();
        self.waiting.push_back(index);
    }

    /// Lets those who wait try the servers that are worth it.
    fn let_in(&mut self, now: Instant) {
        let mut somebody = true;
        while somebody {
            somebody = false;
            for place in 0..self.doors.len() {
                if self.doors[place].admits(now)
                    && let Some(index) = self.waiting.pop_front()
                {
                    somebody = true;
                    self.connect(index, place);
                }
            }
        }
    }

    fn connect(&mut self, index: usize, place: usize) {
        let door = &mut self.doors[place];
        door.knock();
        if self.sessions[index].connect(place, door.address, self.poll.registry(), Token(index)).is_err() {
            door.closed(Instant::now());
            self.waiting.push_back(index);
        }
    }

    fn sweep(&mut self, now: Instant) {
        for index in 0..self.sessions.len() {
            if self.sessions[index].look_after(now).is_err() {
                self.lose(index);
            }
        }
        if self.is_spreading {
            let astray = |session: &Session| session.is_idle() && session.place().is_some_and(|at| at != session.home);
            let indices = (0..self.sessions.len()).filter(|&index| astray(&self.sessions[index]));
            for index in indices.take(MOVED_MAX).collect::<Vec<_>>() {
                self.sessions[index].lose();
                self.open -= 1;
                self.connect(index, self.sessions[index].home);
            }
        }
    }

    /// The answer to the last command, if it has just been done.
    fn done(&mut self) -> Option<String> {
        let all_open = self.open == self.sessions.len();
        if let Some(round) = self.round.take_if(|round| round.is_over(all_open, Instant::now())) {
            return Some(round.json(all_open));
        }
        if self.is_spreading && self.sessions.iter().all(|session| session.place() == Some(session.home)) {
            self.is_spreading = false;
            return Some(format!(r#"{{"open": {}}}"#, self.open));
        }
        None
    }

    fn obey(&mut self, command: &str) -> io::Result<()> {
        let unknown = || io::Error::new(ErrorKind::InvalidInput, format!("{command:?} is no command"));
        match command.split_whitespace().collect::<Vec<_>>()[..] {
            ["spread"] => self.is_spreading = true,
            ["count"] => {
                let Counts { acknowledged, read, errors, expired } = std::mem::take(&mut self.counts);
                say(&format!(
                    r#"{{"open": {}, "acknowledged": {acknowledged}, "read": {read}, "errors": {errors}, "expired": {expired}}}"#,
                    self.open
                ));
            }
            ["rate", rate] => {
                self.load.pace(rate.parse().map_err(|_| unknown())?);
                say(&format!(r#"{{"open": {}}}"#, self.open));
            }
            ["kill", pid, place] => {
                let place: usize = place.parse().map_err(|_| unknown())?;
                let was_there = self.sessions.iter().map(|session| session.place() == Some(place)).collect();
                self.round = Some(Round::new(Instant::now(), self.epoch, was_there));
                Command::new("kill").args(["-KILL", pid]).status()?;
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}
