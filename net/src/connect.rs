//! The handshake: the first frame each way, which has no header.

use paddock_engine::jute::{Malformed, Reader, Write};

use crate::frame;

/// Bytes of a session's password.
pub const PASSWORD: usize = 16;

/// What a client opens with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectRequest<'a> {
    /// The newest zxid that the client has seen; a server that knows less must not take it.
    pub last_zxid_seen: i64,
    /// The timeout that the client asks for, ms.
    pub timeout: i32,
    /// The session that comes back; 0 asks for a new one.
    pub session: i64,
    pub password: Option<&'a [u8]>,
    /// The read-only flag. Clients older than 3.4 do not send it, and must not be sent it.
    pub read_only: Option<bool>,
}

impl<'a> ConnectRequest<'a> {
    pub fn read(payload: &'a [u8]) -> Result<ConnectRequest<'a>, Malformed> {
        let mut reader = Reader::new(payload);
        // The protocol's version, which nobody looks at.
        reader.i32()?;
        Ok(ConnectRequest {
            last_zxid_seen: reader.i64()?,
            timeout: reader.i32()?,
            session: reader.i64()?,
            password: reader.buffer()?,
            read_only: reader.bool().ok(),
        })
    }
}

/// Appends the answer to a handshake. `read_only`: whether the client is only served reads, `None` if it did not send the
/// flag that asks. A timeout of 0, session 0 and a password of zeros are a refusal.
pub fn write_response(
    timeout: i32,
    session: i64,
    password: [u8; PASSWORD],
    read_only: Option<bool>,
    out: &mut Vec<u8>,
) {
    let start = frame::begin(out);
    out.put_i32(0);
    out.put_i32(timeout);
    out.put_i64(session);
    out.put_buffer(Some(&password));
    if let Some(read_only) = read_only {
        out.put_bool(read_only);
    }
    frame::end(out, start);
}

/// Appends the refusal, by which a client learns that its session is gone.
pub fn write_refusal(read_only: Option<bool>, out: &mut Vec<u8>) {
    write_response(0, 0, [0; PASSWORD], read_only, out);
}

/// The password of a session. It is computed from the id as `java.util.Random` does it, so that every server of an ensemble
/// can check it without having seen the session. So it protects against mistakes and not against attackers.
pub fn password_of(session: i64) -> [u8; PASSWORD] {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (session as u64 ^ 0xB341_5C00 ^ MULTIPLIER) & MASK;
    let mut password = [0; PASSWORD];
    for word in password.chunks_exact_mut(4) {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        word.copy_from_slice(&((state >> 16) as u32).to_le_bytes());
    }
    password
}

#[cfg(test)]
mod tests {
    use super::{ConnectRequest, password_of, write_refusal, write_response};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn trap_007_passwords_follow_from_the_low_48_bits() {
        assert_eq!(hex(&password_of(0x0000000000000001)), "054cc74a37327db215e702e20c73f005");
        assert_eq!(password_of(0x0100000000000001), password_of(1));
        assert_eq!(hex(&password_of(0x0100012345670000)), "4be494d27cc739baa123244a251a7415");
        assert_eq!(hex(&password_of(0x02000000abcd0003)), "16a0ad9962fa794bba235a6d48b27b00");
    }

    #[test]
    fn trap_003_the_flag_is_answered_only_if_it_was_sent() {
        let mut out = Vec::new();
        write_response(1, 2, [0; 16], None, &mut out);
        assert_eq!(out.len(), 40);
        out.clear();
        write_refusal(Some(false), &mut out);
        assert_eq!(
            hex(&out),
            "00000025000000000000000000000000000000000000001000000000000000000000000000000000".to_owned() + "00"
        );
    }

    #[test]
    fn a_handshake_without_the_flag() {
        let mut payload = vec![0; 4 + 8 + 4 + 8];
        payload[15] = 9;
        payload.extend_from_slice(&[255; 4]);
        let request = ConnectRequest::read(&payload).unwrap();
        assert_eq!((request.timeout, request.password, request.read_only), (9, None, None));
        payload.push(1);
        assert_eq!(ConnectRequest::read(&payload).unwrap().read_only, Some(true));
        assert!(ConnectRequest::read(&payload[..20]).is_err());
    }
}
