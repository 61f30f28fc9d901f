//! The tree: a znode, its children, and a search, in the newest version that is committed and durable. The version is held for the
//! time of one answer, and by one request at a time: the replica has few to give away, and others need them too.
//!
//! A Stat is told to everybody, as `exists` has it; data and children to whoever has READ; the list of permissions to whoever has READ
//! or ADMIN, without the hashes in it where it is not ADMIN.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use paddock_engine::acl::{self, Entry, Id, perms};
use paddock_engine::path::{ROOT, is_valid, split};
use paddock_engine::snapshot::HeldVersion;
use paddock_engine::tree::{OwnerKind, View, WALK_START, Znode};
use serde_json::{Value, json};

use super::page::{PAGE_MAX, Page};
use super::told::{hex, mistake, of_hex};
use crate::admin::Source;
use crate::admin::authorization::identities;
use crate::admin::outcome::Refusal;
use crate::http::{Request, parameter};

/// Bytes of data that are told at a time.
const DATA_MAX: usize = 128 << 10;
/// Entries of a list of permissions that are told.
const ENTRIES_MAX: usize = 200;
/// Znodes that a search looks at before it tells what it has found so far.
const LOOKED_MAX: usize = 200_000;
/// Of which so many are looked at together.
const STEP: usize = 1000;
/// What is looked for is no longer, bytes.
const TEXT_MAX: usize = 1000;

/// Whoever has it may hold a version.
pub type Turn = Mutex<()>;

/// Looks at the tree as whoever asks may see it.
fn look(
    source: &Source,
    turn: &Turn,
    request: &Request,
    tell: impl FnOnce(View<'_>, &dyn Fn(Znode<'_>, i32) -> bool, &HeldVersion) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    if !source.serves() {
        let error = "this server serves no clients at this moment, so that it knows no tree that counts; ask again, or ask another member";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error));
    }
    let ids = identities(source, request)?;
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let none =
        || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "there is no version to look at at this moment; ask again");
    let held = source.held_version()?.ok_or_else(none)?;
    let permits = |znode: Znode<'_>, asked: i32| source.authority.permits(znode.acl(), asked, &ids);
    tell(held.pin.view(), &permits, &held)
}

pub fn path_of(request: &Request) -> Result<String, Refusal> {
    let path =
        parameter(request.query.as_deref(), "path").filter(|path| !path.is_empty()).unwrap_or_else(|| ROOT.to_owned());
    if is_valid(&path) {
        return Ok(path);
    }
    Err(mistake("this is no path: it begins with a slash and ends with none, and no name in it is empty, . or .."))
}

fn existing<'a>(view: &View<'a>, path: &str) -> Result<Znode<'a>, Refusal> {
    let error = || {
        Refusal::new(StatusCode::NOT_FOUND, format!("there is no znode {path}; it may have been deleted a moment ago"))
    };
    view.get(path).ok_or_else(error)
}

/// `znode?path=PATH&offset=N`: its Stat, its list of permissions, and its data from a place on.
pub fn znode(source: &Source, turn: &Turn, request: &Request) -> Result<Value, Refusal> {
    let path = path_of(request)?;
    let offset = parameter(request.query.as_deref(), "offset").unwrap_or_else(|| "0".to_owned());
    let offset: usize = offset.parse().map_err(|_| mistake("offset is no place in the data"))?;
    look(source, turn, request, |view, permits, held| {
        let znode = existing(&view, &path)?;
        let sees_list = permits(znode, perms::READ | perms::ADMIN);
        let entries = sees_list.then(|| entries(znode, permits(znode, perms::ADMIN)));
        Ok(json!({
            "path": path,
            "zxid": hex(held.zxid.0),
            "stat": stat(znode),
            "kind": kind(znode),
            "acl": entries,
            "data": permits(znode, perms::READ).then(|| data(znode, offset)),
        }))
    })
}

/// As clients are shown it.
fn stat(znode: Znode<'_>) -> Value {
    let stat = znode.stat();
    let children = znode.num_children();
    let owner = if znode.is_ephemeral() { stat.ephemeral_owner } else { 0 };
    json!({
        "czxid": hex(stat.czxid),
        "ctime": stat.ctime,
        "mzxid": hex(stat.mzxid),
        "mtime": stat.mtime,
        "pzxid": hex(stat.pzxid),
        "cversion": stat.cversion.wrapping_mul(2).wrapping_sub(children as i32),
        "dataVersion": stat.version,
        "aclVersion": stat.aversion,
        "ephemeralOwner": hex(owner),
        "dataLength": length(znode),
        "numChildren": children,
    })
}

