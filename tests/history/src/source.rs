//! Who is to blame for a piece of state.

/// A place in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Source {
    /// What was there before the first transaction.
    #[default]
    Start,
    /// An event, by its place among the events.
    Event(usize),
    /// A transaction, by its place in the log.
    Transaction(usize),
}
