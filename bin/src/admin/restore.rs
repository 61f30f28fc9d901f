//! `restore`: a server that stands alone takes in a snapshot, as the command `snapshot` sends one, and goes on with its state.
//!
//! | step | what goes wrong leaves |
//! |---|---|
//! | 1. the body is written into a file without a name in the `dataDir`, within `paddock.restore.maxBytes` and with room to spare | everything as it was |
//! | 2. all of it is read: checksums, paths, digest, and the transaction at its end, which its state stands at | the same |
//! | 3. the server stops in order: what it has taken is answered, and its log is ended | the same; where its log fails it ends, as it would have anyway |
//! | 4. the state is written as the next generation of the `dataDir` | the same, and the server begins anew |
//! | 5. the file that says which generation counts is exchanged | one of the two states whole: which, the server tells when it has begun anew |
//! | 6. the one who asked is answered, and the process begins anew with it | |
//!
//! Connections end with the former server. Sessions that are in the snapshot live on, as after any restart. A client that has seen a
//! later transaction than the snapshot's is refused, as by any server that knows less, until there are as many again, and is to be
//! started anew; one that has not, and whose session is not in the snapshot, is told that it has expired. The configuration is read
//! anew too. A member has its state from its leader, and no other way in.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hyper::StatusCode;
use paddock_consensus::Zxid;
use paddock_engine::database::Database;
use paddock_engine::io::{Access, File, Files, Sequential, advice};
use paddock_engine::zookeeper;

use super::authorization::{identities, shown};
use super::json::named;
use super::outcome::{Outcome, Refusal};
use super::restorer::{BroughtState, Conclusion, Restorer};
use super::source::Source;
use crate::http::{Request, Upload};

/// The name of the file until it has been opened, in the `dataDir`.
pub const NAME: &str = "admin.restore";
/// Room that is to be left besides the state, which is written once more, bytes.
const ROOM_BYTES: u64 = 64 << 20;
/// Whether there is room is looked at after so many bytes.
const LOOK_BYTES: u64 = 16 << 20;
/// What stands behind the transaction at the end: a checksum, and a jute text with one letter, bytes.
const LAST_SEAL: u64 = 8 + 4 + 1;

const OF_MEMBER: &str = "a member of an ensemble has its state from its leader and takes none by HTTP: stop all servers, give each that \
                         votes the same state with paddock restore, or with paddock convert, and start them";
const OFTEN: &str =
    "a restore was asked for not long ago, or is under way; admin.rateLimiterIntervalInMS is from one to the next";
const NO_BODY: &str = "a restore takes a snapshot as its body, as the command snapshot sends one";

pub fn restore(source: &Source, request: &Request) -> Result<Outcome, Refusal> {
    if !source.settings.restore_enabled {
        return Ok(Outcome::status(StatusCode::SERVICE_UNAVAILABLE));
    }
    let Some(restorer) = &source.restorer else {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, OF_MEMBER));
    };
    let upload = request.upload.as_ref().ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, NO_BODY))?;
    let permit = source.restore_limiter.allows(Instant::now()).then(|| Permit::take(&source.is_restoring)).flatten();
    if permit.is_none() {
        source.restore_limiter.note_one(&source.status.admin.restores_limited);
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, OFTEN));
    }
    let who = shown(&identities(source, request)?);
    let restored = restored(source, restorer, upload, &who);
    if let Err(refusal) = &restored {
        source.restore_limiter.note_one(&source.status.admin.restore_errors);
        tracing::warn!(who, "a restore by HTTP was refused: {}", refusal.error);
    }
    let Zxid(zxid) = restored?;
    // The process that has answered is there no longer.
    let headers = vec![("connection", "close".to_owned())];
    Ok(Outcome { headers, ..Outcome::of(named([("last_zxid", zxid.into())])) })
}

/// That a restore is under way, until this is dropped.
struct Permit<'a>(&'a AtomicBool);

impl Permit<'_> {
    fn take(is_taken: &AtomicBool) -> Option<Permit<'_>> {
        (!is_taken.swap(true, Ordering::AcqRel)).then_some(Permit(is_taken))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn restored(source: &Source, restorer: &Restorer, upload: &Upload, who: &str) -> Result<Zxid, Refusal> {
    let files = Files::default();
    let directory = (source.data_dir)();
    let bound = source.settings.restore_bytes_max;
    // A client that waits for leave to send is told at once.
    let announced = upload.announced().unwrap_or(0);
    check_length(announced, bound)?;
    check_rooms(&files, &directory, &source.log_dir, announced)?;
    let mut next = || upload.next();
    let file = receive(&files, &directory, bound, &mut next)?;
    let state = read(file, restorer)?;
    let zxid = state.last_zxid();
    tracing::warn!(who, %zxid, znodes = state.tree().len(), "a snapshot has come by HTTP: the server stops, and begins anew with it");
    match restorer.bring(BroughtState { database: state, departure: upload.departure() }) {
        Conclusion::Placed(zxid) => Ok(zxid),
        Conclusion::Refused(why) => Err(internal(why)),
    }
}

fn internal(error: String) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error)
}

