//! What answers a [`LongWord`]: a thread of its own asks for what is to be told and puts the text together ([`answer`]), however
//! long that takes.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Instant;

use paddock_consensus::output::Part;

use crate::four_letter;
use crate::long_words::LongWord;
use crate::serving::Serve;
use crate::status::Status;
use crate::survey::{ConnectionInfo, Piece, Question, SessionInfo};
use crate::surveyor::{Surveyor, Unanswered};

/// No text is longer than about this, bytes.
const TEXT_MAX: usize = 64 << 20;
/// What is gathered before a text is made of it takes no more than about this, bytes.
const GATHERED_MAX: usize = 256 << 20;
/// What a gathered path takes besides its letters, and each time that it is in a list, bytes.
const PATH_BYTES: usize = 96;
const ENTRY_BYTES: usize = 16;
/// What a text ends with that would be longer.
const LEFT_OUT: &str = "The rest is left out: an answer is no longer than 64 MiB\n";

/// How a moment of the wall clock, ms since 1970, is told: as Java's `Date` tells it.
pub type DateText<'a> = &'a dyn Fn(i64) -> String;

/// The moment at which an answer is made, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    pub now: Instant,
    /// ms since 1970.
    pub wall_ms: i64,
}

/// The text that answers a word. `is_secure`: it was asked at `secureClientPort`, and who asks is told of the connections there.
pub fn answer(
    (word, is_secure): (LongWord, bool),
    serve: Serve,
    surveyor: &Surveyor,
    status: &Status,
    present: Present,
    date: DateText<'_>,
) -> String {
    // Since it was asked the server may have become something else.
    if !four_letter::serves(serve, status) {
        return four_letter::not_serving(if word == LongWord::Hash { "hash" } else { "" }).into();
    }
    let mut text = LongText::default();
    let whole = match word {
        LongWord::Cons => connections(surveyor, status, (is_secure, true), &mut text),
        LongWord::Stat => connections(surveyor, status, (is_secure, false), &mut text),
        LongWord::Crst => surveyor.ask(Question::ResetConnections, |_| true),
        LongWord::Srst => {
            status.admin.reset();
            surveyor.ask(Question::ResetTotals, |_| true)
        }
        LongWord::Conf => {
            text.push(&four_letter::conf(serve, status));
            Ok(())
        }
        LongWord::Dirs => {
            text.push(&status.directory_sizes.now());
            Ok(())
        }
        LongWord::Dump => dump(surveyor, status, present, date, &mut text),
        LongWord::Hash => digests(surveyor, &mut text),
        LongWord::Wchc => watches_by_session(surveyor, &mut text),
        LongWord::Wchp => watches_by_path(surveyor, &mut text),
        LongWord::Wchs => watch_counts(surveyor, &mut text),
    };
    if let Err(unanswered) = whole {
        return format!("{unanswered}\n");
    }
    match word {
        LongWord::Crst => "Connection stats reset.\n".into(),
        LongWord::Srst => "Server stats reset.\n".into(),
        LongWord::Stat => four_letter::stat(&text.finish(), serve, status),
        LongWord::Cons | LongWord::Wchc | LongWord::Wchp => {
            text.push("\n");
            text.finish()
        }
        LongWord::Conf | LongWord::Dirs | LongWord::Dump | LongWord::Hash | LongWord::Wchs => text.finish(),
    }
}

/// A text that stops where it is as long as it may be.
#[derive(Default)]
struct LongText {
    text: String,
    is_full: bool,
}

impl LongText {
    /// Adds to the text. Whether there is room for more.
    fn push(&mut self, more: &str) -> bool {
        self.is_full |= self.text.len() + more.len() > TEXT_MAX;
        if !self.is_full {
            self.text.push_str(more);
        }
        !self.is_full
    }

    fn finish(mut self) -> String {
        if self.is_full {
            self.text.push_str(LEFT_OUT);
        }
        self.text
    }
}

