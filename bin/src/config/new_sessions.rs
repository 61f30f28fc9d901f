//! What sessions begin as.

/// What kind of session a new one is, and whether it may become another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewSessions {
    Global,
    Local { may_upgrade: bool },
}
