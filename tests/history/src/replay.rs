//! The replay by zxid: the model takes the transactions in their order, and each answer is compared where its zxid stands.

use std::collections::{HashMap, HashSet};

use crate::difference::{Difference, Ground};
use crate::history::{Change, Event, EventType, History, Transaction, WatchEvent, What};
use crate::ledger::{Ledger, same};
use crate::operation::{Body, Operation, Outcome, Reply, Rewatch, code, parent};
use crate::sessions::Expiry;
use crate::source::Source;
use crate::tree::{Tree, Trigger, Write};
use crate::unknowns::{Attempt, Riddle, Unknowns};
use crate::violation::{Kind, Violation};
use crate::witness::{Witness, witnesses};

/// Attempts to explain what cannot be explained otherwise, in all.
const ATTEMPTS_MAX: usize = 5_000;
/// Answers that are compared again for that, in all.
const REPEATED_MAX: usize = 5_000_000;
/// Attempts that may still be taken back at a time.
const CHOICES_MAX: usize = 256;

/// What the order of the transactions gives.
#[derive(Debug, Default)]
pub struct Replayed {
    /// All that watches are told of, in order.
    pub triggers: Vec<Trigger>,
    /// For each setWatches, the events that it owes at once, but those that a request without a reply may have undone.
    pub missed: HashMap<usize, Vec<Trigger>>,
    /// The closes that nobody asked for.
    pub expiries: Vec<Expiry>,
}

/// Why there is no replay of the whole history.
#[derive(Debug)]
pub enum Stop {
    Violation(Violation),
    /// The requests without a reply would explain it in more ways than were tried; this is what was not explained.
    Undecided(Violation),
}

/// One thing to do or compare at a zxid; what changes the state comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Transaction(usize),
    Write(usize),
    Witness(usize),
    Seen(usize),
}

/// An attempt that was made, and what else could be tried.
#[derive(Debug)]
struct Choice {
    made: Attempt,
    others: std::vec::IntoIter<Attempt>,
    /// The paths of the riddle and of all attempts.
    paths: HashSet<String>,
}

struct Replay<'h> {
    events: &'h [Event],
    log: &'h [Transaction],
    ledger: Ledger,
    tree: Tree,
    steps: Vec<(i64, Step)>,
    witnesses: Vec<Witness>,
    at: usize,
    /// The last zxid that the tree has.
    zxid: i64,
    unknowns: Unknowns,
    choices: Vec<Choice>,
    attempts: usize,
    repeated: usize,
    missed: HashMap<usize, Vec<Trigger>>,
    /// What was not explained furthest on.
    furthest: Option<(usize, Violation)>,
}

/// Replays a history; [`Stop`] says what it breaks first.
pub fn replay(history: &History) -> Result<Replayed, Stop> {
    let log = history.log.as_deref();
    let ledger = log.map_or(Ok(Ledger::default()), |log| Ledger::new(history, log)).map_err(Stop::Violation)?;
    let witnesses = if log.is_some() { Vec::new() } else { witnesses(&history.events) };
    let unknowns = match log {
        Some(_) => Unknowns::default(),
        None => Unknowns::new(&history.events, witnesses.iter().map(|witness| witness.zxid).collect()),
    };
    let mut steps = steps(history);
    steps.extend(witnesses.iter().enumerate().map(|(number, witness)| (witness.zxid, Step::Witness(number))));
    steps.sort_unstable();
    let mut replay = Replay {
        events: &history.events,
        log: log.unwrap_or_default(),
        ledger,
        tree: Tree::new(),
        steps,
        witnesses,
        at: 0,
        zxid: 0,
        unknowns,
        choices: Vec::new(),
        attempts: 0,
        repeated: 0,
        missed: HashMap::new(),
        furthest: None,
    };
    while replay.at < replay.steps.len() {
        if let Err(difference) = replay.step() {
            replay.explain(difference)?;
        }
    }
    let closed = replay.unknowns.closed_by_server();
    let found = closed.map(|(zxid, unknown)| Expiry { session: unknown.session, zxid, source: Source::Start });
    let expiries = replay.ledger.expiries.iter().copied().chain(found).collect();
    Ok(Replayed { triggers: replay.tree.triggers, missed: replay.missed, expiries })
}

