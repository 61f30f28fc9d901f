//! Runs the steps on both servers, compares what happens, and tells the story of a difference.
use crate::acls::IDENTITIES;
use crate::generator::{Change, Generator, Step};
use crate::lane::{Happening, Lane, Side};
use crate::normal::Normal;
use crate::story::{self, Told, told};
use crate::versions::modernise;
use paddock_tests::client::Hello;
use paddock_tests::random::Random;
use paddock_tests::records::{Acl, err, op};
use paddock_tests::reply::{Body, Reply};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

/// Clients of this run.
const LANES: usize = 5;
/// Requests after which the run goes on under a new path, because ACLs have closed most of the old one.
const ROUND: usize = 2_500;
/// Steps that the history keeps for the story of a difference.
const HISTORY_MAX: usize = 20_000;

pub struct Driver {
    servers: [Server; 2],
    normals: [Normal; 2],
    lanes: Vec<Lane>,
    generator: Generator,
    seed: u64,
    /// Requests sent so far to each server.
    operations: usize,
    history: VecDeque<Told>,
    /// How often each (opcode, outcome) was answered: a run that only ever fails proves little.
    answers: BTreeMap<(i32, i32), usize>,
    events: usize,
}

impl Driver {
    pub fn new(servers: [Server; 2], random: Random, seed: u64) -> Driver {
        let generator = Generator::new(random, LANES, Kind::ZooKeeper.is_current());
        let normals = [Normal::new(), Normal::new()];
        let (history, answers) = (VecDeque::new(), BTreeMap::new());
        let mut driver =
            Driver { servers, normals, lanes: vec![], generator, seed, operations: 0, history, answers, events: 0 };
        for identity in 0..LANES {
            let sides = driver.connect(&Hello::new_session(120_000));
            driver.lanes.push(Lane { sides, identity });
            driver.authenticate(identity);
        }
        driver
    }

    /// Sends at least this many requests to both servers.
    pub fn run(&mut self, operations: usize) {
        for round in 0.. {
            self.generator.begin_round(round);
            let prefix = self.generator.paths.prefix().to_owned();
            self.burst(0, &[Request::create(&prefix, b"", 0)]);
            while self.operations < ROUND * (round + 1) && self.operations < operations {
                let step = self.generator.step();
                self.step(step);
            }
            self.reopen_shared(&prefix);
            self.compare_trees(&prefix);
            self.compare_trees(&format!("/zookeeper/quota{prefix}"));
            if self.operations >= operations {
                return;
            }
        }
    }

