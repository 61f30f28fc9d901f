//! What a client is told without having asked: changes that it watches, and what becomes of its session.

use std::fmt;

use paddock_engine::jute::{Malformed, Reader};

/// The state of the session, by ZooKeeper's names, which are also how it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeeperState {
    Unknown,
    Disconnected,
    NoSyncConnected,
    SyncConnected,
    AuthFailed,
    ConnectedReadOnly,
    SaslAuthenticated,
    Expired,
    Closed,
}

/// By ZooKeeper's names, which are also how it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventType {
    /// The event is about the session alone.
    None,
    NodeCreated,
    NodeDeleted,
    NodeDataChanged,
    NodeChildrenChanged,
    DataWatchRemoved,
    ChildWatchRemoved,
    PersistentWatchRemoved,
}

impl KeeperState {
    fn of(number: i32) -> Option<KeeperState> {
        Some(match number {
            -1 => KeeperState::Unknown,
            0 => KeeperState::Disconnected,
            1 => KeeperState::NoSyncConnected,
            3 => KeeperState::SyncConnected,
            4 => KeeperState::AuthFailed,
            5 => KeeperState::ConnectedReadOnly,
            6 => KeeperState::SaslAuthenticated,
            -112 => KeeperState::Expired,
            7 => KeeperState::Closed,
            _ => return None,
        })
    }
}

impl EventType {
    fn of(number: i32) -> Option<EventType> {
        Some(match number {
            -1 => EventType::None,
            1 => EventType::NodeCreated,
            2 => EventType::NodeDeleted,
            3 => EventType::NodeDataChanged,
            4 => EventType::NodeChildrenChanged,
            5 => EventType::DataWatchRemoved,
            6 => EventType::ChildWatchRemoved,
            7 => EventType::PersistentWatchRemoved,
            _ => return None,
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    pub state: KeeperState,
    pub kind: EventType,
    /// As the client names it. An event of the session has none.
    pub path: Option<String>,
    /// Of the change; -1 where there is none, or the server does not tell.
    pub zxid: i64,
}

impl Event {
    pub fn of_session(state: KeeperState) -> Event {
        Event { state, kind: EventType::None, path: None, zxid: -1 }
    }

    /// The record of a notification; the zxid is that of its header, and the path still the server's.
    pub fn read(reader: &mut Reader<'_>, zxid: i64) -> Result<Event, Malformed> {
        let kind = EventType::of(reader.i32()?).ok_or(Malformed)?;
        let state = KeeperState::of(reader.i32()?).ok_or(Malformed)?;
        let path = reader.string()?.map(|path| path.into_owned());
        Ok(Event { state, kind, path, zxid })
    }
}

/// As ZooKeeper's `WatchedEvent` prints itself.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or("null");
        write!(f, "WatchedEvent state:{:?} type:{:?} path:{path} zxid: {}", self.state, self.kind, self.zxid)
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::{Reader, Write as _};

    use super::{Event, EventType, KeeperState};

    #[test]
    fn events_print_as_zookeepers() {
        let connected = Event::of_session(KeeperState::SyncConnected);
        assert_eq!(connected.to_string(), "WatchedEvent state:SyncConnected type:None path:null zxid: -1");
    }

    #[test]
    fn a_notification_is_read() {
        let mut record = Vec::new();
        record.put_i32(3);
        record.put_i32(3);
        record.put_string("/a");
        let event = Event::read(&mut Reader::new(&record), 77).expect("it is whole");
        assert_eq!(event.to_string(), "WatchedEvent state:SyncConnected type:NodeDataChanged path:/a zxid: 77");
        assert_eq!(event.kind, EventType::NodeDataChanged);
        record[3] = 99;
        assert!(Event::read(&mut Reader::new(&record), 77).is_err());
    }
}
