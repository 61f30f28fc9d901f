//! Who changes the ensemble while it runs: a client that may, and knows every machine there is.
//!
//! It goes by the configuration that it has read last, which may be an old one. Whether what it was told is right, the
//! [ghost](super::ghost) knows.

use std::collections::BTreeMap;
use std::time::Duration;

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_tests::records::err;
use paddock_tests::reply::{Body, Reply};
use paddock_tests::request::Request;

use super::mix::hierarchical;

/// Where a client reads who belongs to the ensemble.
const CONFIG: &str = "/zookeeper/config";
/// It asks for a change once in so many times.
const CHANGES_ONE_OF: usize = 6;
/// One in so many changes is followed by another before it has an answer.
const TWICE_ONE_OF: usize = 4;
/// Fewer vote in no configuration that it asks for: one alone would be no ensemble.
const VOTERS_MIN: usize = 2;
/// A configuration that is any.
const ANY: i64 = -1;
/// What may come of a change, besides an answer that it is done.
const REFUSALS: [i32; 4] = [err::RECONFIG_IN_PROGRESS, err::BAD_VERSION, err::NEW_CONFIG_NO_QUORUM, err::BAD_ARGUMENTS];

#[derive(Debug)]
pub struct Operator {
    /// All machines, members or not.
    servers: usize,
    /// It changes nothing any more from then on.
    until: Duration,
    known: Option<Config>,
    /// What it asks for at once, behind what it has asked for.
    second: Option<Request>,
    /// How many changes were refused.
    pub refused: u64,
}

/// What an answer says of the ensemble.
pub struct Ensemble {
    /// The request that has changed it; `None` if it was read.
    pub change: Option<Request>,
    pub text: String,
}

/// Who belongs to an ensemble, and whether it votes.
pub type Roles = BTreeMap<ServerId, PeerType>;

pub fn roles(config: &Config) -> Roles {
    config.members().iter().map(|(server, member)| (*server, member.peer_type)).collect()
}

impl Operator {
    pub fn new(servers: usize, until: Duration) -> Operator {
        Operator { servers, until, known: None, second: None, refused: 0 }
    }

    /// Whether it says two things at once.
    pub fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// What it asks for next.
    pub fn next(&mut self, draws: &mut Seeded, now: Duration) -> Request {
        if let Some(second) = self.second.take() {
            return second;
        }
        let may_change = now < self.until && draws.choose(CHANGES_ONE_OF) == 0;
        let Some(known) = self.known.as_ref().filter(|_| may_change) else {
            return Request::get_data(CONFIG, false);
        };
        let change = self.change(known, draws);
        if draws.choose(TWICE_ONE_OF) == 0 {
            self.second = Some(self.change(known, draws));
        }
        change
    }

    fn change(&self, known: &Config, draws: &mut Seeded) -> Request {
        let version = known.version().0;
        let config_id = [ANY, ANY, ANY, version, version, version + 1][draws.choose(6)];
        let is_hierarchical = matches!(known.quorum(), QuorumSystem::Hierarchical(_));
        let mut wanted = roles(known);
        // By servers that join and leave it cannot say who is in which group, and is refused.
        if is_hierarchical && draws.choose(4) > 0 || draws.choose(4) == 0 {
            return self.whole(&self.any_roles(draws), config_id, draws);
        }
        for _ in 0..=draws.choose(2) {
            self.edit(&mut wanted, draws);
        }
        match draws.choose(4) {
            0 => self.whole(&wanted, config_id, draws),
            _ => edits(&roles(known), &wanted, config_id),
        }
    }

    /// Any server joins, leaves, or gets the other role.
    fn edit(&self, wanted: &mut Roles, draws: &mut Seeded) {
        let server = ServerId(1 + draws.choose(self.servers) as i64);
        let peer_type = draw_role(draws);
        let before = wanted.remove(&server);
        let is_needed = before == Some(PeerType::Participant) && voters(wanted) < VOTERS_MIN;
        if is_needed || before != Some(peer_type) {
            wanted.insert(server, if is_needed { PeerType::Participant } else { peer_type });
        }
    }

    fn any_roles(&self, draws: &mut Seeded) -> Roles {
        let mut wanted = Roles::new();
        for number in 1..=self.servers {
            if draws.choose(5) > 0 {
                wanted.insert(ServerId(number as i64), draw_role(draws));
            }
        }
        for number in 1..=VOTERS_MIN {
            if voters(&wanted) < VOTERS_MIN {
                wanted.insert(ServerId(number as i64), PeerType::Participant);
            }
        }
        wanted
    }

