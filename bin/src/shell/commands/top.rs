//! `top`: the clients that ask most, and what takes the servers longest; on a terminal again each second.

use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use paddock_consensus::config::HostPort;
use serde_json::json;

use crate::security::Security;
use crate::shell::complaint::Complaint;
use crate::shell::costs::{Asker, Summary, askers, operations, rates, summaries};
use crate::shell::stage::Stage;
use crate::shell::syntax::TOP;
use crate::status::word::{send, send_for_connections};
use crate::table::{Table, grouped};
use crate::terminal::{self, Input, Line, Terminal};

/// Clients that are shown, unless `-n` says otherwise.
const LINES: usize = 20;
/// Of what takes the servers time.
const SUMMARIES: usize = 8;
const INTERVAL: Duration = Duration::from_secs(1);

pub fn top(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&TOP, words, 0)?;
    let lines = given.value("n").map(str::parse::<usize>).transpose();
    let lines = lines.map_err(|_| Complaint::new("-n: give a number of lines"))?.unwrap_or(LINES);
    if stage.has_terminal && !stage.output.is_json() {
        // Events would be shown across it. They are told afterwards.
        stage.output.divert(true);
        let shown = watch(&stage.hosts, &stage.security, lines);
        stage.output.divert(false);
        return shown.map_err(|error| Complaint::new(format!("the terminal cannot be used: {error}")));
    }
    let looks = look(&stage.hosts, &stage.security);
    tell(&looks, lines).iter().for_each(|line| stage.say(line));
    looks.iter().for_each(|look| look.tell_objects(stage));
    match looks.iter().all(|look| look.failure.is_some()) {
        true => Err(Complaint::new("no server tells who its clients are")),
        false => Ok(()),
    }
}

/// What one server has said.
struct Look {
    host: HostPort,
    askers: Vec<Asker>,
    summaries: Vec<Summary>,
    failure: Option<String>,
}

/// Asks all servers at once.
fn look(hosts: &[HostPort], security: &Security) -> Vec<Look> {
    thread::scope(|scope| {
        let asking: Vec<_> = hosts.iter().map(|host| scope.spawn(move || ask(host, security))).collect();
        asking.into_iter().map(|asking| asking.join().expect("a question does not panic")).collect()
    })
}

fn ask(host: &HostPort, security: &Security) -> Look {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
    let mut look = Look { host: host.clone(), askers: Vec::new(), summaries: Vec::new(), failure: None };
    match send_for_connections(host, "cons", security) {
        Ok(cons) if cons.contains("is not executed because it is not in the whitelist") => {
            look.failure = Some("it does not answer cons; have 4lw.commands.whitelist=cons,mntr there".into());
        }
        Ok(cons) => look.askers = askers(&cons, now_ms),
        Err(error) => look.failure = Some(format!("it does not answer: {error}")),
    }
    if look.failure.is_none() {
        // What it does not tell is not shown.
        look.summaries = send(host, "mntr", security).map(|mntr| summaries(&mntr)).unwrap_or_default();
    }
    look
}

/// Until a person has enough.
fn watch(hosts: &[HostPort], security: &Security, lines: usize) -> io::Result<()> {
    let mut screen = Terminal::open()?;
    let mut earlier: Option<(Instant, Vec<Look>)> = None;
    loop {
        let at = Instant::now();
        let mut looks = look(hosts, security);
        if let Some((before, earlier)) = &earlier {
            let millis = i64::try_from(at.duration_since(*before).as_millis()).unwrap_or(i64::MAX);
            for (look, earlier) in looks.iter_mut().zip(earlier) {
                rates(&mut look.askers, &earlier.askers, millis);
            }
        }
        let size = screen.size()?;
        let shown = tell(&looks, lines).into_iter().take(size.height);
        let shown = shown.map(|line| Line::normal(line.chars().take(size.width).collect())).collect();
        screen.show(shown)?;
        earlier = Some((at, looks));
        let next = at + INTERVAL;
        loop {
            match terminal::read_within(next.saturating_duration_since(Instant::now()))? {
                Some(Input::Key('q' | 'Q') | Input::Interrupt) => return Ok(()),
                Some(Input::Resize) => screen.forget()?,
                Some(Input::Key(_)) => {}
                None if Instant::now() < next => {}
                None => break,
            }
        }
    }
}