fn connections(
    surveyor: &Surveyor,
    status: &Status,
    (is_secure, long): (bool, bool),
    text: &mut LongText,
) -> Result<(), Unanswered> {
    surveyor.ask(Question::Connections, |piece| {
        let Piece::Connections(connections) = piece else { return true };
        let mut at_port = connections.iter().filter(|connection| connection.is_secure == is_secure);
        at_port.all(|connection| text.push(&four_letter::describe(connection, long, &status.clock)))
    })
}

fn digests(surveyor: &Surveyor, text: &mut LongText) -> Result<(), Unanswered> {
    surveyor.ask(Question::Digests, |piece| {
        let Piece::Digests(digests) = piece else { return true };
        // As Java prints a long.
        digests.iter().all(|(zxid, digest)| text.push(&format!("{:x}: {}\n", zxid.0, *digest as i64)))
    })
}

/// Who watches what, by path: where several reactors have watchers of a path it is told once.
fn watches_by_path(surveyor: &Surveyor, text: &mut LongText) -> Result<(), Unanswered> {
    let mut paths: BTreeMap<Box<str>, Vec<i64>> = BTreeMap::new();
    let mut gathered = 0;
    let asked = surveyor.ask(Question::DataWatches, |piece| {
        let Piece::DataWatches(watched) = piece else { return true };
        for one in watched {
            gathered += PATH_BYTES + one.path.len() + ENTRY_BYTES * one.sessions.len();
            paths.entry(one.path).or_default().extend(one.sessions);
        }
        gathered <= GATHERED_MAX
    });
    for (path, sessions) in paths {
        let lines = sessions.iter().fold(format!("{path}\n"), |mut lines, session| {
            writeln!(lines, "\t0x{session:x}").expect("a String takes everything");
            lines
        });
        if !text.push(&lines) {
            break;
        }
    }
    text.is_full |= gathered > GATHERED_MAX;
    asked
}

/// What each session watches.
fn watches_by_session(surveyor: &Surveyor, text: &mut LongText) -> Result<(), Unanswered> {
    let mut sessions: BTreeMap<i64, Vec<Rc<str>>> = BTreeMap::new();
    let mut gathered = 0;
    let asked = surveyor.ask(Question::DataWatches, |piece| {
        let Piece::DataWatches(watched) = piece else { return true };
        for one in watched {
            gathered += PATH_BYTES + one.path.len() + ENTRY_BYTES * one.sessions.len();
            let path: Rc<str> = one.path.into();
            for session in one.sessions {
                sessions.entry(session).or_default().push(path.clone());
            }
        }
        gathered <= GATHERED_MAX
    });
    'sessions: for (session, paths) in sessions {
        text.push(&format!("0x{session:x}\n"));
        for path in paths {
            if !text.push(&format!("\t{path}\n")) {
                break 'sessions;
            }
        }
    }
    text.is_full |= gathered > GATHERED_MAX;
    asked
}

fn watch_counts(surveyor: &Surveyor, text: &mut LongText) -> Result<(), Unanswered> {
    // A path that comes again, from another reactor or with others who watch it, counts once. There may be so many that only
    // their hashes are kept: two paths of millions have the same one in one case of a million.
    let hasher = RandomState::new();
    let (mut sessions, mut paths, mut total) = (HashSet::new(), HashSet::new(), 0);
    surveyor.ask(Question::DataWatches, |piece| {
        let Piece::DataWatches(watched) = piece else { return true };
        for one in watched {
            total += one.sessions.len();
            sessions.extend(one.sessions);
            paths.insert(hasher.hash_one(&*one.path));
        }
        true
    })?;
    text.push(&format!("{} connections watching {} paths\nTotal watches:{total}\n", sessions.len(), paths.len()));
    Ok(())
}

fn dump(
    surveyor: &Surveyor,
    status: &Status,
    present: Present,
    date: DateText<'_>,
    text: &mut LongText,
) -> Result<(), Unanswered> {
    text.push("SessionTracker dump:\n");
    dump_sessions(surveyor, status, present, date, text)?;
    text.push("ephemeral nodes dump:\n");
    dump_ephemerals(surveyor, text)?;
    text.push("Connections dump:\n");
    dump_connections(surveyor, status, present, date, text)
}

