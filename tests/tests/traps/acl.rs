//! ACLs and authentication.
use crate::ground::{Place, SUPER, assert_closed, client, is_current, only, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{Acl, err, flags, perms, watcher};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use std::net::{Ipv6Addr, SocketAddr};

/// The digest id of `u:p`.
const USER: &str = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

fn who_am_i(client: &mut Client) -> Vec<(String, String)> {
    let Body::Clients(Some(entries)) = client.ok(&Request::who_am_i()).body else { panic!("no list") };
    let mut entries: Vec<_> =
        entries.into_iter().map(|(scheme, user)| (scheme.unwrap_or_default(), user.unwrap_or_default())).collect();
    entries.sort();
    entries
}

fn entry(scheme: &str, user: &str) -> (String, String) {
    (scheme.into(), user.into())
}

#[test]
fn trap_064_authentication_does_not_help_what_came_before_it() {
    let place = Place::new("trap_064");
    let mut owner = place.user(b"u:p");
    let path = place.path("/mine");
    owner.ok(&Request::create_with_acl(&path, vec![Acl::new(perms::ALL, "auth", "")], 0));
    let mut client = place.client();
    for request in [
        Request::get_data(&path, false),
        Request::set_data(&path, b"", -1),
        Request::auth("digest", b"u:p"),
        Request::get_data(&path, false),
        Request::set_data(&path, b"", -1),
    ] {
        client.queue(&request);
    }
    client.flush().expect("the requests are taken");
    let mut codes: Vec<(i32, i32)> =
        (0..5).map(|_| client.next_reply().expect("a reply")).map(|r| (r.xid, r.err)).collect();
    // The answer to the authentication may overtake.
    codes.sort();
    assert_eq!(codes, [(-4, 0), (1, err::NO_AUTH), (2, err::NO_AUTH), (3, 0), (4, 0)]);
}

#[test]
fn trap_065_auth_of_nobody_is_an_invalid_acl() {
    let place = Place::new("trap_065");
    let mut client = place.client();
    let auth = Acl::new(perms::ALL, "auth", "");
    let open = Acl::new(perms::ALL, "world", "anyone");
    client.ok(&Request::auth("ip", b""));
    for acl in [vec![auth.clone()], vec![open.clone(), auth.clone()], vec![auth.clone(), open]] {
        let create = Request::create_with_acl(&place.path("/a"), acl.clone(), 0);
        assert_eq!(client.code(&create), err::INVALID_ACL, "{acl:?}");
        assert_eq!(client.code(&Request::set_acl(&place.path(""), acl, -1)), err::INVALID_ACL);
    }
    client.ok(&Request::auth("digest", b"u:p"));
    client.ok(&Request::create_with_acl(&place.path("/a"), vec![auth], 0));
}

#[test]
fn trap_066_the_id_of_auth_may_be_null() {
    let place = Place::new("trap_066");
    let mut client = place.user(b"u:p");
    let path = place.path("/a");
    let auth = Acl { perms: perms::READ | perms::ADMIN, scheme: Some("auth".into()), id: None };
    client.ok(&Request::create_with_acl(&path, vec![auth], 0));
    assert_eq!(client.ok(&Request::get_acl(&path)).acl(), only(17, "digest", USER));
}

#[test]
fn trap_067_duplicates_in_an_acl_collapse() {
    let place = Place::new("trap_067");
    let mut client = place.client();
    let (open, read) = (Acl::new(perms::ALL, "world", "anyone"), Acl::new(perms::READ, "ip", "10.0.0.1"));
    let given = vec![read.clone(), open.clone(), read.clone(), open.clone(), open.clone()];
    let path = place.path("/a");
    client.ok(&Request::create_with_acl(&path, given.clone(), 0));
    assert_eq!(client.ok(&Request::get_acl(&path)).acl(), [read.clone(), open.clone()]);
    client.ok(&Request::set_acl(&path, Acl::open(), 0));
    client.ok(&Request::set_acl(&path, given, 1));
    assert_eq!(client.ok(&Request::get_acl(&path)).acl(), [read, open]);
}

#[test]
fn trap_068_hashes_are_shown_to_administrators_only() {
    let place = Place::new("trap_068");
    let mut owner = place.user(b"u:p");
    let path = place.path("/a");
    let acl = vec![
        Acl::new(perms::READ, "world", "anyone"),
        Acl::new(perms::ALL, "digest", USER),
        Acl::new(perms::READ, "ip", "10.0.0.1"),
        Acl::new(perms::WRITE, "digest", "v:hash"),
    ];
    owner.ok(&Request::create_with_acl(&path, acl.clone(), 0));
    assert_eq!(owner.ok(&Request::get_acl(&path)).acl(), acl);
    let mut masked = acl;
    masked[1].id = Some("u:x".into());
    masked[3].id = Some("v:x".into());
    assert_eq!(place.client().ok(&Request::get_acl(&path)).acl(), masked);
    owner.ok(&Request::set_acl(&path, only(perms::ALL & !perms::READ & !perms::ADMIN, "world", "anyone"), 0));
    assert_eq!(owner.code(&Request::get_acl(&path)), err::NO_AUTH);
    assert_eq!(place.user(SUPER).code(&Request::get_acl(&path)), err::OK);
}

#[test]
fn trap_069_the_root_has_an_acl_like_any_other() {
    let server = setup().start();
    let (mut owner, mut other) = (client(&server), client(&server));
    owner.ok(&Request::auth("digest", b"u:p"));
    owner.ok(&Request::set_acl("/", vec![Acl::new(perms::ALL, "auth", "")], -1));
    let refused = [
        Request::get_children("/", false),
        Request::get_data("/", false),
        Request::exists("/", false),
        Request::create("/a", b"", 0),
        Request::set_data("/", b"", -1),
        Request::get_acl("/"),
        Request::delete("/zookeepe", -1),
    ];
    for request in refused {
        // Debian's 3.8.0 needs no permission for exists.
        if is_current() || request != Request::exists("/", false) {
            assert_eq!(other.code(&request), err::NO_AUTH, "{request:?}");
        }
    }
    other.ok(&Request::get_children("/zookeeper", false));
    owner.ok(&Request::create("/a", b"", 0));
    assert_eq!(owner.ok(&Request::get_children("/", false)).names().len(), 2);
    // Those of the root's other name too.
    assert_eq!(other.code(&Request::get_data("", false)), err::NO_AUTH);
}

#[test]
fn trap_070_addresses_are_written_like_java_writes_them() {
    let server = setup().config("clientPortAddress", "::").start();
    let mut mapped = client(&server);
    assert_eq!(who_am_i(&mut mapped), [entry("ip", "127.0.0.1")]);
    let port = server.address().port();
    let mut six = Client::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), 10_000).expect("welcome");
    assert_eq!(who_am_i(&mut six), [entry("ip", "0:0:0:0:0:0:0:1")]);
    mapped.ok(&Request::create_with_acl("/four", only(perms::ALL, "ip", "127.0.0.1"), 0));
    mapped.ok(&Request::get_data("/four", false));
    assert_eq!(six.code(&Request::get_data("/four", false)), err::NO_AUTH);
    // 3.8.0 knows no IPv6 here.
    if is_current() {
        six.ok(&Request::create_with_acl("/six", only(perms::ALL, "ip", "::1"), 0));
        six.ok(&Request::get_data("/six", false));
        assert_eq!(mapped.code(&Request::get_data("/six", false)), err::NO_AUTH);
    }
}

