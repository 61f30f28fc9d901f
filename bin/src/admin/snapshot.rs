//! `snapshot`: the state as it is now, for whoever keeps copies of it.
//!
//! What is sent is a snapshot file of ZooKeeper 3.9, exact at one zxid, with its digest: `restore` of a ZooKeeper takes it, and so
//! does `paddock convert`, from a `version-2` in which it has its name. A version that is committed and durable is held, written into
//! a file without a name, and let go; the file goes with the answer, and with the process at the latest. It is not left in the
//! `dataDir`, where a start would find a ZooKeeper's file beside what is there.
//!
//! With `streaming=false` nothing is sent, and this server's own snapshot is what is taken.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use paddock_consensus::Zxid;
use paddock_engine::io::{Access, File, Files, Sequential, advice};
use paddock_engine::snapshot::{HeldVersion, snapshot_path};
use paddock_engine::zookeeper;
use paddock_net::survey::{Piece, Question};

use super::outcome::{Outcome, Refusal};
use super::source::Source;
use crate::http::bounds::PIECE_BYTES;
use crate::http::{Request, parameter};

/// The name of the file while it is written, in the `dataDir`.
const NAME: &str = "admin.spool";
/// A snapshot of this server's own is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Removes what a former process has left.
pub fn remove_leftover(data_dir: &Path) {
    // Where there is none, or none can be removed, the next one is written over it or fails.
    for name in [NAME, super::restore::NAME] {
        let _ = Files::default().unlink(&data_dir.join(name));
    }
}

/// As ZooKeeper, it tells no more than a status where there is none, and the log tells the rest.
pub fn snapshot(source: &Source, request: &Request) -> Result<Outcome, Refusal> {
    if !source.settings.snapshot_enabled {
        return Ok(Outcome::status(StatusCode::SERVICE_UNAVAILABLE));
    }
    let permit = source.limiter.allows(Instant::now()).then(|| Permit::take(&source.is_snapshotting)).flatten();
    let Some(permit) = permit else {
        source.limiter.note_one(&source.status.admin.snapshots_limited);
        return Ok(Outcome::status(StatusCode::TOO_MANY_REQUESTS));
    };
    let is_streamed =
        parameter(request.query.as_deref(), "streaming").is_none_or(|text| text.eq_ignore_ascii_case("true"));
    let count_error = || source.limiter.note_one(&source.status.admin.snapshot_errors);
    let taken = if is_streamed { streamed(source, permit) } else { in_place(source) };
    let taken = taken.inspect_err(|_| count_error())?;
    Ok(taken.unwrap_or_else(|error| {
        tracing::error!("a snapshot that was asked for by HTTP cannot be taken: {error}; {}", advice(&error));
        count_error();
        Outcome::status(StatusCode::INTERNAL_SERVER_ERROR)
    }))
}

/// That a snapshot is being taken for somebody, until this is dropped. One at a time is: it takes disk, and holds a version.
struct Permit(Arc<AtomicBool>);

