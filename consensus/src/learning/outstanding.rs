//! A learner's proposals that are not committed.

use alloc::sync::Arc;

use crate::config::Config;
use crate::mutants::mutant;
use crate::output::{Output, Reason};
use crate::step::Step;
use crate::{Epoch, Zxid};

/// Everything of the history after what is committed. A learner takes no proposal that leaves a gap, and no COMMIT out of
/// order: what it has is then always the beginning of what the leader has, or it looks again.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    epoch: Epoch,
    committed: Zxid,
    /// The newest that came on this link.
    change: Option<Change>,
    /// What the newest reconfiguration has brought that is committed.
    in_force: Option<Arc<Config>>,
}

/// A reconfiguration; there is one at a time that is not committed.
#[derive(Clone, Debug)]
struct Change {
    zxid: Zxid,
    config: Arc<Config>,
}

impl Outstanding {
    pub(super) fn begin(epoch: Epoch, committed: Zxid) -> Outstanding {
        Outstanding { epoch, committed, change: None, in_force: None }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn committed(&self) -> Zxid {
        self.committed
    }

    /// Whether the configuration of NEWLEADER is one that the leader has proposed and not committed: it tells the one that it has
    /// seen last, also in the middle of a change. ZooKeeper takes that for committed.
    pub(super) fn awaits(&self, config: &Config) -> bool {
        if mutant!(37) {
            return false;
        }
        let version = config.version();
        version.epoch() == self.epoch && !version.is_blank() && version > self.committed
    }

    /// The configuration that this leader has seen last, when it has told of `config` in NEWLEADER.
    pub(super) fn newest<'a>(&'a self, config: &'a Arc<Config>) -> &'a Arc<Config> {
        let change = self.change.as_ref().map(|change| &change.config);
        change.filter(|change| change.version() > config.version()).unwrap_or(config)
    }

    /// The configuration that is in force when the leader serves, when it has told of `config` in NEWLEADER; `None` if that is the
    /// one from before.
    pub(super) fn in_force<'a>(&'a self, config: Option<&'a Arc<Config>>) -> Option<&'a Arc<Config>> {
        let told = config.filter(|config| !self.awaits(config));
        told.into_iter().chain(&self.in_force).max_by_key(|config| config.version())
    }

    /// The next proposal; it goes to the log.
    pub(super) fn propose(
        &mut self,
        state: &'static str,
        zxid: Zxid,
        change: Option<&Arc<Config>>,
        step: &mut Step<'_>,
    ) -> Result<(), Reason> {
        let follows = zxid.epoch() <= self.epoch && step.server.log.written().may_follow(zxid);
        let is_pending = self.change.as_ref().is_some_and(|change| change.zxid > self.committed);
        // The zxid of a change is the version that it brings: others are told of its commit by that.
        let is_other = change.is_some_and(|config| config.version() != zxid);
        if !follows || is_other || (change.is_some() && is_pending) {
            return Err(Reason::Unexpected { state, zxid });
        }
        // The configuration is written first: no log may have a reconfiguration whose quorum its server does not know.
        if let Some(config) = change {
            self.change = Some(Change { zxid, config: config.clone() });
            step.server.see(zxid, config, step.out);
        }
        step.server.log.append(zxid);
        step.put(Output::Append(zxid));
        Ok(())
    }

    /// The oldest proposal is committed; the configuration that it brings, if it is a reconfiguration.
    pub(super) fn commit(
        &mut self,
        state: &'static str,
        zxid: Zxid,
        step: &Step<'_>,
    ) -> Result<Option<Arc<Config>>, Reason> {
        if step.server.log.written().next_after(self.committed) != Some(zxid) {
            return Err(Reason::Unexpected { state, zxid });
        }
        self.committed = zxid;
        Ok(self.enforce(zxid))
    }

    /// Whether a reconfiguration that is not committed is up to this transaction.
    pub(super) fn has_change_up_to(&self, zxid: Zxid) -> bool {
        self.change.as_ref().is_some_and(|change| self.committed < change.zxid && change.zxid <= zxid)
    }

    /// Every proposal up to this one is committed.
    pub(super) fn commit_group(&mut self, state: &'static str, zxid: Zxid, step: &Step<'_>) -> Result<(), Reason> {
        if zxid <= self.committed || !step.server.log.written().contains(zxid) {
            return Err(Reason::Unexpected { state, zxid });
        }
        self.committed = zxid;
        self.enforce_up_to(zxid);
        Ok(())
    }

    /// A reconfiguration comes that the state has already.
    pub(super) fn repeat(&mut self, zxid: Zxid, change: Option<&Arc<Config>>) {
        if let Some(config) = change {
            self.change = Some(Change { zxid, config: config.clone() });
        }
    }

    /// Everything up to this transaction is committed, and with it a reconfiguration that is not after it.
    pub(super) fn enforce_up_to(&mut self, zxid: Zxid) {
        if let Some(change) = self.change.as_ref().filter(|change| change.zxid <= zxid) {
            self.in_force = Some(change.config.clone());
        }
    }

    /// This transaction is committed: the configuration that it brings, if it is the newest reconfiguration.
    pub(super) fn enforce(&mut self, zxid: Zxid) -> Option<Arc<Config>> {
        let change = self.change.as_ref().filter(|change| change.zxid == zxid).map(|change| change.config.clone());
        self.in_force = change.clone().or(self.in_force.take());
        change
    }
}