    /// The whole list, with groups or without.
    fn whole(&self, wanted: &Roles, config_id: i64, draws: &mut Seeded) -> Request {
        let mut lines: Vec<String> = wanted.iter().map(|(server, peer_type)| line(*server, *peer_type)).collect();
        if draws.choose(4) == 0 {
            let voters = wanted.iter().filter(|(_, peer_type)| **peer_type == PeerType::Participant);
            lines.extend(groups(voters.map(|(server, _)| *server), draws));
        }
        Request::Reconfig { joining: None, leaving: None, members: Some(lines.join(",")), config_id }
    }

    /// What became of a request: what that says of the ensemble, if anything.
    pub fn hear(&mut self, request: &Request, reply: &Reply) -> Option<Ensemble> {
        let is_change = matches!(request, Request::Reconfig { .. });
        match &reply.body {
            Body::Data(Some(data), _) if reply.err == err::OK => {
                let text = String::from_utf8(data.clone()).expect("a configuration is a text");
                self.known = Some(Config::parse(&text).expect("a configuration is told so that it can be read"));
                Some(Ensemble { change: is_change.then(|| request.clone()), text })
            }
            _ if is_change => {
                let code = reply.err;
                assert!(REFUSALS.contains(&code) || code == err::SESSION_EXPIRED, "{request:?} is answered by {code}");
                self.refused += 1;
                None
            }
            _ => None,
        }
    }
}

fn voters(roles: &Roles) -> usize {
    roles.values().filter(|peer_type| **peer_type == PeerType::Participant).count()
}

/// One in four observes.
fn draw_role(draws: &mut Seeded) -> PeerType {
    if draws.choose(4) == 0 { PeerType::Observer } else { PeerType::Participant }
}

/// With which servers have to join and leave so that others belong to the ensemble.
fn edits(known: &Roles, wanted: &Roles, config_id: i64) -> Request {
    let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    let joins = |(server, peer_type): &(&ServerId, &PeerType)| known.get(server) != Some(peer_type);
    let joining = wanted.iter().filter(joins).map(|(server, peer_type)| line(*server, *peer_type)).collect();
    let leaving = known.keys().filter(|server| !wanted.contains_key(server));
    let leaving = leaving.map(|server| server.0.to_string()).collect();
    Request::Reconfig { joining: list(joining), leaving: list(leaving), members: None, config_id }
}

fn line(ServerId(server): ServerId, peer_type: PeerType) -> String {
    let role = match peer_type {
        PeerType::Participant => "participant",
        PeerType::Observer => "observer",
    };
    format!("server.{server}=s{server}:2888:3888:{role};0.0.0.0:2181")
}

/// The lines of any groups that these voters may be in.
fn groups(voters: impl Iterator<Item = ServerId>, draws: &mut Seeded) -> Vec<String> {
    let QuorumSystem::Hierarchical(shares) = hierarchical(voters, draws) else { return Vec::new() };
    let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (server, share) in &shares {
        groups.entry(share.group.0).or_default().push(server.0.to_string());
    }
    let groups = groups.iter().map(|(group, servers)| format!("group.{group}={}", servers.join(":")));
    let weights = shares.iter().map(|(server, share)| format!("weight.{}={}", server.0, share.weight));
    groups.chain(weights).collect()
}

/// Whether a configuration is what this request makes of the one before. The first one has the version that its leader gave it.
pub fn is_made_by(request: &Request, before: &Config, made: &Config) -> bool {
    let Request::Reconfig { joining, leaving, members, config_id } = request else { return false };
    if before.version() > Zxid::ZERO && *config_id != ANY && *config_id != before.version().0 {
        return false;
    }
    if let Some(members) = members {
        let asked = Config::parse(&members.replace(',', "\n")).expect("it was asked for in order");
        return asked.with_version(made.version()) == *made;
    }
    let mut expected = roles(before);
    for server in items(leaving.as_ref()) {
        expected.remove(&ServerId(server.parse().expect("it is a number")));
    }
    for joiner in items(joining.as_ref()) {
        let (server, rest) = joiner["server.".len()..].split_once('=').expect("it was asked for in order");
        let peer_type = if rest.contains("observer") { PeerType::Observer } else { PeerType::Participant };
        expected.insert(ServerId(server.parse().expect("it is a number")), peer_type);
    }
    roles(made) == expected
}

fn items(list: Option<&String>) -> impl Iterator<Item = &str> {
    list.into_iter().flat_map(|list| list.split(','))
}
