//! Whether each watch fired as often as it must, in time, in order, and with the right type and path.
//!
//! A watch is its connection's and ends with it. What it must be told of follows from the zxid in the reply that registered
//! it: the next change after that. Where a reply shows a state from that change on, the event must have come before it.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Event, EventType, WatchEvent, What};
use crate::operation::{Operation, code};
use crate::replay::Replayed;
use crate::source::Source;
use crate::tree::Trigger;
use crate::violation::{Kind, Violation, Words};

/// How often a watch fires, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum WatchKind {
    Data,
    Child,
    Persistent,
    Recursive,
}

/// A watch that was set, and has not fired if it fires once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watch {
    kind: WatchKind,
    path: String,
    /// The event that set it.
    by: usize,
}

/// What one connection is owed.
#[derive(Debug, Default)]
struct Connection {
    /// By the place of the trigger: the watches that it fires.
    owed: BTreeMap<usize, Vec<Watch>>,
    /// For each path, the newest event that was delivered, and who had set the watch.
    fired: HashMap<String, (usize, usize)>,
    /// Events that no watch explains, so that they can only be a setWatches's, whose reply comes next.
    loose: Vec<usize>,
}

/// The triggers by path.
struct Triggers<'t> {
    all: &'t [Trigger],
    data: HashMap<&'t str, Vec<usize>>,
    child: HashMap<&'t str, Vec<usize>>,
}

impl<'t> Triggers<'t> {
    fn new(all: &'t [Trigger]) -> Triggers<'t> {
        let mut triggers = Triggers { all, data: HashMap::new(), child: HashMap::new() };
        for (place, trigger) in all.iter().enumerate() {
            let path = &trigger.path[..];
            if trigger.event_type != EventType::NodeChildrenChanged {
                triggers.data.entry(path).or_default().push(place);
            }
            if matches!(trigger.event_type, EventType::NodeChildrenChanged | EventType::NodeDeleted) {
                triggers.child.entry(path).or_default().push(place);
            }
        }
        triggers
    }

    /// The place of the first trigger behind a zxid.
    fn behind(&self, zxid: i64) -> usize {
        self.all.partition_point(|trigger| trigger.zxid <= zxid)
    }

    /// The first trigger from a place on that fires a watch.
    fn first(&self, kind: WatchKind, path: &str, from: usize) -> Option<usize> {
        let of = |table: &HashMap<&str, Vec<usize>>| {
            let places = table.get(path)?;
            places.get(places.partition_point(|place| *place < from)).copied()
        };
        match kind {
            WatchKind::Data => of(&self.data),
            WatchKind::Child => of(&self.child),
            WatchKind::Persistent => of(&self.data).into_iter().chain(of(&self.child)).min(),
            WatchKind::Recursive => {
                let is_told = |trigger: &Trigger| {
                    trigger.event_type != EventType::NodeChildrenChanged && is_within(&trigger.path, path)
                };
                self.all[from..].iter().position(is_told).map(|place| from + place)
            }
        }
    }
}

fn is_within(path: &str, top: &str) -> bool {
    top == "/" || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct Watches<'h> {
    events: &'h [Event],
    triggers: Triggers<'h>,
    missed: &'h HashMap<usize, Vec<Trigger>>,
    /// Requests without a reply may have done what an event without a zxid tells of.
    is_unsure: bool,
}

/// The first violation. `is_settled` says that nothing was done of which the replay does not know.
pub fn check(events: &[Event], replayed: &Replayed, is_settled: bool) -> Option<Violation> {
    let (triggers, missed) = (Triggers::new(&replayed.triggers), &replayed.missed);
    let watches = Watches { events, triggers, missed, is_unsure: !is_settled };
    let mut connections: HashMap<i64, Connection> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let connection = connections.entry(event.session).or_default();
        let outcome = match &event.what {
            What::Connected { .. } | What::Disconnected | What::Refused => {
                *connection = Connection::default();
                Ok(())
            }
            What::WatchEvent(told) => watches.told(connection, place, told),
            What::Called { operation, .. } => watches.answered(connection, place, operation),
            What::Heard => Ok(()),
        };
        if let Err(violation) = outcome {
            return Some(violation);
        }
    }
    None
}

