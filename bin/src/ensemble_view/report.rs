//! What one server says of itself, in the words `srvr` and `mntr`: one of them is enough, and both tell more.

use paddock_consensus::Zxid;
use paddock_consensus::config::HostPort;

use crate::security::Security;
use crate::status::srvr::{Srvr, Unknown};
use crate::status::word::{printable, send};

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// leader, follower, observer, read-only or standalone.
    pub role: String,
    /// Without the date of its build.
    pub version: Option<String>,
    /// Of its newest transaction. `mntr` does not tell it.
    pub zxid: Option<Zxid>,
    /// Connections without the one that asks.
    pub clients: Option<u64>,
    /// Requests that are not answered.
    pub outstanding: Option<u64>,
    /// Only `mntr` tells it.
    pub syncs: Option<Syncs>,
}

/// Syncs of the log since the start of the server.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Syncs {
    pub count: u64,
    /// All of them together, microseconds.
    pub micros: f64,
}

impl Syncs {
    /// The mean of one of them; `None` of none.
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.micros / self.count as f64)
    }

    /// Those after an earlier report of the same life of a server.
    pub fn since(self, earlier: Syncs) -> Option<Syncs> {
        let count = self.count.checked_sub(earlier.count)?;
        (self.micros >= earlier.micros).then_some(Syncs { count, micros: self.micros - earlier.micros })
    }
}

/// Asks a server both words. It is asked the second one only if it has answered the first, so that one which hangs is waited for
/// once.
pub fn ask(server: &HostPort, security: &Security) -> Result<Report, Unknown> {
    let srvr = send(server, "srvr", security).map_err(Unknown::Unreached)?;
    match Srvr::read(&srvr) {
        Err(Unknown::Strange(refusal)) => {
            let mntr = send(server, "mntr", security).map_err(Unknown::Unreached)?;
            Report::of_mntr(&mntr).ok_or(Unknown::Strange(refusal))
        }
        srvr => {
            // What it leaves out is not known then.
            let mntr = send(server, "mntr", security).ok().and_then(|answer| Report::of_mntr(&answer));
            Ok(Report::of_srvr(&srvr?).with(mntr))
        }
    }
}

impl Report {
    fn of_srvr(srvr: &Srvr) -> Report {
        let zxid = srvr.zxid.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        Report {
            role: srvr.mode.clone(),
            version: short(&srvr.version),
            zxid: zxid.map(|zxid| Zxid(zxid as i64)),
            clients: srvr.connections.parse::<u64>().ok().map(|all| all.saturating_sub(1)),
            outstanding: srvr.outstanding.parse().ok(),
            syncs: None,
        }
    }

    /// `None` if it is no answer of a server that serves.
    fn of_mntr(answer: &str) -> Option<Report> {
        let value = |key: &str| {
            let value = |line: &str| line.strip_prefix(key)?.strip_prefix('\t').map(|value| printable(value.trim()));
            answer.lines().find_map(value)
        };
        let number = |key: &str| value(key)?.parse::<f64>().ok();
        let count = |key: &str| number(key).map(|number| number as u64);
        // ZooKeeper counts in milliseconds.
        let zookeepers =
            || Some(Syncs { count: count("zk_cnt_fsynctime")?, micros: number("zk_sum_fsynctime")? * 1000.0 });
        let paddocks = |groups: &str, micros: &str| Some(Syncs { count: count(groups)?, micros: number(micros)? });
        let own = || {
            paddocks("zk_paddock_log_groups", "zk_paddock_log_sync_micros_sum")
                .or_else(|| paddocks("zk_log_groups", "zk_log_sync_micros_sum"))
        };
        Some(Report {
            role: value("zk_server_state")?,
            version: value("zk_version").and_then(|version| short(&version)),
            zxid: None,
            clients: count("zk_num_alive_connections").map(|all| all.saturating_sub(1)),
            outstanding: count("zk_outstanding_requests"),
            syncs: own().or_else(zookeepers),
        })
    }

    fn with(self, mntr: Option<Report>) -> Report {
        Report { syncs: mntr.and_then(|mntr| mntr.syncs), ..self }
    }
}

/// Without the date of the build, and without the hash of the sources that ZooKeeper has in it.
fn short(version: &str) -> Option<String> {
    let name = version.split(',').next().unwrap_or_default();
    let name = match name.split_once('-') {
        Some((number, hash)) if hash.len() == 40 && hash.chars().all(|c| c.is_ascii_hexdigit()) => number,
        _ => name,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{Report, Srvr, Syncs, short};

    const SRVR: &str = "Zookeeper version: 3.9.5-paddock-0.1.0, built on 2026-11-26 10:50 UTC\nLatency min/avg/max: 0/0.0/1\n\
                        Connections: 3\nOutstanding: 2\nZxid: 0x500000007\nMode: follower\n";

    #[test]
    fn srvr_tells_all_but_the_syncs_and_mntr_all_but_the_zxid() {
        let report = Report::of_srvr(&Srvr::read(SRVR).expect("it serves"));
        let mntr = "zk_version\t3.9.5-paddock-0.1.0, built on x\nzk_server_state\tfollower\nzk_num_alive_connections\t3\n\
                    zk_outstanding_requests\t2\nzk_paddock_log_groups\t4\nzk_paddock_log_sync_micros_sum\t600\n\
                    zk_cnt_fsynctime\t4\nzk_sum_fsynctime\t0\n";
        let other = Report::of_mntr(mntr).expect("it serves");
        assert_eq!((report.zxid, report.syncs), (Some(Zxid(0x5_0000_0007)), None));
        assert_eq!((other.zxid, other.syncs.and_then(Syncs::mean)), (None, Some(150.0)));
        assert_eq!(Report { zxid: report.zxid, ..other.clone() }, report.with(Some(other)));
    }

    #[test]
    fn zookeepers_own_figures_are_milliseconds() {
        let mntr = "zk_server_state\tleader\nzk_sum_fsynctime\t30\nzk_cnt_fsynctime\t20\nzk_avg_fsynctime\t1.5\n";
        let syncs = Report::of_mntr(mntr).and_then(|report| report.syncs).expect("they are told");
        assert_eq!(syncs.mean(), Some(1500.0));
        assert_eq!(Report::of_mntr("mntr is not executed because it is not in the whitelist.\n"), None);
    }

    #[test]
    fn syncs_of_another_life_are_not_subtracted() {
        let (few, many) = (Syncs { count: 2, micros: 10.0 }, Syncs { count: 5, micros: 70.0 });
        assert_eq!(many.since(few).and_then(Syncs::mean), Some(20.0));
        assert_eq!(few.since(many), None);
        assert_eq!(few.since(few).and_then(Syncs::mean), None);
    }

    #[test]
    fn a_version_is_a_name() {
        let hash = "9db1ec1b2a5b6c7d8e9f00112233445566778899";
        for (version, name) in [
            (format!("3.9.5-{hash}, built on 2026-01-01 00:00 UTC"), Some("3.9.5")),
            ("3.9.5-paddock-0.1.0, built on x".to_owned(), Some("3.9.5-paddock-0.1.0")),
            ("3.8.0--1".to_owned(), Some("3.8.0--1")),
            (String::new(), None),
        ] {
            assert_eq!(short(&version).as_deref(), name);
        }
    }
}
