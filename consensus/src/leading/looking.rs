//! Members that look for a leader while there is one.

use alloc::collections::BTreeMap;

use crate::notification::{Notification, ServerState};
use crate::{Epoch, ServerId};

/// The epoch in the last vote of each: that of its own history, or of a better one that it votes for.
#[derive(Clone, Debug, Default)]
pub(super) struct LookingMembers {
    epochs: BTreeMap<ServerId, i64>,
}

impl LookingMembers {
    pub(super) fn hear(&mut self, from: ServerId, heard: &Notification) {
        match heard.state {
            ServerState::Looking => drop(self.epochs.insert(from, heard.vote.peer_epoch)),
            ServerState::Following | ServerState::Leading | ServerState::Observing => self.forget(from),
        }
    }

    /// It follows.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.epochs.remove(&server);
    }

    /// Whether this server looks, and its history is of this epoch or an earlier one.
    pub(super) fn has_none_later(&self, server: ServerId, epoch: Epoch) -> bool {
        self.epochs.get(&server).is_some_and(|voted| *voted <= i64::from(epoch.0))
    }
}
