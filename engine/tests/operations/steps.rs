//! Applying in steps: the same as applying whole, whatever the transaction, the state and the number of steps.

use paddock_engine::acl::{Acl, AclTable, Entry, Id, perms};
use paddock_engine::admit::admit;
use paddock_engine::application::STEPS_AT_ONCE;
use paddock_engine::database::Rules;
use paddock_engine::order::Caller;
use paddock_engine::request::opcode;
use paddock_engine::tree::ExtendedTypes;
use paddock_engine::txn::{CreateKind, Txn};
use proptest::prelude::*;

use crate::world::{SESSION, World, multi, versioned};

const OTHER: i64 = SESSION + 1;
/// Of znodes that have a time to live, ms.
const TTL: i64 = 1000;
/// Steps at a time.
const STEPS: [usize; 3] = [1, 7, 1000];

/// Znodes that may be there, some of them the others' parents, some quotas above them.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for parent in ["/a", "/a/b", "/c", "/zookeeper/quota/a", "/zookeeper/quota/a/b", "/zookeeper/quota/zookeeper"] {
        paths.push(parent.into());
        let names: &[&str] = match parent.starts_with("/zookeeper") {
            true => &["zookeeper_limits", "zookeeper_stats"],
            false => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        };
        paths.extend(names.iter().map(|name| format!("{parent}/{name}")));
    }
    paths
}

/// An operation of a client, which the state may refuse.
#[derive(Clone, Debug)]
struct Operation {
    what: What,
    path: String,
    session: i64,
    /// Of data; `None` is null data.
    bytes: Option<usize>,
    /// The list of permissions is one of its own.
    is_closed: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Create,
    CreateEphemeral,
    CreateContainer,
    CreateTtl,
    Delete,
    SetData,
    SetAcl,
    Check,
}

fn operations(count: usize) -> impl Strategy<Value = Vec<Operation>> {
    use What::{Check, Create, CreateContainer, CreateEphemeral, CreateTtl, Delete, SetAcl, SetData};
    let once = [CreateContainer, CreateTtl, Delete, SetData, SetAcl, Check];
    let what = prop::sample::select([&[Create, CreateEphemeral].repeat(3)[..], &once].concat());
    let bytes = prop::option::weighted(0.8, 0usize..20);
    let operation = (what, prop::sample::select(paths()), any::<bool>(), bytes, any::<bool>());
    let operation = operation.prop_map(|(what, path, others, bytes, is_closed)| Operation {
        what,
        path,
        session: if others { OTHER } else { SESSION },
        bytes,
        is_closed,
    });
    prop::collection::vec(operation, 0..count)
}

impl Operation {
    /// What a preparer would make of it; `None` where it would refuse.
    fn txn(&self, world: &World) -> Option<Txn<'static>> {
        const DATA: &[u8] = b"count=1,bytes=2=;x=y";
        let tree = world.database.tree();
        let path = || self.path.clone().into();
        let data = self.bytes.map(|bytes| &DATA[..bytes]);
        let (parent, _) = paddock_engine::path::split(&self.path)?;
        let parent = tree.get(parent)?;
        let kind = match self.what {
            What::Delete => {
                return tree
                    .get(&self.path)
                    .filter(|znode| znode.num_children() == 0)
                    .map(|_| Txn::Delete { path: path() });
            }
            What::SetData => {
                let version = tree.get(&self.path)?.stat().version + 1;
                return Some(Txn::SetData { path: path(), data, version });
            }
            What::SetAcl => {
                let version = tree.get(&self.path)?.stat().aversion + 1;
                return Some(Txn::SetAcl { path: path(), acl: self.acl(), version });
            }
            What::Check => {
                let version = tree.get(&self.path)?.stat().version;
                return Some(Txn::Check { path: path(), version });
            }
            What::CreateContainer => CreateKind::Container,
            What::CreateTtl => CreateKind::Ttl(TTL),
            What::Create => CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false },
            What::CreateEphemeral => CreateKind::Plain { opcode: opcode::CREATE2, ephemeral: true },
        };
        let fits = tree.get(&self.path).is_none() && !parent.is_ephemeral();
        let parent_cversion = parent.stat().cversion + 1;
        fits.then(|| Txn::Create { kind, path: path(), data, acl: self.acl(), parent_cversion })
    }

    fn acl(&self) -> Acl {
        let entry = || Entry { perms: perms::READ, id: Id { scheme: "digest".into(), id: "someone:secret".into() } };
        if self.is_closed { AclTable::default().intern(vec![entry()]) } else { None }
    }
}

fn with(operations: &[Operation]) -> World {
    let mut world = World::with(Rules { extended_types: ExtendedTypes::On, ..Rules::default() });
    world.apply(OTHER, &Txn::CreateSession { timeout: 4000 });
    for operation in operations {
        if let Some(txn) = operation.txn(&world) {
            world.apply(operation.session, &txn);
        }
    }
    world.whole_events();
    world
}

/// All that a transaction can leave or tell.
fn all_of(world: &mut World) -> Vec<String> {
    let mut all = world.whole_events();
    all.push(format!("{:?} {:?}", world.reply(), world.last_record()));
    world.database.tree().for_each(|znode| all.push(format!("{znode:?}")));
    for session in [SESSION, OTHER] {
        let ephemerals: Vec<&str> = world.database.ephemerals_of(session).collect();
        all.push(format!("{:?} {ephemerals:?}", world.database.session_timeout(session)));
    }
    let tree = world.database.tree();
    all.push(format!("{:x} {} {}", tree.digest(), tree.len(), world.database.ephemeral_count()));
    all
}

