//! What this reactor has, told to whoever asks: a slice of it in each turn.
//!
//! Connections are gone through by slot, and watched paths by number, since both stay what they are while others come and go.

use std::collections::VecDeque;
use std::time::Instant;

use super::clients::Clients;
use crate::connection::Connection;
use crate::survey::{ConnectionInfo, Delivery, PIECE_MAX, Piece, Question, Survey, WatchedPath};
use crate::time_share::TimeShare;
use crate::watch::Watches;

/// The surveys of this reactor that are under way.
#[derive(Default)]
pub struct Surveys {
    list: VecDeque<UnderWay>,
    share: TimeShare,
}

struct UnderWay {
    survey: Survey,
    /// The first slot, or the first path by its number, that was not looked at yet.
    next: usize,
    /// Those who watch a path besides those that were told of.
    watchers: Option<Watchers>,
    /// Whoever asks had no room for this.
    piece: Option<Piece>,
}

/// Many watchers of one path.
struct Watchers {
    path: Box<str>,
    slots: Vec<u32>,
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
    pub fn add(&mut self, survey: Survey) {
        self.list.push_back(UnderWay { survey, next: 0, watchers: None, piece: None });
    }

    /// Whether a turn would get on although nothing has come.
    pub fn has_work(&self) -> bool {
        self.list.iter().any(UnderWay::gets_on)
    }

    /// Goes on with each of them in its turn, for as long as the turn has time for it.
    pub fn go_on(&mut self, clients: &mut Clients) {
        if self.list.is_empty() {
            return;
        }
        self.share.begin(Instant::now());
        // Whoever had no room is looked at once.
        for _ in 0..self.list.len() {
            self.step(clients);
        }
        while self.has_work() && self.share.is_left(Instant::now()) {
            self.step(clients);
        }
        if self.has_work() {
            self.share.end(Instant::now());
        }
    }

    fn step(&mut self, clients: &mut Clients) {
        let Some(mut survey) = self.list.pop_front() else { return };
        if survey.step(clients) != Step::End {
            self.list.push_back(survey);
        }
    }
}

impl UnderWay {
    fn gets_on(&self) -> bool {
        self.piece.is_none() || self.survey.has_room()
    }

    fn step(&mut self, clients: &mut Clients) -> Step {
        if let Some(piece) = self.piece.take() {
            return self.deliver(piece);
        }
        match self.survey.question {
            Question::Connections => self.tell_connections(clients),
            Question::DataWatches => self.tell_watches(clients),
            Question::ResetConnections => self.reset_connections(clients),
            Question::ResetTotals => {
                clients.ledger.tell_counted();
                clients.ledger.figures.own().reset();
                Step::End
            }
            _ => unreachable!("the replica is asked for the others"),
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

    /// The slots of this step, or `None` if there are no more.
    fn slots(&mut self, clients: &Clients) -> Option<std::ops::Range<usize>> {
        let (from, all) = (self.next, clients.connections.slots());
        self.next = all.min(from + PIECE_MAX);
        (from < all).then_some(from..self.next)
    }

    fn tell_connections(&mut self, clients: &mut Clients) -> Step {
        let Some(slots) = self.slots(clients) else { return Step::End };
        let connections =
            slots.filter_map(|slot| clients.connections.at(slot as u32).map(|one| info_of(one))).collect();
        self.deliver(Piece::Connections(connections))
    }

    fn reset_connections(&mut self, clients: &mut Clients) -> Step {
        let Some(slots) = self.slots(clients) else { return Step::End };
        for slot in slots {
            if let Some(connection) = clients.connections.at(slot as u32) {
                connection.tally.reset();
            }
        }
        Step::Done
    }

    fn tell_watches(&mut self, clients: &mut Clients) -> Step {
        let mut told = Vec::new();
        let mut room = PIECE_MAX;
        while room > 0 {
            let watchers = match self.watchers.take() {
                Some(watchers) => watchers,
                None => match self.next_watched(&clients.ledger.watches, &mut room) {
                    Some(watchers) => watchers,
                    None => break,
                },
            };
            told.push(self.resolve(watchers, clients, &mut room));
        }
        if told.is_empty() {
            return if self.next < clients.ledger.watches.numbers() { Step::Done } else { Step::End };
        }
        self.deliver(Piece::DataWatches(told))
    }

    /// The next path with watches of data, within as many paths as there is room for.
    fn next_watched(&mut self, watches: &Watches, room: &mut usize) -> Option<Watchers> {
        while *room > 0 && self.next < watches.numbers() {
            let number = self.next;
            (self.next, *room) = (number + 1, *room - 1);
            if let Some((path, slots)) = watches.data_watchers(number as u32) {
                return Some(Watchers { path: path.into(), slots });
            }
        }
        None
    }

    /// As many of the sessions that watch a path as there is room for; the others are left for later.
    fn resolve(
        &mut self,
        Watchers { path, mut slots }: Watchers,
        clients: &mut Clients,
        room: &mut usize,
    ) -> WatchedPath {
        let taken = slots.split_off(slots.len().saturating_sub(*room + 1));
        *room = room.saturating_sub(taken.len());
        if !slots.is_empty() {
            self.watchers = Some(Watchers { path: path.clone(), slots });
        }
        let session_at = |slot| clients.connections.at(slot).map(|connection| connection.session);
        WatchedPath { path, sessions: taken.into_iter().filter_map(session_at).collect() }
    }
}

fn info_of(connection: &Connection) -> ConnectionInfo {
    ConnectionInfo {
        address: connection.address,
        port: connection.port,
        is_secure: connection.is_secure,
        is_read: connection.is_read(),
        is_written: connection.unwritten() > 0,
        queued: connection.pending.requests(),
        session: connection.session,
        timeout: connection.timeout,
        heard: connection.tally.last_answer.unwrap_or(connection.greeted),
        tally: connection.tally.clone(),
    }
}
