//! The request for a session's ephemerals, and its answer.

use crate::database::Database;
use crate::jute::{Malformed, Reader, Write, wire_length};

/// Bytes of a vector's count.
const COUNT_BYTES: usize = 4;

/// The body of the answer to getEphemerals: those of the session's ephemerals that begin with the prefix which `body` asks
/// for. An answer of more than `bytes_max` bytes is no answer, as an undecodable request has none.
pub fn list(database: &Database, session: i64, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Malformed> {
    let prefix = Reader::new(body).string()?.unwrap_or_default();
    let mut list = vec![0; COUNT_BYTES];
    let mut count = 0;
    for path in database.ephemerals_with_prefix(session, &prefix) {
        list.put_string(path);
        count += 1;
        if list.len() > bytes_max {
            return Err(Malformed);
        }
    }
    list[..COUNT_BYTES].copy_from_slice(&wire_length(count).to_be_bytes());
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::list;
    use crate::database::{Database, Rules};
    use crate::jute::{Malformed, Reader, Write};
    use crate::tree::HashSeed;
    use crate::txn::{CreateKind, Txn, TxnHeader};

    #[test]
    fn ephemerals_are_listed_by_their_prefix_up_to_so_many_bytes() {
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        for (zxid, path) in [(1, "/a1"), (2, "/a2"), (3, "/b")] {
            let kind = CreateKind::Plain { opcode: 1, ephemeral: true };
            let txn = Txn::Create { kind, path: path.into(), data: None, acl: None, parent_cversion: -1 };
            database.apply(&TxnHeader { client: 5, cxid: 0, zxid, time: 1 }, &txn, None);
        }
        let ask = |session: i64, prefix: &str, most: usize| -> Result<Vec<String>, Malformed> {
            let mut body = Vec::new();
            body.put_string(prefix);
            let list = list(&database, session, &body, most)?;
            let mut reader = Reader::new(&list);
            let count = reader.count()?.unwrap_or(0);
            (0..count).map(|_| Ok(reader.string()?.unwrap_or_default().into_owned())).collect()
        };
        assert_eq!(ask(5, "/a", 100), Ok(vec!["/a1".to_owned(), "/a2".to_owned()]));
        assert_eq!(ask(5, "/", 100).map(|all| all.len()), Ok(3));
        assert_eq!(ask(6, "/", 100), Ok(vec![]));
        assert_eq!(ask(5, "/a", 18), Ok(vec!["/a1".to_owned(), "/a2".to_owned()]));
        assert_eq!(ask(5, "/a", 17), Err(Malformed));
        assert_eq!(list(&database, 5, b"\0\0", 100), Err(Malformed));
    }
}
