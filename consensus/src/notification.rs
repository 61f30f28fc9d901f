//! A notification: what a server tells others of its vote, on the election port.

use crate::vote::Vote;

/// What a server does. The numbers are those of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum ServerState {
    Looking = 0,
    Following = 1,
    Leading = 2,
    Observing = 3,
}

impl ServerState {
    pub fn from_code(code: i32) -> Option<ServerState> {
        [ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing]
            .into_iter()
            .find(|state| *state as i32 == code)
    }

    pub fn code(self) -> i32 {
        self as i32
    }
}

/// How a notification was laid out, which the equality of votes asks for. Layouts without a version are `Unversioned`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Unversioned,
    Versioned,
}

/// Without its sender, whom the connection names, and without the text of the committed configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notification {
    pub state: ServerState,
    /// Of a server that is looking: its proposal. Of any other: its decision.
    pub vote: Vote,
    /// The round of the election in which that is its proposal or was its decision; -1 after a reconfiguration that named
    /// the leader.
    pub round: i64,
    pub format: Format,
}
