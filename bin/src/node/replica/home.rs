//! Which connection each session has.

use std::collections::HashMap;
use std::time::Instant;

use paddock_net::exchange::ConnectionId;

/// Where a session's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Home {
    pub reactor: usize,
    pub connection: ConnectionId,
}

/// The connection of every session that has one. Only living sessions do.
pub struct Homes {
    by_session: HashMap<i64, Home>,
    /// By reactor and slot, up to the highest slot that had a session. Every write looks here, so nothing is hashed.
    by_slot: Vec<Vec<Option<Tenant>>>,
}

/// The session of one generation of a slot.
#[derive(Clone, Copy)]
struct Tenant {
    generation: u32,
    session: i64,
    /// When it asked for something last, if that was not taken yet.
    asked: Option<Instant>,
}

impl Homes {
    pub fn new(reactors: usize) -> Homes {
        Homes { by_session: HashMap::new(), by_slot: vec![Vec::new(); reactors] }
    }

    /// The session's connection is here from now on.
    pub fn move_in(&mut self, session: i64, home: Home) {
        let (slots, slot) = (&mut self.by_slot[home.reactor], home.connection.slot as usize);
        if slots.len() <= slot {
            slots.resize(slot + 1, None);
        }
        slots[slot] = Some(Tenant { generation: home.connection.generation, session, asked: None });
        self.by_session.insert(session, home);
    }

    /// The session that has its connection here.
    pub fn session_at(&self, home: Home) -> Option<i64> {
        let tenant = self.by_slot[home.reactor].get(home.connection.slot as usize)?.as_ref()?;
        (tenant.generation == home.connection.generation).then_some(tenant.session)
    }

    /// Likewise; it asks for something now.
    pub fn note_request(&mut self, home: Home, now: Instant) -> Option<i64> {
        let tenant = self.tenant_mut(home)?;
        tenant.asked = Some(now);
        Some(tenant.session)
    }

    /// When the session asked for something last on the connection that it has here, if it did since this was taken last.
    pub fn take_asked(&mut self, session: i64) -> Option<Instant> {
        let home = *self.by_session.get(&session)?;
        self.tenant_mut(home)?.asked.take()
    }

    fn tenant_mut(&mut self, home: Home) -> Option<&mut Tenant> {
        let tenant = self.by_slot[home.reactor].get_mut(home.connection.slot as usize)?.as_mut()?;
        (tenant.generation == home.connection.generation).then_some(tenant)
    }

    /// Where the session's connection was.
    pub fn forget(&mut self, session: i64) -> Option<Home> {
        let home = self.by_session.remove(&session)?;
        self.vacate(home);
        Some(home)
    }

    /// The connection is gone.
    pub fn leave(&mut self, home: Home) {
        if let Some(session) = self.vacate(home) {
            self.by_session.remove(&session);
        }
    }

    /// All connections are gone.
    pub fn leave_all(&mut self) {
        self.by_session.clear();
        self.by_slot.iter_mut().for_each(Vec::clear);
    }

    /// No session has its connection here any more. Returns the one that had.
    fn vacate(&mut self, home: Home) -> Option<i64> {
        let session = self.session_at(home)?;
        self.by_slot[home.reactor][home.connection.slot as usize] = None;
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_net::exchange::ConnectionId;

    use super::{Home, Homes};

    const fn home(reactor: usize, slot: u32, generation: u32) -> Home {
        Home { reactor, connection: ConnectionId { slot, generation } }
    }

    #[test]
    fn a_slot_is_a_home_in_one_generation_only() {
        let mut homes = Homes::new(2);
        homes.move_in(7, home(1, 3, 1));
        assert_eq!(homes.session_at(home(1, 3, 1)), Some(7));
        for other in [home(0, 3, 1), home(1, 2, 1), home(1, 4, 1), home(1, 3, 0), home(1, 3, 2)] {
            assert_eq!(homes.session_at(other), None);
            homes.leave(other);
        }
        assert_eq!(homes.forget(7), Some(home(1, 3, 1)));
        assert_eq!((homes.forget(7), homes.session_at(home(1, 3, 1))), (None, None));
    }

    #[test]
    fn who_is_late_to_leave_takes_nobody_along() {
        let mut homes = Homes::new(1);
        homes.move_in(7, home(0, 0, 1));
        homes.move_in(8, home(0, 0, 2));
        homes.leave(home(0, 0, 1));
        assert_eq!(homes.session_at(home(0, 0, 2)), Some(8));
        assert_eq!(homes.forget(7), Some(home(0, 0, 1)));
        assert_eq!(homes.session_at(home(0, 0, 2)), Some(8));
    }

    #[test]
    fn what_a_session_asked_for_last_is_taken_once() {
        let (mut homes, now) = (Homes::new(1), Instant::now());
        homes.move_in(7, home(0, 0, 1));
        assert_eq!(homes.take_asked(7), None);
        assert_eq!(homes.note_request(home(0, 0, 2), now), None, "the slot had another session then");
        for age in [2, 1] {
            assert_eq!(homes.note_request(home(0, 0, 1), now - Duration::from_secs(age)), Some(7));
        }
        assert_eq!(homes.take_asked(7), Some(now - Duration::from_secs(1)));
        assert_eq!(homes.take_asked(7), None);
        homes.note_request(home(0, 0, 1), now);
        homes.forget(7);
        homes.move_in(7, home(0, 0, 2));
        assert_eq!(homes.take_asked(7), None, "it has asked for nothing here yet");
    }
}
