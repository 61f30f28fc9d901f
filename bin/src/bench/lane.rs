//! One connection's share of a run: what it sends next, and what is in flight.
//!
//! Replies come in the order of the requests, so the requests in flight are a queue and the reply due is its head; any
//! other xid is an error. In an open loop each lane has times at which its operations are due; an operation that
//! cannot be sent when due, because the pipeline is full or the connection broken, is sent later and its latency
//! counts from when it was due.

use std::collections::VecDeque;

use super::connection::Connection;
use super::keys::{CREATED_MAX, NAME_BYTES, Names, Picker, created_number};
use super::operation::{Mix, OPERATIONS, Operation};
use super::random::Random;
use super::root::{self, Root};
use super::tally::Tally;
use super::wire::{ProtocolError, ReplyHeader, Template};
use super::workload::{Extent, Pace, Pattern, Workload};

/// What all lanes of a run share.
#[derive(Clone, Debug)]
pub struct Plan {
    pattern: Pattern,
    names: Names,
    pipeline: usize,
    /// Nanoseconds between two operations of one lane in an open loop.
    pub interval: Option<u64>,
    /// Nanoseconds between the first operations of two neighbouring lanes in an open loop.
    pub stagger: u64,
    pub extent: Extent,
    pub connections: u64,
    stock: u64,
    templates: [Template; OPERATIONS],
    picker: Picker,
    seed: u64,
}

/// More would take memory for nothing: longer queues grow when needed.
const QUEUE_START_MAX: usize = 4096;
/// What is in flight at most when each create is waited for.
const DELETE_AND_CREATE: usize = 2;
const NANOS: f64 = 1e9;

impl Plan {
    pub fn new(run: &Workload, root: &Root, seed: u64) -> Plan {
        let value = root::value(run.value_size, seed);
        let templates = Operation::ALL.map(|operation| match operation {
            Operation::Get => Template::get(&root.keys()),
            Operation::Exists => Template::exists(&root.keys()),
            Operation::Set => Template::set(&root.keys(), &value),
            Operation::List => Template::list(&root.list()),
            Operation::Create => Template::create(&root.made(), &value),
            Operation::Delete => Template::delete(&root.made()),
            Operation::Sync => Template::sync(&root.path),
        });
        let (interval, stagger) = match run.pace {
            Pace::Closed => (None, 0),
            Pace::Open { rate } => (Some((run.connections as f64 / rate * NANOS) as u64), (NANOS / rate) as u64),
        };
        let pipeline = match run.pattern {
            Pattern::Mix(_) => run.pipeline as usize,
            Pattern::CreateThenDelete => DELETE_AND_CREATE,
        };
        Plan {
            pattern: run.pattern.clone(),
            names: run.names,
            pipeline,
            interval,
            stagger,
            extent: run.extent,
            connections: run.connections,
            stock: run.stock_needed(),
            templates,
            picker: run.picker(),
            seed,
        }
    }

    /// Operations of the measured number that fall to the lane `id`.
    fn share(&self, id: u64) -> u64 {
        match self.extent {
            Extent::Time(_) => u64::MAX,
            Extent::Operations(all) => all / self.connections + u64::from(id < all % self.connections),
        }
    }
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct Flight {
    xid: i32,
    operation: Operation,
    /// Whether it is one of the measured number of operations.
    counted: bool,
    /// When it was sent, or was due: nanoseconds since the origin of the run.
    start: u64,
}

/// The measured span: nanoseconds since the origin of the run; the end is exclusive.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub start: u64,
    pub end: u64,
}

impl Window {
    pub fn contains(self, at: u64) -> bool {
        (self.start..self.end).contains(&at)
    }
}

pub struct Lane {
    id: u64,
    pub connection: Option<Connection>,
    flights: VecDeque<Flight>,
    random: Random,
    picker: Picker,
    next_xid: i32,
    /// Znodes created and deleted so far by this lane: it may delete those in between.
    made: u64,
    deleted: u64,
    /// Operations it may still send.
    quota: u64,
    counting: bool,
    /// When its next operation is due, in an open loop.
    due: u64,
    /// When it last sent anything.
    pub sent_at: u64,
    /// How often it was connected.
    pub attempts: u64,
    /// When a broken connection may be tried again.
    pub retry_at: u64,
    pub finished: bool,
}

impl Lane {
    pub fn new(id: u64, plan: &Plan) -> Lane {
        let mut picker = plan.picker.clone();
        if let Picker::Sequential { next, .. } = &mut picker {
            *next = id;
        }
        Lane {
            id,
            connection: None,
            flights: VecDeque::with_capacity(plan.pipeline.min(QUEUE_START_MAX)),
            random: Random::new(plan.seed ^ super::random::mix64(id + 1)),
            picker,
            next_xid: 1,
            made: plan.stock,
            deleted: 0,
            quota: u64::MAX,
            counting: matches!(plan.extent, Extent::Time(_)),
            due: 0,
            sent_at: 0,
            attempts: 0,
            retry_at: 0,
            finished: false,
        }
    }

