//! The versioned tree against plain maps.
//!
//! A model is a map from paths to znodes, one copy for each version. Random operations are done to both; every view
//! that a reader or a pin has must be its version's model to the byte, whatever the writer did since, and at the end
//! all memory must be free. Freed memory is poisoned in this build, so that a view of it cannot pass.
//!
//! `PROPTEST_CASES` shortens the runs under slow checkers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use paddock_engine::acl::{Acl, AclList, Entry, Id};
use paddock_engine::path;
use paddock_engine::stat::{CONTAINER_OWNER, Stat};
use paddock_engine::tree::{
    BulkLoader, ExtendedTypes, HashSeed, LoadError, LoadedZnode, MAX_PINS, NewZnode, OwnerKind, Pin, Reader, Root,
    Sealed, Tree, View, Znode, owner_kind, ttl_owner,
};
use proptest::prelude::*;

const SEED: HashSeed = HashSeed(*b"a secret of test");

/// All bits; few; two, so that most hashes are equal; none.
const MASKS: [u64; 4] = [u64::MAX, 0xf800_0000_0000_001f, 0x8000_0000_0000_0001, 0];

#[derive(Clone, PartialEq, Debug)]
struct ModelZnode {
    data: Option<Vec<u8>>,
    acl: Acl,
    stat: Stat,
    children: BTreeSet<String>,
}

type Model = BTreeMap<String, ModelZnode>;

fn join(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// The digest by its definition, from scratch.
fn digest_of(model: &Model) -> u64 {
    let counted = model.iter().filter(|(path, _)| !path.starts_with("/zookeeper/"));
    counted.fold(0u64, |sum, (path, znode)| {
        let mut bytes = if path == "/" { Vec::new() } else { path.clone().into_bytes() };
        bytes.extend_from_slice(znode.data.as_deref().unwrap_or_default());
        bytes.extend_from_slice(&znode.stat.to_digest_input());
        sum.wrapping_add(u64::from(crc32fast::hash(&bytes)))
    })
}

fn names_on_wire(wire: &[u8]) -> Vec<String> {
    let mut reader = paddock_engine::jute::Reader::new(wire);
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(reader.string().unwrap().unwrap().into_owned());
    }
    names
}

fn check_znode(znode: Znode<'_>, path: &str, model: &ModelZnode) {
    let children = model.children.len() as u32;
    let is_ephemeral = owner_kind(model.stat.ephemeral_owner, ExtendedTypes::On) == OwnerKind::Ephemeral;
    let length = model.data.as_ref().map_or(0, Vec::len);
    let stat_wire = model.stat.to_wire(length, children, is_ephemeral);
    assert_eq!(znode.path(), path);
    assert_eq!(znode.data(), model.data.as_deref());
    assert_eq!(znode.stat(), model.stat);
    assert_eq!(znode.stat_wire(), &stat_wire);
    let mut body = Vec::new();
    paddock_engine::jute::Write::put_buffer(&mut body, model.data.as_deref());
    body.extend_from_slice(&stat_wire);
    assert_eq!(znode.data_and_stat(), body);
    assert_eq!(znode.acl(), &model.acl);
    assert_eq!(znode.num_children(), children);
    assert_eq!(znode.is_ephemeral(), is_ephemeral);
    assert_eq!(znode.owner_kind(), owner_kind(model.stat.ephemeral_owner, ExtendedTypes::On));
    let mut wire = Vec::new();
    znode.write_children(&mut wire);
    assert_eq!(wire.len(), znode.children_bytes());
    let names = names_on_wire(&wire);
    assert!(znode.children().eq(names.iter().map(String::as_str)));
    assert_eq!(names.len(), model.children.len());
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), model.children);
}

