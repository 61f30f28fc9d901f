//! Requests without a reply where no log tells what became of them.
//!
//! Each either has a zxid, which then belongs to no acknowledged write, or was never done. Those of one connection are done
//! in their order, so that of each connection only the first ones were. A session that was not closed by its client may be
//! closed by a server: that too is a request of which nobody was told.
//!
//! Nothing is tried before something that was answered cannot be explained without it; then one after the other of those that
//! touch the same paths is put to a free zxid, and the replay goes on from there. What led nowhere is taken back.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::history::{Event, What};
use crate::known::Known;
use crate::operation::{Body, Operation, parent};
use crate::source::Source;
use crate::tree::Tree;

/// Free zxids that are tried for one request.
const ZXIDS_TRIED: usize = 4;
/// Zxids that are kept for that in all.
const FREE_MAX: usize = 1 << 20;
/// Behind the last zxid of an epoch that was seen, so many more may have been given.
const BEHIND_EPOCH: i64 = 8;

/// A request that may have been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub session: i64,
    pub source: Source,
    pub operation: Operation,
    /// Its zxid is above this one.
    floor: i64,
    reach: Reach,
}

/// What an unknown may change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Reach {
    /// With the parents.
    paths: HashSet<String>,
    /// Of sequential znodes, whose names nobody was told.
    stems: Vec<String>,
}

impl Reach {
    fn add(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
        self.paths.extend(parent(path).map(str::to_owned));
    }

    fn add_stem(&mut self, stem: &str) {
        self.add(stem);
        self.stems.push(stem.to_owned());
    }

    fn of(operation: &Operation) -> Reach {
        let mut reach = Reach::default();
        let members = if let Operation::Multi(members) = operation { members } else { std::slice::from_ref(operation) };
        for member in members {
            match (member, member.path()) {
                (Operation::Create { path, mode, .. }, _) if mode.is_sequential => reach.add_stem(path),
                (_, path) => path.into_iter().for_each(|path| reach.add(path)),
            }
        }
        reach
    }

    fn has_any_of(&self, paths: &HashSet<String>) -> bool {
        let is_numbered = |path: &String, stem: &String| {
            path.strip_prefix(&stem[..]).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        };
        !self.paths.is_disjoint(paths) || self.stems.iter().any(|stem| paths.iter().any(|path| is_numbered(path, stem)))
    }
}

/// The unknowns of one connection, in their order.
#[derive(Debug, Default)]
struct Line {
    unknowns: Vec<Unknown>,
    /// How many of them have a zxid.
    placed: usize,
    /// Their zxids are below this one.
    ceiling: i64,
    /// The zxids of those that have one.
    zxids: Vec<i64>,
}

/// A session while its events are gone through.
#[derive(Debug, Default)]
struct OfSession {
    /// One for each connection since the last write that was answered.
    lines: Vec<Line>,
    /// The highest zxid that it was told.
    zxid: i64,
    is_closed: bool,
    /// All that it may have created as ephemerals.
    ephemerals: Reach,
}

impl OfSession {
    /// Looks for ephemerals, with their names where they were answered.
    fn note(&mut self, operation: &Operation, body: Option<&Body>) {
        match (operation, body) {
            (Operation::Multi(members), Some(Body::Multi(outcomes))) => {
                members.iter().zip(outcomes).for_each(|(member, outcome)| self.note(member, Some(&outcome.body)));
            }
            (Operation::Multi(members), _) => members.iter().for_each(|member| self.note(member, None)),
            (Operation::Create { path, mode, .. }, body) if mode.is_ephemeral => match body {
                Some(Body::Path(named) | Body::PathStat(named, _)) => self.ephemerals.add(named),
                _ if mode.is_sequential => self.ephemerals.add_stem(path),
                _ => self.ephemerals.add(path),
            },
            _ => {}
        }
    }

    fn push(&mut self, unknown: Unknown) {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.last_mut().expect("there is one").unknowns.push(unknown);
    }
}

/// The next unknowns of one line at zxids that rise.
#[derive(Debug, Clone)]
pub struct Attempt {
    line: usize,
    zxids: Vec<i64>,
}

impl Attempt {
    /// The replay goes on here.
    pub fn first_zxid(&self) -> i64 {
        self.zxids[0]
    }
}

