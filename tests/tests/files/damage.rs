//! Every file of a data directory, damaged in every way: flipped, cut, zeroed, removed, emptied, replaced by an older copy.
//! In three shapes (one directory, two, one beside a ZooKeeper's files), each after a stop in order and after a kill.
//!
//! Each case ends in one of three ways: everything acknowledged is served; the start is refused, with a sentence that names
//! a directory, and a file or a transaction in it, and says what to do; or something is lost. The last is allowed only where nothing
//! on the disk can tell: bytes at the end of the newest segment of a killed server, which a crash may have kept from
//! getting there, and then never below what the milestone says.
use crate::{client, configure, copy, count, create, files, inside, setup};
use paddock_tests::server::{DEADLINE, Server, Setup, TempDir, four_letter_word, poll_until};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Starts that run side by side.
const THREADS: usize = 4;
const ZNODES: usize = 300;
/// Of these there were so many when the older copies were made.
const ZNODES_BEFORE: usize = 280;
/// Starts that must have been judged, so that none of the kinds goes missing unseen.
const CASES_MIN: usize = 440;

/// Where the milestone has the zxid up to which the log is durable: see the engine's `log/FORMAT.md`.
const MILESTONE_ZXID: std::ops::Range<usize> = 44..52;

/// What a refusal speaks of: one of these files, or a transaction.
const NAMED: [&str; 5] = ["log.00", "snapshot.00", "milestone", "paddock.lock", "0x"];
/// What a refusal tells to do.
const ADVICE: [&str; 5] = [
    "drops everything later, acknowledged or not",
    "goes on with that and gives up everything later, acknowledged or not",
    "put back one from a backup",
    "bring back the snapshot or log that is missing",
    "put it back or correct the path",
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    One,
    Two,
    BesideZooKeeper,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Stopped,
    Killed,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Damage {
    /// One bit, at so many hundredths of what is written in the file.
    Flip(u64),
    /// Only so many hundredths are left.
    Cut(u64),
    /// From so many hundredths on.
    Zero(u64),
    Remove,
    Empty,
    OlderCopy,
}

const DAMAGES: [Damage; 14] = [
    Damage::Flip(1),
    Damage::Flip(10),
    Damage::Flip(30),
    Damage::Flip(60),
    Damage::Flip(99),
    Damage::Cut(10),
    Damage::Cut(30),
    Damage::Cut(50),
    Damage::Cut(99),
    Damage::Zero(0),
    Damage::Zero(50),
    Damage::Remove,
    Damage::Empty,
    Damage::OlderCopy,
];

/// A data directory as a server left it, and as it was a while before.
struct Original {
    shape: Shape,
    end: End,
    whole: TempDir,
    older: TempDir,
}

fn damaged_setup() -> Setup {
    setup().config("snapCount", "100").config("preAllocSize", "1024")
}

fn place(server: &Server, shape: Shape) {
    let log_dir = server.config_path().with_file_name("logs");
    configure(server, "dataLogDir", (shape == Shape::Two).then_some(&log_dir));
}

/// The directories of a server: what is in them is what is damaged.
fn halves(server: &Server) -> [PathBuf; 2] {
    [server.data_dir(), server.config_path().with_file_name("logs")]
}

fn take_copy(server: &Server, to: &TempDir) {
    for (half, name) in halves(server).iter().zip(["data", "logs"]) {
        if half.exists() {
            copy(half, &to.path().join(name));
        }
    }
}

impl Original {
    fn new(shape: Shape, end: End) -> Original {
        let mut server = damaged_setup().prepare();
        place(&server, shape);
        server.restart();
        if shape == Shape::BesideZooKeeper {
            let theirs = server.data_dir().join("version-2");
            std::fs::create_dir(&theirs).expect("it can be made");
            std::fs::write(theirs.join("snapshot.0"), b"ZooKeeper's").expect("it is writable");
        }
        let mut client = client(&server);
        let snapshots = || files(&inside(&server.data_dir()), "snapshot.0").len();
        let original = Original { shape, end, whole: TempDir::new("whole"), older: TempDir::new("older") };
        for (created, more) in [(0, 140), (140, ZNODES_BEFORE - 140)] {
            create(&mut client, created..created + more);
            // Snapshots are taken in the background; each begins a new segment.
            let taken = if created == 0 { 1 } else { 2 };
            poll_until(DEADLINE, || (snapshots() >= taken).then_some(())).expect("a snapshot is taken");
        }
        take_copy(&server, &original.older);
        create(&mut client, ZNODES_BEFORE..ZNODES);
        match end {
            End::Stopped => assert!(server.terminate().success()),
            End::Killed => server.kill(),
        }
        take_copy(&server, &original.whole);
        original
    }

    /// The newest transaction that the milestone says was durable.
    fn milestone(&self) -> u64 {
        let bytes = std::fs::read(inside(&self.whole.path().join("data")).join("milestone")).expect("it is there");
        u64::from_le_bytes(bytes[MILESTONE_ZXID].try_into().expect("eight bytes"))
    }

    /// The files that are damaged, by their places below the copy.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for name in ["data", "logs"] {
            let half = self.whole.path().join(name);
            found.extend(files(&inside(&half), ""));
            found.extend(files(&half, "paddock.lock"));
        }
        found.into_iter().map(|path| path.strip_prefix(self.whole.path()).expect("it is below").to_owned()).collect()
    }
}

/// So many hundredths of the bytes up to the last that is not zero.
fn spot(path: &Path, hundredths: u64) -> u64 {
    let bytes = std::fs::read(path).expect("it is there");
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1) as u64;
    written * hundredths / 100
}

