//! CPU time and memory of processes, read from `/proc`.

use std::fs;
use std::io;

/// What a set of processes has used up to one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all threads, also those that have ended, in seconds. The kernel counts in ticks of
    /// usually 10 ms.
    pub cpu_seconds: f64,
    /// Resident memory now, in bytes.
    pub resident: u64,
    /// Most resident memory there ever was, in bytes.
    pub resident_peak: u64,
}

/// The sum over `pids`.
pub fn usage(pids: &[u32]) -> Result<Usage, io::Error> {
    let mut sum = Usage::default();
    for pid in pids {
        let one = usage_of(&pid.to_string())?;
        sum.cpu_seconds += one.cpu_seconds;
        sum.resident += one.resident;
        sum.resident_peak += one.resident_peak;
    }
    Ok(sum)
}

/// Of this process itself.
pub fn own_usage() -> Result<Usage, io::Error> {
    usage_of("self")
}

fn usage_of(pid: &str) -> Result<Usage, io::Error> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
    };
    let malformed = |file| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/{file} is not understood"));
    let ticks = ticks_of(&read("stat")?).ok_or_else(|| malformed("stat"))?;
    let status = read("status")?;
    Ok(Usage {
        cpu_seconds: ticks as f64 / ticks_per_second(),
        resident: kib_of(&status, "VmRSS:").ok_or_else(|| malformed("status"))? * 1024,
        resident_peak: kib_of(&status, "VmHWM:").ok_or_else(|| malformed("status"))? * 1024,
    })
}

/// utime + stime. The second field, the command, is in parentheses and may hold spaces and parentheses.
fn ticks_of(stat: &str) -> Option<u64> {
    let after_command = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_command.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The number after `key` in a file like `/proc/self/status`.
fn kib_of(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The unit of `/proc/*/stat`, which the kernel tells every process in its auxiliary vector.
fn ticks_per_second() -> f64 {
    /// Key of the entry, and what Linux has on every common machine, should the entry be missing.
    const AT_CLKTCK: u64 = 17;
    const COMMON: u64 = 100;
    const WORD: usize = size_of::<usize>();
    let vector = fs::read("/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| usize::from_ne_bytes(bytes.try_into().expect("a chunk has one word")) as u64;
    let entry = vector.chunks_exact(2 * WORD).find(|entry| word(&entry[..WORD]) == AT_CLKTCK);
    entry.map_or(COMMON, |entry| word(&entry[WORD..])).max(1) as f64
}

/// Most files (and so sockets) this process may have open, if it can be told.
pub fn open_files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_may_look_like_fields() {
        let stat = "42 (a) b 1 2 (c)) S 1 42 42 0 -1 4194560 1 2 3 4 700 50 6 7 20 0 3 0 99 1 2";
        assert_eq!(ticks_of(stat), Some(750));
        assert_eq!(ticks_of("42 (a"), None);
    }

    #[test]
    fn memory_is_found_by_its_key() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((kib_of(status, "VmRSS:"), kib_of(status, "VmHWM:")), (Some(1024), Some(2048)));
        assert_eq!(kib_of(status, "VmSwap:"), None);
    }

    #[test]
    fn the_own_usage_grows_with_work() {
        let before = own_usage().unwrap();
        assert!(before.resident > 0 && before.resident_peak >= before.resident / 2);
        let mut x = 1u64;
        while own_usage().unwrap().cpu_seconds < before.cpu_seconds + 0.02 {
            x = (0..100_000).fold(x, |x, _| super::super::random::mix64(x));
        }
        assert_ne!(x, 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_with_its_file() {
        let error = usage(&[u32::MAX]).unwrap_err();
        assert!(error.to_string().contains("/proc/4294967295/stat"), "{error}");
    }
}
