//! Sessions with their ephemerals and connections, and watches: what `dump`, `cons` and `wchp` tell everybody, a page at a time.

use paddock_engine::acl::id_of_address;
use paddock_net::survey::{OwnedPaths, Piece, Question, SessionInfo, WatchedPath};
use serde_json::{Value, json};

use super::page::Page;
use super::told::{hex, mistake, of_hex};
use crate::admin::Source;
use crate::admin::outcome::Refusal;
use crate::http::{Request, parameter};

/// Ephemerals that are told with their session; the others are a question of their own.
const PATHS_MAX: usize = 5;
/// Watchers that are told with their path.
const WATCHERS_MAX: usize = 20;

/// What is known of a session.
#[derive(Default, Debug)]
struct Known {
    timeout: i32,
    is_local: bool,
    due_in: Option<i64>,
    ephemerals: Owned,
    /// Where its connection comes from, while it has one here.
    address: Option<String>,
}

/// Ephemerals of one session: how many, and some of them.
#[derive(Default, Debug)]
struct Owned {
    count: usize,
    paths: Vec<String>,
}

impl Owned {
    fn add(&mut self, paths: Vec<Box<str>>) {
        self.count += paths.len();
        let room = PATHS_MAX.saturating_sub(self.paths.len());
        self.paths.extend(paths.into_iter().take(room).map(String::from));
    }
}

/// `sessions?after=SESSION`.
pub fn sessions(source: &Source, request: &Request) -> Result<Value, Refusal> {
    let mut page: Page<i64, Known> = Page::new(session(request, "after")?);
    let mut count = 0;
    source.surveyor.ask(Question::Sessions, |piece| {
        if let Piece::Sessions(sessions) = piece {
            count += sessions.len();
            sessions.into_iter().for_each(|session| take_session(&mut page, session));
        }
        true
    })?;
    let (mut sessions, has_more) = page.finish();
    add_ephemerals(source, &mut sessions)?;
    add_addresses(source, &mut sessions)?;
    let told: Vec<Value> = sessions.iter().map(|(session, known)| told_session(*session, known)).collect();
    Ok(json!({ "count": count, "sessions": told, "has_more": has_more }))
}

fn take_session(page: &mut Page<i64, Known>, SessionInfo { session, timeout, is_local, due_in }: SessionInfo) {
    if let Some(known) = page.place(session) {
        (known.timeout, known.is_local, known.due_in) = (timeout, is_local, due_in);
    }
}

/// The session among those of a page, which are in their order.
fn find(sessions: &mut [(i64, Known)], session: i64) -> Option<&mut Known> {
    let place = sessions.binary_search_by_key(&session, |(session, _)| *session).ok()?;
    Some(&mut sessions[place].1)
}

fn add_ephemerals(source: &Source, sessions: &mut [(i64, Known)]) -> Result<(), Refusal> {
    source.surveyor.ask(Question::Ephemerals, |piece| {
        if let Piece::Ephemerals(owned) = piece {
            for OwnedPaths { session, paths } in owned {
                if let Some(known) = find(sessions, session) {
                    known.ephemerals.add(paths);
                }
            }
        }
        true
    })?;
    Ok(())
}

fn add_addresses(source: &Source, sessions: &mut [(i64, Known)]) -> Result<(), Refusal> {
    source.surveyor.ask(Question::Connections, |piece| {
        if let Piece::Connections(connections) = piece {
            for connection in connections.iter().filter(|connection| connection.session != 0) {
                if let Some(known) = find(sessions, connection.session) {
                    known.address = Some(format!("{} port {}", id_of_address(connection.address), connection.port));
                }
            }
        }
        true
    })?;
    Ok(())
}

fn told_session(session: i64, known: &Known) -> Value {
    json!({
        "session": hex(session),
        "timeout_ms": known.timeout,
        "is_local": known.is_local,
        "due_in_ms": known.due_in,
        "address": known.address,
        "ephemerals": known.ephemerals.count,
        "paths": known.ephemerals.paths,
    })
}

