//! Looking names up without waiting for that.
//!
//! A look-up may take as long as the machine's resolver likes, so that each has a thread of its own, and rings when it is done.
//! One that never ends keeps its thread, and its name is not looked up again meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::mem;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use paddock_net::doorbell::Doorbell;

use crate::node::peers::links::{Port, StreamId};

/// Names of the configuration that are looked up at a time.
pub const LOOKUPS_MAX: usize = 32;
/// The same of names that were told by somebody who has connected. Whoever that is, it takes nothing from the others.
pub const TOLD_LOOKUPS_MAX: usize = 4;

/// What finds the addresses of a name, with whatever ports. It may take any time.
pub type Resolver = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Asks the machine's resolver.
pub fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    (name, 0).to_socket_addrs().map(Iterator::collect)
}

/// Where a name comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It is in the configuration.
    Known,
    /// Somebody has told it who has connected, and may be a stranger.
    Told,
}

impl Origin {
    /// Names that are looked up at a time.
    fn lookups_max(self) -> usize {
        match self {
            Origin::Known => LOOKUPS_MAX,
            Origin::Told => TOLD_LOOKUPS_MAX,
        }
    }
}

/// Who waits for the addresses of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// An attempt that dials this port there. It may have the name from elsewhere than whoever asked first.
    Dial { stream: StreamId, port: u16, origin: Origin },
    /// A port that is to listen at them: its listener in this place.
    Listen { port: Port, place: usize },
}

/// What has become of a look-up.
pub struct Found {
    pub host: Box<str>,
    /// None if there is no such name, or nobody could be asked. Their ports do not count.
    pub addresses: Vec<SocketAddr>,
    /// Those who wait for it.
    pub waiters: Vec<Waiter>,
}

/// One that is under way.
struct Lookup {
    /// Of whoever asked first.
    origin: Origin,
    waiters: Vec<Waiter>,
}

type Answer = (Box<str>, io::Result<Vec<SocketAddr>>);

pub struct Lookups {
    bell: Arc<Doorbell>,
    resolver: Resolver,
    answers: (Sender<Answer>, Receiver<Answer>),
    under_way: HashMap<Box<str>, Lookup>,
    /// Names of the configuration that could not be found when they were looked up last. Each is told once.
    unknown: BTreeSet<Box<str>>,
    /// It was said that no name can be looked up.
    failure_is_told: bool,
}

impl Lookups {
    /// `bell` is rung when there is something to take.
    pub fn new(bell: Arc<Doorbell>, resolver: Resolver) -> Lookups {
        Lookups {
            bell,
            resolver,
            answers: bounded(LOOKUPS_MAX + TOLD_LOOKUPS_MAX),
            under_way: HashMap::new(),
            unknown: BTreeSet::new(),
            failure_is_told: false,
        }
    }

    /// Looks a name up, unless that is under way already. `false` if too many are.
    pub fn ask(&mut self, host: &str, origin: Origin, waiter: Waiter) -> bool {
        if let Some(Lookup { waiters, .. }) = self.under_way.get_mut(host) {
            if !waiters.contains(&waiter) {
                waiters.push(waiter);
            }
            return true;
        }
        if self.under_way.values().filter(|lookup| lookup.origin == origin).count() >= origin.lookups_max() {
            self.tell_failure(origin, format_args!("too many others are being looked up; does the resolver answer?"));
            return false;
        }
        if let Err(error) = self.begin(host) {
            self.tell_failure(origin, format_args!("there is no thread for it: {error}"));
            return false;
        }
        if origin == Origin::Known {
            self.failure_is_told = false;
        }
        self.under_way.insert(host.into(), Lookup { origin, waiters: vec![waiter] });
        true
    }

    fn begin(&self, host: &str) -> io::Result<()> {
        let (name, sender) = (Box::<str>::from(host), self.answers.0.clone());
        let (bell, resolver) = (self.bell.clone(), self.resolver.clone());
        thread::Builder::new().name("name lookup".into()).spawn(move || {
            let found = resolver(&name);
            // Nobody takes it once the server ends.
            let _ = sender.send((name, found));
            bell.ring();
        })?;
        Ok(())
    }

    /// Once, until it works again.
    fn tell_failure(&mut self, origin: Origin, why: fmt::Arguments<'_>) {
        if origin == Origin::Known && !mem::replace(&mut self.failure_is_told, true) {
            tracing::error!("the name of a server cannot be looked up, which is tried again: {why}");
        }
    }

    /// This stream is given up, and waits for nothing any more.
    pub fn forget(&mut self, stream: StreamId) {
        let is_its = |waiter: &Waiter| matches!(waiter, Waiter::Dial { stream: waiting, .. } if *waiting == stream);
        self.under_way.values_mut().for_each(|lookup| lookup.waiters.retain(|waiter| !is_its(waiter)));
    }

    /// How many wait for names.
    #[cfg(test)]
    pub fn waiters(&self) -> usize {
        self.under_way.values().map(|lookup| lookup.waiters.len()).sum()
    }

    /// Whether one is done.
    pub fn has_found(&self) -> bool {
        !self.answers.1.is_empty()
    }

    /// The next that is done.
    pub fn next(&mut self) -> Option<Found> {
        let (host, found) = self.answers.1.try_recv().ok()?;
        let Lookup { origin, waiters } = self.under_way.remove(&host).expect("a name is answered once");
        let addresses = match found {
            Ok(addresses) => {
                if self.unknown.remove(&host) {
                    tracing::info!("the name {host} is known again");
                }
                addresses
            }
            Err(why) => {
                match origin {
                    Origin::Known => self.note_unknown(host.clone(), &why),
                    Origin::Told => tracing::debug!(%host, %why, "a name that was told cannot be looked up"),
                }
                Vec::new()
            }
        };
        Some(Found { host, addresses, waiters })
    }

    fn note_unknown(&mut self, host: Box<str>, why: &io::Error) {
        if self.unknown.len() >= LOOKUPS_MAX {
            // Those of them that are still looked up are told once more.
            self.unknown.clear();
        }
        if !self.unknown.contains(&host) {
            tracing::warn!("the name {host} cannot be looked up, which is tried again as long as it is needed: {why}");
            self.unknown.insert(host);
        }
    }
}