fn steps(history: &History) -> Vec<(i64, Step)> {
    let seen = history.events.iter().enumerate().filter_map(|(place, event)| match &event.what {
        What::WatchEvent(told) if told.zxid > 0 => Some((told.zxid, Step::Seen(place))),
        What::Called { reply: Some(reply), operation, .. } if !operation.is_write() && reply.zxid >= 0 => {
            Some((reply.zxid, Step::Seen(place)))
        }
        What::Called { .. } if history.log.is_none() => Some((event.written_zxid()?, Step::Write(place))),
        _ => None,
    });
    let log = history.log.iter().flatten().enumerate();
    let transactions = log.map(|(entry, transaction)| (transaction.zxid, Step::Transaction(entry)));
    seen.chain(transactions).collect()
}

impl Replay<'_> {
    /// Does the next step. What does not agree changes nothing.
    fn step(&mut self) -> Result<(), Violation> {
        let (zxid, step) = self.steps[self.at];
        while let Some((placed, unknown)) = self.unknowns.next(self.zxid, zxid) {
            let (session, source, operation) = (unknown.session, unknown.source, &unknown.operation);
            self.tree.write(&Write { zxid: placed, session, source, operation });
            self.zxid = placed;
        }
        match step {
            Step::Transaction(entry) => self.transaction(entry)?,
            Step::Write(place) => self.write(place, zxid, Source::Event(place))?,
            Step::Witness(number) => self.witness(number)?,
            Step::Seen(place) => self.seen(place)?,
        }
        self.zxid = self.zxid.max(zxid);
        self.at += 1;
        Ok(())
    }

    fn ground(&self) -> Ground<'_> {
        Ground { tree: &self.tree, events: self.events, log: self.log }
    }

    /// A write that was answered.
    fn write(&mut self, place: usize, zxid: i64, source: Source) -> Result<(), Violation> {
        let event = &self.events[place];
        let (Some(operation), Some(reply)) = (event.operation(), event.reply()) else { return Ok(()) };
        if !does_count(reply) {
            return Ok(());
        }
        let model = self.tree.write(&Write { zxid, session: event.session, source, operation });
        let Reply { code, body, .. } = reply;
        let agrees = |difference: Option<Difference>| difference.is_none();
        if agrees(self.ground().difference(operation, &model, *code, body)) {
            return Ok(());
        }
        // Who made the state that the model's answer shows is known only before the write.
        if self.tree.can_undo(zxid) {
            self.tree.undo_from(zxid);
        }
        match self.ground().difference(operation, &model, *code, body) {
            None => Ok(()),
            Some(difference) => Err(violation(Kind::WrongReply, place, difference)),
        }
    }

    fn transaction(&mut self, entry: usize) -> Result<(), Violation> {
        let log = self.log;
        let transaction = &log[entry];
        let (zxid, session, source) = (transaction.zxid, transaction.session, Source::Transaction(entry));
        let request = self.ledger.request_of.get(&entry).copied();
        if let Some(place) = request.filter(|place| self.events[*place].reply().is_some()) {
            self.check_change(entry, place)?;
            return self.write(place, zxid, source);
        }
        let Change::Done(done) = &transaction.change else { return Ok(()) };
        // As it was asked for, so that a sequential name is the model's.
        let operation = request.and_then(|place| self.events[place].operation()).unwrap_or(done);
        let model = self.tree.write(&Write { zxid, session, source, operation });
        if is_success(&model) && has_names_of(done, &model) {
            return Ok(());
        }
        let sentence = format!("the log says that it was done; the model says {}", crate::violation::Words(&model));
        let window = request.map(Source::Event).into_iter().chain([source]);
        Err(Violation::new(Kind::TransactionUnfounded, window, sentence))
    }

    /// Whether the log has of a request what its reply says.
    fn check_change(&self, entry: usize, place: usize) -> Result<(), Violation> {
        let (event, change) = (&self.events[place], &self.log[entry].change);
        let (Some(asked), Some(reply)) = (event.operation(), event.reply()) else { return Ok(()) };
        let answered = Outcome { code: reply.code, body: reply.body.clone() };
        let agrees = match change {
            Change::CreateSession => false,
            Change::Failed => !is_success(&answered),
            Change::Done(done) => is_success(&answered) && same(done, asked) && has_names_of(done, &answered),
        };
        if agrees {
            return Ok(());
        }
        let window = [Source::Event(place), Source::Transaction(entry)];
        Err(Violation::new(Kind::TransactionUnfounded, window, "the log has something else than was answered".into()))
    }

    /// A read, or a watch event that tells its zxid.
    fn seen(&mut self, place: usize) -> Result<(), Violation> {
        let event = &self.events[place];
        match &event.what {
            What::WatchEvent(told) => self.told(place, told),
            What::Called { operation: Operation::SetWatches(rewatch), reply: Some(reply), .. } if reply.code == 0 => {
                let mut missed = missed(&self.tree, rewatch);
                missed.retain(|owed| !self.unknowns.may_concern(&HashSet::from([owed.path.clone()]), reply.zxid));
                self.missed.insert(place, missed);
                Ok(())
            }
            What::Called { operation, reply: Some(reply), .. } => {
                let model = self.tree.read(operation);
                let difference = self.ground().difference(operation, &model, reply.code, &reply.body);
                difference.map_or(Ok(()), |difference| Err(violation(Kind::WrongRead, place, difference)))
            }
            _ => Ok(()),
        }
    }

    /// Somebody saw a zxid that no acknowledged write has: what it did must have been done by now, and be the newest.
    fn witness(&self, number: usize) -> Result<(), Violation> {
        let witness = &self.witnesses[number];
        if self.tree.znode(&witness.path).is_some_and(|znode| witness.agrees_with(&znode.stat())) {
            return Ok(());
        }
        let sentence = format!(
            "{} was shown as zxid 0x{:x} left it; nothing that was asked for and answered has this zxid",
            witness.path, witness.zxid
        );
        Err(Violation::new(Kind::WrongRead, [Source::Event(witness.place)], sentence))
    }

    fn told(&self, place: usize, told: &WatchEvent) -> Result<(), Violation> {
        let triggers = &self.tree.triggers;
        let begin = triggers.partition_point(|trigger| trigger.zxid < told.zxid);
        let of_zxid = || triggers[begin..].iter().take_while(|trigger| trigger.zxid == told.zxid);
        if of_zxid().any(|trigger| trigger.event_type == told.event_type && trigger.path == told.path) {
            return Ok(());
        }
        let window = of_zxid().map(|trigger| trigger.source).take(1).chain([Source::Event(place)]);
        let sentence = format!("zxid 0x{:x} did not do this to {}", told.zxid, told.path);
        Err(Violation::new(Kind::EventUnfounded, window, sentence))
    }

    /// Something does not agree: lets requests without a reply have been done, one after the other.
    fn explain(&mut self, violation: Violation) -> Result<(), Stop> {
        let (zxid, step) = self.steps[self.at];
        let (mut paths, seen) = self.riddle(step);
        let riddle_paths = paths.clone();
        let mut attempts = self.unknowns.attempts(Riddle { paths: &riddle_paths, zxid, seen }, &self.tree, &mut paths);
        attempts.retain(|attempt| self.tree.can_undo(attempt.first_zxid()));
        if self.furthest.as_ref().is_none_or(|(at, _)| *at <= self.at) {
            self.furthest = Some((self.at, violation));
        }
        let mut others = attempts.into_iter();
        loop {
            if let Some(made) = others.next() {
                if self.attempts == ATTEMPTS_MAX || self.repeated >= REPEATED_MAX || self.choices.len() == CHOICES_MAX {
                    return Err(Stop::Undecided(self.unexplained()));
                }
                self.attempts += 1;
                self.unknowns.place(&made);
                self.go_back(made.first_zxid());
                self.choices.push(Choice { made, others, paths });
                return Ok(());
            }
            // Only another choice about the same paths can help.
            let Some(choice) = self.take_back_choice(&paths) else {
                // Not every order of the requests without a reply was tried: none of them may have to do with it.
                let is_open = self.unknowns.may_concern(&paths, zxid);
                let violation = self.unexplained();
                return Err(if is_open { Stop::Undecided(violation) } else { Stop::Violation(violation) });
            };
            others = choice.others;
            paths.extend(choice.paths);
        }
    }

    fn unexplained(&mut self) -> Violation {
        self.furthest.take().expect("there is something to explain").1
    }

    /// Takes choices back up to the newest that has to do with one of these paths.
    fn take_back_choice(&mut self, paths: &HashSet<String>) -> Option<Choice> {
        while let Some(choice) = self.choices.pop() {
            self.unknowns.take_back(&choice.made);
            if self.tree.can_undo(choice.made.first_zxid()) {
                self.go_back(choice.made.first_zxid());
            } else {
                return None;
            }
            if !choice.paths.is_disjoint(paths) {
                return Some(choice);
            }
        }
        None
    }

    /// Goes on with what stands at this zxid.
    fn go_back(&mut self, zxid: i64) {
        self.tree.undo_from(zxid);
        let before = self.at;
        self.at = self.steps.partition_point(|step| step.0 < zxid).min(self.at);
        self.zxid = self.zxid.min(zxid - 1);
        self.repeated += before - self.at;
    }

    /// The paths that a step is about, and the zxid that it shows.
    fn riddle(&self, step: Step) -> (HashSet<String>, Option<i64>) {
        let place = match step {
            Step::Transaction(_) => return Default::default(),
            Step::Witness(number) => {
                let witness = &self.witnesses[number];
                return (HashSet::from([witness.path.clone()]), Some(witness.zxid));
            }
            Step::Write(place) | Step::Seen(place) => place,
        };
        let event = &self.events[place];
        let mut paths: Vec<&str> = event.operation().map(Operation::paths).unwrap_or_default();
        let mut seen = None;
        if let What::WatchEvent(told) = &event.what {
            paths.push(&told.path);
            seen = Some(told.zxid);
        }
        if let Some(Body::Path(path) | Body::PathStat(path, _)) = event.reply().map(|reply| &reply.body) {
            paths.push(path);
        }
        // A read depends on nothing else. Of the root, which is always there, only the number of creations counts.
        let numbered = |operation: &Operation| match operation {
            Operation::Create { mode, .. } => mode.is_sequential,
            _ => false,
        };
        let is_numbered = match event.operation() {
            Some(Operation::Multi(members)) => members.iter().any(numbered),
            one => one.is_some_and(numbered),
        };
        let above = paths.iter().filter(|_| event.is_write()).filter_map(|path| parent(path));
        let above = above.filter(|above| is_numbered || *above != "/");
        (paths.iter().copied().chain(above).map(str::to_owned).collect(), seen)
    }
}

