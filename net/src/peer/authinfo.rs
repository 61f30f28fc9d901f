//! The identities of a client whose request is forwarded: a vector of (scheme, id), or null.

use paddock_engine::acl::Id;
use paddock_engine::jute::{Reader, Write, wire_length};

use super::arriving::{Arriving, Stop};

/// How many identities a packet may have: four times as many as a client of this server may prove.
pub const IDS_MAX: usize = 1024;
/// How long their texts may be together, bytes: likewise.
pub const TEXTS_MAX: usize = 256 * 1024;
/// What an authinfo takes at most, bytes.
pub const BYTES_MAX: usize = 4 + IDS_MAX * 8 + TEXTS_MAX;

/// What is wrong with an authinfo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadAuthinfo {
    /// More identities than there may be.
    Count(i32),
    /// A text that is null, or longer than what the ones before it have left.
    Length(i32),
}

/// Identities as they came. What is relayed is never decoded, so that not a byte of it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authinfo<'a> {
    count: usize,
    /// Whole identities, one behind the other.
    bytes: &'a [u8],
}

impl<'a> Authinfo<'a> {
    /// Reads one to its end; `None` is null. No text may be longer than `text_max` bytes. A count below -1 is an empty
    /// vector, as in ZooKeeper.
    pub fn read(arriving: &mut Arriving<'a>, text_max: usize) -> Result<Option<Authinfo<'a>>, Stop<BadAuthinfo>> {
        let claimed = arriving.i32()?;
        if claimed == -1 {
            return Ok(None);
        }
        let count = usize::try_from(claimed).unwrap_or(0);
        if count > IDS_MAX {
            return Err(Stop::Bad(BadAuthinfo::Count(claimed)));
        }
        let before = arriving.offset();
        let mut texts_left = TEXTS_MAX;
        for _ in 0..2 * count {
            let text = arriving.buffer(texts_left.min(text_max)).map_err(|stop| stop.map_bad(|bad| bad.0));
            let text = text.map_err(|stop| stop.map_bad(BadAuthinfo::Length))?;
            texts_left -= text.ok_or(Stop::Bad(BadAuthinfo::Length(-1)))?.len();
        }
        Ok(Some(Authinfo { count, bytes: arriving.since(before) }))
    }

    /// The identities; what is not UTF-8 becomes U+FFFD, as in ZooKeeper.
    pub fn ids(&self) -> Vec<Id> {
        let mut reader = Reader::new(self.bytes);
        let mut text = || {
            let text = reader.string().ok().flatten();
            text.expect("the texts were there when the authinfo was read").into_owned()
        };
        (0..self.count).map(|_| Id { scheme: text(), id: text() }).collect()
    }

    /// Appends it as it came.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(wire_length(self.count));
        out.extend_from_slice(self.bytes);
    }
}

/// Appends the null authinfo, which all packets but those of clients' requests have.
pub fn write_null(out: &mut Vec<u8>) {
    out.put_i32(-1);
}

/// Appends an authinfo of these identities.
pub fn write(ids: &[Id], out: &mut Vec<u8>) {
    out.put_i32(wire_length(ids.len()));
    for id in ids {
        out.put_string(&id.scheme);
        out.put_string(&id.id);
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::Id;

    use super::{Authinfo, BYTES_MAX, BadAuthinfo, IDS_MAX, TEXTS_MAX, write};
    use crate::peer::arriving::{Arriving, Incomplete, Stop};

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    fn written(ids: &[Id]) -> Vec<u8> {
        let mut out = Vec::new();
        write(ids, &mut out);
        out
    }

    fn read(bytes: &[u8]) -> Result<Option<Authinfo<'_>>, Stop<BadAuthinfo>> {
        Authinfo::read(&mut Arriving::new(bytes), TEXTS_MAX)
    }

    #[test]
    fn identities_come_back_and_go_on_as_they_came() {
        let ids = [id("ip", "10.0.0.7"), id("digest", "user:hash="), id("", "")];
        let bytes = written(&ids);
        assert_eq!(bytes[..12], *b"\0\0\0\x03\0\0\0\x02ip\0\0");
        let authinfo = read(&bytes).unwrap().unwrap();
        assert_eq!(authinfo.ids(), ids);
        let mut relayed = Vec::new();
        authinfo.write(&mut relayed);
        assert_eq!(relayed, bytes);
        for length in 0..bytes.len() {
            let Err(Stop::Incomplete(Incomplete { needed })) = read(&bytes[..length]) else {
                panic!("of {length} bytes")
            };
            assert!(length < needed && needed <= bytes.len());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_relayed_unchanged() {
        let bytes = b"\0\0\0\x01\0\0\0\x01\xff\0\0\0\x03a\xffb";
        let authinfo = read(bytes).unwrap().unwrap();
        assert_eq!(authinfo.ids(), [id("\u{fffd}", "a\u{fffd}b")]);
        let mut relayed = Vec::new();
        authinfo.write(&mut relayed);
        assert_eq!(relayed, bytes);
    }

    #[test]
    fn null_is_not_empty() {
        assert_eq!(read(&(-1i32).to_be_bytes()), Ok(None));
        for count in [0, -2, i32::MIN] {
            let bytes = i32::to_be_bytes(count);
            assert_eq!(read(&bytes).unwrap().unwrap().ids(), []);
        }
    }

    #[test]
    fn no_count_and_no_length_is_believed() {
        let refused = |bytes: &[u8]| read(bytes).map(|_| ()).unwrap_err();
        let count = |count: i32| refused(&count.to_be_bytes());
        let most = i32::try_from(IDS_MAX).unwrap();
        assert_eq!(count(most), Stop::Incomplete(Incomplete { needed: 8 }));
        for more in [most + 1, i32::MAX] {
            assert_eq!(count(more), Stop::Bad(BadAuthinfo::Count(more)));
        }
        let length = |length: i32| refused(&[1i32.to_be_bytes(), length.to_be_bytes()].concat());
        let longest = i32::try_from(TEXTS_MAX).unwrap();
        assert_eq!(length(longest), Stop::Incomplete(Incomplete { needed: 8 + TEXTS_MAX }));
        for bad in [-1, -2, longest + 1, i32::MAX, i32::MIN] {
            assert_eq!(length(bad), Stop::Bad(BadAuthinfo::Length(bad)));
        }
    }

    #[test]
    fn all_texts_together_have_a_bound() {
        let half = id("", &"h".repeat(TEXTS_MAX / 2));
        assert!(read(&written(&[half.clone(), half.clone()])).is_ok());
        let over = written(&[half.clone(), half, id("x", "")]);
        assert_eq!(read(&over), Err(Stop::Bad(BadAuthinfo::Length(1))));
        let most: Vec<Id> = (0..IDS_MAX).map(|_| id(&"s".repeat(TEXTS_MAX / IDS_MAX), "")).collect();
        assert_eq!((written(&most).len(), read(&written(&most)).is_ok()), (BYTES_MAX, true));
        let bytes = written(&[id("long", "")]);
        let guarded = Authinfo::read(&mut Arriving::new(&bytes), 3);
        assert_eq!(guarded, Err(Stop::Bad(BadAuthinfo::Length(4))));
    }
}
