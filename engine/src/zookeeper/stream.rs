//! ZooKeeper's stream of a whole state: sessions, ACLs and znodes, as a snapshot file has them behind its header, and as a
//! leader sends them to a learner that needs all (SNAP), there with a signature behind.
//!
//! ```text
//! i32 count, (i64 session, i32 timeout)*     i32 count, (i64 number, vector<ACL>)*     (path, znode)*     text "/"
//! ```
//!
//! Znodes come depth first, the root, which has the empty path, before all others.
//!
//! **A stream is fuzzy.** ZooKeeper writes it while the tree changes, so that it has all transactions up to the zxid in its
//! name and, znode by znode, perhaps the effects of later ones. Replaying the log from that zxid on makes it exact
//! ([`recover`](super::recover)). Even a znode whose ACL the table lacks is no damage: the table was written first, and
//! the znode was created afterwards.
//!
//! Nothing here knows of files.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;

use crate::acl::{self, Acl, AclList, AclTable, Entry, Id};
use crate::database::{Database, Rules};
use crate::jute::{Write as _, wire_length};
use crate::path;
use crate::stat::Stat;
use crate::tree::{ChildNames, ExtendedTypes, HashSeed, NewZnode, Tree, View, Znode};

use super::archive::{InputArchive, OutputArchive};
use super::error::FormatError;

/// What ends the znodes.
const TERMINATOR: &str = "/";
/// The number of the open ACL, which is not in the table.
const OPEN_ACL: i64 = -1;
/// What follows the stream where a leader sends it.
const SIGNATURE: &str = "BenWasHere";
/// No server has so many sessions. A compressed stream could claim any number at almost no length.
const SESSIONS_MAX: i32 = 1 << 24;
/// No server has so many ACLs and entries in them together.
const ACL_ENTRIES_MAX: usize = 1 << 24;
/// Bytes of a znode behind its data: the number of the ACL and the Stat.
const NUMBERS_BYTES: usize = 8 + 60;

/// What a stream holds.
pub struct Content {
    /// The state, before the log has made it exact.
    pub database: Database,
    /// Znodes whose ACL is not in the table. They have an empty list, which permits nobody anything, until a transaction
    /// brings theirs.
    pub without_acl: Vec<String>,
}

/// Reads a stream to its terminator, and not a byte more. `zxid` is where the state stands, `seed` that of the new tree's
/// hash.
pub fn read(
    archive: &mut InputArchive<impl Read>,
    zxid: Zxid,
    seed: HashSeed,
    rules: Rules,
) -> Result<Content, FormatError> {
    let mut reading = Reading::new(seed, rules);
    while reading.read_one(archive)? {}
    Ok(reading.finish(zxid))
}

/// Reads what must follow a stream that a leader sends.
pub fn read_signature(archive: &mut InputArchive<impl Read>) -> Result<(), FormatError> {
    if archive.text()? == SIGNATURE { Ok(()) } else { Err(archive.damaged("the signature is missing".to_owned())) }
}

/// What comes next in a stream.
#[derive(Clone, Copy, Debug)]
enum Next {
    SessionCount,
    /// So many sessions are left.
    Session(i32),
    AclCount,
    /// So many ACLs are left.
    Acl(i32),
    /// An entry of the ACL of this number, which has so many left, before so many more ACLs.
    Entry {
        number: i64,
        entries: i32,
        acls: i32,
    },
    Znode,
}

/// A stream of which a part has been read.
pub struct Reading {
    next: Next,
    rules: Rules,
    sessions: BTreeMap<i64, i32>,
    acls: AclTable,
    /// Entries that the ACLs may still have.
    entries_left: usize,
    /// Those of the ACL that is being read.
    entries: Vec<Entry>,
    znodes: Znodes,
}

impl Reading {
    /// Nothing has been read. `seed` is that of the new tree's hash.
    pub fn new(seed: HashSeed, rules: Rules) -> Reading {
        let mut acls = AclTable::default();
        Reading {
            next: Next::SessionCount,
            sessions: BTreeMap::new(),
            entries_left: ACL_ENTRIES_MAX,
            entries: Vec::new(),
            znodes: Znodes::new(seed, rules.extended_types, &mut acls),
            acls,
            rules,
        }
    }

    /// Reads what comes next: a count, a session, an entry of an ACL, a znode. `false` at the terminator, behind which all is
    /// there that a state needs. Where the input is cut short nothing has changed, and the same is read again by the next call.
    pub fn read_one(&mut self, archive: &mut InputArchive<impl Read>) -> Result<bool, FormatError> {
        match self.next {
            Next::SessionCount => {
                let count = archive.i32()?;
                if count > SESSIONS_MAX {
                    return Err(archive.damaged(format!("it claims {count} sessions, and {SESSIONS_MAX} are the most")));
                }
                self.next = Next::session(count);
            }
            Next::Session(left) => {
                let session = archive.i64()?;
                self.sessions.insert(session, archive.i32()?);
                self.next = Next::session(left - 1);
            }
            Next::AclCount => self.next = Next::acl(archive.i32()?),
            Next::Acl(left) => self.read_acl(archive, left)?,
            Next::Entry { number, entries, acls } => {
                self.entries.push(read_entry(archive)?);
                self.note_entry(number, entries - 1, acls);
            }
            Next::Znode if self.znodes.read_one(archive)? => {}
            Next::Znode => return self.znodes.check_whole(archive).map(|()| false),
        }
        Ok(true)
    }

