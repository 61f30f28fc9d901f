//! What the machine itself takes, as JSON: one durable write of 4 KiB, written as the log does it; a write and its `fdatasync`;
//! and one byte there and back through the loopback device, between two threads that block. Each is done one at a time and told
//! as p50 and p99 in microseconds.
//!
//! ```text
//! cargo run --release --package paddock-benches --example machine -- /var/tmp
//! ```
//!
//! The file is made in the directory, overwritten in turn, and removed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Instant;

use paddock_engine::io::AlignedBuffer;

const BLOCK: usize = 4096;
/// Blocks of the file: a log goes on in blocks that it has zeroed before.
const BLOCKS: usize = 4096;
/// Of each kind, and as many of them before that do not count.
const TIMES: usize = 2000;
const LEAD_IN: usize = 200;

fn main() -> io::Result<()> {
    let Some(directory) = std::env::args().nth(1) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "usage: machine DIRECTORY"));
    };
    let path = Path::new(&directory).join(format!("paddock-machine-{}", std::process::id()));
    let disk = measure_disk(&path);
    std::fs::remove_file(&path)?;
    let [durable, synced] = disk?;
    say(&[("durable_4k", durable), ("fdatasync_4k", synced), ("loopback", measure_loopback()?)]);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "a command speaks on stdout")]
fn say(figures: &[(&str, Quantiles)]) {
    let figure = |(name, Quantiles { p50_us, p99_us }): &(&str, Quantiles)| {
        format!(r#""{name}": {{"p50_us": {p50_us:.1}, "p99_us": {p99_us:.1}}}"#)
    };
    println!("{{{}}}", figures.iter().map(figure).collect::<Vec<_>>().join(", "));
}

/// A write that goes past the cache and is durable when it returns; and one into the cache, with a sync of the file's data.
fn measure_disk(path: &Path) -> io::Result<[Quantiles; 2]> {
    std::fs::write(path, vec![0; BLOCKS * BLOCK])?;
    File::open(path)?.sync_all()?;
    let direct = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT | libc::O_DSYNC).open(path)?;
    let block = AlignedBuffer::new(BLOCK, BLOCK);
    let durable = times(|n| direct.write_all_at(&block, (n % BLOCKS * BLOCK) as u64))?;
    let cached = OpenOptions::new().write(true).open(path)?;
    let synced = times(|n| cached.write_all_at(&block, (n % BLOCKS * BLOCK) as u64).and_then(|()| cached.sync_data()))?;
    Ok([durable, synced])
}

fn measure_loopback() -> io::Result<Quantiles> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    near.set_nodelay(true)?;
    let (mut far, _) = listener.accept()?;
    far.set_nodelay(true)?;
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        // The other end is closed when all is measured.
        while far.read_exact(&mut byte).and_then(|()| far.write_all(&byte)).is_ok() {}
    });
    let mut byte = [0];
    let measured = times(|_| near.write_all(&byte).and_then(|()| near.read_exact(&mut byte)));
    drop(near);
    echo.join().expect("an echo does not panic");
    measured
}

struct Quantiles {
    p50_us: f64,
    p99_us: f64,
}

/// Does it so often, one time after the other.
fn times(mut once: impl FnMut(usize) -> io::Result<()>) -> io::Result<Quantiles> {
    (0..LEAD_IN).try_for_each(&mut once)?;
    let mut took_us = Vec::with_capacity(TIMES);
    for n in 0..TIMES {
        let began = Instant::now();
        once(n)?;
        took_us.push(began.elapsed().as_secs_f64() * 1e6);
    }
    took_us.sort_by(f64::total_cmp);
    Ok(Quantiles { p50_us: took_us[TIMES / 2], p99_us: took_us[TIMES * 99 / 100] })
}
