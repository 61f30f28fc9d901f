//! What the replica has, told to whoever asks: sessions and their ephemerals, a slice of them in each turn.
//!
//! They are those of the head, the newest state, and are gone through in the order of the sessions' ids. A version or a snapshot is
//! waited for, over as many turns as that takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use paddock_consensus::Zxid;
use paddock_engine::acl::Acl;
use paddock_engine::database::Database;
use paddock_engine::path::ROOT;
use paddock_engine::snapshot::HeldVersion;
use paddock_net::exchange::Exchange;
use paddock_net::reactor::ACCEPTOR;
use paddock_net::status::Status;
use paddock_net::survey::{Delivery, OwnedPaths, PIECE_MAX, Piece, Question, SessionInfo, Survey};

use super::head::Head;
use super::sessions::Sessions;

/// Surveys that are under way at a time; others wait in the queue.
const UNDER_WAY_MAX: usize = 8;
/// A version is held no longer for whoever has asked for it: longer than anybody waits.
const HELD_MAX: Duration = Duration::from_secs(10);
/// A snapshot is waited for no longer.
const SNAPSHOT_WAIT_MAX: Duration = Duration::from_secs(600);

/// The surveys of the replica.
pub struct Surveys {
    exchanges: Arc<[Arc<Exchange>]>,
    list: Vec<UnderWay>,
    /// Somebody waits for a snapshot that is not under way.
    needs_snapshot: bool,
}

struct UnderWay {
    survey: Survey,
    at: Place,
    /// All of it is told.
    is_done: bool,
    /// The local sessions that are still to be told of, with their timeouts, ms.
    local: Option<Vec<(i64, i32)>>,
    /// Whoever asks had no room for this.
    piece: Option<Piece>,
    /// The version that is told when all of it is committed and durable.
    held: Option<HeldVersion>,
    /// What a snapshot must have at least.
    since: Option<Zxid>,
    /// A snapshot is to be taken for it.
    needs_snapshot: bool,
    /// When it was taken up.
    begun: Instant,
    /// What is told is not there yet; a later turn looks again.
    waits: bool,
}

/// How far a survey has come.
#[derive(Default)]
struct Place {
    /// The last session that was looked at.
    session: Option<i64>,
    /// The last of its ephemerals that were told, while there are more of them.
    path: Option<Box<str>>,
}

/// How far a step has brought a survey.
#[derive(PartialEq, Eq)]
enum Step {
    /// There may be more.
    Done,
    /// Whoever asks has no room.
    NoRoom,
    /// That was all, or nobody waits for the rest.
    End,
}

impl Surveys {
    pub fn new(exchanges: Arc<[Arc<Exchange>]>) -> Surveys {
        Surveys { exchanges, list: Vec::new(), needs_snapshot: false }
    }

    /// Whether a turn would get on although nothing else has come.
    pub fn has_work(&self) -> bool {
        self.list.iter().any(UnderWay::gets_on) || self.list.len() < UNDER_WAY_MAX && !self.queue().is_empty()
    }

    fn queue(&self) -> &ArrayQueue<Survey> {
        &self.exchanges[ACCEPTOR].surveys
    }

    /// A step of each of them: whoever asks for much takes many turns. What is up to `kept` is committed, and durable here.
    pub fn go_on(&mut self, head: &mut Head, sessions: &Sessions, status: &Status, kept: Zxid, now: Instant) {
        if self.list.is_empty() && self.queue().is_empty() {
            return;
        }
        while self.list.len() < UNDER_WAY_MAX
            && let Some(survey) = self.queue().pop()
        {
            self.list.push(UnderWay::new(survey, now));
        }
        self.list.retain_mut(|survey| survey.step(head, sessions, status, kept, now) != Step::End);
        for survey in &mut self.list {
            self.needs_snapshot |= std::mem::take(&mut survey.needs_snapshot);
        }
    }

    /// Whether a snapshot is to be taken since somebody waits for one.
    pub fn take_need_of_snapshot(&mut self) -> bool {
        std::mem::take(&mut self.needs_snapshot)
    }

    /// A snapshot of the state after this transaction is in place.
    pub fn note_snapshot(&mut self, zxid: Zxid) {
        self.list.iter_mut().for_each(|survey| survey.note_snapshot(zxid));
    }

    /// What is not committed may never be: versions that are held are let go, and others are told.
    pub fn forget_versions(&mut self) {
        self.list.iter_mut().for_each(|survey| survey.held = None);
    }
}

impl UnderWay {
    fn new(survey: Survey, now: Instant) -> UnderWay {
        UnderWay {
            survey,
            at: Place::default(),
            is_done: false,
            local: None,
            piece: None,
            held: None,
            since: None,
            needs_snapshot: false,
            begun: now,
            waits: false,
        }
    }

    fn gets_on(&self) -> bool {
        match &self.piece {
            Some(_) => self.survey.has_room(),
            None => !self.waits,
        }
    }

