//! What one version of the state has to record, in the order of its transactions.

use std::sync::Arc;
use std::time::SystemTime;

use paddock_engine::event::{EventKind, Events};

use super::line::{Lines, ServerEvent};
use super::record::Record;
use super::users;

/// Lines are given out in pieces of about so many bytes.
const PIECE: usize = 64 << 10;

#[derive(Debug)]
pub enum Entry {
    Request(Box<Record>),
    /// A session has ended by this transaction, and its ephemerals have gone: those of which the version's events tell.
    Ephemerals {
        session: i64,
        zxid: i64,
    },
}

#[derive(Debug)]
pub struct Entries {
    at: SystemTime,
    /// Lines that are missing in front of these.
    lost_before: u64,
    /// Of the server itself, behind all else.
    server: Option<ServerEvent>,
    list: Vec<Entry>,
    /// Those of the version, if ephemerals have gone by it.
    events: Arc<Events>,
}

impl Entries {
    /// Those of a version with these events, which becomes public now.
    pub fn new(list: Vec<Entry>, events: Arc<Events>) -> Entries {
        let has_ephemerals = list.iter().any(|entry| matches!(entry, Entry::Ephemerals { .. }));
        // Nobody else needs them for so long.
        let events = if has_ephemerals { events } else { Arc::default() };
        Entries { at: SystemTime::now(), lost_before: 0, server: None, list, events }
    }

    pub fn of_server(event: ServerEvent) -> Entries {
        Entries { server: Some(event), ..Entries::new(Vec::new(), Arc::default()) }
    }

    /// The same behind so many lines that are missing.
    pub fn behind_lost(self, lost: u64) -> Entries {
        Entries { lost_before: self.lost_before + lost, ..self }
    }

    /// How many lines are missing in front of these.
    pub fn lost_before(&self) -> u64 {
        self.lost_before
    }

    /// Whether something is among them that a client of this server has asked for.
    pub fn has_requests(&self) -> bool {
        self.list.iter().any(|entry| matches!(entry, Entry::Request(_)))
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        let of_requests = |entry: &Entry| if let Entry::Request(record) = entry { record.bytes() } else { 0 };
        self.events.bytes() + self.list.iter().map(of_requests).sum::<usize>() + size_of::<Entries>()
    }

    /// How many lines they are, those that are missing in front of them included.
    pub fn lines(&self) -> u64 {
        let mut gone = Gone::default();
        let of_entry = |entry: &Entry| match entry {
            Entry::Request(record) => record.actions.len() as u64,
            Entry::Ephemerals { zxid, .. } => gone.paths(&self.events, *zxid).count() as u64,
        };
        self.lost_before + u64::from(self.server.is_some()) + self.list.iter().map(of_entry).sum::<u64>()
    }

    /// Gives out the lines, in pieces of whole ones, until `put` says that it takes no more. Whether it took all. Of those that are
    /// missing in front of them the writer tells, who has to count them where it cannot.
    pub fn write(&self, server_user: &str, mut put: impl FnMut(&str) -> bool) -> bool {
        let mut lines = Lines::new(self.at, server_user);
        let mut gone = Gone::default();
        let mut take = |lines: &mut Lines<'_>, least: usize| {
            let text = lines.text();
            let takes_more = text.len() < least || put(text.as_str());
            if text.len() >= least {
                text.clear();
            }
            takes_more
        };
        for entry in &self.list {
            match entry {
                Entry::Request(record) => {
                    let users = users::names(&record.ids);
                    for action in &record.actions {
                        lines.action(record, users.as_deref(), action);
                        if !take(&mut lines, PIECE) {
                            return false;
                        }
                    }
                }
                Entry::Ephemerals { session, zxid } => {
                    for path in gone.paths(&self.events, *zxid) {
                        lines.ephemeral(*session, path);
                        if !take(&mut lines, PIECE) {
                            return false;
                        }
                    }
                }
            }
        }
        if let Some(event) = self.server {
            lines.server(event);
        }
        take(&mut lines, 1)
    }
}

/// Goes through the events of a version once, whose transactions ascend.
#[derive(Default)]
struct Gone {
    next: usize,
}