/// Whether the tree decides what a reply says, so that the model can have the write.
fn does_count(reply: &Reply) -> bool {
    let is_judged = |code: i32| code::is_of_tree(code) || code == code::RUNTIME_INCONSISTENCY;
    let members = match &reply.body {
        Body::Multi(outcomes) => outcomes.iter().all(|outcome| is_judged(outcome.code)),
        _ => true,
    };
    members && code::is_of_tree(reply.code)
}

fn is_success(outcome: &Outcome) -> bool {
    let is_done = |outcome: &Outcome| outcome.code == code::OK;
    match &outcome.body {
        Body::Multi(members) => is_done(outcome) && members.iter().all(is_done),
        _ => is_done(outcome),
    }
}

/// Whether what was created has the names that the log gives.
fn has_names_of(done: &Operation, outcome: &Outcome) -> bool {
    match (done, &outcome.body) {
        (Operation::Multi(done), Body::Multi(outcomes)) => {
            done.iter().zip(outcomes).all(|(done, outcome)| has_names_of(done, outcome))
        }
        (Operation::Create { path, .. }, Body::Path(named) | Body::PathStat(named, _)) => path == named,
        _ => true,
    }
}

/// The events that setWatches owes at once, because what they tell of came while the client was away.
fn missed(tree: &Tree, rewatch: &Rewatch) -> Vec<Trigger> {
    let mut missed = Vec::new();
    let mut owe = |event_type: EventType, path: &str, zxid: i64, source: Source| {
        missed.push(Trigger { zxid, event_type, path: path.to_owned(), source });
    };
    for path in &rewatch.data {
        match tree.znode(path) {
            None => owe(EventType::NodeDeleted, path, -1, tree.removed_by(path).unwrap_or_default()),
            Some(znode) if znode.stat().mzxid > rewatch.zxid => {
                owe(EventType::NodeDataChanged, path, znode.stat().mzxid, znode.written_by);
            }
            Some(_) => {}
        }
    }
    for path in &rewatch.exist {
        if let Some(znode) = tree.znode(path) {
            owe(EventType::NodeCreated, path, znode.stat().czxid, znode.created_by);
        }
    }
    for path in &rewatch.child {
        match tree.znode(path) {
            None => owe(EventType::NodeDeleted, path, -1, tree.removed_by(path).unwrap_or_default()),
            Some(znode) if znode.stat().pzxid > rewatch.zxid => {
                owe(EventType::NodeChildrenChanged, path, znode.stat().pzxid, znode.peopled_by());
            }
            Some(_) => {}
        }
    }
    missed
}

fn violation(kind: Kind, place: usize, difference: Difference) -> Violation {
    let window = difference.sources.into_iter().chain([Source::Event(place)]);
    Violation::new(difference.kind.unwrap_or(kind), window, difference.sentence)
}
