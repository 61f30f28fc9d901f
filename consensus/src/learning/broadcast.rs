//! A learner that serves.

use alloc::sync::Arc;

use super::activation::activate;
use super::history::{Taken, acknowledge};
use super::master::Master;
use super::outstanding::Outstanding;
use super::renewal::Renewing;
use crate::config::Config;
use crate::leading::ObserverMaster;
use crate::message::FromMaster;
use crate::output::{Output, Part, Reason, Serve};
use crate::step::Step;
use crate::{Epoch, Zxid};

/// From UPTODATE on.
#[derive(Clone, Debug)]
pub(super) struct Broadcasting {
    outstanding: Outstanding,
    /// Up to here everything is acknowledged.
    acknowledged: Zxid,
    /// Of a follower that serves observers.
    observer_master: Option<ObserverMaster>,
}

const NAME: &str = "Broadcasting";

impl Broadcasting {
    pub(super) fn begin(taken: Taken, master: &Master, step: &mut Step<'_>) -> Result<Broadcasting, Reason> {
        let (outstanding, acknowledged) = taken.on_up_to_date(master, step)?;
        let (leader, epoch) = (master.server, outstanding.epoch());
        let part = match master.observes {
            true => Part::Observing { leader, epoch },
            false => Part::Following { leader, epoch },
        };
        step.put(Output::Become(part, Serve::Yes));
        let serves_observers = step.server.settings.has_observer_masters && !master.observes;
        let observer_master = serves_observers.then(|| ObserverMaster::begin(epoch, step));
        Ok(Broadcasting { outstanding, acknowledged, observer_master })
    }

    pub(super) fn observer_master(&self) -> Option<&ObserverMaster> {
        self.observer_master.as_ref()
    }

    pub(super) fn observer_master_mut(&mut self) -> Option<&mut ObserverMaster> {
        self.observer_master.as_mut()
    }

    /// The leader begins this epoch. It has none to begin before everything that it has proposed is committed.
    /// Whoever observes by this server is to take that epoch too, and comes back for it.
    pub(super) fn renew(self, epoch: Epoch, step: &mut Step<'_>) -> Result<Renewing, Reason> {
        let is_done = self.outstanding.committed() == step.server.log.written().last();
        if !is_done || epoch <= step.server.epochs().accepted() {
            return Err(Reason::Unexpected { state: NAME, zxid: Zxid::start_of(epoch) });
        }
        self.end_observers(Reason::RoleEnded, step);
        Ok(Renewing::begin(epoch))
    }

    /// Nobody observes by this server any more.
    pub(super) fn end_observers(self, reason: Reason, step: &mut Step<'_>) {
        if let Some(observer_master) = self.observer_master {
            observer_master.end(reason, step);
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.outstanding.epoch()
    }

    pub(super) fn acknowledge(&mut self, master: &Master, step: &mut Step<'_>) {
        self.acknowledged = acknowledge(self.acknowledged, master, step);
    }

    pub(super) fn on_message(
        &mut self,
        master: &Master,
        message: &FromMaster<'_>,
        step: &mut Step<'_>,
    ) -> Result<(), Reason> {
        let unexpected = Err(Reason::Unexpected { state: NAME, zxid: message.zxid() });
        match *message {
            FromMaster::Proposal { change: Some(_), .. } if !step.server.settings.reconfig_enabled => {
                Err(Reason::ReconfigDisabled)
            }
            FromMaster::Proposal { zxid, change } if !master.observes => {
                self.outstanding.propose(NAME, zxid, change, step)
            }
            // It would be in force nowhere: a change is committed by a packet of its own.
            FromMaster::Commit(zxid) if self.outstanding.has_change_up_to(zxid) => unexpected,
            FromMaster::Commit(zxid) if !master.observes && master.is_grouped => {
                self.outstanding.commit_group(NAME, zxid, step)?;
                self.tell_committed(zxid, step);
                Ok(())
            }
            FromMaster::Commit(zxid) if !master.observes => self.commit(zxid, step).map(drop),
            FromMaster::CommitAndActivate { zxid, leader } if !master.observes => {
                let Some(config) = self.commit(zxid, step)? else { return unexpected };
                activate(&config, Some(leader), master, step)
            }
            FromMaster::Inform { zxid } if master.observes => {
                self.outstanding.propose(NAME, zxid, None, step)?;
                self.commit(zxid, step).map(drop)
            }
            FromMaster::InformAndActivate { zxid, leader, change } if master.observes => {
                self.outstanding.propose(NAME, zxid, Some(change), step)?;
                self.commit(zxid, step)?;
                activate(change, Some(leader), master, step)
            }
            // ZooKeeper takes no notice of a second one.
            FromMaster::UpToDate => Ok(()),
            _ => unexpected,
        }
    }

    fn commit(&mut self, zxid: Zxid, step: &mut Step<'_>) -> Result<Option<Arc<Config>>, Reason> {
        let change = self.outstanding.commit(NAME, zxid, step)?;
        self.tell_committed(zxid, step);
        Ok(change)
    }

    fn tell_committed(&mut self, zxid: Zxid, step: &mut Step<'_>) {
        step.server.commit(zxid);
        step.put(Output::Commit(zxid));
        if let Some(observer_master) = &mut self.observer_master {
            observer_master.on_committed(step);
        }
    }
}
