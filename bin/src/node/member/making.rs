//! What is being made of the history because a leader has said so.

use std::collections::VecDeque;

use paddock_consensus::Zxid;
use paddock_consensus::input::Unsettled;
use paddock_engine::installation::{IncomingState, InstallationError, InstalledState};

/// Named by what is waited for.
#[derive(Default)]
pub enum Making {
    #[default]
    Nothing,
    /// TRUNC, and the log's disk: the history is to end with this transaction.
    Cut(Zxid),
    /// NEWLEADER, and the log's disk. The leader's history may be another one than this server's state shows.
    Durable(Option<Unsettled>),
    /// SNAP, and the rest of a state that stands at this transaction.
    State(Box<IncomingState>, Zxid),
    /// SNAP, and NEWLEADER.
    Transactions(Box<Brought>),
    /// SNAP, NEWLEADER, and the reactors, which have still to take in what is public of the former state.
    Place(Box<Brought>),
}

impl Making {
    /// Bytes of the proposals that wait for a state.
    pub fn bytes(&self) -> usize {
        match self {
            Making::Transactions(brought) | Making::Place(brought) => brought.bytes,
            _ => 0,
        }
    }

    /// Takes the next bytes of a state. Says how many of them are behind its end, once that has come. Where none is waited for
    /// any more, they are none of it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, InstallationError> {
        let Making::State(state, _) = self else { return Ok(None) };
        let taken = state.take(bytes)?;
        Ok(state.is_whole().then_some(bytes.len() - taken))
    }
}

/// A state that has come whole, and what was proposed since.
pub struct Brought {
    pub state: InstalledState,
    /// Proposals with their records that are not committed yet, oldest first.
    pub proposals: VecDeque<(Zxid, Vec<u8>)>,
    /// Of their records.
    pub bytes: usize,
    /// One of the transactions could not be applied.
    error: Option<InstallationError>,
}

impl Brought {
    pub fn new(state: InstalledState) -> Brought {
        Brought { state, proposals: VecDeque::new(), bytes: 0, error: None }
    }

    /// What could not be put in place, for another attempt.
    pub fn again(state: InstalledState, proposals: VecDeque<(Zxid, Vec<u8>)>, bytes: usize) -> Brought {
        Brought { state, proposals, bytes, error: None }
    }

    pub fn propose(&mut self, zxid: Zxid, record: &[u8]) {
        self.bytes += record.len();
        self.proposals.push_back((zxid, record.to_vec()));
    }

    /// Everything up to this transaction is committed.
    pub fn commit(&mut self, committed: Zxid) {
        while let Some((zxid, record)) = self.proposals.pop_front_if(|(zxid, _)| *zxid <= committed) {
            self.bytes -= record.len();
            if self.error.is_none() {
                self.error = self.state.apply(zxid, &record).err();
            }
        }
    }

    /// NEWLEADER has come.
    pub fn settle(&mut self) -> Result<(), InstallationError> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.state.settle(),
        }
    }
}
