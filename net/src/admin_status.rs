//! What is counted of an operator's commands that take a snapshot or put one back. Whoever carries these out writes them, one
//! command at a time.

use crate::counter::Counter;
use crate::distribution::Distribution;

#[derive(Debug, Default)]
pub struct AdminStatus {
    pub snapshot_errors: Counter,
    /// Snapshots that were asked for too soon after the last one.
    pub snapshots_limited: Counter,
    pub restore_errors: Counter,
    pub restores_limited: Counter,
    /// ms.
    pub restore_time: Distribution,
    /// Connections to the port for operators that came without TLS.
    pub insecure: Counter,
}

impl AdminStatus {
    /// What counts events begins anew. Others may count at this moment: of what they count then something may be left.
    pub fn reset(&self) {
        let AdminStatus {
            snapshot_errors,
            snapshots_limited,
            restore_errors,
            restores_limited,
            restore_time,
            insecure,
        } = self;
        for counter in [snapshot_errors, snapshots_limited, restore_errors, restores_limited, insecure] {
            counter.set(0);
        }
        restore_time.reset();
    }
}