fn check_view(view: View<'_>, model: &Model) {
    assert_eq!(view.len(), model.len());
    assert_eq!(view.digest(), digest_of(model));
    let bytes: usize = model.iter().map(|(path, znode)| path.len() + znode.data.as_ref().map_or(0, Vec::len)).sum();
    assert_eq!(view.data_bytes(), bytes as u64);
    let walked: BTreeSet<&str> = view.iter().map(|znode| znode.path()).collect();
    assert_eq!(view.iter().count(), model.len());
    assert!(walked.iter().eq(model.keys()));
    let paths: Vec<&str> = model.keys().map(String::as_str).chain(["/nowhere", "/a/nowhere", ""]).collect();
    let mut found = vec![None; paths.len()];
    view.get_many(&paths, &mut found);
    for (path, found) in paths.iter().zip(found) {
        let canonical = if path.is_empty() { "/" } else { path };
        let expected = model.get(canonical);
        assert_eq!(found.is_some(), expected.is_some(), "{path}");
        assert_eq!(view.get(path).is_some(), expected.is_some(), "{path}");
        if let (Some(found), Some(one), Some(expected)) = (found, view.get(path), expected) {
            assert!(std::ptr::eq(found.path(), one.path()));
            check_znode(found, canonical, expected);
        }
    }
}

fn acl(kind: u8) -> Acl {
    let entry = |perms| Entry { perms, id: Id { scheme: "world".into(), id: "anyone".into() } };
    (!kind.is_multiple_of(3)).then(|| Arc::new(AclList([entry(i32::from(kind))].into())))
}

fn data(kind: u8, stamp: u8) -> Option<Vec<u8>> {
    let length = match kind {
        0..16 => return None,
        16..32 => 0,
        250.. => 5000,
        _ => usize::from(kind),
    };
    Some(vec![stamp; length])
}

fn owner(kind: u8) -> i64 {
    match kind % 8 {
        0 => 77,
        1 => CONTAINER_OWNER,
        2 => ttl_owner(5),
        _ => 0,
    }
}

/// Some names are long, and one is longer than a page.
fn name(index: u8) -> String {
    let length = match index % 64 {
        9 => 2500,
        index if index % 8 == 1 => 300,
        _ => 40,
    };
    format!("{:x<length$}", format!("n{}-", index % 64))
}

/// What is done next. The bytes choose among what is possible.
#[derive(Clone, Debug)]
enum Step {
    Create { parent: u8, name: u8, data: u8, owner: u8, acl: u8, parent_cversion: u8 },
    Delete { which: u16 },
    SetData { which: u16, data: u8 },
    RewriteData { which: u16, data: u8 },
    SetAcl { which: u16, acl: u8 },
    TouchPzxid { which: u16 },
    RaiseCversion { which: u16, by: i8 },
    Seal,
    Publish { which: u8 },
    Rollback,
    Join,
    Leave { reader: u8 },
    Advance { reader: u8, by: u8 },
    Release { reader: u8 },
    Sleep { reader: u8 },
    Wake { reader: u8 },
    Pin,
    Unpin { which: u8 },
    Reclaim,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => any::<(u8, u8, u8, u8, u8, u8)>().prop_map(|(parent, name, data, owner, acl, parent_cversion)| {
            Step::Create { parent, name, data, owner, acl, parent_cversion }
        }),
        10 => any::<u16>().prop_map(|which| Step::Delete { which }),
        8 => any::<(u16, u8)>().prop_map(|(which, data)| Step::SetData { which, data }),
        2 => any::<(u16, u8)>().prop_map(|(which, data)| Step::RewriteData { which, data }),
        3 => any::<(u16, u8)>().prop_map(|(which, acl)| Step::SetAcl { which, acl }),
        1 => any::<u16>().prop_map(|which| Step::TouchPzxid { which }),
        1 => any::<(u16, i8)>().prop_map(|(which, by)| Step::RaiseCversion { which, by }),
        8 => Just(Step::Seal),
        5 => any::<u8>().prop_map(|which| Step::Publish { which }),
        1 => Just(Step::Rollback),
        1 => Just(Step::Join),
        1 => any::<u8>().prop_map(|reader| Step::Leave { reader }),
        6 => any::<(u8, u8)>().prop_map(|(reader, by)| Step::Advance { reader, by }),
        6 => any::<u8>().prop_map(|reader| Step::Release { reader }),
        2 => any::<u8>().prop_map(|reader| Step::Sleep { reader }),
        2 => any::<u8>().prop_map(|reader| Step::Wake { reader }),
        2 => Just(Step::Pin),
        2 => any::<u8>().prop_map(|which| Step::Unpin { which }),
        6 => Just(Step::Reclaim),
    ]
}

