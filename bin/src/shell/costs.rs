//! Who asks a server most, and what takes it longest, as its four-letter words `cons` and `mntr` tell.

use std::collections::BTreeMap;

use crate::status::word::printable;

/// One connection, of `cons`.
#[derive(Clone, PartialEq, Debug)]
pub struct Asker {
    pub address: String,
    /// With 0x; `-` before there is one.
    pub session: String,
    /// Requests so far.
    pub received: u64,
    /// ZooKeeper's short name of the last operation.
    pub operation: String,
    pub mean_ms: f64,
    pub max_ms: f64,
    /// When it came, ms after 1970 by the server's clock; 0 where it does not say.
    pub since_ms: i64,
    /// Requests a second; since it came, unless [`rates`] knows more.
    pub rate: f64,
}

impl Asker {
    /// ` /10.0.0.1:5555[1](queued=0,recved=88,sent=88,sid=0x..,lop=GETD,est=..,...)`; `None` for any other line.
    fn parse(line: &str, now_ms: i64) -> Option<Asker> {
        let (head, fields) = line.trim().strip_prefix('/')?.split_once('(')?;
        let (address, _) = head.rsplit_once('[')?;
        let fields: BTreeMap<&str, &str> =
            fields.strip_suffix(')')?.split(',').filter_map(|field| field.split_once('=')).collect();
        let text = |key: &str| fields.get(key).map_or_else(|| "-".to_owned(), |value| printable(value));
        let number = |key: &str| fields.get(key).and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0);
        let received = fields.get("recved")?.parse().ok()?;
        let since_ms = fields.get("est").and_then(|value| value.parse().ok()).unwrap_or(0);
        Some(Asker {
            address: printable(address),
            session: text("sid"),
            received,
            operation: text("lop"),
            mean_ms: number("avglat"),
            max_ms: number("maxlat"),
            since_ms,
            rate: rate(received, now_ms.saturating_sub(since_ms)),
        })
    }
}

/// A second for a number in so many milliseconds, of which there is at least one.
fn rate(number: u64, millis: i64) -> f64 {
    number as f64 * 1000.0 / millis.max(1) as f64
}

/// All connections of `cons`, in its order. The wall clock, in ms, is that of whoever asks.
pub fn askers(cons: &str, now_ms: i64) -> Vec<Asker> {
    cons.lines().filter_map(|line| Asker::parse(line, now_ms)).collect()
}

/// Rates of the time between two looks, for all that were there at both.
pub fn rates(askers: &mut [Asker], earlier: &[Asker], millis: i64) {
    let earlier: BTreeMap<(&str, i64), u64> =
        earlier.iter().map(|asker| ((&*asker.address, asker.since_ms), asker.received)).collect();
    for asker in askers {
        if let Some(before) = earlier.get(&(&*asker.address, asker.since_ms)) {
            asker.rate = rate(asker.received.saturating_sub(*before), millis);
        }
    }
}

/// What a server has counted of one thing that takes time, of `mntr`.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    pub name: String,
    pub count: f64,
    pub mean: f64,
    pub max: f64,
}

/// All that took any time, what took most in sum first.
pub fn summaries(mntr: &str) -> Vec<Summary> {
    let values: BTreeMap<&str, f64> = mntr.lines().filter_map(value).collect();
    let summary = |(key, count): (&&str, &f64)| {
        let name = key.strip_prefix("zk_cnt_")?;
        let number = |begin: &str| values.get(&*format!("zk_{begin}_{name}")).copied();
        Some(Summary { name: printable(name), count: *count, mean: number("avg")?, max: number("max")? })
    };
    let mut found: Vec<Summary> = values.iter().filter_map(summary).collect();
    found.retain(|summary| summary.count * summary.mean > 0.0);
    found.sort_by(|one, other| (other.count * other.mean).total_cmp(&(one.count * one.mean)));
    found
}

fn value(line: &str) -> Option<(&str, f64)> {
    let (key, value) = line.split_once('\t')?;
    Some((key, value.trim().parse().ok()?))
}

/// Requests a second and connections for each operation that was a connection's last one; the most first.
pub fn operations<'a>(askers: impl Iterator<Item = &'a Asker>) -> Vec<(String, f64, u64)> {
    let mut sums: BTreeMap<&str, (f64, u64)> = BTreeMap::new();
    for asker in askers {
        let (rate, connections) = sums.entry(&asker.operation).or_default();
        *rate += asker.rate;
        *connections += 1;
    }
    let mut sums: Vec<_> =
        sums.into_iter().map(|(name, (rate, connections))| (name.to_owned(), rate, connections)).collect();
    sums.sort_by(|one, other| other.1.total_cmp(&one.1));
    sums
}

#[cfg(test)]
mod tests {
    use super::{askers, operations, rates, summaries};

    const CONS: &str = " /10.4.7.19:51344[1](queued=0,recved=100,sent=88,sid=0x1000a2b3c4d0007,lop=GETD,est=1000,to=12000,\
                        lcxid=0x51,lzxid=0x14,lresp=48113,llat=1,minlat=0,avglat=2,maxlat=9)\n \
                        /[0:0:0:0:0:0:0:1]:40010[0](queued=0,recved=1,sent=0)\n\nnonsense\n";

    #[test]
    fn connections_are_read() {
        let askers = askers(CONS, 11_000);
        assert_eq!(askers.len(), 2);
        let first = &askers[0];
        assert_eq!((&*first.address, &*first.session, first.received), ("10.4.7.19:51344", "0x1000a2b3c4d0007", 100));
        assert_eq!((&*first.operation, first.mean_ms, first.max_ms, first.rate), ("GETD", 2.0, 9.0, 10.0));
        assert_eq!((&*askers[1].address, &*askers[1].session), ("[0:0:0:0:0:0:0:1]:40010", "-"));
    }

    #[test]
    fn rates_are_those_between_two_looks() {
        let earlier = askers(CONS, 11_000);
        let mut later = askers(&CONS.replace("recved=100", "recved=150"), 13_000);
        rates(&mut later, &earlier, 2000);
        assert_eq!((later[0].rate, later[1].rate), (25.0, 0.0));
        let sums = operations(later.iter());
        assert_eq!(sums[0], ("GETD".to_owned(), 25.0, 1));
    }

    #[test]
    fn what_takes_longest_comes_first() {
        let mntr = "zk_cnt_a\t10\nzk_avg_a\t1.5\nzk_max_a\t7\nzk_cnt_b\t2\nzk_avg_b\t100\nzk_max_b\t150\nzk_cnt_c\t0\n\
                    zk_avg_c\t0.0\nzk_max_c\t0\nzk_server_state\tleader\nzk_cnt_lonely\t5\n";
        let names: Vec<String> = summaries(mntr).into_iter().map(|summary| summary.name).collect();
        assert_eq!(names, ["b", "a"]);
    }
}
