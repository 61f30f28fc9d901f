//! One thread of a run: a poll loop over its share of the connections.
//!
//! Per wake-up of a connection: one read, its replies counted and the pipeline filled again, one write; one look at the
//! clock between the read and the rest serves as the end of what was answered and as the start of what is sent. The
//! buffer for reading is one for the whole thread.
//!
//! ```text
//! open sessions --Ready--> wait for `go` --> load (warm-up, window) --Finished or `stop`--> drain --> close sessions
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use crossbeam::utils::CachePadded;
use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use super::connection::{Arrival, Connection, ConnectionError};
use super::lane::{Lane, Plan, Window};
use super::server::Server;
use super::tally::Tally;
use super::wire;

/// What the threads of a run and its conductor share.
pub struct Control {
    /// Zero of all times.
    pub origin: Instant,
    pub go: AtomicBool,
    pub stop: AtomicBool,
    /// The measured span in nanoseconds since the origin; `u64::MAX` until known.
    pub window_start: AtomicU64,
    pub window_end: AtomicU64,
    /// Sessions opened so far, by thread.
    pub opened: Vec<CachePadded<AtomicU64>>,
    /// Operations answered in the window so far, by thread.
    pub completed: Vec<CachePadded<AtomicU64>>,
}

impl Control {
    pub fn new(threads: usize) -> Control {
        let counters = || (0..threads).map(|_| CachePadded::new(AtomicU64::new(0))).collect();
        Control {
            origin: Instant::now(),
            go: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            window_start: AtomicU64::new(u64::MAX),
            window_end: AtomicU64::new(u64::MAX),
            opened: counters(),
            completed: counters(),
        }
    }

    /// Nanoseconds since the origin.
    pub fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn window(&self) -> Window {
        Window { start: self.window_start.load(Ordering::Acquire), end: self.window_end.load(Ordering::Acquire) }
    }
}

/// What a thread tells the conductor.
#[derive(Debug)]
pub enum News {
    /// All its sessions are open.
    Ready,
    /// A session could not be opened at the start.
    Failed(String),
    /// Everything it had to do is answered; the last answer came at this time.
    Finished { at: u64 },
}

pub const WAKE: Token = Token(usize::MAX);

const SCRATCH_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1024;
/// Reads of one connection in one wake-up, after which the others have their turn.
const READS_MAX: usize = 16;
/// The longest sleep, and how often idle connections and broken ones are looked after.
const SWEEP: Duration = Duration::from_millis(100);
/// A connection that broke is opened again after this long.
const RETRY_NS: u64 = 200_000_000;
/// How long answers are waited for after the end while some come, and if none does; and the end of the sessions after that.
const DRAIN_NS: u64 = 5_000_000_000;
const SILENT_NS: u64 = 1_000_000_000;
const CLOSE_NS: u64 = 2_000_000_000;

/// Sessions of one thread that are being opened at the same time, at the start of a run; ZooKeeper's accept queue holds
/// 50 connections.
const OPENING_MAX: usize = 32;

pub struct Worker {
    index: usize,
    plan: Arc<Plan>,
    control: Arc<Control>,
    servers: Vec<Server>,
    /// Milliseconds.
    session_timeout: i32,
    poll: Poll,
    news: Sender<News>,
    stage: Stage,
    lanes: Vec<Lane>,
    scratch: Vec<u8>,
    tally: Tally,
    window: Window,
    counting: bool,
    /// Lanes that were opened first, sessions that came of it, and lanes with nothing left to do.
    tried: usize,
    opened: usize,
    finished: usize,
    /// Operations answered in the window, and when the last answer came.
    completed: u64,
    last_answer: u64,
    /// In an open loop: when each lane has its next turn, and which lane is the next.
    turns: Vec<u64>,
    next_turn: usize,
}

/// Where a thread is in a run, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Opening,
    Waiting,
    Loading,
    Draining { until: u64 },
    Closing { until: u64 },
}

impl Worker {
    /// The thread `index` of those in `control`, with the connections that fall to it, and what wakes it.
    pub fn new(
        index: usize,
        plan: &Arc<Plan>,
        control: &Arc<Control>,
        servers: &[Server],
        session_timeout: i32,
        news: Sender<News>,
    ) -> std::io::Result<(Worker, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let ids = (index as u64..plan.connections).step_by(control.completed.len());
        let lanes: Vec<Lane> = ids.map(|id| Lane::new(id, plan)).collect();
        let worker = Worker {
            index,
            plan: Arc::clone(plan),
            control: Arc::clone(control),
            servers: servers.to_vec(),
            session_timeout,
            poll,
            news,
            stage: Stage::Opening,
            turns: vec![0; lanes.len()],
            lanes,
            scratch: vec![0; SCRATCH_BYTES],
            tally: Tally::new(),
            window: control.window(),
            counting: false,
            tried: 0,
            opened: 0,
            finished: 0,
            completed: 0,
            last_answer: 0,
            next_turn: 0,
        };
        Ok((worker, waker))
    }

