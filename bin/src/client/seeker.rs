//! Looks for a server that takes writes, while a session is connected to one that does not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use paddock_consensus::config::HostPort;

use crate::security::Security;
use crate::status::word;

/// Between two questions; doubled each time, as in ZooKeeper's client.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The search is over when this goes.
pub struct Seeker {
    is_wanted: Arc<AtomicBool>,
}

impl Seeker {
    /// Asks the servers in turns, in a thread of its own, until one takes writes. That one is found once.
    pub fn begin(
        hosts: Vec<HostPort>,
        security: Security,
        found: impl FnOnce(HostPort) + Send + 'static,
    ) -> io::Result<Seeker> {
        let is_wanted = Arc::new(AtomicBool::new(true));
        let wanted = is_wanted.clone();
        let seek = move || {
            let mut pause = PAUSE_MIN;
            for host in hosts.iter().cycle() {
                thread::park_timeout(pause);
                pause = (pause * 2).min(PAUSE_MAX);
                if !wanted.load(Ordering::Acquire) {
                    return;
                }
                // One that does not answer takes no writes.
                if word::send(host, "isro", &security).is_ok_and(|answer| answer.trim_end() == "rw") {
                    return found(host.clone());
                }
            }
        };
        thread::Builder::new().name("seeker".into()).spawn(seek)?;
        Ok(Seeker { is_wanted })
    }
}

impl Drop for Seeker {
    fn drop(&mut self) {
        self.is_wanted.store(false, Ordering::Release);
    }
}