struct ModelReader {
    reader: Reader,
    model: Rc<Model>,
    asleep: bool,
    /// The oldest version that it may look at.
    oldest: u64,
}

struct World {
    tree: Tree,
    head: Model,
    sealed: VecDeque<(Sealed, Rc<Model>)>,
    roots: Vec<(Root, Rc<Model>)>,
    readers: Vec<ModelReader>,
    pins: Vec<(Pin, Rc<Model>)>,
    zxid: i64,
}

impl World {
    fn new(mask: u64) -> World {
        let mut tree = Tree::with_hash_mask(SEED, ExtendedTypes::On, mask);
        let root = tree.root();
        let mut head = Model::new();
        for path in ["/", "/a", "/b", "/a/c", "/zookeeper", "/zookeeper/quota"] {
            tree.install(NewZnode { path, data: Some(b""), acl: None, stat: Stat::default() });
            let znode = ModelZnode { data: Some(vec![]), acl: None, stat: Stat::default(), children: BTreeSet::new() };
            head.insert(path.into(), znode);
            if let Some((parent, name)) = path::split(path) {
                head.get_mut(parent).unwrap().children.insert(name.into());
            }
        }
        let roots = vec![(root, Rc::default())];
        World { tree, head, sealed: VecDeque::new(), roots, readers: vec![], pins: vec![], zxid: 0 }
    }

    fn pick(&self, which: u16) -> String {
        self.head.keys().nth(usize::from(which) % self.head.len()).unwrap().clone()
    }

    fn published(&self) -> (Root, Rc<Model>) {
        self.roots.last().unwrap().clone()
    }

    fn change(&mut self, step: &Step) {
        self.zxid += 1;
        let zxid = self.zxid;
        match *step {
            Step::Create { parent, name: index, data: bytes, owner: kind, acl: list, parent_cversion } => {
                let parents = ["/", "/a", "/a/c", "/b", "/a/c", "/zookeeper/quota"];
                let parent = parents[usize::from(parent) % parents.len()];
                let (name, data, acl) = (name(index), data(bytes, zxid as u8), acl(list));
                let path = join(parent, &name);
                if self.head.contains_key(&path) || !self.head.contains_key(parent) {
                    return;
                }
                let times =
                    Stat { czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: 5 * zxid, mtime: 5 * zxid, ..Stat::default() };
                let stat = Stat { ephemeral_owner: owner(kind), ..times };
                let cversion = i32::from(parent_cversion) - 1;
                self.tree.create(NewZnode { path: &path, data: data.as_deref(), acl: acl.clone(), stat }, cversion);
                self.head.insert(path, ModelZnode { data, acl, stat, children: BTreeSet::new() });
                let parent = self.head.get_mut(parent).unwrap();
                parent.children.insert(name);
                raise(&mut parent.stat, cversion, zxid);
            }
            Step::Delete { which } => {
                let path = self.pick(which);
                if path == "/" || !self.head[&path].children.is_empty() {
                    return;
                }
                self.tree.delete(&path, zxid);
                self.head.remove(&path);
                let (parent, name) = path::split(&path).unwrap();
                let parent = self.head.get_mut(parent).unwrap();
                parent.children.remove(name);
                parent.stat.pzxid = parent.stat.pzxid.max(zxid);
            }
            Step::SetData { which, data: bytes } => {
                let (path, data) = (self.pick(which), data(bytes, zxid as u8));
                let znode = self.head.get_mut(&path).unwrap();
                znode.stat = Stat { version: znode.stat.version + 1, mzxid: zxid, mtime: 5 * zxid, ..znode.stat };
                self.tree.set_data(&path, data.as_deref(), znode.stat.version, zxid, 5 * zxid);
                znode.data = data;
            }
            Step::RewriteData { which, data: bytes } => {
                let (path, data) = (self.pick(which), data(bytes, zxid as u8));
                self.tree.rewrite_data(&path, data.as_deref());
                self.head.get_mut(&path).unwrap().data = data;
            }
            Step::SetAcl { which, acl: list } => {
                let (path, acl) = (self.pick(which), acl(list));
                let znode = self.head.get_mut(&path).unwrap();
                znode.stat.aversion += 1;
                self.tree.set_acl(&path, acl.clone(), znode.stat.aversion);
                znode.acl = acl;
            }
            Step::TouchPzxid { which } => {
                let path = self.pick(which);
                self.tree.touch_pzxid(&path, zxid - 10);
                let stat = &mut self.head.get_mut(&path).unwrap().stat;
                stat.pzxid = stat.pzxid.max(zxid - 10);
            }
            Step::RaiseCversion { which, by } => {
                let path = self.pick(which);
                let stat = &mut self.head.get_mut(&path).unwrap().stat;
                let cversion = stat.cversion + i32::from(by);
                self.tree.raise_cversion(&path, cversion, zxid);
                raise(stat, cversion, zxid);
            }
            _ => self.govern(step),
        }
    }

