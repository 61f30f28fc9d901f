//! What a command works with: the client, where it says something, and the zone in which it tells times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use paddock_consensus::config::HostPort;

use super::complaint::Complaint;
use super::flags::{self, Given, Syntax};
use super::output::Output;
use super::{stat_lines, usage};
use crate::client::failure::Failure;
use crate::client::handle::Client;
use crate::client::stat::ShownStat;
use crate::security::Security;

pub struct Stage {
    pub client: Client,
    pub output: Arc<Output>,
    pub zone: TimeZone,
    /// Where the servers are, for what is asked of each of them.
    pub hosts: Vec<HostPort>,
    /// How they are reached.
    pub security: Security,
    pub interrupted: Arc<AtomicBool>,
    /// A person reads what is shown, on a terminal.
    pub has_terminal: bool,
}

impl Stage {
    /// The flags and words of a command, of which there must be so many besides the command itself; otherwise its usage is told.
    pub fn given(&self, syntax: &Syntax, words: &[String], count: usize) -> Result<Given, Complaint> {
        let given = flags::parse(syntax, words).map_err(|mistake| Complaint::new(mistake.to_string()))?;
        if given.words.len() <= count {
            return Err(Complaint::new(usage::of(&words[0])));
        }
        Ok(given)
    }

    pub fn say(&self, text: &str) {
        self.output.line(text);
    }

    pub fn say_stat(&self, stat: &ShownStat) {
        stat_lines::lines(stat, &self.zone).iter().for_each(|line| self.output.line(line));
    }

    /// For what only tells something.
    ///
    /// # Errors
    /// Somebody has had enough, or nobody reads what is said.
    pub fn check_interest(&self) -> Result<(), Failure> {
        self.check_patience()?;
        if self.output.is_read() { Ok(()) } else { Err(Failure::Interrupted) }
    }

    /// For what changes something, which is wanted also where nobody reads.
    ///
    /// # Errors
    /// Somebody has had enough.
    pub fn check_patience(&self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Acquire) { Err(Failure::Interrupted) } else { Ok(()) }
    }
}