impl Gone {
    /// The znodes that a transaction has removed, all of which are to be taken.
    fn paths<'e>(&mut self, events: &'e Events, zxid: i64) -> impl Iterator<Item = &'e str> {
        let next = &mut self.next;
        while *next < events.len() && events.get(*next).zxid < zxid {
            *next += 1;
        }
        std::iter::from_fn(move || {
            while *next < events.len() && events.get(*next).zxid == zxid {
                let event = events.get(*next);
                *next += 1;
                if event.kind == EventKind::Deleted {
                    return Some(event.path);
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_engine::acl::Id;
    use paddock_engine::event::{EventKind, Events};

    use super::{Entries, Entry, PIECE, ServerEvent};
    use crate::audit::record::{Action, Record};

    fn request(paths: &[&str]) -> Entry {
        let action = |path: &&str| Action {
            operation: "delete",
            path: Some(Box::from(*path)),
            znode_type: None,
            acl: None,
            succeeds: true,
        };
        let ids = Arc::from([Id { scheme: "ip".into(), id: "10.0.0.1".into() }]);
        Entry::Request(Box::new(Record { session: 7, ids, actions: paths.iter().map(action).collect() }))
    }

    /// The pairs of each line from the operation on.
    fn told(entries: &Entries) -> Vec<String> {
        let mut text = String::new();
        let whole = entries.write("zookeeper", |piece| {
            text.push_str(piece);
            true
        });
        assert!(whole);
        text.lines().map(|line| line.split_once("operation=").expect("each has one").1.replace('\t', " ")).collect()
    }

    fn events(list: &[(EventKind, i64, &str)]) -> Arc<Events> {
        let mut events = Events::default();
        list.iter().for_each(|(kind, zxid, path)| events.push(*kind, *zxid, path, &None));
        Arc::new(events)
    }

    #[test]
    fn ephemerals_are_those_that_went_with_their_session() {
        let happened = events(&[
            (EventKind::Deleted, 1, "/by-request"),
            (EventKind::ChildrenChanged, 1, "/"),
            (EventKind::Deleted, 2, "/e1"),
            (EventKind::ChildrenChanged, 2, "/"),
            (EventKind::Deleted, 2, "/e2"),
            (EventKind::Created, 3, "/other"),
            (EventKind::Deleted, 5, "/e3"),
        ]);
        let list = vec![
            request(&["/by-request"]),
            Entry::Ephemerals { session: 8, zxid: 2 },
            Entry::Ephemerals { session: 9, zxid: 4 },
            Entry::Ephemerals { session: 10, zxid: 5 },
        ];
        let entries = Entries::new(list, happened);
        let gone = |path: &str| format!("ephemeralZNodeDeletionOnSessionCloseOrExpire znode={path} result=success");
        let by_request = "delete znode=/by-request result=success".to_owned();
        assert_eq!(told(&entries), [by_request, gone("/e1"), gone("/e2"), gone("/e3")]);
        assert_eq!(entries.lines(), 4);
    }

    #[test]
    fn missing_lines_are_counted_and_the_server_comes_last() {
        let entries = Entries::new(vec![request(&["/a", "/b"])], Arc::default()).behind_lost(2).behind_lost(3);
        assert_eq!(told(&entries), ["delete znode=/a result=success", "delete znode=/b result=success"]);
        assert_eq!(entries.lost_before(), 5);
        assert_eq!(entries.lines(), 7, "those that are missing count");
        assert_eq!(told(&Entries::of_server(ServerEvent::Started)), ["serverStart result=success"]);
        assert!(entries.has_requests() && !Entries::of_server(ServerEvent::Started).has_requests());
    }

    #[test]
    fn pieces_are_whole_lines_and_end_when_nobody_takes_more() {
        let long = format!("/{}", "x".repeat(PIECE / 2));
        let entries = Entries::new(vec![request(&[&*long; 5])], Arc::default());
        let mut pieces = Vec::new();
        let whole = entries.write("zookeeper", |piece| {
            assert!(piece.ends_with("result=success\n"));
            pieces.push(piece.lines().count());
            pieces.len() < 2
        });
        assert_eq!((whole, pieces), (false, vec![2, 2]));
        assert!(entries.bytes() > 5 * long.len());
    }
}
