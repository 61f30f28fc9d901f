use std::io::ErrorKind;
use std::time::Duration;

use super::{EVENTS_MAX, Ensemble, Mode};
use crate::status::srvr::{Srvr, Unknown};

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn serving(mode: &str) -> Result<Srvr, Unknown> {
    let [zxid, connections, latency] = ["0x100000000", "1", "0/0.0/0"].map(str::to_owned);
    Ok(Srvr { mode: mode.to_owned(), zxid, connections, latency, ..Srvr::default() })
}

/// Three servers, of which the third leads.
pub fn three() -> Ensemble {
    let mut ensemble = Ensemble::new(&[2181, 2182, 2183], ms(0));
    for number in 1..=3 {
        ensemble.on_started(number, 100 + number as u32, ms(10));
    }
    ensemble.on_said(1, ms(20), Err(Unknown::NotServing), ms(20));
    ensemble.on_said(3, ms(500), serving("leader"), ms(510));
    ensemble.on_said(2, ms(500), serving("follower"), ms(520));
    ensemble.on_said(1, ms(530), serving("follower"), ms(530));
    ensemble
}

fn news(ensemble: &mut Ensemble) -> Vec<String> {
    ensemble.take_news().into_iter().map(|event| event.text).collect()
}

#[test]
fn a_start_is_told_and_how_long_it_took() {
    let mut ensemble = three();
    assert_eq!(
        news(&mut ensemble),
        [
            "server 3 leads, 0.51 s after the start",
            "server 2 follows, 0.51 s after its start",
            "server 1 follows, 0.52 s after its start",
        ]
    );
    assert_eq!((ensemble.leader(), ensemble.is_settled()), (Some(3), true));
    assert_eq!(ensemble.servers()[0].connections, Some(0), "who asks is no client");
    assert_eq!(ensemble.connect_string(), "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183");
    assert_eq!(news(&mut ensemble), [""; 0]);
}

#[test]
fn the_time_from_the_end_of_a_leader_to_the_next_is_told() {
    let mut ensemble = three();
    news(&mut ensemble);
    ensemble.on_ended(3, "was killed", ms(1000));
    assert_eq!((ensemble.leader(), ensemble.lack(ms(1100))), (None, Some(ms(100))));
    ensemble.on_said(3, ms(999), serving("leader"), ms(1005));
    assert_eq!(ensemble.leader(), None, "what was asked of the killed one does not count");
    ensemble.on_said(1, ms(1010), Err(Unknown::NotServing), ms(1010));
    ensemble.on_said(2, ms(1010), Err(Unknown::NotServing), ms(1010));
    ensemble.on_said(2, ms(1269), serving("leader"), ms(1270));
    ensemble.on_said(1, ms(1280), serving("follower"), ms(1280));
    let told = news(&mut ensemble);
    assert_eq!(
        told,
        ["server 3 was killed; it led", "server 2 leads, 0.27 s after server 3 was killed", "server 1 follows"]
    );
    ensemble.on_started(3, 200, ms(2000));
    ensemble.on_said(3, ms(1999), serving("leader"), ms(2001));
    assert_eq!(ensemble.servers()[2].mode, Mode::Starting, "what was asked of the former process does not count");
    ensemble.on_said(3, ms(2300), serving("follower"), ms(2310));
    assert_eq!(news(&mut ensemble), ["server 3 was started", "server 3 follows, 0.31 s after its start"]);
}

#[test]
fn too_few_servers_are_told_of_and_the_time_runs_from_when_there_are_enough() {
    let mut ensemble = three();
    news(&mut ensemble);
    ensemble.on_ended(1, "was killed", ms(1000));
    ensemble.on_ended(2, "was killed", ms(1100));
    assert!(!ensemble.is_settled(), "the leader has still to notice");
    ensemble.on_said(3, ms(1200), Err(Unknown::NotServing), ms(1200));
    ensemble.on_time("the logs", ms(60_000));
    assert_eq!(
        news(&mut ensemble),
        [
            "server 1 was killed",
            "server 2 was killed",
            "1 of 3 run, and 2 are needed: nobody can lead",
            "server 3 ceased to lead",
        ]
    );
    assert!(ensemble.is_settled());
    ensemble.on_started(1, 200, ms(70_000));
    ensemble.on_time("the logs", ms(79_999));
    ensemble.on_time("the logs", ms(80_000));
    ensemble.on_time("the logs", ms(90_000));
    ensemble.on_said(3, ms(90_100), serving("leader"), ms(90_100));
    assert_eq!(
        news(&mut ensemble),
        [
            "server 1 was started",
            "there is no leader for 10.00 s now, although enough servers run; see the logs",
            "server 3 leads, 20.10 s after server 1 was started",
        ]
    );
}

#[test]
fn a_leader_that_is_told_to_stop_leads_no_more_whatever_it_says() {
    let mut ensemble = three();
    news(&mut ensemble);
    ensemble.on_stopping(3, ms(1000));
    ensemble.on_said(3, ms(1010), serving("leader"), ms(1010));
    ensemble.on_ended(3, "has stopped", ms(1100));
    ensemble.on_said(2, ms(1400), serving("leader"), ms(1400));
    assert_eq!(
        news(&mut ensemble),
        [
            "server 3 was told to stop; it led",
            "server 3 has stopped",
            "server 2 leads, 0.40 s after server 3 was told to stop",
        ]
    );
}

#[test]
fn a_question_that_fails_changes_nothing_unless_its_time_is_over() {
    let mut ensemble = three();
    let unreached = |kind: ErrorKind| Err(Unknown::Unreached(kind.into()));
    ensemble.on_said(3, ms(600), Err(Unknown::Strange("?".to_owned())), ms(600));
    ensemble.on_said(3, ms(600), unreached(ErrorKind::ConnectionRefused), ms(600));
    assert_eq!(ensemble.leader(), Some(3));
    ensemble.on_said(3, ms(700), unreached(ErrorKind::TimedOut), ms(5700));
    assert_eq!((ensemble.leader(), &ensemble.servers()[2].mode), (None, &Mode::Silent));
}

#[test]
fn events_are_bounded() {
    let mut ensemble = three();
    for n in 0..2 * EVENTS_MAX {
        ensemble.note(n.to_string(), ms(0));
    }
    assert_eq!((ensemble.events().count(), ensemble.take_news().len()), (EVENTS_MAX, EVENTS_MAX));
}
