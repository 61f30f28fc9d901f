//! What is counted of the replies to reads.

use paddock_engine::request::opcode;

use crate::reactor_status::ReactorStatus;

/// Bytes of a reply before its body: its own length, and the header, which ends with the code.
const HEAD: usize = 20;
const CODE: std::ops::Range<usize> = 16..HEAD;
/// What stands before data, and before the names of children and each of them.
const LENGTH: usize = 4;
/// What ZooKeeper takes a Stat for.
const STAT: usize = 68;

/// Counts a reply as it goes on the wire. `body` is that of its request.
#[inline]
pub fn note(figures: &ReactorStatus, opcode: i32, body: &[u8], reply: &[u8]) {
    if opcode == opcode::PING {
        return figures.responses.note(reply.len().saturating_sub(LENGTH) as u64);
    }
    figures.note_response(reply.len());
    if let Some((path, bytes)) = read_by(opcode, body, reply) {
        figures.read_by_namespace.note(path, (path.len() + bytes) as u64);
    }
}

/// The path that was read, and what ZooKeeper counts besides it: the data or the names of children, and a Stat. Nothing is counted
/// of what failed, and of other reads.
#[inline]
fn read_by<'b>(opcode: i32, body: &'b [u8], reply: &[u8]) -> Option<(&'b [u8], usize)> {
    let counts = matches!(opcode, opcode::GET_DATA | opcode::EXISTS | opcode::GET_CHILDREN | opcode::GET_CHILDREN2);
    if !counts || reply.get(CODE)? != &[0; 4][..] {
        return None;
    }
    let length = u32::from_be_bytes(*body.first_chunk()?) as usize;
    let path = body.get(LENGTH..LENGTH + length)?;
    let told = reply.len() - HEAD;
    let bytes = match opcode {
        opcode::EXISTS => told,
        opcode::GET_DATA => told.saturating_sub(LENGTH),
        _ => {
            let children = u32::from_be_bytes(*reply.get(HEAD..)?.first_chunk()?) as usize;
            let names = told.saturating_sub(LENGTH + LENGTH * children);
            // The Stat is in one of the two replies only.
            if opcode == opcode::GET_CHILDREN { names + STAT } else { names }
        }
    };
    Some((path, bytes))
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Write;
    use paddock_engine::request::opcode;

    use super::note;
    use crate::reactor_status::ReactorStatus;
    use crate::reply;

    fn request(path: &str) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_string(path);
        body.put_bool(false);
        body
    }

    fn reply(code: i32, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        reply::write(1, 5, code, body, &mut out);
        out
    }

    #[test]
    fn reads_are_counted_for_their_namespace_as_zookeeper_counts_them() {
        let mut data = Vec::new();
        data.put_buffer(Some(b"12345"));
        data.extend_from_slice(&[0; 68]);
        let mut names = Vec::new();
        names.put_i32(2);
        names.put_string("x");
        names.put_string("yz");
        let with_stat = [&names[..], &[0; 68]].concat();
        for (opcode, told, expected) in [
            (opcode::GET_DATA, &data, 4 + 5 + 68),
            (opcode::EXISTS, &vec![0; 68], 4 + 68),
            (opcode::GET_CHILDREN, &names, 4 + 3 + 68),
            (opcode::GET_CHILDREN2, &with_stat, 4 + 3 + 68),
        ] {
            let figures = ReactorStatus::default();
            let reply = reply(0, told);
            note(&figures, opcode, &request("/a/b"), &reply);
            let counted: Vec<(&str, u64)> =
                figures.read_by_namespace.iter().map(|(name, sums)| (name, sums.sum)).collect();
            assert_eq!(counted, [("a", expected)], "{opcode}");
            assert_eq!(figures.response_bytes.get(), reply.len() as u64 - 4);
        }
    }

    #[test]
    fn what_failed_and_what_has_no_path_is_counted_for_none() {
        let figures = ReactorStatus::default();
        note(&figures, opcode::GET_DATA, &request("/a"), &reply(-101, &[]));
        note(&figures, opcode::GET_DATA, &[0, 0, 0, 200, b'/'], &reply(0, &[]));
        note(&figures, opcode::WHO_AM_I, &[], &reply(0, &[0; 4]));
        assert_eq!((figures.read_by_namespace.iter().count(), figures.response_bytes.get()), (0, 16 + 16 + 20));
        note(&figures, opcode::PING, &[], &reply(0, &[]));
        assert_eq!((figures.response_bytes.get(), figures.responses.told()), (16 + 16 + 20, [16, 16, 20]));
    }
}
