//! What was ever committed, as only an onlooker can know it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::{Epoch, ServerId, Zxid};

use crate::log::{Log, Point, Record};

#[derive(Clone, Debug)]
struct Proposed {
    /// What it was proposed behind.
    behind: Point,
    /// The configurations that applied.
    configs: Vec<Arc<Config>>,
    changes: Changes,
    /// An oracle let one of two voters commit it alone.
    granted: bool,
}

/// The reconfigurations of a history.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Changes {
    pub last: Zxid,
    /// The one before that.
    pub before: Zxid,
}

#[derive(Clone, Debug)]
pub struct Ghost {
    /// In the order of their zxids, from the one everything began with.
    committed: Vec<Point>,
    /// Whatever was proposed, by its digest.
    proposed: BTreeMap<u64, Proposed>,
    /// Who has led which epoch.
    established: BTreeMap<Epoch, ServerId>,
}

impl Ghost {
    pub fn new(start: Point) -> Ghost {
        Ghost { committed: vec![start], proposed: BTreeMap::new(), established: BTreeMap::new() }
    }

    pub fn last(&self) -> Point {
        *self.committed.last().expect("it begins with one")
    }

    /// How many transactions have been committed.
    pub fn len(&self) -> usize {
        self.committed.len() - 1
    }

    /// How many reconfigurations have been committed.
    pub fn reconfigs(&self) -> usize {
        let is_change =
            |point: &&Point| point.zxid > self.committed[0].zxid && self.changes(**point).last == point.zxid;
        self.committed.iter().filter(is_change).count()
    }

    pub fn established(&self) -> &BTreeMap<Epoch, ServerId> {
        &self.established
    }

    pub fn point(&self, zxid: Zxid) -> Option<Point> {
        let place = self.committed.binary_search_by_key(&zxid, |point| point.zxid).ok()?;
        Some(self.committed[place])
    }

    /// A transaction is proposed behind another, while these configurations apply.
    pub fn propose(&mut self, record: &Record, behind: Point, configs: Vec<Arc<Config>>) {
        let before = self.changes(behind);
        let changes = match record.change {
            Some(_) => Changes { last: record.zxid, before: before.last },
            None => before,
        };
        self.proposed.insert(record.digest, Proposed { behind, configs, changes, granted: false });
    }

    /// The reconfigurations in the history that ends here.
    pub fn changes(&self, end: Point) -> Changes {
        self.proposed.get(&end.digest).map_or(Changes::default(), |proposed| proposed.changes)
    }

    /// Whether a point is in the history that ends with another.
    fn is_before(&self, point: Point, end: Point) -> bool {
        let mut at = end;
        while at.zxid > point.zxid {
            let Some(proposed) = self.proposed.get(&at.digest) else { return false };
            at = proposed.behind;
        }
        at == point
    }

    /// Whether a log has a point, as a record or in its base.
    fn has(&self, log: &Log, point: Point) -> bool {
        match point.zxid < log.base().zxid {
            true => self.is_before(point, log.base()),
            false => log.point(point.zxid) == Some(point),
        }
    }

    /// Whether what is durable of a log holds a point, as a record or in its base.
    fn holds_durably(&self, log: &Log, point: Point) -> bool {
        point.zxid <= log.durable_last().zxid && self.has(log, point)
    }

    /// A server makes everything of its history up to `zxid` public.
    pub fn check_published(&self, log: &Log, zxid: Zxid) {
        if zxid < self.committed[0].zxid {
            return;
        }
        let own = log.point(zxid);
        assert_eq!(own, self.point(zxid), "(2) what a server takes for committed at {zxid} is not what was committed");
    }

