//! What the four-letter words tell of the ensemble, which may be changed while they are asked.

use std::sync::{Arc, Mutex, PoisonError};

use paddock_consensus::config::Config;

/// The committed configuration of a member, for whoever tells of it. Every copy shows the same.
#[derive(Clone, Debug)]
pub struct ShownConfig(Arc<Mutex<Arc<Config>>>);

impl ShownConfig {
    pub fn new(config: Arc<Config>) -> ShownConfig {
        ShownConfig(Arc::new(Mutex::new(config)))
    }

    /// As it is now.
    pub fn config(&self) -> Arc<Config> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another one is committed.
    pub fn take_config(&self, config: &Arc<Config>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
    }
}