    fn read_acl(&mut self, archive: &mut InputArchive<impl Read>, left: i32) -> Result<(), FormatError> {
        let (number, count) = (archive.i64()?, archive.i32()?);
        let Ok(entries) = usize::try_from(count) else {
            return Err(archive.damaged("an ACL is null".to_owned()));
        };
        self.entries_left = self.entries_left.checked_sub(1 + entries).ok_or_else(|| {
            archive.damaged(format!("its ACLs have more than the {ACL_ENTRIES_MAX} entries that are the most"))
        })?;
        self.note_entry(number, count, left - 1);
        Ok(())
    }

    /// So many entries of an ACL are left: after the last one it is complete.
    fn note_entry(&mut self, number: i64, entries: i32, acls: i32) {
        if entries > 0 {
            self.next = Next::Entry { number, entries, acls };
            return;
        }
        let list = self.acls.intern(std::mem::take(&mut self.entries));
        self.znodes.numbered.insert(number, list);
        self.next = Next::acl(acls);
    }

    /// The state, once all is read. It stands at `zxid`. Takes time by the size of the state.
    pub fn finish(self, zxid: Zxid) -> Content {
        let Reading { rules, sessions, acls, znodes: Znodes { tree, mut owners, without_acl, .. }, .. } = self;
        if mutant!(34) {
            owners.pop();
        }
        let mut database = Database::assemble(tree, sessions, owners, acls, zxid, rules);
        database.install_reserved();
        database.recount_quotas();
        Content { database, without_acl }
    }
}

impl Next {
    fn session(left: i32) -> Next {
        if left > 0 { Next::Session(left) } else { Next::AclCount }
    }

    fn acl(left: i32) -> Next {
        if left > 0 { Next::Acl(left) } else { Next::Znode }
    }
}

fn read_entry(archive: &mut InputArchive<impl Read>) -> Result<Entry, FormatError> {
    let perms = archive.i32()?;
    let scheme = archive.text()?;
    Ok(Entry { perms, id: Id { scheme, id: archive.text()? } })
}

/// The znodes, as they come.
struct Znodes {
    tree: Tree,
    owners: Vec<(i64, String)>,
    without_acl: Vec<String>,
    numbered: HashMap<i64, Acl>,
    /// Stands for a list that is not known.
    nobody: Acl,
    path: Vec<u8>,
    data: Vec<u8>,
}

impl Znodes {
    fn new(seed: HashSeed, extended_types: ExtendedTypes, acls: &mut AclTable) -> Znodes {
        Znodes {
            tree: Tree::new(seed, extended_types),
            owners: Vec::new(),
            without_acl: Vec::new(),
            numbered: HashMap::new(),
            nobody: acls.intern(Vec::new()),
            path: Vec::new(),
            data: Vec::new(),
        }
    }

    /// `false` at the terminator.
    fn read_one(&mut self, archive: &mut InputArchive<impl Read>) -> Result<bool, FormatError> {
        if !archive.buffer(&mut self.path)? {
            return Err(archive.damaged("the path of a znode is null".to_owned()));
        }
        if self.path == TERMINATOR.as_bytes() {
            return Ok(false);
        }
        let path = std::str::from_utf8(&self.path).map_err(|_| archive.damaged("a path is not UTF-8".to_owned()))?;
        if let Err(why) = check_place(&self.tree, path) {
            return Err(archive.damaged(format!("the znode {path:.256?} {why}")));
        }
        let data = archive.buffer(&mut self.data)?.then_some(&self.data[..]);
        let (number, stat) = read_numbers(archive)?;
        let acl = match (number, self.numbered.get(&number)) {
            (OPEN_ACL, _) => &None,
            (_, Some(list)) => list,
            (_, None) => {
                self.without_acl.push(path.to_owned());
                &self.nobody
            }
        };
        if stat.ephemeral_owner != 0 {
            self.owners.push((stat.ephemeral_owner, path.to_owned()));
        }
        self.tree.install(NewZnode { path, data, acl: acl.clone(), stat });
        Ok(true)
    }

    /// Whether the znodes are there that every state has.
    fn check_whole(&self, archive: &InputArchive<impl Read>) -> Result<(), FormatError> {
        for needed in [path::ROOT, "/zookeeper"] {
            if self.tree.get(needed).is_none() {
                return Err(archive.damaged(format!("there is no znode {needed}")));
            }
        }
        Ok(())
    }
}

