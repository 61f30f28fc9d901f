//! Single requests that change or look at very much: while one is carried out, the others' reads go on, each on a version
//! that has all of it or nothing. Here the replica serves the clients itself and has to look up from its work.
use crate::wire::{assert_stands, client, setup};
use paddock_tests::client::{Client, ClientError};
use paddock_tests::random::Random;
use paddock_tests::records::{err, flags, op};
use paddock_tests::reply::Reply;
use paddock_tests::request::Request;
use paddock_tests::server::Server;
use std::collections::HashSet;

/// So many that others' reads come between, however busy the machine is.
const MANY: i32 = 60_000;
/// Where the moment matters and not how many.
const FEWER: i32 = 10_000;
/// Requests under way while the many are created.
const PIPELINE: i32 = 1_000;
/// So many that their events are looked through in many turns.
const RACED: i32 = 30_000;
/// Reads that set watches, sent together.
const BATCH: usize = 50;
/// Event kinds.
const DELETED: i32 = 2;
const CHILDREN_CHANGED: i32 = 4;
/// So short that a session without a client ends soon, ms.
const SHORT_TIMEOUT_MS: i32 = 4_000;

fn start() -> Server {
    start_with("0")
}

fn start_with(reactors: &str) -> Server {
    setup().config("forceSync", "no").property("paddock.reactors", reactors).start()
}

/// Creates `/many` and below it so many znodes.
fn create_many(client: &mut Client, count: i32, flags: i32) {
    client.ok(&Request::create("/many", b"", flags::PERSISTENT));
    for first in (0..count).step_by(PIPELINE as usize) {
        let numbers = first..count.min(first + PIPELINE);
        for number in numbers.clone() {
            client.queue(&Request::create(&format!("/many/{number}"), b"x", flags));
        }
        client.flush().expect("the creates are taken");
        for _ in numbers {
            assert_eq!(client.next_reply().expect("a reply").err, err::OK);
        }
    }
}

/// How many znodes are there of the many; it is all or none.
fn count_many(client: &mut Client, all: i32) -> i32 {
    let count = client.ok(&Request::exists("/many", false)).stat().num_children;
    assert!(count == 0 || count == all, "a read saw {count} of {all} znodes");
    count
}

/// Has the request carried out, and reads by another client from when the server has taken it until it is answered; says how
/// many of the reads saw the state before.
fn reads_meanwhile(
    mut asker: Client,
    request: &Request,
    mut sees_before: impl FnMut() -> bool,
) -> (Client, Result<Reply, ClientError>, usize) {
    // They come in one piece, so that whoever has answered the first has taken the second.
    asker.queue(&Request::exists("/", false));
    asker.queue(request);
    asker.flush().expect("the requests are taken");
    assert_eq!(asker.next_reply().expect("a reply").err, err::OK);
    let waiting = std::thread::spawn(move || {
        let reply = asker.next_reply();
        (asker, reply)
    });
    let mut before = 0;
    while !waiting.is_finished() {
        before += usize::from(sees_before());
    }
    let (asker, reply) = waiting.join().expect("it waits for the reply and nothing else");
    (asker, reply, before)
}

fn assert_had_turns(before: usize) {
    assert!(before > 0, "no read was answered while the request was carried out");
}

#[test]
fn a_close_of_a_session_with_many_ephemerals_leaves_others_their_turns() {
    let mut server = start();
    let mut owner = client(&server);
    create_many(&mut owner, MANY, flags::EPHEMERAL);
    let mut other = client(&server);
    other.ok(&Request::get_children("/many", true));
    let (mut owner, reply, before) = reads_meanwhile(owner, &Request::close(), || count_many(&mut other, MANY) == MANY);
    assert_eq!(reply.expect("a close is answered").err, err::OK);
    owner.expect_close().expect("and the connection is closed");
    assert_had_turns(before);
    assert_eq!(count_many(&mut other, MANY), 0);
    assert_eq!(other.next_event().expect("the watch has fired").path, "/many");
    let zxid = other.ok(&Request::exists("/many", false)).stat().pzxid;
    assert_stands(&server);
    server.kill();
    server.restart();
    let mut later = client(&server);
    assert_eq!(count_many(&mut later, MANY), 0);
    assert_eq!(later.ok(&Request::exists("/many", false)).stat().pzxid, zxid, "one transaction took them all");
}

