//! What a start and a read would cost if a snapshot were an archive that is mapped and served from, beside what they cost.
//!
//! ```text
//! cargo build --release --package paddock-benches --example archive
//! target/release/examples/archive DIRECTORY [ZNODES]
//! ```
//!
//! Makes znodes with paths of 35 bytes and values of 100, writes them as a snapshot and as an rkyv archive (a hash table by
//! path, so that nothing is built at a start), both into a new directory below DIRECTORY, and prints a table. Each time is the
//! least of five. Both files are in the file system's cache.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::io::{Access, Files};
use paddock_engine::snapshot;
use paddock_engine::stat::Stat;
use paddock_engine::tree::{ExtendedTypes, HashSeed, NewZnode, Tree, View};
use rkyv::rancor;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SEED: HashSeed = HashSeed([7; 16]);
const PARENTS: u64 = 1000;
const DATA: [u8; 100] = [b'd'; 100];
const ROUNDS: usize = 5;
const READS: u64 = 1_000_000;

/// A znode as an archive would have it: the fields of its Stat, because what is archived is no wire format.
#[derive(rkyv::Archive, rkyv::Serialize)]
struct Znode {
    data: Vec<u8>,
    czxid: i64,
    mzxid: i64,
    ctime: i64,
    mtime: i64,
    pzxid: i64,
    owner: i64,
    version: i32,
    cversion: i32,
    aversion: i32,
    children: Vec<String>,
}

type State = HashMap<String, Znode>;
type Archived = rkyv::Archived<State>;

impl Znode {
    fn new(stat: &Stat, data: &[u8], children: Vec<String>) -> Znode {
        let Stat { czxid, mzxid, ctime, mtime, pzxid, version, cversion, aversion, .. } = *stat;
        let (data, owner) = (data.to_vec(), stat.ephemeral_owner);
        Znode { data, czxid, mzxid, ctime, mtime, pzxid, owner, version, cversion, aversion, children }
    }
}

