//! A small universe of paths, so that requests meet: znodes that exist, that do not, and names that are not allowed.
use paddock_tests::random::Random;

const NAMES: [&str; 12] = ["", "/a", "/b", "/c", "/a/x", "/a/y", "/b/x", "/a/x/p", "/a/x/q", "/c/z", "/e", "/e/under"];
const SYSTEM: [&str; 7] =
    ["/", "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/missing", "/zookeeper/quota/below"];
/// Endings on both sides of every rule about names.
const ODD: [&str; 31] = [
    "/",
    "//a",
    "/a/",
    "/a//x",
    "/.",
    "/..",
    "/./a",
    "/../a",
    "/a/.",
    "/a/..",
    "/...",
    "/.a",
    "/a.",
    "/..a",
    "/a..b",
    "/a b",
    "/a:b",
    "/\u{0}",
    "/\u{1}",
    "/\u{1f}",
    "/\u{20}",
    "/\u{7f}",
    "/\u{9f}",
    "/\u{a0}",
    "/\u{d7ff}",
    "/\u{e000}",
    "/\u{f8ff}",
    "/\u{f900}",
    "/\u{ffef}",
    "/\u{fff0}",
    "/\u{1f600}",
];
const ROOTLESS: [&str; 5] = ["", "a", "a/b", "\u{0}", "relative/"];
/// Sequential znodes of which the names are remembered.
const MADE_MAX: usize = 24;

/// The paths of one round of the run.
#[derive(Debug)]
pub struct Paths {
    prefix: String,
    /// Paths that the servers made up, newest last.
    made: Vec<String>,
}

impl Paths {
    pub fn new(round: usize) -> Paths {
        Paths { prefix: format!("/round-{round}"), made: Vec::new() }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Remembers a path from a reply, to be used again.
    pub fn remember(&mut self, path: &str) {
        if self.made.len() == MADE_MAX {
            self.made.remove(0);
        }
        self.made.push(path.into());
    }

    /// A path that some request may be about, `None` for a null one.
    pub fn any(&self, random: &mut Random) -> Option<String> {
        match random.below(100) {
            0 => None,
            1..=3 => Some((*random.pick(&ROOTLESS)).into()),
            4..=11 => Some(format!("{}{}", self.prefix, random.pick(&ODD))),
            12..=16 => Some((*random.pick(&SYSTEM)).into()),
            17 => Some(format!("{}/{}", self.prefix, "long-".repeat(100))),
            18 => Some(format!("{}{}", self.prefix, "/deep".repeat(40))),
            19..=34 if !self.made.is_empty() => Some(random.pick(&self.made).clone()),
            35..=38 if !self.made.is_empty() => Some(format!("{}/child", random.pick(&self.made))),
            _ => Some(self.plain(random)),
        }
    }

    /// A path that is allowed.
    pub fn plain(&self, random: &mut Random) -> String {
        format!("{}{}", self.prefix, random.pick(&NAMES))
    }

    /// Where a sequential create may put its number.
    pub fn before_number(&self, random: &mut Random) -> String {
        let ending = *random.pick(&["/s-", "/", "/s-", "/.", "/..", "//"]);
        format!("{}{ending}", self.plain(random))
    }
}

/// Whether an ACL set here could shut everybody out of the whole run.
pub fn is_shared(path: &str, prefix: &str) -> bool {
    path == prefix || path == "/" || path.starts_with("/zookeeper")
}

/// Whether the two paths are the same, or one lies above the other.
pub fn related(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || short == "/")
}