/// Has the transaction applied whole, and in steps to the same state, and compares. Later ones must not differ either.
fn assert_same(state: &[Operation], client: i64, txn: &Txn<'_>, later: &[Operation]) {
    let finish = |mut world: World| {
        let mut all = all_of(&mut world);
        for operation in later {
            if let Some(txn) = operation.txn(&world) {
                world.apply(operation.session, &txn);
                all.extend(all_of(&mut world));
            }
        }
        world.assert_replays();
        all
    };
    let mut whole = with(state);
    whole.apply(client, txn);
    let expected = finish(whole);
    for steps in STEPS {
        let mut world = with(state);
        world.apply_in_steps(client, txn, steps);
        assert_eq!(finish(world), expected, "{txn:?} in steps of {steps}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_end_of_a_session_in_steps(state in operations(80), later in operations(20), is_listed: bool) {
        let ephemerals = with(&state).database.ephemerals_of(SESSION).map(|path| path.to_owned().into()).collect();
        assert_same(&state, SESSION, &Txn::CloseSession { ephemerals: is_listed.then_some(ephemerals) }, &later);
    }

    /// A list may be another server's, which had other ephemerals than are there now.
    #[test]
    fn the_end_of_a_session_with_a_list_that_differs(state in operations(80), listed in operations(20)) {
        let ephemerals = listed.iter().map(|operation| operation.path.clone().into()).collect();
        assert_same(&state, SESSION, &Txn::CloseSession { ephemerals: Some(ephemerals) }, &[]);
    }

    #[test]
    fn a_multi_in_steps(state in operations(60), members in operations(40), later in operations(20), fails in 0..4) {
        // Each is a transaction on what the ones before have left.
        let mut outlook = with(&state);
        let mut txns = Vec::new();
        for member in &members {
            // No client asks for setACL in a multi.
            if let Some(txn) = member.txn(&outlook).filter(|txn| !matches!(txn, Txn::SetAcl { .. })) {
                outlook.apply(SESSION, &txn);
                txns.push(txn);
            }
        }
        if fails == 0 {
            txns.push(Txn::Error(-101));
        }
        assert_same(&state, SESSION, &Txn::Multi(txns), &later);
    }

    #[test]
    fn an_operation_in_steps(state in operations(60), operations in operations(20), later in operations(20)) {
        let world = with(&state);
        for operation in operations {
            if let Some(txn) = operation.txn(&world) {
                assert_same(&state, operation.session, &txn, &later);
            }
        }
    }
}

/// Whatever comes at a time, a step is a small thing: a count of a subtree is cut anywhere, also among one znode's children.
#[test]
fn steps_are_small() {
    let mut world = World::new();
    for parent in ["/wide", "/deep", "/deep/a", "/deep/a/a", "/deep/b"] {
        world.create(parent, 0).unwrap();
    }
    for number in 0..3000 {
        world.create(&format!("/wide/{number}"), i32::from(number % 2 == 0)).unwrap();
    }
    world.create("/zookeeper/quota/wide", 0).unwrap();
    world.create("/zookeeper/quota/wide/zookeeper_limits", 0).unwrap();
    let path = "/zookeeper/quota/wide/zookeeper_stats";
    let stats = Txn::Create {
        kind: CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false },
        path: path.into(),
        data: None,
        acl: None,
        parent_cversion: 2,
    };
    for (txn, at_least) in [(stats, 7), (world.database.order_close_session(SESSION), 15)] {
        assert!(world.database.is_long(SESSION, &txn), "{txn:?}");
        let header = world.next_header(SESSION);
        let mut application = world.database.begin(&header, &txn);
        let mut turns = 1;
        while !world.database.go_on(&mut application, &mut 100, None) {
            turns += 1;
        }
        assert!(turns >= at_least, "{turns} turns for {txn:?}");
    }
    let znode = world.database.tree().get(path).unwrap();
    // 3001 were counted, each of one byte, and 1500 have gone with their session.
    assert_eq!(znode.data(), Some(&b"count=1501,bytes=1501"[..]));
}

#[test]
fn only_what_is_long_is_applied_in_steps() {
    let mut world = World::new();
    world.create("/zookeeper/quota/a", 0).unwrap();
    let members = |count| multi(&vec![(opcode::CHECK, versioned("/", -1)); count]);
    for (count, is_long) in [(STEPS_AT_ONCE, false), (STEPS_AT_ONCE + 1, true)] {
        let caller = Caller { ids: &[], is_local: false, has_moved: false };
        let body = members(count);
        let operation = admit(opcode::MULTI, &body, false).unwrap();
        let header = world.next_header(SESSION);
        let txn = world.database.order(&header, &operation, caller).unwrap();
        assert_eq!(world.database.is_long(SESSION, &txn), is_long, "{count} members");
    }
    for number in 0..=STEPS_AT_ONCE {
        let close = world.database.order_close_session(SESSION);
        assert!(!world.database.is_long(SESSION, &close), "{number} ephemerals");
        world.create(&format!("/{number}"), 1).unwrap();
    }
    let close = world.database.order_close_session(SESSION);
    assert!(world.database.is_long(SESSION, &close));
    assert!(world.database.is_long(SESSION, &Txn::CloseSession { ephemerals: None }));
    let counts = |path: &str| {
        let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
        let create = Txn::Create { kind, path: path.to_owned().into(), data: None, acl: None, parent_cversion: 1 };
        let alone = world.database.is_long(SESSION, &create);
        assert_eq!(world.database.is_long(SESSION, &Txn::Multi(vec![create])), alone);
        alone
    };
    assert!(counts("/zookeeper/quota/a/zookeeper_stats"));
    assert!(!counts("/zookeeper/quota/a/zookeeper_limits") && !counts("/a"));
}
