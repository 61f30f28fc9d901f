//! Reading a snapshot. Nothing in the file is trusted: not a length, not a count, not an archive.
//!
//! ```text
//! snapshot-decoder   file -> blocks, checked -> znodes, examined --parts--> this thread: records, names and index
//!                                      '-- long lists of children --.  |
//! snapshot-lister                           examined, divided <------'--'
//! ```
//!
//! Decoder and builder have about half of the work each. A long list would make each wait for the other in turn, so it goes
//! by a way of its own and is put into its record later. The file is mapped, so that a znode is copied once, to where it
//! will be served from.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use paddock_consensus::Zxid;

use super::blocks::{Blocks, Fields};
use super::error::SnapshotError;
use super::format::{ArchivedAcls, ArchivedFooter, ArchivedHeader, ArchivedSessions, BlockKind, Footer, ZNODE_HEADER};
use crate::acl::{Acl, AclTable, Entry, Id};
use crate::database::{Database, Rules};
use crate::io::Files;
use crate::stat::Stat;
use crate::tree::{
    BulkLoader, Examined, Examiner, ExtendedTypes, HashSeed, Listed, LoadError, LoadedZnode, LongList, Tree,
};

/// Blocks of znodes that are decoded ahead of the tree, 200 KiB each.
const PARTS_AHEAD: usize = 16;

/// Long lists that wait for the lister.
const LISTS_AHEAD: usize = 16;

/// Smaller than or equal to every page size of Linux.
const PAGE_BYTES: usize = 4096;

/// What a snapshot holds.
pub struct LoadedSnapshot {
    pub zxid: Zxid,
    pub tree: Tree,
    pub sessions: BTreeMap<i64, i32>,
    /// The owner and path of every znode that has one.
    pub owners: Vec<(i64, String)>,
    pub acls: AclTable,
    /// Of the tree's hash.
    pub seed: HashSeed,
}

impl LoadedSnapshot {
    /// The state, by these rules.
    pub fn into_database(self, rules: Rules) -> Database {
        let LoadedSnapshot { zxid, tree, sessions, owners, acls, .. } = self;
        Database::assemble(tree, sessions, owners, acls, zxid, rules)
    }
}

/// Loads a snapshot whole that is of the transaction `zxid`, as its name says, or not at all.
pub fn load_named(
    files: &Files,
    path: &Path,
    zxid: Zxid,
    extended_types: ExtendedTypes,
) -> Result<LoadedSnapshot, SnapshotError> {
    load_long_named(files, path, zxid, extended_types, &mut || {})
}

/// The same, of a snapshot that may be large: `alive` is told with each block of its znodes that it goes on.
pub fn load_long_named(
    files: &Files,
    path: &Path,
    zxid: Zxid,
    extended_types: ExtendedTypes,
    alive: &mut dyn FnMut(),
) -> Result<LoadedSnapshot, SnapshotError> {
    let loaded = load_long(files, path, extended_types, alive)?;
    if loaded.zxid == zxid { Ok(loaded) } else { Err(SnapshotError::Misnamed { inside: loaded.zxid }) }
}

/// Loads a snapshot whole, or not at all.
pub fn load(files: &Files, path: &Path, extended_types: ExtendedTypes) -> Result<LoadedSnapshot, SnapshotError> {
    load_long(files, path, extended_types, &mut || {})
}

fn load_long(
    files: &Files,
    path: &Path,
    extended_types: ExtendedTypes,
    alive: &mut dyn FnMut(),
) -> Result<LoadedSnapshot, SnapshotError> {
    let map = files.map(path).map_err(SnapshotError::Io)?;
    let mut blocks = Blocks::begin(&map)?;
    let Some((BlockKind::Header, payload)) = blocks.next()? else { return Err(blocks.damaged("it has no header")) };
    let (zxid, seed) = blocks.access::<ArchivedHeader, _>(payload, |header| (header.zxid.to_native(), header.seed))?;
    let mut loader = BulkLoader::new(HashSeed(seed), extended_types);
    let examiner = loader.examiner();
    let decoder = Decoder::new(blocks, examiner);
    let Outcomes { built, listed, decoded } = match files.is_simulated() {
        true => load_alone(decoder, &examiner, &mut loader, alive),
        false => load_together(decoder, examiner, &mut loader, alive).map_err(SnapshotError::Io)?,
    };
    // Who found its receiver gone has nothing to say of its own.
    built?;
    listed?;
    let decoded = decoded?;
    let Decoded { sessions, owners, acls, mut counted, claimed, offset } = decoded;
    let damaged = |what: String| SnapshotError::Damaged { offset, what };
    let tree = loader.finish().map_err(|error| damaged(error.to_string()))?;
    counted.digest = tree.digest();
    if counted != claimed {
        return Err(damaged(format!("its content is {counted}, but its footer says {claimed}")));
    }
    Ok(LoadedSnapshot { zxid: Zxid(zxid), tree, sessions, owners, acls, seed: HashSeed(seed) })
}