impl ArchivedZnode {
    /// The body of a getData reply.
    fn put_body(&self, out: &mut Vec<u8>) {
        let stat = Stat {
            czxid: self.czxid.to_native(),
            mzxid: self.mzxid.to_native(),
            ctime: self.ctime.to_native(),
            mtime: self.mtime.to_native(),
            pzxid: self.pzxid.to_native(),
            ephemeral_owner: self.owner.to_native(),
            version: self.version.to_native(),
            cversion: self.cversion.to_native(),
            aversion: self.aversion.to_native(),
        };
        out.extend_from_slice(&(self.data.len() as i32).to_be_bytes());
        out.extend_from_slice(&self.data);
        out.extend_from_slice(&stat.to_wire(self.data.len(), self.children.len() as u32, false));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let below = PathBuf::from(arguments.next().expect("the first argument is a directory"));
    let znodes =
        arguments.next().map_or(1_000_000, |count| count.parse().expect("the second one is a number of znodes"));
    let directory = below.join(format!("archive-{}", std::process::id()));
    Files::Real.create_dir(&directory).expect("the directory can be made");
    measure(&directory, znodes);
    std::fs::remove_dir_all(&directory).expect("the directory can be removed");
}

fn measure(directory: &Path, znodes: u64) {
    Files::Real.create_dir(&snapshot::snapshot_dir(directory)).expect("the directory can be made");
    let mut tree = full_tree(znodes);
    let pin = tree.pin().expect("nobody else pins");
    let written = snapshot::write(&Files::Real, directory, &pin.view(), Zxid(1), &SEED, &[], &mut || true);
    let written = written.expect("the snapshot can be written");
    let (file_bytes, count) = (written.bytes, written.znodes);
    let file = written.publish().expect("the snapshot can be put in place");
    let archive = directory.join("archive");
    let archive_bytes = write_archive(&pin.view(), &archive);
    drop((pin, tree));

    let row = |what: &str, figure: String| outln(&format!("| {what} | {figure} |"));
    outln(&format!("| {count} znodes | figure |\n|---|--:|"));
    let checked = least(|| snapshot::check(&Files::Real, &file).expect("it holds"));
    row(&format!("snapshot, {file_bytes} bytes: checksums alone, ms"), millis(checked));
    let loaded = least(|| drop(black_box(snapshot::load(&Files::Real, &file, ExtendedTypes::Off)).expect("it loads")));
    row("snapshot: checked, copied, index built, dropped again, ms", millis(loaded));
    let map = Files::Real.map(&archive).expect("it can be mapped");
    let bytes = map.read(0..map.len()).expect("it can be read");
    row(
        &format!("archive, {archive_bytes} bytes: a checksum alone, ms"),
        millis(least(|| {
            black_box(crc32c::crc32c(bytes));
        })),
    );
    let access = || rkyv::access::<Archived, rancor::Error>(bytes).expect("it holds");
    row(
        "archive: bytecheck, which makes access to it safe, ms",
        millis(least(|| {
            black_box(access());
        })),
    );

    let mut loaded = snapshot::load(&Files::Real, &file, ExtendedTypes::Off).expect("it loads");
    let objects = loaded.tree.memory_bytes() as f64 / count as f64;
    row("snapshot: bytes of memory for each znode, index and names included", format!("{objects:.0}"));
    row("archive: bytes of the file for each znode", format!("{:.0}", archive_bytes as f64 / count as f64));
    let sealed = loaded.tree.seal();
    loaded.tree.publish(sealed);
    let reader = loaded.tree.reader();
    let view = reader.view();
    let mut out = Vec::with_capacity(256);
    let found = least(|| {
        each_read(znodes, |path| {
            out.clear();
            out.extend_from_slice(view.get(path).expect("it is there").data_and_stat());
            black_box(&out);
        })
    });
    row("snapshot, loaded: look-up and body of a reply, ns", nanos(found));
    let state = access();
    let found = least(|| {
        each_read(znodes, |path| {
            out.clear();
            state.get(path).expect("it is there").put_body(&mut out);
            black_box(&out);
        })
    });
    row("archive, mapped: look-up and body of a reply, ns", nanos(found));
}

fn path_of(index: u64) -> String {
    format!("/parent-{:06}/instance-{index:011}", index % PARENTS)
}

fn full_tree(znodes: u64) -> Tree {
    let mut tree = Tree::new(SEED, ExtendedTypes::Off);
    let stat = Stat { czxid: 1, mzxid: 1, pzxid: 1, ..Stat::default() };
    let plain = |path: &str, data: &[u8], tree: &mut Tree| {
        tree.install(NewZnode { path, data: Some(data), acl: None, stat });
    };
    plain("/", b"", &mut tree);
    (0..PARENTS).for_each(|parent| plain(&format!("/parent-{parent:06}"), b"", &mut tree));
    (0..znodes).for_each(|index| plain(&path_of(index), &DATA, &mut tree));
    let sealed = tree.seal();
    tree.publish(sealed);
    tree
}

/// Its bytes.
fn write_archive(view: &View<'_>, path: &Path) -> usize {
    let entry = |znode: paddock_engine::tree::Znode<'_>| {
        let children = znode.children().map(str::to_owned).collect();
        (znode.path().to_owned(), Znode::new(&znode.stat(), znode.data().unwrap_or_default(), children))
    };
    let state: State = view.iter().map(entry).collect();
    let bytes = rkyv::to_bytes::<rancor::Error>(&state).expect("it can be archived");
    let file = Files::Real.open(path, Access::Replace).expect("the file can be made");
    file.write_all_at(&bytes, 0).expect("it can be written");
    bytes.len()
}

fn each_read(znodes: u64, mut read: impl FnMut(&str)) {
    let mut random = 1u64;
    for _ in 0..READS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        read(&path_of(random % znodes));
    }
}

fn least(mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..ROUNDS).map(once).min().expect("there are rounds")
}

fn millis(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

fn nanos(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e9 / READS as f64)
}

#[allow(clippy::print_stdout, reason = "this program's output is its result")]
fn outln(line: &str) {
    println!("{line}");
}
