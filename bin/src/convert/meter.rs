//! A bar for what a conversion reads and writes, as the kernel counts it: whoever reads and writes need not know of it.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::progress::Progress;

/// How often the bar moves.
const INTERVAL: Duration = Duration::from_millis(100);

/// One phase with its bar, on a terminal only. It ends when dropped.
pub struct Meter {
    /// Closed when it is to end, and the thread that ends then.
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

/// What the kernel counts of a process.
#[derive(Clone, Copy)]
pub enum Counter {
    Read,
    Written,
}

impl Meter {
    /// `bytes` is about how many there will be. `None` where no bar is shown.
    pub fn start(progress: Progress, what: &str, counter: Counter, bytes: u64) -> Option<Meter> {
        let field = match counter {
            Counter::Read => "rchar",
            Counter::Written => "wchar",
        };
        let before = counted(field)?;
        let bar = progress.bytes(what, bytes)?;
        let (end, ended) = channel();
        let run = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                bar.set(counted(field).unwrap_or(before).saturating_sub(before).min(bytes));
            }
        };
        // Without the thread there is no bar, which is no reason to end.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(run).ok()?;
        Some(Meter { running: Some((end, thread)) })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.running.take() {
            drop(end);
            // The bar is gone when the thread is.
            let _ = thread.join();
        }
    }
}

/// Bytes that this process has read (`rchar`) or written (`wchar`); `None` where the kernel does not count.
fn counted(field: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn what_is_read_and_written_is_counted() {
        let path = std::env::temp_dir().join(format!("paddock-meter-{}", std::process::id()));
        let count = |field| counted(field).expect("the kernel counts");
        let (read, written) = (count("rchar"), count("wchar"));
        std::fs::write(&path, vec![1; 1 << 20]).unwrap();
        assert!(count("wchar") >= written + (1 << 20));
        assert_eq!(std::fs::read(&path).unwrap().len(), 1 << 20);
        assert!(count("rchar") >= read + (1 << 20));
        assert_eq!(counted("nothing"), None);
        std::fs::remove_file(&path).unwrap();
    }
}
