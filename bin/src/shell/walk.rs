//! A walk through a subtree: each znode before its children, which come sorted by their names.
//!
//! What it holds are the names beside the way to the present znode, and the lists of the next few. It asks for several lists at
//! once, so that a round trip is not paid for each; the more names those of one depth have, the fewer.

use std::collections::VecDeque;

use crate::client::failure::Failure;
use crate::client::handle::Client;
use crate::client::stat::ShownStat;

/// Lists that are asked for at once.
const WIDTH_MAX: usize = 64;
/// With more names in the lists of one turn, fewer are asked for in the next.
const NAMES_WANTED: usize = 4096;

pub struct Walk<'a> {
    client: &'a Client,
    watch: bool,
    /// Until it has been visited.
    root: Option<String>,
    /// From the root to the present znode.
    levels: Vec<Level>,
    widths: Widths,
}

/// How many lists are asked for at once, for each depth: znodes of one depth are mostly alike, and those of another are not.
#[derive(Default)]
struct Widths(Vec<usize>);

impl Widths {
    fn at(&self, depth: usize) -> usize {
        self.0.get(depth).copied().unwrap_or(1)
    }

    /// So many names had the lists of one turn.
    fn note(&mut self, depth: usize, names: usize) {
        if self.0.len() <= depth {
            self.0.resize(depth + 1, 1);
        }
        let width = &mut self.0[depth];
        *width = if names > NAMES_WANTED { (*width / 2).max(1) } else { (*width * 2).min(WIDTH_MAX) };
    }
}

type Listed = Result<(Vec<String>, ShownStat), Failure>;

/// A znode on the way, with the children that were not visited.
struct Level {
    path: String,
    names: VecDeque<String>,
    /// The first of them, whose lists have come.
    asked: VecDeque<(String, Listed)>,
}

pub struct Visited {
    pub path: String,
    /// 0 is the root of the walk.
    pub depth: usize,
    pub stat: ShownStat,
}

impl<'a> Walk<'a> {
    /// `watch`: the children of every znode.
    pub fn new(client: &'a Client, root: &str, watch: bool) -> Walk<'a> {
        Walk { client, watch, root: Some(root.into()), levels: Vec::new(), widths: Widths::default() }
    }

    /// The next znode. One that has gone since its parent told of it is passed over.
    pub fn visit(&mut self) -> Result<Option<Visited>, Failure> {
        if let Some(root) = self.root.take() {
            let listed = self.client.get_children(&root, self.watch)?;
            return Ok(Some(self.enter(root, listed)));
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            if let Some((name, listed)) = level.asked.pop_front() {
                let path = child(&level.path, &name);
                match listed {
                    Ok(listed) => return Ok(Some(self.enter(path, listed))),
                    Err(failure) if failure.is_no_node() => {}
                    Err(failure) => return Err(failure),
                }
            } else if level.names.is_empty() {
                self.levels.pop();
            } else {
                self.ask();
            }
        }
    }

    /// The names of the children of the znode that was visited last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.last().into_iter().flat_map(|level| level.names.iter().map(String::as_str))
    }

    /// Leaves out children of the znode that was visited last.
    pub fn leave_out(&mut self, is_left_out: impl Fn(&str) -> bool) {
        if let Some(level) = self.levels.last_mut() {
            level.names.retain(|name| !is_left_out(name));
        }
    }

    /// For each level above the znode that was visited last, and for its own, but not for the root's: whether others come.
    pub fn others_come(&self) -> impl Iterator<Item = bool> {
        let parents = &self.levels[..self.levels.len().saturating_sub(1)];
        parents.iter().map(|level| !level.names.is_empty() || !level.asked.is_empty())
    }

    fn enter(&mut self, path: String, (mut names, stat): (Vec<String>, ShownStat)) -> Visited {
        names.sort_unstable();
        let depth = self.levels.len();
        self.levels.push(Level { path: path.clone(), names: names.into(), asked: VecDeque::new() });
        Visited { path, depth, stat }
    }

    /// Has the lists of the next children come.
    fn ask(&mut self) {
        let Walk { client, watch, levels, widths, .. } = self;
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return };
        let count = level.names.len().min(widths.at(depth));
        let asked = level.names.drain(..count).map(|name| {
            let ticket = client.begin_get_children(&child(&level.path, &name), *watch);
            (name, ticket)
        });
        let asked: Vec<_> = asked.collect();
        let mut held = 0;
        for (name, ticket) in asked {
            let listed = ticket.and_then(|ticket| ticket.wait());
            held += listed.as_ref().map_or(0, |(names, _)| names.len());
            level.asked.push_back((name, listed));
        }
        widths.note(depth, held);
    }
}

/// The path of a child.
pub fn child(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// The last name of a path; the root has `/`.
pub fn name(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES_WANTED, WIDTH_MAX, Widths, child, name};

    #[test]
    fn long_lists_are_not_asked_for_at_once_because_those_below_are_short() {
        let mut widths = Widths::default();
        widths.note(1, NAMES_WANTED + 1);
        (0..20).for_each(|_| widths.note(2, 0));
        assert_eq!([1, 2, 3].map(|depth| widths.at(depth)), [1, WIDTH_MAX, 1]);
        widths.note(2, NAMES_WANTED + 1);
        assert_eq!(widths.at(2), WIDTH_MAX / 2);
    }

    #[test]
    fn paths_are_put_together_and_taken_apart() {
        assert_eq!((child("/", "a"), child("/a", "b")), ("/a".to_owned(), "/a/b".to_owned()));
        assert_eq!((name("/"), name("/a"), name("/a/b")), ("/", "a", "b"));
    }
}
