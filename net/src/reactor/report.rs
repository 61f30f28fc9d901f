//! What the replica is told of the sessions that are alive.

use std::time::{Duration, Instant};

use super::hearing::Hearing;
use crate::connection::{Connection, Stage};
use crate::connections::Connections;
use crate::exchange::Heard;
use crate::slots::SlotList;

/// Collects who was heard, and makes a report of it at each interval.
pub struct Reports {
    /// Up to when it is known who has sent something.
    hearing: Hearing,
    /// How much time is between two reports.
    interval: Duration,
    /// When the next report is due.
    next: Instant,
    /// Connections that were heard since the last report.
    heard: SlotList,
    /// Sessions that were heard since the last report and whose connections have closed.
    closed: Vec<i64>,
}

impl Reports {
    pub fn new(now: Instant, interval: Duration) -> Reports {
        Reports {
            hearing: Hearing::new(now, interval),
            interval,
            next: now + interval,
            heard: SlotList::default(),
            closed: Vec::new(),
        }
    }

    pub fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Notes a poll as [`Hearing::note_poll`] does.
    pub fn note_poll(&mut self, began: Instant, told: usize, sources: usize, is_full: bool) {
        self.hearing.note_poll(began, told, sources, is_full);
    }

    /// When the next report is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Whether it is known of all up to the time of the next report whether they were heard.
    pub fn is_due(&self) -> bool {
        self.hearing.until() >= self.next
    }

    /// Notes that a connection has sent a frame.
    #[inline]
    pub fn note_heard(&mut self, connection: &mut Connection) {
        self.heard.add(connection.id.slot, &mut connection.lists.heard);
    }

    /// A connection closes; its session was heard all the same.
    pub fn note_closed(&mut self, connection: &Connection) {
        if connection.lists.heard.is_set() && connection.session != 0 {
            self.closed.push(connection.session);
        }
    }

    /// Makes the report that is due.
    pub fn take(&mut self, now: Instant, connections: &mut Connections) -> Heard {
        self.next = now + self.interval;
        self.hear_those_who_wait(connections);
        let mut sessions = std::mem::take(&mut self.closed);
        for slot in self.heard.take() {
            if let Some(connection) = connections.at(slot)
                && connection.lists.heard.clear()
            {
                sessions.push(connection.session);
            }
        }
        let pause = self.hearing.take_pause();
        Heard { sessions, until: self.hearing.until(), at: Instant::now(), pause }
    }

    /// Counts as heard the clients that have sent something which is not decoded because the server makes them wait: for the
    /// replica, for room on the way to it, for a version, for a count or for the step of a negotiation. A client that waits only because it does not read its
    /// replies does not count as heard.
    pub fn hear_those_who_wait(&mut self, connections: &mut Connections) {
        let waiting = connections.iter_mut().filter(|connection| {
            let is_made_to_wait = match connection.stage {
                Stage::Established => !connection.pending.is_empty() || connection.lists.starved.is_set(),
                Stage::Negotiating => true,
                _ => false,
            };
            is_made_to_wait && connection.has_more()
        });
        for connection in waiting {
            self.note_heard(connection);
        }
    }
}
