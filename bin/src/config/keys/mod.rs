//! Every key that ZooKeeper's configuration knows, with its source, type, default and what this version does about it.
//!
//! The table is data: `server` holds the keys of one server (core, clients, storage, background tasks), `ensemble`
//! those of a group of servers, `security` those of authentication, TLS and administration. A name that ends in `.*`
//! stands for a family, such as `authProvider.*`; an exact name comes before a family.

mod ensemble;
mod meanings;
mod page;
mod security;
mod server;

pub use page::configuration_page;
pub use server::REACTORS_MAX;

use super::value::{Kind, Notation, Value};

/// Where ZooKeeper looks for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the file by this name, nowhere else.
    File,
    /// The system property `zookeeper.<name>`, which the file sets by `<name>`; the file is applied later and wins.
    Property,
    /// The system property `<name>`, which ZooKeeper's file cannot set; so `-D` wins where both are given.
    Jvm,
}

/// What this version does about a key. The texts are clauses of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// What ZooKeeper does.
    Done,
    /// Accepted without effect: this version has no such thing yet. No warning while the value is the default.
    Later(&'static str),
    /// Accepted without effect: how this server serves the same intent.
    Replaced(&'static str),
    /// Accepted without effect: only a JVM or a Java class could use it.
    Java,
    /// Accepted without effect: it belongs into a client's configuration.
    Client,
}

#[derive(Debug, PartialEq)]
pub struct Key {
    pub name: &'static str,
    pub source: Source,
    pub kind: Kind,
    /// As it would be written; `None` where absence is a case of its own.
    pub default: Option<&'static str>,
    pub state: State,
}

impl Key {
    pub fn notation(&self) -> Notation {
        match self.source {
            Source::File => Notation::Decimal,
            Source::Property | Source::Jvm => Notation::AnyBase,
        }
    }

    /// The default, read as its kind.
    pub fn default_value(&self) -> Option<Value> {
        let parse = |text| self.kind.parse(text, self.notation()).expect("a test reads every default of the table");
        self.default.map(parse)
    }

    fn family(&self) -> Option<&'static str> {
        self.name.strip_suffix('*')
    }
}

/// Documented names that ZooKeeper does not read, and the names that it reads instead.
const SYNONYMS: [(&str, &str); 18] = [
    ("connectionMaxTokens", "connection_throttle_tokens"),
    ("connectionTokenFillTime", "connection_throttle_fill_time"),
    ("connectionTokenFillCount", "connection_throttle_fill_count"),
    ("connectionFreezeTime", "connection_throttle_freeze_time"),
    ("connectionDropIncrease", "connection_throttle_drop_increase"),
    ("connectionDropDecrease", "connection_throttle_drop_decrease"),
    ("connectionDecreaseRatio", "connection_throttle_decrease_ratio"),
    ("requestThrottleLimit", "request_throttle_max_requests"),
    ("requestThrottleStallTime", "request_throttle_stall_time"),
    ("requestThrottleDropStale", "request_throttle_drop_stale"),
    ("requestStaleLatencyCheck", "request_stale_latency_check"),
    ("requestStaleConnectionCheck", "request_stale_connection_check"),
    ("throttledOpWaitTime", "throttled_op_wait_time"),
    ("advancedFlowControlEnabled", "netty.advancedFlowControl.enabled"),
    ("maxTimeToWaitForEpoch", "leader.maxTimeToWaitForEpoch"),
    ("maxConcurrentSnapSyncs", "leader.maxConcurrentSnapSyncs"),
    ("maxConcurrentDiffSyncs", "leader.maxConcurrentDiffSyncs"),
    ("outstandingHandshake.limit", "netty.server.outstandingHandshake.limit"),
];

/// A longer name is nobody's typing error, and comparing it costs its length.
const LONGEST_NAME_COMPARED: usize = 64;

/// The key of a name as the file spells it (without `zookeeper.`), and whether the name is its synonym.
pub fn find(name: &str) -> Option<(&'static Key, bool)> {
    if let Some(key) = all().find(|key| key.name == name) {
        return Some((key, false));
    }
    if let Some((_, read)) = SYNONYMS.iter().find(|(documented, _)| *documented == name) {
        return all().find(|key| key.name == *read).map(|key| (key, true));
    }
    let of_family =
        |key: &&Key| key.family().is_some_and(|prefix| name.len() > prefix.len() && name.starts_with(prefix));
    all().find(of_family).map(|key| (key, false))
}

/// The known name nearest to an unknown one, if it is near enough to be what was meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    if let Some(bare) = name.strip_prefix("zookeeper.")
        && let Some((key, _)) = find(bare)
    {
        return Some(key.name);
    }
    if name.len() > LONGEST_NAME_COMPARED {
        return None;
    }
    let documented = SYNONYMS.iter().map(|(documented, _)| *documented);
    let names = all().filter(|key| key.family().is_none()).map(|key| key.name).chain(documented);
    let near = names.map(|known| (distance(name, known), known)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, known)| *distance <= known.len().div_ceil(6).min(3)).map(|(_, known)| known)
}

