//! TLS handshakes: they go on in slices, so that whoever is connected already is served meanwhile.
//!
//! One step of a handshake, the server's signature, takes about a millisecond, as much as a thousand reads. Connections that
//! shake hands are not read from as others are, but stand in a list, and each turn works on it for as long as the rest of the turn
//! took, one connection at least.

use std::time::{Duration, Instant};

use super::clients::Clients;
use super::intake;
use super::releases::Releases;
use crate::time_share::TimeShare;

/// How long a slice lasts at most: what comes meanwhile waits for it.
const SLICE_MAX: Duration = Duration::from_millis(2);

/// The handshakes of one reactor. The connections themselves stand in a list of the ledger.
pub struct Handshakes {
    share: TimeShare,
}

impl Default for Handshakes {
    fn default() -> Handshakes {
        Handshakes { share: TimeShare::with_max(SLICE_MAX) }
    }
}

impl Handshakes {
    /// Works on those that wait, in the order in which something came for them.
    pub fn go_on(&mut self, clients: &mut Clients, releases: &mut Releases, buffer: &mut [u8]) {
        let slots = clients.ledger.take_to_shake();
        if slots.is_empty() {
            return;
        }
        self.share.begin(Instant::now());
        for (at, slot) in slots.iter().enumerate() {
            intake::shake_hands(clients, releases, *slot, buffer);
            let now = Instant::now();
            if at + 1 < slots.len() && !self.share.is_left(now) {
                clients.ledger.shake_rest_later(&slots[at + 1..]);
                return self.share.end(now);
            }
        }
    }
}
