//! Quotas: what is counted where, and what is refused.

use paddock_consensus::Zxid;
use paddock_engine::database::Rules;
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;

use crate::world::{World, create, multi, results, versioned};

fn enforcing() -> World {
    World::with(Rules { enforce_quota: true, ..Rules::default() })
}

/// A create with so many bytes of data.
fn sized(path: &str, bytes: usize) -> Vec<u8> {
    with_data(path, &vec![b'd'; bytes])
}

fn with_data(path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(data));
    // Everything behind the one byte of data.
    let rest = create(path, 0);
    body.extend_from_slice(&rest[4 + path.len() + 5..]);
    body
}

fn set_data(path: &str, data: &[u8], version: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(data));
    body.put_i32(version);
    body
}

impl World {
    fn put(&mut self, path: &str, data: &[u8]) {
        self.ask(opcode::CREATE, &with_data(path, data)).unwrap_or_else(|code| panic!("{path}: {code:?}"));
    }

    fn set_quota(&mut self, path: &str, limits: &str) {
        let place = format!("/zookeeper/quota{path}");
        for (end, _) in place.match_indices('/').skip(3).chain([(place.len(), "")]) {
            if self.database.tree().get(&place[..end]).is_none() {
                self.put(&place[..end], b"");
            }
        }
        self.put(&format!("{place}/zookeeper_limits"), limits.as_bytes());
        self.put(&format!("{place}/zookeeper_stats"), b"count=0,bytes=0");
    }

    fn usage(&self, path: &str) -> String {
        let stats = format!("/zookeeper/quota{path}/zookeeper_stats");
        let znode = self.database.tree().get(&stats).unwrap();
        String::from_utf8(znode.data().unwrap().to_vec()).unwrap()
    }
}

#[test]
fn usage_is_counted_at_the_deepest_quota_only() {
    let mut world = World::new();
    world.put("/a", b"12345");
    world.put("/a/b", b"123");
    world.set_quota("/a", "count=-1,bytes=-1");
    assert_eq!(world.usage("/a"), "count=2,bytes=8", "what was there is counted when the stats are created");
    world.put("/a/c", b"1");
    world.put("/ab", b"1");
    world.set_quota("/a/c", "count=-1,bytes=-1");
    assert_eq!((world.usage("/a"), world.usage("/a/c")), ("count=3,bytes=9".into(), "count=1,bytes=1".into()));
    world.put("/a/c/d", b"12");
    world.ask(opcode::SET_DATA, &set_data("/a/c", b"", -1)).unwrap();
    world.ask(opcode::SET_DATA, &set_data("/a/b", b"12345678", -1)).unwrap();
    assert_eq!((world.usage("/a"), world.usage("/a/c")), ("count=3,bytes=14".into(), "count=2,bytes=2".into()));
    world.delete("/a/c/d").unwrap();
    world.delete("/a/b").unwrap();
    assert_eq!((world.usage("/a"), world.usage("/a/c")), ("count=2,bytes=6".into(), "count=1,bytes=0".into()));
    world.delete("/zookeeper/quota/a/c/zookeeper_limits").unwrap();
    world.delete("/a/c").unwrap();
    assert_eq!((world.usage("/a"), world.usage("/a/c")), ("count=1,bytes=6".into(), "count=1,bytes=0".into()));
    world.assert_replays();
}

/// The znodes of such a quota are among those that it counts.
#[test]
fn a_quota_may_be_on_the_quotas_themselves() {
    let mut world = World::new();
    world.set_quota("/zookeeper", "count=-1,bytes=-1");
    // /zookeeper, its config and quota, /zookeeper/quota/zookeeper, and the two of the quota, the last once more.
    assert_eq!(world.usage("/zookeeper"), "count=7,bytes=47");
    world.set_quota("/a", "count=-1,bytes=-1");
    world.put("/a", b"12345");
    assert_eq!((world.usage("/zookeeper"), world.usage("/a")), ("count=10,bytes=79".into(), "count=1,bytes=5".into()));
    world.assert_replays();
}

#[test]
fn trap_33_the_stats_change_without_a_trace_in_their_stat() {
    let mut world = World::new();
    world.put("/a", b"");
    world.set_quota("/a", "count=-1,bytes=-1");
    let path = "/zookeeper/quota/a/zookeeper_stats";
    let stat = |world: &World| world.database.tree().get(path).unwrap().stat();
    let (before, digest) = (stat(&world), world.database.tree().digest());
    world.events();
    world.put("/a/0123456789", b"");
    assert_eq!(world.usage("/a"), "count=2,bytes=0");
    assert_eq!(stat(&world), before);
    assert!(world.events().iter().all(|(_, told)| told != path));
    world.delete("/a/0123456789").unwrap();
    world.ask(opcode::SET_DATA, &set_data(path, b"nonsense", -1)).unwrap();
    assert_ne!(world.database.tree().digest(), digest, "/a has another pzxid");
    world.put("/a/b", b"1");
    assert_eq!(world.usage("/a"), "count=0,bytes=0", "-1 and one more");
    world.assert_replays();
}

