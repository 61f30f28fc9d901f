//! Between two roles.

use alloc::collections::BTreeMap;

use crate::ServerId;
use crate::mutants::mutant;
use crate::notification::Notification;
use crate::server::Server;
use crate::settings::Ms;

/// What the last role had begun comes to its end before this server tells anybody what it has: a position that is announced
/// is the end of the durable log. Some wait a while besides: an observer that has lost its leader, so that not all of them come to
/// the next one at once, and whoever would come back to the same leader at once in vain.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    until: Ms,
    /// To whom this server goes then, without a search.
    designated: Option<ServerId>,
    /// What voters have said meanwhile, each the last time.
    heard: BTreeMap<ServerId, Notification>,
}

impl Pause {
    pub(crate) fn begin(until: Ms) -> Pause {
        Pause { until, designated: None, heard: BTreeMap::new() }
    }

    /// Before this server goes to the leader that a reconfiguration has named.
    pub(crate) fn before(designated: ServerId, now: Ms) -> Pause {
        Pause { until: now, designated: Some(designated), heard: BTreeMap::new() }
    }

    pub(crate) fn designated(&self) -> Option<ServerId> {
        self.designated
    }

    /// `None` while it waits for the disk.
    pub(crate) fn deadline(&self, server: &Server) -> Option<Ms> {
        (server.is_drained() || mutant!(14)).then_some(self.until)
    }

    pub(crate) fn hear(&mut self, server: &Server, from: ServerId, heard: Notification) {
        if server.configs().is_voter(from) {
            self.heard.insert(from, heard);
        }
    }

    /// In the order of the server ids.
    pub(crate) fn into_heard(self) -> impl Iterator<Item = (ServerId, Notification)> {
        self.heard.into_iter()
    }
}
