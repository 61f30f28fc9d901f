//! Who is told what a client has not asked for.

use super::event::Event;

pub trait Listener: Send + Sync {
    /// Is told before any answer that came later on the wire. It must not wait: meanwhile nothing keeps the session alive.
    fn hear(&self, event: Event);
}
