//! The connections of one reactor, each in a slot that is used again when it has closed.

use crate::connection::Connection;
use crate::exchange::ConnectionId;

/// The connections of one reactor by slot.
#[derive(Default)]
pub struct Connections {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

impl Connections {
    /// The id that the next connection will have.
    pub fn next_id(&mut self) -> ConnectionId {
        if self.free.is_empty() {
            self.free.push(u32::try_from(self.slots.len()).expect("file descriptors are fewer"));
            self.slots.push(Slot::default());
        }
        let slot = *self.free.last().expect("one was pushed above");
        ConnectionId { slot, generation: self.slots[slot as usize].generation }
    }

    /// Adds a connection whose id is [`Connections::next_id`].
    pub fn insert(&mut self, connection: Box<Connection>) {
        let slot = connection.id.slot;
        assert_eq!(self.free.pop(), Some(slot), "the id was asked for");
        self.slots[slot as usize].connection = Some(connection);
    }

    pub fn remove(&mut self, slot: u32) -> Option<Box<Connection>> {
        let entry = self.slots.get_mut(slot as usize)?;
        let connection = entry.connection.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(connection)
    }

    pub fn at(&mut self, slot: u32) -> Option<&mut Connection> {
        self.slots.get_mut(slot as usize)?.connection.as_deref_mut()
    }

    /// The connection that is meant, if it is still there.
    pub fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.at(id.slot).filter(|connection| connection.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(|slot| slot.connection.as_deref())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slots.iter_mut().filter_map(|slot| slot.connection.as_deref_mut())
    }

    /// How many slots there are, with and without a connection.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
