//! What an auth packet comes to, and who one is then.

use paddock_tests::client::{Client, Frame};
use paddock_tests::request::Request;

use crate::callers::{CALLERS, OWNER};
use crate::normal;
use crate::place::both;

/// Credentials of every scheme; `None` is the null one.
const CREDENTIALS: &[(&str, Option<&[u8]>)] = &[
    ("digest", Some(b"u:p")),
    ("digest", Some(b"")),
    ("digest", Some(b":")),
    ("digest", Some(b"u:p:q")),
    ("digest", None),
    ("ip", None),
    ("ip", Some(b"10.0.0.1")),
    ("x509", None),
    ("x509", Some(b"CN=alice")),
    ("sasl", None),
    ("sasl", Some(b"alice")),
    ("ensemble", None),
    ("ensemble", Some(b"")),
    ("ensemble", Some(b"paddock")),
    ("ensemble", Some(b"meadow")),
    ("ensemble", Some(b" meadow")),
    ("ensemble", Some(b"elsewhere")),
    ("key", None),
    ("key", Some(b"")),
    ("key", Some(b"10")),
    ("key", Some(b"0")),
    ("key", Some(b"+10")),
    ("key", Some(b"-10")),
    ("key", Some(b"7")),
    ("key", Some(b"ten")),
    ("super", Some(b"")),
    ("world", Some(b"anyone")),
    ("auth", None),
    ("nobody", Some(b"a")),
    ("", None),
];

/// What the packet and then the question who one is come to, until the connection ends.
fn asked(client: &mut Client, (scheme, credential): (&str, Option<&[u8]>)) -> Vec<String> {
    client.queue(&Request::Auth { scheme: Some(scheme.into()), data: credential.map(<[u8]>::to_vec) });
    if client.flush().is_err() {
        return vec!["closed".into()];
    }
    let first = normal::told(client.next_frame());
    let then = if first.contains("err: 0") {
        normal::told(client.call(&Request::who_am_i()).map(Frame::Reply))
    } else {
        client.expect_close().map_or_else(|error| error.to_string(), |()| "closed".to_owned())
    };
    vec![first, then]
}

#[test]
fn credentials_come_to_the_same() {
    let servers = both();
    let mut owners = servers.each_ref().map(|server| OWNER.connect(server));
    // Without the znode, with one that divides, and with others.
    for key in [None, Some("5"), Some("0"), Some("five"), Some("")] {
        if let Some(key) = key {
            let set = Request::multi(vec![Request::create("/key", key.as_bytes(), 0)]);
            for owner in &mut owners {
                let _ = owner.call(&Request::delete("/key", -1));
                owner.ok(&set);
            }
        }
        for credential in CREDENTIALS {
            let told = servers.each_ref().map(|server| asked(&mut CALLERS[0].connect(server), *credential));
            assert_eq!(told[0], told[1], "/key is {key:?}, {credential:?}");
        }
    }
}
