//! What a server answers, taken apart.
//!
//! ```text
//! reply   i32 xid | i64 zxid | i32 code | record        no record where the code is not 0
//! ```

use paddock_engine::acl::{Entry, Id};
use paddock_engine::jute::{Malformed, Reader};
use paddock_engine::request::opcode;

use super::code;
use super::stat::ShownStat;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyHeader {
    pub xid: i32,
    pub zxid: i64,
    pub code: i32,
}

impl ReplyHeader {
    pub fn read(reader: &mut Reader<'_>) -> Result<ReplyHeader, Malformed> {
        Ok(ReplyHeader { xid: reader.i32()?, zxid: reader.i64()?, code: reader.i32()? })
    }
}

/// The answer to one request; also one that the client gives itself, when there is no server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub code: i32,
    pub record: Vec<u8>,
}

impl Reply {
    pub fn of_code(code: i32) -> Reply {
        Reply { code, record: Vec::new() }
    }
}

/// What a server says to a hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// 0 or less where the session is over.
    pub timeout_ms: i32,
    pub session: i64,
    pub password: Vec<u8>,
    pub is_read_only: bool,
}

impl Welcome {
    /// Servers before 3.4 do not say whether they are read-only.
    pub fn read(payload: &[u8]) -> Result<Welcome, Malformed> {
        let mut reader = Reader::new(payload);
        reader.i32()?; // protocol version
        let (timeout_ms, session) = (reader.i32()?, reader.i64()?);
        let password = reader.buffer()?.unwrap_or_default().to_vec();
        let is_read_only = !reader.is_empty() && reader.bool()?;
        Ok(Welcome { timeout_ms, session, password, is_read_only })
    }
}

/// A null text of a server is an empty one here.
fn text(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    Ok(reader.string()?.unwrap_or_default().into_owned())
}

fn list<T>(
    reader: &mut Reader<'_>,
    mut one: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut items = Vec::new();
    for _ in 0..reader.count()?.unwrap_or(0) {
        items.push(one(reader)?);
    }
    Ok(items)
}

/// getData and reconfig. `None` is null data.
pub fn data(record: &[u8]) -> Result<(Option<Vec<u8>>, ShownStat), Malformed> {
    let mut reader = Reader::new(record);
    let data = reader.buffer()?.map(<[u8]>::to_vec);
    Ok((data, ShownStat::read(&mut reader)?))
}

/// getChildren2.
pub fn children(record: &[u8]) -> Result<(Vec<String>, ShownStat), Malformed> {
    let mut reader = Reader::new(record);
    let names = list(&mut reader, text)?;
    Ok((names, ShownStat::read(&mut reader)?))
}

/// getACL.
pub fn acl(record: &[u8]) -> Result<(Vec<Entry>, ShownStat), Malformed> {
    let mut reader = Reader::new(record);
    let entry = |reader: &mut Reader<'_>| {
        Ok(Entry { perms: reader.i32()?, id: Id { scheme: text(reader)?, id: text(reader)? } })
    };
    let entries = list(&mut reader, entry)?;
    Ok((entries, ShownStat::read(&mut reader)?))
}

/// exists, setData, setACL.
pub fn stat(record: &[u8]) -> Result<ShownStat, Malformed> {
    ShownStat::read(&mut Reader::new(record))
}

/// create: the path that the znode has. What may follow it is passed over.
/// A token of a negotiation; one that is not there is empty.
pub fn token(record: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok(Reader::new(record).buffer()?.unwrap_or_default().to_vec())
}

pub fn created(record: &[u8]) -> Result<String, Malformed> {
    text(&mut Reader::new(record))
}

/// getAllChildrenNumber.
pub fn number(record: &[u8]) -> Result<i32, Malformed> {
    Reader::new(record).i32()
}

/// getEphemerals.
pub fn paths(record: &[u8]) -> Result<Vec<String>, Malformed> {
    list(&mut Reader::new(record), text)
}

/// whoAmI: schemes and users.
pub fn identities(record: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    list(&mut Reader::new(record), |reader| Ok((text(reader)?, text(reader)?)))
}

/// A multi of deletions: the code of the first that has failed, or 0.
pub fn first_failure(record: &[u8]) -> Result<i32, Malformed> {
    let mut reader = Reader::new(record);
    loop {
        let (kind, is_last) = (reader.i32()?, reader.bool()?);
        reader.i32()?;
        if is_last {
            return Ok(code::OK);
        }
        if kind == opcode::ERROR {
            let failure = reader.i32()?;
            // Of one that has failed, the others were taken back, or were not tried.
            if failure != code::OK {
                return Ok(failure);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::{Malformed, Write as _};
    use paddock_engine::request::{opcode, write_multi_header};

    use super::{Welcome, children, first_failure, identities};

    #[test]
    fn a_welcome_may_lack_its_last_byte() {
        let mut payload = Vec::new();
        payload.put_i32(0);
        payload.put_i32(4000);
        payload.put_i64(7);
        payload.put_buffer(Some(&[1; 16]));
        let welcome = Welcome { timeout_ms: 4000, session: 7, password: vec![1; 16], is_read_only: false };
        assert_eq!(Welcome::read(&payload), Ok(welcome.clone()));
        payload.put_bool(true);
        assert_eq!(Welcome::read(&payload), Ok(Welcome { is_read_only: true, ..welcome }));
        assert_eq!(Welcome::read(&payload[..20]), Err(Malformed));
    }

    #[test]
    fn a_count_that_lies_reserves_nothing() {
        let mut record = Vec::new();
        record.put_i32(i32::MAX);
        record.put_string("a");
        assert_eq!(children(&record), Err(Malformed));
    }

    #[test]
    fn identities_are_pairs() {
        let mut record = Vec::new();
        record.put_i32(1);
        record.put_string("ip");
        record.put_string("127.0.0.1");
        assert_eq!(identities(&record), Ok(vec![("ip".to_owned(), "127.0.0.1".to_owned())]));
    }

    #[test]
    fn the_first_failure_of_a_multi_is_found() {
        let mut record = Vec::new();
        write_multi_header(opcode::DELETE, false, 0, &mut record);
        write_multi_header(-1, true, -1, &mut record);
        assert_eq!(first_failure(&record), Ok(0));
        let mut record = Vec::new();
        for code in [0, -101, -2] {
            write_multi_header(opcode::ERROR, false, code, &mut record);
            record.put_i32(code);
        }
        write_multi_header(-1, true, -1, &mut record);
        assert_eq!(first_failure(&record), Ok(-101));
        assert_eq!(first_failure(&record[..9]), Err(Malformed));
    }
}
