//! What is to be known of the machine: which one it is, and how much of it somebody else had.

use std::fs;
use std::io;
use std::path::Path;

/// One line about the machine, with the file system of `directory`.
pub fn description(directory: &Path) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = file_system(directory).unwrap_or_else(|_| "unknown".to_owned());
    format!("{cpus} CPUs ({}), Linux {}, {system}", model.unwrap_or("CPU"), kernel.trim())
}

/// A file system where it is mounted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    pub kind: String,
    pub options: Vec<String>,
}

/// The kind of file system that holds a directory.
pub fn file_system(directory: &Path) -> io::Result<String> {
    mount(directory).map(|mount| mount.kind)
}

/// The file system that holds a directory.
pub fn mount(directory: &Path) -> io::Result<Mount> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    of_mounts(&mounts, &directory).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is on no file system"))
}

/// Of the mount points above it the longest counts, and of two at one place the last.
fn of_mounts(mounts: &str, directory: &Path) -> Option<Mount> {
    let mount = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let point = fields.next()?.replace("\\040", " ");
        let kind = fields.next()?.to_owned();
        let options = fields.next()?.split(',').map(str::to_owned).collect();
        directory.starts_with(&point).then_some((point.len(), Mount { kind, options }))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, mount)| mount)
}

/// CPU time of all processors since boot, in ticks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Ticks {
    /// What the host gave to others.
    stolen: u64,
    all: u64,
}

impl Ticks {
    /// All of it is zero where the system does not tell.
    pub fn now() -> Ticks {
        Ticks::of_stat(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn of_stat(stat: &str) -> Ticks {
        let words = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = words.map(|word| word.parse().unwrap_or(0)).collect();
        Ticks { stolen: ticks.get(7).copied().unwrap_or(0), all: ticks.iter().sum() }
    }

    /// Percentage that was stolen since an earlier moment.
    pub fn stolen_since(self, earlier: Ticks) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        100.0 * self.stolen.saturating_sub(earlier.stolen) as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Ticks, description, of_mounts};

    #[test]
    fn a_directory_is_on_the_nearest_mount() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/a\\040b xfs rw,nobarrier 0 0\n/dev/c /tmpx btrfs rw 0 0\n";
        for (directory, kind) in [("/", "ext4"), ("/tmp/x", "tmpfs"), ("/tmp/a b/c", "xfs"), ("/tmpy", "ext4")] {
            let found = of_mounts(mounts, Path::new(directory)).expect(directory);
            assert_eq!(found.kind, kind, "{directory}");
            assert_eq!(found.options.contains(&"nobarrier".to_owned()), kind == "xfs", "{directory}");
        }
        assert!(description(Path::new("/")).contains(" CPUs ("));
    }

    #[test]
    fn what_is_stolen_is_a_share_of_all() {
        let before = Ticks::of_stat("cpu 10 0 10 70 0 0 0 10 5 5\ncpu0 1\n");
        let after = Ticks::of_stat("cpu 20 0 20 120 0 0 0 40 5 5\n");
        assert_eq!(after.stolen_since(before), 30.0);
        assert_eq!(Ticks::of_stat("").stolen_since(Ticks::default()), 0.0);
    }
}
