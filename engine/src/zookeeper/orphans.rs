//! Ephemerals whose sessions are not in the same state. A ZooKeeper writes its sessions before its znodes, and a session may begin or
//! end in between; nobody would ever delete what it has left.

use crate::database::Database;
use crate::tree::ExtendedTypes;

/// A znode with a time to live, where znodes have none: whoever wrote it was served with another setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeToLive {
    pub path: String,
}

/// Deletes them, as their sessions' end would have. Returns how many there were.
pub fn delete_orphans(database: &mut Database) -> Result<u64, TimeToLive> {
    let dead: Vec<i64> =
        database.ephemerals.keys().filter(|owner| !database.sessions.contains_key(owner)).copied().collect();
    let mut deleted = 0;
    for owner in dead {
        let knows_ttl = database.rules.extended_types != ExtendedTypes::Off;
        if !knows_ttl
            && is_ttl(owner)
            && let Some(path) = database.ephemerals_of(owner).next()
        {
            return Err(TimeToLive { path: path.to_owned() });
        }
        let zxid = database.last_zxid.0;
        while let Some(path) = database.pop_ephemeral(owner) {
            database.delete(&path, zxid, &mut None);
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Whether an owner can be that of a znode with a time to live. No server with that feature makes such a session.
fn is_ttl(owner: i64) -> bool {
    (owner as u64) >> 40 == 0xff_0000
}