#[test]
fn trap_071_an_address_matches_no_other_family() {
    let server = setup().config("clientPortAddress", "::").start();
    let mut four = client(&server);
    let port = server.address().port();
    let mut six = Client::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), 10_000).expect("welcome");
    four.ok(&Request::create_with_acl("/four", only(perms::READ, "ip", "0.0.0.0/0"), 0));
    assert_eq!(four.code(&Request::get_data("/four", false)), err::OK);
    assert_eq!(six.code(&Request::get_data("/four", false)), err::NO_AUTH);
    if is_current() {
        four.ok(&Request::create_with_acl("/six", only(perms::READ, "ip", "::/0"), 0));
        assert_eq!(six.code(&Request::get_data("/six", false)), err::OK);
        assert_eq!(four.code(&Request::get_data("/six", false)), err::NO_AUTH);
    }
}

#[test]
fn trap_072_super_is_above_acls_and_nothing_else() {
    let place = Place::on(setup().property("zookeeper.enforceQuota", "true").start(), "trap_072");
    let (mut client, mut master) = (place.client(), place.user(SUPER));
    let path = place.path("/a");
    client.ok(&Request::create_with_acl(&path, only(perms::READ, "digest", "nobody:here"), 0));
    assert_eq!(client.code(&Request::set_data(&path, b"", -1)), err::NO_AUTH);
    master.ok(&Request::set_data(&path, b"", -1));
    master.ok(&Request::create(&place.path("/a/b"), b"", 0));
    master.ok(&Request::create("/zookeeper/config/c", b"", 0));
    assert_eq!(master.code(&Request::set_data(&path, b"", 7)), err::BAD_VERSION);
    assert_eq!(master.code(&Request::delete(&path, -1)), err::NOT_EMPTY);
    assert_eq!(master.code(&Request::delete("/zookeeper", -1)), err::BAD_ARGUMENTS);
    let quota = format!("/zookeeper/quota{}", place.path(""));
    master.ok(&Request::create(&quota, b"", 0));
    let limits = b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3";
    master.ok(&Request::create(&format!("{quota}/zookeeper_limits"), limits, 0));
    master.ok(&Request::create(&format!("{quota}/zookeeper_stats"), b"", 0));
    assert_eq!(master.code(&Request::create(&place.path("/too-many"), b"", 0)), err::QUOTA_EXCEEDED);
    assert!(who_am_i(&mut master).contains(&entry("super", "")));
    let settable = Request::create_with_acl(&place.path("/s"), only(perms::ALL, "super", "x"), 0);
    assert_eq!(master.code(&settable), err::INVALID_ACL);
}

