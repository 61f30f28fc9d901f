//! Which transaction of the log came from which request.
//!
//! A request that was answered tells its zxid. For those that were not, the log decides: of one connection the first ones
//! were done, in their order, and the rest was not.

use std::collections::{HashMap, HashSet};

use crate::history::{Change, Event, History, Transaction, What};
use crate::known::Known;
use crate::operation::{Operation, name};
use crate::sessions::Expiry;
use crate::source::Source;
use crate::violation::{Kind, Violation};

/// The log, and where each of its entries came from.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The request of each transaction, by its place in the log.
    pub request_of: HashMap<usize, usize>,
    pub expiries: Vec<Expiry>,
}

impl Ledger {
    /// Finds the request of each transaction, or the first contradiction.
    pub fn new(history: &History, log: &[Transaction]) -> Result<Ledger, Violation> {
        if let Some(place) = (1..log.len()).find(|&place| log[place].zxid <= log[place - 1].zxid) {
            let window = [Source::Transaction(place - 1), Source::Transaction(place)];
            return Err(Violation::new(Kind::ZxidTwice, window, "the log's zxids do not rise".into()));
        }
        let mut ledger = Ledger::default();
        ledger.take_answered(&history.events, log)?;
        ledger.take_unanswered(&history.events, log)?;
        ledger.check_closed(log)?;
        Ok(ledger)
    }

    /// Every acknowledged write is in the log.
    fn take_answered(&mut self, events: &[Event], log: &[Transaction]) -> Result<(), Violation> {
        for (event, zxid, place) in
            events.iter().enumerate().filter_map(|(place, event)| Some((event, event.written_zxid()?, place)))
        {
            let lost = |window: Vec<Source>, sentence| Err(Violation::new(Kind::WriteLost, window, sentence));
            let Ok(entry) = log.binary_search_by_key(&zxid, |transaction| transaction.zxid) else {
                return lost(
                    vec![Source::Event(place)],
                    format!("zxid 0x{zxid:x} was acknowledged; the log has no such"),
                );
            };
            if !is_answer_of(&log[entry], event) || self.request_of.insert(entry, place).is_some() {
                let window = vec![Source::Event(place), Source::Transaction(entry)];
                return lost(window, format!("zxid 0x{zxid:x} was acknowledged; in the log it is another request's"));
            }
        }
        Ok(())
    }

