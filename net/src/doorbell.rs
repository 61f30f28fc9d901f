//! Waking a thread that sleeps in its poll, and only then.
//!
//! ```text
//! sleeper: going_to_sleep · look at every queue once more · poll · awake
//! ringer:  push to a queue · ring
//! ```
//! Either the ringer sees that the other sleeps, or the sleeper's last look sees what was pushed. Because of the two fences
//! it cannot be that neither does. A wake-up costs a system call, and most pushes find the other side awake.

use std::sync::atomic::{AtomicBool, Ordering, fence};

use mio::{Registry, Token, Waker};

/// One thread's bell.
pub struct Doorbell {
    /// Whether the thread sleeps or is about to.
    asleep: AtomicBool,
    waker: Waker,
}

impl Doorbell {
    /// A bell that makes the poll of `registry` return with `token`.
    pub fn new(registry: &Registry, token: Token) -> std::io::Result<Doorbell> {
        Ok(Doorbell { asleep: AtomicBool::new(false), waker: Waker::new(registry, token)? })
    }

    /// To be called after a push: wakes the thread if it sleeps.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::Relaxed)
            && let Err(error) = self.waker.wake()
        {
            // An eventfd refuses only when its counter is full, and then the thread wakes anyway.
            tracing::error!(%error, "cannot wake a thread");
        }
    }

    /// To be called before the last look at the queues, and so before the poll.
    pub fn going_to_sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// To be called after the poll.
    pub fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }
}