#[test]
fn trap_073_enforced_authentication_refuses_even_pings() {
    let server = setup()
        .property("zookeeper.enforce.auth.enabled", "true")
        .property("zookeeper.enforce.auth.schemes", "digest")
        .start();
    let mut pinging = client(&server);
    let reply = pinging.call(&Request::ping()).expect("a reply");
    assert_eq!((reply.xid, reply.zxid, reply.err), (-2, 0, err::SESSION_CLOSED_REQUIRE_AUTH));
    assert_closed(&mut pinging);
    for request in [Request::exists("/", false), Request::create("/a", b"", 0), Request::close()] {
        let mut client = client(&server);
        let reply = client.call(&request).expect("a reply");
        assert_eq!((reply.zxid, reply.err), (0, err::SESSION_CLOSED_REQUIRE_AUTH), "{request:?}");
        assert_closed(&mut client);
    }
    let mut known = client(&server);
    known.ok(&Request::auth("digest", b"u:p"));
    known.ok(&Request::ping());
    known.ok(&Request::create("/a", b"", 0));
}

#[test]
fn trap_074_exists_needs_read_where_there_is_something() {
    let place = Place::new("trap_074");
    let mut owner = place.user(b"u:p");
    let path = place.path("/a");
    owner.ok(&Request::create_with_acl(&path, vec![Acl::new(perms::ALL, "auth", "")], 0));
    let mut client = place.client();
    assert_eq!(client.code(&Request::exists(&place.path("/a/missing"), true)), err::NO_NODE);
    if is_current() {
        assert_eq!(client.code(&Request::exists(&path, true)), err::NO_AUTH);
        let registered = Request::check_watches(&path, watcher::DATA);
        assert_eq!(client.code(&registered), err::NO_WATCHER, "no watch was set");
    }
}

#[test]
fn trap_075_the_configuration_cannot_be_written_by_default() {
    let place = Place::on(setup().config("reconfigEnabled", "true").start(), "trap_075");
    let (mut client, mut master) = (place.client(), place.user(SUPER));
    let reconfig = Request::Reconfig { joining: None, leaving: Some("2".into()), members: None, config_id: -1 };
    // A standalone server has nothing to reconfigure: that is found out before the permission.
    assert_eq!(client.code(&reconfig), err::UNIMPLEMENTED);
    assert_eq!(client.code(&Request::set_data("/zookeeper/config", b"", -1)), err::NO_AUTH);
    assert_eq!(client.code(&Request::set_acl("/zookeeper/config", Acl::open(), -1)), err::NO_AUTH);
    client.ok(&Request::get_data("/zookeeper/config", false));
    assert_eq!(client.ok(&Request::get_acl("/zookeeper/config")).acl(), only(perms::READ, "world", "anyone"));
    master.ok(&Request::set_data("/zookeeper/config", b"", -1));
    let other = Place::new("trap_075");
    assert_eq!(other.client().code(&reconfig), err::RECONFIG_DISABLED);
    assert_eq!(other.client().code(&Request::create("/zookeeper/config/a", b"", flags::EPHEMERAL)), err::NO_AUTH);
}

/// Trap 100 belongs to the credentials.
#[test]
fn trap_100_who_am_i_tells_the_address_and_no_password() {
    let place = Place::new("trap_100");
    let mut client = place.client();
    assert_eq!(who_am_i(&mut client), [entry("ip", "127.0.0.1")]);
    client.ok(&Request::auth("digest", b"u:p"));
    client.ok(&Request::auth("digest", b"u:p"));
    client.ok(&Request::auth("digest", SUPER));
    let expected = [entry("digest", "super"), entry("digest", "u"), entry("ip", "127.0.0.1"), entry("super", "")];
    assert_eq!(who_am_i(&mut client), expected);
    client.ok(&Request::auth("ip", b"10.9.8.7"));
    assert_eq!(who_am_i(&mut client), expected);
}
