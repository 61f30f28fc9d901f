//! Frames: a length of four bytes, and so many bytes of payload.

/// Bytes of the length in front of a frame.
pub const PREFIX: usize = 4;

/// A length that what it stands before cannot have; the connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadLength(pub i32);

/// The first frame's payload, or `None` while it is incomplete. `length_max` is inclusive.
///
/// A bad length is recognised by the prefix alone, before any of the payload has come.
pub fn first(bytes: &[u8], length_max: usize) -> Result<Option<&[u8]>, BadLength> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let claimed = i32::from_be_bytes(*prefix);
    match usize::try_from(claimed) {
        Ok(length) if length <= length_max => Ok(rest.get(..length)),
        _ => Err(BadLength(claimed)),
    }
}

/// The length that a frame will have of which only a part has come; 0 while not even its length has come.
pub fn announced(bytes: &[u8]) -> usize {
    bytes.first_chunk::<PREFIX>().and_then(|prefix| usize::try_from(i32::from_be_bytes(*prefix)).ok()).unwrap_or(0)
}

/// Begins a frame at the end of `out`: room for the length, which [`end`] fills in. Returns what [`end`] wants.
pub fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; PREFIX]);
    out.len()
}

/// Ends the frame whose payload begins at `start`.
pub fn end(out: &mut [u8], start: usize) {
    let length = paddock_engine::jute::wire_length(out.len() - start);
    out[start - PREFIX..start].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::{BadLength, announced, begin, end, first};

    #[test]
    fn frames_are_whole_or_not_there() {
        assert_eq!(first(&[0, 0, 0], 10), Ok(None));
        assert_eq!(first(&[0, 0, 0, 2, 7], 10), Ok(None));
        assert_eq!(first(&[0, 0, 0, 2, 7, 8, 9], 10), Ok(Some(&[7, 8][..])));
        assert_eq!(first(&[0, 0, 0, 0], 10), Ok(Some(&[][..])));
    }

    #[test]
    fn a_part_of_a_frame_announces_the_whole() {
        assert_eq!([announced(&[0, 0, 1]), announced(&[0, 0, 1, 2]), announced(&[255; 9])], [0, 258, 0]);
    }

    #[test]
    fn lengths_out_of_range_are_told_early() {
        assert_eq!(first(&[0, 0, 0, 11], 10), Err(BadLength(11)));
        assert_eq!(first(&[255, 255, 255, 255], 10), Err(BadLength(-1)));
        assert_eq!(first(&[0x7f, 255, 255, 255], 10), Err(BadLength(i32::MAX)));
        assert_eq!(first(&[0, 0, 0, 10], 10), Ok(None));
    }

    #[test]
    fn a_written_frame_reads_back() {
        let mut out = vec![1];
        let start = begin(&mut out);
        out.extend_from_slice(b"abc");
        end(&mut out, start);
        assert_eq!(first(&out[1..], 10), Ok(Some(&b"abc"[..])));
    }
}
