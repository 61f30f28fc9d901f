//! The state in some lines, for an operator who asks for it by SIGQUIT: figures that every thread may read, and what the
//! kernel knows of the threads.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use paddock_consensus::output::Part;
use paddock_net::exchange::Exchange;
use paddock_net::member_status::MemberStatus;
use paddock_net::status::Status;

/// Clock ticks of the kernel's figures for threads, in a second. The same on every Linux.
const TICKS: u64 = 100;

/// What the lines tell of.
pub struct Summary {
    pub began: Instant,
    pub status: Arc<Status>,
    pub exchanges: Arc<[Arc<Exchange>]>,
}

impl Summary {
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.server(), self.clients(), self.transaction_log(), self.snapshots()];
        lines.extend((0..self.exchanges.len()).map(|reactor| self.reactor(reactor)));
        lines.push(threads());
        lines
    }

    fn server(&self) -> String {
        let figures = &self.status.replica;
        format!(
            "state: {}, started {} s ago, zxid=0x{:x} znodes={} ephemerals={} data={} bytes garbage={} bytes \
             sessions={} expired={}",
            part(&self.status.member),
            self.began.elapsed().as_secs(),
            figures.zxid.load(Ordering::Relaxed),
            figures.znodes.get(),
            figures.ephemerals.get(),
            figures.data_bytes.get(),
            figures.garbage_bytes.get(),
            figures.sessions.get(),
            figures.sessions_expired.get(),
        )
    }

    fn clients(&self) -> String {
        let status = &self.status;
        let (least, mean, most) = status.latency_millis();
        format!(
            "clients: connections={} of {}, {} bytes of memory, watches={} outstanding={} received={} sent={} latency={least}/{mean:.4}/{most} ms",
            status.sum(|r| &r.connections),
            status.peers.room(),
            status.sum(|r| &r.connection_bytes),
            status.sum(|r| &r.watches),
            status.sum(|r| &r.outstanding),
            status.sum(|r| &r.received),
            status.sent(),
        )
    }

    fn transaction_log(&self) -> String {
        let figures = &self.status.replica;
        let groups = figures.groups.get();
        format!(
            "transaction log: segment={:016x}, {} transactions in {groups} groups, {} bytes; a sync took {} us on average, {} \
             at most, {} the last time",
            figures.log_segment.get(),
            figures.transactions.get(),
            figures.log_bytes.get(),
            figures.sync_micros_sum.get() / groups.max(1),
            figures.sync_micros_max.get(),
            figures.sync_micros_last.get(),
        )
    }

    fn snapshots(&self) -> String {
        let figures = &self.status.replica;
        let now = if figures.snapshotting.get() > 0 { "one is being written" } else { "none is being written" };
        let (taken, millis) = (figures.snapshots.get(), figures.snapshot_millis.get());
        format!("snapshots: {taken} taken, {now}; the last one took {millis} ms")
    }

    fn reactor(&self, reactor: usize) -> String {
        let (figures, exchange) = (&self.status.reactors[reactor], &self.exchanges[reactor]);
        format!(
            "reactor {reactor}: connections={} watches={} outstanding={}, in its queues {} submissions, {} releases, {} errands",
            figures.connections.get(),
            figures.watches.get(),
            figures.outstanding.get(),
            exchange.submissions.len(),
            exchange.releases.len(),
            exchange.errands.len(),
        )
    }
}

fn part(member: &MemberStatus) -> String {
    match member.part() {
        None => "standalone".to_owned(),
        Some(Part::Looking) => "looking for a leader".to_owned(),
        Some(Part::Following { leader, epoch }) => format!("following server {} in epoch {}", leader.0, epoch.0),
        Some(Part::Observing { leader, epoch }) => format!("observing server {} in epoch {}", leader.0, epoch.0),
        Some(Part::Leading { epoch }) => format!("leading in epoch {}", epoch.0),
    }
}

/// Name, state and processor time of each thread, as the kernel has them.
fn threads() -> String {
    let mut text = "threads:".to_owned();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        if let Some((name, state, ticks)) = thread(&stat) {
            // The first thread has the program's name.
            let name = if task.file_name() == *std::process::id().to_string() { "replica" } else { name };
            write!(text, " {name} {state} {:.2} s;", ticks as f64 / TICKS as f64).expect("a String takes everything");
        }
    }
    text
}

/// Name, state and ticks of user and system time from a line of `/proc/PID/task/TID/stat`.
fn thread(stat: &str) -> Option<(&str, &str, u64)> {
    // The name may have spaces and parentheses.
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some((name, fields.first()?, ticks(11)? + ticks(12)?))
}

#[cfg(test)]
mod tests {
    use super::{thread, threads};

    #[test]
    fn threads_are_told_by_name() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(thread(stat), Some(("a (b) c", "S", 200)));
        assert_eq!(thread("nonsense"), None);
        std::thread::Builder::new()
            .name("seen".into())
            .spawn(|| assert!(threads().contains(" seen R")))
            .unwrap()
            .join()
            .unwrap();
    }
}