fn length(znode: Znode<'_>) -> usize {
    znode.data().map_or(0, <[u8]>::len)
}

fn kind(znode: Znode<'_>) -> String {
    match znode.owner_kind() {
        OwnerKind::Persistent => "persistent".to_owned(),
        OwnerKind::Ephemeral => "ephemeral".to_owned(),
        OwnerKind::Container => "container".to_owned(),
        OwnerKind::Ttl(millis) => format!("TTL of {millis} ms"),
    }
}

/// Null data is told as null.
fn data(znode: Znode<'_>, offset: usize) -> Value {
    let Some(data) = znode.data() else { return json!({ "offset": 0, "bytes": null }) };
    let from = offset.min(data.len());
    let until = data.len().min(from.saturating_add(DATA_MAX));
    json!({ "offset": from, "bytes": STANDARD.encode(&data[from..until]) })
}

/// A list has the hashes of digests for whoever may change it.
fn entries(znode: Znode<'_>, has_hashes: bool) -> Value {
    let entries = acl::entries(znode.acl());
    let told = entries.iter().take(ENTRIES_MAX).map(|Entry { perms, id }| {
        let Id { scheme, id: text } = id;
        let is_masked = scheme == "digest" && !has_hashes;
        let shown = if is_masked { format!("{}:x", id.user()) } else { text.clone() };
        json!({ "perms": perms, "scheme": scheme, "id": shown })
    });
    json!({ "count": entries.len(), "entries": told.collect::<Vec<_>>() })
}

/// `children?path=PATH&prefix=TEXT&after=NAME`: a page of those whose names begin so, with what is known of each.
pub fn children(source: &Source, turn: &Turn, request: &Request) -> Result<Value, Refusal> {
    let path = path_of(request)?;
    let query = request.query.as_deref();
    let prefix = parameter(query, "prefix").unwrap_or_default();
    let after = parameter(query, "after").filter(|after| !after.is_empty());
    look(source, turn, request, |view, permits, _| {
        let parent = existing(&view, &path)?;
        if !permits(parent, perms::READ) {
            let error = format!("the children of {path} are shown to whoever has READ there; log in as such a user");
            return Err(Refusal::new(StatusCode::FORBIDDEN, error));
        }
        let mut page: Page<&str, ()> = Page::new(after.as_deref());
        let mut found = 0_u64;
        for name in parent.children().filter(|name| name.starts_with(prefix.as_str())) {
            found += 1;
            page.place(name);
        }
        let (names, has_more) = page.finish();
        let told: Vec<Value> = names.iter().filter_map(|(name, ())| child(&view, &path, name)).collect();
        Ok(
            json!({ "path": path, "count": parent.num_children(), "found": found, "children": told, "has_more": has_more }),
        )
    })
}

/// A child as the list of children has it.
fn child(view: &View<'_>, parent: &str, name: &str) -> Option<Value> {
    let above = if parent == ROOT { "" } else { parent };
    let znode = view.get(&format!("{above}/{name}"))?;
    Some(
        json!({ "name": name, "children": znode.num_children(), "bytes": length(znode), "is_ephemeral": znode.is_ephemeral() }),
    )
}

/// `search?text=TEXT&from=PLACE`: paths that have the text somewhere in them, and where to go on.
pub fn search(source: &Source, turn: &Turn, request: &Request) -> Result<Value, Refusal> {
    let query = request.query.as_deref();
    let text = parameter(query, "text").unwrap_or_default();
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err(mistake("give a part of a path to look for, of 1,000 bytes at most"));
    }
    let from = match parameter(query, "from").filter(|from| !from.is_empty()) {
        Some(from) => of_hex(&from).ok_or_else(|| mistake("from is no place to go on at"))? as u64,
        None => WALK_START,
    };
    look(source, turn, request, |view, permits, _| {
        let found = found(&view, &text, from, &|znode| permits(znode, perms::READ));
        let next = found.next.map(|place| hex(place as i64));
        Ok(json!({ "paths": found.paths, "looked_at": found.looked_at, "of": view.len(), "next": next }))
    })
}

/// What a search has found.
#[derive(Default, Debug)]
struct Found {
    paths: Vec<String>,
    looked_at: usize,
    /// Where to go on; `None` if all was looked at.
    next: Option<u64>,
}

