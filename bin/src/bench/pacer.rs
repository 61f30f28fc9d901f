//! Wakes the threads of an open loop when an operation is due.
//!
//! A poll sleeps in whole milliseconds; this thread sleeps in nanoseconds and wakes the polls. At rates above one per
//! [`STEP_MIN`] each wake-up finds several operations due; their latency counts from when each was due all the same.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::Waker;

use super::worker::Control;

/// The shortest sleep: waking costs the generator about 10 us.
const STEP_MIN: Duration = Duration::from_micros(100);
/// The longest, so that the end is noticed.
const STEP_MAX: Duration = Duration::from_millis(50);

/// Wakes all threads once per operation until told to stop. `interval` in nanoseconds, of all connections together.
pub fn pace(control: &Control, wakers: &[Waker], interval: u64) {
    sharpen();
    let step = Duration::from_nanos(interval).clamp(STEP_MIN, STEP_MAX);
    let mut next = control.origin.elapsed();
    while !control.stop.load(Ordering::Acquire) {
        for waker in wakers {
            // A thread that cannot be woken still wakes by itself, if late.
            let _ = waker.wake();
        }
        next += step;
        let now = control.origin.elapsed();
        if next > now {
            std::thread::sleep(next - now);
        } else {
            next = now;
        }
    }
}

/// Asks the kernel to wake this thread without its usual slack of 50 us. Without the right to do so it stays.
fn sharpen() {
    let Ok(thread) = fs::read_link("/proc/thread-self") else { return };
    if let Some(id) = thread.file_name().and_then(|id| id.to_str()) {
        let _ = fs::write(format!("/proc/{id}/timerslack_ns"), "1000");
    }
}
