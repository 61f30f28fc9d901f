//! Zxids that only Stats show: where requests without a reply were done.

use std::collections::HashSet;

use crate::history::Event;
use crate::operation::{Body, Operation, Stat};

/// A zxid that a Stat shows and no acknowledged write has.
#[derive(Debug)]
pub struct Witness {
    pub zxid: i64,
    pub path: String,
    sight: Sight,
    /// The event that shows it.
    pub place: usize,
}

impl Witness {
    /// Whether the znode is still as it was seen.
    pub fn agrees_with(&self, stat: &Stat) -> bool {
        Sight::of(self.sight.part(), stat) == self.sight
    }
}

/// What a transaction left of a znode that shows its zxid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Creation { czxid: i64, owner: i64 },
    Data { mzxid: i64, version: i32, length: i32 },
    Children { pzxid: i64, cversion: i32, count: i32 },
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Creation,
    Data,
    Children,
}

impl Sight {
    fn of(part: Part, stat: &Stat) -> Sight {
        match part {
            Part::Creation => Sight::Creation { czxid: stat.czxid, owner: stat.ephemeral_owner },
            Part::Data => Sight::Data { mzxid: stat.mzxid, version: stat.version, length: stat.data_length },
            Part::Children => Sight::Children { pzxid: stat.pzxid, cversion: stat.cversion, count: stat.num_children },
        }
    }

    fn part(self) -> Part {
        match self {
            Sight::Creation { .. } => Part::Creation,
            Sight::Data { .. } => Part::Data,
            Sight::Children { .. } => Part::Children,
        }
    }

    fn zxid(self) -> i64 {
        match self {
            Sight::Creation { czxid, .. } => czxid,
            Sight::Data { mzxid, .. } => mzxid,
            Sight::Children { pzxid, .. } => pzxid,
        }
    }
}

/// Every zxid that a Stat shows and no acknowledged write has, once for each znode and part.
pub fn witnesses(events: &[Event]) -> Vec<Witness> {
    let written: HashSet<i64> = events.iter().filter_map(Event::written_zxid).collect();
    let mut known: HashSet<(i64, &str, std::mem::Discriminant<Sight>)> = HashSet::new();
    let mut witnesses = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let (Some(operation), Some(reply)) = (event.operation(), event.reply()) else { continue };
        for (path, stat) in stats(operation, &reply.body) {
            for part in [Part::Creation, Part::Data, Part::Children] {
                let sight = Sight::of(part, stat);
                let zxid = sight.zxid();
                if zxid > 0 && !written.contains(&zxid) && known.insert((zxid, path, std::mem::discriminant(&sight))) {
                    witnesses.push(Witness { zxid, path: path.to_owned(), sight, place });
                }
            }
        }
    }
    witnesses
}

/// The Stats in an answer, with their paths.
fn stats<'e>(operation: &'e Operation, body: &'e Body) -> Vec<(&'e str, &'e Stat)> {
    match (operation, body) {
        (Operation::Multi(members), Body::Multi(outcomes)) => {
            members.iter().zip(outcomes).flat_map(|(member, outcome)| stats(member, &outcome.body)).collect()
        }
        (_, Body::PathStat(path, stat)) => vec![(path, stat)],
        (_, Body::Stat(stat) | Body::Data(_, stat) | Body::Names(_, Some(stat))) => {
            operation.path().map(|path| (path, stat)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