    /// A leader of `epoch` commits everything of its history up to `zxid`. `disks` are the logs of all servers, `paddocks` those
    /// that are known to be no servers of ZooKeeper, and `granted` is whether an oracle lets it go on alone at this moment.
    pub fn commit(
        &mut self,
        (epoch, log): (Epoch, &Log),
        zxid: Zxid,
        disks: &BTreeMap<ServerId, &Log>,
        paddocks: &BTreeSet<ServerId>,
        granted: bool,
    ) {
        let before = self.last();
        if zxid <= before.zxid {
            return self.check_published(log, zxid);
        }
        let end = log.point(zxid).unwrap_or_else(|| panic!("(2) a leader commits {zxid}, which it does not have"));
        for point in self.between(before, end) {
            if let Some(proposed) = self.proposed.get_mut(&point.digest) {
                proposed.granted = granted;
            }
            self.check_durable(point, disks);
            if point.zxid.epoch() == epoch {
                self.check_mixed(point, disks, paddocks);
            }
            self.committed.push(point);
        }
    }

    /// What comes behind `before`, up to `end`.
    fn between(&self, before: Point, end: Point) -> Vec<Point> {
        let mut points = Vec::new();
        let mut at = end;
        while at.zxid > before.zxid {
            points.push(at);
            at = self.proposed[&at.digest].behind;
        }
        assert_eq!(at, before, "(2) a leader that commits {} does not have what was committed", end.zxid);
        points.reverse();
        points
    }

    /// It does not believe acknowledgements. Behind a reconfiguration that is committed the configuration before it, with which
    /// a transaction may have been proposed, does not count any more: nobody can lead with that alone.
    fn check_durable(&self, point: Point, disks: &BTreeMap<ServerId, &Log>) {
        let Some(proposed) = self.proposed.get(&point.digest) else { return };
        let holds = |server| disks.get(&server).is_some_and(|log| self.holds_durably(log, point));
        let Changes { last, before } = proposed.changes;
        let in_force = if last == point.zxid { before } else { last };
        let in_force = || proposed.configs.iter().filter(|config| config.version() >= in_force);
        // An oracle says nothing while two apply.
        let granted = proposed.granted && in_force().count() == 1;
        for config in in_force() {
            let holders: Vec<i64> = disks.keys().filter(|server| holds(**server)).map(|server| server.0).collect();
            assert!(
                config.quorum().is_quorum_by(granted, holds),
                "(1) {} is committed, and durable on {holders:?} only, which are no quorum",
                point.zxid
            );
        }
    }

    /// In the reign that has proposed it, the configuration before does count where one of its voters, or of those of the new one,
    /// may be a server of ZooKeeper.
    fn check_mixed(&self, point: Point, disks: &BTreeMap<ServerId, &Log>, paddocks: &BTreeSet<ServerId>) {
        let Some(Proposed { configs, granted, .. }) = self.proposed.get(&point.digest) else { return };
        if configs.iter().flat_map(|config| config.quorum().voters()).all(|voter| paddocks.contains(&voter)) {
            return;
        }
        let holds = |server| disks.get(&server).is_some_and(|log| self.holds_durably(log, point));
        let granted = *granted && configs.len() == 1;
        let has_each = configs.iter().all(|config| config.quorum().is_quorum_by(granted, holds));
        assert!(has_each, "(1) {} is committed among servers of both kinds without the quorum before it", point.zxid);
    }

    /// A server has become the leader of an epoch, for all who are in its quorum.
    pub fn establish(&mut self, leader: ServerId, epoch: Epoch, log: &Log) {
        let first = *self.established.entry(epoch).or_insert(leader);
        assert_eq!(first, leader, "(3) two servers lead epoch {}", epoch.0);
        let last = self.last();
        let has = self.has(log, last);
        assert!(has, "(3) the leader of epoch {} does not have {}, which was committed", epoch.0, last.zxid);
    }

    /// What a server has durable was replaced: what was committed, the last of it and so all before it, is a quorum's still.
    pub fn check_kept(&self, disks: &BTreeMap<ServerId, &Log>) {
        self.check_durable(self.last(), disks);
    }
}
