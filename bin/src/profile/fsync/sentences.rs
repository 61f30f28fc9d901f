//! The findings in plain sentences: what to expect, and what to know or change.

use super::cell::{Space, Way};
use super::file_system::Medium;
use super::findings::Findings;
use super::measured::{Measured, Timed};
use super::model::{Expectation, RECORD_BYTES};
use crate::panel::time;
use crate::table::grouped;

/// No device makes a write durable faster. What is below has it in memory alone, or has a memory that outlives the power.
const SUSPICIOUS_US: f64 = 10.0;
/// What differs by less is told as the same.
const SAME: f64 = 1.15;
/// A write that takes so many times as long as the one in the middle stands out.
const OUTLIER: f64 = 10.0;
/// A durable write that takes longer is slow, microseconds.
const SLOW_US: f64 = 2000.0;
/// Of all writes so many of the slowest are told.
const TOLD: usize = 3;
/// `preAllocSize` unless it is set, bytes; and for how many seconds a segment should last.
const SEGMENT_BYTES: f64 = (64 << 20) as f64;
const SEGMENT_SECONDS: f64 = 1.0;

/// What to expect of a server on this disk.
pub fn expected(findings: &Findings) -> Vec<String> {
    let lone = findings.main().map(lone_write);
    let writes = findings.expectation().map(|expectation| durable_writes(&expectation));
    let others = [ways(findings), growing(findings), two_in_flight(findings)];
    [Some(way(findings)), lone, writes].into_iter().chain(others).flatten().collect()
}

/// What to know of it, and what to change.
pub fn to_know(findings: &Findings) -> Vec<String> {
    let all = [
        suspicious(findings),
        barriers(findings),
        outliers(findings),
        slow(findings),
        segment(findings),
        Some(file_system(findings)),
    ];
    all.into_iter().flatten().collect()
}

fn way(findings: &Findings) -> String {
    let cache = if findings.is_direct {
        "past the system's cache (O_DIRECT)"
    } else {
        "by way of the system's cache, since the file system has no direct I/O (O_DIRECT): each write is copied, and may wait for \
         what others have written"
    };
    let how = match &findings.ring_refused {
        None => "by io_uring, each group one write with RWF_DSYNC, because kernel, file system and device take that"
            .to_owned(),
        Some(why) => format!(
            "on a thread, each group a pwrite and an fdatasync, because io_uring cannot be used ({why}); where a container or \
             sandbox forbids it, allow io_uring_setup and io_uring_enter, and see sysctl kernel.io_uring_disabled"
        ),
    };
    let unit = grouped(findings.unit);
    format!("A server writes its log here {how}; {cache}. Groups are padded to a multiple of {unit} bytes.")
}

fn lone_write(main: &Measured) -> String {
    let [p50, p99] = [0.5, 0.99].map(|quantile| time(main.microseconds_at(quantile)));
    let least = time(main.latencies.min() as f64 / 1000.0);
    format!(
        "A durable write of {} KiB takes {least} at least, {p50} in the middle (p50), and longer than {p99} once in a hundred \
         times (p99). No write to the server is answered sooner.",
        main.cell.bytes >> 10
    )
}

fn durable_writes(expectation: &Expectation) -> String {
    let whole = |per_second: f64| grouped(per_second.round() as u64);
    let clients: Vec<String> = expectation
        .clients
        .iter()
        .map(|(clients, per_second)| format!("{} of {} clients", whole(*per_second), grouped(*clients)))
        .collect();
    let clients = if clients.is_empty() { String::new() } else { format!(", {}", clients.join(", ")) };
    let pipelined = expectation.pipelined.map(|per_second| format!("; pipelined up to {}", whole(per_second)));
    format!(
        "Durable writes a second that the disk allows, of {RECORD_BYTES} bytes each: {} of one client that waits for each{clients}\
         {}. (A group is what comes while others are under way, and two are under way at a time, so that N clients make groups of \
         N/2. What network and processors take comes on top.)",
        whole(expectation.one),
        pipelined.unwrap_or_default()
    )
}

/// The smallest write by each way.
fn ways(findings: &Findings) -> Option<String> {
    let main = findings.main()?;
    let others = [
        (Way::RingDsync, Space::Zeroed, "by io_uring with RWF_DSYNC"),
        (Way::RingThenSync, Space::Zeroed, "by io_uring and then fdatasync"),
        (Way::Thread, Space::Zeroed, "by pwrite and fdatasync on a thread"),
        (Way::ZooKeeper, Space::Holes, "as ZooKeeper does it (into the cache, then fdatasync)"),
    ];
    let told = others.into_iter().filter(|(way, ..)| *way != findings.way).filter_map(|(way, space, words)| {
        Some(format!("{} {words}", time(findings.smallest(way, space, 1)?.microseconds_at(0.5))))
    });
    let told: Vec<String> = told.collect();
    let own = time(main.microseconds_at(0.5));
    (!told.is_empty()).then(|| format!("Instead of {own} the same write takes {} (p50).", told.join(", ")))
}

