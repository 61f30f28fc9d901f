//! What becomes of the ensemble while this server runs: changes that clients ask a leader for, and changes that were made.

use std::cell::Cell;
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::config::{Change, Config, Refused};
use paddock_consensus::zab::Zab;
use paddock_engine::order::Ensemble;
use paddock_net::peer::proposal::Proposal;

use crate::config::refuse_unstartable;

/// What ordering a change needs of a leader.
pub struct Present<'a> {
    pub zab: &'a Zab,
    /// standaloneEnabled.
    pub standalone_enabled: bool,
    /// multiAddress.enabled.
    pub several_addresses: bool,
    /// A change was ordered that the core has not heard of.
    pub is_changing: &'a Cell<bool>,
}

impl Ensemble for Present<'_> {
    fn change(&self, change: &Change<'_>, version: Zxid) -> Result<Config, Refused> {
        let made = match self.is_changing.get() {
            true => Err(Refused::ReconfigInProgress),
            false => self.zab.reconfigure(change, self.standalone_enabled, version),
        };
        let made = made.and_then(|config| {
            let refused = refuse_unstartable(&config, self.several_addresses).err();
            refused.map_or(Ok(config), |malformed| Err(Refused::BadArguments(malformed)))
        });
        if let Err(refused) = &made {
            tracing::warn!("a change of the ensemble is refused: {refused}");
        }
        made
    }

    fn note_change(&self) {
        self.is_changing.set(true);
    }
}

/// The configuration that a transaction of this server brings, if it changes the ensemble.
pub fn change_in(zxid: Zxid, record: &[u8]) -> Option<Arc<Config>> {
    const OWN: &str = "this server has written it";
    let text = Proposal::read(zxid, Some(record)).expect(OWN).configuration().expect(OWN)?;
    let config = std::str::from_utf8(text).ok().and_then(|text| Config::parse(text).ok());
    Some(Arc::new(config.expect(OWN)))
}