/// The lines for people.
fn tell(looks: &[Look], lines: usize) -> Vec<String> {
    let mut told: Vec<String> = looks
        .iter()
        .filter_map(|look| look.failure.as_ref().map(|failure| format!("{}: {failure}", look.host)))
        .collect();
    let mut all: Vec<(&Look, &Asker)> =
        looks.iter().flat_map(|look| look.askers.iter().map(move |asker| (look, asker))).collect();
    all.sort_by(|(_, one), (_, other)| other.rate.total_cmp(&one.rate));
    let sum: f64 = all.iter().map(|(_, asker)| asker.rate).sum();
    told.push(format!("{} clients, {} requests/s", grouped(all.len() as u64), rounded(sum)));

    let mut clients =
        Table::new(&["client", "server", "session", "requests/s", "requests", "last", "mean ms", "max ms"]);
    for (look, asker) in all.iter().take(lines) {
        clients.row(vec![
            asker.address.clone(),
            look.host.to_string(),
            asker.session.clone(),
            rounded(asker.rate),
            grouped(asker.received),
            asker.operation.clone(),
            format!("{:.1}", asker.mean_ms),
            rounded(asker.max_ms),
        ]);
    }
    add(&mut told, &clients);

    let mut kinds = Table::new(&["last operation", "requests/s", "clients"]);
    for (name, rate, clients) in operations(all.iter().map(|(_, asker)| *asker)) {
        kinds.row(vec![name, rounded(rate), grouped(clients)]);
    }
    add(&mut told, &kinds);

    for look in looks.iter().filter(|look| !look.summaries.is_empty()) {
        let mut times = Table::new(&[&*format!("takes time at {}", look.host), "count", "mean", "max"]);
        for Summary { name, count, mean, max } in look.summaries.iter().take(SUMMARIES) {
            times.row(vec![name.clone(), rounded(*count), format!("{mean:.1}"), rounded(*max)]);
        }
        add(&mut told, &times);
    }
    told
}

fn add(told: &mut Vec<String>, table: &Table) {
    told.push(String::new());
    told.extend(table.text().lines().map(str::to_owned));
}

fn rounded(number: f64) -> String {
    grouped(number.round().max(0.0) as u64)
}

impl Look {
    fn tell_objects(&self, stage: &Stage) {
        let server = self.host.to_string();
        if let Some(failure) = &self.failure {
            stage.output.object(&json!({"server": server, "error": failure}));
        }
        for asker in &self.askers {
            stage.output.object(&json!({
                "server": server, "client": asker.address, "session": asker.session, "requests": asker.received,
                "requests_per_second": asker.rate, "operation": asker.operation, "mean_ms": asker.mean_ms,
                "max_ms": asker.max_ms,
            }));
        }
        for Summary { name, count, mean, max } in &self.summaries {
            stage.output.object(&json!({"server": server, "measure": name, "count": count, "mean": mean, "max": max}));
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::HostPort;

    use super::{Look, tell};
    use crate::shell::costs::{askers, summaries};

    fn look(cons: &str, failure: Option<&str>) -> Look {
        let host = HostPort { host: "zk1".into(), port: 2181 };
        let mntr = "zk_cnt_readlatency\t4\nzk_avg_readlatency\t0.5\nzk_max_readlatency\t2\n";
        let summaries = if failure.is_some() { Vec::new() } else { summaries(mntr) };
        Look { host, askers: askers(cons, 2000), summaries, failure: failure.map(str::to_owned) }
    }

    #[test]
    fn who_asks_most_comes_first() {
        let cons = " /a:1[0](queued=0,recved=10,sent=1,sid=0x1,lop=SETD,est=1000)\n\
                    \u{20}/b:2[0](queued=0,recved=20,sent=1,sid=0x2,lop=GETD,est=1000)\n";
        let told = tell(&[look(cons, None), look("", Some("gone"))], 1);
        assert_eq!(told[..2], ["zk1:2181: gone", "2 clients, 30 requests/s"]);
        let clients: Vec<&String> =
            told.iter().filter(|line| line.starts_with("a:1") || line.starts_with("b:2")).collect();
        assert!(clients.len() == 1 && clients[0].starts_with("b:2") && clients[0].contains("GETD"), "{told:#?}");
        assert!(told.iter().any(|line| line.starts_with("readlatency")), "{told:#?}");
    }
}
