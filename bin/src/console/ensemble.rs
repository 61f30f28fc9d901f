//! The members of the ensemble as they say themselves: they are asked by a thread, once in a second at most, however many
//! browsers look, and not at all while none does.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use paddock_consensus::config::{HostPort, Member as Listed, PeerType};
use paddock_consensus::{ServerId, Zxid};
use paddock_net::server_state::ServerState;
use paddock_net::status::Status;
use serde_json::{Value, json};

use crate::admin::Source;
use crate::admin::outcome::Refusal;
use crate::ensemble_view::{Members, Report, Syncs, ask, object};
use crate::security::Security;
use crate::status::srvr::Unknown;
use crate::status::target::Target;

/// Between two rounds of questions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Members that are asked; there are hardly more.
const ASKED_MAX: usize = 32;
/// What a browser is told of a member's address where the configuration does not say it.
const NOT_SAID: &str = "the configuration does not say where clients reach it; put ;PORT at the end of its server line";

/// What is known of the members.
#[derive(Clone, Default)]
pub struct Ensemble(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    targets: Vec<Target>,
    members: Option<Members>,
    /// When the last round began.
    asked_at: Option<Instant>,
    /// A round has not ended. There is one at a time.
    is_asking: bool,
}

/// A member: its number, where it is asked if that is known, and what the configuration says of it.
type Row = (Option<ServerId>, Option<HostPort>, Value);

/// What the member at a place has said, or why nothing.
type Said = (usize, Result<Report, Unknown>);

/// What the server itself knows of the ensemble.
struct Picture {
    me: Option<ServerId>,
    rows: Vec<Row>,
}

impl Ensemble {
    /// `ensemble`: each member, with what it has said last, and has new questions asked if it is time.
    pub fn tell(&self, source: &Source) -> Result<Value, Refusal> {
        let picture = picture(source);
        let targets = targets(&picture);
        let place = targets.iter().position(|target| target.server == picture.me);
        let mut known = self.lock();
        let now = Instant::now();
        known.aim_at(&targets, now);
        if let (Some(place), Some(members)) = (place, known.members.as_mut()) {
            members.hear(place, own_report(&source.status), Duration::ZERO);
        }
        if known.is_due(now) {
            self.ask(&mut known, &picture, now)?;
        }
        Ok(told(&picture, known.members.as_ref()))
    }

    /// Has the others asked by a thread, which nobody waits for.
    fn ask(&self, known: &mut Known, picture: &Picture, now: Instant) -> Result<(), Refusal> {
        let others: Vec<(usize, Target)> =
            known.targets.iter().cloned().enumerate().filter(|(_, target)| target.server != picture.me).collect();
        known.asked_at = Some(now);
        if others.is_empty() {
            return Ok(());
        }
        let (ensemble, targets) = (self.clone(), known.targets.clone());
        let round = move || ensemble.hear_round(&targets, || asked(&others));
        let started = thread::Builder::new().name("console-asks".into()).spawn(round);
        // The round needs the lock to end, and so does not before this.
        known.is_asking = started.is_ok();
        let failed = |error: io::Error| {
            let error = format!("no thread can be had that asks the members: {error}; ask again");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
        };
        started.map(drop).map_err(failed)
    }

    /// A round, which is over however it ends.
    fn hear_round(&self, targets: &[Target], ask: impl FnOnce() -> Vec<Said>) {
        let _round = Round(self);
        let said = ask();
        let mut known = self.lock();
        // The configuration may be another one by now.
        if known.targets == targets
            && let Some(members) = known.members.as_mut()
        {
            said.into_iter().for_each(|(place, said)| members.hear(place, said, Duration::ZERO));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing that holds it can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A round that has not ended. When it is dropped the next one may begin, also where this one has panicked.
struct Round<'a>(&'a Ensemble);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.0.lock().is_asking = false;
    }
}