    /// What is left in the log is of requests without a reply, or of nobody whose requests are known.
    fn take_unanswered(&mut self, events: &[Event], log: &[Transaction]) -> Result<(), Violation> {
        let mut unanswered = Unanswered::new(events);
        for (entry, transaction) in log.iter().enumerate() {
            if self.request_of.contains_key(&entry) || transaction.change == Change::CreateSession {
                continue;
            }
            match unanswered.take(events, log, entry) {
                Some(Taken { place, skipped: None, moved }) => {
                    self.request_of.extend(moved);
                    self.request_of.insert(entry, place);
                }
                Some(Taken { place, skipped: Some(skipped), .. }) => {
                    let window = [Source::Event(skipped), Source::Event(place), Source::Transaction(entry)];
                    let sentence = "the log has the later of two requests of one connection, and not the earlier";
                    return Err(Violation::new(Kind::RequestSkipped, window, sentence.into()));
                }
                None if transaction.change == Change::Done(Operation::Close) => self.expiries.push(Expiry {
                    session: transaction.session,
                    zxid: transaction.zxid,
                    source: Source::Transaction(entry),
                }),
                None if unanswered.sessions.contains(&transaction.session) => {
                    let sentence = format!("session 0x{:x} asked for nothing like this", transaction.session);
                    return Err(Violation::new(Kind::TransactionUnfounded, [Source::Transaction(entry)], sentence));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// No session writes after its close.
    fn check_closed(&self, log: &[Transaction]) -> Result<(), Violation> {
        let mut closed: HashMap<i64, usize> = HashMap::new();
        for (entry, transaction) in log.iter().enumerate() {
            match (&transaction.change, closed.get(&transaction.session)) {
                // Requests behind a close fail.
                (Change::Failed, _) | (Change::Done(Operation::Close), Some(_)) => {}
                (_, Some(close)) => {
                    let window = [Source::Transaction(*close), Source::Transaction(entry)];
                    let sentence = format!("session 0x{:x} was closed before", transaction.session);
                    return Err(Violation::new(Kind::WriteAfterClose, window, sentence));
                }
                (Change::Done(Operation::Close), None) => drop(closed.insert(transaction.session, entry)),
                (_, None) => {}
            }
        }
        Ok(())
    }
}

/// Whether a transaction has the number of this request.
fn is_of(transaction: &Transaction, event: &Event) -> bool {
    let What::Called { cxid, .. } = &event.what else { return false };
    transaction.session == event.session && transaction.cxid == *cxid
}

/// Whether an answer may have told of this transaction. A session ends once: where it has expired meanwhile, its close is
/// answered when that is done.
fn is_answer_of(transaction: &Transaction, event: &Event) -> bool {
    let is_close = event.operation() == Some(&Operation::Close);
    is_of(transaction, event) || (is_close && transaction.session == event.session)
}

/// Whether a transaction can have come from such a request.
fn fits(change: &Change, asked: &Operation) -> bool {
    match change {
        Change::CreateSession => false,
        Change::Failed => true,
        Change::Done(done) => same(done, asked),
    }
}

/// Whether this was done, in the words of the log, where that was asked for.
pub fn same(done: &Operation, asked: &Operation) -> bool {
    match (done, asked) {
        (
            Operation::Create { path, data, mode },
            Operation::Create { path: asked_path, data: asked_data, mode: asked_mode },
        ) => {
            let is_named = match asked_mode.is_sequential {
                true => path
                    .strip_prefix(&asked_path[..])
                    .is_some_and(|number| !number.is_empty() && name(number) == number),
                false => path == asked_path,
            };
            is_named && data == asked_data && mode.is_ephemeral == asked_mode.is_ephemeral
        }
        (Operation::SetData { path, data, .. }, Operation::SetData { path: asked_path, data: asked_data, .. }) => {
            path == asked_path && data == asked_data
        }
        (Operation::Multi(done), Operation::Multi(asked)) => {
            done.len() == asked.len() && done.iter().zip(asked).all(|(done, asked)| same(done, asked))
        }
        (Operation::Delete { path, .. }, Operation::Delete { path: asked, .. })
        | (Operation::SetAcl { path, .. }, Operation::SetAcl { path: asked, .. })
        | (Operation::Check { path, .. }, Operation::Check { path: asked, .. }) => path == asked,
        (Operation::Close, Operation::Close) => true,
        _ => false,
    }
}

/// The writes without a reply, by session.
struct Unanswered {
    sessions: HashSet<i64>,
    of_session: HashMap<i64, Line>,
}

/// Those of one session, in their order.
#[derive(Default)]
struct Line {
    requests: Vec<Request>,
    /// How many were looked at.
    looked_at: usize,
    /// The transactions that came from some of them in this order, by their places in the log, each with its request.
    taken: Vec<(usize, usize)>,
}

struct Request {
    place: usize,
    /// Which connection of its session it went over, counted from 0.
    connection: usize,
    /// Its zxid is above this one.
    floor: i64,
    /// A transaction came from it.
    is_taken: bool,
}

/// The request that a transaction came from.
struct Taken {
    place: usize,
    /// One before it on its connection that was not done.
    skipped: Option<usize>,
    /// Transactions, by their places in the log, that came from other requests than it had looked before: a client that lost
    /// its connection may have asked for the same again, under the same number.
    moved: Vec<(usize, usize)>,
}

impl Unanswered {
    fn new(events: &[Event]) -> Unanswered {
        let told = Known::new(
            events
                .iter()
                .enumerate()
                .filter_map(|(place, event)| Some((event.to, event.reply()?.zxid, place)))
                .collect(),
        );
        let mut unanswered = Unanswered { sessions: HashSet::new(), of_session: HashMap::new() };
        // Of each session the present connection, and the zxid of its last write that was answered.
        let mut connections: HashMap<i64, (usize, i64)> = HashMap::new();
        for (place, event) in events.iter().enumerate() {
            match &event.what {
                What::Connected { .. } => {
                    unanswered.sessions.insert(event.session);
                    let (connection, written) = connections.entry(event.session).or_default();
                    (*connection, *written) = (*connection + 1, 0);
                }
                What::Called { reply: Some(_), .. } => {
                    let (_, written) = connections.entry(event.session).or_default();
                    *written = event.written_zxid().unwrap_or_default().max(*written);
                }
                What::Called { reply: None, .. } if event.is_write() => {
                    let (connection, written) = connections.get(&event.session).copied().unwrap_or_default();
                    let floor = told.before(event.from).map_or(0, |told| told.0).max(written);
                    let requests = &mut unanswered.of_session.entry(event.session).or_default().requests;
                    requests.push(Request { place, connection, floor, is_taken: false });
                }
                _ => {}
            }
        }
        unanswered
    }

    /// The request of which the log's entry of this place came.
    fn take(&mut self, events: &[Event], log: &[Transaction], entry: usize) -> Option<Taken> {
        let fits = |request: &Request, transaction: &Transaction| {
            let event = &events[request.place];
            request.floor < transaction.zxid
                && is_of(transaction, event)
                && event.operation().is_some_and(|asked| fits(&transaction.change, asked))
        };
        let line = self.of_session.get_mut(&log[entry].session)?;
        line.take(log, entry, fits).or_else(|| line.take_late(log, entry, fits))
    }
}

impl Line {
    /// Looks at those behind the last one that was looked at. The first that fits is it, or else the first with which none is
    /// skipped: two connections may have requests that look alike.
    fn take(
        &mut self,
        log: &[Transaction],
        entry: usize,
        fits: impl Fn(&Request, &Transaction) -> bool,
    ) -> Option<Taken> {
        let fitting = |one: &usize| fits(&self.requests[*one], &log[entry]);
        let mut fitting = (self.looked_at..self.requests.len()).filter(fitting).peekable();
        let first = *fitting.peek()?;
        let explained = fitting.find_map(|found| Some((found, self.explained_before(found, log, &fits)?)));
        let skipped = if explained.is_none() { self.passed_before(first).next() } else { None };
        let (found, moved) = explained.unwrap_or_else(|| (first, Vec::new()));
        let Line { requests, looked_at, taken } = self;
        for &(place, passed) in &moved {
            let request = &mut taken[place].1;
            (requests[*request].is_taken, requests[passed].is_taken) = (false, true);
            *request = passed;
        }
        let moved = moved.iter().map(|&(place, passed)| (taken[place].0, requests[passed].place)).collect();
        requests[found].is_taken = true;
        *looked_at = found + 1;
        taken.push((entry, found));
        Some(Taken { place: requests[found].place, skipped: skipped.map(|one| requests[one].place), moved })
    }

    /// Those of the same connection before this one that were not looked at.
    fn passed_before(&self, found: usize) -> impl Iterator<Item = usize> {
        let is_passed = move |one: &usize| self.requests[*one].connection == self.requests[found].connection;
        (self.looked_at..found).filter(is_passed)
    }

    /// What those before this one had that were not looked at, if they had the last transactions that were taken: the places of
    /// these there, each with its request.
    fn explained_before(
        &self,
        found: usize,
        log: &[Transaction],
        fits: impl Fn(&Request, &Transaction) -> bool,
    ) -> Option<Vec<(usize, usize)>> {
        let passed = self.passed_before(found);
        let first = self.taken.len().checked_sub(self.passed_before(found).count())?;
        let moved: Vec<(usize, usize)> = (first..).zip(passed).collect();
        let is_its_own = |&(place, passed): &(usize, usize)| fits(&self.requests[passed], &log[self.taken[place].0]);
        moved.iter().all(is_its_own).then_some(moved)
    }

    /// Looks at those that were passed. A server may be slow to pass on what came over a connection that its client has given
    /// up since. The leader lets nothing of it be done then, but each of these requests has a transaction that fails, behind
    /// those of the next connection.
    fn take_late(
        &mut self,
        log: &[Transaction],
        entry: usize,
        fits: impl Fn(&Request, &Transaction) -> bool,
    ) -> Option<Taken> {
        if log[entry].change != Change::Failed {
            return None;
        }
        let passed = &self.requests[..self.looked_at];
        let found = passed.iter().position(|request| !request.is_taken && fits(request, &log[entry]))?;
        let connection = passed[found].connection;
        let has_connection = |request: &&Request| request.connection == connection;
        if passed[found..].iter().filter(has_connection).any(|request| request.is_taken) {
            return None;
        }
        let skipped = passed[..found].iter().filter(has_connection).find(|request| !request.is_taken);
        let skipped = skipped.map(|request| request.place);
        let place = passed[found].place;
        self.requests[found].is_taken = true;
        Some(Taken { place, skipped, moved: Vec::new() })
    }
}
