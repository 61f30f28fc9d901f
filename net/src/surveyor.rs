//! Whoever asks threads of this server what they have, in a thread that may wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};

use crate::exchange::{Errand, Exchange};
use crate::reactor::ACCEPTOR;
use crate::survey::{Piece, Question, Survey};

/// Pieces of one question that may wait for whoever asks.
const PIECES_MAX: usize = 16;
/// Whoever asks gives up when nothing has come for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a question has no whole answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// Too many ask at this moment.
    Busy,
    /// A thread has not answered in time.
    Late,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unanswered::Busy => {
                "too many ask for the connections, watches or sessions of this server at this moment; ask again"
            }
            Unanswered::Late => "a thread of this server has not answered in time",
        })
    }
}

impl std::error::Error for Unanswered {}

#[derive(Clone)]
pub struct Surveyor {
    exchanges: Arc<[Arc<Exchange>]>,
}

impl Surveyor {
    pub fn new(exchanges: Arc<[Arc<Exchange>]>) -> Surveyor {
        Surveyor { exchanges }
    }

    /// How many reactors there are.
    pub fn reactors(&self) -> usize {
        self.exchanges.len()
    }

    /// Asks, and calls `take` with each piece, for as long as it says that it wants more.
    pub fn ask(&self, question: Question, take: impl FnMut(Piece) -> bool) -> Result<(), Unanswered> {
        self.ask_for(question, PATIENCE, take)
    }

    /// Likewise, and gives up only when nothing has come for as long as `patience`.
    pub fn ask_for(
        &self,
        question: Question,
        patience: Duration,
        mut take: impl FnMut(Piece) -> bool,
    ) -> Result<(), Unanswered> {
        let (pieces, answers) = channel::bounded(PIECES_MAX);
        self.send(question, pieces)?;
        self.receive(&answers, patience, &mut take)
    }

    fn send(&self, question: Question, pieces: Sender<Piece>) -> Result<(), Unanswered> {
        if question.is_for_replica() {
            let survey = Survey::new(question, pieces.clone());
            let exchange = &self.exchanges[ACCEPTOR];
            exchange.surveys.push(survey).map_err(|_| Unanswered::Busy)?;
            exchange.replica_bell.ring();
        }
        for exchange in self.exchanges.iter().filter(|_| question.is_for_reactors()) {
            let errand = Errand::Survey(Survey::new(question, pieces.clone()));
            exchange.errands.push(errand).map_err(|_| Unanswered::Busy)?;
            exchange.reactor_bell.ring();
        }
        Ok(())
    }

    fn receive(
        &self,
        answers: &Receiver<Piece>,
        patience: Duration,
        take: &mut impl FnMut(Piece) -> bool,
    ) -> Result<(), Unanswered> {
        loop {
            match answers.recv_timeout(patience) {
                Ok(piece) => {
                    // Whoever found no room goes on.
                    self.ring_all();
                    if !take(piece) {
                        return Ok(());
                    }
                }
                // Every thread has dropped its survey: there is no more.
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => return Err(Unanswered::Late),
            }
        }
    }

    fn ring_all(&self) {
        for exchange in &*self.exchanges {
            exchange.reactor_bell.ring();
        }
        self.exchanges[ACCEPTOR].replica_bell.ring();
    }
}