/// What became of the three parts of the work.
struct Outcomes {
    built: Result<(), SnapshotError>,
    listed: Result<(), SnapshotError>,
    decoded: Result<Decoded, SnapshotError>,
}

/// The three parts at the same time, each in a thread.
fn load_together(
    decoder: Decoder<'_>,
    examiner: Examiner,
    loader: &mut BulkLoader,
    alive: &mut dyn FnMut(),
) -> io::Result<Outcomes> {
    std::thread::scope(|scope| {
        let (parts, take_parts) = bounded(PARTS_AHEAD);
        let (lists, take_lists) = bounded(LISTS_AHEAD);
        let list_parts = parts.clone();
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let lister = thread("snapshot-lister").spawn_scoped(scope, move || list(&examiner, take_lists, &list_parts))?;
        let decoder = thread("snapshot-decoder").spawn_scoped(scope, move || decoder.run(&parts, &lists))?;
        let built = build(loader, take_parts, alive);
        Ok(Outcomes { built, listed: join(lister), decoded: join(decoder) })
    })
}

/// The three parts one after the other, in this thread. What is sent waits in the queues, which the file bounds.
fn load_alone(decoder: Decoder<'_>, examiner: &Examiner, loader: &mut BulkLoader, alive: &mut dyn FnMut()) -> Outcomes {
    let (parts, take_parts) = unbounded();
    let (lists, take_lists) = unbounded();
    let decoded = decoder.run(&parts, &lists);
    drop(lists);
    let listed = list(examiner, take_lists, &parts);
    drop(parts);
    Outcomes { built: build(loader, take_parts, alive), listed, decoded }
}

/// The transaction of a snapshot, and when its writing began, ms of the wall clock. Nothing behind that is looked at.
pub fn read_header(files: &Files, path: &Path) -> Result<(Zxid, i64), SnapshotError> {
    let map = files.map(path).map_err(SnapshotError::Io)?;
    let mut blocks = Blocks::begin(&map)?;
    let Some((BlockKind::Header, payload)) = blocks.next()? else { return Err(blocks.damaged("it has no header")) };
    let read = |header: &ArchivedHeader| (Zxid(header.zxid.to_native()), header.wall_ms.to_native());
    blocks.access::<ArchivedHeader, _>(payload, read)
}

/// Whether every block of the file is as it was written, without building anything of it.
pub fn check(files: &Files, path: &Path) -> Result<(), SnapshotError> {
    check_watched(files, path, &mut |_| true).map(drop)
}

/// The same; `note` is told how many bytes were read more, and gives it up with `false`. Then nothing is found.
pub(crate) fn check_watched(
    files: &Files,
    path: &Path,
    note: &mut dyn FnMut(u64) -> bool,
) -> Result<bool, SnapshotError> {
    let map = files.map(path).map_err(SnapshotError::Io)?;
    let mut blocks = Blocks::begin(&map)?;
    let (mut done, mut noted) = (0, 0);
    while let Some((kind, _)) = blocks.next()? {
        if kind == BlockKind::Footer {
            return blocks.expect_end().map(|()| true);
        }
        if !note((blocks.offset - noted) as u64) {
            return Ok(false);
        }
        noted = blocks.offset;
        // A page that the next block begins in goes with that block.
        map.forget(done..blocks.offset);
        done = blocks.offset / PAGE_BYTES * PAGE_BYTES;
    }
    Err(blocks.damaged("it ends without a footer"))
}

