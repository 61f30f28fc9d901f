//! Servers that die while the ensemble is changed.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, get_config, joining, reconfigure, text};
use paddock_tests::client::Client;
use paddock_tests::random::{Random, number_from_env};
use paddock_tests::server::{DEADLINE, Kind, poll_until};

const ROUNDS: usize = 12;
const SEED: usize = 1;

#[test]
fn what_was_told_of_a_change_holds_when_all_die_at_once() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let changed = leader % 3 + 1;
    let config = reconfigure(&mut ensemble.master(leader), &joining(&[ensemble.line(changed, OBSERVER)]));
    ensemble.ids().iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.ids().iter().for_each(|id| ensemble.server(*id).spawn());
    ensemble.wait_for_mode(changed, "observer");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_serves(&ensemble.ids(), "after-all");
}

/// One of four has its vote given and taken, and each time some server dies at once, the leader too.
#[test]
fn a_change_is_made_or_not_whoever_dies_meanwhile() {
    let kind = Kind::under_test();
    let rounds = number_from_env("PADDOCK_RECONFIG_ROUNDS", ROUNDS);
    let mut draws = Random::new(number_from_env("PADDOCK_RECONFIG_SEED", SEED) as u64);
    let ensemble = Ensemble::start(kind, 4);
    let (mut made, mut is_observer) = (0, false);
    for round in 0..rounds {
        let asked_at = draws.below(4) as u32 + 1;
        let dies = draws.below(4) as u32 + 1;
        let role = if is_observer { PARTICIPANT } else { OBSERVER };
        let mut master = ensemble.master(asked_at);
        master.queue(&joining(&[ensemble.line(4, role)]));
        master.flush().expect("it is connected");
        if draws.below(2) == 0 {
            // Whoever has asked may be told.
            let _ = master.next_reply();
        }
        ensemble.server(dies).kill();
        ensemble.server(dies).spawn();
        let mut last = Vec::new();
        let agreed = poll_until(DEADLINE, || {
            last = ensemble.ids().iter().map(|id| shown(&ensemble, *id)).collect();
            let first = last[0].clone()?;
            last.iter().all(|shown| shown.as_ref() == Some(&first)).then_some(first)
        });
        let config = agreed.unwrap_or_else(|| panic!("round {round}: {last:#?}"));
        made += usize::from(config.contains(&ensemble.line(4, role)));
        is_observer = config.contains(&ensemble.line(4, OBSERVER));
        ensemble.assert_serves(&ensemble.ids(), &format!("round-{round}"));
    }
    println!("{made} of {rounds} changes were made");
}

/// The configuration of a server that serves.
fn shown(ensemble: &Ensemble, id: u32) -> Option<String> {
    let mut client = Client::connect(ensemble.server(id).address(), 30_000).ok()?;
    Some(text(&client.call(&get_config()).ok()?))
}
