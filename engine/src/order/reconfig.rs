//! A change of the ensemble: the only write that is not decided by the head alone.

use paddock_consensus::Zxid;
use paddock_consensus::config::{Change, Config, Refused};

use super::{Caller, Orderer};
use crate::acl::perms;
use crate::database::{CONFIG_PATH, Database};
use crate::error::Code;
use crate::request::Reconfig;
use crate::txn::{Txn, TxnHeader};

/// What a leader knows of its ensemble.
pub trait Ensemble {
    /// The configuration that a change makes of the present one, with the zxid of the transaction that will bring it.
    fn change(&self, change: &Change<'_>, version: Zxid) -> Result<Config, Refused>;

    /// The configuration is proposed from here on, so that another change is refused.
    fn note_change(&self);
}

impl Database {
    /// The configuration that a client's reconfig brings at a leader. `header` is what will be written in front of its
    /// [transaction](reconfig_txn).
    pub fn order_reconfig(
        &mut self,
        header: &TxnHeader,
        reconfig: &Reconfig<'_>,
        caller: Caller<'_>,
        ensemble: &dyn Ensemble,
    ) -> Result<Config, Code> {
        let orderer = self.orderer(header, caller);
        orderer.may_reconfigure()?;
        let config = ensemble.change(&reconfig.change(), Zxid(header.zxid)).map_err(|refused| code(&refused))?;
        let node = orderer.outlook.existing(CONFIG_PATH)?;
        orderer.check_acl(&node.acl, perms::WRITE)?;
        ensemble.note_change();
        Ok(config)
    }
}

/// What becomes of a reconfig.
pub fn reconfig_txn(ordered: &Result<Config, Code>) -> Txn<'_> {
    match ordered {
        Ok(config) => Txn::Reconfig { path: CONFIG_PATH.into(), data: Some(config.text().as_bytes()), version: -1 },
        Err(code) => Txn::Error(code.number()),
    }
}

impl Orderer<'_, '_> {
    pub(super) fn may_reconfigure(&self) -> Result<(), Code> {
        if self.reconfig_enabled { self.check_session() } else { Err(Code::ReconfigDisabled) }
    }
}

fn code(refused: &Refused) -> Code {
    match refused {
        Refused::ReconfigInProgress => Code::ReconfigInProgress,
        Refused::BadVersion { .. } => Code::BadVersion,
        Refused::BadArguments(_) => Code::BadArguments,
        Refused::Marshalling(_) => Code::Marshalling,
        Refused::NewConfigNoQuorum => Code::NewConfigNoQuorum,
    }
}
