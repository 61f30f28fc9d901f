//! Looking names up without waiting for that.
//!
//! A look-up may take as long as the machine's resolver likes, so that each has a thread of its own, and rings when it is done.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use paddock_net::doorbell::Doorbell;

use crate::node::peers::links::{Port, StreamId};

/// Names that are looked up at a time.
pub const LOOKUPS_MAX: usize = 32;

/// Who waits for the addresses of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// An attempt that dials this port there.
    Dial { stream: StreamId, port: u16 },
    /// A port that is to listen at one of its addresses, the one of this place.
    Listen { port: Port, place: usize },
}

/// What has become of a look-up.
pub struct Found {
    /// None if there is no such name, or nobody could be asked.
    pub addresses: Vec<IpAddr>,
    /// Those who wait for it.
    pub waiters: Vec<Waiter>,
}

type Answer = (Box<str>, Result<Vec<IpAddr>, String>);

pub struct Lookups {
    bell: Arc<Doorbell>,
    answers: (Sender<Answer>, Receiver<Answer>),
    under_way: HashMap<Box<str>, Vec<Waiter>>,
    /// Names that could not be found when they were looked up last. Each is told once.
    unknown: BTreeSet<Box<str>>,
}

impl Lookups {
    /// `bell` is rung when there is something to take.
    pub fn new(bell: Arc<Doorbell>) -> Lookups {
        Lookups { bell, answers: bounded(LOOKUPS_MAX), under_way: HashMap::new(), unknown: BTreeSet::new() }
    }

    /// Looks a name up, unless that is under way already. `false` if too many are.
    pub fn ask(&mut self, host: &str, waiter: Waiter) -> bool {
        if let Some(waiters) = self.under_way.get_mut(host) {
            waiters.push(waiter);
            return true;
        }
        if self.under_way.len() >= LOOKUPS_MAX {
            return false;
        }
        let (name, sender, bell) = (Box::<str>::from(host), self.answers.0.clone(), self.bell.clone());
        let looked_up = thread::Builder::new().name("name lookup".into()).spawn(move || {
            let found = (&*name, 0).to_socket_addrs();
            let found = found.map(|found| found.map(|address| address.ip()).collect());
            // Nobody takes it once the server ends.
            let _ = sender.send((name, found.map_err(|error| error.to_string())));
            bell.ring();
        });
        if let Err(error) = looked_up {
            tracing::error!("the name {host} cannot be looked up: there is no thread for it: {error}");
            return false;
        }
        self.under_way.insert(host.into(), vec![waiter]);
        true
    }

    /// The next that is done.
    pub fn next(&mut self) -> Option<Found> {
        let (host, found) = self.answers.1.try_recv().ok()?;
        let waiters = self.under_way.remove(&host).unwrap_or_default();
        let addresses = match found {
            Ok(addresses) => {
                if self.unknown.remove(&host) {
                    tracing::info!("the name {host} is known again");
                }
                addresses
            }
            Err(why) => {
                if self.unknown.len() < LOOKUPS_MAX && self.unknown.insert(host.clone()) {
                    tracing::warn!(
                        "the name {host} cannot be looked up, which is tried again as long as it is needed: {why}"
                    );
                }
                Vec::new()
            }
        };
        Some(Found { addresses, waiters })
    }
}
