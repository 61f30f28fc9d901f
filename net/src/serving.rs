//! Whether and how clients are served: in *periods*, which the replica begins.
//!
//! With each period every connection of the former one is closed. What was asked in one period is not done in another: a
//! submission has the number of its period, and the replica drops those of others.

/// How clients are served.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Serve {
    /// They are not: there is no state that they may see. Handshakes are refused.
    #[default]
    No,
    /// By a state that does not go on, and only those who say that they can do with that.
    ReadOnly,
    Yes,
}

/// A time in which clients are served in one way. The default is the time before the first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Period {
    /// They count from 1.
    pub number: u64,
    pub serve: Serve,
}