impl Watches<'_> {
    fn told(&self, connection: &mut Connection, place: usize, told: &WatchEvent) -> Result<(), Violation> {
        let fits = |trigger: usize| {
            let trigger = &self.triggers.all[trigger];
            trigger.event_type == told.event_type
                && trigger.path == told.path
                && (told.zxid < 0 || trigger.zxid == told.zxid)
        };
        while let Some((&first, _)) = connection.owed.first_key_value()
            && self.triggers.all[first].zxid < told.zxid
            && self.is_guess(self.triggers.all[first].source)
        {
            self.pass_over(connection, first);
        }
        let Some(trigger) = connection.owed.keys().copied().find(|trigger| fits(*trigger)) else {
            return self.unexplained(connection, place, told);
        };
        let first = *connection.owed.keys().next().expect("one was found");
        if self.triggers.all[first].zxid < self.triggers.all[trigger].zxid {
            return Err(self.not_told(connection, first, place));
        }
        for watch in connection.owed.remove(&trigger).unwrap_or_default() {
            connection.fired.insert(told.path.clone(), (place, watch.by));
            if matches!(watch.kind, WatchKind::Persistent | WatchKind::Recursive) {
                self.owe(connection, watch, trigger + 1);
            }
        }
        Ok(())
    }

    /// An event for which there is no watch.
    fn unexplained(&self, connection: &mut Connection, place: usize, told: &WatchEvent) -> Result<(), Violation> {
        let is_guess = self.is_unsure && (told.zxid < 0 || self.is_guessed(told.zxid));
        if is_guess {
            // A write that nobody was told of may have fired them.
            let is_over =
                |watch: &Watch| matches!(watch.kind, WatchKind::Data | WatchKind::Child) && watch.path == told.path;
            connection.owed.values_mut().for_each(|watches| watches.retain(|watch| !is_over(watch)));
            connection.owed.retain(|_, watches| !watches.is_empty());
        }
        if told.zxid < 0 {
            connection.loose.push(place);
        }
        if told.zxid < 0 || is_guess { Ok(()) } else { Err(self.unfounded(connection, place, told)) }
    }

    /// Whether what a zxid did is guessed: another request or another session's end may have done it, and more than is known.
    fn is_guessed(&self, zxid: i64) -> bool {
        let trigger = self.triggers.all.get(self.triggers.behind(zxid - 1));
        trigger.is_some_and(|trigger| trigger.zxid == zxid && self.is_guess(trigger.source))
    }

    fn unfounded(&self, connection: &Connection, place: usize, told: &WatchEvent) -> Violation {
        if let Some((before, by)) = connection.fired.get(&told.path) {
            let sentence = format!("the watch on {} had fired, and no other was set", told.path);
            return Violation::new(Kind::WatchTwice, [*by, *before, place].map(Source::Event), sentence);
        }
        let watch = connection.owed.values().flatten().find(|watch| watch.path == told.path);
        let window = watch.map(|watch| watch.by).into_iter().chain([place]).map(Source::Event);
        let sentence = format!("no watch of this connection is told of {} {}", Words(&told.event_type), told.path);
        Violation::new(Kind::EventUnfounded, window, sentence)
    }

    fn answered(&self, connection: &mut Connection, place: usize, operation: &Operation) -> Result<(), Violation> {
        let event = &self.events[place];
        let (Some(reply), Some(zxid)) = (event.reply(), event.told_zxid()) else { return Ok(()) };
        while let Some((&trigger, _)) = connection.owed.first_key_value()
            && self.triggers.all[trigger].zxid <= zxid
        {
            if !self.is_guess(self.triggers.all[trigger].source) {
                return Err(self.not_told(connection, trigger, place));
            }
            self.pass_over(connection, trigger);
        }
        let mut loose = std::mem::take(&mut connection.loose);
        let fired = match operation {
            Operation::SetWatches(_) if reply.code == code::OK => self.take_missed(place, &mut loose)?,
            _ => Vec::new(),
        };
        if let Some(&stray) = loose.first().filter(|_| !self.is_unsure)
            && let What::WatchEvent(told) = &self.events[stray].what
        {
            return Err(self.unfounded(connection, stray, told));
        }
        for (kind, path) in set_by(operation, reply.code, &fired) {
            let is_there = |watch: &Watch| watch.kind == kind && watch.path == path;
            if !connection.owed.values().flatten().any(is_there) {
                self.owe(connection, Watch { kind, path, by: place }, self.triggers.behind(zxid));
            }
        }
        Ok(())
    }

    /// What a setWatches owed at once has come before its reply; gives what it was.
    fn take_missed(&self, place: usize, loose: &mut Vec<usize>) -> Result<Vec<WatchEvent>, Violation> {
        // Where it is not known what was done, whatever has come may have been owed.
        let told = |place: &usize| match &self.events[*place].what {
            What::WatchEvent(told) => Some(told.clone()),
            _ => None,
        };
        let fired = loose.iter().filter_map(told).collect();
        for owed in self.missed.get(&place).into_iter().flatten() {
            let is_it = |&place: &usize| match &self.events[place].what {
                What::WatchEvent(told) => told.event_type == owed.event_type && told.path == owed.path,
                _ => false,
            };
            match loose.iter().position(is_it) {
                Some(found) => drop(loose.remove(found)),
                None if self.is_guess(owed.source) => {}
                None => {
                    let sentence = format!("before its reply {} {} was due", Words(&owed.event_type), owed.path);
                    return Err(Violation::new(Kind::WatchLost, [owed.source, Source::Event(place)], sentence));
                }
            }
        }
        Ok(fired)
    }

    /// Whether the replay only guesses that something was done, and when. What a close deletes is a guess too: it is what the
    /// writes before it have left, those without a reply among them.
    fn is_guess(&self, source: Source) -> bool {
        self.is_unsure
            && match source {
                Source::Start => true,
                Source::Event(place) => {
                    let event = &self.events[place];
                    event.reply().is_none() || matches!(event.operation(), Some(Operation::Close))
                }
                Source::Transaction(_) => false,
            }
    }

    /// A guess was wrong: the watches go on waiting.
    fn pass_over(&self, connection: &mut Connection, trigger: usize) {
        for watch in connection.owed.remove(&trigger).unwrap_or_default() {
            self.owe(connection, watch, trigger + 1);
        }
    }

    fn owe(&self, connection: &mut Connection, watch: Watch, from: usize) {
        if let Some(trigger) = self.triggers.first(watch.kind, &watch.path, from) {
            connection.owed.entry(trigger).or_default().push(watch);
        }
    }

    /// The event of a trigger has not come before something that comes after it.
    fn not_told(&self, connection: &Connection, trigger: usize, witness: usize) -> Violation {
        let watch = &connection.owed[&trigger][0];
        let trigger = &self.triggers.all[trigger];
        let session = self.events[witness].session;
        let is_end = |event: &&Event| {
            matches!(event.what, What::Connected { .. } | What::Disconnected | What::Refused)
                && event.session == session
        };
        let rest = self.events[witness..].iter().take_while(|event| !is_end(event)).enumerate();
        let late = rest.filter(|(_, event)| event.session == session).find(|(_, event)| match &event.what {
            What::WatchEvent(told) => told.event_type == trigger.event_type && told.path == trigger.path,
            _ => false,
        });
        let window = [Source::Event(watch.by), trigger.source, Source::Event(witness)];
        let event = format!("{} {} of zxid 0x{:x}", Words(&trigger.event_type), trigger.path, trigger.zxid);
        match late {
            Some((after, _)) => {
                let window = window.into_iter().chain([Source::Event(witness + after)]);
                Violation::new(Kind::EventLate, window, format!("{event} came only after what follows it was seen"))
            }
            None => Violation::new(Kind::WatchLost, window, format!("{event} was due before this, and never came")),
        }
    }
}

