//! How replies and notifications are written.

use paddock_engine::event::EventKind;
use paddock_engine::jute::Write;

use crate::frame;

/// The xid of notifications.
const XID_NOTIFICATION: i32 = -1;
/// The xid of every ping's reply, whatever the ping's own was.
pub const XID_PING: i32 = -2;
/// The state that notifications carry: connected.
const STATE_CONNECTED: i32 = 3;

/// Begins a reply: appends its header, so that its body can be appended. Returns what [`frame::end`] takes.
pub fn begin(xid: i32, zxid: i64, code: i32, out: &mut Vec<u8>) -> usize {
    let start = frame::begin(out);
    out.put_i32(xid);
    out.put_i64(zxid);
    out.put_i32(code);
    start
}

/// Appends a reply. One with an error code has no body.
pub fn write(xid: i32, zxid: i64, code: i32, body: &[u8], out: &mut Vec<u8>) {
    let start = begin(xid, zxid, code, out);
    out.extend_from_slice(body);
    frame::end(out, start);
}

/// Appends a notification. `zxid` is that of the transaction, or -1 if the client has missed the event and is told later.
pub fn write_notification(kind: EventKind, zxid: i64, path: &str, out: &mut Vec<u8>) {
    let start = begin(XID_NOTIFICATION, zxid, 0, out);
    out.put_i32(kind as i32);
    out.put_i32(STATE_CONNECTED);
    out.put_string(path);
    frame::end(out, start);
}

#[cfg(test)]
mod tests {
    use super::{EventKind, write, write_notification};

    #[test]
    fn known_frames() {
        let mut out = Vec::new();
        write(3, 5, -101, &[], &mut out);
        assert_eq!(out, [0, 0, 0, 16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 255, 255, 255, 0x9b]);
        out.clear();
        write_notification(EventKind::Created, 6, "/a", &mut out);
        let mut expected = vec![0, 0, 0, 0x1e, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0];
        expected.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 2, b'/', b'a']);
        assert_eq!(out, expected);
    }
}
