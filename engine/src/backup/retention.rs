//! Which backups stay. Pure.

use std::collections::{BTreeMap, BTreeSet};

use paddock_consensus::Zxid;

use super::index::{Backup, Index};

/// Of so many histories the newest backup stays unless something else is said: the server's own, and six that ended.
pub const HISTORIES_KEPT: usize = 7;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Which backups stay: those that one of the two keeps, and the newest in any case; all of them where neither says anything.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Keep {
    /// So many of the newest.
    pub count: Option<u64>,
    /// Those of so many days.
    pub days: Option<u32>,
    /// Besides, the newest one of so many of the newest histories: a server that lost its data begins another history, whose backups
    /// are not to push out all of the one that has them.
    pub histories: usize,
}

impl Keep {
    fn keeps(self, backup: &Backup, newer: u64, now_ms: i64) -> bool {
        let Keep { count, days, .. } = self;
        let by_count = count.is_some_and(|count| newer < count);
        let by_age = days.is_some_and(|days| backup.taken >= now_ms.saturating_sub(i64::from(days) * DAY_MS));
        newer == 0 || by_count || by_age || (count.is_none() && days.is_none())
    }

    /// The numbers of the newest backups of the histories that are not to be lost.
    fn newest_of_histories(self, index: &Index) -> BTreeSet<u64> {
        let newest: BTreeMap<u64, u64> = index.backups.iter().map(|backup| (backup.history, backup.number)).collect();
        newest.into_values().rev().take(self.histories).collect()
    }