fn dump_sessions(
    surveyor: &Surveyor,
    status: &Status,
    present: Present,
    date: DateText<'_>,
    text: &mut LongText,
) -> Result<(), Unanswered> {
    let (mut global, mut local) = (Vec::new(), Vec::new());
    surveyor.ask(Question::Sessions, |piece| {
        let Piece::Sessions(sessions) = piece else { return true };
        for session in sessions {
            if session.is_local { &mut local } else { &mut global }.push(session);
        }
        true
    })?;
    let ends_sessions =
        !matches!(status.member.part(), Some(Part::Following { .. } | Part::Observing { .. } | Part::Looking));
    let has_local = status.has_local_sessions;
    if has_local {
        text.push(&session_sets("Local Session", &local, present, date));
    }
    if ends_sessions {
        let name = if has_local { "Global Session" } else { "Session" };
        text.push(&session_sets(name, &global, present, date));
    } else {
        text.push(&format!("Global Sessions({}):\n", global.len()));
        for session in global {
            text.push(&format!("0x{:x}\t{}ms\n", session.session, session.timeout));
        }
    }
    Ok(())
}

fn session_sets(name: &str, sessions: &[SessionInfo], present: Present, date: DateText<'_>) -> String {
    let due = sessions.iter().map(|session| (session.due_in.unwrap_or(0), format!("\t0x{:x}\n", session.session)));
    sets(name, due, present, date)
}

/// Lines by the moments at which they are due, of which each is told once. Each comes with how many milliseconds are left.
fn sets(name: &str, lines: impl Iterator<Item = (i64, String)>, present: Present, date: DateText<'_>) -> String {
    let mut by_moment: BTreeMap<i64, (usize, String)> = BTreeMap::new();
    let mut all = 0;
    for (due_in, line) in lines {
        let (count, lines) = by_moment.entry(due_in).or_default();
        (*count, all) = (*count + 1, all + 1);
        lines.push_str(&line);
    }
    let mut text = format!("{name} Sets ({})/({all}):\n", by_moment.len());
    for (due_in, (count, lines)) in by_moment {
        let date = date(present.wall_ms.saturating_add(due_in));
        write!(text, "{count} expire at {date}:\n{lines}").expect("a String takes everything");
    }
    text
}

fn dump_ephemerals(surveyor: &Surveyor, text: &mut LongText) -> Result<(), Unanswered> {
    let (mut owners, mut lines, mut last) = (0, LongText::default(), None);
    surveyor.ask(Question::Ephemerals, |piece| {
        let Piece::Ephemerals(owned) = piece else { return true };
        owned.iter().all(|one| {
            if last.replace(one.session) != Some(one.session) {
                owners += 1;
                lines.push(&format!("0x{:x}:\n", one.session));
            }
            one.paths.iter().all(|path| lines.push(&format!("\t{path}\n")))
        })
    })?;
    text.push(&format!("Sessions with Ephemerals ({owners}):\n"));
    for line in lines.text.split_inclusive('\n') {
        if !text.push(line) {
            break;
        }
    }
    text.is_full |= lines.is_full;
    Ok(())
}

