//! Writing a snapshot, from a version that is held meanwhile.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;
use rkyv::rancor;

use super::directory::{snapshot_dir, snapshot_path};
use super::format::{
    Acls, BlockKind, ENTRIES_PER_BLOCK, Footer, Header, MAGIC, Sessions, StoredEntry, ZNODE_BLOCK, ZNODE_HEADER,
    block_header,
};
use crate::acl::{Acl, AclList};
use crate::io::{Access, File, Files};
use crate::tree::{HashSeed, View, Znode};

/// What is written until it is complete.
const TEMPORARY: &str = "snapshot.tmp";
/// The file is synced whenever so many bytes are dirty, so that the disk is never asked for much at once while the log
/// waits behind it.
const SYNC_BYTES: usize = 4 * 1024 * 1024;

/// The unfinished file. It goes when it is not put in place, for whatever reason, so that it takes no space from the log.
#[derive(Debug)]
struct Temporary {
    files: Files,
    path: PathBuf,
}

impl Temporary {
    fn of(files: &Files, data_dir: &Path) -> Temporary {
        Temporary { files: files.clone(), path: snapshot_dir(data_dir).join(TEMPORARY) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = self.files.unlink(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %self.path.display(), "an unfinished snapshot cannot be removed; the next start tries again");
        }
    }
}

/// Removes what a crash has left of a snapshot that was being written: it is of no use, and the log may need the space.
pub fn remove_unfinished(files: &Files, data_dir: &Path) {
    drop(Temporary::of(files, data_dir));
}

/// A snapshot that is on disk but not in place yet.
#[derive(Debug)]
pub struct WrittenSnapshot {
    temporary: Temporary,
    /// Where it belongs.
    path: PathBuf,
    pub znodes: u64,
    pub bytes: u64,
}

/// Writes the state of `view`, which is that after `zxid`. `go_on` is asked between blocks; `false` gives up.
///
/// # Errors
/// Of the file system; `Interrupted` when it was given up.
pub fn write(
    files: &Files,
    data_dir: &Path,
    view: &View<'_>,
    zxid: Zxid,
    seed: &HashSeed,
    sessions: &[(i64, i32)],
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<WrittenSnapshot> {
    let temporary = Temporary::of(files, data_dir);
    let file = files.open(&temporary.path, Access::Replace)?;
    let mut blocks = Blocks { file, dirty: 0, bytes: 0 };
    blocks.raw(MAGIC)?;
    let wall_ms = files.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    blocks.archive(BlockKind::Header, &archive(&Header { zxid: zxid.0, seed: seed.0, wall_ms })?)?;
    for chunk in sessions.chunks(ENTRIES_PER_BLOCK) {
        blocks.archive(BlockKind::Sessions, &archive(&Sessions(chunk.to_vec()))?)?;
    }
    let mut stream = Stream { blocks, buffer: Vec::new(), acls: AclNumbers::default(), footer: Footer::default() };
    for znode in view.iter() {
        stream.push(&znode, go_on)?;
    }
    stream.footer.sessions = sessions.len() as u64;
    stream.footer.digest = view.digest();
    stream.finish().map(|(znodes, bytes)| WrittenSnapshot {
        temporary,
        path: snapshot_path(data_dir, zxid),
        znodes,
        bytes,
    })
}

impl WrittenSnapshot {
    /// Where it is until it is put in place.
    pub fn unpublished(&self) -> &Path {
        &self.temporary.path
    }

    /// Puts it in place. Only now does it count, so its transactions must be durable before.
    pub fn publish(self) -> io::Result<PathBuf> {
        let files = &self.temporary.files;
        files.rename(&self.temporary.path, &self.path)?;
        if !mutant!(9) {
            files.sync_dir(self.path.parent().expect("a snapshot lies in a directory"))?;
        }
        Ok(self.path)
    }
}

fn archive<T>(value: &T) -> io::Result<rkyv::util::AlignedVec>
where
    T: for<'a> rkyv::Serialize<
            rkyv::api::high::HighSerializer<
                rkyv::util::AlignedVec,
                rkyv::ser::allocator::ArenaHandle<'a>,
                rancor::Error,
            >,
        >,
{
    rkyv::to_bytes::<rancor::Error>(value).map_err(|error| io::Error::other(error.to_string()))
}

/// The file, block by block.
struct Blocks {
    file: File,
    /// Bytes that were written since the last sync.
    dirty: usize,
    bytes: u64,
}

impl Blocks {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(SYNC_BYTES) {
            self.file.write_all_at(piece, self.bytes)?;
            self.bytes += piece.len() as u64;
            self.dirty += piece.len();
            if self.dirty >= SYNC_BYTES {
                self.file.sync_data()?;
                self.dirty = 0;
            }
        }
        Ok(())
    }

    fn archive(&mut self, kind: BlockKind, payload: &[u8]) -> io::Result<()> {
        self.raw(&block_header(kind as u32, payload))?;
        self.raw(payload)
    }
}

