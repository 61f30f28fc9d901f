//! ZooKeeper's snapshot file: a header, the [`stream`], and what its versions have put behind it.
//!
//! | part | since |
//! |---|---|
//! | header: i32 `ZKSN`, i32 version 2, i64 -1 | |
//! | the stream | |
//! | seal: i64 Adler-32 of all before it, text `/` | |
//! | digest: i64 zxid, i32 version, i64 digest of the tree; a seal | 3.6, where digests are enabled |
//! | last zxid: i64; a seal | 3.9, where that is enabled |
//!
//! Checksums are of what is inside where the file is compressed, and go on from one seal to the next.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use paddock_consensus::Zxid;

use crate::database::{Database, Rules};
use crate::io::{Access, File, Files};
use crate::jute::Write as _;
use crate::tree::{HashSeed, View};
use crate::txn::DIGEST_VERSION;

use super::archive::{InputArchive, OutputArchive};
use super::compression::Compression;
use super::directory::SnapshotFile;
use super::error::FormatError;
use super::orphans::{TimeToLive, delete_orphans};
use super::stream;

const MAGIC: i32 = i32::from_be_bytes(*b"ZKSN");
const VERSION: i32 = 2;
const DATABASE_ID: i64 = -1;
/// What a seal ends with, and so the file: a jute text.
const SEAL_END: &[u8; 5] = b"\0\0\0\x01/";
/// ZooKeeper takes no shorter file for a snapshot, bytes.
const BYTES_MIN: u64 = 10;

/// The digest of the tree after a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZxidDigest {
    pub zxid: Zxid,
    /// How it is computed.
    pub version: i32,
    pub digest: u64,
}

/// What a snapshot holds.
pub struct LoadedSnapshot {
    /// The stream's. The state stands at the zxid of the file's name.
    pub content: stream::Content,
    /// The digest at the end of the writing: when the log has been replayed up to there, the state is exact. `None` where
    /// there is none, or one of which nothing is known: of another version, of no transaction, or of one before the
    /// snapshot's.
    pub digest: Option<ZxidDigest>,
    /// The last transaction at the end of the writing, where the file says so.
    pub last_zxid: Option<Zxid>,
    /// What was read.
    pub bytes: u64,
}

impl LoadedSnapshot {
    /// Holds the state against the digest, if that is of the very transaction at which the state stands.
    pub fn check_digest(&self) -> Result<(), FormatError> {
        let database = &self.content.database;
        let computed = database.tree().digest();
        match self.digest.filter(|digest| digest.zxid == database.last_zxid()) {
            Some(ZxidDigest { digest, .. }) if digest != computed => {
                let what = format!("the tree has the digest {computed:x}, but had {digest:x} when it was written");
                Err(FormatError::Damaged { offset: self.bytes, what })
            }
            _ => Ok(()),
        }
    }

    /// The state, where the file alone has it exactly: that after its last transaction, without what no session would ever delete.
    pub fn into_whole(self) -> Result<Database, NotWhole> {
        let last = self.content.database.last_zxid();
        if self.last_zxid != Some(last) {
            return Err(NotWhole::NoLastZxid);
        }
        // What is before the first transaction has no digest.
        if last > Zxid::ZERO && self.digest.is_none_or(|digest| digest.zxid != last) {
            return Err(NotWhole::NoDigest);
        }
        self.check_digest().map_err(NotWhole::Digest)?;
        let stream::Content { mut database, without_acl } = self.content;
        if let Some(path) = without_acl.into_iter().next() {
            return Err(NotWhole::NoAcl(path));
        }
        delete_orphans(&mut database).map_err(|TimeToLive { path }| NotWhole::TimeToLive(path))?;
        Ok(database)
    }
}

