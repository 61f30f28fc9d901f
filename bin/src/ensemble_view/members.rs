//! What is known of the servers, and since when. Times are those since the view began; nothing here looks at a clock.

use std::cmp::Ordering;
use std::time::Duration;

use super::report::Report;
use crate::status::srvr::Unknown;
use crate::status::target::Target;

/// So long a change of a role is marked.
const MARKED: Duration = Duration::from_secs(10);

/// Why nothing is known of a server now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// In two words.
    pub name: &'static str,
    pub why: String,
    /// When that was noticed first.
    pub since: Duration,
    /// It has been so from the first question on: it may have been so before.
    pub from_the_first: bool,
}

/// One server.
#[derive(Clone, Debug)]
pub struct Member {
    pub target: Target,
    /// `None` until it has been asked once.
    pub said: Option<Result<Report, Gap>>,
    /// The mean of syncs since the report before, or of all where there was none in between, microseconds.
    pub sync_us: Option<f64>,
    /// When its role became another one.
    changed_at: Option<Duration>,
}

impl Member {
    fn new(target: Target) -> Member {
        Member { target, said: None, sync_us: None, changed_at: None }
    }

    pub fn report(&self) -> Option<&Report> {
        self.said.as_ref()?.as_ref().ok()
    }

    pub fn gap(&self) -> Option<&Gap> {
        self.said.as_ref()?.as_ref().err()
    }

    /// What it is, or why that is not known.
    pub fn role(&self) -> &str {
        match &self.said {
            None => "asked",
            Some(Ok(report)) => &report.role,
            Some(Err(gap)) => gap.name,
        }
    }

    /// Whether it became something else a moment ago.
    pub fn is_changed(&self, now: Duration) -> bool {
        self.changed_at.is_some_and(|at| now.saturating_sub(at) < MARKED)
    }

    fn hear(&mut self, said: Result<Report, Unknown>, now: Duration) {
        let (former, is_first) = (self.role().to_owned(), self.said.is_none());
        self.sync_us = said.as_ref().ok().and_then(|report| self.sync_of(report));
        let since = self.gap().map(|gap| (gap.name, gap.since, gap.from_the_first));
        self.said = Some(said.map_err(|unknown| {
            let name = unknown.name();
            let (since, from_the_first) = match since {
                Some((before, since, from_the_first)) if before == name => (since, from_the_first),
                _ => (now, is_first),
            };
            Gap { name, why: unknown.to_string(), since, from_the_first }
        }));
        if !is_first && self.role() != former {
            self.changed_at = Some(now);
        }
    }

    /// One second has few syncs or none: then the last known mean stays.
    fn sync_of(&self, report: &Report) -> Option<f64> {
        let syncs = report.syncs?;
        let before = self.report().and_then(|before| before.syncs);
        match before.and_then(|before| syncs.since(before)) {
            Some(lately) => lately.mean().or(self.sync_us),
            None => syncs.mean(),
        }
    }
}

/// The servers, in the order in which they were named.
#[derive(Clone, Debug)]
pub struct Members {
    members: Vec<Member>,
}

impl Members {
    pub fn new(targets: Vec<Target>) -> Members {
        Members { members: targets.into_iter().map(Member::new).collect() }
    }

    pub fn all(&self) -> &[Member] {
        &self.members
    }

    /// One has answered, or not.
    pub fn hear(&mut self, place: usize, said: Result<Report, Unknown>, now: Duration) {
        self.members[place].hear(said, now);
    }

    /// The one that leads; of several, which there are for a moment, that with the newest transaction.
    pub fn leader(&self) -> Option<&Member> {
        let leads = |member: &&Member| member.report().is_some_and(|report| report.role == "leader");
        self.members.iter().filter(leads).max_by_key(|member| member.report().and_then(|report| report.zxid))
    }

    /// How many transactions a server is behind the leader. They are asked at slightly different moments: one that has heard of
    /// more by then is not behind. One that follows has been brought all of the epochs before, so that it lacks some of this one
    /// alone. `None` where that is not known.
    pub fn lag(&self, member: &Member) -> Option<u64> {
        let leader = self.leader()?.report()?.zxid?;
        let report = member.report()?;
        let zxid = report.zxid?;
        let follows = ["follower", "observer"].contains(&report.role.as_str());
        let has = match zxid.epoch().cmp(&leader.epoch()) {
            Ordering::Equal => zxid.counter(),
            Ordering::Less if follows => 0,
            _ => return None,
        };
        Some(u64::from(leader.counter().saturating_sub(has)))
    }
}

