//! Why an operation did not succeed.

use std::fmt;

use super::code;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// By this code, at this path, if it has one.
    Code { code: i32, path: Option<String> },
    /// It was not asked for: the argument is wrong, as this sentence says.
    Argument(String),
    /// What the server has answered is not what it should be.
    Malformed,
    /// Somebody has had enough.
    Interrupted,
}

impl Failure {
    pub fn of(code: i32, path: &str) -> Failure {
        Failure::Code { code, path: Some(path.into()) }
    }

    /// The code, if there is one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Failure::Code { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub fn is_no_node(&self) -> bool {
        self.code() == Some(code::NO_NODE)
    }
}

/// The text of the exception that ZooKeeper's client would have thrown.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Code { code, path } => f.write_str(&code::message(*code, path.as_deref())),
            Failure::Argument(sentence) => f.write_str(sentence),
            Failure::Malformed => f.write_str("the server's answer is not what ZooKeeper's protocol says"),
            Failure::Interrupted => f.write_str("interrupted"),
        }
    }
}
