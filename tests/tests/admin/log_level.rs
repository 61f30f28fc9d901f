//! `log_level`: which lines the log has, changed while the server runs.
use crate::{Admin, SUPER, start};
use paddock_tests::http::{Answer, ask};
use serde_json::{Value, json};

const PATH: &str = "/commands/log_level";
/// A line at INFO, which the stop of a server writes.
const STOPS: &str = "told to stop";

fn post(admin: &Admin, query: &str) -> Answer {
    ask(admin.address, "POST", &format!("{PATH}{query}"), &[SUPER])
}

fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("it is JSON")
}

fn level_of(admin: &Admin) -> Value {
    told(&ask(admin.address, "GET", PATH, &[SUPER]))["level"].clone()
}

#[test]
fn lines_that_were_not_wanted_are_written_from_then_on() {
    let admin = start();
    assert_eq!(level_of(&admin), "info");
    told(&post(&admin, "?level=error"));
    let changed = told(&post(&admin, "?level=warn,paddock=info"));
    assert_eq!(
        (&changed["level"], &changed["former_level"], &changed["command"]),
        (&json!("paddock=info,warn"), &json!("error"), &json!("log_level"))
    );
    assert_eq!(level_of(&admin), "paddock=info,warn");
    admin.server.terminate_in_peace();
    let log = admin.server.log();
    assert!(log.contains(STOPS), "{log}");
}

#[test]
fn lines_that_are_not_wanted_any_more_are_not_written_and_the_change_is() {
    let admin = start();
    told(&post(&admin, "?level=off"));
    assert_eq!(admin.get("ruok").status, 200);
    admin.server.terminate_in_peace();
    let log = admin.server.log();
    let change = "the log goes by paddock=error,off from now on, and no more by info: ip:127.0.0.1,super:,digest:super asked for it by HTTP";
    assert!(log.contains(change) && !log.contains(STOPS), "{log}");
}

#[test]
fn whoever_may_not_do_everything_neither_sees_nor_changes_them() {
    let admin = start();
    for method in ["GET", "POST"] {
        let answer = ask(admin.address, method, &format!("{PATH}?level=trace"), &[]);
        assert_eq!(answer.status, 401, "{method}");
    }
    assert_eq!(level_of(&admin), "info");
}

#[test]
fn levels_that_are_none_change_nothing() {
    let admin = start();
    for (query, problem) in [
        (String::new(), "it is missing"),
        ("?level=".to_owned(), "the value is empty"),
        ("?level=paddock%3Dloud".to_owned(), "cannot be read"),
        ("?level=office%3Ddebug".to_owned(), "no line of this program is chosen"),
        (format!("?level=info,{}", "x".repeat(1 << 10)), "longer than 1 KiB"),
    ] {
        let answer = post(&admin, &query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(problem) && answer.text().contains("paddock_net=debug"), "{}", answer.text());
    }
    assert_eq!(level_of(&admin), "info");
    let wrong = ask(admin.address, "PUT", PATH, &[SUPER]);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, POST, OPTIONS")));
}