    fn govern(&mut self, step: &Step) {
        match *step {
            Step::Seal => {
                let sealed = self.tree.seal();
                self.sealed.push_back((sealed, Rc::new(self.head.clone())));
            }
            Step::Publish { which } if !self.sealed.is_empty() => {
                let count = usize::from(which) % self.sealed.len();
                let (sealed, model) = self.sealed.drain(..=count).next_back().unwrap();
                let root = self.tree.publish(sealed);
                self.roots.push((root, model));
            }
            Step::Rollback => {
                self.tree.rollback();
                for (sealed, _) in self.sealed.drain(..) {
                    assert!(catch_unwind(AssertUnwindSafe(|| self.tree.publish(sealed))).is_err());
                }
                self.head = (*self.published().1).clone();
                if self.head.is_empty() {
                    *self = World { readers: std::mem::take(&mut self.readers), ..World::new(u64::MAX) };
                    self.readers.clear();
                }
            }
            Step::Pin => {
                let model = self.sealed.back().map_or_else(|| self.published().1, |(_, model)| model.clone());
                let pin = self.tree.pin();
                assert!(pin.is_some() || self.pins.len() <= MAX_PINS);
                self.pins.extend(pin.map(|pin| (pin, model)));
            }
            Step::Unpin { which } if !self.pins.is_empty() => {
                self.pins.swap_remove(usize::from(which) % self.pins.len());
            }
            Step::Reclaim => while self.tree.reclaim() {},
            _ => self.read(step),
        }
    }

    fn read(&mut self, step: &Step) {
        let (newest, newest_model) = self.published();
        let count = self.readers.len();
        match *step {
            Step::Join if count < 3 => {
                let reader = self.tree.reader();
                self.readers.push(ModelReader { reader, model: newest_model, asleep: false, oldest: newest.version() });
            }
            _ if count == 0 => {}
            Step::Leave { reader } => drop(self.readers.swap_remove(usize::from(reader) % count)),
            Step::Advance { reader, by } => {
                let reader = &mut self.readers[usize::from(reader) % count];
                let least = reader.oldest.max(reader.reader.version());
                let ahead = self.roots.iter().filter(|(root, _)| root.version() >= least);
                if let Some((root, model)) = ahead.take(usize::from(by % 4) + 1).last().filter(|_| !reader.asleep) {
                    reader.reader.advance(*root);
                    reader.model = model.clone();
                } else {
                    assert!(reader.asleep);
                    assert!(catch_unwind(AssertUnwindSafe(|| reader.reader.advance(newest))).is_err());
                }
            }
            Step::Release { reader } => {
                let reader = &mut self.readers[usize::from(reader) % count];
                reader.reader.let_go();
                if reader.reader.is_usable() {
                    reader.oldest = reader.reader.version();
                }
            }
            Step::Sleep { reader } => {
                let reader = &mut self.readers[usize::from(reader) % count];
                reader.reader.sleep();
                reader.asleep = true;
            }
            Step::Wake { reader } => {
                let reader = &mut self.readers[usize::from(reader) % count];
                reader.reader.wake();
                if reader.asleep {
                    reader.asleep = false;
                    reader.oldest = newest.version();
                }
            }
            _ => {}
        }
    }

