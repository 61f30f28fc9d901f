//! Where a setting was written, and a remark about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a setting was written. The order is that in which a reader looks: environment, command line, files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A variable of JVM flags, such as `SERVER_JVMFLAGS`.
    Variable(Arc<str>),
    /// A `-D` of the command line.
    CommandLine,
    /// `line` counts from 1.
    Line { file: Arc<Path>, line: u32 },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::CommandLine => f.write_str("command line"),
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
        }
    }
}

/// One sentence that an operator should read; the server starts all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub place: Place,
    /// Names the keys, says what is the matter and what the server does about it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}
