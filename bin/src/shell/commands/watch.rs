//! `watch`: every change below a path as it comes, until somebody has had enough.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::client::event::{Event, EventType, KeeperState};
use crate::client::request::{AddWatchMode, WatcherType};
use crate::date;
use crate::shell::complaint::Complaint;
use crate::shell::output;
use crate::shell::stage::Stage;
use crate::shell::syntax::NONE;

/// How soon it is noticed that somebody has had enough.
const GLANCE: Duration = Duration::from_millis(100);

pub fn watch(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 1)?;
    let path = &given.words[1];
    stage.client.add_watch(path, AddWatchMode::PersistentRecursive)?;
    stage.output.flush();
    stage.output.divert(true);
    stage.output.remark(&format!("watching {path} and all below it; Ctrl-C ends that"));
    let followed = follow(stage);
    // Else nobody would wait for the answer.
    stage.interrupted.store(false, Ordering::Release);
    // Of a session that is over there is nothing to remove.
    drop(stage.client.remove_watches(path, WatcherType::PersistentRecursive, true));
    // That it is removed is not told.
    while stage.output.next_event(Duration::ZERO).is_some() {}
    stage.output.divert(false);
    followed
}

fn follow(stage: &Stage) -> Result<(), Complaint> {
    while stage.check_interest().is_ok() {
        let Some(event) = stage.output.next_event(GLANCE) else { continue };
        let now = date::time_of_day(SystemTime::now(), &stage.zone);
        stage.say(&line(&now, &event));
        stage.output.object(&output::object(&event));
        stage.output.flush();
        if matches!(event.state, KeeperState::Expired | KeeperState::Closed | KeeperState::AuthFailed) {
            return Err(Complaint::new("the session is over, and so are its watches"));
        }
    }
    Ok(())
}

/// What is told of an event of the session, and of one of a znode.
fn line(now: &str, event: &Event) -> String {
    let path = event.path.as_deref().unwrap_or_default();
    match (event.kind, event.zxid) {
        (EventType::None, _) => format!("{now} {:?}", event.state),
        (kind, -1) => format!("{now} {kind:?} {path}"),
        (kind, zxid) => format!("{now} {kind:?} {path} 0x{zxid:x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::client::event::{Event, EventType, KeeperState};

    #[test]
    fn events_have_a_line() {
        let event = Event {
            state: KeeperState::SyncConnected,
            kind: EventType::NodeCreated,
            path: Some("/a".into()),
            zxid: 31,
        };
        assert_eq!(line("08:14:05", &event), "08:14:05 NodeCreated /a 0x1f");
        assert_eq!(line("08:14:05", &Event { zxid: -1, ..event }), "08:14:05 NodeCreated /a");
        let lost = Event::of_session(KeeperState::Disconnected);
        assert_eq!(line("08:14:05", &lost), "08:14:05 Disconnected");
    }
}