    fn check(&self) {
        check_view(self.tree.head(), &self.head);
        for ModelReader { reader, model, asleep, oldest } in &self.readers {
            assert_eq!(reader.is_usable(), !asleep && *oldest <= reader.version());
            if reader.is_usable() {
                check_view(reader.view(), model);
            } else {
                assert!(catch_unwind(AssertUnwindSafe(|| reader.view().len())).is_err());
            }
        }
        for (pin, model) in &self.pins {
            check_view(pin.view(), model);
        }
    }

    /// What is garbage must go when nobody looks; what nobody owns must not be there.
    fn end(mut self, tree_first: bool) {
        let witness = self.tree.witness();
        if tree_first {
            let World { tree, readers, pins, .. } = self;
            drop(tree);
            for ModelReader { reader, model, .. } in &readers {
                if reader.is_usable() {
                    check_view(reader.view(), model);
                }
            }
            drop(readers);
            for (pin, model) in &pins {
                check_view(pin.view(), model);
            }
            assert!(pins.is_empty() || witness.upgrade().is_some());
        } else {
            self.readers.clear();
            self.pins.clear();
            let sealed = self.tree.seal();
            self.tree.publish(sealed);
            while self.tree.reclaim() {}
            assert_eq!(self.tree.garbage_bytes(), 0);
            check_view(self.tree.head(), &self.head);
            drop(self.tree);
        }
        assert!(witness.upgrade().is_none());
    }
}

fn raise(stat: &mut Stat, cversion: i32, zxid: i64) {
    let cversion = if cversion == -1 { stat.cversion + 1 } else { cversion };
    if cversion > stat.cversion {
        stat.cversion = cversion;
        stat.pzxid = stat.pzxid.max(zxid);
    }
}

/// Panics that a test provokes are not worth a report.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload_as_str().unwrap_or_default();
            let provoked = ["reader", "rolled back"];
            if !provoked.iter().any(|provoked| text.contains(provoked)) {
                report(info);
            }
        }));
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_view_is_its_version(
        mask in 0..MASKS.len(),
        steps in prop::collection::vec(step(), 1..400),
        tree_first: bool,
    ) {
        quiet_panics();
        let mut world = World::new(MASKS[mask]);
        for (index, step) in steps.iter().enumerate() {
            world.change(step);
            if matches!(step, Step::Reclaim | Step::Rollback) || index % 16 == 0 {
                world.check();
            }
        }
        world.check();
        world.end(tree_first);
    }

    #[test]
    fn what_is_saved_loads(mask in 0..MASKS.len(), steps in prop::collection::vec(step(), 1..300)) {
        quiet_panics();
        let mut world = World::new(MASKS[mask]);
        steps.iter().filter(|step| !matches!(step, Step::Rollback)).for_each(|step| world.change(step));
        let mut loader = BulkLoader::with_hash_mask(SEED, ExtendedTypes::On, MASKS[mask]);
        for znode in world.tree.head().iter() {
            load(&mut loader, znode).unwrap();
        }
        let tree = loader.finish().unwrap();
        check_view(tree.head(), &world.head);
        let order = |tree: &Tree| tree.head().iter().map(|znode| znode.path().to_string()).collect::<Vec<_>>();
        prop_assert_eq!(order(&tree), order(&world.tree));
        // What was loaded can be changed like anything else.
        world.tree = tree;
        world.sealed.clear();
        world.readers.clear();
        world.pins.clear();
        world.roots = vec![(world.tree.root(), Rc::default())];
        steps.iter().filter(|step| !matches!(step, Step::Rollback)).for_each(|step| world.change(step));
        world.check();
        world.end(false);
    }
}

fn load(loader: &mut BulkLoader, znode: Znode<'_>) -> Result<(), LoadError> {
    let mut names = Vec::new();
    znode.write_children(&mut names);
    loader.push(LoadedZnode {
        path: znode.path(),
        data: znode.data(),
        acl: znode.acl().clone(),
        stat: znode.stat(),
        num_children: znode.num_children(),
        child_names: &names,
    })
}
