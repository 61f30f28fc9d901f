//! What the versioned tree costs, with 1M znodes of 35-byte paths and 100 bytes of data in 1000 parents.
//!
//! The first lines printed are bytes per znode: of the tree's objects, and resident with what the allocator adds.
//! Compare runs on one machine only, and with `_RJEM_MALLOC_CONF=thp:always` for huge pages.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use paddock_engine::stat::Stat;
use paddock_engine::tree::{BulkLoader, ExtendedTypes, HashSeed, LoadedZnode, NewZnode, Reader, Tree};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SEED: HashSeed = HashSeed([7; 16]);
const ZNODES: u64 = 1_000_000;
const PARENTS: u64 = 1000;
const LARGE: u64 = 100_000;
const GROUP: usize = 16;
const DATA: [u8; 100] = [b'd'; 100];

/// The path of a znode, made without touching memory that would add a cache miss of its own.
struct PathText([u8; 35]);

impl PathText {
    fn new() -> PathText {
        PathText(*b"/parent-000000/instance-00000000000")
    }

    fn of(&mut self, index: u64) -> &str {
        put_digits(&mut self.0[8..14], index % PARENTS);
        put_digits(&mut self.0[24..35], index);
        std::str::from_utf8(&self.0).expect("digits are UTF-8")
    }
}

fn put_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn plain<'a>(path: &'a str, data: &'a [u8]) -> NewZnode<'a> {
    NewZnode { path, data: Some(data), acl: None, stat: Stat { czxid: 1, mzxid: 1, pzxid: 1, ..Stat::default() } }
}

/// Publishes the head, has the reader follow, and frees what it left.
fn commit(tree: &mut Tree, reader: &mut Reader) {
    let sealed = tree.seal();
    reader.advance(tree.publish(sealed));
    reader.let_go();
    while tree.reclaim() {}
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("statm has numbers") * 4096
}

/// A published tree with a reader.
fn full_tree() -> (Tree, Reader) {
    let before = resident_bytes();
    let mut tree = Tree::new(SEED, ExtendedTypes::Off);
    tree.install(plain("/", b""));
    let mut reader = tree.reader();
    for parent in 0..PARENTS {
        tree.install(plain(&format!("/parent-{parent:06}"), b""));
    }
    let mut path = PathText::new();
    let start = Instant::now();
    for index in 0..ZNODES {
        tree.create(plain(path.of(index), &DATA), -1);
        if index % 1000 == 999 {
            commit(&mut tree, &mut reader);
        }
    }
    let took = start.elapsed().as_nanos() as f64 / ZNODES as f64;
    let objects = tree.memory_bytes() as f64 / ZNODES as f64;
    let resident = (resident_bytes() - before) as f64 / ZNODES as f64;
    eprintln!("tree: {objects:.1} bytes of objects per znode, {resident:.1} resident, {took:.0} ns to create one");
    (tree, reader)
}

fn reads(c: &mut Criterion, reader: &Reader) {
    let mut group = c.benchmark_group("read");
    let (mut random, mut path) = (Random(1), PathText::new());
    let view = reader.view();
    let mut out = Vec::with_capacity(256);
    group.bench_function("one, found", |b| b.iter(|| black_box(view.get(path.of(random.next() % ZNODES)))));
    group.bench_function("one, copied", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(view.get(path.of(random.next() % ZNODES)).expect("it is there").data_and_stat());
        })
    });
    group.throughput(Throughput::Elements(GROUP as u64));
    group.bench_function("16 together, copied", |b| {
        b.iter(|| {
            let mut texts: [PathText; GROUP] = std::array::from_fn(|_| PathText::new());
            let paths = texts.each_mut().map(|text| text.of(random.next() % ZNODES));
            let mut found = [None; GROUP];
            view.get_many(&paths, &mut found);
            out.clear();
            found.iter().flatten().for_each(|znode| out.extend_from_slice(znode.data_and_stat()));
        })
    });
    group.finish();
}

fn set_some(tree: &mut Tree, reader: &mut Reader, random: &mut Random, per_version: u64, count: u64) -> Duration {
    let mut path = PathText::new();
    let start = Instant::now();
    for index in 1..=count {
        tree.set_data(path.of(random.next() % ZNODES), Some(&DATA), 1, 2, 3);
        if index % per_version == 0 {
            commit(tree, reader);
        }
    }
    start.elapsed()
}

fn sets(c: &mut Criterion, tree: &mut Tree, reader: &mut Reader) {
    let mut group = c.benchmark_group("set");
    let mut random = Random(2);
    for per_version in [1, 10, 100] {
        group.bench_function(BenchmarkId::new("versions of", per_version), |b| {
            b.iter_custom(|count| set_some(tree, reader, &mut random, per_version, count))
        });
    }
    group.bench_function("versions of 10, looked up together first", |b| {
        b.iter_custom(|count| {
            let start = Instant::now();
            for _ in 0..count.div_ceil(10) {
                let mut texts: [PathText; 10] = std::array::from_fn(|_| PathText::new());
                let paths = texts.each_mut().map(|text| text.of(random.next() % ZNODES));
                tree.head().get_many(&paths, &mut [None; 10]);
                for path in paths {
                    tree.set_data(path, Some(&DATA), 1, 2, 3);
                }
                commit(tree, reader);
            }
            start.elapsed()
        })
    });
    // A snapshot thread walks all the while; what it holds back is not freed.
    group.bench_function("versions of 10, while a pin is walked", |b| {
        b.iter_custom(|count| {
            let pin = tree.pin().expect("no other pin is held");
            let done = AtomicBool::new(false);
            let took = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let bytes = |sum, znode: paddock_engine::tree::Znode<'_>| sum + znode.data_and_stat().len();
                        black_box(pin.view().iter().take_while(|_| !done.load(Ordering::Relaxed)).fold(0, bytes));
                    }
                });
                let took = set_some(tree, reader, &mut random, 10, count);
                done.store(true, Ordering::Relaxed);
                took
            });
            drop(pin);
            while tree.reclaim() {}
            took
        })
    });
    group.finish();
}

