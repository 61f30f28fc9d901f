//! What this server has for its learners: what all are sent, and what one of them lacks.

use paddock_consensus::config::PeerType;
use paddock_consensus::input::Link;
use paddock_consensus::output::Reason;
use paddock_consensus::plan::Plan;
use paddock_consensus::settings::Ms;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::log::Log;

use super::broadcast::{Audience, Broadcast};
use super::closing::Closing;
use super::ends::Ends;
use super::feed::Feed;
use super::historian::Historian;
use super::link::LinkEnd;
use super::links::{Links, StreamId};
use super::outgoing::Sent;
use super::spool::Spooler;
use super::supply::{Step, Store, Unsupplied};
use crate::node::replica::window::Window;

/// How often one link is supplied and sent in a turn.
const ROUNDS: usize = 8;

/// What this server has of the transactions.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    pub window: &'a Window,
    pub log: &'a Log,
}

pub struct Supplies {
    broadcast: Broadcast,
    /// Whether this server's learners are told what is committed.
    is_leading: bool,
    /// Whether this server is a follower that tells observers what is committed.
    serves_observers: bool,
    /// What was committed last in this reign, or since observers are served.
    committed: Option<Zxid>,
    historian: Historian,
    spooler: Spooler,
    /// Whether a link could be supplied further in the same turn.
    has_more: bool,
}

/// What serving one link has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    Nothing,
    /// Its learner is sent a whole state from here on.
    StateBegun(Link),
    /// Its learner has caught up.
    CaughtUp(Link),
}

impl Audience {
    fn of(ends: &Ends) -> Audience {
        let mut audience = Audience { has_observers: false, is_grouped: true };
        for end in ends.iter() {
            match end.peer_type {
                PeerType::Observer => audience.has_observers = true,
                PeerType::Participant => audience.is_grouped &= end.is_grouped || end.outgoing.cursor().is_none(),
            }
        }
        audience
    }
}

impl Supplies {
    pub fn new(historian: Historian, spooler: Spooler) -> Supplies {
        Supplies {
            broadcast: Broadcast::new(),
            is_leading: false,
            serves_observers: false,
            committed: None,
            historian,
            spooler,
            has_more: false,
        }
    }

    pub fn historian(&mut self) -> &mut Historian {
        &mut self.historian
    }

    pub fn spooler(&mut self) -> &mut Spooler {
        &mut self.spooler
    }

    /// What those of a kind are sent.
    pub fn feed(&self, peer_type: PeerType) -> &Feed {
        self.broadcast.feed(peer_type)
    }

    /// Whether a link could be supplied further in this turn.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// This server leads from here on, or does not.
    pub fn lead(&mut self, is_leading: bool) {
        self.is_leading = is_leading;
    }

    /// This server is a follower that serves observers from here on, with what is committed up to this transaction.
    pub fn serve_observers(&mut self, committed: Zxid) {
        (self.serves_observers, self.committed) = (true, Some(committed));
    }

    /// A reign ends, or a follower's part, and with it all of its links.
    pub fn end_reign(&mut self) {
        self.broadcast = Broadcast::new();
        (self.is_leading, self.serves_observers, self.committed) = (false, false, None);
        self.spooler.clear();
    }

    /// A link has gone.
    pub fn leave(&mut self, link: Link) {
        self.historian.end(link);
    }

    /// A leader has proposed the next transaction.
    pub fn propose(&mut self, zxid: Zxid, txn: &[u8]) {
        // What a reign began with is committed when it proposes.
        self.committed.get_or_insert(Zxid(zxid.0 - 1));
        self.broadcast.propose(zxid, txn);
        self.spooler.note_growth(txn.len() as u64);
    }

    /// Transaction `zxid` is committed with a change of the configuration that names this leader, and everything before it.
    pub fn activate(&mut self, zxid: Zxid, leader: ServerId, window: &Window, ends: &Ends) {
        if self.is_leading {
            self.broadcast.activate(zxid, leader, window, Audience::of(ends));
            self.committed = Some(zxid);
        } else if self.serves_observers {
            let activation = Some((zxid, leader));
            self.inform_observers(zxid, activation, window, ends);
        }
    }

    /// Everything up to this transaction is committed. Nothing of it may have left the window that was not committed before.
    pub fn commit(&mut self, zxid: Zxid, window: &Window, ends: &Ends) {
        if self.is_leading {
            self.broadcast.commit(zxid, window, Audience::of(ends));
            self.committed = Some(zxid);
        } else if self.serves_observers {
            self.inform_observers(zxid, None, window, ends);
        }
    }

    /// A follower's observers are told what is committed with `zxid` and was not before.
    fn inform_observers(&mut self, zxid: Zxid, activation: Option<(Zxid, ServerId)>, window: &Window, ends: &Ends) {
        let informed = self.committed.expect("observers are served from a transaction on");
        if zxid > informed {
            self.committed = Some(zxid);
            if Audience::of(ends).has_observers {
                self.broadcast.inform_observers(informed, zxid, activation, window);
            }
        }
    }