fn all() -> impl Iterator<Item = &'static Key> {
    server::KEYS.iter().chain(ensemble::KEYS).chain(security::KEYS)
}

/// Edits (insert, delete, replace, swap of neighbours) from one name to the other, without regard to case.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.to_ascii_lowercase().into_bytes(), to.to_ascii_lowercase().into_bytes());
    // Three rows of the table over prefixes: two back (for swaps), one back, this one.
    let (mut older, mut old) = (Vec::new(), (0..=to.len()).collect::<Vec<_>>());
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = old[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut edits = replaced.min(old[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                edits = edits.min(older[j - 2] + 1);
            }
            row.push(edits);
        }
        older = std::mem::replace(&mut old, row);
    }
    old[to.len()]
}

const fn key(name: &'static str, source: Source, kind: Kind, default: Option<&'static str>, state: State) -> Key {
    Key { name, source, kind, default, state }
}

const fn file(name: &'static str, kind: Kind, default: &'static str, state: State) -> Key {
    key(name, Source::File, kind, Some(default), state)
}

const fn property(name: &'static str, kind: Kind, default: &'static str, state: State) -> Key {
    key(name, Source::Property, kind, Some(default), state)
}

const fn jvm(name: &'static str, kind: Kind, default: &'static str, state: State) -> Key {
    key(name, Source::Jvm, kind, Some(default), state)
}

/// A key whose absence is a case of its own.
const fn optional(name: &'static str, source: Source, kind: Kind, state: State) -> Key {
    key(name, source, kind, None, state)
}

/// A whole number of Java's `int`, in `min..`.
const fn from(min: i64, unit: &'static str) -> Kind {
    Kind::Number { unit, min, max: i32::MAX as i64 }
}

/// Any whole number of Java's `int`.
const INT: Kind = from(i32::MIN as i64, "");
const MILLIS: Kind = from(i32::MIN as i64, "milliseconds");
const BYTES: Kind = from(i32::MIN as i64, "bytes");
/// A whole number of Java's `long`, small enough to be counted in bytes.
const KIBIBYTES: Kind = Kind::Number { unit: "KiB", min: i64::MIN / 1024, max: i64::MAX / 1024 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_defaults_are_readable() {
        let mut names = HashSet::new();
        for key in all() {
            assert!(names.insert(key.name), "{} is there twice", key.name);
            key.default_value();
        }
        for (documented, read) in SYNONYMS {
            assert!(names.insert(documented), "{documented} is there twice");
            assert!(names.contains(read), "{read}");
        }
    }

    #[test]
    fn every_key_of_zookeeper_is_known() {
        let names = include_str!("zookeeper-3.10.txt").split_whitespace();
        assert!(names.clone().count() > 250);
        for name in names {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn lookup() {
        let name = |text| find(text).map(|(key, synonym)| (key.name, synonym));
        assert_eq!(name("tickTime"), Some(("tickTime", false)));
        assert_eq!(name("ticktime"), None);
        assert_eq!(name("connectionMaxTokens"), Some(("connection_throttle_tokens", true)));
        assert_eq!(name("authProvider.sasl"), Some(("authProvider.*", false)));
        assert_eq!(name("authProvider."), None);
        assert_eq!(name("superUser"), Some(("superUser", false)));
        assert_eq!(name("superUser.1"), Some(("superUser.*", false)));
        assert_eq!(name("metricsProvider.className"), Some(("metricsProvider.className", false)));
        assert_eq!(name("metricsProvider.httpPort"), Some(("metricsProvider.*", false)));
        assert_eq!(name(""), None);
    }

    #[test]
    fn suggestions() {
        for (name, expected) in [
            ("ticktime", Some("tickTime")),
            ("tikTime", Some("tickTime")),
            ("tciktime", Some("tickTime")),
            ("dataDirectory", None),
            ("datadir", Some("dataDir")),
            ("clientport", Some("clientPort")),
            ("maxClientCnxn", Some("maxClientCnxns")),
            ("maxClientConnections", None),
            ("autopurge.snapRetaincount", Some("autopurge.snapRetainCount")),
            ("autopurge.purgeInterval.hours", None),
            ("zookeeper.snapCount", Some("snapCount")),
            ("connectionMaxToken", Some("connectionMaxTokens")),
            ("DigstAuthnticationProvdr.superDigest", None),
            ("DigstAuthnticationProvder.superDigest", Some("DigestAuthenticationProvider.superDigest")),
            ("foo", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 20)), None);
    }

    #[test]
    fn distances() {
        for (from, to, edits) in [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("abc", "c", 2), ("Ab", "aB", 0)] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
            assert_eq!(distance(to, from), edits, "{to} {from}");
        }
    }
}
