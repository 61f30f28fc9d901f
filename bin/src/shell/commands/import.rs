//! `import`: makes the znodes of an exported subtree, where it was or elsewhere.
//!
//! The file is read twice, a line at a time: first all of it is checked, so that nothing is made of a file that is cut or wrong.
//! Ephemerals are left out, since their sessions are others', and so is what lay below one (nothing can).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use paddock_engine::io::advice;
use serde_json::json;

use crate::client::code;
use crate::client::failure::Failure;
use crate::client::operations::ChangeTicket;
use crate::client::path_rule;
use crate::client::request::ANY_VERSION;
use crate::shell::complaint::Complaint;
use crate::shell::export_line::{Line, Znode};
use crate::shell::stage::Stage;
use crate::shell::syntax::IMPORT;

/// A longer line is none: it would have more data than a server takes.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Znodes that are not answered.
const IN_FLIGHT_MAX: usize = 32;
/// Of their data and lists, bytes: each is in memory twice, here and in its request. One may be larger.
const IN_FLIGHT_BYTES_MAX: usize = 16 << 20;

/// What becomes of a znode that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Existing {
    /// It ends the import.
    Refuse,
    /// It has the data and the list of the file.
    Update,
    /// It stays as it is.
    Keep,
}

pub fn import(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&IMPORT, words, 1)?;
    let file = Path::new(&given.words[1]);
    let existing = if given.has("u") {
        Existing::Update
    } else if given.has("k") {
        Existing::Keep
    } else {
        Existing::Refuse
    };
    let told = check(stage, file)?;
    let root = given.words.get(2).unwrap_or(&told);
    path_rule::check(root).map_err(Complaint::new)?;
    let mut import = Import { stage, root, existing, in_flight: VecDeque::new(), counts: Counts::default() };
    Lines::open(file)?.try_for_each(|line| match line? {
        (_, Line::Znode(znode)) => import.take(znode),
        _ => Ok(()),
    })?;
    import.settle(0)?;
    import.counts.tell(stage, root);
    Ok(())
}

/// Reads all of a file; whose subtree it is.
fn check(stage: &Stage, file: &Path) -> Result<String, Complaint> {
    let wrong = |number: u64, why: &str| Complaint::new(format!("{}:{number}: {why}", file.display()));
    let mut path = None;
    let mut znodes = 0u64;
    let mut is_whole = false;
    for line in Lines::open(file)? {
        let (number, line) = line?;
        match line {
            _ if is_whole => return Err(wrong(number, "nothing may follow the line that counts the znodes")),
            Line::First(told) if number == 1 => path = Some(told),
            _ if number == 1 => return Err(wrong(number, "it does not begin as an exported subtree")),
            Line::First(_) => return Err(wrong(number, "a second beginning")),
            Line::Znode(znode) => {
                path_rule::check(&znode.path).map_err(|why| wrong(number, &why))?;
                znodes += 1;
            }
            Line::Last(count) if count == znodes => is_whole = true,
            Line::Last(count) => {
                return Err(wrong(
                    number,
                    &format!("it says that there are {count} znodes before it, and there are {znodes}"),
                ));
            }
        }
        stage.check_patience()?;
    }
    match path {
        Some(path) if is_whole => Ok(path),
        _ => Err(Complaint::new(format!(
            "{}: the line that counts the znodes is missing, so it is cut; nothing was made of it",
            file.display()
        ))),
    }
}

/// The lines of a file with their numbers, from 1 on.
struct Lines<'a> {
    file: &'a Path,
    reader: BufReader<File>,
    number: u64,
}

impl<'a> Lines<'a> {
    fn open(file: &'a Path) -> Result<Lines<'a>, Complaint> {
        let opened = File::open(file).map_err(|error| {
            Complaint::new(format!("{} cannot be read: {error}; {}", file.display(), advice(&error)))
        })?;
        Ok(Lines { file, reader: BufReader::new(opened), number: 0 })
    }

    fn read(&mut self) -> Result<Option<Line>, String> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
        read.map_err(|error| format!("it cannot be read: {error}; {}", advice(&error)))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if bytes.len() as u64 == LINE_BYTES_MAX && !bytes.ends_with(b"\n") {
            return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| "the line is no UTF-8".to_owned())?;
        Line::parse(text.trim_end()).map(Some)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<(u64, Line), Complaint>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.read().transpose()?;
        let (file, number) = (self.file.display(), self.number);
        Some(line.map(|line| (number, line)).map_err(|why| Complaint::new(format!("{file}:{number}: {why}"))))
    }
}

struct Import<'a> {
    stage: &'a Stage,
    root: &'a str,
    existing: Existing,
    in_flight: VecDeque<InFlight>,
    counts: Counts,
}

/// A znode that is not answered.
struct InFlight {
    path: String,
    znode: Znode,
    ticket: ChangeTicket,
    /// What it takes, bytes.
    bytes: usize,
}

