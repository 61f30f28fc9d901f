//! Three disks as an ensemble left them that has lived: whole copies were taken, so that generations have followed each other,
//! epochs have, snapshots and segments have; and one server lacks what the other two have acknowledged at last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_engine::io::simulated::{Choice, FileSystem};
use paddock_engine::io::{Access, Files};

use super::case::kind_of_file;
use super::servers::Servers;

/// More than any file of these servers has, bytes.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Znodes of each part of the life.
const ZNODES: usize = 60;
/// Long enough for what is done in the background, and for what is done when nothing else is.
const REST: Duration = Duration::from_secs(5);

/// What is written right before the end [`AtWork`](End::AtWork).
pub const LAST: &str = "/last";

/// How the processes ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// In order.
    Stopped,
    /// With the power, a while after the last write.
    AtRest,
    /// With the power, right behind an acknowledgement.
    AtWork,
}

pub struct Prepared {
    pub end: End,
    disks: [FileSystem; 3],
    /// What each disk had a while before.
    before: [BTreeMap<PathBuf, Vec<u8>>; 3],
    /// All that was acknowledged.
    pub acknowledged: Vec<(String, Vec<u8>)>,
    /// The leader at the end, and a follower, which have all of that; and one that lacks the last part.
    pub leader: usize,
    pub follower: usize,
    pub laggard: usize,
}

/// Nothing is kept of what was not durable.
struct Durable;

impl Choice for Durable {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}

impl Prepared {
    pub fn new(end: End) -> Prepared {
        Prepared::after(end, true)
    }

    /// The same at rest, where nobody was ever brought a copy: all is of the first generation.
    pub fn young() -> Prepared {
        Prepared::after(End::AtRest, false)
    }

    fn after(end: End, copies: bool) -> Prepared {
        let mut servers = Servers::new(7, None);
        let mut acknowledged = Vec::new();
        (0..3).for_each(|place| servers.start(place).unwrap());
        write(&mut servers, &mut acknowledged);
        servers.setting.autocreate = false;
        // Each is brought a whole copy once, in a generation of its own.
        for place in 0..3 {
            if copies {
                servers.lose(place);
                servers.start(place).unwrap();
            }
            write(&mut servers, &mut acknowledged);
        }
        let before = [0, 1, 2].map(|place| read_all(&servers.server(place).files()));
        // The epochs go on.
        for _ in 0..2 {
            let leader = servers.leader().expect("it has served");
            servers.end(leader);
            servers.start(leader).unwrap();
            write(&mut servers, &mut acknowledged);
        }
        let leader = servers.leader().expect("it has served");
        let [follower, laggard] = [1, 2].map(|next| (leader + next) % 3);
        servers.end(laggard);
        write_by(&mut servers, leader, &mut acknowledged);
        servers.wait("the follower has it all", |servers| servers.state(follower) == servers.state(leader));
        match end {
            End::Stopped => servers.stop(&[leader, follower]),
            End::AtRest => servers.pass(REST),
            End::AtWork => {
                servers.pass(REST);
                let slot = servers.connect(leader);
                let (path, data) = (LAST.to_owned(), b"right before the end".to_vec());
                servers.create(leader, slot, &path, &data);
                acknowledged.push((path, data));
                servers.wait("the follower has it", |servers| servers.state(follower) == servers.state(leader));
            }
        }
        let disks = [0, 1, 2].map(|place| servers.server(place).disk.crashed(&mut Durable));
        Prepared { end, disks, before, acknowledged, leader, follower, laggard }
    }

    /// Independent disks with all of this.
    pub fn disks(&self) -> [FileSystem; 3] {
        [0, 1, 2].map(|place: usize| self.disks[place].crashed(&mut Durable))
    }

    /// The files of a disk.
    pub fn files(&self, place: usize) -> Vec<PathBuf> {
        read_all(&Files::Simulated(self.disks[place].clone())).into_keys().collect()
    }

    /// What another server has in the place of files of the leader's: the one of the same kind that comes as far from the newest.
    pub fn counterparts(&self, files: &[PathBuf], place: usize) -> Vec<PathBuf> {
        let of_kind = |place: usize, kind: &str| -> Vec<PathBuf> {
            self.files(place).into_iter().filter(|file| kind_of_file(file) == kind).rev().collect()
        };
        let counterpart = |file: &PathBuf| {
            let kind = kind_of_file(file);
            let rank = of_kind(self.leader, &kind).iter().position(|other| other == file)?;
            of_kind(place, &kind).into_iter().nth(rank)
        };
        files.iter().filter_map(counterpart).collect()
    }

    /// What a file held a while before, if it was there.
    pub fn before(&self, place: usize, path: &Path) -> Option<&[u8]> {
        self.before[place].get(path).map(Vec::as_slice)
    }
}

fn write(servers: &mut Servers, acknowledged: &mut Vec<(String, Vec<u8>)>) {
    servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
    let leader = servers.leader().expect("they serve");
    write_by(servers, leader, acknowledged);
    servers.pass(REST);
}

fn write_by(servers: &mut Servers, place: usize, acknowledged: &mut Vec<(String, Vec<u8>)>) {
    let slot = servers.connect(place);
    for _ in 0..ZNODES {
        let number = acknowledged.len();
        let (path, data) = (format!("/{number}"), format!("what was written {number} times ").repeat(20).into_bytes());
        servers.create(place, slot, &path, &data);
        acknowledged.push((path, data));
    }
}

/// A whole file.
pub fn read(files: &Files, path: &Path) -> Vec<u8> {
    files.read(path, FILE_BYTES_MAX).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Puts something else in the place of a file.
pub fn replace(files: &Files, path: &Path, content: &[u8]) {
    let file = files.open(path, Access::Replace).expect("it is there");
    file.write_all_at(content, 0).and_then(|()| file.sync_all()).expect("a simulated disk takes it");
}

pub fn read_all(files: &Files) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut directories) = (BTreeMap::new(), vec![PathBuf::from("/data")]);
    while let Some(directory) = directories.pop() {
        for name in files.list(&directory).expect("it is a directory") {
            let path = directory.join(name);
            match files.metadata(&path).expect("it is there").is_directory {
                true => directories.push(path),
                false => drop(found.insert(path.clone(), read(files, &path))),
            }
        }
    }
    found
}
