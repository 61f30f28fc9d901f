//! An ensemble is switched over, one server after the other, while clients write: nothing that was acknowledged is lost, and no
//! session expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use paddock_tests::certificates::Authority;
use paddock_tests::server::{DEADLINE, Kind, TempDir, poll_until};

use crate::ensemble::Ensemble;
use crate::secured::{IDS, assert_serves, begin, jaas, three, with_jaas, with_stores};
use crate::writers::{Writer, Written};

/// Sets it when it goes, also when a test fails, so that nobody waits for the writers for ever.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Each writer gets on.
fn wait_for_writes(progress: &[Arc<AtomicU32>]) {
    let before: Vec<u32> = progress.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let get_on = || {
        let mut each = progress.iter().zip(&before);
        each.all(|(count, before)| count.load(Ordering::Relaxed) > *before).then_some(())
    };
    assert!(poll_until(DEADLINE, get_on).is_some(), "not every writer gets on");
}

/// Takes each step with one server after the other.
fn switch(ensemble: &Ensemble, steps: &[(&str, &str)]) {
    let writers: Vec<Writer> = IDS.iter().map(|&id| Writer::begin(ensemble, id)).collect();
    let progress: Vec<Arc<AtomicU32>> = writers.iter().map(Writer::acknowledged).collect();
    let stop = AtomicBool::new(false);
    let written: Vec<Written> = std::thread::scope(|scope| {
        let running: Vec<_> = writers.into_iter().map(|writer| scope.spawn(|| writer.run(&stop))).collect();
        {
            let _stop = StopAtEnd(&stop);
            for step in steps {
                for id in IDS {
                    ensemble.terminate(id);
                    ensemble.begin_again(id, &[*step]);
                    ensemble.wait_for(id);
                    ensemble.wait_for_leader(&IDS);
                    wait_for_writes(&progress);
                }
            }
        }
        running.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    for written in &written {
        IDS.iter().for_each(|&id| written.assert_kept(ensemble, id));
    }
    assert_serves(ensemble, &IDS, "/switched");
}

#[test]
fn an_ensemble_is_switched_to_tls_while_clients_write() {
    let authority = Authority::new();
    for kinds in [[Kind::Paddock; 3], [Kind::Paddock, Kind::ZooKeeper, Kind::Paddock]] {
        let mut ensemble = with_stores(three(), &authority);
        begin(&mut ensemble, kinds);
        switch(&ensemble, &[("portUnification", "true"), ("sslQuorum", "true"), ("portUnification", "false")]);
    }
}

#[test]
fn an_ensemble_is_switched_to_sasl_while_clients_write() {
    let directory = TempDir::new("jaas");
    let file = jaas(directory.path(), "jaas.conf", "hush");
    for kinds in [[Kind::Paddock; 3], [Kind::Paddock, Kind::ZooKeeper, Kind::Paddock]] {
        let mut ensemble = with_jaas(three(), &file);
        begin(&mut ensemble, kinds);
        let steps = ["quorum.auth.enableSasl", "quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl"];
        switch(&ensemble, &steps.map(|step| (step, "true")));
    }
}
