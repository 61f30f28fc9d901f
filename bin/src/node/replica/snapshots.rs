//! When a snapshot is taken, and what follows one.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_engine::generation::FormerGenerations;
use paddock_engine::progress::Progress;
use paddock_net::status::ReplicaStatus;

use super::head::{Appended, Head};
use crate::node::snapshotter::{Done, Snapshotter, Trigger};

pub struct Snapshots {
    snapshotter: Snapshotter,
    trigger: Trigger,
    /// What the trigger has been told of.
    noted: Appended,
}

impl Snapshots {
    pub fn new(snapshotter: Snapshotter, trigger: Trigger) -> Snapshots {
        Snapshots { snapshotter, trigger, noted: Appended::default() }
    }

    /// One that has come into place since the last call.
    pub fn take_done(&mut self, figures: &ReplicaStatus) -> Option<Done> {
        let done = self.snapshotter.poll_done()?;
        figures.snapshots.add(1);
        figures.snapshot_millis.set(done.millis);
        figures.snapshot_time.note(done.millis);
        Some(done)
    }

    /// Whether one has come into place, or to nothing, that was not looked at yet.
    pub fn have_news(&self) -> bool {
        self.snapshotter.has_outcome()
    }

    /// Takes a step, where no thread does.
    pub fn work(&mut self, now: Instant) -> Progress {
        self.snapshotter.work(now)
    }

    /// The next one is due, whatever was counted.
    pub fn hurry(&mut self) {
        self.trigger.hurry();
    }

    /// Counts what the head has appended. Whether one is due, and may be begun.
    pub fn are_due(&mut self, appended: Appended) -> bool {
        let Appended { transactions, bytes } = appended;
        let before = std::mem::replace(&mut self.noted, appended);
        self.trigger.note(transactions - before.transactions, bytes - before.bytes);
        self.trigger.is_due() && self.snapshotter.is_idle()
    }

    /// Begins one of the newest version, unless transactions come after it.
    pub fn begin(&mut self, head: &mut Head) {
        if let Some(version) = head.hold() {
            self.snapshotter.take(version);
            head.log().roll();
            self.trigger.reset();
        }
    }

    /// Everything up to `zxid` is committed, and durable here.
    pub fn note_kept(&mut self, zxid: Zxid) {
        self.snapshotter.note_kept(zxid);
    }

    /// The log cannot become durable up to the snapshot's zxid for now, so that the snapshot is thrown away.
    pub fn give_up_waiting(&mut self) {
        self.snapshotter.give_up_waiting();
    }

    pub fn tell(&self, figures: &ReplicaStatus) {
        figures.snapshotting.set(u64::from(!self.snapshotter.is_idle()));
    }

    /// The next ones are of the history that is in `data_dir` now; what `former` ones have left is removed.
    pub fn move_to(&mut self, data_dir: PathBuf, former: FormerGenerations) -> io::Result<()> {
        self.trigger.reset();
        self.snapshotter.move_to(data_dir, former)
    }

    /// Gives up what is being written.
    pub fn end(mut self) {
        self.snapshotter.stop();
    }
}