fn growing(findings: &Findings) -> Option<String> {
    let zeroed = findings.main()?.microseconds_at(0.5);
    let growing = findings.smallest(findings.way, Space::Growing, 1)?.microseconds_at(0.5);
    Some(if growing > zeroed * SAME {
        format!(
            "A write that grows its file takes {:.1} times as long as one into zeroed space: that is what the log saves by zeroing \
             each file before it is written to.",
            growing / zeroed
        )
    } else {
        "A write that grows its file takes no longer than one into zeroed space.".to_owned()
    })
}

fn two_in_flight(findings: &Findings) -> Option<String> {
    let one = findings.main()?.per_second();
    let two = findings.smallest(findings.way, Space::Zeroed, 2)?.per_second();
    let gain = two / one;
    Some(if gain > SAME {
        format!("With two groups under way {gain:.1} times as many complete as with one: leave paddock.io.depth at 2.")
    } else {
        "With two groups under way no more complete than with one: the disk makes them durable one after the other."
            .to_owned()
    })
}

/// The device seems to say that bytes are durable before they are.
fn suspicious(findings: &Findings) -> Option<String> {
    let median = findings.main()?.microseconds_at(0.5);
    let is_suspicious = median < SUSPICIOUS_US && !findings.place.is_memory();
    is_suspicious.then(|| {
        format!(
            "SUSPICIOUS: a durable write takes {}, and hardly any device is so fast. Something on the way may say that bytes are \
             durable while they are in memory alone: a virtual disk whose host ignores flushes (cache=unsafe), a controller with \
             a cache and no battery, a switched-off sync of the file system. A power cut would then lose what was acknowledged. \
             Find out what the device is before a server relies on it.",
            time(median)
        )
    })
}

fn barriers(findings: &Findings) -> Option<String> {
    let option = findings.place.without_barriers()?;
    Some(format!(
        "The mount option {option} keeps syncs from reaching the device: a power cut loses what was acknowledged, unless the \
         device's cache has a battery. Mount without that option."
    ))
}

/// The slowest writes of all, and when they were.
fn outliers(findings: &Findings) -> Option<String> {
    let main = findings.main()?;
    let median = main.microseconds_at(0.5);
    let mut slowest: Vec<(&Measured, Timed)> = findings
        .measured
        .iter()
        .filter_map(|measured| Some((measured, *measured.slowest.first()?)))
        .filter(|(measured, timed)| timed.took as f64 / 1000.0 > OUTLIER * measured.microseconds_at(0.5))
        .collect();
    slowest.sort_by_key(|(_, timed)| std::cmp::Reverse(timed.took));
    let told: Vec<String> =
        slowest.iter().take(TOLD).map(|(measured, timed)| told(findings, measured, timed)).collect();
    if told.is_empty() {
        return Some(format!("No write stood out: the slowest took less than {OUTLIER} times as long as its like."));
    }
    let tail = main.p99_9_us().map(|us| format!(" (p99.9 {}, p50 {})", time(us), time(median))).unwrap_or_default();
    Some(format!(
        "Some writes took more than {OUTLIER} times as long as their like{tail}: {}. Each such pause is one of all clients that \
         write. See what the machine did at these times; have the dataLogDir on a device of its own, without snapshots (dataDir) \
         and other programs.",
        told.join("; ")
    ))
}

fn told(findings: &Findings, measured: &Measured, timed: &Timed) -> String {
    format!("{} at {} ({})", time(timed.took as f64 / 1000.0), findings.when(timed), measured.cell)
}

fn slow(findings: &Findings) -> Option<String> {
    let median = findings.main()?.microseconds_at(0.5);
    let device = findings.place.device.as_ref();
    if median < SLOW_US {
        return None;
    }
    let why = match device {
        Some(device) if device.is_rotational == Some(true) => {
            "Each durable write waits for a disk to turn: have the dataLogDir on a solid-state disk"
        }
        Some(device) if device.has_write_cache == Some(true) => {
            "The device has a cache without protection, which each durable write has flushed: a device with power-loss \
             protection answers as soon as it has the bytes. Leave the flushes on"
        }
        _ => "Have the dataLogDir on a local solid-state disk with power-loss protection",
    };
    Some(format!("This is slow ({} for a durable write). {why}.", time(median)))
}

/// How long a segment lasts at the most that was measured.
fn segment(findings: &Findings) -> Option<String> {
    let rates = findings.of(findings.way, Space::Zeroed, 2);
    let most =
        rates.iter().map(|measured| measured.megabytes_per_second()).reduce(f64::max).filter(|most| *most > 0.0)?;
    let lasts = SEGMENT_BYTES / (most * 1e6);
    let rate = grouped(most.round() as u64);
    Some(if lasts < SEGMENT_SECONDS {
        // KiB, as zoo.cfg has it; a power of two.
        let kib = ((most * 1e6 * SEGMENT_SECONDS / 1024.0) as u64).next_power_of_two().min(1 << 20);
        format!(
            "At the most that was measured ({rate} MB/s) a file of the log of 64 MiB is full after {}: where clients really write \
             so much, preAllocSize={kib} has the log begin a new one less often.",
            time(lasts * 1e6)
        )
    } else {
        format!(
            "At the most that was measured ({rate} MB/s) a file of the log of 64 MiB lasts {}: leave preAllocSize at its default.",
            time(lasts * 1e6)
        )
    })
}