fn reclaims(c: &mut Criterion, tree: &mut Tree, reader: &mut Reader) {
    let mut group = c.benchmark_group("reclaim");
    let (mut random, mut path) = (Random(3), PathText::new());
    group.throughput(Throughput::Elements(100));
    group.bench_function("version of 100 sets", |b| {
        b.iter_custom(|count| {
            let mut took = Duration::ZERO;
            for _ in 0..count {
                for _ in 0..100 {
                    tree.set_data(path.of(random.next() % ZNODES), Some(&DATA), 1, 2, 3);
                }
                let sealed = tree.seal();
                reader.advance(tree.publish(sealed));
                reader.let_go();
                let start = Instant::now();
                while tree.reclaim() {}
                took += start.elapsed();
            }
            took
        })
    });
    group.finish();
}

/// Times `count` creations or deletions under a parent, in rounds of 500 that leave the parent as it was.
fn churn(
    tree: &mut Tree,
    reader: &mut Reader,
    parent: &str,
    per_version: usize,
    count: u64,
    deletions: bool,
) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = count as usize;
    let paths: Vec<String> = (0..500).map(|index| format!("{parent}/fresh-{index:010}")).collect();
    while left > 0 {
        let paths = &paths[..left.min(500)];
        left -= paths.len();
        let timed = |tree: &mut Tree, reader: &mut Reader, change: &dyn Fn(&mut Tree, &str)| {
            let start = Instant::now();
            for paths in paths.chunks(per_version) {
                paths.iter().for_each(|path| change(tree, path));
                commit(tree, reader);
            }
            start.elapsed()
        };
        let created = timed(tree, reader, &|tree, path| tree.create(plain(path, &DATA), -1));
        let deleted = timed(tree, reader, &|tree, path| tree.delete(path, 2));
        took += if deletions { deleted } else { created };
    }
    took
}

fn children(c: &mut Criterion, tree: &mut Tree, reader: &mut Reader) {
    for parent in ["/small", "/large"] {
        tree.install(plain(parent, b""));
    }
    (0..10).for_each(|index| tree.install(plain(&format!("/small/child-{index:010}"), &DATA)));
    for index in 0..LARGE {
        tree.install(plain(&format!("/large/child-{index:010}"), &DATA));
        if index % 1000 == 999 {
            commit(tree, reader);
        }
    }
    let mut group = c.benchmark_group("children");
    for (parent, name) in [("/small", "few"), ("/large", "100k")] {
        for (deletions, verb) in [(false, "create among"), (true, "delete among")] {
            for per_version in [1, 10] {
                group.bench_function(BenchmarkId::new(format!("{verb} {name}, versions of"), per_version), |b| {
                    b.iter_custom(|count| churn(tree, reader, parent, per_version, count, deletions))
                });
            }
        }
    }
    let mut out = Vec::new();
    group.bench_function("list 100k", |b| {
        let parent = reader.view().get("/large").expect("it was installed");
        b.iter(|| {
            out.clear();
            parent.write_children(&mut out);
        })
    });
    group.finish();
}

fn walks(c: &mut Criterion, tree: &Tree) {
    let mut group = c.benchmark_group("all");
    group.sample_size(10).throughput(Throughput::Elements(tree.len() as u64));
    group.bench_function("walk and read", |b| {
        b.iter(|| {
            tree.head().iter().fold(0, |sum, znode| {
                sum + znode.data_and_stat().iter().step_by(64).map(|&byte| usize::from(byte)).sum::<usize>()
            })
        })
    });
    // One behind the other, as they come from a file.
    let mut bytes = Vec::new();
    let records: Vec<_> = tree
        .head()
        .iter()
        .map(|znode| {
            let start = bytes.len();
            bytes.extend_from_slice(znode.path().as_bytes());
            let path_end = bytes.len();
            bytes.extend_from_slice(znode.data().expect("no data is null"));
            let data_end = bytes.len();
            znode.write_children(&mut bytes);
            (znode.stat(), znode.num_children(), start..path_end, path_end..data_end, data_end..bytes.len())
        })
        .collect();
    group.bench_function("load", |b| {
        b.iter_custom(|count| {
            let mut took = Duration::ZERO;
            for _ in 0..count {
                let start = Instant::now();
                let mut loader = BulkLoader::new(SEED, ExtendedTypes::Off);
                for (stat, num_children, path, data, child_names) in &records {
                    let znode = LoadedZnode {
                        path: std::str::from_utf8(&bytes[path.clone()]).expect("it was a path"),
                        data: Some(&bytes[data.clone()]),
                        acl: None,
                        stat: *stat,
                        num_children: *num_children,
                        child_names: &bytes[child_names.clone()],
                    };
                    loader.push(znode).expect("it was walked in order");
                }
                let tree = loader.finish().expect("it is linked");
                took += start.elapsed();
                drop(tree);
            }
            took
        })
    });
    group.finish();
}

fn tree(c: &mut Criterion) {
    let (mut tree, mut reader) = full_tree();
    reads(c, &reader);
    sets(c, &mut tree, &mut reader);
    reclaims(c, &mut tree, &mut reader);
    children(c, &mut tree, &mut reader);
    drop(reader);
    walks(c, &tree);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = tree
}
criterion_main!(benches);