    pub fn summary(&self) -> String {
        let mut text =
            format!("{} requests, {} events, no difference; replies by opcode", self.operations, self.events);
        let mut last = None;
        for ((opcode, err), count) in &self.answers {
            let _ = match last == Some(*opcode) {
                true => write!(text, ", {err}: {count}"),
                false => write!(text, "\n  {opcode}: {err}: {count}"),
            };
            last = Some(*opcode);
        }
        text
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Burst { lane, requests } => self.burst(lane, &requests),
            Step::Damaged { lane, request } => self.damaged(lane, request),
            Step::Reads { bursts } => self.bursts(&bursts),
            Step::Auth { lane, request } => self.auth(lane, request),
            Step::Renew { lane, hello } => self.renew(lane, &hello),
            Step::Reattach { lane, change } => self.reattach(lane, change),
            Step::Forbidden { lane, request } => self.forbidden(lane, request),
            Step::Broken { lane, bytes } => self.broken(lane, &bytes),
        }
    }

    fn burst(&mut self, lane: usize, requests: &[Request]) {
        self.bursts(&[(lane, requests.to_vec())]);
    }

    /// Sends every burst to both servers before any answer is read.
    fn bursts(&mut self, bursts: &[(usize, Vec<Request>)]) {
        for (lane, requests) in bursts {
            for side in &mut self.lanes[*lane].sides {
                side.send(requests);
            }
        }
        for (lane, requests) in bursts {
            let happenings = self.receive(*lane, requests);
            self.note(*lane, requests, happenings);
        }
    }

    fn receive_both(&mut self, lane: usize, requests: &[Request]) -> [Vec<Happening>; 2] {
        let [reference, tested] = &mut self.lanes[lane].sides;
        let [reference_normal, tested_normal] = &mut self.normals;
        let expected = reference.receive(reference_normal);
        let got = tested.receive(tested_normal);
        let expected = expected.unwrap_or_else(|error| self.fail(lane, requests, &format!("ZooKeeper: {error}")));
        let got = got.unwrap_or_else(|error| self.fail(lane, requests, &format!("server under test: {error}")));
        [expected, got]
    }

    /// What a lane's sides have got for these requests; a difference ends the run.
    fn receive(&mut self, lane: usize, requests: &[Request]) -> Vec<Happening> {
        let [mut expected, mut got] = self.receive_both(lane, requests);
        forget_unflushed_events(&mut expected);
        forget_unflushed_events(&mut got);
        let session = self.lanes[lane].sides[0].session;
        let unwatched = if self.generator.current { vec![] } else { modernise(requests, &mut expected, &got, session) };
        if expected != got {
            self.differ(lane, requests, &expected, &got);
        }
        if !unwatched.is_empty() {
            self.watch(lane, unwatched);
        }
        expected
    }

    /// Sets data watches on these existing znodes, on the server under test alone.
    fn watch(&mut self, lane: usize, data: Vec<String>) {
        let request = Request::SetWatches { relative_zxid: i64::MAX, data, exist: vec![], child: vec![] };
        let side = &mut self.lanes[lane].sides[1];
        side.send(std::slice::from_ref(&request));
        match side.receive(&mut self.normals[1]).as_deref() {
            Ok([Happening::Reply(Reply { err: err::OK, .. })]) => {}
            other => self.fail(lane, &[request], &format!("the server under test: {other:?}")),
        }
    }

    fn differ(&self, lane: usize, requests: &[Request], expected: &[Happening], got: &[Happening]) -> ! {
        let at = expected.iter().zip(got).take_while(|(expected, got)| expected == got).count();
        let what = format!(
            "they agree on {at} happenings, then\n  ZooKeeper:         {}\n  server under test: {}",
            told(&expected[at..]),
            told(&got[at..])
        );
        self.fail(lane, requests, &what);
    }

    /// Puts what both servers agree on into the history and the books.
    fn note(&mut self, lane: usize, requests: &[Request], happenings: Vec<Happening>) {
        self.operations += requests.len();
        let mut happenings = happenings.into_iter();
        for request in requests {
            let mut story = Vec::new();
            for happening in happenings.by_ref() {
                let is_reply = matches!(happening, Happening::Reply(_));
                self.count(request, &happening);
                story.push(happening);
                if is_reply {
                    break;
                }
            }
            if self.history.len() == HISTORY_MAX {
                self.history.pop_front();
            }
            self.history.push_back(Told { lane, request: request.clone(), happenings: story });
        }
    }

    fn count(&mut self, request: &Request, happening: &Happening) {
        match happening {
            Happening::Event(_) => self.events += 1,
            Happening::Reply(reply) => {
                *self.answers.entry((request.opcode(), outcome(reply))).or_default() += 1;
                self.generator.zxid = self.generator.zxid.max(reply.zxid);
                self.remember(request, &reply.body);
            }
            _ => {}
        }
    }

    /// Paths that the server chose will be used by later requests.
    fn remember(&mut self, request: &Request, body: &Body) {
        match (request, body) {
            (
                Request::Create { path: Some(asked), .. } | Request::CreateTtl { path: Some(asked), .. },
                Body::Path(Some(path)) | Body::PathStat(Some(path), _),
            ) if asked != path => {
                self.generator.paths.remember(path);
            }
            (Request::Multi { members, .. }, Body::Multi(outcomes)) => {
                for (member, outcome) in members.iter().zip(outcomes) {
                    self.remember(member, &outcome.body);
                }
            }
            _ => {}
        }
    }

    /// A write that cannot be read takes a zxid in ZooKeeper 3.8 and takes none from 3.9 on. Where that shows, a write
    /// that fails makes the server under test catch up.
    fn damaged(&mut self, lane: usize, request: Request) {
        let requests = [request];
        for side in &mut self.lanes[lane].sides {
            side.send(&requests);
        }
        let [mut expected, got] = self.receive_both(lane, &requests);
        if let (Some(Happening::Reply(old)), Some(Happening::Reply(new))) = (expected.last_mut(), got.last())
            && (old.err, new.err) == (err::MARSHALLING, err::MARSHALLING)
            && old.zxid == new.zxid + 1
            && requests[0].opcode() != op::MULTI
            && !self.generator.current
        {
            self.catch_up(lane, old.zxid);
            old.zxid = new.zxid;
        }
        if expected != got {
            self.differ(lane, &requests, &expected, &got);
        }
        self.note(lane, &requests, expected);
    }

    /// Makes the server under test use up this zxid.
    fn catch_up(&mut self, lane: usize, zxid: i64) {
        const XID: i32 = i32::MAX;
        let client = &mut self.lanes[lane].sides[1].client;
        client.queue_as(XID, &Request::delete("/nowhere/at/all", -1));
        let reply = client.flush().and_then(|()| client.next_reply());
        let what = reply.as_ref().map(|reply| (reply.err, reply.zxid));
        if !matches!(what, Ok((err::NO_NODE, taken)) if taken == zxid) {
            self.fail(lane, &[], &format!("a failing delete was to take zxid {zxid}: {reply:?}"));
        }
    }

    fn auth(&mut self, lane: usize, request: Request) {
        let requests = [request];
        self.bursts(&[(lane, requests.to_vec())]);
        let refused = |told: &Told| match told.happenings.last() {
            Some(Happening::Reply(reply)) => reply.err != 0,
            _ => true,
        };
        if self.history.back().is_some_and(refused) {
            self.expect_close(lane);
            self.come_back(lane);
        }
    }

    fn renew(&mut self, lane: usize, hello: &Hello) {
        // The order in which a closing session's ephemerals go is unspecified, so the events of that are put in order.
        self.drain(false);
        self.send_alone(lane, Request::close(), true);
        self.expect_close(lane);
        self.lanes[lane].sides = self.connect(hello);
        self.authenticate(lane);
        self.drain(true);
    }

    /// Compares the events that wait on every connection.
    fn drain(&mut self, any_order: bool) {
        for lane in 0..self.lanes.len() {
            self.send_alone(lane, Request::ping(), any_order);
        }
    }

    fn send_alone(&mut self, lane: usize, request: Request, any_order: bool) {
        let requests = [request];
        for side in &mut self.lanes[lane].sides {
            side.send(&requests);
        }
        let mut both = self.receive_both(lane, &requests);
        if any_order {
            both.iter_mut().for_each(|happenings| happenings.sort_by_key(|one| format!("{one:?}")));
        }
        let [expected, got] = both;
        if expected != got {
            self.differ(lane, &requests, &expected, &got);
        }
        self.note(lane, &requests, expected);
    }

    fn reattach(&mut self, lane: usize, change: Change) {
        // What the old connection still had to say must not be lost in its closing.
        self.burst(lane, &[Request::ping()]);
        let happening = self.try_reattach(lane, change);
        if !matches!(happening, Happening::Welcome { .. }) {
            self.come_back(lane);
        } else if self.generator.random.one_in(2) {
            self.authenticate(lane);
        }
    }

    fn come_back(&mut self, lane: usize) {
        let happening = self.try_reattach(lane, Change::Nothing);
        if !matches!(happening, Happening::Welcome { .. }) {
            self.fail(lane, &[], &format!("both servers refuse a living session: {happening:?}"));
        }
        if !self.generator.random.one_in(4) {
            self.authenticate(lane);
        }
    }

    fn try_reattach(&mut self, lane: usize, change: Change) -> Happening {
        let addresses = [self.servers[0].address(), self.servers[1].address()];
        let zxid = self.generator.zxid;
        let sides = self.lanes[lane].sides.iter_mut().zip(addresses);
        let got: Vec<_> = sides.map(|(side, address)| side.reattach(address, &changed(side, change, zxid))).collect();
        match (&got[0], &got[1]) {
            (Ok(expected), Ok(tested)) if expected == tested => expected.clone(),
            _ => self.fail(lane, &[], &format!("handshake with {change:?}: {got:?}")),
        }
    }

    fn forbidden(&mut self, lane: usize, request: Request) {
        self.burst(lane, &[request]);
        self.expect_close(lane);
        self.come_back(lane);
    }

    fn broken(&mut self, lane: usize, bytes: &[u8]) {
        self.burst(lane, &[Request::ping()]);
        for side in &mut self.lanes[lane].sides {
            side.client.queue_raw(bytes);
            side.send(&[]);
        }
        self.operations += 1;
        self.expect_close(lane);
        self.come_back(lane);
    }

    fn expect_close(&mut self, lane: usize) {
        let [reference, tested] = &mut self.lanes[lane].sides;
        let closed = [reference.receive_close(), tested.receive_close()];
        if closed != [Ok(()), Ok(())] {
            let last = self.history.back().map(|told| (&told.request, &told.happenings));
            self.fail(lane, &[], &format!("{closed:?} after {last:?}"));
        }
    }

    fn connect(&mut self, hello: &Hello) -> [Side; 2] {
        let mut connect = |which: usize| {
            let side = Side::connect(self.servers[which].address(), hello, &mut self.normals[which]);
            side.unwrap_or_else(|error| panic!("server {which}, {hello:?}: {error}"))
        };
        let sides = [connect(0), connect(1)];
        assert_eq!(sides[0].welcome(), sides[1].welcome(), "{hello:?}");
        sides
    }

    /// Gives the lane its own digest identity again, as clients do after every handshake.
    fn authenticate(&mut self, lane: usize) {
        let credential = IDENTITIES[self.lanes[lane].identity].0;
        self.burst(lane, &[Request::auth("digest", credential.as_bytes())]);
    }

    /// Lets everybody in again where one round's ACLs could hinder the next.
    fn reopen_shared(&mut self, prefix: &str) {
        let shared = ["/", "/zookeeper", "/zookeeper/quota", prefix];
        let requests =
            shared.map(|path| Request::SetAcl { path: Some(path.into()), acl: Some(Acl::open()), version: -1 });
        for lane in 0..self.lanes.len() {
            self.authenticate(lane);
            self.burst(lane, &requests);
        }
    }

    /// Reads everything that each lane may read below `prefix`: data, children, ACLs.
    fn compare_trees(&mut self, prefix: &str) {
        for lane in 0..self.lanes.len() {
            let mut paths = vec![prefix.to_owned()];
            while let Some(path) = paths.pop() {
                let reads =
                    [Request::get_data(&path, false), Request::get_acl(&path), Request::get_children2(&path, false)];
                for side in &mut self.lanes[lane].sides {
                    side.send(&reads);
                }
                let happenings = self.receive(lane, &reads);
                if let Some(Happening::Reply(Reply { body: Body::NamesStat(Some(names), _), .. })) = happenings.last() {
                    paths.extend(names.iter().flatten().map(|name| format!("{path}/{name}")));
                }
                self.note(lane, &reads, happenings);
            }
        }
    }

    /// Ends the run with what led to the difference.
    fn fail(&self, lane: usize, requests: &[Request], what: &str) -> ! {
        let story = story::of(&self.history, requests);
        panic!(
            "\nafter {} requests, lane {lane}: {what}\n{story}\nrun it again with PADDOCK_DIFF_SEED={}",
            self.operations, self.seed
        );
    }
}