/// Writes what comes into a file that has no name any more.
fn receive(
    files: &Files,
    directory: &Path,
    bytes_max: u64,
    next: &mut dyn FnMut() -> io::Result<Option<hyper::body::Bytes>>,
) -> Result<File, Refusal> {
    let cannot = |error: io::Error| {
        internal(format!("what comes cannot be written into the dataDir: {error}; {}", advice(&error)))
    };
    let path = directory.join(NAME);
    let mut writer = Sequential::new(files.open(&path, Access::Replace).map_err(cannot)?);
    let reader = files.open(&path, Access::Read);
    files.unlink(&path).map_err(cannot)?;
    let reader = reader.map_err(cannot)?;
    let (mut bytes, mut looked_at) = (0, 0);
    check_room(files, directory, bytes)?;
    let broken =
        |error: io::Error| Refusal::new(StatusCode::BAD_REQUEST, format!("the snapshot has not come whole: {error}"));
    while let Some(piece) = next().map_err(broken)? {
        bytes += piece.len() as u64;
        check_length(bytes, bytes_max)?;
        if bytes - looked_at >= LOOK_BYTES {
            check_room(files, directory, bytes)?;
            looked_at = bytes;
        }
        io::Write::write_all(&mut writer, &piece).map_err(cannot)?;
    }
    check_room(files, directory, bytes)?;
    Ok(reader)
}

fn check_length(bytes: u64, bytes_max: u64) -> Result<(), Refusal> {
    if bytes > bytes_max {
        let error =
            format!("the snapshot is longer than paddock.restore.maxBytes={bytes_max}; raise that, and ask again");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    Ok(())
}

/// The state is written twice into the `dataDir`, and its log begins in the `dataLogDir`.
fn check_rooms(files: &Files, directory: &Path, log_dir: &Path, bytes: u64) -> Result<(), Refusal> {
    check_room(files, directory, 2 * bytes)?;
    check_room(files, log_dir, 0)
}

/// What has come is written once more, as the server's own snapshot.
fn check_room(files: &Files, directory: &Path, bytes: u64) -> Result<(), Refusal> {
    let needed = bytes + ROOM_BYTES;
    match files.free_bytes(directory) {
        Some(free) if free < needed => {
            let error = format!(
                "{} has {free} bytes free, and needs {needed} for this; free some, and ask again",
                directory.display()
            );
            Err(Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error))
        }
        _ => Ok(()),
    }
}

/// The state in a file, of which all was checked.
fn read(file: File, restorer: &Restorer) -> Result<Database, Refusal> {
    let cannot = |error: &dyn std::fmt::Display| {
        internal(format!("what has come is no snapshot that this server can take: {error}"))
    };
    let zxid = last_zxid(&file).map_err(|error| cannot(&error))?;
    let reader = io::BufReader::new(Sequential::new(file));
    let read = zookeeper::snapshot::read(reader, zxid, restorer.length_max, restorer.seed, restorer.rules.clone());
    let database = read.map_err(|error| cannot(&error))?.into_whole().map_err(|error| cannot(&error))?;
    if zxid < Zxid::ZERO || zxid.epoch().next().is_none() {
        return Err(cannot(&format_args!("it stands at the transaction {zxid}, behind which there are no more")));
    }
    Ok(database)
}

/// The transaction that is told at the end, if the file has that: it is read once more in its place.
fn last_zxid(file: &File) -> io::Result<Zxid> {
    let mut bytes = [0; 8];
    let end = file.length()?.saturating_sub(LAST_SEAL + bytes.len() as u64);
    let read = file.read_at(&mut bytes, end)?;
    if read < bytes.len() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is too short for one"));
    }
    Ok(Zxid(i64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use hyper::StatusCode;
    use hyper::body::Bytes;
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::FileSystem;

    use super::{LOOK_BYTES, NAME, ROOM_BYTES, Refusal, receive};

    const DATA: &str = "/data";
    const PIECE: u64 = 1 << 20;

    fn machine() -> (FileSystem, Files) {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        files.create_dir(Path::new(DATA)).unwrap();
        (machine, files)
    }

    /// So many pieces that come, and then what there is.
    fn received(files: &Files, bytes_max: u64, mut pieces: u64, end: Result<(), &str>) -> Result<u64, Refusal> {
        let mut next = || match (pieces, end) {
            (0, Ok(())) => Ok(None),
            (0, Err(why)) => Err(io::Error::other(why)),
            _ => {
                pieces -= 1;
                Ok(Some(Bytes::from(vec![7; PIECE as usize])))
            }
        };
        let file = receive(files, Path::new(DATA), bytes_max, &mut next);
        assert!(!files.exists(&Path::new(DATA).join(NAME)).unwrap(), "it has no name");
        file.map(|file| file.length().unwrap())
    }

    #[test]
    fn a_body_is_taken_whole_within_its_bound() {
        let (_, files) = machine();
        assert_eq!(received(&files, 3 * PIECE, 3, Ok(())), Ok(3 * PIECE));
        let refused = |pieces, end| received(&files, 3 * PIECE, pieces, end).expect_err("it is refused");
        let longer = refused(4, Ok(()));
        assert_eq!(longer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(longer.error.contains("paddock.restore.maxBytes=3145728"), "{}", longer.error);
        let broken = refused(2, Err("the cable"));
        assert_eq!(broken.status, StatusCode::BAD_REQUEST);
        assert!(broken.error.ends_with("has not come whole: the cable"), "{}", broken.error);
    }

    /// It is written once more, and the log is to have some room.
    #[test]
    fn a_disk_without_room_for_it_is_not_filled() {
        let (machine, files) = machine();
        for (space, pieces) in [(ROOM_BYTES - 1, 0), (ROOM_BYTES + 3 * PIECE, 2), (ROOM_BYTES + LOOK_BYTES, 40)] {
            machine.set_space(space);
            let refusal = received(&files, 1 << 40, pieces, Ok(())).expect_err("there is no room");
            assert_eq!(refusal.status, StatusCode::INSUFFICIENT_STORAGE, "{}", refusal.error);
            assert_eq!(files.free_bytes(Path::new(DATA)), Some(space), "nothing stays");
        }
        machine.set_space(ROOM_BYTES + 4 * PIECE);
        assert_eq!(received(&files, 1 << 40, 2, Ok(())), Ok(2 * PIECE));
    }
}