#[derive(Debug, Default)]
pub struct Unknowns {
    lines: Vec<Line>,
    /// Line and place of those that have a zxid.
    placed: BTreeMap<i64, (usize, usize)>,
    /// Those that somebody saw and no acknowledged write has: they are given only to explain just that.
    seen: HashSet<i64>,
    /// All others that may have been given, in order. Within an epoch none is left out, so that they are between others.
    free: Vec<i64>,
}

/// What cannot be explained.
#[derive(Debug, Clone, Copy)]
pub struct Riddle<'r> {
    /// The paths that it is about.
    pub paths: &'r HashSet<String>,
    /// Only what has this zxid or a smaller one can explain it.
    pub zxid: i64,
    /// A zxid that was seen and has no request yet: one explains it by having it.
    pub seen: Option<i64>,
}

impl Unknowns {
    /// `shown` are zxids that no acknowledged write has, and that somebody saw.
    pub fn new(events: &[Event], shown: HashSet<i64>) -> Unknowns {
        let taken: HashSet<i64> = events.iter().filter_map(Event::written_zxid).collect();
        let told = events.iter().filter_map(|event| match &event.what {
            What::WatchEvent(told) => Some(told.zxid),
            _ => None,
        });
        let seen: HashSet<i64> = shown.into_iter().chain(told).filter(|zxid| !taken.contains(zxid)).collect();
        let read = events.iter().filter_map(Event::told_zxid);
        let free = free(taken.iter().chain(&seen).copied().collect(), read);
        let mut unknowns = Unknowns { seen, free, ..Default::default() };
        let told = |event: &Event, place| Some((event.to, event.reply()?.zxid, place));
        let known = Known::new(events.iter().enumerate().filter_map(|(place, event)| told(event, place)).collect());
        let mut sessions: HashMap<i64, OfSession> = HashMap::new();
        for (place, event) in events.iter().enumerate() {
            let of_session = sessions.entry(event.session).or_default();
            match &event.what {
                What::Connected { .. } => of_session.lines.push(Line::default()),
                What::Called { operation, reply: None, .. } if operation.is_write() => {
                    let floor = known.before(event.from).map_or(0, |told| told.0).max(of_session.zxid);
                    let (session, operation) = (event.session, operation.clone());
                    of_session.note(&operation, None);
                    let reach = match operation {
                        Operation::Close => of_session.ephemerals.clone(),
                        _ => Reach::of(&operation),
                    };
                    of_session.push(Unknown { session, source: Source::Event(place), operation, floor, reach });
                }
                What::Called { operation, reply: Some(reply), .. } => {
                    of_session.zxid = reply.zxid.max(of_session.zxid);
                    of_session.note(operation, Some(&reply.body));
                    if let Some(zxid) = event.written_zxid() {
                        unknowns.add(&mut of_session.lines, zxid);
                        of_session.is_closed |= *operation == Operation::Close;
                    }
                }
                _ => {}
            }
        }
        for (session, mut of_session) in sessions {
            if !of_session.is_closed {
                let (source, operation, floor) = (Source::Start, Operation::Close, of_session.zxid);
                of_session.lines.push(Line::default());
                let reach = of_session.ephemerals.clone();
                of_session.push(Unknown { session, source, operation, floor, reach });
            }
            unknowns.add(&mut of_session.lines, i64::MAX);
        }
        unknowns.lines.sort_by_key(|line| (line.unknowns[0].source, line.unknowns[0].session));
        unknowns
    }

    /// Takes lines of one session, behind which it was answered a write of this zxid.
    fn add(&mut self, lines: &mut Vec<Line>, ceiling: i64) {
        let lines = lines.drain(..).filter(|line| !line.unknowns.is_empty());
        self.lines.extend(lines.map(|line| Line { ceiling, ..line }));
    }

    /// The first one that has a zxid after this one, up to another.
    pub fn next(&self, after: i64, up_to: i64) -> Option<(i64, &Unknown)> {
        let (zxid, (line, place)) = self.placed.range(after + 1..).next().filter(|placed| *placed.0 <= up_to)?;
        Some((*zxid, &self.lines[*line].unknowns[*place]))
    }

    /// The closes that nobody asked for and that have a zxid.
    pub fn closed_by_server(&self) -> impl Iterator<Item = (i64, &Unknown)> {
        let unknowns = self.placed.iter().map(|(zxid, (line, place))| (*zxid, &self.lines[*line].unknowns[*place]));
        unknowns.filter(|(_, unknown)| unknown.source == Source::Start)
    }