/// The names of children are read with their parents: a path is told to whoever has READ on its parent. No more than a step beyond a
/// full page is looked at.
fn found(view: &View<'_>, text: &str, from: u64, may_read: &dyn Fn(Znode<'_>) -> bool) -> Found {
    let mut found = Found { next: Some(from), ..Found::default() };
    while let Some(place) = found.next.filter(|_| found.looked_at < LOOKED_MAX && found.paths.len() < PAGE_MAX) {
        let (paths, looked_at) = (&mut found.paths, &mut found.looked_at);
        found.next = view.walk(place, STEP, |znode| {
            *looked_at += 1;
            if znode.path().contains(text) && is_shown(view, znode, may_read) {
                paths.push(znode.path().to_owned());
            }
        });
    }
    found.paths.sort_unstable();
    found
}

fn is_shown(view: &View<'_>, znode: Znode<'_>, may_read: &dyn Fn(Znode<'_>) -> bool) -> bool {
    split(znode.path()).is_none_or(|(parent, _)| view.get(parent).is_some_and(may_read))
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{Acl, AclTable, Authority, Entry, Id, perms};
    use paddock_engine::stat::Stat;
    use paddock_engine::tree::{ExtendedTypes, HashSeed, NewZnode, Tree};
    use serde_json::json;

    use super::{Found, PAGE_MAX, child, data, entries, existing, found, kind, stat};

    fn new<'a>(path: &'a str, data: Option<&'a [u8]>, acl: Acl) -> NewZnode<'a> {
        NewZnode { path, data, acl, stat: Stat { version: 3, ..Stat::default() } }
    }

    /// The root, /open with so many children, and /closed with one that only a user of a digest may list.
    fn tree(children: usize) -> Tree {
        let mut tree = Tree::new(HashSeed([7; 16]), ExtendedTypes::Off);
        let closed = AclTable::default().intern(vec![Entry { perms: perms::ALL, id: digest("pat:hash") }]);
        tree.install(new("/", None, None));
        tree.install(new("/open", Some(&b"open"[..]), None));
        tree.install(new("/closed", None, closed));
        for number in 0..children {
            tree.install(new(&format!("/open/lamp-{number:05}"), Some(&b"lamp"[..]), None));
        }
        tree.install(new("/closed/lamp", None, None));
        tree
    }

    fn digest(id: &str) -> Id {
        Id { scheme: "digest".into(), id: id.into() }
    }

    fn search(tree: &Tree, from: u64, ids: &[Id]) -> Found {
        let authority = Authority::default();
        let view = tree.head();
        found(&view, "lamp", from, &|znode| authority.permits(znode.acl(), perms::READ, ids))
    }

    #[test]
    fn a_search_goes_on_where_it_was_and_ends() {
        let tree = tree(5000);
        let (mut paths, mut from, mut rounds) = (Vec::new(), 0, 0);
        loop {
            let found = search(&tree, from, &[digest("pat:hash")]);
            assert!(found.paths.len() < PAGE_MAX + 2 * super::STEP, "{}", found.paths.len());
            paths.extend(found.paths);
            rounds += 1;
            match found.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(rounds > 1);
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), 5001);
    }

    #[test]
    fn what_is_below_a_closed_znode_is_not_found() {
        let tree = tree(3);
        assert_eq!(search(&tree, 0, &[]).paths.len(), 3);
        assert_eq!(search(&tree, 0, &[digest("pat:hash")]).paths.len(), 4);
    }

    #[test]
    fn a_znode_is_told_with_all_it_has() {
        let tree = tree(3);
        let view = tree.head();
        let open = existing(&view, "/open").expect("it is there");
        assert_eq!((stat(open)["numChildren"].clone(), stat(open)["dataVersion"].clone()), (json!(3), json!(3)));
        assert_eq!(
            (data(open, 0), data(open, 2)),
            (json!({ "offset": 0, "bytes": "b3Blbg==" }), json!({ "offset": 2, "bytes": "ZW4=" }))
        );
        assert_eq!(data(open, usize::MAX), json!({ "offset": 4, "bytes": "" }));
        let closed = existing(&view, "/closed").expect("it is there");
        assert_eq!(data(closed, 0), json!({ "offset": 0, "bytes": null }));
        assert_eq!(kind(closed), "persistent");
        assert_eq!(child(&view, "/closed", "lamp").expect("it is there")["bytes"], 0);
        assert_eq!(child(&view, "/", "open").expect("it is there")["children"], 3);
        assert!(existing(&view, "/none").is_err());
    }

    #[test]
    fn hashes_are_for_whoever_may_change_the_list() {
        let tree = tree(0);
        let view = tree.head();
        let closed = existing(&view, "/closed").expect("it is there");
        let told = |has_hashes| entries(closed, has_hashes)["entries"][0]["id"].clone();
        assert_eq!((told(true), told(false)), (json!("pat:hash"), json!("pat:x")));
    }
}