/// What the builder is sent, each with where in the file it was found.
enum Part<'m> {
    Znodes(u64, Vec<Examined<'m>>),
    List(u64, Listed<'m>),
}

/// Puts into the loader what it is sent, until the senders have ended. A decoder that hangs is seen in that `alive` is not told.
fn build(loader: &mut BulkLoader, parts: Receiver<Part<'_>>, alive: &mut dyn FnMut()) -> Result<(), SnapshotError> {
    let at = |offset| move |error: LoadError| SnapshotError::Damaged { offset, what: error.to_string() };
    for part in parts {
        alive();
        match part {
            Part::Znodes(offset, znodes) => {
                znodes.iter().try_for_each(|znode| loader.push_examined(znode)).map_err(at(offset))?;
            }
            Part::List(offset, listed) => loader.attach(&listed).map_err(at(offset))?,
        }
    }
    Ok(())
}

/// Examines the long lists.
fn list<'m>(
    examiner: &Examiner,
    lists: Receiver<(u64, LongList<'m>)>,
    parts: &Sender<Part<'m>>,
) -> Result<(), SnapshotError> {
    for (offset, list) in lists {
        let listed = examiner.examine_list(&list);
        let listed = listed.map_err(|error| SnapshotError::Damaged { offset, what: error.to_string() })?;
        if parts.send(Part::List(offset, listed)).is_err() {
            break;
        }
    }
    Ok(())
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// All that a snapshot holds beside the tree.
struct Decoded {
    sessions: BTreeMap<i64, i32>,
    owners: Vec<(i64, String)>,
    acls: AclTable,
    /// What was found, without the digest, and what the footer says.
    counted: Footer,
    claimed: Footer,
    offset: u64,
}

struct Decoder<'m> {
    blocks: Blocks<'m>,
    examiner: Examiner,
    sessions: BTreeMap<i64, i32>,
    owners: Vec<(i64, String)>,
    acls: AclTable,
    /// The lists by their numbers less one.
    numbered: Vec<Acl>,
    counted: Footer,
}

impl<'m> Decoder<'m> {
    fn new(blocks: Blocks<'m>, examiner: Examiner) -> Decoder<'m> {
        Decoder {
            blocks,
            examiner,
            sessions: BTreeMap::new(),
            owners: Vec::new(),
            acls: AclTable::default(),
            numbered: Vec::new(),
            counted: Footer::default(),
        }
    }

    /// Decodes all blocks behind the header.
    fn run(mut self, parts: &Sender<Part<'m>>, lists: &Sender<(u64, LongList<'m>)>) -> Result<Decoded, SnapshotError> {
        loop {
            match self.blocks.next()? {
                Some((BlockKind::Sessions, payload)) => self.take_sessions(payload)?,
                Some((BlockKind::Acls, payload)) => self.take_acls(payload)?,
                Some((BlockKind::Znodes, payload)) => {
                    let znodes = self.examine(payload).map_err(|what| self.blocks.damaged(&what))?;
                    let offset = self.blocks.offset as u64;
                    let long: Vec<LongList<'m>> = znodes.iter().filter_map(Examined::long_list).collect();
                    // The records come before their lists.
                    let sent = parts.send(Part::Znodes(offset, znodes)).is_ok();
                    if !sent || long.into_iter().any(|list| lists.send((offset, list)).is_err()) {
                        return Err(self.blocks.damaged("the znodes before this are no tree"));
                    }
                }
                Some((BlockKind::Footer, payload)) => return self.finish(payload),
                Some((BlockKind::Header, _)) => return Err(self.blocks.damaged("it has a second header")),
                None => return Err(self.blocks.damaged("it ends without a footer")),
            }
        }
    }

    fn take_sessions(&mut self, payload: &[u8]) -> Result<(), SnapshotError> {
        let sessions = &mut self.sessions;
        self.blocks.access::<ArchivedSessions, _>(payload, |stored| {
            sessions.extend(stored.0.iter().map(|pair| (pair.0.to_native(), pair.1.to_native())));
        })
    }

    fn take_acls(&mut self, payload: &[u8]) -> Result<(), SnapshotError> {
        let Decoder { blocks, acls, numbered, .. } = self;
        blocks.access::<ArchivedAcls, _>(payload, |stored| {
            for list in stored.0.iter() {
                let entries = list
                    .iter()
                    .map(|entry| Entry {
                        perms: entry.perms.to_native(),
                        id: Id { scheme: entry.scheme.to_string(), id: entry.id.to_string() },
                    })
                    .collect();
                numbered.push(acls.intern(entries));
            }
        })
    }

    fn examine(&mut self, block: &'m [u8]) -> Result<Vec<Examined<'m>>, String> {
        self.counted.znode_bytes += block.len() as u64;
        let mut examined = Vec::with_capacity(block.len() / ZNODE_HEADER);
        let mut rest = block;
        while !rest.is_empty() {
            let (image, behind) = Image::first(rest)?;
            rest = behind;
            let acl = match image.acl {
                0 => None,
                number => {
                    let list = self.numbered.get(number as usize - 1);
                    list.ok_or_else(|| format!("no ACL has the number {number}"))?.clone()
                }
            };
            let path = std::str::from_utf8(image.path).map_err(|_| "a path is not UTF-8".to_owned())?;
            let Image { path_and_data, data, stat, num_children, child_names, .. } = image;
            let znode = LoadedZnode { path, data, acl, stat, num_children, child_names };
            let znode = self.examiner.examine(znode, path_and_data).map_err(|error| error.to_string())?;
            self.owners.extend(znode.owner().map(|owner| (owner, path.to_owned())));
            examined.push(znode);
        }
        self.counted.znodes += examined.len() as u64;
        Ok(examined)
    }

    fn finish(mut self, payload: &[u8]) -> Result<Decoded, SnapshotError> {
        let claimed = self.blocks.access::<ArchivedFooter, _>(payload, |footer| Footer {
            sessions: footer.sessions.to_native(),
            acls: footer.acls.to_native(),
            znodes: footer.znodes.to_native(),
            znode_bytes: footer.znode_bytes.to_native(),
            digest: footer.digest.to_native(),
        })?;
        self.blocks.expect_end()?;
        self.counted.sessions = self.sessions.len() as u64;
        self.counted.acls = self.numbered.len() as u64;
        let Decoder { sessions, owners, acls, counted, blocks, .. } = self;
        Ok(Decoded { sessions, owners, acls, counted, claimed, offset: blocks.offset as u64 })
    }
}

/// One znode of a block.
struct Image<'a> {
    path: &'a [u8],
    path_and_data: &'a [u8],
    data: Option<&'a [u8]>,
    acl: u32,
    stat: Stat,
    num_children: u32,
    child_names: &'a [u8],
}

impl<'a> Image<'a> {
    /// The first znode of a block, and the others.
    fn first(block: &'a [u8]) -> Result<(Image<'a>, &'a [u8]), String> {
        let cut_short = || "a znode is cut short".to_owned();
        let (header, body) = block.split_at_checked(ZNODE_HEADER).ok_or_else(cut_short)?;
        let mut fields = Fields(header);
        let path_length = fields.u32() as usize;
        let data_length = fields.u32() as i32;
        let acl = fields.u32();
        let num_children = fields.u32();
        let names_length = fields.u32() as usize;
        let stat = Stat {
            czxid: fields.i64(),
            mzxid: fields.i64(),
            ctime: fields.i64(),
            mtime: fields.i64(),
            pzxid: fields.i64(),
            ephemeral_owner: fields.i64(),
            version: fields.u32() as i32,
            cversion: fields.u32() as i32,
            aversion: fields.u32() as i32,
        };
        if data_length < -1 {
            return Err(format!("a znode has data of {data_length} bytes"));
        }
        let both = path_length + data_length.max(0) as usize;
        let (path_and_data, body) = body.split_at_checked(both).ok_or_else(cut_short)?;
        let (path, data) = path_and_data.split_at(path_length);
        let (child_names, rest) = body.split_at_checked(names_length).ok_or_else(cut_short)?;
        let data = (data_length >= 0).then_some(data);
        Ok((Image { path, path_and_data, data, acl, stat, num_children, child_names }, rest))
    }
}
