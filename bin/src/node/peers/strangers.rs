//! Servers that are in no configuration.

use paddock_consensus::ServerId;
use paddock_consensus::config::Configs;

/// Connections of one port that have not said who they are, or are of a server in no configuration. The oldest is closed for
/// a new one.
pub const UNKNOWN_LINKS: usize = 64;

/// Whether a server is in the committed configuration or in the one that was seen last.
pub fn is_member(configs: &Configs, server: ServerId) -> bool {
    [&configs.committed, &configs.last_seen].into_iter().any(|config| config.members().contains_key(&server))
}
