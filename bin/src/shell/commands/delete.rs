//! delete, deleteall.

use std::collections::VecDeque;

use crate::client::failure::Failure;
use crate::client::operations::DeletionsTicket;
use crate::client::path_rule;
use crate::client::request::ANY_VERSION;
use crate::shell::complaint::Complaint;
use crate::shell::number;
use crate::shell::stage::Stage;
use crate::shell::syntax::{DELETE, DELETE_ALL};
use crate::shell::walk::Walk;

/// Deletions in one multi, unless `-b` says otherwise.
const BATCH: i32 = 1000;
/// Bytes in one multi: a server takes no longer requests than about 1 MiB.
const BATCH_BYTES: usize = 512 << 10;
/// Those of a deletion in it, besides its path.
const DELETION_BYTES: usize = 17;
/// Multis that are not answered.
const IN_FLIGHT_MAX: usize = 10;

pub fn delete(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&DELETE, words, 1)?;
    if given.words.len() > 2 {
        // zkCli says so, and takes no notice of the version.
        let remark = "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.";
        stage.output.remark(remark);
    }
    let version = given.value("v").map(number::int).transpose().map_err(Complaint::new)?;
    stage.client.delete(&given.words[1], version.unwrap_or(ANY_VERSION))?;
    Ok(())
}

pub fn delete_all(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&DELETE_ALL, words, 1)?;
    let batch = given.value("b").map(number::int).transpose();
    let batch = batch.map_err(|_| Complaint::new("-b argument must be an int value"))?.unwrap_or(BATCH);
    let path = &given.words[1];
    path_rule::check(path).map_err(Complaint::new)?;
    let is_done = match usize::try_from(batch) {
        Ok(batch) if batch > 0 => delete_in_batches(stage, path, batch)?,
        _ => {
            delete_one_by_one(stage, path)?;
            true
        }
    };
    if !is_done {
        stage.output.remark("Failed to delete some node(s) in the subtree!");
    }
    Ok(())
}

fn delete_one_by_one(stage: &Stage, path: &str) -> Result<(), Failure> {
    for_each_upwards(stage, path, |path| stage.client.delete(&path, ANY_VERSION).map(|()| true)).map(drop)
}

/// Whether all of it was deleted. After a batch that has failed no other is begun.
fn delete_in_batches(stage: &Stage, path: &str, size: usize) -> Result<bool, Failure> {
    let mut batches = Batches { stage, size, paths: Vec::new(), bytes: 0, in_flight: VecDeque::new() };
    let is_whole = for_each_upwards(stage, path, |path| batches.add(path))?;
    if !is_whole {
        batches.paths.clear();
    }
    Ok(batches.finish()? && is_whole)
}

struct Batches<'a> {
    stage: &'a Stage,
    size: usize,
    paths: Vec<String>,
    bytes: usize,
    in_flight: VecDeque<DeletionsTicket>,
}

impl Batches<'_> {
    /// Whether all has gone well so far.
    fn add(&mut self, path: String) -> Result<bool, Failure> {
        self.bytes += self.stage.client.chroot().server_path(&path).len() + DELETION_BYTES;
        self.paths.push(path);
        if self.paths.len() < self.size && self.bytes < BATCH_BYTES {
            return Ok(true);
        }
        self.send()
    }

    fn send(&mut self) -> Result<bool, Failure> {
        if !self.paths.is_empty() {
            self.in_flight.push_back(self.stage.client.begin_deletions(&self.paths));
            self.paths.clear();
            self.bytes = 0;
        }
        self.settle(IN_FLIGHT_MAX - 1)
    }

    /// Waits until no more than so many are not answered.
    fn settle(&mut self, left: usize) -> Result<bool, Failure> {
        let mut is_well = true;
        while self.in_flight.len() > left {
            let Some(ticket) = self.in_flight.pop_front() else { break };
            is_well &= ticket.wait()?;
        }
        Ok(is_well)
    }

    fn finish(mut self) -> Result<bool, Failure> {
        let sent = self.send()?;
        Ok(self.settle(0)? && sent)
    }
}

/// Hands over every path of a subtree, each after those below it, as long as that is answered with `true`; whether it always was.
fn for_each_upwards(
    stage: &Stage,
    root: &str,
    mut hand_over: impl FnMut(String) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut walk = Walk::new(&stage.client, root, false);
    // From the root to the znode that was visited last: those below which there may be more.
    let mut open: Vec<String> = Vec::new();
    while let Some(visited) = walk.visit()? {
        while open.len() > visited.depth {
            let Some(path) = open.pop() else { break };
            if !hand_over(path)? {
                return Ok(false);
            }
        }
        open.push(visited.path);
        stage.check_patience()?;
    }
    while let Some(path) = open.pop() {
        if !hand_over(path)? {
            return Ok(false);
        }
    }
    Ok(true)
}
