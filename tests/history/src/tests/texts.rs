//! The text form.

use proptest::prelude::*;

use super::ensemble::Ensemble;
use crate::check::check;
use crate::history::{Event, History, What};
use crate::operation::{Mode, Operation};
use crate::text::{read, write};

fn text(history: &History) -> String {
    let mut bytes = Vec::new();
    write(history, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("it is text")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(seed in any::<u64>(), has_log in any::<bool>(), path in ".*") {
        let mut ensemble = Ensemble::new(seed);
        for _ in 0..200 {
            ensemble.noise();
        }
        let operation = Operation::Create { path: path.clone(), data: None, mode: Mode::default() };
        ensemble.note(0, What::Called { cxid: -8, operation, reply: None });
        let rewatch = crate::Rewatch { zxid: -1, child: vec![path, String::new(), "}".into()], ..Default::default() };
        ensemble.note(0, What::Called { cxid: 1, operation: Operation::SetWatches(Box::new(rewatch)), reply: None });
        let history = ensemble.history(has_log);
        prop_assert_eq!(read(&mut text(&history).as_bytes()).expect("it was written so"), history);
    }

    #[test]
    fn whatever_can_be_read_can_be_judged(
        seed in any::<u64>(),
        has_log in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[0-9a-f,/-]"), 1..6),
    ) {
        let mut ensemble = Ensemble::new(seed);
        for _ in 0..60 {
            ensemble.noise();
        }
        let mut text = text(&ensemble.history(has_log)).into_bytes();
        for (at, edit) in edits {
            let at = at.index(text.len());
            text[at] = edit.as_bytes()[0];
        }
        if let Ok(history) = read(&mut &text[..]) {
            let report = check(&history);
            prop_assert!(!report.text(&history).is_empty());
        }
    }

    #[test]
    fn any_other_bytes_are_an_error_and_no_panic(line in ".*", at in 0_usize..40) {
        let mut ensemble = Ensemble::new(3);
        for _ in 0..60 {
            ensemble.noise();
        }
        let mut lines: Vec<String> = text(&ensemble.history(true)).lines().map(str::to_owned).collect();
        lines[at] = line;
        let _ = read(&mut (lines.join("\n") + "\n").as_bytes());
    }
}

#[test]
fn a_broken_line_is_told_by_its_number() {
    let broken = |line: &str| read(&mut format!("paddock-history 1\n\n# a word\n{line}\n").as_bytes());
    assert!(broken("heard 1 2 5 0").is_ok());
    for line in [
        "herd 1 2 5 0",
        "heard 2 1 5 0",
        "heard 1 2 5",
        "heard 1 2 5 0 0",
        "heard 1 x 5 0",
        "called 1 2 5 0 1 get /a - = ",
        "called 1 2 5 0 1 get /%2 - = unknown",
        "called 1 2 5 0 1 multi { multi { ping } } = unknown",
        "called 1 2 5 0 1 multi { ping = unknown",
        "called 1 2 5 0 1 get /a - = 7 0 data - 1,2,3",
        "called 1 2 5 0 1 create /a 3:zz p = unknown",
        "event 1 2 5 0 7 gone /a",
        "txn 7 5 1 get",
    ] {
        let error = broken(line).expect_err(line);
        assert_eq!(error.line, 4, "{line}: {error}");
    }
    assert_eq!(read(&mut &b"paddock-history 2\n"[..]).expect_err("another version").line, 1);
    assert_eq!(read(&mut &b"paddock-history 1\nheard 1 2 5 0"[..]).expect_err("a torn end").line, 2);
}

#[test]
fn an_empty_log_is_not_the_same_as_none() {
    for log in [None, Some(Vec::new())] {
        let heard = Event { from: 1, to: 1, session: -1, server: 0, what: What::Heard };
        let history = History { events: vec![heard], log };
        assert_eq!(read(&mut text(&history).as_bytes()).expect("it was written so"), history);
    }
}

#[test]
fn a_violation_is_told_in_words() {
    let lines = "paddock-history 1\n\
        connected 1000000 2000000 a 1 new 4000\n\
        called 3000000 4000000 a 1 1 create /a 3:ff p = 2 0 pathstat /a 2,2,2,0,0,0,0,3,0\n\
        called 5000000 5000000 a 1 2 create /b 3:ff p = 3 0 path /b\n\
        connected 5000000 6000000 b 2 new 4000\n\
        called 6000000 7000000 b 2 1 exists /a - = 3 -101 -\n";
    let history = read(&mut lines.as_bytes()).expect("it is a history");
    let report = check(&history);
    assert_eq!(
        report.text(&history),
        "L: a read does not show the state at its zxid\n  \
         /a: error -101 (no node) was answered; the model says success\n  \
         at 0.003000 s to 0.004000 s, session 0xa on server 1: request 1, create /a with 3 bytes #ff, was answered with zxid \
         0x2: path /a, czxid 0x2 mzxid 0x2 pzxid 0x2 version 0 cversion 0 aversion 0 ephemeralOwner 0x0 dataLength 3 \
         numChildren 0\n  \
         at 0.006000 s to 0.007000 s, session 0xb on server 2: request 1, exists /a, was answered with zxid 0x3: error -101\n\
         5 events, 2 writes with a zxid, 0 without a reply: see above\n"
    );
}