/// The numbers of lists, in the order in which they are met.
#[derive(Default)]
struct AclNumbers {
    by_address: HashMap<*const AclList, u32>,
    unwritten: Vec<Vec<StoredEntry>>,
}

impl AclNumbers {
    fn number(&mut self, acl: &Acl) -> u32 {
        let Some(list) = acl else { return 0 };
        let next = self.by_address.len() as u32 + 1;
        // The held version keeps every list where it is, so that addresses tell them apart.
        *self.by_address.entry(Arc::as_ptr(list)).or_insert_with(|| {
            let entry = |entry: &crate::acl::Entry| StoredEntry {
                perms: entry.perms,
                scheme: entry.id.scheme.clone(),
                id: entry.id.id.clone(),
            };
            self.unwritten.push(list.0.iter().map(entry).collect());
            next
        })
    }
}

/// The znodes, gathered into blocks.
struct Stream {
    blocks: Blocks,
    buffer: Vec<u8>,
    acls: AclNumbers,
    footer: Footer,
}

impl Stream {
    fn push(&mut self, znode: &Znode<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<()> {
        let acl = self.acls.number(znode.acl());
        put_znode(znode, acl, &mut self.buffer)?;
        self.footer.znodes += 1;
        if self.buffer.len() < ZNODE_BLOCK {
            return Ok(());
        }
        if !go_on() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the snapshot was given up"));
        }
        self.write_block()?;
        // A znode of many children is no reason to keep so much memory.
        self.buffer.shrink_to(2 * ZNODE_BLOCK);
        Ok(())
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.write_acls()?;
        self.blocks.archive(BlockKind::Znodes, &self.buffer)?;
        self.footer.znode_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// The lists that the znodes of the buffer use and no block has yet.
    fn write_acls(&mut self) -> io::Result<()> {
        let unwritten = std::mem::take(&mut self.acls.unwritten);
        let mut block = Vec::new();
        let mut bytes = 0;
        for list in unwritten {
            let size = list.iter().map(|entry| 64 + entry.scheme.len() + entry.id.len()).sum::<usize>();
            if !block.is_empty() && bytes + size > ZNODE_BLOCK {
                self.blocks.archive(BlockKind::Acls, &archive(&Acls(std::mem::take(&mut block)))?)?;
                bytes = 0;
            }
            bytes += size;
            block.push(list);
        }
        if block.is_empty() { Ok(()) } else { self.blocks.archive(BlockKind::Acls, &archive(&Acls(block))?) }
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        if !self.buffer.is_empty() {
            self.write_block()?;
        }
        self.footer.acls = self.acls.by_address.len() as u64;
        self.blocks.archive(BlockKind::Footer, &archive(&self.footer)?)?;
        if !mutant!(9) {
            self.blocks.file.sync_all()?;
        }
        Ok((self.footer.znodes, self.blocks.bytes))
    }
}

fn put_znode(znode: &Znode<'_>, acl: u32, out: &mut Vec<u8>) -> io::Result<()> {
    let too_long = |_| io::Error::other("a znode has 4 GiB of children's names, which a snapshot cannot hold");
    let names_length = u32::try_from(znode.children_bytes()).map_err(too_long)?;
    let stat = znode.stat();
    let data_length = znode.data().map_or(-1, |data| data.len() as i32);
    let start = out.len();
    out.extend_from_slice(&(znode.path().len() as u32).to_le_bytes());
    out.extend_from_slice(&data_length.to_le_bytes());
    out.extend_from_slice(&acl.to_le_bytes());
    out.extend_from_slice(&znode.num_children().to_le_bytes());
    out.extend_from_slice(&names_length.to_le_bytes());
    for number in [stat.czxid, stat.mzxid, stat.ctime, stat.mtime, stat.pzxid, stat.ephemeral_owner] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [stat.version, stat.cversion, stat.aversion] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    debug_assert_eq!(out.len() - start, ZNODE_HEADER);
    out.extend_from_slice(znode.path().as_bytes());
    out.extend_from_slice(znode.data().unwrap_or_default());
    znode.write_children(out);
    Ok(())
}