#[cfg(test)]
pub mod tests {
    use std::io;
    use std::time::Duration;

    use paddock_consensus::Zxid;

    use super::Members;
    use crate::ensemble_view::report::{Report, Syncs};
    use crate::status::srvr::Unknown;
    use crate::status::target::Target;

    fn syncs(count: u64, micros: f64) -> Option<Syncs> {
        Some(Syncs { count, micros })
    }

    pub fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    pub fn report(role: &str, zxid: i64) -> Report {
        let version = Some("3.9.5".to_owned());
        let role = role.to_owned();
        Report {
            role,
            version,
            zxid: Some(Zxid(zxid)),
            clients: Some(4),
            outstanding: Some(0),
            syncs: syncs(10, 5000.0),
        }
    }

    pub fn refused() -> Result<Report, Unknown> {
        Err(Unknown::Unreached(io::Error::from(io::ErrorKind::ConnectionRefused)))
    }

    /// A leader, a follower that is two transactions behind, and one that does not answer.
    pub fn three() -> Members {
        let targets = ["zk1:2181", "zk2:2181", "zk3:2181"];
        let mut members = Members::new(targets.map(|text| Target::parse(text).expect("an address")).to_vec());
        members.hear(0, Ok(report("leader", 0x5_0000_0009)), at(0));
        members.hear(1, Ok(report("follower", 0x5_0000_0007)), at(0));
        members.hear(2, refused(), at(0));
        members
    }

    #[test]
    fn a_lag_counts_transactions_of_one_epoch() {
        let mut members = three();
        let lags = |members: &Members| -> Vec<Option<u64>> { members.all().iter().map(|m| members.lag(m)).collect() };
        assert_eq!(lags(&members), [Some(0), Some(2), None]);
        members.hear(1, Ok(report("follower", 0x5_0000_000a)), at(1));
        members.hear(2, Ok(report("follower", 0x4_0000_0009)), at(1));
        assert_eq!(lags(&members), [Some(0), Some(0), Some(9)], "asked later, and nothing of this epoch has come");
        members.hear(2, Ok(report("read-only", 0x4_0000_0009)), at(1));
        members.hear(1, Ok(report("follower", 0x6_0000_0001)), at(1));
        assert_eq!(lags(&members), [Some(0), None, None], "it follows nobody, and it follows somebody else");
        members.hear(0, refused(), at(2));
        assert_eq!(lags(&members), [None, None, None], "nobody leads");
    }

    #[test]
    fn a_change_of_role_is_marked_for_a_while_and_the_first_word_is_none() {
        let mut members = three();
        assert!(members.all().iter().all(|member| !member.is_changed(at(0))));
        members.hear(1, Ok(report("leader", 0x6_0000_0000)), at(7));
        assert!(members.all()[1].is_changed(at(8)) && !members.all()[1].is_changed(at(60)));
        assert_eq!(members.leader().map(|leader| leader.target.to_string()).as_deref(), Some("zk2:2181"));
    }

    #[test]
    fn it_is_known_since_when_a_server_is_gone() {
        let mut members = three();
        members.hear(2, refused(), at(5));
        let gap = members.all()[2].gap().expect("it does not answer").clone();
        assert_eq!((gap.since, gap.from_the_first), (at(0), true));
        members.hear(1, refused(), at(9));
        members.hear(1, refused(), at(10));
        let gap = members.all()[1].gap().expect("it does not answer");
        assert_eq!((gap.since, gap.from_the_first, gap.name), (at(9), false, "no answer"));
        members.hear(1, Err(Unknown::NotServing), at(11));
        assert_eq!(members.all()[1].gap().expect("it serves nobody").since, at(11), "that is something else");
    }

    #[test]
    fn syncs_are_those_since_the_report_before() {
        let mut members = three();
        let mut told = |syncs, now| {
            members.hear(0, Ok(Report { syncs, ..report("leader", 9) }), at(now));
            members.all()[0].sync_us
        };
        assert_eq!(told(syncs(12, 5100.0), 1), Some(50.0));
        assert_eq!(told(syncs(12, 5100.0), 2), Some(50.0), "there were none");
        assert_eq!(told(syncs(1, 70.0), 3), Some(70.0), "it was started again");
        assert_eq!(told(None, 4), None);
    }
}