    /// Runs to the end: what was counted.
    pub fn run(mut self) -> std::io::Result<Tally> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut swept = 0;
        loop {
            match self.poll.poll(&mut events, Some(SWEEP)) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error),
                _ => (),
            }
            self.window = self.control.window();
            for event in &events {
                if event.token() != WAKE {
                    self.on_event(event);
                }
            }
            let now = self.control.now();
            self.advance(now);
            self.take_turns(now);
            if now >= swept + SWEEP.as_nanos() as u64 {
                swept = now;
                self.sweep(now);
            }
            self.control.opened[self.index].store(self.opened as u64, Ordering::Relaxed);
            self.control.completed[self.index].store(self.completed, Ordering::Relaxed);
            if let Stage::Closing { until } = self.stage
                && (now >= until || self.lanes.iter().all(|lane| lane.connection.is_none()))
            {
                return Ok(self.tally);
            }
        }
    }

    /// Does what is to be done whatever arrives: opens, begins, ends.
    fn advance(&mut self, now: u64) {
        if self.stage < (Stage::Draining { until: 0 }) && self.control.stop.load(Ordering::Acquire) {
            self.drain(now);
        }
        match self.stage {
            Stage::Opening => self.open_more(now),
            Stage::Waiting if self.control.go.load(Ordering::Acquire) => self.begin(now),
            Stage::Loading if !self.counting && self.window.start != u64::MAX => {
                self.begin_counting();
                self.pump_all(now);
            }
            Stage::Draining { until } => {
                let silent_since = self.last_answer.max(until - DRAIN_NS);
                let given_up = now >= until || now >= silent_since + SILENT_NS;
                if given_up || self.lanes.iter().all(|lane| lane.in_flight() == 0) {
                    self.close(now);
                }
            }
            _ => (),
        }
    }

    fn open_more(&mut self, now: u64) {
        while self.tried < self.lanes.len() && self.tried < self.opened + OPENING_MAX {
            self.open(self.tried, now);
            self.tried += 1;
        }
        if self.opened == self.lanes.len() {
            self.stage = Stage::Waiting;
            self.tell(News::Ready);
        }
    }

    fn begin(&mut self, now: u64) {
        self.stage = Stage::Loading;
        for (lane, turn) in self.lanes.iter_mut().zip(&mut self.turns) {
            *turn = lane.begin(&self.plan, now);
        }
        if self.window.start != u64::MAX {
            self.begin_counting();
        }
        self.pump_all(now);
    }

    fn begin_counting(&mut self) {
        self.counting = true;
        for lane in &mut self.lanes {
            lane.begin_counting(&self.plan);
        }
    }

    fn drain(&mut self, now: u64) {
        for lane in &mut self.lanes {
            self.tally.behind += lane.behind(&self.plan, self.window.end.min(now));
            lane.stop();
        }
        self.stage = Stage::Draining { until: now + DRAIN_NS };
    }

    fn close(&mut self, now: u64) {
        for index in 0..self.lanes.len() {
            let unanswered = self.lanes[index].in_flight();
            self.tally.unanswered += unanswered as u64;
            if unanswered > 0 {
                // Nor would the end of this session be answered.
                self.lanes[index].connection = None;
            }
            if let Some(connection) = &mut self.lanes[index].connection {
                connection.out().extend(wire::close_request(0));
                if connection.flush().is_err() {
                    self.lanes[index].connection = None;
                }
            }
        }
        self.stage = Stage::Closing { until: now + CLOSE_NS };
    }

    fn open(&mut self, index: usize, now: u64) {
        let lane = &mut self.lanes[index];
        let server = &self.servers[(lane.id() + lane.attempts) as usize % self.servers.len()];
        lane.attempts += 1;
        lane.sent_at = now;
        match Connection::open(server, self.session_timeout, self.poll.registry(), Token(index)) {
            Ok(connection) => lane.connection = Some(connection),
            Err(error) => self.lose(index, &error.into()),
        }
    }

    fn on_event(&mut self, event: &Event) {
        let index = event.token().0;
        let ending = event.is_read_closed() || event.is_error();
        if let Err(error) = self.serve(index, event.is_readable() || ending, ending) {
            self.lose(index, &error);
        }
    }

    fn serve(&mut self, index: usize, readable: bool, ending: bool) -> Result<(), ConnectionError> {
        let now = if readable { self.read(index, ending)? } else { None };
        self.pump(index, now.unwrap_or_else(|| self.control.now()))
    }

    /// Reads what there is: when the last of it was read. A stream that is `ending` is read to its end.
    fn read(&mut self, index: usize, ending: bool) -> Result<Option<u64>, ConnectionError> {
        let mut read_at = None;
        for _ in 0..READS_MAX {
            let (Some(connection), mut replies) = self.lanes[index].parts() else { return Ok(None) };
            let Some(bytes) = connection.receive(&mut self.scratch)? else { return Ok(read_at) };
            let now = self.control.now();
            read_at = Some(now);
            let (window, tally) = (self.window, &mut self.tally);
            connection.take(&self.scratch[..bytes], |arrival| {
                match arrival {
                    Arrival::Opened => self.opened += 1,
                    Arrival::Notification => tally.notifications += 1,
                    Arrival::Reply(reply) => {
                        self.completed += u64::from(replies.complete(reply, now, window, tally)?);
                        self.last_answer = now;
                    }
                }
                Ok(())
            })?;
            if bytes < self.scratch.len() && !ending {
                return Ok(read_at);
            }
        }
        if let Some(connection) = &mut self.lanes[index].connection {
            connection.rearm(self.poll.registry(), Token(index))?;
        }
        Ok(read_at)
    }

    /// Sends what the lane may send.
    fn pump(&mut self, index: usize, now: u64) -> Result<(), ConnectionError> {
        let lane = &mut self.lanes[index];
        if self.stage == Stage::Loading {
            lane.fill(&self.plan, now, &mut self.tally);
        }
        if let Some(connection) = &mut lane.connection {
            connection.flush()?;
        }
        self.note_if_finished(index);
        Ok(())
    }

    fn pump_all(&mut self, now: u64) {
        for index in 0..self.lanes.len() {
            if let Err(error) = self.pump(index, now) {
                self.lose(index, &error);
            }
        }
    }

    /// In an open loop: lets those lanes send that have something due.
    fn take_turns(&mut self, now: u64) {
        let Some(interval) = self.plan.interval else { return };
        if self.stage != Stage::Loading || self.lanes.is_empty() {
            return;
        }
        while self.turns[self.next_turn] <= now {
            self.turns[self.next_turn] += interval;
            if let Err(error) = self.pump(self.next_turn, now) {
                self.lose(self.next_turn, &error);
            }
            self.next_turn = (self.next_turn + 1) % self.lanes.len();
        }
    }

    fn note_if_finished(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if self.stage == Stage::Loading && !lane.finished && lane.is_done() {
            lane.finished = true;
            self.finished += 1;
            if self.finished == self.lanes.len() {
                self.tell(News::Finished { at: self.last_answer });
            }
        }
    }

    /// A connection is of no more use. During the load it is opened again a little later.
    fn lose(&mut self, index: usize, error: &ConnectionError) {
        let now = self.control.now();
        let lane = &mut self.lanes[index];
        if self.stage == Stage::Opening {
            let text = format!("connection {} of {}: {error}", lane.id() + 1, self.plan.connections);
            lane.connection = None;
            self.tell(News::Failed(text));
            return;
        }
        let in_flight = lane.lose();
        lane.retry_at = now + RETRY_NS;
        match self.stage {
            Stage::Loading if self.window.contains(now) => self.tally.connection_lost(error.to_string(), in_flight),
            Stage::Draining { .. } => self.tally.unanswered += in_flight,
            // Before the window nothing counts, and after the end of the sessions the server closes.
            _ => (),
        }
        self.note_if_finished(index);
    }

    /// Keeps idle sessions alive and opens broken connections again.
    fn sweep(&mut self, now: u64) {
        let idle = self.session_timeout as u64 * 1_000_000 / 3;
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if lane.connection.is_none() {
                if self.stage == Stage::Loading && now >= lane.retry_at && !lane.finished {
                    self.open(index, now);
                }
            } else if lane.is_open() && now >= lane.sent_at + idle {
                lane.sent_at = now;
                if let Some(connection) = &mut lane.connection {
                    connection.out().extend(wire::ping_request());
                }
                if let Err(error) = self.pump(index, now) {
                    self.lose(index, &error);
                }
            }
        }
    }

    fn tell(&self, news: News) {
        // The conductor only stops listening when the run has failed; then this thread is told to stop as well.
        let _ = self.news.send(news);
    }
}