    pub fn place(&mut self, attempt: &Attempt) {
        let line = &mut self.lines[attempt.line];
        for zxid in &attempt.zxids {
            self.placed.insert(*zxid, (attempt.line, line.placed));
            line.zxids.push(*zxid);
            line.placed += 1;
        }
    }

    pub fn take_back(&mut self, attempt: &Attempt) {
        let line = &mut self.lines[attempt.line];
        for zxid in &attempt.zxids {
            self.placed.remove(zxid);
            line.zxids.pop();
            line.placed -= 1;
        }
    }

    /// Whatever could explain a riddle, with the paths that the attempts are about.
    pub fn attempts(&self, riddle: Riddle<'_>, tree: &Tree, paths: &mut HashSet<String>) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            for place in line.placed..line.unknowns.len() {
                let unknown = &line.unknowns[place];
                let is_about = match unknown.operation {
                    // Without an ephemeral there a close changes nothing.
                    Operation::Close => {
                        let mut reach = Reach::default();
                        tree.ephemerals(unknown.session).for_each(|path| reach.add(path));
                        reach.has_any_of(riddle.paths)
                    }
                    _ => unknown.reach.has_any_of(riddle.paths),
                };
                if !is_about {
                    continue;
                }
                for zxid in self.last_zxids(line, place, riddle) {
                    if let Some(zxids) = self.zxids_up_to(line, place, zxid) {
                        attempts.push(Attempt { line: number, zxids });
                        paths.extend(unknown.reach.paths.iter().cloned());
                    }
                }
            }
        }
        attempts
    }

    /// Whether any unknown, with a zxid or without, may have changed one of these paths before a zxid.
    pub fn may_concern(&self, paths: &HashSet<String>, zxid: i64) -> bool {
        let mut unknowns = self.lines.iter().flat_map(|line| &line.unknowns);
        unknowns.any(|unknown| unknown.floor < zxid && unknown.reach.has_any_of(paths))
    }

    /// Zxids that the unknown at a place may have: one that was seen, or else some of those that nobody saw.
    fn last_zxids(&self, line: &Line, place: usize, riddle: Riddle<'_>) -> Vec<i64> {
        let floor = line.unknowns[place].floor.max(line.zxids.last().copied().unwrap_or(0));
        let highest = riddle.zxid.min(line.ceiling.saturating_sub(1));
        let is_free = |zxid: &i64| self.seen.contains(zxid) && !self.placed.contains_key(zxid);
        let is_possible = |zxid: &i64| *zxid > floor && *zxid <= highest;
        match riddle.seen.filter(is_free) {
            Some(seen) => Some(seen).filter(is_possible).into_iter().collect(),
            None => self.free_between(floor, highest).take(ZXIDS_TRIED).collect(),
        }
    }

    /// Zxids for all that a line has left up to a place, of which this is the last: the highest ones that are free.
    fn zxids_up_to(&self, line: &Line, place: usize, last: i64) -> Option<Vec<i64>> {
        let mut zxids = vec![last];
        let above = line.zxids.last().copied().unwrap_or(0);
        for before in (line.placed..place).rev() {
            let floor = line.unknowns[before].floor.max(above);
            let lowest = zxids[zxids.len() - 1];
            zxids.push(self.free_between(floor, lowest - 1).next()?);
        }
        zxids.reverse();
        Some(zxids)
    }

    /// The free zxids above one up to another that nobody saw, the highest first.
    fn free_between(&self, above: i64, up_to: i64) -> impl Iterator<Item = i64> {
        let free = &self.free[..self.free.partition_point(|zxid| *zxid <= up_to)];
        free.iter().rev().copied().take_while(move |zxid| *zxid > above).filter(|zxid| !self.placed.contains_key(zxid))
    }
}

/// The zxids that may have been given beside those that are known, where others were read.
fn free(known: HashSet<i64>, read: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut last_of_epoch: BTreeMap<i64, i64> = BTreeMap::new();
    for zxid in known.iter().copied().chain(read).filter(|zxid| *zxid > 0) {
        let last = last_of_epoch.entry(zxid >> 32).or_default();
        *last = zxid.max(*last);
    }
    let of_epoch = |(epoch, last): (&i64, &i64)| (epoch << 32 | 1)..=last.saturating_add(BEHIND_EPOCH);
    last_of_epoch.iter().flat_map(of_epoch).filter(|zxid| !known.contains(zxid)).take(FREE_MAX).collect()
}