/// Why a file alone has not a whole state, but only what a log would make one of.
#[derive(Debug)]
pub enum NotWhole {
    /// It does not say at its end at which transaction its state stands.
    NoLastZxid,
    /// It has no digest of its last transaction.
    NoDigest,
    /// The state is another than the digest's.
    Digest(FormatError),
    /// A znode's ACL is not there.
    NoAcl(String),
    /// A znode has a time to live, where znodes have none.
    TimeToLive(String),
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WITH_LOG: &str =
            "take it while nobody writes, or put it and its log into a version-2 and use paddock convert";
        match self {
            NotWhole::NoLastZxid => write!(
                f,
                "it does not say at its end at which transaction it stands: a ZooKeeper's does with \
                 serializeLastProcessedZxid.enabled=true; {WITH_LOG}"
            ),
            NotWhole::NoDigest => write!(
                f,
                "it has no digest of its last transaction, so that nobody can know whether its server changed while it was written: \
                 with digest.enabled a ZooKeeper's has one if nobody writes meanwhile; {WITH_LOG}"
            ),
            NotWhole::Digest(error) => {
                write!(f, "{error}: it is damaged, or its server changed while it was written; {WITH_LOG}")
            }
            NotWhole::NoAcl(path) => {
                write!(f, "the znode {path:.256?} has no ACL: its server changed while it was written; {WITH_LOG}")
            }
            NotWhole::TimeToLive(path) => write!(
                f,
                "the znode {path:.256?} has a time to live, and extendedTypesEnabled=false here; set it to true as where the \
                 snapshot comes from"
            ),
        }
    }
}

impl std::error::Error for NotWhole {}

/// How a file that begins so is compressed, if it can be a snapshot. What is inside a compressed one is seen when it is
/// loaded.
pub fn compression_of(beginning: &[u8]) -> Option<Compression> {
    let is_compressed = |method: &Compression| !method.magic().is_empty() && beginning.starts_with(method.magic());
    match Compression::ALL.into_iter().find(is_compressed) {
        None => beginning.starts_with(&MAGIC.to_be_bytes()).then_some(Compression::None),
        method => method,
    }
}

/// Whether a file looks as if it were whole, the way ZooKeeper looks before it tries to load one.
pub fn is_promising(files: &Files, file: &SnapshotFile) -> io::Result<bool> {
    let content = files.open(&file.path, Access::Read)?;
    let magic = file.compression.magic();
    if !magic.is_empty() {
        return is_at(&content, 0, magic);
    }
    let length = content.length()?;
    Ok(length >= BYTES_MIN && is_at(&content, length - SEAL_END.len() as u64, SEAL_END)?)
}

/// Whether a file has these bytes there.
fn is_at(file: &File, offset: u64, expected: &[u8]) -> io::Result<bool> {
    let mut bytes = vec![0; expected.len()];
    Ok(file.read_at(&mut bytes, offset)? == expected.len() && bytes == expected)
}

/// Loads a file whole, or not at all. `length_max` bounds texts and data, bytes.
pub fn load(
    files: &Files,
    file: &SnapshotFile,
    length_max: usize,
    seed: HashSeed,
    rules: Rules,
) -> Result<LoadedSnapshot, FormatError> {
    let input = files.open(&file.path, Access::Read).and_then(|opened| file.compression.reader(opened));
    let input = input.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => FormatError::Damaged { offset: 0, what: error.to_string() },
        io::ErrorKind::UnexpectedEof => FormatError::CutShort { offset: 0 },
        _ => FormatError::Io(error),
    })?;
    read(input, file.zxid, length_max, seed, rules)
}

