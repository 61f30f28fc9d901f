//! What is asked: each operation, with the znodes of a cell.
//!
//! ```text
//!   /c7          open, and so are the znodes without a remark
//!   /c7/alone    has the list; with children d and f for deletes, and r for reads
//!   /c7/multi    the same, for what is asked in multis
//! ```

use paddock_tests::records::{Acl, flags, mode, op, watcher};
use paddock_tests::request::Request;

/// A day.
const TTL_MS: i64 = 86_400_000;

/// The reads that a multiRead may have, and those that it may not.
pub fn reads(node: &str) -> Vec<Request> {
    let child = format!("{node}/r");
    let mut requests = Vec::new();
    for path in [node, &child] {
        requests.extend([
            Request::get_data(path, false),
            Request::get_children(path, false),
            Request::exists(path, false),
            Request::get_children2(path, false),
            Request::get_acl(path),
            Request::get_all_children_number(path),
            Request::check(path, -1),
            Request::sync(path),
            Request::get_ephemerals(path),
        ]);
    }
    requests
}

/// What changes something below `node`, or the node itself. Its list is changed last.
pub fn writes(node: &str, mine: Vec<Acl>) -> Vec<Request> {
    let path = |name: &str| format!("{node}/{name}");
    let mut requests = vec![
        Request::create(&path("a"), b"", flags::PERSISTENT),
        Request::create(&path("a"), b"", flags::PERSISTENT),
        Request::create(&path("b-"), b"", flags::SEQUENTIAL),
        Request::create(&path("c"), b"", flags::EPHEMERAL),
        Request::create(&path("e-"), b"", flags::EPHEMERAL_SEQUENTIAL),
        Request::create2(&path("g"), b"", flags::PERSISTENT),
        Request::create_container(&path("h")),
        Request::create_ttl(&path("i"), flags::TTL, TTL_MS),
        Request::create_ttl(&path("j-"), flags::SEQUENTIAL_TTL, TTL_MS),
        Request::create_with_acl(&path("k"), mine.clone(), flags::PERSISTENT),
        Request::create_with_acl(&path("l"), vec![Acl::new(31, "auth", "")], flags::PERSISTENT),
        Request::create(&path("r/a"), b"", flags::PERSISTENT),
        Request::set_data(node, b"new", -1),
        Request::set_data(node, b"new", 77),
        Request::set_data(&path("r"), b"new", -1),
        Request::check(node, -1),
        Request::check(node, 77),
        Request::delete(&path("d"), -1),
        Request::delete(&path("f"), 77),
        Request::delete(&path("none"), -1),
        Request::delete(&path("k"), -1),
        Request::delete(&path("r"), -1),
    ];
    requests.extend([Request::set_acl(node, mine, 77), Request::set_acl(node, Acl::open(), -1)]);
    requests
}

/// What sets and takes watches, and what is asked of none.
pub fn others(node: &str) -> Vec<Request> {
    vec![
        Request::add_watch(node, mode::PERSISTENT),
        Request::check_watches(node, watcher::PERSISTENT),
        Request::remove_watches(node, watcher::PERSISTENT),
        Request::remove_watches(node, watcher::ANY),
        Request::add_watch(node, mode::PERSISTENT_RECURSIVE),
        Request::remove_watches(node, watcher::PERSISTENT_RECURSIVE),
        Request::who_am_i(),
        Request::Reconfig { joining: None, leaving: Some("9".into()), members: None, config_id: -1 },
        Request::get_data("/zookeeper/config", false),
        Request::set_data("/zookeeper/config", b"", -1),
    ]
}

/// Whether a multi or a multiRead can have it. What else is in one cannot be decoded, and may end the connection.
fn can_be_a_member(request: &Request) -> bool {
    const MEMBERS: [i32; 9] = [
        op::CREATE,
        op::CREATE2,
        op::CREATE_CONTAINER,
        op::CREATE_TTL,
        op::DELETE,
        op::SET_DATA,
        op::CHECK,
        op::GET_DATA,
        op::GET_CHILDREN,
    ];
    MEMBERS.contains(&request.opcode())
}

/// Whether it is a request by itself. What is not ends the connection.
pub fn can_be_alone(request: &Request) -> bool {
    request.opcode() != op::CHECK
}

/// Each alone in a multi, and then each behind one that is always right.
pub fn in_multis(mut requests: Vec<Request>, open: &str) -> Vec<Request> {
    requests.retain(can_be_a_member);
    let alone = requests.iter().map(|request| Request::multi(vec![request.clone()])).collect::<Vec<_>>();
    let behind = requests.into_iter().map(|request| Request::multi(vec![Request::set_data(open, b"", -1), request]));
    alone.into_iter().chain(behind).collect()
}

/// Each alone in a multiRead, and all together.
pub fn in_multi_reads(mut requests: Vec<Request>) -> Vec<Request> {
    requests.retain(is_read);
    let together = Request::multi_read(requests.clone());
    requests.into_iter().map(|request| Request::multi_read(vec![request])).chain([together]).collect()
}

/// Members that do not belong where they are.
pub fn misplaced(node: &str) -> Vec<Request> {
    let mut requests = reads(node);
    requests.extend(writes(node, Acl::open()));
    let in_multi = requests.iter().filter(|request| !can_be_a_member(request) || is_read(request));
    let in_multi = in_multi.map(|request| Request::multi(vec![request.clone()])).collect::<Vec<_>>();
    let alone = requests.iter().filter(|request| !can_be_alone(request)).cloned().collect::<Vec<_>>();
    let in_multi_read = requests.into_iter().filter(|request| !is_read(request));
    alone.into_iter().chain(in_multi).chain(in_multi_read.map(|request| Request::multi_read(vec![request]))).collect()
}

fn is_read(request: &Request) -> bool {
    matches!(request.opcode(), op::GET_DATA | op::GET_CHILDREN)
}
