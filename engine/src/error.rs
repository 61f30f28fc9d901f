//! A client's mistakes, as ZooKeeper numbers them.

/// The error of one operation, as it goes into a reply header or a multi result. Only codes that every client knows are
/// here: Java and kazoo raise internal errors on others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(i32)]
pub enum Code {
    /// In a multi: not tried, because an earlier member failed.
    RuntimeInconsistency = -2,
    /// A body that cannot be decoded.
    Marshalling = -5,
    Unimplemented = -6,
    BadArguments = -8,
    /// No quorum of the members that a reconfiguration asks for follows the leader with everything it has.
    NewConfigNoQuorum = -13,
    /// Another reconfiguration is under way.
    ReconfigInProgress = -14,
    NoNode = -101,
    NoAuth = -102,
    BadVersion = -103,
    NoChildrenForEphemerals = -108,
    NodeExists = -110,
    NotEmpty = -111,
    SessionExpired = -112,
    InvalidAcl = -114,
    AuthFailed = -115,
    SessionMoved = -118,
    NotReadOnly = -119,
    EphemeralOnLocalSession = -120,
    NoWatcher = -121,
    ReconfigDisabled = -123,
    SessionClosedRequireAuth = -124,
    QuotaExceeded = -125,
    Throttled = -127,
}

impl Code {
    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }
}
