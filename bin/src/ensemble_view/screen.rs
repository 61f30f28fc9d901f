//! The view as lines: all columns where there is room, fewer where there is not.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::members::{Gap, Member, Members};
use crate::date;
use crate::table::{Table, grouped, micros};
use crate::terminal::{Line, Size};

/// A column by its title, and what it shows.
type Column = (&'static str, fn(&Members, &Member) -> Option<String>);

const COLUMNS: [Column; 9] = [
    ("server", |_, member| Some(member.target.to_string())),
    ("role", |_, member| Some(member.role().to_owned())),
    ("epoch", |_, member| Some(member.report()?.zxid?.epoch().0.to_string())),
    ("zxid", |_, member| Some(format!("0x{:x}", member.report()?.zxid?.0))),
    ("lag", |members, member| members.lag(member).map(grouped)),
    ("sync us", |_, member| member.sync_us.map(|us| micros(us * 1000.0))),
    ("clients", |_, member| member.report()?.clients.map(grouped)),
    ("outstanding", |_, member| member.report()?.outstanding.map(grouped)),
    ("version", |_, member| member.report()?.version.clone()),
];
/// Those that a narrow screen leaves out, in this order.
const LEFT_OUT: [&str; 7] = ["version", "outstanding", "sync us", "epoch", "zxid", "clients", "lag"];

/// The table alone, with all of its columns.
pub fn table(members: &Members) -> String {
    table_of(members, &COLUMNS)
}

fn table_of(members: &Members, columns: &[Column]) -> String {
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    let mut table = Table::new(&titles);
    for member in members.all() {
        table.row(columns.iter().map(|(_, cell)| cell(members, member).unwrap_or_else(|| "-".to_owned())).collect());
    }
    table.text()
}

/// As many columns as a screen has room for.
fn fitting(members: &Members, width: usize) -> String {
    let mut columns = COLUMNS.to_vec();
    let mut left_out = LEFT_OUT.into_iter();
    loop {
        let text = table_of(members, &columns);
        let needed = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        if needed <= width {
            return text;
        }
        let Some(title) = left_out.next() else { return text };
        columns.retain(|(column, _)| *column != title);
    }
}

/// What is shown on a screen of this size, at most as many lines as it has.
pub fn lines(members: &Members, began: SystemTime, now: Duration, size: Size) -> Vec<Line> {
    let mut lines = vec![Line::bold(headline(members)), Line::normal(String::new())];
    let text = fitting(members, size.width);
    let mut rows = text.lines().map(str::to_owned);
    lines.extend(rows.next().map(Line::dim));
    lines.extend(rows.zip(members.all()).map(|(text, member)| match member.role() {
        _ if member.is_changed(now) => Line::marked(text),
        "leader" => Line::bold(text),
        _ if member.report().is_none() => Line::dim(text),
        _ => Line::normal(text),
    }));
    let gaps: Vec<String> = gaps(members, began, now).flat_map(|text| wrapped(&text, size.width)).collect();
    if !gaps.is_empty() {
        lines.push(Line::normal(String::new()));
        lines.extend(gaps.into_iter().map(Line::normal));
    }
    lines.extend([Line::normal(String::new()), Line::dim("q end".to_owned())]);
    lines.truncate(size.height);
    for line in &mut lines {
        line.text = line.text.chars().take(size.width).collect();
    }
    lines
}

/// Who leads.
fn headline(members: &Members) -> String {
    let count = members.all().len();
    let servers = if count == 1 { "1 server".to_owned() } else { format!("{count} servers") };
    match members.leader() {
        Some(leader) => match leader.report().and_then(|report| report.zxid) {
            Some(zxid) => format!("{servers}; {} leads in epoch {}", leader.target, zxid.epoch().0),
            None => format!("{servers}; {} leads", leader.target),
        },
        None if count == 1 => servers,
        None => format!("{servers}; none of them says that it leads"),
    }
}

/// A sentence for each server of which nothing is known.
fn gaps(members: &Members, began: SystemTime, now: Duration) -> impl Iterator<Item = String> {
    members.all().iter().filter_map(move |member| {
        let Gap { why, since, from_the_first, .. } = member.gap()?;
        let at = date::time_of_day(began + *since, &TimeZone::UTC);
        let before = if *from_the_first { "before " } else { "" };
        let lasts = now.saturating_sub(*since).as_secs();
        Some(format!("{}: since {before}{at}Z, {lasts} s: {why}", member.target))
    })
}

/// In lines of at most so many characters, broken between words where that can be.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{lines, wrapped};
    use crate::ensemble_view::members::tests::{at, report, three};
    use crate::terminal::{Line, Size, Weight};

    fn drawn(members: &crate::ensemble_view::members::Members, now: u64, width: usize, height: usize) -> Vec<Line> {
        lines(members, UNIX_EPOCH + Duration::from_secs(3600), at(now), Size { width, height })
    }

    #[test]
    fn all_is_shown_where_there_is_room() {
        let lines = drawn(&three(), 75, 120, 30);
        let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(text[0], "3 servers; zk1:2181 leads in epoch 5");
        assert_eq!(text[2], "server         role  epoch         zxid  lag  sync us  clients  outstanding  version");
        assert_eq!(text[3], "zk1:2181     leader      5  0x500000009    0    500.0        4            0    3.9.5");
        assert_eq!(text[4], "zk2:2181   follower      5  0x500000007    2    500.0        4            0    3.9.5");
        assert_eq!(text[5], "zk3:2181  no answer      -            -    -        -        -            -        -");
        assert_eq!(text[7], "zk3:2181: since before 01:00:00Z, 75 s: it does not answer: connection refused");
        let weights: Vec<Weight> = lines[3..6].iter().map(|line| line.weight).collect();
        assert_eq!(weights, [Weight::Bold, Weight::Normal, Weight::Dim]);
    }

    #[test]
    fn a_change_of_role_is_marked() {
        let mut members = three();
        members.hear(1, Ok(report("leader", 0x6_0000_0000)), at(9));
        assert_eq!(drawn(&members, 10, 120, 30)[4].weight, Weight::Marked);
    }

    #[test]
    fn every_screen_is_filled_at_most() {
        for (width, height) in [(0, 0), (1, 1), (20, 5), (30, 40), (45, 9), (60, 12), (300, 100)] {
            let lines = drawn(&three(), 75, width, height);
            assert!(lines.len() <= height, "{width} x {height}");
            assert!(lines.iter().all(|line| line.text.chars().count() <= width), "{width} x {height}");
        }
        let narrow = drawn(&three(), 75, 46, 30);
        assert_eq!(narrow[2].text, "server         role         zxid  lag  clients");
    }

    #[test]
    fn sentences_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 9), ["one two", "  three"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }
}