    /// Its number among all connections of the run.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.session().is_some())
    }

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing is to come from it any more.
    pub fn is_done(&self) -> bool {
        self.quota == 0 && self.flights.is_empty()
    }

    /// Sets, and tells, when the first operation of an open loop is due.
    pub fn begin(&mut self, plan: &Plan, now: u64) -> u64 {
        self.due = now + self.id * plan.stagger;
        self.due
    }

    /// From here on operations count towards the measured number.
    pub fn begin_counting(&mut self, plan: &Plan) {
        self.counting = true;
        self.quota = plan.share(self.id);
    }

    /// Nothing more is sent.
    pub fn stop(&mut self) {
        self.quota = 0;
    }

    /// Operations that were due by `now` and could not be sent.
    pub fn behind(&self, plan: &Plan, now: u64) -> u64 {
        let held_up = !self.is_open() || self.flights.len() >= plan.pipeline;
        match plan.interval {
            Some(interval) if held_up && self.due <= now => (now - self.due) / interval.max(1) + 1,
            _ => 0,
        }
    }

    /// Puts into the output buffer what may be sent at `now`; in an open loop, tells `tally` how late that is.
    pub fn fill(&mut self, plan: &Plan, now: u64, tally: &mut Tally) {
        if !self.is_open() {
            return;
        }
        let before = self.flights.len();
        while self.flights.len() < plan.pipeline && self.quota > 0 {
            let start = match plan.interval {
                None => now,
                Some(_) if self.due > now => break,
                Some(_) => self.due,
            };
            match self.next_step(plan) {
                Step::Send(operation) => {
                    if plan.interval.is_some() {
                        tally.sent_late(now - start);
                    }
                    self.send(plan, operation, start);
                }
                Step::Wait => break,
                Step::End => self.quota = 0,
            }
        }
        if self.flights.len() > before {
            self.sent_at = now;
        }
    }

    fn next_step(&mut self, plan: &Plan) -> Step {
        let deletable = self.made > self.deleted;
        let step = match &plan.pattern {
            Pattern::Mix(mix) => drawn(mix, &mut self.random, deletable),
            Pattern::CreateThenDelete => alternate(&self.flights, deletable),
        };
        match step {
            Step::Send(Operation::Create) if self.made == CREATED_MAX => Step::End,
            step => step,
        }
    }

    /// Puts one request into the output buffer. The connection is open.
    fn send(&mut self, plan: &Plan, operation: Operation, start: u64) {
        let number = match operation {
            Operation::Create => created_number(self.id, self.made),
            Operation::Delete => created_number(self.id, self.deleted),
            Operation::Get | Operation::Exists | Operation::Set => self.picker.pick(&mut self.random),
            Operation::List | Operation::Sync => 0,
        };
        self.made += u64::from(operation == Operation::Create);
        self.deleted += u64::from(operation == Operation::Delete);
        self.due += plan.interval.unwrap_or(0);
        self.quota -= 1;
        let xid = self.next_xid;
        self.next_xid = if xid == i32::MAX { 1 } else { xid + 1 };
        let mut name = [0; NAME_BYTES];
        plan.names.write(number, &mut name);
        let Some(connection) = &mut self.connection else { return };
        plan.templates[operation as usize].append(connection.out(), xid, &name);
        self.flights.push_back(Flight { xid, operation, counted: self.counting, start });
    }

    /// The connection and what takes its replies, apart, so that one can call the other.
    pub fn parts(&mut self) -> (Option<&mut Connection>, Replies<'_>) {
        (self.connection.as_mut(), Replies { flights: &mut self.flights })
    }

    /// The connection broke: everything in flight is lost, and of the znodes made nobody knows which are there. Returns
    /// how many operations were in flight.
    pub fn lose(&mut self) -> u64 {
        let in_flight = self.flights.len() as u64;
        self.flights.clear();
        self.deleted = self.made;
        self.next_xid = 1;
        self.connection = None;
        in_flight
    }
}

/// The requests in flight of a lane whose connection is being read.
pub struct Replies<'a> {
    flights: &'a mut VecDeque<Flight>,
}

impl Replies<'_> {
    /// Takes a reply that was read at `now`: true if it counts.
    pub fn complete(
        &mut self,
        reply: ReplyHeader,
        now: u64,
        window: Window,
        tally: &mut Tally,
    ) -> Result<bool, ProtocolError> {
        let flight = match self.flights.pop_front() {
            Some(flight) if flight.xid == reply.xid => flight,
            due => return Err(ProtocolError::Xid { expected: due.map(|flight| flight.xid), got: reply.xid }),
        };
        if !flight.counted || !window.contains(now) {
            return Ok(false);
        }
        if reply.err == 0 {
            tally.succeeded(flight.operation, now.saturating_sub(flight.start));
        } else {
            tally.failed(flight.operation, reply.err);
        }
        Ok(true)
    }
}

/// What a lane does next.
enum Step {
    Send(Operation),
    /// Nothing before the next reply.
    Wait,
    /// Nothing any more.
    End,
}

/// An operation of the mix. With nothing to delete, a create takes the place of a delete if the mix has creates.
fn drawn(mix: &Mix, random: &mut Random, deletable: bool) -> Step {
    match mix.pick(random) {
        Operation::Delete if !deletable && mix.has(Operation::Create) => Step::Send(Operation::Create),
        Operation::Delete if !deletable => Step::End,
        operation => Step::Send(operation),
    }
}

/// Create, wait for it, then delete and create at once.
fn alternate(flights: &VecDeque<Flight>, deletable: bool) -> Step {
    if flights.iter().any(|flight| flight.operation == Operation::Create) {
        Step::Wait
    } else if deletable {
        Step::Send(Operation::Delete)
    } else {
        Step::Send(Operation::Create)
    }
}
