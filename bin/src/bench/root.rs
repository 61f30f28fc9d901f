//! The znodes of a run: made under one root before it, removed after it.
//!
//! ```text
//! /above                data "above paddock bench": a parent that had to be made; it goes when it has no children left
//! /paddock-bench        data "paddock bench": the mark by which a later run knows that it may remove it
//!     keys/<name>       what exists, get and set touch
//!     list/<name>       what list reads
//!     made/<name>       what create makes and delete removes
//!     watched           what --watchers watches
//!     filler            what fills the sockets of those who do not read
//! ```

use std::fmt;
use std::time::Duration;

use super::client::{Client, ClientError};
use super::keys::{NAME_BYTES, Names, created_number};
use super::random::Random;
use super::server::Server;
use super::wire;
use super::workload::Workload;
use crate::progress::Progress;

const MARK: &[u8] = b"paddock bench";
/// Of a parent of the root that was not there: it may be removed, but not what else is under it.
const PARENT_MARK: &[u8] = b"above paddock bench";
/// Of the znode that fills sockets.
const FILLER_BYTES: u64 = 100_000;

/// Where the znodes are.
#[derive(Clone, Debug)]
pub struct Root {
    pub path: String,
    pub server: Server,
    /// Milliseconds.
    pub session_timeout: i32,
    /// A server that is silent for this long while znodes are made or removed is given up.
    pub patience: Duration,
}

#[derive(Debug)]
pub enum RootError {
    Client(ClientError),
    /// The znodes of a run are still there.
    Left {
        path: String,
        error: ClientError,
    },
    /// A znode of that name exists and is not ours to remove.
    Foreign(String),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootError::Client(error) => write!(f, "{error}"),
            RootError::Left { path, error } => {
                write!(f, "{path} could not be removed: {error}; the next run with this --root removes it")
            }
            RootError::Foreign(path) => {
                write!(f, "{path} exists and was not made by this tool: choose another --root, or delete it first")
            }
        }
    }
}

impl From<ClientError> for RootError {
    fn from(error: ClientError) -> RootError {
        RootError::Client(error)
    }
}

impl Root {
    pub fn keys(&self) -> String {
        format!("{}/keys", self.path)
    }

    pub fn list(&self) -> String {
        format!("{}/list", self.path)
    }

    pub fn made(&self) -> String {
        format!("{}/made", self.path)
    }

    pub fn watched(&self) -> String {
        format!("{}/watched", self.path)
    }

    pub fn filler(&self) -> String {
        format!("{}/filler", self.path)
    }

    /// Makes the root anew, and under it what `run` needs.
    pub fn make(&self, run: &Workload, seed: u64, progress: &Progress) -> Result<(), RootError> {
        let mut client = self.make_empty(progress)?;
        let value = value(run.value_size, seed);
        let named = |number| run.names.of(number);
        fill(&mut client, &self.keys(), (0..run.keys_needed()).map(named), &value, progress)?;
        let listed = |number| Names::Sequential.of(number);
        fill(&mut client, &self.list(), (0..run.children_needed()).map(listed), b"", progress)?;
        let stock = (0..run.connections)
            .flat_map(|connection| (0..run.stock_needed()).map(move |n| created_number(connection, n)))
            .map(named);
        fill(&mut client, &self.made(), stock, &value, progress)?;
        client.close();
        Ok(())
    }

    /// Makes the root anew with the one znode that is watched, and a large one for those who do not read.
    pub fn make_watched(&self, value_size: u64, seed: u64, progress: &Progress) -> Result<(), RootError> {
        let mut client = self.make_empty(progress)?;
        client.create(&self.watched(), &value(value_size, seed))?;
        client.create(&self.filler(), &value(FILLER_BYTES, seed))?;
        client.close();
        Ok(())
    }

    /// Removes the root and all that is under it, if it is there, and the parents that were made for it. A server that
    /// is silent for `patience` is given up.
    pub fn remove(&self, patience: Duration, progress: &Progress) -> Result<(), RootError> {
        let removed = self.connect(patience).and_then(|mut client| {
            self.remove_with(&mut client, progress)?;
            self.remove_parents(&mut client)?;
            client.close();
            Ok(())
        });
        removed.map_err(|error| match error {
            RootError::Client(error) => RootError::Left { path: self.path.clone(), error },
            error => error,
        })
    }

    fn connect(&self, patience: Duration) -> Result<Client, RootError> {
        Ok(Client::connect(&self.server, self.session_timeout, patience)?)
    }

    fn make_empty(&self, progress: &Progress) -> Result<Client, RootError> {
        let mut client = self.connect(self.patience)?;
        self.remove_with(&mut client, progress)?;
        for parent in self.parents() {
            client.create(parent, PARENT_MARK)?;
        }
        client.create(&self.path, MARK)?;
        for parent in [self.keys(), self.list(), self.made()] {
            client.create(&parent, b"")?;
        }
        Ok(client)
    }

    /// The paths above the root, from the top down.
    fn parents(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.path.match_indices('/').skip(1).map(|(at, _)| &self.path[..at]).collect::<Vec<_>>().into_iter()
    }

    /// Removes the parents that were made for this run or one before it, up to one that is somebody else's or is used.
    fn remove_parents(&self, client: &mut Client) -> Result<(), ClientError> {
        for parent in self.parents().rev() {
            if client.data(parent)?.as_deref() != Some(PARENT_MARK) || !client.delete_if_empty(parent)? {
                break;
            }
        }
        Ok(())
    }

    fn remove_with(&self, client: &mut Client, progress: &Progress) -> Result<(), RootError> {
        match client.data(&self.path)? {
            None => return Ok(()),
            Some(data) if data != MARK => return Err(RootError::Foreign(self.path.clone())),
            Some(_) => (),
        }
        for child in client.children(&self.path)? {
            let parent = format!("{}/{child}", self.path);
            let names = client.children(&parent)?;
            let bar = progress.count(&format!("removing {parent}"), names.len() as u64);
            let requests = names.iter().map(|name| wire::delete_request(&format!("{parent}/{name}")));
            client.send_all(requests, ("delete under", &parent, wire::NO_NODE), |answered| bar.set(answered))?;
            client.delete(&parent)?;
        }
        client.delete(&self.path)?;
        Ok(())
    }
}

/// Creates znodes with the given names under `parent`.
fn fill(
    client: &mut Client,
    parent: &str,
    names: impl Iterator<Item = [u8; NAME_BYTES]> + Clone,
    value: &[u8],
    progress: &Progress,
) -> Result<(), ClientError> {
    let template = wire::Template::create(parent, value);
    let bar = progress.count(&format!("making {parent}"), names.clone().count() as u64);
    let requests = names.map(|name| {
        let mut request = Vec::with_capacity(template.frame_bytes());
        template.append(&mut request, 0, &name);
        request
    });
    client.send_all(requests, ("create under", parent, wire::NODE_EXISTS), |answered| bar.set(answered))
}

/// Bytes that do not compress, the same for the same seed.
pub fn value(size: u64, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut value = Vec::with_capacity(size as usize + 8);
    while value.len() < size as usize {
        value.extend(random.next_u64().to_ne_bytes());
    }
    value.truncate(size as usize);
    value
}