    /// The same without the backups that go, and without what no other one needs: snapshots older than the oldest kept backup of
    /// their history begins with, and the log up to there.
    pub fn apply(self, mut index: Index, now_ms: i64) -> Index {
        let count = index.backups.len() as u64;
        let newest = self.newest_of_histories(&index);
        let mut place = 0;
        index.backups.retain(|backup| {
            place += 1;
            self.keeps(backup, count - place, now_ms) || newest.contains(&backup.number)
        });
        let mut from: BTreeMap<u64, Zxid> = BTreeMap::new();
        for backup in &index.backups {
            let least = from.entry(backup.history).or_insert(backup.from);
            *least = (*least).min(backup.from);
        }
        index.histories.retain_mut(|history| {
            let Some(from) = from.get(&history.number) else { return false };
            history.snapshots.retain(|snapshot| snapshot.zxid >= *from);
            // A log that goes beyond it stays whole, and the last one in any case: by its end the next backup knows the history.
            let end = history.last();
            history.logs.retain(|log| log.last > *from || log.last == end);
            true
        });
        index
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::{Epoch, Zxid};

    use super::{DAY_MS, HISTORIES_KEPT, Keep};
    use crate::backup::index::{Backup, History, Index, LogPiece, SnapshotPiece};

    fn index() -> Index {
        let snapshot = |zxid| SnapshotPiece { zxid: Zxid(zxid), taken: 0, bytes: 1, sum: 0 };
        let log = |after: i64, last: i64| {
            let (first, after, last) = (Zxid(after + 1), Zxid(after), Zxid(last));
            LogPiece { first, after, last, records: 1, time: 0, latest: 0, end: 0, bytes: 1, sum: 0 }
        };
        let backup = |number, history, day: i64, from, last| {
            let (from, last, taken) = (Zxid(from), Zxid(last), day * DAY_MS);
            Backup { number, history, taken, from, last, epoch: Epoch(0) }
        };
        let one = History { number: 1, snapshots: vec![snapshot(2)], logs: vec![log(2, 5)] };
        let snapshots = vec![snapshot(10), snapshot(20), snapshot(30)];
        let two = History { number: 2, snapshots, logs: vec![log(10, 15), log(15, 25), log(25, 35)] };
        let backups =
            vec![backup(1, 1, 1, 2, 5), backup(2, 2, 2, 10, 15), backup(3, 2, 3, 20, 25), backup(4, 2, 4, 30, 35)];
        Index { server: None, histories: vec![one, two], backups }
    }

    fn left(count: Option<u64>, days: Option<u32>) -> (Vec<u64>, Vec<i64>, Vec<i64>) {
        let index = Keep { count, days, histories: 0 }.apply(index(), 5 * DAY_MS);
        let snapshots = index.histories.iter().flat_map(|history| &history.snapshots);
        let logs = index.histories.iter().flat_map(|history| &history.logs);
        (
            index.backups.iter().map(|backup| backup.number).collect(),
            snapshots.map(|snapshot| snapshot.zxid.0).collect(),
            logs.map(|log| log.last.0).collect(),
        )
    }

    #[test]
    fn what_no_kept_backup_needs_goes() {
        let all = (vec![1, 2, 3, 4], vec![2, 10, 20, 30], vec![5, 15, 25, 35]);
        assert_eq!(left(None, None), all);
        assert_eq!(left(Some(9), None), all);
        assert_eq!(left(Some(3), None), (vec![2, 3, 4], vec![10, 20, 30], vec![15, 25, 35]));
        assert_eq!(
            left(Some(2), None),
            (vec![3, 4], vec![20, 30], vec![25, 35]),
            "the log up to 15 is in the snapshot"
        );
        assert_eq!(left(Some(1), None), (vec![4], vec![30], vec![35]));
        assert_eq!(left(Some(0), None), left(Some(1), None), "the newest stays");
        assert_eq!(left(None, Some(2)), (vec![3, 4], vec![20, 30], vec![25, 35]));
        assert_eq!(left(None, Some(0)), left(Some(1), None));
        assert_eq!(
            left(Some(1), Some(3)),
            (vec![2, 3, 4], vec![10, 20, 30], vec![15, 25, 35]),
            "one of the two is enough"
        );
    }

    #[test]
    fn the_newest_backup_of_each_of_some_histories_stays() {
        let stays = |index: Index, count, histories| {
            let index = Keep { count: Some(count), days: None, histories }.apply(index, 5 * DAY_MS);
            index.backups.iter().map(|backup| backup.number).collect::<Vec<_>>()
        };
        assert_eq!(stays(index(), 1, 1), [4]);
        assert_eq!(stays(index(), 1, 2), [1, 4], "the newest of the other history");
        // After a loss the schedule goes on; each backup of the server without its data is applied by itself.
        let mut scheduled = index();
        for number in 5..30 {
            let backup = Backup { number, history: 3, ..scheduled.backups[0] };
            scheduled.histories.retain(|history| history.number != 3);
            scheduled.histories.push(History { number: 3, ..History::default() });
            scheduled.backups.push(backup);
            scheduled = Keep { count: Some(2), days: None, histories: HISTORIES_KEPT }.apply(scheduled, 5 * DAY_MS);
        }
        let numbers: Vec<u64> = scheduled.backups.iter().map(|backup| backup.number).collect();
        assert_eq!(numbers, [1, 4, 28, 29]);
        assert_eq!(scheduled.histories[1].logs.last().map(|log| log.last), Some(Zxid(35)), "with what it needs");
        // Of many histories the oldest go.
        let many = 2 * HISTORIES_KEPT as u64;
        let backup = |number| Backup { number, history: number, ..scheduled.backups[0] };
        let histories = (1..=many).map(|number| History { number, ..History::default() }).collect();
        let index = Index { histories, backups: (1..=many).map(backup).collect(), ..Index::default() };
        assert_eq!(stays(index, 1, HISTORIES_KEPT), Vec::from_iter(many - HISTORIES_KEPT as u64 + 1..=many));
    }

    #[test]
    fn the_end_of_a_history_stays_known() {
        let mut index = index();
        index.histories[1].snapshots.push(SnapshotPiece { zxid: Zxid(35), taken: 0, bytes: 1, sum: 0 });
        index.backups[3].from = Zxid(35);
        let History { snapshots, logs, .. } =
            &Keep { count: Some(1), ..Keep::default() }.apply(index, 5 * DAY_MS).histories[0];
        assert_eq!((snapshots.len(), logs.len(), logs[0].last), (1, 1, Zxid(35)));
    }
}
