//! The reactor's view: the version of the tree from which reads are answered, and the next version if that has come and is
//! not announced yet.

use std::sync::Arc;
use std::time::Duration;

use paddock_engine::tree::{Reader, Root, View};

use super::ahead::Ahead;
use crate::connection::Connection;
use crate::exchange::{Exchange, Release, State, VersionRelease};
use crate::serving::Period;
use crate::watch::Watches;

/// While a version is held, the reactor looks again after this time whether it has been announced.
const HELD_RETRY: Duration = Duration::from_millis(1);

/// The view of one reactor.
pub struct ReactorView {
    /// The queues of this reactor.
    exchange: Arc<Exchange>,
    reader: Reader,
    /// The newest transaction of the view.
    zxid: i64,
    /// A version that was taken from the queue before it was announced.
    held: Option<Held>,
}

/// A version, and what is known of its events if they are very many.
pub struct Held {
    pub release: VersionRelease,
    pub ahead: Option<Box<Ahead>>,
}

/// What comes next in the queue, and counts already.
pub enum Next {
    Version(Held),
    Serve(Period),
    State(State),
}

impl ReactorView {
    /// `zxid` is the newest transaction of the view that the reader has.
    pub fn new(exchange: Arc<Exchange>, reader: Reader, zxid: i64) -> ReactorView {
        ReactorView { exchange, reader, zxid, held: None }
    }

    /// The tree as reads see it.
    #[inline]
    pub fn tree(&self) -> View<'_> {
        self.reader.view()
    }

    /// The newest transaction of the view.
    #[inline]
    pub fn zxid(&self) -> i64 {
        self.zxid
    }

    /// The tree of the version that is held, or else of the view.
    pub fn next_tree(&self) -> View<'_> {
        self.held.as_ref().map_or_else(|| self.tree(), |held| self.reader.view_ahead(&held.release.root))
    }

    /// To be called before the poll: lets go of the version, if nothing needs it. It `is_owed` while requests are not
    /// answered, because a read that waits behind a write is answered by exactly the version of that write. And the version
    /// ahead is compared with the one before it.
    pub fn sleep(&mut self, is_owed: bool) {
        if !is_owed && !self.is_ahead() {
            self.reader.sleep();
        }
    }

    /// To be called after the poll.
    pub fn wake(&mut self) {
        self.reader.wake();
    }

    /// The number of the version that was announced last.
    #[inline]
    pub fn announced(&self) -> u64 {
        self.reader.published()
    }

    /// The number of the version by which reads are answered.
    pub fn version(&self) -> u64 {
        self.reader.version()
    }

    /// Whether there is nothing to be taken from the queue, where `announced` is what was announced last.
    #[inline]
    pub fn is_newest(&self, announced: u64) -> bool {
        self.reader.version() == announced && self.held.is_none() && self.exchange.releases.is_empty()
    }

    /// Takes what is next in the queue. A version that is not announced is held, and what comes after it stays there.
    pub fn take_next(&mut self, announced: u64) -> Option<Next> {
        if self.held.is_none() {
            // To see that a queue is empty takes less than to take nothing from it.
            if self.exchange.releases.is_empty() {
                return None;
            }
            match self.exchange.releases.pop()? {
                Release::Version(release) if release.root.version() <= announced => {
                    return Some(Next::Version(Held { release, ahead: None }));
                }
                Release::Version(release) => self.held = Some(Held { release, ahead: None }),
                Release::Serve(period) => return Some(Next::Serve(period)),
                Release::State(state) => return Some(Next::State(state)),
            }
        }
        let mut next = self.held.take()?;
        if next.release.root.version() <= announced {
            return Some(Next::Version(next));
        }
        if next.release.looked_through.is_some() {
            next.ahead.get_or_insert_default();
        }
        self.held = Some(next);
        None
    }

    /// Moves to a version.
    pub fn advance(&mut self, root: Root, zxid: i64) {
        // A version that passed while the reactor slept is not needed: a reactor that has reads waiting for a version does
        // not let go of its versions.
        if !self.reader.has_missed(root) {
            self.reader.advance(root);
            self.reader.let_go();
        }
        self.zxid = zxid;
    }

    /// Moves to another state.
    pub fn replace(&mut self, State { reader, zxid }: State) {
        assert!(self.held.is_none(), "what comes before a state in the queue is taken before it");
        (self.reader, self.zxid) = (reader, zxid);
    }

    /// Whether there is a version ahead of the view that has very many events.
    #[inline]
    pub fn is_ahead(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.ahead.is_some())
    }

    /// How long the poll may sleep because of what is held; `None` if nothing is.
    pub fn retry_after(&self) -> Option<Duration> {
        let held = self.held.as_ref()?;
        let goes_on = held.ahead.as_ref().is_some_and(|ahead| ahead.goes_on());
        Some(if goes_on { Duration::ZERO } else { HELD_RETRY })
    }

    /// Looks at one slice more of the events that are ahead.
    pub fn look_on(&mut self, watches: &Watches) {
        if let Some(Held { release, ahead: Some(ahead) }) = &mut self.held
            && ahead.goes_on()
            && ahead.look_on(release, watches)
        {
            self.exchange.replica_bell.ring();
        }
    }

    /// Whether a read has to wait for the version that is ahead, because it sets a watch on something that this version has
    /// changed. It is run when the version is announced. `false` if the read waits for something else in any case.
    pub fn must_wait(&mut self, connection: &Connection, opcode: i32, body: &[u8]) -> bool {
        let ReactorView { reader, held: Some(Held { release, ahead: Some(ahead) }), .. } = self else { return false };
        if !connection.pending.is_empty() {
            return false;
        }
        let waits =
            ahead.concerns_watch(reader.view(), reader.view_ahead(&release.root), opcode, connection.keeper, body);
        if waits {
            ahead.note_waiting(connection.id);
        }
        waits
    }
}

#[cfg(test)]
impl ReactorView {
    pub fn ahead(&mut self) -> Option<&mut Ahead> {
        self.held.as_mut()?.ahead.as_deref_mut()
    }
}
