//! The word by which two servers of this kind find each other, behind fields whose rest ZooKeeper does not read.
//!
//! ```text
//! "PDK1", u32 features
//! ```
//!
//! Whoever sends none has no feature. What a bit means is the consensus's; no rule of safety depends on any.

use paddock_consensus::settings::Features;

/// What the word begins with.
const MARK: [u8; 4] = *b"PDK1";

/// The features that are told behind the fields.
pub fn read(behind_fields: &[u8]) -> Features {
    let features = behind_fields.strip_prefix(&MARK).and_then(|word| word.first_chunk());
    Features(features.map_or(0, |features| u32::from_be_bytes(*features)))
}

/// Appends the word, unless there is no feature to tell of.
pub fn write(features: Features, out: &mut Vec<u8>) {
    if features != Features::default() {
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&features.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::settings::Features;

    use super::{read, write};

    #[test]
    fn a_word_is_whole_or_not_there() {
        assert_eq!(read(b"PDK1\x80\0\0\x05"), Features(0x8000_0005));
        assert_eq!(read(b"PDK1\0\0\0\x05rest"), Features(5));
        for none in [&b""[..], b"PDK1", b"PDK1\0\0\0", b"PDK2\0\0\0\x05", b"\0PDK1\0\0\0\x05"] {
            assert_eq!(read(none), Features(0));
        }
    }

    #[test]
    fn without_a_feature_nothing_is_written() {
        let mut out = Vec::new();
        write(Features(0), &mut out);
        assert_eq!(out, []);
        write(Features(3), &mut out);
        assert_eq!((&out[..], read(&out)), (&b"PDK1\0\0\0\x03"[..], Features(3)));
    }
}
