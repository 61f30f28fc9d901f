//! Generations that follow each other, and what is refused.

use std::ffi::OsString;
use std::path::Path;

use paddock_consensus::Zxid;

use super::{
    FormerGenerations, FoundGeneration, Generation, GenerationError, GenerationFile, NextGeneration, make_way,
};
use crate::database::{Database, Rules};
use crate::io::Files;
use crate::io::simulated::{FileSystem, Seeded};
use crate::log::{Log, LogConfig};
use crate::progress::Progress;
use crate::tree::HashSeed;

const SEED: HashSeed = HashSeed([7; 16]);
const FILE: &str = "paddock.generation";

fn data() -> &'static Path {
    Path::new("/data")
}

fn logs() -> &'static Path {
    Path::new("/log")
}

fn config() -> LogConfig {
    let files = Files::Simulated(FileSystem::new(1));
    files.create_dir(data()).unwrap();
    files.create_dir(logs()).unwrap();
    LogConfig { files, data_dir: data().into(), segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(logs()) }
}

fn succeed(config: &LogConfig) -> Generation {
    let mut database = Database::new(SEED, Rules::default());
    NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap().succeed().unwrap().generation
}

fn present(config: &LogConfig) -> Result<Generation, GenerationError> {
    super::present(&config.files, data(), logs())
}

fn former(config: &LogConfig, present: Generation) -> FormerGenerations {
    FormerGenerations::find(&config.files, data(), logs(), present).unwrap()
}

fn list(config: &LogConfig, directory: &Path) -> Vec<OsString> {
    let mut names = config.files.list(directory).unwrap();
    names.sort();
    names
}

#[test]
fn generations_follow_each_other_and_the_former_ones_go_by_and_by() {
    let config = config();
    assert_eq!(present(&config).unwrap(), Generation::FIRST);
    for number in 1..4 {
        let generation = succeed(&config);
        assert_eq!((generation, present(&config).unwrap()), (Generation(number), Generation(number)));
    }
    let mut steps = 0;
    while former(&config, Generation(3)).work() == Progress::More {
        // The process ends after each step, and another one goes on.
        let mut going_on = former(&config, Generation(3));
        (0..steps).for_each(|_| {
            going_on.work();
        });
        steps += 1;
        assert!(steps < 100);
    }
    assert!(steps > 3, "{steps}");
    assert_eq!(list(&config, data()), ["paddock.generation", "paddock.generation.3"]);
    assert_eq!(list(&config, logs()), ["paddock.generation.3"]);
    assert_eq!(list(&config, &Generation(3).dir(data())), ["paddock-1"], "it is not marked any more");
}

#[test]
fn what_was_put_back_is_set_aside_and_what_never_counted_goes() {
    let config = config();
    succeed(&config);
    let file = GenerationFile { files: &config.files, data_dir: data() };
    file.write(Generation::FIRST).unwrap();
    make_way(&config.files, data(), logs(), Generation::FIRST).unwrap();
    assert_eq!(list(&config, data()), ["paddock.generation", "paddock.generation.1.aside"]);
    assert_eq!(list(&config, logs()), ["paddock.generation.1.aside"]);
    let snapshot = Generation(1).dir(data()).with_extension("1.aside").join("paddock-1/snapshot.0000000000000000");
    assert!(config.files.exists(&snapshot).unwrap(), "it is as it was");

    // One that was begun and does not count goes, and once more what counted does not.
    let mut database = Database::new(SEED, Rules::default());
    drop(NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap());
    make_way(&config.files, data(), logs(), Generation::FIRST).unwrap();
    assert_eq!(list(&config, data()), ["paddock.generation", "paddock.generation.1.aside"]);
    succeed(&config);
    file.write(Generation::FIRST).unwrap();
    succeed(&config);
    let names = ["paddock.generation", "paddock.generation.1", "paddock.generation.1.aside"];
    assert_eq!(list(&config, data())[..3], names);
    assert_eq!(list(&config, data())[3], "paddock.generation.1.aside-2");
}

/// The first generation is in a directory that is not its own.
#[test]
fn a_file_of_that_name_beside_the_first_generation_is_a_persons() {
    let config = config();
    config.files.create_dir(&data().join("paddock-1")).unwrap();
    config.files.write_atomically(&data().join("unfinished"), b"a person's").unwrap();
    make_way(&config.files, data(), logs(), Generation::FIRST).unwrap();
    assert!(config.files.exists(&data().join("unfinished")).unwrap());
    let found = super::list(&config.files, data()).unwrap();
    assert_eq!(found, [FoundGeneration { generation: Generation::FIRST, has_counted: true }]);
}