/// A session in the query, if there is one.
fn session(request: &Request, name: &str) -> Result<Option<i64>, Refusal> {
    let text = parameter(request.query.as_deref(), name).filter(|text| !text.is_empty());
    let read =
        |text: String| of_hex(&text).ok_or_else(|| mistake("a session is a number in base 16, with 0x before it"));
    text.map(read).transpose()
}

/// `ephemerals?session=SESSION&after=PATH`: those of one session.
pub fn ephemerals(source: &Source, request: &Request) -> Result<Value, Refusal> {
    let asked = session(request, "session")?.ok_or_else(|| mistake("say whose ephemerals are meant: session=0x..."))?;
    let after = parameter(request.query.as_deref(), "after").filter(|after| !after.is_empty());
    let mut page: Page<String, ()> = Page::new(after);
    let mut count = 0;
    source.surveyor.ask(Question::Ephemerals, |piece| {
        if let Piece::Ephemerals(owned) = piece {
            for OwnedPaths { paths, .. } in owned.into_iter().filter(|owned| owned.session == asked) {
                count += paths.len();
                paths.into_iter().for_each(|path| {
                    page.place(path.into());
                });
            }
        }
        true
    })?;
    let (paths, has_more) = page.finish();
    let paths: Vec<String> = paths.into_iter().map(|(path, ())| path).collect();
    Ok(json!({ "session": hex(asked), "count": count, "paths": paths, "has_more": has_more }))
}

/// Who watches a path: how many, and some of them.
#[derive(Default, Debug)]
struct Watchers {
    count: usize,
    sessions: Vec<String>,
}

impl Watchers {
    fn add(&mut self, sessions: &[i64]) {
        self.count += sessions.len();
        let room = WATCHERS_MAX.saturating_sub(self.sessions.len());
        self.sessions.extend(sessions.iter().take(room).map(|session| hex(*session)));
    }
}

/// `watches?prefix=TEXT&after=PATH`: the paths that begin so, and whose data somebody watches.
pub fn watches(source: &Source, request: &Request) -> Result<Value, Refusal> {
    let query = request.query.as_deref();
    let prefix = parameter(query, "prefix").unwrap_or_default();
    let mut page: Page<String, Watchers> = Page::new(parameter(query, "after").filter(|after| !after.is_empty()));
    source.surveyor.ask(Question::DataWatches, |piece| {
        if let Piece::DataWatches(watched) = piece {
            for WatchedPath { path, sessions } in
                watched.into_iter().filter(|watched| watched.path.starts_with(prefix.as_str()))
            {
                if let Some(watchers) = page.place(path.into()) {
                    watchers.add(&sessions);
                }
            }
        }
        true
    })?;
    let (paths, has_more) = page.finish();
    let told = |(path, watchers): &(String, Watchers)| json!({ "path": path, "watchers": watchers.count, "sessions": watchers.sessions });
    Ok(json!({ "paths": paths.iter().map(told).collect::<Vec<_>>(), "has_more": has_more }))
}

#[cfg(test)]
mod tests {
    use super::{Known, Owned, PATHS_MAX, WATCHERS_MAX, Watchers, find, told_session};

    #[test]
    fn of_very_many_some_are_told_and_all_are_counted() {
        let mut owned = Owned::default();
        for piece in 0..3 {
            owned.add((0..4).map(|path| format!("/{piece}/{path}").into()).collect());
        }
        assert_eq!((owned.count, owned.paths.len()), (12, PATHS_MAX));
        let mut watchers = Watchers::default();
        (0..3).for_each(|_| watchers.add(&[1; 9]));
        assert_eq!((watchers.count, watchers.sessions.len()), (27, WATCHERS_MAX));
    }

    #[test]
    fn what_is_known_finds_its_session() {
        let mut sessions = [-9, 4, 7].map(|session| (session, Known::default()));
        find(&mut sessions, 4).expect("it is there").timeout = 3000;
        assert!(find(&mut sessions, 5).is_none());
        let told = told_session(sessions[1].0, &sessions[1].1);
        assert_eq!((told["session"].as_str(), told["timeout_ms"].as_i64()), (Some("0x4"), Some(3000)));
        assert_eq!(told_session(sessions[0].0, &sessions[0].1)["session"], "0xfffffffffffffff7");
    }
}
