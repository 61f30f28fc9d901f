//! The SASL negotiations of one reactor that wait for something: for the thread that takes their tokens, or for the time at
//! which their end may be told.

use std::collections::VecDeque;
use std::time::Instant;

use crossbeam::channel::Sender;

use crate::exchange::ConnectionId;
use crate::sasl_tokens::{SaslToken, TOKENS_PER_REACTOR_MAX};

/// So many connections may wait until the thread may have their tokens, gone ones among them.
const WAITING_MAX: usize = 1 << 16;
/// So many ends may wait to be told. Others are told at once: nobody can fail as fast as that.
const DELAYED_MAX: usize = 1 << 16;

pub struct Negotiations {
    tokens: Sender<SaslToken>,
    /// How many tokens the thread has.
    away: usize,
    /// Connections whose tokens wait until the thread may have them.
    waiting: VecDeque<ConnectionId>,
    /// Connections whose ends are to be told, the earliest first.
    delayed: VecDeque<(Instant, ConnectionId)>,
}

impl Negotiations {
    pub fn new(tokens: Sender<SaslToken>) -> Negotiations {
        Negotiations { tokens, away: 0, waiting: VecDeque::new(), delayed: VecDeque::new() }
    }

    /// Whether the thread may have another token now.
    pub fn has_room(&self) -> bool {
        self.away < TOKENS_PER_REACTOR_MAX
    }

    /// Gives the thread a token. `Err`: it has ended, or has no room.
    pub fn send(&mut self, token: SaslToken) -> Result<(), SaslToken> {
        self.tokens.try_send(token).map_err(|error| error.into_inner())?;
        self.away += 1;
        Ok(())
    }

    /// A token has come back.
    pub fn note_back(&mut self) {
        self.away = self.away.saturating_sub(1);
    }

    /// Whether a connection's token can wait for the thread.
    pub fn wait(&mut self, connection: ConnectionId) -> bool {
        let has_room = self.waiting.len() < WAITING_MAX;
        if has_room {
            self.waiting.push_back(connection);
        }
        has_room
    }

    /// The connection whose token has waited longest, if the thread may have it.
    pub fn take_waiting(&mut self) -> Option<ConnectionId> {
        if self.has_room() { self.waiting.pop_front() } else { None }
    }

    /// Whether the end of a negotiation can wait. What is told later waits as long as what was told to wait before it.
    pub fn delay(&mut self, connection: ConnectionId, until: Instant) -> bool {
        let has_room = self.delayed.len() < DELAYED_MAX;
        if has_room {
            self.delayed.push_back((until, connection));
        }
        has_room
    }

    /// A connection whose end may be told by now.
    pub fn take_due(&mut self, now: Instant) -> Option<ConnectionId> {
        self.delayed.pop_front_if(|(until, _)| *until <= now).map(|(_, connection)| connection)
    }

    /// When the next end may be told.
    pub fn next(&self) -> Option<Instant> {
        self.delayed.front().map(|(until, _)| *until)
    }
}
