//! Whether a state's sessions are those of its history, and its ephemerals are its sessions'.

use std::collections::BTreeSet;

use paddock_engine::database::Database;
use paddock_engine::jute::Reader;
use paddock_engine::tree::OwnerKind;

/// Bytes of a record before its opcode: session, cxid, zxid and time.
const HEADER_BYTES: usize = 28;
const CREATE_SESSION: i32 = -10;
pub const CLOSE_SESSION: i32 = -11;

/// What a record is.
pub fn opcode_of(record: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(record.get(HEADER_BYTES..HEADER_BYTES + 4)?.try_into().ok()?))
}

/// The sessions that live after these records of a whole history.
pub fn living<'a>(records: impl Iterator<Item = &'a [u8]>) -> BTreeSet<i64> {
    let mut living = BTreeSet::new();
    for record in records {
        let session = || Reader::new(record).i64().expect("a record begins with its session");
        match opcode_of(record) {
            Some(CREATE_SESSION) => drop(living.insert(session())),
            Some(CLOSE_SESSION) => drop(living.remove(&session())),
            _ => {}
        }
    }
    living
}

/// What is wrong with a state in which these sessions should live.
pub fn check(database: &Database, living: &BTreeSet<i64>) -> Result<(), String> {
    let has: BTreeSet<i64> = database.sessions().map(|(session, _)| session).collect();
    if has != *living {
        let differ: Vec<String> = has.symmetric_difference(living).map(|session| format!("{session:#x}")).collect();
        return Err(format!("has not the sessions of its history: {}", differ.join(", ")));
    }
    let mut in_tree = BTreeSet::new();
    for znode in database.tree().head().iter() {
        if znode.owner_kind() == OwnerKind::Ephemeral {
            in_tree.insert((znode.stat().ephemeral_owner, znode.path().to_owned()));
        }
    }
    if let Some((owner, path)) = in_tree.iter().find(|(owner, _)| !has.contains(owner)) {
        return Err(format!("has the ephemeral {path} of session {owner:#x}, which is closed"));
    }
    let of_session = |session| database.ephemerals_of(session).map(move |path| (session, path.to_owned()));
    let owned: BTreeSet<(i64, String)> = has.iter().flat_map(|session| of_session(*session)).collect();
    match in_tree.symmetric_difference(&owned).next() {
        Some((owner, path)) => Err(format!("does not know {path} as what session {owner:#x} owns, or it is not there")),
        None => Ok(()),
    }
}
