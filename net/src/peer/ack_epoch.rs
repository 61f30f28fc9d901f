//! The data of ACKEPOCH: the epoch that the learner's history is of. Its zxid is where that history ends.

use paddock_consensus::Epoch;
use paddock_engine::jute::{Malformed, Reader, Write};

/// In the place of an epoch: the learner has promised this epoch before, so that its answer counts for nothing.
const PROMISED_BEFORE: i32 = -1;

/// The learner's current epoch; `None` if it has promised the new one before.
///
/// # Errors
/// If there is no epoch, or one that cannot be.
pub fn read(data: Option<&[u8]>) -> Result<Option<Epoch>, Malformed> {
    match Reader::new(data.ok_or(Malformed)?).i32()? {
        PROMISED_BEFORE => Ok(None),
        epoch @ 0.. => Ok(Some(Epoch(epoch))),
        _ => Err(Malformed),
    }
}

/// Appends it.
pub fn write(current: Option<Epoch>, out: &mut Vec<u8>) {
    out.put_i32(current.map_or(PROMISED_BEFORE, |epoch| epoch.0));
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Epoch;
    use paddock_engine::jute::Malformed;

    use super::{read, write};

    #[test]
    fn an_epoch_or_a_former_promise() {
        for (current, bytes) in [(Some(Epoch(4)), [0, 0, 0, 4]), (Some(Epoch(0)), [0; 4]), (None, [255; 4])] {
            let mut out = Vec::new();
            write(current, &mut out);
            assert_eq!((&out[..], read(Some(&bytes))), (&bytes[..], Ok(current)));
        }
    }

    #[test]
    fn what_is_no_epoch_is_refused() {
        for data in [None, Some(&[][..]), Some(&[0, 0, 0][..]), Some(&[255, 255, 255, 254]), Some(&[128, 0, 0, 0])] {
            assert_eq!(read(data), Err(Malformed));
        }
    }
}