/// Whether a znode of this path can be put into the tree, and if not, why.
fn check_place(tree: &Tree, path: &str) -> Result<(), &'static str> {
    if tree.get(path).is_some() {
        return Err("is there twice");
    }
    if path.is_empty() {
        return Ok(());
    }
    if !path::is_valid(path) {
        return Err("has an invalid path");
    }
    match path::split(path) {
        Some((parent, _)) if tree.get(parent).is_some() => Ok(()),
        _ => Err("has no parent"),
    }
}

fn read_numbers(archive: &mut InputArchive<impl Read>) -> Result<(i64, Stat), FormatError> {
    let numbers = archive.array::<NUMBERS_BYTES>()?;
    let mut fields = crate::jute::Reader::new(&numbers);
    let mut long = || fields.i64().expect("the array is as long as its fields");
    let (number, czxid, mzxid, ctime, mtime) = (long(), long(), long(), long(), long());
    let versions = fields.array::<12>().expect("the array is as long as its fields");
    let version = |at: usize| i32::from_be_bytes(versions[at..at + 4].try_into().expect("four bytes"));
    let mut long = || fields.i64().expect("the array is as long as its fields");
    let (ephemeral_owner, pzxid) = (long(), long());
    let stat = Stat {
        czxid,
        mzxid,
        ctime,
        mtime,
        version: version(0),
        cversion: version(4),
        aversion: version(8),
        ephemeral_owner,
        pzxid,
    };
    Ok((number, stat))
}

/// Writes a version and the sessions that belong to it. The stream is exact.
pub fn write(archive: &mut OutputArchive<impl Write>, view: &View<'_>, sessions: &[(i64, i32)]) -> io::Result<()> {
    archive.put(|out| out.put_i32(wire_length(sessions.len())))?;
    for (session, timeout) in sessions {
        archive.put(|out| {
            out.put_i64(*session);
            out.put_i32(*timeout);
        })?;
    }
    let numbers = write_acls(archive, view)?;
    write_znodes(archive, view, &numbers)?;
    archive.put(|out| out.put_string(TERMINATOR))
}

/// Writes what follows a stream that a leader sends.
pub fn write_signature(archive: &mut OutputArchive<impl Write>) -> io::Result<()> {
    archive.put(|out| out.put_string(SIGNATURE))
}

/// The version keeps every list where it is, so that addresses tell them apart.
type AclNumbers = HashMap<*const AclList, i64>;

fn write_acls(archive: &mut OutputArchive<impl Write>, view: &View<'_>) -> io::Result<AclNumbers> {
    let mut numbers = AclNumbers::new();
    let mut lists = Vec::new();
    for znode in view.iter() {
        if let Some(list) = znode.acl() {
            let next = numbers.len() as i64 + 1;
            numbers.entry(Arc::as_ptr(list)).or_insert_with(|| {
                lists.push((next, znode.acl()));
                next
            });
        }
    }
    archive.put(|out| out.put_i32(wire_length(lists.len())))?;
    for (number, list) in lists {
        archive.put(|out| {
            out.put_i64(number);
            acl::write(list, out);
        })?;
    }
    Ok(numbers)
}

/// A znode whose children are being written.
struct Level<'a> {
    names: ChildNames<'a>,
    /// Bytes of its path; that of the root is empty.
    path_length: usize,
}

fn write_znodes(archive: &mut OutputArchive<impl Write>, view: &View<'_>, numbers: &AclNumbers) -> io::Result<()> {
    let Some(root) = view.get(path::ROOT) else { return Ok(()) };
    let mut path = String::new();
    write_znode(archive, &path, root, numbers)?;
    let mut levels = vec![Level { names: root.children(), path_length: 0 }];
    while let Some(level) = levels.last_mut() {
        path.truncate(level.path_length);
        let Some(name) = level.names.next() else {
            levels.pop();
            continue;
        };
        path.push('/');
        path.push_str(name);
        let znode = view.get(&path).expect("every listed child is in the tree");
        write_znode(archive, &path, znode, numbers)?;
        levels.push(Level { names: znode.children(), path_length: path.len() });
    }
    Ok(())
}

fn write_znode(
    archive: &mut OutputArchive<impl Write>,
    path: &str,
    znode: Znode<'_>,
    numbers: &AclNumbers,
) -> io::Result<()> {
    let number = znode.acl().as_ref().map_or(OPEN_ACL, |list| numbers[&Arc::as_ptr(list)]);
    let stat = znode.stat();
    archive.put(|out| {
        out.put_string(path);
        out.put_buffer(znode.data());
        for number in [number, stat.czxid, stat.mzxid, stat.ctime, stat.mtime] {
            out.put_i64(number);
        }
        for version in [stat.version, stat.cversion, stat.aversion] {
            out.put_i32(version);
        }
        out.put_i64(stat.ephemeral_owner);
        out.put_i64(stat.pzxid);
    })
}