/// `false`: there is nothing to damage so.
fn damage(path: &Path, older: &Path, damage: Damage) -> bool {
    let open = || OpenOptions::new().read(true).write(true).open(path).expect("it is there");
    let length = path.metadata().expect("it is there").len();
    match damage {
        Damage::Remove => std::fs::remove_file(path).expect("it is there"),
        Damage::OlderCopy => {
            let is_other = older.exists() && std::fs::read(older).ok() != std::fs::read(path).ok();
            return is_other && std::fs::copy(older, path).is_ok();
        }
        _ if length == 0 => return false,
        Damage::Empty => open().set_len(0).expect("it is writable"),
        Damage::Cut(left) => open().set_len(spot(path, left)).expect("it is writable"),
        Damage::Flip(at) => {
            let (file, at, mut byte) = (open(), spot(path, at), [0]);
            file.read_exact_at(&mut byte, at).expect("it is that long");
            file.write_all_at(&[byte[0] ^ 4], at).expect("it is writable");
        }
        Damage::Zero(from) => {
            let from = spot(path, from);
            let file = open();
            file.set_len(from).expect("it is writable");
            file.set_len(length).expect("it is writable");
        }
    }
    true
}

enum Outcome {
    /// With so many znodes, up to this transaction; how the log of words goes on about it.
    Served {
        znodes: usize,
        zxid: u64,
        log: String,
    },
    Refused(String),
}

/// The newest transaction, as `srvr` tells it.
fn zxid(said: &str) -> u64 {
    let zxid = said.lines().find_map(|line| line.strip_prefix("Zxid: 0x")).expect("a line of srvr");
    u64::from_str_radix(zxid, 16).expect("hexadecimal digits")
}

fn outcome(server: &Server) -> Outcome {
    server.spawn();
    let ended = poll_until(DEADLINE, || match server.exit_status() {
        Some(status) => Some(Ok(status)),
        None => {
            four_letter_word(server.address(), "srvr", DEADLINE).ok().filter(|said| said.contains("Mode:")).map(Err)
        }
    });
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
    match ended.unwrap_or_else(|| panic!("it neither serves nor ends:\n{log}")) {
        Err(said) => Outcome::Served { znodes: count(server), zxid: zxid(&said), log },
        Ok(status) => {
            assert!(matches!(status.code(), Some(1..=3)), "{status}: {log}");
            Outcome::Refused(log.lines().last().unwrap_or_default().to_owned())
        }
    }
}

/// What happened in how many cases.
#[derive(Default, Debug)]
struct Tally {
    whole: usize,
    refused: usize,
    torn: usize,
    untold: usize,
}

fn judge(original: &Original, file: &Path, damage_done: Damage, tally: &Mutex<Tally>) {
    let server = damaged_setup().prepare();
    place(&server, original.shape);
    for (half, name) in halves(&server).iter().zip(["data", "logs"]) {
        if original.whole.path().join(name).exists() {
            copy(&original.whole.path().join(name), half);
        }
    }
    let [data, logs] = halves(&server);
    let damaged = match file.strip_prefix("data") {
        Ok(below) => data.join(below),
        Err(_) => logs.join(file.strip_prefix("logs").expect("one of the two")),
    };
    if !damage(&damaged, &original.older.path().join(file), damage_done) {
        return;
    }
    let case = format!("{:?} {:?} {} {damage_done:?}", original.shape, original.end, file.display());
    let log_half = if original.shape == Shape::Two { &logs } else { &data };
    let is_end_of_log = files(&inside(log_half), "log.").iter().rev().take(2).any(|path| *path == damaged)
        && original.end == End::Killed;
    let outcome = outcome(&server);
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Outcome::Refused(sentence) => {
            let dirs = [data.to_str().unwrap(), logs.to_str().unwrap()];
            let is_placed = dirs.iter().any(|dir| sentence.contains(dir));
            let names = NAMED.iter().any(|name| sentence.contains(name));
            let helps = ADVICE.iter().any(|advice| sentence.contains(advice));
            assert!(is_placed && names && helps, "{case}: {sentence}");
            tally.refused += 1;
        }
        Outcome::Served { znodes, zxid, log } => {
            let durable = original.milestone();
            assert!(zxid >= durable, "{case}: 0x{zxid:x} is served, and 0x{durable:x} was durable\n{log}");
            if znodes == ZNODES {
                tally.whole += 1;
                return;
            }
            assert!(
                is_end_of_log,
                "{case}: only {znodes} of {ZNODES} znodes are served, of which something tells\n{log}"
            );
            match log.contains("torn by a crash") {
                true => tally.torn += 1,
                false => tally.untold += 1,
            }
            eprintln!("{case}: {znodes} of {ZNODES}");
        }
    }
}

#[test]
fn no_damage_loses_in_silence_what_anything_tells_of() {
    let mut originals = Vec::new();
    for shape in [Shape::One, Shape::Two, Shape::BesideZooKeeper] {
        for end in [End::Stopped, End::Killed] {
            originals.push(Original::new(shape, end));
        }
    }
    let mut cases = Vec::new();
    for original in &originals {
        for file in original.files() {
            cases.extend(DAMAGES.iter().map(|damage| (original, file.clone(), *damage)));
        }
    }
    let (tally, next) = (Mutex::new(Tally::default()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((original, file, damage)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge(original, file, *damage, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no case has failed");
    eprintln!("{tally:?}");
    let judged = tally.whole + tally.refused + tally.torn + tally.untold;
    assert!(judged >= CASES_MIN, "{judged} of {} cases were judged", cases.len());
}
