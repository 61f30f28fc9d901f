//! Three Paddocks with every setting as it is by default come to where an epoch is renewed.

use paddock_consensus::Epoch;
use paddock_tests::server::Kind;

use crate::ensemble::{Ensemble, Part};
use crate::history::{PROGRAM, epoch_of, write_before};
use crate::load::{self, IDS, epoch_at};

/// Transactions of the epoch, so that there are some before the last 0x1000, where it is renewed.
const EPOCH: Epoch = epoch_of(0x1000 + 2_000);

#[test]
fn an_epoch_is_renewed_where_few_zxids_are_left_and_nobody_notices() {
    let mut ensemble = Ensemble::of(&[Part::Participant; 3])
        .program(PROGRAM)
        .furnish(|kind, data_dir| write_before(EPOCH, kind, data_dir))
        // Where a run is without features, this one is about them.
        .property("paddock.ensemble.features", "true");
    IDS.iter().for_each(|&id| ensemble.begin(id, Kind::Paddock));
    let leader = ensemble.wait_for_leader(&IDS);
    let seen = load::beyond(EPOCH, &ensemble);
    seen.tell("renewal", EPOCH);
    assert_eq!(seen.connections_lost(), 0, "a client has lost its connection");
    assert_eq!(ensemble.wait_for_leader(&IDS), leader);
    for id in IDS {
        let log = ensemble.server(id).log();
        assert!(!log.contains("looks for a leader:"), "server {id} has looked for a leader: {log}");
        assert_eq!(epoch_at(&ensemble, id), Some(Epoch(EPOCH.0 + 1)), "server {id}");
    }
    seen.assert_kept(&ensemble);
}