/// The moments at which connections would be closed of which nothing is heard: as ZooKeeper rounds them.
fn dump_connections(
    surveyor: &Surveyor,
    status: &Status,
    present: Present,
    date: DateText<'_>,
    text: &mut LongText,
) -> Result<(), Unanswered> {
    let interval = status.sessionless_millis.max(1);
    let now = status.clock.millis(present.now) as i64;
    let mut lines = Vec::new();
    surveyor.ask(Question::Connections, |piece| {
        let Piece::Connections(connections) = piece else { return true };
        lines.extend(connections.iter().map(|connection| {
            let ConnectionInfo { session, timeout, heard, .. } = connection;
            let timeout = if *session == 0 { interval } else { i64::from(*timeout) };
            let due = ((status.clock.millis(*heard) as i64 + timeout) / interval + 1) * interval;
            let address = four_letter::address_text(connection);
            (due - now, format!("\tip: {address} sessionId: 0x{session:x}\n"))
        }));
        true
    })?;
    text.push(&sets("Connections", lines.into_iter(), present, date));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use mio::{Poll, Token};

    use super::{LEFT_OUT, LongText, LongWord, Present, TEXT_MAX, answer, sets};
    use crate::doorbell::Doorbell;
    use crate::exchange::{Errand, Exchange};
    use crate::serving::Serve;
    use crate::status::Status;
    use crate::survey::{Delivery, Piece, WatchedPath};
    use crate::surveyor::Surveyor;

    fn present() -> Present {
        Present { now: Instant::now(), wall_ms: 10_000 }
    }

    fn number(ms: i64) -> String {
        ms.to_string()
    }

    #[test]
    fn what_is_due_at_one_moment_is_told_together_and_the_next_first() {
        let lines = [(2000, "\ta\n"), (1000, "\tb\n"), (2000, "\tc\n"), (-1, "\td\n")];
        let lines = lines.into_iter().map(|(due_in, line)| (due_in, line.to_owned()));
        let expected = "Session Sets (3)/(4):\n1 expire at 9999:\n\td\n1 expire at 11000:\n\tb\n\
                        2 expire at 12000:\n\ta\n\tc\n";
        assert_eq!(sets("Session", lines, present(), &number), expected);
        assert_eq!(sets("Connections", std::iter::empty(), present(), &number), "Connections Sets (0)/(0):\n");
    }

    #[test]
    fn a_text_that_would_be_too_long_is_cut_between_its_parts_and_says_so() {
        let mut text = LongText::default();
        assert!(text.push("first\n") && text.push(&"x".repeat(TEXT_MAX - 6)));
        assert!(!text.push("y") && !text.push(""), "nothing comes behind what is left out");
        let told = text.finish();
        assert_eq!(told.len(), TEXT_MAX + LEFT_OUT.len());
        assert!(told.ends_with(LEFT_OUT));
    }

    /// What a word is answered where each of two reactors has these watches of data.
    fn told_of_watches(word: LongWord, of_reactors: [Vec<WatchedPath>; 2]) -> String {
        let poll = Poll::new().expect("a poll");
        // Nobody sleeps: one bell is enough.
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).expect("a bell"));
        let exchanges: Arc<[Arc<Exchange>]> =
            (0..2).map(|_| Arc::new(Exchange::new(bell.clone(), bell.clone()))).collect();
        let surveyor = Surveyor::new(exchanges.clone());
        thread::scope(|scope| {
            let asking =
                scope.spawn(|| answer((word, false), Serve::Yes, &surveyor, &Status::default(), present(), &number));
            for (exchange, watched) in exchanges.iter().zip(of_reactors) {
                let survey = loop {
                    match exchange.errands.pop() {
                        Some(Errand::Survey(survey)) => break survey,
                        Some(_) => panic!("only surveys are sent"),
                        None => thread::yield_now(),
                    }
                };
                assert!(matches!(survey.deliver(Piece::DataWatches(watched)), Delivery::Delivered));
            }
            asking.join().expect("it answers")
        })
    }

    #[test]
    fn watches_of_several_reactors_are_told_by_path_by_session_and_in_sum() {
        let watched = |path: &str, sessions: &[i64]| WatchedPath { path: path.into(), sessions: sessions.to_vec() };
        let of_reactors = || [vec![watched("/b", &[1]), watched("/a", &[1, 2])], vec![watched("/a", &[-1])]];
        let told = |word| told_of_watches(word, of_reactors());
        assert_eq!(told(LongWord::Wchs), "3 connections watching 2 paths\nTotal watches:4\n");
        assert_eq!(told(LongWord::Wchp), "/a\n\t0x1\n\t0x2\n\t0xffffffffffffffff\n/b\n\t0x1\n\n");
        let by_session = "0xffffffffffffffff\n\t/a\n0x1\n\t/b\n\t/a\n0x2\n\t/a\n\n";
        assert_eq!(told(LongWord::Wchc), by_session);
    }
}
