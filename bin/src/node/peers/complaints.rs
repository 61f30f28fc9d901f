//! What was said of other servers: whoever sends the same nonsense again and again would fill the log otherwise.

use std::collections::BTreeMap;
use std::fmt::Display;

use paddock_consensus::ServerId;

/// Servers of which something is said. Anybody may connect under any name.
const SERVERS_MAX: usize = 64;
/// Different things that are said of one of them.
const REASONS_MAX: usize = 4;

/// Each sender and reason once in the life of a process.
#[derive(Default, Debug)]
pub struct Complaints(BTreeMap<ServerId, Vec<String>>);

impl Complaints {
    /// The line that is to be said, if there is one: `what` has come from a server, and is wrong by `why`.
    pub fn line(&mut self, from: ServerId, what: &str, why: &dyn Display) -> Option<String> {
        if self.0.len() == SERVERS_MAX && !self.0.contains_key(&from) {
            return None;
        }
        let reason = format!("{what}: {why}");
        let told = self.0.entry(from).or_default();
        if told.len() == REASONS_MAX || told.contains(&reason) {
            return None;
        }
        told.push(reason);
        let rest = match told.len() {
            REASONS_MAX => "this and whatever else of it cannot be read is not told again",
            _ => "this is not told again",
        };
        Some(format!(
            "server {} has sent {what}, which is passed over: {why}; see what runs at its address; {rest}",
            from.0
        ))
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;

    use super::{Complaints, REASONS_MAX, SERVERS_MAX};

    #[test]
    fn each_sender_and_reason_is_told_once_and_all_of_them_are_bounded() {
        let mut complaints = Complaints::default();
        let mut lines = |from: i64, why: &str| complaints.line(ServerId(from), "a word", &why).is_some();
        assert!(lines(1, "it is none") && !lines(1, "it is none"));
        assert!(lines(1, "it is long") && lines(2, "it is none") && !lines(1, "it is none"));
        let told = (0..100).filter(|number| lines(1, &number.to_string())).count();
        assert_eq!(told, REASONS_MAX - 2);
        let told = (0..1000).filter(|server| lines(*server, "it is none")).count();
        assert_eq!(told, SERVERS_MAX - 2);
    }
}
