//! What a client is served by TLS is what it is served without.
use super::{Secure, TIMEOUT_MS};
use paddock_tests::client::{Client, Frame};
use paddock_tests::request::Request;

const LONG: usize = 1_000_000;
/// More replies than buffers have room for.
const MANY: usize = 20_000;

#[test]
fn operations_watches_and_multis() {
    let secure = Secure::start(&[]);
    let mut client = secure.connect(&secure.identity("/CN=one"));
    let mut plain = Client::connect(secure.server.address(), TIMEOUT_MS).expect("the plain port is there");
    client.ok(&Request::create("/a", b"by TLS", 0));
    assert_eq!(plain.ok(&Request::get_data("/a", false)).data(), Some(&b"by TLS"[..]));
    client.ok(&Request::get_data("/a", true));
    plain.ok(&Request::set_data("/a", b"plainly", -1));
    assert_eq!(client.next_event().expect("it watches").path, "/a");
    let multi = Request::multi(vec![Request::create("/b", b"", 0), Request::set_data("/a", b"both", -1)]);
    assert_eq!(client.ok(&multi).outcomes().len(), 2);
    assert_eq!(plain.ok(&Request::get_data("/a", false)).data(), Some(&b"both"[..]));
    client.ok(&Request::ping());
    client.ok(&Request::close());
    client.expect_close().expect("the session is over");
}

#[test]
fn long_and_many_replies_and_a_session_that_comes_back() {
    let secure = Secure::start(&[("jute.maxbuffer", "4194304")]);
    let identity = secure.identity("/CN=one");
    let mut client = secure.connect(&identity);
    let long: Vec<u8> = (0..LONG).map(|at| (at % 251) as u8).collect();
    client.ok(&Request::create("/long", &long, 0));
    assert!(client.ok(&Request::get_data("/long", false)).data() == Some(&long));
    // Asked all at once, so that the server has to wait until they are read.
    for _ in 0..MANY {
        client.queue(&Request::exists("/long", false));
    }
    for _ in 0..20 {
        client.queue(&Request::get_data("/long", false));
    }
    client.flush().expect("the server reads");
    for number in 0..MANY + 20 {
        let Ok(Frame::Reply(reply)) = client.next_frame() else { panic!("reply {number} did not come") };
        assert_eq!(reply.err, 0, "reply {number}");
    }
    let (session, zxid) = (client.session.clone(), client.last_zxid);
    drop(client);
    let mut again = Client::reattach(identity.tunnel(secure.address), &session, zxid).expect("the session lives");
    again.ok(&Request::exists("/long", false));
}

#[test]
fn old_and_new_versions() {
    let secure = Secure::start(&[("ssl.clientAuth", "none")]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let identity = paddock_tests::tls::Identity::with_versions(&secure.authority.certificate(), None, &[version]);
        let mut client = secure.connect(&identity);
        client.ok(&Request::exists("/", false));
    }
}
