//! Events become notifications of those who watch.

use std::sync::Arc;

use paddock_engine::acl::perms;
use paddock_engine::event::Event;

use super::clients::Clients;
use crate::memory::Memory;
use crate::output::{SHARED_MIN, Shared};
use crate::reply;

/// Tells watchers of events. What it holds is kept for its memory alone.
#[derive(Default)]
pub struct Notifications {
    /// The slots of those who are told of an event.
    told: Vec<u32>,
    /// What they are told, encoded.
    bytes: Vec<u8>,
}

/// A notification, encoded once.
enum Notification {
    /// Copied to each watcher, and its memory used again.
    Small(Vec<u8>),
    /// In memory once for all watchers.
    Large(Arc<Shared>),
}

impl Notification {
    /// Bytes, with its own length.
    fn length(&self) -> usize {
        match self {
            Notification::Small(bytes) => bytes.len(),
            Notification::Large(shared) => shared.length(),
        }
    }
}

impl Notifications {
    /// Tells the watchers of an event. Any connection may be gone afterwards.
    pub fn fire(&mut self, clients: &mut Clients, event: &Event<'_>) {
        if clients.ledger.watches.is_empty() {
            return;
        }
        clients.ledger.watches.trigger(event.kind, event.path, &mut self.told);
        if !self.told.is_empty() {
            let notification = self.encode(event, &clients.ledger.memory);
            let sent = self.told.iter().filter(|slot| notify(clients, **slot, event, &notification)).count();
            clients.ledger.figures.own().note_told(event.kind, sent as u64, notification.length());
            if let Notification::Small(mut bytes) = notification {
                bytes.clear();
                self.bytes = bytes;
            }
        }
        clients.relieve();
    }

    fn encode(&mut self, event: &Event<'_>, memory: &Memory) -> Notification {
        let mut bytes = std::mem::take(&mut self.bytes);
        reply::write_notification(event.kind, event.zxid, event.path, &mut bytes);
        if bytes.len() < SHARED_MIN { Notification::Small(bytes) } else { Notification::Large(memory.share(bytes)) }
    }
}

/// Queues a notification, unless the watcher may not read what it tells of. `false`: it was not queued.
fn notify(clients: &mut Clients, slot: u32, event: &Event<'_>, notification: &Notification) -> bool {
    let Some((connection, ledger)) = clients.at(slot) else { return false };
    if !ledger.settings.authority.permits(event.acl, perms::READ, &connection.ids) {
        return false;
    }
    if connection.is_far_behind() {
        tracing::warn!(
            address = %connection.address,
            session = format_args!("0x{:x}", connection.session),
            "a client does not read its notifications; its connection was closed"
        );
        clients.close(slot);
        return false;
    }
    match notification {
        Notification::Small(bytes) => connection.output.tail().extend_from_slice(bytes),
        Notification::Large(shared) => connection.output.share(shared),
    }
    connection.tally.note_besides();
    ledger.owe(connection);
    true
}