#[test]
fn the_end_of_a_lost_session_with_many_ephemerals_leaves_others_their_turns() {
    let server = start();
    let mut owner = Client::connect(server.address(), SHORT_TIMEOUT_MS).expect("the server takes a client");
    create_many(&mut owner, MANY, flags::EPHEMERAL);
    let (mut other, mut writer) = (client(&server), client(&server));
    let session = owner.session.clone();
    drop(owner);
    // A write that has to wait tells that the end has begun, and its answer that it is over.
    let mut before = 0;
    while count_many(&mut other, MANY) == MANY {
        let write = Request::set_data("/zookeeper/quota", b"", -1);
        let reply;
        (writer, reply, before) = reads_meanwhile(writer, &write, || count_many(&mut other, MANY) == MANY);
        assert_eq!(reply.expect("a reply").err, err::OK);
    }
    assert_had_turns(before);
    let refused = Client::reattach(server.address(), &session, 0);
    assert!(matches!(refused, Err(ClientError::Refused)), "{refused:?}");
    assert_stands(&server);
}

/// What the stats of a quota begin with is the usage of the whole subtree.
#[test]
fn a_quota_above_a_large_subtree_leaves_others_their_turns() {
    let server = start();
    let mut operator = client(&server);
    create_many(&mut operator, MANY, flags::PERSISTENT);
    let mut other = client(&server);
    operator.ok(&Request::create("/zookeeper/quota/many", b"", flags::PERSISTENT));
    let (limits, stats) = ("/zookeeper/quota/many/zookeeper_limits", "/zookeeper/quota/many/zookeeper_stats");
    operator.ok(&Request::create(limits, b"count=100,bytes=-1", flags::PERSISTENT));
    // The stats that are to come, or the znode that is to go.
    let mut is_there = |path: &str| other.code(&Request::exists(path, false)) == err::OK;

    let create = Request::create(stats, b"count=0,bytes=0", flags::PERSISTENT);
    let (mut operator, reply, before) = reads_meanwhile(operator, &create, || !is_there(stats));
    assert_eq!(reply.expect("a reply").path(), stats);
    assert_had_turns(before);
    let usage = format!("count={},bytes={MANY}", MANY + 1);
    assert_eq!(operator.ok(&Request::get_data(stats, false)).data(), Some(usage.as_bytes()));

    let again = Request::multi(vec![Request::delete(stats, -1), create.clone(), Request::delete("/many/0", -1)]);
    let (mut operator, reply, before) = reads_meanwhile(operator, &again, || is_there("/many/0"));
    assert_eq!(reply.expect("a reply").err, err::OK);
    assert_had_turns(before);
    let usage = format!("count={MANY},bytes={}", MANY - 1);
    assert_eq!(operator.ok(&Request::get_data(stats, false)).data(), Some(usage.as_bytes()));
    assert_stands(&server);
}

#[test]
fn a_multi_with_many_members_is_seen_whole_or_not_at_all() {
    // As many as a frame holds.
    const MEMBERS: i32 = 13_000;
    let server = start();
    let (mut writer, mut other) = (client(&server), client(&server));
    writer.ok(&Request::create("/many", b"", flags::PERSISTENT));
    let creates = (0..MEMBERS).map(|number| Request::create(&format!("/many/{number}"), b"", flags::EPHEMERAL));
    let multi = Request::multi(creates.collect());
    let (_, reply, _) = reads_meanwhile(writer, &multi, || count_many(&mut other, MEMBERS) == 0);
    let reply = reply.expect("a reply");
    assert_eq!(reply.outcomes().len(), MEMBERS as usize);
    assert!(reply.outcomes().iter().all(|outcome| outcome.kind == op::CREATE && outcome.err == err::OK));
    assert_eq!(count_many(&mut other, MEMBERS), MEMBERS);
    assert_stands(&server);
}

/// Whatever the moment, the log has the end of a session whole or not at all.
#[test]
fn a_kill_in_the_middle_of_a_large_close_leaves_all_or_nothing() {
    let mut server = start();
    for reads in [1, 5, 20] {
        let mut owner = client(&server);
        create_many(&mut owner, FEWER, flags::EPHEMERAL);
        let mut other = client(&server);
        let session = owner.session.clone();
        owner.queue(&Request::close());
        owner.flush().expect("the close is taken");
        for _ in 0..reads {
            count_many(&mut other, FEWER);
        }
        server.kill();
        server.restart();
        let mut later = client(&server);
        let back = Client::reattach(server.address(), &session, 0);
        match count_many(&mut later, FEWER) {
            0 => assert!(matches!(back, Err(ClientError::Refused)), "{back:?}"),
            _ => {
                let mut owner = back.expect("nothing has closed the session");
                assert_eq!(owner.ok(&Request::get_ephemerals("/")).names().len(), FEWER as usize);
                owner.ok(&Request::close());
            }
        }
        later.ok(&Request::delete("/many", -1));
        assert_stands(&server);
    }
}

