//! Quotas. ZooKeeper judges a write by the usage that has been applied, whatever of its predecessors is still on the way
//! through the log: where there are quotas, no write is sent before the one before it is answered.
//!
//! The texts are well formed. ZooKeeper breaks, some of it while it applies a transaction, at others.
use crate::generator::{Generator, Step};
use paddock_tests::random::Random;
use paddock_tests::request::Request;
use std::collections::VecDeque;

const LIMITS: [&str; 8] = [
    "count=3,bytes=20",
    "count=-1,bytes=-1",
    "",
    "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=4",
    "count=2,bytes=-1=;byteHardLimit=60;countHardLimit=-1",
    "count=1,bytes=1=;byteHardLimit=2000;countHardLimit=9",
    "countHardLimit=6",
    "byteHardLimit=0,count=100",
];
/// Of a whole round: some of its creates and writes fit, some do not.
const ROUND_LIMITS: &str = "count=-1,bytes=-1=;byteHardLimit=4000;countHardLimit=14";
const USAGES: [&str; 4] = ["", "count=0,bytes=0", "count=7,bytes=-3", "bytes=11,count=2"];

/// What is done about the quota of `path`, one request after the other.
fn requests(random: &mut Random, path: &str) -> Vec<Request> {
    let quota = format!("/zookeeper/quota{path}");
    let (limits, stats) = (format!("{quota}/zookeeper_limits"), format!("{quota}/zookeeper_stats"));
    let text = random.pick(&LIMITS).as_bytes();
    match random.below(10) {
        0 => vec![Request::delete(&limits, -1)],
        1 => vec![Request::delete(&stats, -1)],
        2 => vec![Request::set_data(&limits, text, -1)],
        3 => vec![Request::set_data(&stats, random.pick(&USAGES).as_bytes(), -1)],
        4 => vec![Request::get_data(&stats, false), Request::get_data(&limits, false)],
        _ => creation(path, text, random.one_in(3)),
    }
}

fn creation(path: &str, limits: &[u8], stats_first: bool) -> Vec<Request> {
    let mut at = String::from("/zookeeper/quota");
    let mut requests = Vec::new();
    for component in path.split('/').skip(1) {
        at = format!("{at}/{component}");
        requests.push(Request::create(&at, b"", 0));
    }
    let limits = Request::create(&format!("{at}/zookeeper_limits"), limits, 0);
    let stats = Request::create(&format!("{at}/zookeeper_stats"), b"", 0);
    requests.extend(if stats_first { [stats, limits] } else { [limits, stats] });
    requests
}

fn one_by_one(lane: usize, requests: Vec<Request>) -> VecDeque<Step> {
    requests.into_iter().map(|request| Step::Burst { lane, requests: vec![request] }).collect()
}

impl Generator {
    /// Steps about some quota of this round.
    pub fn about_quotas(&mut self, lane: usize) -> VecDeque<Step> {
        let path = self.paths.plain(&mut self.random);
        let requests = requests(&mut self.random, &path);
        one_by_one(lane, requests)
    }

    /// The quota of all of this round.
    pub fn quota_of_round(&self) -> VecDeque<Step> {
        one_by_one(0, creation(self.paths.prefix(), ROUND_LIMITS.as_bytes(), false))
    }
}
