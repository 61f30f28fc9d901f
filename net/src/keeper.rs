//! ClickHouse Keeper's operations of its own, and how its clients find out which of them there are.
//!
//! ClickHouse's client first reads `/keeper/feature_flags`, or `/keeper/api_version` if there is none. Both are answered
//! although they are no znodes: no list shows them, nothing but getData sees them, and where there is a real znode of that
//! path, it is read instead. A connection that has read one of them may ask for Keeper's operations from then on; to
//! others they are unknown.

use paddock_engine::jute::{Reader, Write};
use paddock_engine::keeper;
use paddock_engine::request::{Watched, opcode};
use paddock_engine::stat::Stat;

const FEATURE_FLAGS: &str = "/keeper/feature_flags";
const API_VERSION: &str = "/keeper/api_version";

/// One bit for each feature. From the highest bit of the first byte on: filtered list, multiRead, check-not-exists,
/// create-if-not-exists, remove-recursive, watches in multiRead, check-stat, persistent watches. From the highest bit of the
/// second: create with Stat, try-remove, list with Stats and data. The third is for old clients, which read one byte too
/// many.
const FEATURES: &[u8] = &[0b1111_1111, 0b1110_0000, 0];
/// The version for clients that do not know the flags yet: it stands for everything up to check-not-exists.
const VERSION: &[u8] = b"3";

/// The data of a path that is answered though it is no znode.
pub fn virtual_data(path: &str) -> Option<&'static [u8]> {
    match path {
        FEATURE_FLAGS => Some(FEATURES),
        API_VERSION => Some(VERSION),
        _ => None,
    }
}

/// Appends such data, and a Stat whose fields are 0 but for the length of the data.
pub fn write_virtual(data: &[u8], out: &mut Vec<u8>) {
    out.put_buffer(Some(data));
    out.extend_from_slice(&Stat::default().to_wire(data.len(), 0, false));
}

/// Whether the request asks which of Keeper's operations there are.
pub fn asks(opcode: i32, body: &[u8]) -> bool {
    opcode == opcode::GET_DATA
        // Most requests are told apart by a look at their bytes.
        && [FEATURE_FLAGS, API_VERSION].iter().any(|path| body.get(4..4 + path.len()) == Some(path.as_bytes()))
        && Watched::read(&mut Reader::new(body)).is_ok_and(|request| request.path.is_some_and(is_virtual))
}

fn is_virtual(path: std::borrow::Cow<'_, str>) -> bool {
    virtual_data(&path).is_some()
}

/// Whether the reactor answers this operation to a connection that may ask for it. ZooKeeper's multiRead is among them,
/// because it can do more there.
pub fn is_read(opcode: i32) -> bool {
    matches!(
        opcode,
        opcode::MULTI_READ
            | keeper::opcode::FILTERED_LIST
            | keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA
            | keeper::opcode::CHECK_NOT_EXISTS
            | keeper::opcode::CHECK_STAT
    )
}

/// Whether the replica executes this operation of Keeper's own.
pub fn is_write(opcode: i32) -> bool {
    matches!(
        opcode,
        keeper::opcode::CREATE_IF_NOT_EXISTS | keeper::opcode::REMOVE_RECURSIVE | keeper::opcode::TRY_REMOVE
    )
}
