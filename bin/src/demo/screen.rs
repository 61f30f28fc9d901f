//! The screen of the demo as lines.

use std::time::Duration;

use super::ensemble::{Ensemble, Event, Mode, Server, seconds};
use super::order::HINT;
use crate::table::Table;
use crate::terminal::{Line, Size};

/// What is shown on a screen of this size, at most as many lines as it has. The newest events are given the lines that are left
/// between the servers and the keys. `directory` is where the servers are.
pub fn lines(ensemble: &Ensemble, directory: &str, now: Duration, size: Size) -> Vec<Line> {
    let mut lines = vec![
        Line::bold(format!("{} servers in {directory}", ensemble.servers().len())),
        Line::normal(format!("zkCli.sh -server {}", ensemble.connect_string())),
        Line::normal(String::new()),
    ];
    lines.extend(table(ensemble));
    lines.extend([Line::normal(String::new()), Line::bold(state(ensemble, now)), Line::normal(String::new())]);
    let keys = [Line::normal(String::new()), Line::dim(keys(ensemble.servers().len()))];
    let room = size.height.saturating_sub(lines.len() + keys.len());
    let newest: Vec<Line> = ensemble.events().rev().take(room).map(|newest| Line::normal(event(newest))).collect();
    lines.extend(newest.into_iter().rev());
    lines.extend(keys);
    // On a screen that is too small for all the keys go first.
    lines.truncate(size.height);
    for line in &mut lines {
        line.text = line.text.chars().take(size.width).collect();
    }
    lines
}

fn table(ensemble: &Ensemble) -> Vec<Line> {
    let mut table = Table::new(&["server", "address", "mode", "zxid", "connections", "pid"]);
    for (number, Server { client_port, mode, zxid, connections, pid, .. }) in (1..).zip(ensemble.servers()) {
        let known = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
        table.row(vec![
            number.to_string(),
            format!("127.0.0.1:{client_port}"),
            mode.to_string(),
            known(Some(zxid.clone())),
            known(connections.map(|count| count.to_string())),
            known(pid.map(|pid| pid.to_string())),
        ]);
    }
    let text = table.text();
    let mut rows = text.lines().map(str::to_owned);
    let header = rows.next().map(Line::dim);
    let servers = rows.zip(ensemble.servers()).map(|(text, server)| match &server.mode {
        mode if mode.leads() => Line::bold(text),
        Mode::Down => Line::dim(text),
        _ => Line::normal(text),
    });
    header.into_iter().chain(servers).collect()
}

/// Who leads, or for how long nobody has.
fn state(ensemble: &Ensemble, now: Duration) -> String {
    let (running, of, quorum) = (ensemble.running(), ensemble.servers().len(), ensemble.quorum());
    match (ensemble.leader(), ensemble.lack(now)) {
        (Some(leader), _) => format!("Server {leader} leads. {running} of {of} run."),
        (None, Some(_)) if running < quorum => {
            format!("Nobody can lead: {running} of {of} run, and {quorum} are needed.")
        }
        (None, lack) => format!("No leader for {}. {running} of {of} run.", seconds(lack.unwrap_or_default())),
    }
}

/// With the time since the demo began.
pub fn event(Event { at, text }: &Event) -> String {
    format!("{:>9}  {text}", seconds(*at))
}

/// What they do.
pub fn keys(servers: usize) -> String {
    if servers == 1 { format!("1 {HINT}") } else { format!("1-{servers} {HINT}") }
}

#[cfg(test)]
mod tests {
    use super::super::ensemble::Ensemble;
    use super::super::ensemble::tests::{ms, three};
    use super::lines;
    use crate::terminal::{Line, Size, Weight};

    fn drawn(ensemble: &Ensemble, now: u64, width: usize, height: usize) -> Vec<Line> {
        lines(ensemble, "/tmp/demo", ms(now), Size { width, height })
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    #[test]
    fn all_is_shown_where_there_is_room() {
        let mut ensemble = three();
        ensemble.on_ended(2, "was killed", ms(1000));
        let lines = drawn(&ensemble, 1500, 100, 30);
        let expected = "\
3 servers in /tmp/demo
zkCli.sh -server 127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183

server         address      mode         zxid  connections  pid
1       127.0.0.1:2181  follower  0x100000000            0  101
2       127.0.0.1:2182      down            -            -    -
3       127.0.0.1:2183    leader  0x100000000            0  103

Server 3 leads. 2 of 3 run.

   0.51 s  server 3 leads, 0.51 s after the start
   0.52 s  server 2 follows, 0.51 s after its start
   0.53 s  server 1 follows, 0.52 s after its start
   1.00 s  server 2 was killed

1-3 kill -9, or start again   l kill the leader   s stop the leader in order   q end
";
        assert_eq!(text(&lines), expected);
        let weights: Vec<Weight> = lines[4..7].iter().map(|line| line.weight).collect();
        assert_eq!(weights, [Weight::Normal, Weight::Dim, Weight::Bold]);
    }

    #[test]
    fn the_time_without_a_leader_runs() {
        let mut ensemble = three();
        ensemble.on_ended(3, "was killed", ms(1000));
        assert!(text(&drawn(&ensemble, 1230, 100, 30)).contains("\nNo leader for 0.23 s. 2 of 3 run.\n"));
        ensemble.on_ended(2, "was killed", ms(2000));
        assert!(text(&drawn(&ensemble, 2230, 100, 30)).contains("\nNobody can lead: 1 of 3 run, and 2 are needed.\n"));
    }

    #[test]
    fn a_small_screen_has_the_newest_events_and_no_line_too_many() {
        let ensemble = three();
        let shown = text(&drawn(&ensemble, 1000, 100, 13));
        assert!(shown.contains("server 1 follows") && !shown.contains("server 2 follows"), "{shown}");
        for height in 0..20 {
            let lines = drawn(&ensemble, 1000, 20, height);
            assert!(lines.len() <= height && lines.iter().all(|line| line.text.chars().count() <= 20), "{height}");
        }
    }
}
