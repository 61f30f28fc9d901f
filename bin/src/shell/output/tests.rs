use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::bounded;

use super::{EVENTS_MAX, Heard, Manner, Output, object};
use crate::client::event::{Event, EventType, KeeperState};
use crate::client::listener::Listener;

#[test]
fn events_can_be_taken_by_somebody_else() {
    let output = Output::new(Manner::Plain);
    output.divert(true);
    let event = Event::of_session(KeeperState::Disconnected);
    output.hear(event.clone());
    output.line("");
    assert_eq!(output.next_event(Duration::ZERO), Some(event));
    assert_eq!(output.next_event(Duration::ZERO), None);
}

#[test]
fn events_without_room_are_counted() {
    let output = Output::new(Manner::Json);
    (0..EVENTS_MAX + 2).for_each(|_| output.hear(Event::of_session(KeeperState::Disconnected)));
    let events = (0..EVENTS_MAX).filter(|_| matches!(output.take(), Some(Heard::Event(_)))).count();
    assert_eq!(events, EVENTS_MAX);
    assert!(matches!(output.take(), Some(Heard::Lost(2))));
    assert!(output.take().is_none());
}

#[test]
fn programs_are_not_told_of_the_session() {
    let of_session = Event::of_session(KeeperState::SyncConnected);
    let of_znode = Event { kind: EventType::NodeCreated, path: Some("/a".into()), ..of_session.clone() };
    for (manner, is_told) in [(Manner::Plain, true), (Manner::Quiet, false), (Manner::Json, false)] {
        let output = Output::new(manner);
        assert_eq!(
            (output.text(&of_session).is_some(), output.text(&of_znode).is_some()),
            (is_told, true),
            "{manner:?}"
        );
        output.show_events(false);
        assert_eq!(output.text(&of_znode), None);
    }
}

#[test]
fn a_voice_that_waits_keeps_nobody_else_waiting() {
    let output = Arc::new(Output::new(Manner::Plain));
    let (called, calls) = bounded(1);
    let (release, released) = bounded::<()>(1);
    let voice = move |text: String| {
        drop(called.send(text));
        let _ = released.recv();
    };
    output.set_typed(true);
    let shown = output.clone();
    thread::spawn(move || shown.show_all_events(Some(Box::new(voice))));
    output.hear(Event::of_session(KeeperState::Disconnected));
    let called = calls.recv().expect("it is called");
    assert!(called.contains("state:Disconnected"), "{called}");
    // What the thread does that reads lines.
    output.set_typed(false);
    output.flush();
    assert!(output.is_read());
    drop(release);
}

#[test]
fn events_are_objects_for_programs() {
    let told = object(&Event::of_session(KeeperState::Expired)).to_string();
    assert!(told.contains("\"state\":\"Expired\"") && told.contains("\"path\":null"), "{told}");
}
