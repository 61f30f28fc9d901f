//! One cell of the matrix after another.

use paddock_tests::client::{Client, Frame};
use paddock_tests::records::{mode, watcher};
use paddock_tests::request::Request;

use crate::callers::{CALLERS, CERTIFIED, Caller, OWNER};
use crate::place::{Place, both, both_secure};
use crate::subjects::{SUBJECTS, Subject, list, permissions};
use crate::{normal, rows};

/// How a reply with this code is told.
const UNIMPLEMENTED: &str = "err: -6,";

/// The same request on ZooKeeper and on the server under test, and what came.
struct Both<'s> {
    caller: &'static Caller,
    servers: &'s [Place; 2],
    clients: [Client; 2],
}

impl Both<'_> {
    fn connect<'s>(caller: &'static Caller, servers: &'s [Place; 2]) -> Both<'s> {
        Both { caller, servers, clients: servers.each_ref().map(|server| caller.connect(server)) }
    }

    /// Asks for all of it at once. Every reply, and every event before it, must be the same.
    fn ask(&mut self, case: &str, requests: &[Request]) {
        let [theirs, ours] = self.clients.each_mut().map(|client| answers(client, requests));
        for (at, request) in requests.iter().enumerate() {
            let (theirs, ours) = (theirs.get(at), ours.get(at));
            assert!(
                theirs == ours,
                "{}: {case}: {request:?}\nZooKeeper: {theirs:#?}\nhere: {ours:#?}",
                self.caller.name
            );
        }
        // Behind this answer a connection ends, sooner or later: a ZooKeeper may answer another request before.
        let is_ending = ours.iter().flatten().any(|told| told.contains(UNIMPLEMENTED));
        if is_ending || self.clients.iter().any(|client| client.outstanding() > 0) {
            *self = Both::connect(self.caller, self.servers);
        }
    }
}

/// For each request its reply behind the events before it. The last one says so where the connection has ended.
fn answers(client: &mut Client, requests: &[Request]) -> Vec<Vec<String>> {
    for request in requests {
        client.queue(request);
    }
    client.flush().expect("the server reads");
    let mut answers = Vec::new();
    for _ in requests {
        let mut answer = Vec::new();
        loop {
            let frame = client.next_frame();
            let (is_event, is_end) = (matches!(frame, Ok(Frame::Event(_))), frame.is_err());
            answer.push(normal::told(frame));
            if is_end {
                answers.push(answer);
                return answers;
            }
            if !is_event {
                break;
            }
        }
        answers.push(answer);
    }
    answers
}

#[test]
fn who_may_do_what_is_as_in_zookeeper() {
    judge(&both(), &CALLERS);
}

#[test]
fn who_may_do_what_with_a_certificate_is_as_in_zookeeper() {
    judge(&both_secure(), &CERTIFIED);
}

fn judge(servers: &[Place; 2], callers: &'static [Caller]) {
    let mut owner = Both::connect(&OWNER, servers);
    let mut cells = 0;
    for caller in callers {
        let mut caller = Both::connect(caller, servers);
        for subject in SUBJECTS {
            for perms in permissions() {
                let cell = Cell { path: format!("/c{cells}"), subject, perms };
                cell.judge(&mut owner, &mut caller);
                cells += 1;
            }
        }
    }
    assert_eq!(cells, callers.len() * SUBJECTS.len() * permissions().count());
}

/// What a server cannot decode may end the connection, and all that was asked behind it: one at a time.
#[test]
fn what_does_not_belong_into_a_multi_is_answered_as_by_zookeeper() {
    let servers = both();
    let mut owner = Both::connect(&OWNER, &servers);
    owner.ask("misplaced", &[Request::create("/a", b"", 0), Request::create("/a/r", b"", 0)]);
    for caller in &CALLERS {
        let mut caller = Both::connect(caller, &servers);
        for request in rows::misplaced("/a") {
            caller.ask("misplaced", &[request]);
        }
    }
}

struct Cell {
    path: String,
    subject: Subject,
    perms: i32,
}

impl Cell {
    fn judge(&self, owner: &mut Both<'_>, caller: &mut Both<'_>) {
        let case = format!("{}:{} {}", self.subject.0, self.subject.1, self.perms);
        let path = |name: &str| format!("{}/{name}", self.path);
        let (alone, multi, watched) = (path("alone"), path("multi"), path("watched"));
        owner.ask(&case, &self.made(&[&alone, &multi, &watched]));
        let mine = list(self.subject, self.perms);
        let mut requests = rows::reads(&alone);
        requests.extend(rows::in_multi_reads(rows::reads(&alone)));
        requests.extend(rows::others(&alone));
        requests.extend(rows::writes(&alone, mine.clone()));
        requests.retain(rows::can_be_alone);
        caller.ask(&case, &requests);
        caller.ask(&case, &rows::in_multis(rows::writes(&multi, mine), &self.path));
        self.judge_watches(owner, caller, &case, &watched);
    }

    /// The znodes, with lists that the owner still gets past.
    fn made(&self, nodes: &[&str]) -> Vec<Request> {
        let mut requests = vec![Request::create(&self.path, b"", 0)];
        for node in nodes {
            requests.push(Request::create(node, b"data", 0));
            requests.extend(["d", "f", "r"].map(|child| Request::create(&format!("{node}/{child}"), b"", 0)));
            requests.push(Request::set_acl(node, list(self.subject, self.perms), -1));
        }
        requests
    }

    /// What the caller is told of znodes that it may not read.
    fn judge_watches(&self, owner: &mut Both<'_>, caller: &mut Both<'_>, case: &str, watched: &str) {
        let (later, below) = (format!("{}/later", self.path), format!("{watched}/x"));
        caller.ask(
            case,
            &[
                Request::exists(&later, true),
                Request::get_data(watched, true),
                Request::get_children(watched, true),
                Request::exists(watched, true),
                Request::add_watch(&self.path, mode::PERSISTENT_RECURSIVE),
                Request::add_watch(watched, mode::PERSISTENT),
            ],
        );
        let mine = list(self.subject, self.perms);
        owner.ask(
            case,
            &[
                Request::create_with_acl(&later, mine.clone(), 0),
                Request::set_data(watched, b"new", -1),
                Request::create_with_acl(&below, mine, 0),
                Request::set_data(&below, b"new", -1),
                Request::delete(&below, -1),
                Request::multi(vec![Request::set_data(watched, b"", -1), Request::delete(&later, -1)]),
                Request::delete(&format!("{watched}/r"), -1),
                Request::delete(&format!("{watched}/d"), -1),
                Request::delete(&format!("{watched}/f"), -1),
                Request::delete(watched, -1),
            ],
        );
        caller.ask(
            case,
            &[
                Request::exists(&self.path, false),
                Request::remove_watches(&self.path, watcher::ANY),
                Request::remove_watches(watched, watcher::ANY),
            ],
        );
    }
}