#[test]
fn a_lost_or_damaged_file_is_refused_and_so_is_a_lost_directory() {
    let config = config();
    let file = data().join(FILE);
    // One that was begun and does not count yet.
    let mut database = Database::new(SEED, Rules::default());
    NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap();
    assert_eq!(present(&config).unwrap(), Generation::FIRST);
    succeed(&config);
    let text = config.files.read(&file, 100).unwrap();

    config.files.write_atomically(&file, b"paddock-generation 1\nnumber 0\n").unwrap();
    let error = present(&config).unwrap_err();
    assert!(matches!(error, GenerationError::Damaged { .. }));
    assert!(error.to_string().contains("`paddock log generation /data`"), "{error}");
    config.files.write_atomically(&file, b"paddock-generation 2\n\xff").unwrap();
    assert!(matches!(present(&config), Err(GenerationError::Version { .. })));
    config.files.remove(&file).unwrap();
    let error = present(&config).unwrap_err();
    assert!(matches!(&error, GenerationError::Missing { directory, .. } if *directory == Generation(1).dir(data())));
    // The dataLogDir was given for the dataDir.
    let error = super::present(&config.files, logs(), logs()).unwrap_err();
    assert!(matches!(error, GenerationError::Missing { .. }), "{error}");

    config.files.write_atomically(&file, &text).unwrap();
    assert_eq!(present(&config).unwrap(), Generation(1));
    config.files.remove(&Generation(1).dir(data()).join("paddock-1/snapshot.0000000000000000")).unwrap();
    assert!(matches!(present(&config), Err(GenerationError::Gone { .. })));
}

/// Of a member: what it is brought takes the place of everything, and until then everything stays.
#[test]
fn a_generation_comes_behind_all_others_where_nobody_knows_which_is_present() {
    for is_removed in [true, false] {
        let config = config();
        succeed(&config);
        succeed(&config);
        let file = data().join(FILE);
        match is_removed {
            true => config.files.remove(&file).unwrap(),
            false => config.files.write_atomically(&file, b"paddock-generation 1\nnumber 7").unwrap(),
        }
        assert!(present(&config).unwrap_err().is_damage());
        assert_eq!(super::known(&config.files, data(), logs()).unwrap(), None);
        for _ in 0..3 {
            // It begins without a history, however often.
            let mut database = Database::new(SEED, Rules::default());
            let next = NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap();
            assert_eq!(next.into_unfinished().0, Generation(3));
            assert!(
                config.files.exists(&Generation(2).dir(data()).join("paddock-1/snapshot.0000000000000000")).unwrap()
            );
            assert!(present(&config).is_err(), "it does not count");
        }
        assert_eq!(succeed(&config), Generation(3));
        assert_eq!(present(&config).unwrap(), Generation(3));
        let mut former = former(&config, Generation(3));
        while former.work() == Progress::More {}
        assert_eq!(list(&config, data()), ["paddock.generation", "paddock.generation.3"]);
    }
}

#[test]
fn a_flipped_bit_makes_no_later_format() {
    let config = config();
    succeed(&config);
    let file = data().join(FILE);
    let whole = config.files.read(&file, 100).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        config.files.write_atomically(&file, &flipped).unwrap();
        assert!(matches!(present(&config), Err(GenerationError::Damaged { .. })), "bit {bit}");
    }
}

#[test]
fn the_log_is_durable_before_it_counts_even_without_force_sync() {
    let machine = FileSystem::new(1);
    let files = Files::Simulated(machine.clone());
    files.create_dir(data()).unwrap();
    let config = LogConfig { files, sync: false, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(data()) };
    let mut next = NextGeneration::begin(config.clone(), &mut Database::new(SEED, Rules::default()), &SEED).unwrap();
    next.log().append(Zxid(1), |out| out.extend_from_slice(b"one"));
    next.settle().unwrap();
    let succeeded = next.succeed().unwrap();
    for way in 0..16 {
        let files = Files::Simulated(machine.moment().crashed(&mut Seeded::new(way)));
        let dir = succeeded.generation.dir(data());
        let config = LogConfig { files, data_dir: dir.clone(), dir, ..config.clone() };
        let (log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        assert_eq!(log.range().last, Zxid(1), "{way}");
    }
}

#[test]
fn what_is_not_paddocks_stays_and_all_else_goes() {
    let config = config();
    succeed(&config);
    let foreign = data().join("paddock-1/notes");
    let others = data().join("paddock-1/snapshot.0000000000000001");
    let (of_another_server, log) = (logs().join("paddock-1/milestone"), logs().join("paddock-1/log.1"));
    config.files.create_dir(&data().join("paddock-1")).unwrap();
    config.files.create_dir(&logs().join("paddock-1")).unwrap();
    for file in [&foreign, &others, &of_another_server, &log] {
        config.files.write_atomically(file, b"a person's").unwrap();
    }
    let mut former = former(&config, Generation(1));
    while former.work() == Progress::More {}
    let left = [&foreign, &others, &of_another_server, &log].map(|file| config.files.exists(file).unwrap());
    assert_eq!(left, [true, false, true, false]);
    assert_eq!(present(&config).unwrap(), Generation(1));
}
