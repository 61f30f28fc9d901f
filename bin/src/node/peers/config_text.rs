//! Configurations that other servers tell.

use std::sync::Arc;

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config, Configs};

use super::complaints::Complaints;

/// The configuration of a text that a server has told, if it is one. Nearly always it is one that is known, and is not read.
pub fn read_config(configs: &Configs, from: ServerId, text: &[u8], complaints: &mut Complaints) -> Option<Arc<Config>> {
    let known = [&configs.committed, &configs.last_seen].into_iter().find(|config| config.text().as_bytes() == text);
    if let Some(known) = known {
        return Some(known.clone());
    }
    let parsed = std::str::from_utf8(text).map_err(|error| error.to_string());
    match parsed.and_then(|text| Config::parse(text).map_err(|error| error.to_string())) {
        Ok(config) => Some(Arc::new(config)),
        Err(why) => {
            if let Some(line) = complaints.line(from, "a configuration that cannot be understood", &why) {
                tracing::warn!("{line}");
            }
            None
        }
    }
}