/// `zxid` is the last one that any client has seen.
fn changed(side: &Side, change: Change, zxid: i64) -> Hello {
    let mut hello = Hello::reattach(&side.client.session, side.client.last_zxid);
    match change {
        Change::Nothing => {}
        Change::Timeout(timeout_ms) => hello.timeout_ms = timeout_ms,
        Change::WithoutReadOnly => hello.read_only = None,
        Change::WrongPassword => hello.password = Some(vec![1; 16]),
        Change::NoPassword => hello.password = None,
        Change::Ahead(by) => hello.last_zxid = zxid + by,
        Change::UnknownSession => hello.session_id += 1 << 20,
    }
    hello
}

/// A reply's err, or for a multi its first member's that tells why it failed.
fn outcome(reply: &Reply) -> i32 {
    match &reply.body {
        Body::Multi(outcomes) => outcomes.iter().map(|outcome| outcome.err).find(|&code| code != 0).unwrap_or(0),
        _ => reply.err,
    }
}

/// ZooKeeper throws away what a connection has still to be sent when it closes it without a reply: whether an event gets
/// through before the end is up to chance.
fn forget_unflushed_events(happenings: &mut Vec<Happening>) {
    if let Some(Happening::Closed) = happenings.last() {
        let end = happenings.pop();
        while happenings.pop_if(|happening| matches!(happening, Happening::Event(_))).is_some() {}
        happenings.extend(end);
    }
}