/// The watches that a request has set, where `fired` are the events that a setWatches was owed at once.
fn set_by(operation: &Operation, code: i32, fired: &[WatchEvent]) -> Vec<(WatchKind, String)> {
    use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
    let is_done = code == code::OK;
    let has_fired = |types: &[EventType], path: &String| {
        fired.iter().any(|told| told.path == *path && types.contains(&told.event_type))
    };
    let list = |kind, paths: &[String], types: &[EventType]| -> Vec<(WatchKind, String)> {
        paths.iter().filter(|path| !has_fired(types, path)).map(|path| (kind, path.clone())).collect()
    };
    match operation {
        Operation::GetData { path, is_watched: true } if is_done => vec![(WatchKind::Data, path.clone())],
        Operation::Exists { path, is_watched: true } if is_done || code == code::NO_NODE => {
            vec![(WatchKind::Data, path.clone())]
        }
        Operation::GetChildren { path, is_watched: true } if is_done => vec![(WatchKind::Child, path.clone())],
        Operation::AddWatch { path, is_recursive: true } if is_done => vec![(WatchKind::Recursive, path.clone())],
        Operation::AddWatch { path, .. } if is_done => vec![(WatchKind::Persistent, path.clone())],
        Operation::SetWatches(rewatch) if is_done => [
            list(WatchKind::Data, &rewatch.data, &[NodeDeleted, NodeDataChanged]),
            list(WatchKind::Data, &rewatch.exist, &[NodeCreated]),
            list(WatchKind::Child, &rewatch.child, &[NodeDeleted, NodeChildrenChanged]),
            list(WatchKind::Persistent, &rewatch.persistent, &[]),
            list(WatchKind::Recursive, &rewatch.recursive, &[]),
        ]
        .concat(),
        _ => Vec::new(),
    }
}