#[test]
fn without_enforcement_limits_limit_nothing() {
    let mut world = World::new();
    world.put("/a", b"");
    world.set_quota("/a", "count=1,bytes=1=;byteHardLimit=1;countHardLimit=1");
    world.put("/a/b", b"12345");
    assert_eq!(world.database.take_exceeded_quota(), None);
}

#[test]
fn hard_limits_refuse_and_soft_ones_are_told() {
    let mut world = enforcing();
    world.put("/a", b"");
    world.set_quota("/a", "count=2,bytes=-1=;byteHardLimit=10");
    world.put("/a/1", b"12345");
    assert_eq!(world.database.take_exceeded_quota(), None);
    world.put("/a/2", b"");
    let told = world.database.take_exceeded_quota().unwrap();
    assert_eq!((&*told.prefix, told.what, told.usage, told.limit, told.is_hard), ("/a", "count", 3, 2, false));
    assert_eq!(world.ask(opcode::CREATE, &sized("/a/3", 6)), Err(Code::QuotaExceeded));
    world.put("/a/3", b"12345");
    assert_eq!(world.ask(opcode::SET_DATA, &set_data("/a/2", b"1", -1)), Err(Code::QuotaExceeded));
    assert_eq!(world.ask(opcode::SET_DATA, &set_data("/a/2", b"1", 7)), Err(Code::QuotaExceeded), "before the version");
    assert_eq!(world.ask(opcode::SET_DATA, &set_data("/a/2", b"", 7)), Err(Code::BadVersion), "nothing is added");
    assert_eq!(world.ask(opcode::CREATE, &sized("/a/3", 6)), Err(Code::NodeExists), "existence is looked at before");
    world.put("/b", &[b'x'; 100]);
    world.set_quota("/b", "count=1,bytes=1=;countHardLimit=2;byteHardLimit=-1");
    world.put("/b/1", b"12345");
    assert_eq!(
        world.ask(opcode::CREATE, &sized("/b/2", 0)),
        Err(Code::QuotaExceeded),
        "the hard limit replaces the soft"
    );
    assert_eq!(world.usage("/a"), "count=4,bytes=10");
    world.assert_replays();
}

#[test]
fn members_of_a_multi_see_what_the_others_will_use() {
    let mut world = enforcing();
    world.put("/a", b"");
    world.set_quota("/a", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3");
    let too_many = multi(&[
        (opcode::CREATE, sized("/a/1", 0)),
        (opcode::CREATE, sized("/a/2", 0)),
        (opcode::CREATE, sized("/a/3", 0)),
    ]);
    assert_eq!(results(&world.ask(opcode::MULTI, &too_many).unwrap()), [(-1, 0), (-1, 0), (-1, -125)]);
    let in_turn = multi(&[
        (opcode::CREATE, sized("/a/1", 10)),
        (opcode::DELETE, versioned("/a/1", -1)),
        (opcode::CREATE, sized("/a/2", 5)),
        (opcode::CREATE, sized("/a/3", 5)),
    ]);
    let kinds = [opcode::CREATE, opcode::DELETE, opcode::CREATE, opcode::CREATE].map(|opcode| (opcode, 0));
    assert_eq!(results(&world.ask(opcode::MULTI, &in_turn).unwrap()), kinds);
    assert_eq!(world.usage("/a"), "count=3,bytes=10");
    world.assert_replays();
}

#[test]
fn malformed_and_misplaced_quotas_are_inert() {
    let mut world = enforcing();
    world.put("/zookeeper/quota/zookeeper_limits", b"count=0,bytes=0=;countHardLimit=0");
    world.put("/zookeeper/quota/zookeeper_stats", b"");
    world.put("/a", b"");
    world.set_quota("/a", "count=x,,bytes,=;countHardLimit");
    world.put("/a/b", b"1");
    world.put("/b", b"");
    world.set_quota("/b", &format!("count=0,bytes=0=;countHardLimit=0{}", ",".repeat(2000)));
    world.put("/b/c", b"1");
    world.delete("/zookeeper/quota/zookeeper_limits").unwrap();
    world.assert_replays();
}

#[test]
fn the_length_of_a_configuration_counts_for_a_quota_above_it() {
    let mut world = World::new();
    world.set_quota("/zookeeper/config", "count=-1,bytes=-1");
    world.database.show_config("version=0", Zxid(0));
    world.database.show_config("version=10", Zxid(0x10));
    assert_eq!(world.usage("/zookeeper/config"), "count=1,bytes=10");
}