impl Permit {
    fn take(is_taken: &Arc<AtomicBool>) -> Option<Permit> {
        (!is_taken.swap(true, Ordering::AcqRel)).then(|| Permit(is_taken.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn streamed(source: &Source, permit: Permit) -> Result<io::Result<Outcome>, Refusal> {
    let version = source.held_version()?.ok_or_else(no_answer)?;
    let zxid = version.zxid;
    let written = write(&Files::default(), &(source.data_dir)().join(NAME), version);
    Ok(written.map(|(file, bytes)| Outcome {
        stream: Some(Box::new(move |take: &mut dyn FnMut(Vec<u8>) -> bool| {
            let _permit = permit;
            send(&file, bytes, take)
        })),
        ..told(zxid, bytes)
    }))
}

fn in_place(source: &Source) -> Result<io::Result<Outcome>, Refusal> {
    let mut taken = None;
    source.surveyor.ask_for(Question::Snapshot, PATIENCE, |piece| {
        if let Piece::Snapshot(zxid) = piece {
            taken = Some(zxid);
        }
        false
    })?;
    let zxid = taken.ok_or_else(no_answer)?;
    let bytes = std::fs::metadata(snapshot_path(&(source.data_dir)(), zxid)).map(|metadata| metadata.len());
    Ok(bytes.map(|bytes| told(zxid, bytes)))
}

/// What the headers tell.
fn told(zxid: Zxid, bytes: u64) -> Outcome {
    let headers = vec![("last_zxid", format!("0x{:x}", zxid.0)), ("snapshot_size", bytes.to_string())];
    Outcome { headers, ..Outcome::nothing() }
}

/// The server has become something else meanwhile.
fn no_answer() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no snapshot can be taken at this moment; ask again")
}

/// Writes the version, whose file has no name any more then. Returns it with how many bytes it has.
fn write(files: &Files, path: &Path, version: HeldVersion) -> io::Result<(File, u64)> {
    let HeldVersion { pin, zxid, sessions } = version;
    let file = files.open(path, Access::Replace)?;
    let written = zookeeper::snapshot::write(Sequential::new(file), &pin.view(), zxid, &sessions);
    drop(pin);
    let reader = written.and_then(|_| files.open(path, Access::Read));
    files.unlink(path)?;
    let reader = reader?;
    let bytes = reader.length()?;
    Ok((reader, bytes))
}

/// Hands out the file piece by piece, for as long as somebody takes it.
fn send(file: &File, bytes: u64, take: &mut dyn FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    let mut at = 0;
    while at < bytes {
        let mut piece = vec![0; (bytes - at).min(PIECE_BYTES as u64) as usize];
        let count = file.read_at(&mut piece, at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(count);
        at += count as u64;
        if !take(piece) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::FileSystem;
    use paddock_engine::snapshot::HeldVersion;
    use paddock_engine::tree::HashSeed;
    use paddock_engine::zookeeper;

    use super::{NAME, PIECE_BYTES, Permit, send, write};

    const SEED: HashSeed = HashSeed([7; 16]);

    #[test]
    fn what_is_sent_is_a_snapshot_of_zookeeper_and_leaves_no_file() {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/data")).unwrap();
        let path = Path::new("/data").join(NAME);
        let mut database = Database::new(SEED, Rules::default());
        let large = vec![b'x'; 3 * PIECE_BYTES];
        database.tree_mut().rewrite_data("/zookeeper", Some(&large[..]));
        let sealed = database.tree_mut().seal();
        database.tree_mut().publish(sealed);
        let pin = database.tree_mut().pin().unwrap();
        let (file, bytes) =
            write(&files, &path, HeldVersion { pin, zxid: Zxid(5), sessions: vec![(7, 4000)] }).unwrap();
        assert!(!files.exists(&path).unwrap());
        let mut sent = Vec::new();
        send(&file, bytes, &mut |piece| {
            assert!(piece.len() <= PIECE_BYTES);
            sent.extend(piece);
            true
        })
        .unwrap();
        assert_eq!(sent.len() as u64, bytes);
        let loaded = zookeeper::snapshot::read(&sent[..], Zxid(5), 1 << 20, SEED, Rules::default()).unwrap();
        assert_eq!(loaded.last_zxid, Some(Zxid(5)));
        assert_eq!(loaded.content.database.session_timeout(7), Some(4000));
        loaded.check_digest().unwrap();
    }

    #[test]
    fn nobody_is_sent_more_than_is_taken() {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/data")).unwrap();
        let file = files.open(Path::new("/data/file"), paddock_engine::io::Access::Keep).unwrap();
        file.write_all_at(&vec![1; 2 * PIECE_BYTES], 0).unwrap();
        let mut pieces = 0;
        send(&file, 2 * PIECE_BYTES as u64, &mut |_| {
            pieces += 1;
            false
        })
        .unwrap();
        assert_eq!(pieces, 1);
        assert!(send(&file, 3 * PIECE_BYTES as u64, &mut |_| true).is_err(), "it is shorter than it was");
    }

    #[test]
    fn one_is_taken_at_a_time() {
        let is_taken = Arc::new(AtomicBool::new(false));
        let permit = Permit::take(&is_taken).expect("it is free");
        assert!(Permit::take(&is_taken).is_none());
        drop(permit);
        assert!(Permit::take(&is_taken).is_some());
    }
}