    fn step(&mut self, head: &mut Head, sessions: &Sessions, status: &Status, kept: Zxid, now: Instant) -> Step {
        if let Some(piece) = self.piece.take() {
            return self.deliver(piece);
        }
        let piece = match self.survey.question {
            Question::Sessions => self.sessions(head.database(), sessions).map(Piece::Sessions),
            Question::Ephemerals => self.ephemerals(head.database()).map(Piece::Ephemerals),
            Question::Digests => self.once(|| head.digests().to_vec()).map(Piece::Digests),
            Question::RootAcl => self.once(|| root_acl(head.database())).map(Piece::RootAcl),
            Question::Version => return self.version(head, kept, now),
            Question::Snapshot => return self.snapshot(head.database(), now),
            // Of a member this thread writes the figures, too.
            Question::ResetTotals => {
                status.replica.reset();
                status.member.reset();
                None
            }
            _ => unreachable!("the reactors are asked for these"),
        };
        piece.map_or(Step::End, |piece| self.deliver(piece))
    }

    /// What is told at once, and then no more.
    fn once<T>(&mut self, told: impl FnOnce() -> T) -> Option<T> {
        let is_done = std::mem::replace(&mut self.is_done, true);
        (!is_done).then(told)
    }

    /// Holds the newest version, and tells it when all of it may be told. One that whoever asks has given up waiting for is let go.
    fn version(&mut self, head: &mut Head, kept: Zxid, now: Instant) -> Step {
        if self.is_done || now.saturating_duration_since(self.begun) > HELD_MAX {
            return Step::End;
        }
        if self.held.is_none() {
            self.held = head.hold();
        }
        match self.held.take_if(|held| held.zxid <= kept) {
            Some(version) => {
                self.is_done = true;
                self.waits = false;
                self.deliver(Piece::Version(Box::new(version)))
            }
            None => {
                self.waits = true;
                Step::Done
            }
        }
    }

    /// Has a snapshot taken of what there is now. `note_snapshot` brings it.
    fn snapshot(&mut self, database: &Database, now: Instant) -> Step {
        if self.is_done || now.saturating_duration_since(self.begun) > SNAPSHOT_WAIT_MAX {
            return Step::End;
        }
        if self.since.is_none() {
            (self.since, self.needs_snapshot, self.waits) = (Some(database.last_zxid()), true, true);
        }
        Step::Done
    }

    /// One that was begun before this was asked may lack something: then another one is to be taken.
    fn note_snapshot(&mut self, zxid: Zxid) {
        let Some(since) = self.since.filter(|_| !self.is_done) else { return };
        if zxid >= since {
            (self.piece, self.is_done, self.waits) = (Some(Piece::Snapshot(zxid)), true, false);
        } else {
            self.needs_snapshot = true;
        }
    }

    fn deliver(&mut self, piece: Piece) -> Step {
        match self.survey.deliver(piece) {
            Delivery::Delivered => Step::Done,
            Delivery::NoRoom(piece) => {
                self.piece = Some(piece);
                Step::NoRoom
            }
            Delivery::Unwanted => Step::End,
        }
    }

    /// The next sessions, the global ones first; `None` if there are no more.
    fn sessions(&mut self, database: &Database, sessions: &Sessions) -> Option<Vec<SessionInfo>> {
        // Sessions that are due at one moment are told to be so, however many turns it takes.
        let begun = self.begun;
        let info = |(session, timeout), is_local| {
            let due_in = sessions.due_in(session, begun);
            SessionInfo { session, timeout, is_local, due_in }
        };
        if self.local.is_none() {
            let next = database.sessions_after(self.at.session).take(PIECE_MAX);
            let told: Vec<SessionInfo> = next.map(|session| info(session, false)).collect();
            if let Some(last) = told.last() {
                self.at.session = Some(last.session);
                return Some(told);
            }
        }
        let local = self.local.get_or_insert_with(|| sessions.local().collect());
        let told = local.split_off(local.len().saturating_sub(PIECE_MAX));
        (!told.is_empty()).then(|| told.into_iter().map(|session| info(session, true)).collect())
    }

    /// The next ephemerals by their sessions; `None` if no session is left.
    fn ephemerals(&mut self, database: &Database) -> Option<Vec<OwnedPaths>> {
        let (mut told, mut room) = (Vec::new(), PIECE_MAX);
        while room > 0 {
            let session = match self.at.path {
                Some(_) => self.at.session,
                None => database.sessions_after(self.at.session).next().map(|(session, _)| session),
            };
            let Some(session) = session else { break };
            let next = database.ephemerals_after(session, self.at.path.as_deref()).take(room);
            let paths: Vec<Box<str>> = next.map(Box::from).collect();
            room -= paths.len().max(1).min(room);
            // With a full list there may be more.
            self.at.session = Some(session);
            self.at.path = if room == 0 { paths.last().cloned() } else { None };
            if !paths.is_empty() {
                told.push(OwnedPaths { session, paths });
            }
        }
        (room < PIECE_MAX).then_some(told)
    }
}

fn root_acl(database: &Database) -> Acl {
    database.tree().get(ROOT).and_then(|root| root.acl().clone())
}
