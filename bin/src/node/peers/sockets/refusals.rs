//! What was said of connections that never became links: a server with a wrong key tries again for ever, and a stranger may.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::node::peers::links::Port;

/// Hosts that are dialled of which something is said, and hosts that have connected.
const HOSTS_MAX: usize = 64;
/// Different things that are said of one of them.
const REASONS_MAX: usize = 4;

/// Who a connection is with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Party {
    /// This server has dialled that host.
    Dialled(Port, Box<str>),
    /// It has come from that host.
    Accepted(Port, Box<str>),
}

/// Each party and reason once, until the party was let in.
#[derive(Default, Debug)]
pub struct Refusals(BTreeMap<Party, Vec<String>>);

impl Refusals {
    /// The line that is to be said of a stream that is closed, if there is one.
    pub fn line(&mut self, party: &Party, why: String) -> Option<String> {
        let why = self.take(party, why)?;
        Some(match party {
            Party::Dialled(port, host) => format!(
                "the {port} port of the server at {host} cannot be used: {why}; it is tried again, and this is not told again"
            ),
            Party::Accepted(port, host) => {
                format!("a connection from {host} to the {port} port is closed: {why}; this is not told again")
            }
        })
    }

    /// The same of one that is taken all the same, since nobody has to authenticate.
    pub fn doubt(
        &mut self,
        (Party::Dialled(port, host) | Party::Accepted(port, host)): &Party,
        why: String,
    ) -> Option<String> {
        let why = self.take(&Party::Accepted(*port, host.clone()), why)?;
        Some(format!(
            "a connection from {host} to the {port} port is taken, because quorum.auth.serverRequireSasl is off, although \
             {why}; this is not told again"
        ))
    }

    /// What is to be told, if it was not.
    fn take(&mut self, party: &Party, why: String) -> Option<String> {
        // Strangers leave room for what is said of members.
        let is_of_kind = |known: &&Party| discriminant(*known) == discriminant(party);
        if !self.0.contains_key(party) && self.0.keys().filter(is_of_kind).count() == HOSTS_MAX {
            return None;
        }
        let told = self.0.entry(party.clone()).or_default();
        if told.len() == REASONS_MAX || told.contains(&why) {
            return None;
        }
        told.push(why.clone());
        Some(why)
    }

    /// The party was let in: what keeps it out later is told.
    pub fn forget(&mut self, party: &Party) {
        self.0.remove(party);
    }
}

#[cfg(test)]
mod tests {
    use super::{HOSTS_MAX, Party, REASONS_MAX, Refusals};
    use crate::node::peers::links::Port;

    #[test]
    fn each_party_and_reason_is_told_once_until_it_is_let_in() {
        let mut refusals = Refusals::default();
        let dialled = Party::Dialled(Port::Election, "a".into());
        let accepted = Party::Accepted(Port::Election, "a".into());
        let line = refusals.line(&dialled, "no".into()).expect("it is the first");
        assert!(line.starts_with("the election port of the server at a cannot be used: no;"), "{line}");
        assert_eq!(refusals.line(&dialled, "no".into()), None);
        let line = refusals.line(&accepted, "no".into()).expect("it is the first");
        assert!(line.starts_with("a connection from a to the election port is closed: no;"), "{line}");
        assert!(refusals.line(&dialled, "not at all".into()).is_some());
        assert!(refusals.doubt(&accepted, "a doubt".into()).is_some());
        assert_eq!(refusals.doubt(&accepted, "a doubt".into()), None);
        refusals.forget(&dialled);
        assert!(refusals.line(&dialled, "no".into()).is_some() && refusals.line(&accepted, "no".into()).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut refusals = Refusals::default();
        let told = |refusals: &mut Refusals, host: usize, why: usize| {
            refusals.line(&Party::Accepted(Port::Quorum, host.to_string().into()), why.to_string()).is_some()
        };
        assert_eq!((0..100).filter(|why| told(&mut refusals, 0, *why)).count(), REASONS_MAX);
        assert_eq!((1..1000).filter(|host| told(&mut refusals, *host, 0)).count(), HOSTS_MAX - 1);
        assert!(refusals.line(&Party::Dialled(Port::Quorum, "member".into()), "no".into()).is_some());
    }
}