impl Known {
    /// Begins anew where others are to be asked.
    fn aim_at(&mut self, targets: &[Target], now: Instant) {
        if self.members.is_none() || self.targets != targets {
            self.targets = targets.to_vec();
            self.members = Some(Members::new(targets.to_vec()));
            self.asked_at = now.checked_sub(INTERVAL);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.is_asking && self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL)
    }
}

/// Each is asked by a thread: one that hangs keeps nobody else waiting. Where there is none, nothing is heard.
fn asked(others: &[(usize, Target)]) -> Vec<Said> {
    thread::scope(|scope| {
        let asking = others.iter().filter_map(|(place, target)| {
            let asking = thread::Builder::new().name("console-asks".into());
            asking.spawn_scoped(scope, move || (*place, ask(&target.address, &Security::default()))).ok()
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().filter_map(|asking| asking.join().ok()).collect()
    })
}

/// What this server says of itself, without being asked by a connection.
fn own_report(status: &Status) -> Result<Report, Unknown> {
    let state = ServerState::of(status).ok_or(Unknown::NotServing)?;
    let replica = &status.replica;
    let version = status.version.split(',').next().unwrap_or_default();
    let micros = replica.sync_micros_sum.get() as f64;
    Ok(Report {
        role: state.name().to_owned(),
        version: Some(version.to_owned()),
        zxid: Some(Zxid(replica.zxid.load(Ordering::Relaxed))),
        clients: Some(status.sum(|reactor| &reactor.connections)),
        outstanding: Some(status.sum(|reactor| &reactor.outstanding)),
        syncs: Some(Syncs { count: replica.groups.get(), micros }),
    })
}

fn picture(source: &Source) -> Picture {
    let Some((me, config)) = source.member.as_ref().map(|(me, config)| (*me, config())) else {
        let here = HostPort { host: "this server".into(), port: (source.conf)().any_client_port() };
        return Picture { me: None, rows: vec![(None, Some(here), json!({ "is_me": true, "votes": true }))] };
    };
    let own_host = config.members().get(&me).and_then(host_of);
    let lacks_some = config.members().values().any(|listed| listed.client.is_none());
    let own_port = lacks_some.then(|| (source.conf)().any_client_port());
    let row = |(id, listed): (&ServerId, &Listed)| {
        let peer = listed.addresses.first().map(|address| address.quorum.to_string());
        let kind = if listed.peer_type == PeerType::Observer { "observer" } else { "participant" };
        let said = json!({ "is_me": *id == me, "votes": config.is_voter(*id), "kind": kind, "peer": peer });
        let taken = if *id == me { None } else { own_host };
        (Some(*id), client_address(listed).or_else(|| assumed_address(listed, own_port, taken)), said)
    };
    Picture { me: Some(me), rows: config.members().iter().map(row).take(ASKED_MAX).collect() }
}

/// Where other servers reach a member first.
fn host_of(listed: &Listed) -> Option<&str> {
    listed.addresses.first().map(|address| &*address.quorum.host)
}

/// Where a member is asked. One that listens at every address of its machine is asked where other servers reach it.
fn client_address(listed: &Listed) -> Option<HostPort> {
    let client = listed.client.as_ref()?;
    let is_everywhere = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"].contains(&&*client.host);
    let host = host_of(listed).filter(|_| is_everywhere).unwrap_or(&client.host);
    Some(HostPort { host: host.into(), port: client.port })
}

/// Where a configuration names no client ports, each server has the same one, unless they share a machine: `taken` has the own.
fn assumed_address(listed: &Listed, port: Option<u16>, taken: Option<&str>) -> Option<HostPort> {
    let host = host_of(listed).filter(|host| Some(*host) != taken)?;
    Some(HostPort { host: host.into(), port: port? })
}

/// Those that have an address.
fn targets(picture: &Picture) -> Vec<Target> {
    let target = |(server, address, _): &Row| {
        let address = address.clone()?;
        Some(Target { server: *server, address })
    };
    picture.rows.iter().filter_map(target).collect()
}

fn told(picture: &Picture, members: Option<&Members>) -> Value {
    let row = |(id, address, said): &Row| {
        let member = members.and_then(|members| {
            let member = members.all().iter().find(|member| member.target.server == *id)?;
            Some((members, member))
        });
        let mut row = said.clone();
        row["id"] = json!(id.map(|ServerId(id)| id));
        row["said"] = match member {
            Some((members, member)) => object(members, member),
            None if address.is_none() => json!({ "error": NOT_SAID }),
            None => Value::Null,
        };
        row
    };
    let rows: Vec<Value> = picture.rows.iter().map(row).collect();
    json!({ "me": picture.me.map(|ServerId(id)| id), "members": rows })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_consensus::ServerId;
    use paddock_consensus::config::ServerLine;
    use serde_json::json;

    use super::{Ensemble, INTERVAL, Known, NOT_SAID, Picture, assumed_address, client_address, targets, told};

    fn address(line: &str) -> Option<String> {
        client_address(&ServerLine::parse(line).expect("a line").member).map(|address| address.to_string())
    }

    #[test]
    fn a_member_is_asked_where_it_can_be_reached() {
        for (line, expected) in [
            ("zk1:2888:3888;10.0.0.1:2181", Some("10.0.0.1:2181")),
            ("zk1:2888:3888;0.0.0.0:2181", Some("zk1:2181")),
            ("zk1:2888:3888;2181", Some("zk1:2181")),
            ("zk1:2888:3888", None),
        ] {
            assert_eq!(address(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn one_without_a_client_port_is_taken_to_have_the_own() {
        let listed = ServerLine::parse("zk2:2888:3888").expect("a line").member;
        let assumed = |port, taken| assumed_address(&listed, port, taken).map(|address| address.to_string());
        assert_eq!(assumed(Some(2181), Some("zk1")).as_deref(), Some("zk2:2181"));
        assert_eq!(assumed(Some(2181), None).as_deref(), Some("zk2:2181"));
        assert_eq!(
            (assumed(Some(2181), Some("zk2")), assumed(None, None)),
            (None, None),
            "the own port is this server's there"
        );
    }

    fn picture() -> Picture {
        let host = |line: &str| client_address(&ServerLine::parse(line).expect("a line").member);
        let rows = vec![
            (Some(ServerId(1)), host("zk1:2888:3888;2181"), json!({ "is_me": true })),
            (Some(ServerId(2)), host("zk2:2888:3888"), json!({ "is_me": false })),
        ];
        Picture { me: Some(ServerId(1)), rows }
    }

    #[test]
    fn members_are_asked_once_in_an_interval_and_at_once_when_they_are_others() {
        let (mut known, now) = (Known::default(), Instant::now() + INTERVAL);
        let targets = targets(&picture());
        assert_eq!(targets.len(), 1, "one has no address");
        known.aim_at(&targets, now);
        assert!(known.is_due(now));
        known.asked_at = Some(now);
        assert!(!known.is_due(now + INTERVAL - Duration::from_millis(1)) && known.is_due(now + INTERVAL));
        known.is_asking = true;
        assert!(!known.is_due(now + INTERVAL * 9), "there is one round at a time");
        known.is_asking = false;
        known.aim_at(&[], now);
        assert!(known.is_due(now));
    }

    #[test]
    fn a_round_that_panics_is_over() {
        let ensemble = Ensemble::default();
        ensemble.lock().is_asking = true;
        let round = ensemble.clone();
        let round =
            std::thread::spawn(move || round.hear_round(&[], || panic!("a question that a test has put there")));
        assert!(round.join().is_err());
        assert!(!ensemble.lock().is_asking);
    }

    #[test]
    fn a_member_that_cannot_be_asked_says_why() {
        let told = told(&picture(), None);
        assert_eq!(told["me"], 1);
        assert_eq!(told["members"][0]["said"], json!(null));
        assert_eq!(told["members"][1]["said"]["error"], NOT_SAID);
    }
}