/// A stop answers what was taken.
#[test]
fn a_stop_in_the_middle_of_a_large_close_finishes_it() {
    let mut server = start();
    let mut owner = client(&server);
    create_many(&mut owner, FEWER, flags::EPHEMERAL);
    let mut other = client(&server);
    owner.queue(&Request::close());
    owner.flush().expect("the close is taken");
    for _ in 0..5 {
        count_many(&mut other, FEWER);
    }
    assert!(server.terminate().success(), "{}", server.log_tail());
    assert_eq!(owner.next_reply().expect("a close that was begun is answered").err, err::OK);
    server.restart();
    assert_eq!(count_many(&mut client(&server), FEWER), 0);
    assert_stands(&server);
}

/// Whoever watches is told of what concerns it and of nothing else, before anything that shows it.
#[test]
fn a_large_close_tells_each_watcher_what_concerns_it() {
    for reactors in ["0", "2"] {
        let server = start_with(reactors);
        let mut owner = client(&server);
        create_many(&mut owner, FEWER, flags::EPHEMERAL);
        owner.ok(&Request::create("/elsewhere", b"", flags::EPHEMERAL));
        let mut watchers: Vec<Client> = (0..5).map(|_| client(&server)).collect();
        let [one_shot, persistent, recursive, other, elsewhere] = &mut watchers[..] else { unreachable!("five") };
        one_shot.ok(&Request::exists("/many/5", true));
        one_shot.ok(&Request::get_children("/many", true));
        one_shot.ok(&Request::get_data("/many/77", true));
        persistent.ok(&Request::add_watch("/many/9", 0));
        recursive.ok(&Request::add_watch("/many", 1));
        other.ok(&Request::exists("/many", true));
        other.ok(&Request::add_watch("/many/none", 1));
        elsewhere.ok(&Request::get_data("/elsewhere", true));
        owner.ok(&Request::close());
        let mut told = watchers.iter_mut().map(|watcher| {
            // What another client can see by now, this one does.
            assert_eq!(count_many(watcher, FEWER), 0);
            let events: Vec<(i32, String)> = watcher.events.drain(..).map(|event| (event.kind, event.path)).collect();
            events
        });
        let mut next = || told.next().expect("one for each watcher");
        let deleted = |number: i32| (DELETED, format!("/many/{number}"));
        // In the order of the paths, as texts.
        let mut all: Vec<(i32, String)> = (0..FEWER).map(deleted).collect();
        all.sort();
        assert_eq!(next(), [(CHILDREN_CHANGED, "/many".into()), deleted(5), deleted(77)]);
        assert_eq!(next(), [deleted(9)]);
        assert!(next() == all, "one for each, in their order");
        assert_eq!(next(), []);
        assert_eq!(next(), [(DELETED, "/elsewhere".into())]);
        assert_stands(&server);
    }
}

/// A watch that is set while the version ahead is looked through: either the read has seen the znode, and the event comes,
/// or it has not, and there is none to come.
#[test]
fn watches_that_are_set_during_a_large_close_miss_nothing() {
    for (seed, reactors) in ["0", "2"].into_iter().enumerate() {
        let server = start_with(reactors);
        let mut owner = client(&server);
        create_many(&mut owner, RACED, flags::EPHEMERAL);
        let racers: Vec<_> = (0..2)
            .map(|number| {
                let racer = client(&server);
                std::thread::spawn(move || race(racer, Random::new(seed as u64 * 2 + number)))
            })
            .collect();
        owner.ok(&Request::close());
        for racer in racers {
            racer.join().expect("no event is missed");
        }
        assert_stands(&server);
    }
}

/// Sets watches on znodes of the many until there are none, and compares what it is told with what it has seen.
fn race(mut racer: Client, mut random: Random) {
    let mut seen = HashSet::new();
    let mut told = HashSet::new();
    loop {
        let paths: Vec<String> = (0..BATCH).map(|_| format!("/many/{}", random.below(RACED as usize))).collect();
        for path in &paths {
            racer.queue(&match random.below(3) {
                0 => Request::exists(path, true),
                1 => Request::get_data(path, true),
                _ => Request::get_children(path, true),
            });
        }
        racer.flush().expect("small requests are taken");
        let mut is_gone = false;
        for path in paths {
            let reply = racer.next_reply().expect("a reply");
            for event in racer.events.drain(..) {
                assert_eq!(event.kind, DELETED);
                assert!(told.insert(event.path), "each is told once");
            }
            match reply.err {
                err::OK => drop(seen.insert(path)),
                _ => is_gone = true,
            }
            if is_gone {
                assert_eq!(reply.err, err::NO_NODE);
                assert!(told == seen, "{} of {} events came before the first read without", told.len(), seen.len());
            }
        }
        if is_gone {
            return;
        }
    }
}
