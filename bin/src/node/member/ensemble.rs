//! What becomes of the ensemble while this server runs: changes that clients ask a leader for, and changes that were made.

use std::cell::Cell;
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::config::{Change, Config, Refused};
use paddock_consensus::input::Mark;
use paddock_consensus::zab::Zab;
use paddock_engine::order::Ensemble;
use paddock_net::peer::proposal::Proposal;
use paddock_net::serving::Serve;

use super::config_files::ConfigFileError;
use super::{Member, MemberSettings};
use crate::config::refuse_unstartable;

/// What ordering a change needs of a leader.
pub struct Present<'a> {
    pub zab: &'a Zab,
    pub settings: &'a MemberSettings,
    /// A change was ordered that the core has not heard of.
    pub is_changing: &'a Cell<bool>,
}

impl Ensemble for Present<'_> {
    fn change(&self, change: &Change<'_>, version: Zxid) -> Result<Config, Refused> {
        let made = match self.is_changing.get() {
            true => Err(Refused::ReconfigInProgress),
            false => self.zab.reconfigure(change, self.settings.standalone_enabled, version),
        };
        let made = made.and_then(|config| {
            let refused = refuse_unstartable(&config, self.settings.several_addresses).err();
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

impl Member {
    /// Keeps a configuration, durably. Where an operator keeps `zoo.cfg` out of reach, this server goes on all the same, as
    /// ZooKeeper does. A committed one for which `zoo.cfg` cannot be had, because it is gone, half edited or on a full disk, is kept
    /// as if it were proposed: a start then goes by it and the one before.
    ///
    /// # Errors
    /// Says why it is not durable.
    pub(super) fn write_config(&self, mark: &Mark) -> Result<(), ConfigFileError> {
        let files = self.config_files.as_ref().expect("who may be reconfigured has files for that");
        let written = match mark {
            Mark::LastSeen(config) => files.write_last_seen(config),
            Mark::Committed(config) => {
                let former = self.config.members().get(&self.me).and_then(|me| me.client.as_ref());
                files.write_committed(config, former).or_else(|error| match error.is_out_of_reach() {
                    true => Err(error),
                    false => {
                        tracing::error!(
                            "{error}. The changed ensemble counts, and is kept in a file of its own until the next change; see \
                             to zoo.cfg before this server is started again"
                        );
                        files.write_last_seen(config)
                    }
                })
            }
            Mark::AcceptedEpoch(_) | Mark::CurrentEpoch(_) => unreachable!("epochs have files of their own"),
        };
        match written {
            Err(error) if error.is_out_of_reach() => {
                tracing::error!("{error}. {OUT_OF_REACH}");
                Ok(())
            }
            written => written,
        }
    }

    /// Of what was written the core knows by now.
    pub(super) fn take_configs(&mut self) {
        let configs = self.zab.state().configs.clone();
        let former = std::mem::replace(&mut self.config, configs.committed.clone());
        self.peers.set_configs(configs);
        if former.version() == self.config.version() {
            return;
        }
        let config = &self.config;
        self.figures.take_config(config);
        self.announcements.take_config(config, self.now());
        self.shown.take_config(config);
        if let Some(client) = config.members().get(&self.me).and_then(|me| me.client.as_ref()) {
            self.client_port.move_to(client);
        }
        // Who is served sees it by its transaction.
        if self.replica.membership().serving() != Serve::Yes {
            self.replica.head.show_config(config);
        }
    }
}

/// What it means that a file is where this process cannot write it.
pub const OUT_OF_REACH: &str = "This server goes on with the changed ensemble, but after a restart it begins with the members \
                                that its files have, and has to learn of the others; put zoo.cfg into a directory where this \
                                process can create and replace files";
