//! One server after the other gives way to one of the other kind, on an empty directory, while clients write: from ZooKeeper
//! to Paddock, and back. What a server has not is brought to it by the leader, which is of either kind.
//!
//! `PADDOCK_ROLLING` sets how often (`cargo xtask rolling`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use paddock_tests::server::{DEADLINE, Kind, poll_until};

use crate::clients::assert_same_trees;
use crate::ensemble::{Ensemble, Part};
use crate::writers::{Writer, Written};

const IDS: [u32; 3] = [1, 2, 3];

fn rounds() -> u32 {
    let told = std::env::var("PADDOCK_ROLLING");
    told.map_or(1, |text| text.parse().expect("the variable is a number"))
}

/// Sets it when it goes, also when a test fails, so that nobody waits for the writers for ever.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn replace_all(ensemble: &mut Ensemble, kind: Kind, progress: &[Arc<AtomicU32>]) {
    for id in IDS {
        ensemble.terminate(id);
        ensemble.begin(id, kind);
        ensemble.wait_for(id);
        let leader = ensemble.wait_for_leader(&IDS);
        wait_for_writes(progress);
        println!("{id} is {kind:?}, {leader} leads");
    }
}

/// Each writer gets on.
pub fn wait_for_writes(progress: &[Arc<AtomicU32>]) {
    let before: Vec<u32> = progress.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let get_on = || {
        let mut each = progress.iter().zip(&before);
        each.all(|(count, before)| count.load(Ordering::Relaxed) > *before).then_some(())
    };
    assert!(poll_until(DEADLINE, get_on).is_some(), "not every writer gets on");
}

#[test]
fn zookeepers_give_way_to_paddocks_and_back_while_clients_write() {
    let began = Instant::now();
    let mut ensemble = Ensemble::of(&[Part::Participant; 3]);
    for id in IDS {
        ensemble.begin(id, Kind::ZooKeeper);
    }
    ensemble.wait_for_leader(&IDS);
    let writers: Vec<Writer> = IDS.iter().map(|&id| Writer::begin(&ensemble, id)).collect();
    let progress: Vec<Arc<AtomicU32>> = writers.iter().map(Writer::acknowledged).collect();
    let stop = AtomicBool::new(false);
    let written: Vec<Written> = std::thread::scope(|scope| {
        let running: Vec<_> = writers.into_iter().map(|writer| scope.spawn(|| writer.run(&stop))).collect();
        {
            let _stop = StopAtEnd(&stop);
            for _ in 0..rounds() {
                replace_all(&mut ensemble, Kind::Paddock, &progress);
                replace_all(&mut ensemble, Kind::ZooKeeper, &progress);
            }
        }
        running.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    for written in &written {
        for id in IDS {
            written.assert_kept(&ensemble, id);
        }
    }
    assert_same_trees(&ensemble);
    let count: u32 = progress.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    println!("{} rounds, {count} writes were acknowledged, {:.0} s", rounds(), began.elapsed().as_secs_f64());
}
