//! A learner puts a committed configuration in force.

use alloc::sync::Arc;

use super::master::Master;
use crate::ServerId;
use crate::config::{Config, PeerType};
use crate::output::{Output, Reason};
use crate::server::peer_type;
use crate::step::Step;

/// `designated` is the leader that the commit named, if it named one. A learner whose part changes, or whose leader does,
/// leaves, and goes to the one that is named, in its new part.
pub(super) fn activate(
    config: &Arc<Config>,
    designated: Option<ServerId>,
    master: &Master,
    step: &mut Step<'_>,
) -> Result<(), Reason> {
    let old = &step.server.configs().committed;
    if !step.server.settings.reconfig_enabled || config.version() <= old.version() {
        return Ok(());
    }
    let me = step.server.me;
    let moves = (peer_type(config, me) == PeerType::Observer) != master.observes;
    let changes_leader = match designated {
        Some(designated) => designated != master.leader,
        None => !config.keeps_leader(old, master.leader),
    };
    step.server.activate(config, step.out);
    step.put(Output::Activate { config: config.clone(), leader: designated });
    if !moves && !changes_leader {
        return Ok(());
    }
    // Whoever only changes its part knows its leader. ZooKeeper looks for it at UPTODATE, and may not find it: those that vote from
    // here on are a part of the quorum that says who leads.
    if let Some(leader) = designated.or((!changes_leader).then_some(master.leader)) {
        step.server.designate(leader);
    }
    Err(Reason::Reconfigured)
}
