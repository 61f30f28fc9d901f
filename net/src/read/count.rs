//! getAllChildrenNumber: how many znodes there are below one.
//!
//! A small subtree is counted at once, from parents to children. If it turns out not to be small, every znode of the tree
//! is looked at, as ZooKeeper does it, but in slices: each turn of the reactor goes on from where the last one stopped,
//! in the version of that turn. Between two slices only the place where the last one stopped is kept, in the order in
//! which the tree is walked. A znode that exists all the time is counted once. One that is created or deleted meanwhile
//! may be counted or not.

use std::ops::ControlFlow;

use paddock_engine::acl::perms;
use paddock_engine::error::Code;
use paddock_engine::jute::Reader;
use paddock_engine::tree::{View, WALK_START, Znode};

use super::context::{ReadCaller, ReadContext, malformed};

/// A subtree with no more znodes than these is counted at once.
const AT_ONCE: usize = 512;
/// How many znodes one slice looks at, which takes a fraction of a millisecond.
const SLICE: usize = 2048;

/// A count that is under way.
pub struct Count {
    /// What the paths below the znode begin with.
    prefix: Box<str>,
    /// The first place of the walk through the tree that was not looked at yet.
    place: u64,
    /// The znodes below that were met so far.
    counted: usize,
}

/// Counts the znodes below the one that the request names. Breaks with a count if they are too many to be counted at once.
pub fn begin(context: &ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8]) -> Result<ControlFlow<Count, i32>, Code> {
    let path = Reader::new(body).string().map_err(malformed)?.ok_or(Code::Marshalling)?;
    let znode = context.permitted(caller, &path, perms::READ)?;
    let counted = match &path[..] {
        "/" => Some(context.view.len() - 1),
        // In ZooKeeper the empty path names the root too, and the root counts as below it.
        "" => Some(context.view.len()),
        _ => count_few(context.view, znode),
    };
    Ok(match counted {
        Some(counted) => ControlFlow::Continue(number(counted)),
        None => ControlFlow::Break(Count { prefix: format!("{path}/").into(), place: WALK_START, counted: 0 }),
    })
}

impl Count {
    /// Counts one slice more, and returns the whole number if that was the last one.
    pub fn go_on(&mut self, view: View<'_>) -> Option<i32> {
        let counted = &mut self.counted;
        let next =
            view.walk(self.place, SLICE, |znode| *counted += usize::from(znode.path().starts_with(&*self.prefix)));
        match next {
            None => Some(number(self.counted)),
            Some(place) => {
                self.place = place;
                None
            }
        }
    }

    /// The znode below which is counted.
    pub fn path(&self) -> &str {
        self.prefix.strip_suffix('/').expect("a prefix ends with a slash")
    }
}

/// The znodes below this one, unless they are more than [`AT_ONCE`].
fn count_few(view: View<'_>, top: Znode<'_>) -> Option<usize> {
    let mut counted = 0;
    let mut path = String::new();
    let mut parents = vec![top];
    while let Some(parent) = parents.pop() {
        counted += parent.num_children() as usize;
        if counted > AT_ONCE {
            return None;
        }
        for name in parent.children() {
            path.clear();
            path.extend([parent.path(), "/", name]);
            let child = view.get(&path).expect("a version has the children that its lists name");
            if child.num_children() > 0 {
                parents.push(child);
            }
        }
    }
    Some(counted)
}

/// The count as it goes on the wire.
fn number(counted: usize) -> i32 {
    i32::try_from(counted).unwrap_or(i32::MAX)
}
