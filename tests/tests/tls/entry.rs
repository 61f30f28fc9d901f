//! Who may enter, and as whom.
use super::{Secure, TIMEOUT_MS, figure};
use paddock_tests::certificates::Authority;
use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::Acl;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use paddock_tests::tls::Identity;

const NO_AUTH: i32 = -102;

fn is_refused(secure: &Secure, identity: &Identity) -> bool {
    match Client::connect(identity.tunnel(secure.address), TIMEOUT_MS) {
        Err(ClientError::Closed) => true,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

/// The identities of a client, as whoAmI tells them.
fn identities(client: &mut Client) -> Vec<(String, String)> {
    let Body::Clients(Some(list)) = client.ok(&Request::who_am_i()).body else { panic!("no list") };
    list.into_iter().map(|(scheme, user)| (scheme.unwrap_or_default(), user.unwrap_or_default())).collect()
}

#[test]
fn a_certificate_is_needed_unless_it_is_said_that_it_is_not() {
    for (client_auth, needs, asks) in [(None, true, true), (Some("want"), false, true), (Some("none"), false, false)] {
        let lines: Vec<_> = client_auth.map(|value| ("ssl.clientAuth", value)).into_iter().collect();
        let secure = Secure::start(&lines);
        let others = Authority::new();
        let strange = Identity::new(&secure.authority.certificate(), Some(&others.issue("/CN=strange", 30).store));
        let expired =
            Identity::new(&secure.authority.certificate(), Some(&secure.authority.issue("/CN=expired", -1).store));
        assert_eq!(is_refused(&secure, &secure.nobody()), needs, "{client_auth:?}");
        assert_eq!(is_refused(&secure, &strange), asks, "{client_auth:?}: signed by somebody else");
        assert_eq!(is_refused(&secure, &expired), asks, "{client_auth:?}: expired");
        assert!(!is_refused(&secure, &secure.identity("/CN=one")), "{client_auth:?}");
        let failed = i64::from(needs) + 2 * i64::from(asks);
        let counted =
            poll_until(DEADLINE, || (figure(&secure.server, "unsuccessful_handshake") == failed).then_some(()));
        assert!(counted.is_some(), "{} handshakes failed", figure(&secure.server, "unsuccessful_handshake"));
        assert_eq!(figure(&secure.server, "auth_failed_count"), failed);
        secure.server.assert_alive();
    }
}

#[test]
fn a_client_is_who_its_certificate_says() {
    let secure = Secure::start(&[("X509AuthenticationProvider.superUser", "CN=root,O=paddock")]);
    let mut one = secure.connect(&secure.identity("/O=paddock/CN=one"));
    let mut other = secure.connect(&secure.identity("/O=paddock/CN=other"));
    let mut root = secure.connect(&secure.identity("/O=paddock/CN=root"));
    let told = identities(&mut one);
    assert!(told.contains(&("x509".into(), "CN=one,O=paddock".into())), "{told:?}");
    let acl = |id: &str| Acl { perms: 31, scheme: Some("x509".into()), id: Some(id.into()) };
    one.ok(&Request::create_with_acl("/mine", vec![acl("CN=one,O=paddock")], 0));
    one.ok(&Request::get_data("/mine", false));
    assert_eq!(other.code(&Request::get_data("/mine", false)), NO_AUTH);
    root.ok(&Request::get_data("/mine", false));
    let mut plain = Client::connect(secure.server.address(), TIMEOUT_MS).expect("the plain port is there");
    assert_eq!(plain.code(&Request::get_data("/mine", false)), NO_AUTH);
}
