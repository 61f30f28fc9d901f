//! Clients of all servers, which write and watch as fast as they are answered while an epoch comes to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use paddock_consensus::{Epoch, Zxid};
use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::{event, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};

use crate::clients::assert_same_trees;
use crate::ensemble::{Ensemble, mode};
use crate::writers::{Answer, Writer, Written};

pub const IDS: [u32; 3] = [1, 2, 3];
/// Of each server.
const WRITERS: u32 = 4;
/// Writes that are acknowledged in the next epoch before the load ends.
const ACKNOWLEDGED_AFTER: u32 = 1_000;

/// All that the clients have seen.
pub struct Seen {
    written: Vec<Written>,
    pub watchers_lost: u32,
}

/// Sets it when it goes, also when a test fails, so that nobody waits for the clients for ever.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Clients write and watch from now on until many writes of a later epoch than this one are acknowledged.
pub fn beyond(epoch: Epoch, ensemble: &Ensemble) -> Seen {
    let writer = |id, number| Writer::of_path(ensemble, id, format!("/writer-{id}-{number}"));
    let writers: Vec<Writer> = IDS.iter().flat_map(|&id| (0..WRITERS).map(move |number| writer(id, number))).collect();
    let progress: Vec<Arc<AtomicU32>> = writers.iter().map(Writer::acknowledged).collect();
    let watchers: Vec<Watcher> = IDS.iter().map(|&id| Watcher::begin(ensemble, id)).collect();
    let (stop, stop_watching) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writing: Vec<_> = writers.into_iter().map(|writer| scope.spawn(|| writer.run(&stop))).collect();
        let watching: Vec<_> =
            watchers.into_iter().map(|watcher| scope.spawn(|| watcher.run(&stop_watching))).collect();
        let stop = StopAtEnd(&stop);
        {
            let _stop = StopAtEnd(&stop_watching);
            wait_beyond(epoch, ensemble, &progress);
        }
        // What they watch is written as long as they wait for it.
        let watchers_lost = watching.into_iter().map(|watcher| watcher.join().expect("a watcher does not panic")).sum();
        drop(stop);
        let written = writing.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect();
        Seen { written, watchers_lost }
    })
}

fn wait_beyond(epoch: Epoch, ensemble: &Ensemble, progress: &[Arc<AtomicU32>]) {
    let begun = poll_until(DEADLINE, || {
        let mut epochs = IDS.iter().filter_map(|&id| epoch_at(ensemble, id));
        epochs.any(|at| at > epoch).then_some(())
    });
    assert!(begun.is_some(), "no epoch comes behind {epoch:?}");
    ensemble.wait_for_leader(&IDS);
    let acknowledged = || progress.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u32>();
    let enough = acknowledged() + ACKNOWLEDGED_AFTER;
    let acknowledged = poll_until(DEADLINE, || (acknowledged() >= enough).then_some(()));
    assert!(acknowledged.is_some(), "the writers do not get on");
}

/// Of what a server shows, if it serves.
pub fn epoch_at(ensemble: &Ensemble, id: u32) -> Option<Epoch> {
    let zxid = ensemble.server(id).told("Zxid")?;
    let digits = zxid.trim_start_matches("0x");
    Some(Zxid(i64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("Zxid: {zxid}"))).epoch())
}

impl Seen {
    /// What was acknowledged is at every server, and no session has expired; all show the same.
    pub fn assert_kept(&self, ensemble: &Ensemble) {
        for written in &self.written {
            IDS.iter().for_each(|&id| written.assert_kept(ensemble, id));
        }
        assert_same_trees(ensemble);
        ensemble.assert_content();
    }

    pub fn connections_lost(&self) -> u32 {
        self.watchers_lost + self.written.iter().map(|written| written.connections_lost).sum::<u32>()
    }

    /// Says how long nothing was acknowledged between this epoch and what came behind it.
    pub fn tell(&self, what: &str, epoch: Epoch) {
        let mut answers: Vec<Answer> = self.written.iter().flat_map(|written| &written.answers).copied().collect();
        answers.sort_unstable_by_key(|answer| answer.time);
        let (before, after): (Vec<Answer>, Vec<Answer>) =
            answers.iter().partition(|answer| Zxid(answer.zxid).epoch() == epoch);
        let last = before.iter().map(|answer| answer.zxid).max().expect("the epoch was begun before");
        let [before_count, after_count] = [before.len(), after.len()];
        let begun = after.iter().map(|answer| answer.time).min().expect("there are some behind it");
        let between = before.iter().map(|answer| begun.saturating_duration_since(answer.time)).min();
        println!(
            "{what}: nothing was acknowledged for {:.1} ms, and otherwise for {:.1} ms at most; {before_count} writes before it, the last \
             one as {}, {after_count} behind it; {} connections lost",
            between.expect("there are some before").as_secs_f64() * 1e3,
            longest_gap(&before).max(longest_gap(&after)).as_secs_f64() * 1e3,
            Zxid(last),
            self.connections_lost(),
        );
    }
}

fn longest_gap(answers: &[Answer]) -> Duration {
    answers.windows(2).map(|pair| pair[1].time - pair[0].time).max().unwrap_or_default()
}

/// A session that is told of each change of what a writer of its server writes.
struct Watcher {
    client: Client,
    address: SocketAddr,
    path: String,
    lost: u32,
}

impl Watcher {
    fn begin(ensemble: &Ensemble, id: u32) -> Watcher {
        let mut client = ensemble.connect(id);
        client.ok(&Request::create(&format!("/watcher-{id}"), b"", flags::EPHEMERAL));
        Watcher { client, address: ensemble.server(id).address(), path: format!("/writer-{id}-0"), lost: 0 }
    }

    /// Watches until it is told to stop. How often it has lost its connection.
    fn run(mut self, stop: &AtomicBool) -> u32 {
        let mut version = 0;
        while !stop.load(Ordering::Relaxed) {
            match self.watch(&mut version) {
                Ok(()) => {}
                Err(ClientError::Closed) => self.come_back(),
                Err(error) => panic!("a watcher of {}: {error}", self.path),
            }
        }
        self.lost
    }

    /// Waits for the next change, behind which there is a later version.
    fn watch(&mut self, version: &mut i32) -> Result<(), ClientError> {
        let reply = self.client.call(&Request::get_data(&self.path, true))?;
        let found = reply.stat().version;
        assert!(found >= *version, "{}: version {found} behind {version}", self.path);
        let told = self.client.next_event()?;
        assert_eq!((told.kind, &told.path[..]), (event::DATA_CHANGED, &self.path[..]));
        *version = found + 1;
        Ok(())
    }

    /// The same session at the same server.
    fn come_back(&mut self) {
        self.lost += 1;
        let client = poll_until(DEADLINE, || {
            mode(self.address)?;
            match Client::reattach(self.address, &self.client.session, self.client.last_zxid) {
                Ok(client) => Some(client),
                Err(ClientError::Refused) => panic!("a watcher's session has expired"),
                Err(_) => None,
            }
        });
        self.client = client.unwrap_or_else(|| panic!("nobody serves a watcher of {}", self.path));
    }
}
