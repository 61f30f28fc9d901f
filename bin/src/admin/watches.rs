//! The commands that tell of watches.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use paddock_net::survey::{Piece, Question, WatchedPath};

use super::json::{Json, named};
use super::list_cost::ListCost;
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// A session in an array, at most, bytes.
const SESSION_BYTES: usize = 22;
/// What stands around a text, bytes.
const TEXT_BYTES: usize = 12;

/// `watches`.
pub fn by_session(source: &Source) -> Result<Outcome, Refusal> {
    let mut sessions: BTreeMap<i64, Vec<Rc<str>>> = BTreeMap::new();
    each(source, |WatchedPath { path, sessions: watchers }, cost| {
        let (path, count, known): (Rc<str>, _, _) = (path.into(), watchers.len(), sessions.len());
        watchers.into_iter().for_each(|session| sessions.entry(session).or_default().push(path.clone()));
        cost.add(count, count * (path.len() + TEXT_BYTES));
        let new = sessions.len() - known;
        cost.add_names(new, new * (SESSION_BYTES + TEXT_BYTES));
    })?;
    let field =
        |(session, paths): (i64, Vec<Rc<str>>)| (session.to_string(), Json::array(paths.iter().map(|path| &**path)));
    let told = Json::Object(sessions.into_iter().map(field).collect());
    Ok(Outcome::of(named([("session_id_to_watched_paths", told)])))
}

/// `watches_by_path`.
pub fn by_path(source: &Source) -> Result<Outcome, Refusal> {
    // Where several reactors have watchers of a path, or there are very many of them, it comes more than once.
    let mut paths: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    each(source, |WatchedPath { path, sessions }, cost| {
        cost.add_names(1, path.len() + TEXT_BYTES);
        cost.add(sessions.len(), sessions.len() * SESSION_BYTES);
        paths.entry(path.into()).or_default().extend(sessions);
    })?;
    let told = Json::Object(paths.into_iter().map(|(path, sessions)| (path, Json::array(sessions))).collect());
    Ok(Outcome::of(named([("path_to_session_ids", told)])))
}

/// `watch_summary`.
pub fn summary(source: &Source) -> Result<Outcome, Refusal> {
    // A path comes again from another reactor, and counts once. There may be so many that only their hashes are kept: two paths of
    // millions have the same one in one case of a million.
    let hasher = RandomState::new();
    let (mut sessions, mut paths, mut total) = (HashSet::new(), HashSet::new(), 0);
    each(source, |watched, _| {
        total += watched.sessions.len();
        sessions.extend(watched.sessions);
        paths.insert(hasher.hash_one(&*watched.path));
    })?;
    let (connections, paths) = (sessions.len(), paths.len());
    Ok(Outcome::of(named([
        ("num_connections", connections.into()),
        ("num_paths", paths.into()),
        ("num_total_watches", total.into()),
    ])))
}

/// Hands out what is watched. `take` adds what it costs to tell that.
fn each(source: &Source, mut take: impl FnMut(WatchedPath, &mut ListCost)) -> Result<(), Refusal> {
    let mut cost = ListCost::default();
    source.surveyor.ask(Question::DataWatches, |piece| {
        if let Piece::DataWatches(watched) = piece {
            watched.into_iter().for_each(|watched| take(watched, &mut cost));
        }
        cost.is_borne()
    })?;
    cost.check()
}
