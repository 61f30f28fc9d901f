//! Which servers are asked.

use std::fmt;
use std::path::Path;

use super::target::Target;
use super::zoo_cfg::{All, NoPort, ZooCfg, ZooCfgError};

/// Where none was named.
pub const DEFAULT: &str = "localhost:2181";
/// So many servers are asked at once, each by a thread.
const TARGETS_MAX: usize = 256;

#[derive(Debug)]
pub enum TargetsError {
    /// It is no server's address, and as a file it says nothing.
    Target {
        text: String,
        source: ZooCfgError,
    },
    TooMany,
}

impl fmt::Display for TargetsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetsError::Target { text, source: ZooCfgError::Read { file, source } } if file == Path::new(text) => {
                write!(f, "{text} is neither HOST:PORT nor a file that can be read: {source}")
            }
            TargetsError::Target { source, .. } => source.fmt(f),
            TargetsError::TooMany => write!(f, "more than {TARGETS_MAX} servers are named; ask fewer at a time"),
        }
    }
}

/// The servers that these texts name: HOST:PORT, or a zoo.cfg.
pub fn of(texts: &[String], all: bool) -> Result<Vec<Target>, TargetsError> {
    let mut targets = Vec::new();
    for text in texts {
        match Target::parse(text) {
            Some(target) => targets.push(target),
            None => targets.extend(targets_in(text, all)?),
        }
        if targets.len() > TARGETS_MAX {
            return Err(TargetsError::TooMany);
        }
    }
    Ok(targets)
}

/// The server of a zoo.cfg, or all that it names, if it names any.
fn targets_in(text: &str, all: bool) -> Result<Vec<Target>, TargetsError> {
    let cfg = read(text)?;
    if all {
        let named = cfg.all(Path::new(text));
        let All { targets, differences } =
            named.map_err(|source| TargetsError::Target { text: text.to_owned(), source })?;
        differences.iter().for_each(|difference| eprintln!("paddock: {difference}"));
        if !targets.is_empty() {
            return Ok(targets);
        }
    }
    let own = cfg.own().target.map_err(|why| unfound(text, why))?;
    Ok(vec![own])
}

pub fn read(text: &str) -> Result<ZooCfg, TargetsError> {
    ZooCfg::read(Path::new(text)).map_err(|source| TargetsError::Target { text: text.to_owned(), source })
}

pub fn unfound(text: &str, why: NoPort) -> TargetsError {
    TargetsError::Target { text: text.to_owned(), source: why.error(Path::new(text)) }
}