/// Reads what is in a file that is named by `zxid`.
pub fn read(
    input: impl BufRead,
    zxid: Zxid,
    length_max: usize,
    seed: HashSeed,
    rules: Rules,
) -> Result<LoadedSnapshot, FormatError> {
    let mut archive = InputArchive::new(input, length_max);
    read_header(&mut archive)?;
    let content = stream::read(&mut archive, zxid, seed, rules)?;
    read_seal(&mut archive)?;
    let (mut digest, mut last_zxid) = (None, None);
    while !archive.is_at_end()? && last_zxid.is_none() {
        match read_appendix(&mut archive)? {
            Appendix::Digest(read) if digest.is_none() => digest = Some(read),
            Appendix::Digest(_) => return Err(archive.damaged("it has two digests".to_owned())),
            Appendix::LastZxid(zxid) => last_zxid = Some(zxid),
        }
    }
    let digest =
        digest.filter(|digest| digest.version == DIGEST_VERSION && digest.zxid > Zxid::ZERO && digest.zxid >= zxid);
    Ok(LoadedSnapshot { content, digest, last_zxid, bytes: archive.offset() })
}

fn read_header(archive: &mut InputArchive<impl Read>) -> Result<(), FormatError> {
    let (magic, version) = (archive.i32()?, archive.i32()?);
    archive.i64()?;
    if magic != MAGIC {
        return Err(archive.damaged("it does not begin as a snapshot of ZooKeeper's".to_owned()));
    }
    if version != VERSION {
        return Err(archive.damaged(format!("its format has the version {version}, and {VERSION} is known")));
    }
    Ok(())
}

fn read_seal(archive: &mut InputArchive<impl Read>) -> Result<(), FormatError> {
    let computed = i64::from(archive.checksum());
    let written = archive.i64()?;
    check_seal(archive, computed, written)
}

fn check_seal(archive: &mut InputArchive<impl Read>, computed: i64, written: i64) -> Result<(), FormatError> {
    if written != computed {
        return Err(archive.damaged(format!("the checksum of all before this is {computed:x}, but was {written:x}")));
    }
    if archive.array::<{ SEAL_END.len() }>()? != *SEAL_END {
        return Err(archive.damaged("a seal does not end with /".to_owned()));
    }
    Ok(())
}

/// What may stand behind the first seal, each with a seal of its own.
enum Appendix {
    Digest(ZxidDigest),
    LastZxid(Zxid),
}

/// The last zxid may stand without a digest before it, where digests were switched off. Then the upper half of its seal's
/// checksum, which is always 0, stands where the version of a digest would.
fn read_appendix(archive: &mut InputArchive<impl Read>) -> Result<Appendix, FormatError> {
    let zxid = Zxid(archive.i64()?);
    let computed = i64::from(archive.checksum());
    let version = archive.i32()?;
    if version == 0 {
        let written = i64::from(archive.i32()? as u32);
        check_seal(archive, computed, written)?;
        return Ok(Appendix::LastZxid(zxid));
    }
    let digest = match version {
        // A text of hexadecimal digits, of something else.
        ..DIGEST_VERSION => archive.text().map(|_| 0)?,
        _ => archive.i64()? as u64,
    };
    read_seal(archive)?;
    Ok(Appendix::Digest(ZxidDigest { zxid, version, digest }))
}

/// Writes a version that is exactly that after `zxid`, with all that ZooKeeper 3.9 has; older ones read it too.
pub fn write<W: Write>(output: W, view: &View<'_>, zxid: Zxid, sessions: &[(i64, i32)]) -> io::Result<W> {
    let mut archive = OutputArchive::new(output);
    archive.put(|out| {
        out.put_i32(MAGIC);
        out.put_i32(VERSION);
        out.put_i64(DATABASE_ID);
    })?;
    stream::write(&mut archive, view, sessions)?;
    write_seal(&mut archive)?;
    archive.put(|out| {
        out.put_i64(zxid.0);
        out.put_i32(DIGEST_VERSION);
        out.put_i64(view.digest() as i64);
    })?;
    write_seal(&mut archive)?;
    archive.put(|out| out.put_i64(zxid.0))?;
    write_seal(&mut archive)?;
    archive.finish()
}

fn write_seal(archive: &mut OutputArchive<impl Write>) -> io::Result<()> {
    let checksum = archive.checksum()?;
    archive.put(|out| {
        out.put_i64(i64::from(checksum));
        out.extend_from_slice(SEAL_END);
    })
}