    /// Whether a version is to be given to the spooler.
    pub fn needs_state(&mut self, ends: &Ends, now: Ms) -> bool {
        let is_awaited = ends.iter().any(|end| end.supply.awaits_state());
        is_awaited && self.spooler.spool().is_none() && self.spooler.may_begin(now)
    }

    /// Takes in what was read and written for links meanwhile. Returns those that cannot be supplied.
    pub fn begin_turn(&mut self, ends: &mut Ends) -> Vec<(StreamId, Unsupplied)> {
        self.has_more = false;
        self.spooler.poll();
        let mut failed = Vec::new();
        if self.spooler.take_failure() {
            let waiting = ends.iter().filter(|end| end.supply.awaits_state());
            failed.extend(waiting.map(|end| (end.stream, Unsupplied::NoState)));
        }
        while let Some((link, read)) = self.historian.take() {
            let Some(end) = ends.of_mut(link) else { continue };
            match read {
                Ok(piece) => {
                    let feed = self.broadcast.feed(end.peer_type);
                    end.supply.take_in(piece, feed, &mut end.outgoing);
                }
                Err(unread) => failed.push((end.stream, Unsupplied::Unread(unread))),
            }
        }
        failed
    }

    /// Begins to bring a learner what the plan says.
    pub fn synchronise(&self, end: &mut LinkEnd, plan: Plan) {
        end.supply.begin(plan, self.broadcast.feed(end.peer_type), &mut end.outgoing);
    }

    /// A learner that is sent what all are is not from here on: it is brought to another epoch first. It has all of that.
    pub fn leave_broadcast(&self, end: &mut LinkEnd) {
        end.outgoing.leave(self.broadcast.feed(end.peer_type));
    }

    /// Brings a learner what is left of the history in this moment; it is sent what all are from here on.
    pub fn join(&self, end: &mut LinkEnd, records: Records<'_>) -> Result<(), Unsupplied> {
        let feed = self.broadcast.feed(end.peer_type);
        end.supply.join(&self.store(records), end.peer_type, feed, &mut end.outgoing)
    }

    /// Supplies one link, and sends what it has. Where something is brought and waits, some of it has to be taken until the
    /// deadline.
    pub fn serve(
        &mut self,
        end: &mut LinkEnd,
        records: Records<'_>,
        links: &mut dyn Links,
        deadline: Ms,
    ) -> Result<Served, Closing> {
        let Some(link) = end.link else { return self.see_off(end, links) };
        let feed = self.broadcast.feed(end.peer_type);
        if !end.supply.is_bringing() && end.outgoing.is_idle(feed) {
            return Ok(Served::Nothing);
        }
        let store = self.store(records);
        let mut served = Served::Nothing;
        for _ in 0..ROUNDS {
            match end.supply.go_on(link, &store, feed, &mut end.outgoing).map_err(Closing::Unsupplied)? {
                Step::Waits => {}
                Step::StateBegun => served = Served::StateBegun(link),
                Step::CaughtUp => served = Served::CaughtUp(link),
            }
            if end.is_blocked {
                return if end.outgoing.is_behind(feed) { Err(Closing::Behind) } else { Ok(served) };
            }
            let had_waiting = end.outgoing.waiting();
            let sent = end.outgoing.send(feed, |bytes| links.write(end.stream, bytes));
            end.await_taking(end.outgoing.waiting() < had_waiting, deadline);
            match sent {
                Sent::All if had_waiting == 0 => return Ok(served),
                Sent::All => {}
                Sent::Blocked => {
                    end.is_blocked = true;
                    return Ok(served);
                }
                Sent::Ended => return Err(Closing::Ended),
                Sent::Behind => return Err(Closing::Behind),
            }
        }
        self.has_more = true;
        Ok(served)
    }

    /// Forgets what all links have been sent.
    pub fn end_turn(&mut self, ends: &Ends) {
        let offset = |peer_type| {
            let of_kind = ends.iter().filter(|end| end.peer_type == peer_type);
            of_kind.filter_map(|end| end.outgoing.cursor()).min().unwrap_or(u64::MAX)
        };
        self.broadcast.forget_before(offset(PeerType::Participant), offset(PeerType::Observer));
    }

    /// Sends what waits for a link that has no number any more, and ends it then.
    fn see_off(&self, end: &mut LinkEnd, links: &mut dyn Links) -> Result<Served, Closing> {
        if !end.is_leaving() || end.is_blocked {
            return Ok(Served::Nothing);
        }
        let feed = self.broadcast.feed(end.peer_type);
        match end.outgoing.send(feed, |bytes| links.write(end.stream, bytes)) {
            Sent::Blocked => {
                end.is_blocked = true;
                Ok(Served::Nothing)
            }
            Sent::All | Sent::Ended | Sent::Behind => Err(Closing::Decided(Reason::Stopped)),
        }
    }

    /// What links are supplied from. Before anything is committed in a reign, all of its leader's history is to be.
    fn store<'a>(&'a self, records: Records<'a>) -> Store<'a> {
        let Records { window, log } = records;
        let end = self.committed.unwrap_or(window.last());
        Store { window, log, historian: &self.historian, spool: self.spooler.spool(), end }
    }
}