#[derive(Default)]
struct Counts {
    made: u64,
    updated: u64,
    kept: u64,
    ephemerals: u64,
}

impl Import<'_> {
    fn take(&mut self, znode: Znode) -> Result<(), Complaint> {
        self.stage.check_patience()?;
        if znode.is_ephemeral {
            self.counts.ephemerals += 1;
            return Ok(());
        }
        let path = at(self.root, &znode.path);
        // The root of all is there, and nobody makes it.
        if path == "/" {
            return Ok(self.meet(&path, &znode)?);
        }
        let bytes = bytes(&path, &znode);
        let before = room_before(self.in_flight.iter().map(|one| one.bytes), bytes);
        self.settle(before)?;
        let ticket = self.stage.client.begin_create(&path, znode.data.as_deref(), &znode.acl);
        self.in_flight.push_back(InFlight { path, znode, ticket, bytes });
        Ok(())
    }

    /// Waits until no more than so many are not answered.
    fn settle(&mut self, left: usize) -> Result<(), Complaint> {
        while self.in_flight.len() > left {
            let Some(InFlight { path, znode, ticket, .. }) = self.in_flight.pop_front() else { break };
            match ticket.wait() {
                Ok(()) => self.counts.made += 1,
                Err(failure) if failure.code() == Some(code::NODE_EXISTS) && self.existing != Existing::Refuse => {
                    self.meet(&path, &znode)?;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(())
    }

    /// A znode that there is.
    fn meet(&mut self, path: &str, znode: &Znode) -> Result<(), Failure> {
        if self.existing != Existing::Update {
            self.counts.kept += 1;
            return Ok(());
        }
        let data = znode.data.as_deref().unwrap_or_default();
        self.stage.client.set_data(path, data, ANY_VERSION)?;
        self.stage.client.set_acl(path, &znode.acl, ANY_VERSION)?;
        self.counts.updated += 1;
        Ok(())
    }
}

impl Counts {
    fn tell(&self, stage: &Stage, root: &str) {
        let Counts { made, updated, kept, ephemerals } = self;
        stage.say(&format!(
            "below {root}: {made} made, {updated} updated, {kept} kept as they were, {ephemerals} ephemerals left out"
        ));
        stage
            .output
            .object(&json!({"path": root, "made": made, "updated": updated, "kept": kept, "ephemerals": ephemerals}));
    }
}

/// What a znode takes that is not answered.
fn bytes(path: &str, znode: &Znode) -> usize {
    let acl = znode.acl.iter().map(|acl| size_of_val(acl) + acl.id.scheme.len() + acl.id.id.len());
    path.len() + znode.data.as_ref().map_or(0, Vec::len) + acl.sum::<usize>()
}

/// How many of those that are not answered, the newest, leave room for one more of so many bytes. `in_flight` has what each
/// takes, oldest first.
fn room_before(in_flight: impl DoubleEndedIterator<Item = usize>, bytes: usize) -> usize {
    let mut sum = bytes;
    let newest = in_flight.rev().take(IN_FLIGHT_MAX - 1);
    newest
        .take_while(|bytes| {
            sum = sum.saturating_add(*bytes);
            sum <= IN_FLIGHT_BYTES_MAX
        })
        .count()
}

/// Where a path of the subtree lies.
fn at(root: &str, path: &str) -> String {
    match (root, path) {
        ("/", path) => path.into(),
        (root, "/") => root.into(),
        (root, path) => format!("{root}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, at, room_before};

    #[test]
    fn few_bytes_are_in_flight() {
        let room = |in_flight: &[usize], bytes| room_before(in_flight.iter().copied(), bytes);
        let half = IN_FLIGHT_BYTES_MAX / 2;
        assert_eq!(room(&[1; IN_FLIGHT_MAX - 1], 1), IN_FLIGHT_MAX - 1);
        assert_eq!(room(&[1; IN_FLIGHT_MAX], 1), IN_FLIGHT_MAX - 1, "the oldest one is waited for");
        assert_eq!((room(&[1, half], half), room(&[half, 1], half)), (1, 1));
        assert_eq!(room(&[half, half], 1), 1);
        assert_eq!(room(&[1, 1], IN_FLIGHT_BYTES_MAX), 0, "all are waited for");
        assert_eq!((room(&[], 2 * IN_FLIGHT_BYTES_MAX), room(&[2 * IN_FLIGHT_BYTES_MAX], 1)), (0, 0));
    }

    #[test]
    fn a_subtree_can_lie_elsewhere() {
        for (root, path, expected) in [("/", "/", "/"), ("/", "/a", "/a"), ("/x", "/", "/x"), ("/x", "/a", "/x/a")] {
            assert_eq!(at(root, path), expected);
        }
    }
}