fn file_system(findings: &Findings) -> String {
    let place = &findings.place;
    let Some(known) = place.file_system else {
        return format!("{}: nothing is known here of this file system. ext4 and xfs are safe choices.", place.kind);
    };
    // A device that is memory may hold any file system.
    if place.is_memory() && known.medium != Medium::Memory {
        return format!(
            "{}: it is on memory, which loses everything with the power unless it is made not to.",
            place.kind
        );
    }
    format!("{}: {}", known.name, known.remark)
}

#[cfg(test)]
mod tests {
    use super::{expected, to_know};
    use crate::profile::fsync::cell::{Space, Way};
    use crate::profile::fsync::file_system::FileSystem;
    use crate::profile::fsync::findings::Findings;
    use crate::profile::fsync::findings::tests::findings;
    use crate::profile::fsync::place::Place;

    fn assert_said(sentences: &[String], words: &[&str]) {
        for word in words {
            assert!(sentences.iter().any(|sentence| sentence.contains(word)), "{word}: {sentences:#?}");
        }
        let is_sentence = |sentence: &String| sentence.ends_with('.') || sentence.ends_with(".)");
        assert!(sentences.iter().all(is_sentence), "{sentences:#?}");
    }

    #[test]
    fn a_disk_that_takes_everything_is_told_as_it_is() {
        let findings = findings(96, true);
        let expected = expected(&findings);
        assert_said(
            &expected,
            &[
                "writes its log here by io_uring, each group one write with RWF_DSYNC",
                "past the system's cache (O_DIRECT). Groups are padded to a multiple of 4,096 bytes.",
                "A durable write of 4 KiB takes 100 us at least, 100 us in the middle (p50)",
                "bytes each: 10,000 of one client that waits for each, 100,000 of 10 clients, ",
                " of 1,000 clients; pipelined up to ",
                "takes 100 us by io_uring and then fdatasync, 100 us by pwrite and fdatasync on a thread, 300 us as ZooKeeper",
                "A write that grows its file takes 2.0 times as long",
                "With two groups under way 2.0 times as many complete",
            ],
        );
        let known = to_know(&findings);
        // 2 MiB complete each 1,120 us.
        assert_said(
            &known,
            &["a file of the log of 64 MiB is full after ", "preAllocSize=", "ext4: A write into zeroed space"],
        );
        assert_said(
            &known,
            &["Some writes took more than 10 times as long", "2023-11-14T22:13:2", "have the dataLogDir on"],
        );
        assert!(!known.iter().any(|sentence| sentence.contains("SUSPICIOUS") || sentence.contains("This is slow")));
    }

    #[test]
    fn without_io_uring_the_reason_is_told() {
        let findings = findings(4000, false);
        let expected = expected(&findings);
        assert_said(
            &expected,
            &["on a thread, each group a pwrite and an fdatasync, because io_uring cannot be used (Operation"],
        );
        assert!(!expected.iter().any(|sentence| sentence.contains("RWF_DSYNC")), "{expected:#?}");
        assert_said(
            &to_know(&findings),
            &["This is slow (4.0", "for a durable write). The device has a cache without protection"],
        );
    }

    #[test]
    fn a_device_that_is_too_fast_is_suspicious_unless_it_is_memory() {
        let fast = findings(2, true);
        assert_said(&to_know(&fast), &["SUSPICIOUS: a durable write takes 6"]);
        let mut memory = fast.clone();
        memory.place.file_system = FileSystem::of(0x0102_1994);
        let known = to_know(&memory);
        assert_said(&known, &["tmpfs: It is memory"]);
        assert!(!known.iter().any(|sentence| sentence.contains("SUSPICIOUS")), "{known:#?}");
        let mut unsafe_mount = fast;
        unsafe_mount.place.options.push("barrier=0".to_owned());
        assert_said(&to_know(&unsafe_mount), &["The mount option barrier=0 keeps syncs from"]);
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        let findings = findings(96, true);
        let one = findings.measured.iter().find(|measured| measured.cell.space == Space::Zeroed).cloned();
        let cut = Findings { measured: one.into_iter().collect(), ..findings.clone() };
        assert_said(&expected(&cut), &["10,000 of one client that waits for each. (A group"]);
        assert_eq!(expected(&cut).len(), 3);
        let nothing = Findings { measured: Vec::new(), way: Way::Thread, is_direct: false, ..findings };
        assert_said(&expected(&nothing), &["by way of the system's cache, since the file system has no direct I/O"]);
        assert_eq!((expected(&nothing).len(), to_know(&nothing).len()), (1, 1));
        let unknown = Findings { place: Place { file_system: None, ..nothing.place.clone() }, ..nothing };
        assert_said(&to_know(&unknown), &["ext4: nothing is known here of this file system"]);
    }
}
