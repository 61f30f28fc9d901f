//! A learner puts a committed configuration in force.

use alloc::sync::Arc;

use super::master::Master;
use crate::ServerId;
use crate::config::Config;
use crate::input::Mark;
use crate::output::{Output, Reason};
use crate::server::peer_type;
use crate::step::Step;

/// `designated` is the leader that the commit named, if it named one. A learner whose part changes, or whose leader does,
/// leaves.
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
    let moves = peer_type(config, me) != peer_type(old, me);
    let changes_leader = match designated {
        Some(designated) => designated != master.leader,
        None => !is_at_same_place(old, config, master.leader),
    };
    step.put(Output::Write(Mark::Committed(config.clone())));
    step.put(Output::Activate { config: config.clone(), leader: designated });
    match moves || changes_leader {
        true => Err(Reason::Reconfigured),
        false => Ok(()),
    }
}

/// Whether the quorum port of a server is where it was.
fn is_at_same_place(old: &Config, new: &Config, server: ServerId) -> bool {
    let ports = |config: &Config| {
        let member = config.members().get(&server)?;
        Some(member.addresses.iter().map(|address| address.quorum.clone()).collect::<alloc::vec::Vec<_>>())
    };
    ports(old) == ports(new)
}
