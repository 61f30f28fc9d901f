//! Durable groups per second and their latency, on the file system of the current directory.
//!
//! Each line keeps as many groups under way as the log allows, of so many records of 200 bytes, for `SECONDS`. A group's
//! latency runs from its submission until its completion is told. Run with `cargo bench --bench log`; a directory as an
//! argument is used instead of the current one.
#![allow(clippy::print_stdout)] // A bench is a command.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::log::{Log, LogConfig, LogError, Method};

const RECORD_BYTES: usize = 200;
const SECONDS: f64 = 0.5;

fn main() {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = argument.map_or_else(|| PathBuf::from("."), PathBuf::from);
    println!("records of {RECORD_BYTES} bytes; groups per second (thousands), p50 / p99 / max in microseconds");
    println!("{:<8} {:>9} {:>28} {:>28} {:>28}", "method", "in flight", "1 record", "64 records", "512 records");
    println!("{:<8} {:>9} {:>28}", "floor", 1, floor(&parent).unwrap_or_else(|error| error.to_string()));
    for method in [Method::Ring, Method::Thread] {
        for in_flight in [1, 2, 4] {
            let cells: Vec<String> =
                [1, 64, 512].iter().map(|records| cell(&parent, method, in_flight, *records)).collect();
            println!("{:<8} {in_flight:>9} {:>28} {:>28} {:>28}", format!("{method:?}"), cells[0], cells[1], cells[2]);
        }
    }
}

/// One write and fdatasync of 4 KiB after the other into a zeroed file, without any of the log.
fn floor(parent: &Path) -> std::io::Result<String> {
    const BLOCK: usize = 4096;
    let path = parent.join(format!("paddock-floor-{}", std::process::id()));
    let file = File::create(&path)?;
    let _ = std::fs::remove_file(&path);
    file.write_all_at(&vec![0; 64 << 20], 0)?;
    file.sync_all()?;
    let (mut times, start) = (Vec::new(), Instant::now());
    while start.elapsed().as_secs_f64() < SECONDS {
        let offset = times.len() * BLOCK % (64 << 20);
        let since = Instant::now();
        file.write_all_at(&[7; BLOCK], offset as u64)?;
        file.sync_data()?;
        times.push(since.elapsed());
    }
    Ok(line(times.len() as f64 / start.elapsed().as_secs_f64(), times))
}

fn line(rate: f64, mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros();
    format!("{:.1} {} / {} / {}", rate / 1000.0, at(0.5), at(0.99), at(1.0))
}

fn cell(parent: &Path, method: Method, in_flight: usize, records: usize) -> String {
    let dir = parent.join(format!("paddock-bench-{}", std::process::id()));
    let config = LogConfig { method, in_flight, ..LogConfig::new(&dir) };
    let measured = measure(config, records);
    let _ = std::fs::remove_dir_all(&dir);
    match measured {
        Ok((rate, times)) => line(rate, times),
        Err(error) => error.to_string(),
    }
}

/// Groups per second, and the latency of each.
fn measure(config: LogConfig, records: usize) -> Result<(f64, Vec<Duration>), LogError> {
    let in_flight = config.in_flight;
    let (mut log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(()))?;
    let payload = [7; RECORD_BYTES];
    let (mut zxid, mut times, mut since) = (0, Vec::new(), VecDeque::with_capacity(in_flight));
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < SECONDS {
        for _ in 0..records {
            zxid += 1;
            log.append(Zxid(zxid), |out| out.extend_from_slice(&payload));
        }
        while !log.can_submit() {
            log.wait()?;
        }
        let group = log.completed()?;
        while let Some((_, time)) = since.pop_front_if(|(number, _)| *number <= group) {
            times.push(Instant::elapsed(&time));
        }
        let submitted = Instant::now();
        since.push_back((log.submit()?, submitted));
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    log.close()?;
    Ok((rate, times))
}
