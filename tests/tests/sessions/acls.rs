//! Who may do what: every operation against every permission and scheme, alone and in a multi, and what the operator's
//! settings change about it. `X` numbers are those of the list of faults.
use crate::{TIMEOUT_MS, ask, client, done, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{Acl, err, flags, op};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

const READ: i32 = 1;
const WRITE: i32 = 2;
const CREATE: i32 = 4;
const DELETE: i32 = 8;
const ADMIN: i32 = 16;
const ALL: [i32; 5] = [READ, WRITE, CREATE, DELETE, ADMIN];

/// `pat:passwd` by SHA-1.
const PAT: &str = "pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ=";
const SUPER: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

fn with_super(setup: Setup) -> Setup {
    property(setup, "DigestAuthenticationProvider.superDigest", SUPER)
}

fn property(setup: Setup, key: &str, value: &str) -> Setup {
    setup.config(key, value).property(&format!("zookeeper.{key}"), value)
}

fn superuser(server: &Server) -> Client {
    let mut client = client(server);
    done(&mut client, Request::auth("digest", b"super:test"));
    client
}

fn create(path: &str, acl: Vec<Acl>) -> Request {
    Request::Create { opcode: op::CREATE, path: Some(path.into()), data: Some(b"x".to_vec()), acl: Some(acl), flags: 0 }
}

fn set_acl(path: &str, acl: Vec<Acl>) -> Request {
    Request::SetAcl { path: Some(path.into()), acl: Some(acl), version: -1 }
}

/// A znode and its child, each with this list, as the superuser makes them for every question anew.
fn prepare(server: &mut Client, acl: &[Acl]) {
    for path in ["/z/c", "/z/new", "/z"] {
        server.call(&Request::delete(path, -1)).expect("a reply");
    }
    done(server, create("/z", acl.to_vec()));
    done(server, create("/z/c", acl.to_vec()));
}

/// A request about `/z` and `/z/c`, the permissions of which one is needed, and whether it may be in a multi.
fn operations() -> Vec<(Request, i32, bool)> {
    let path = |opcode, path: &str| Request::Path { opcode, path: Some(path.into()) };
    vec![
        (Request::get_data("/z", false), READ, false),
        (Request::exists("/z", false), if Kind::under_test().is_current() { READ } else { 31 }, false),
        (Request::get_children("/z", false), READ, false),
        (Request::get_children2("/z", false), READ, false),
        (path(op::GET_ALL_CHILDREN_NUMBER, "/z"), READ, false),
        (Request::get_acl("/z"), READ | ADMIN, false),
        (Request::set_data("/z", b"y", -1), WRITE, true),
        (set_acl("/z", Acl::open()), ADMIN, false),
        (create("/z/new", Acl::open()), CREATE, true),
        (Request::create2("/z/new", b"", flags::EPHEMERAL), CREATE, true),
        (Request::delete("/z/c", -1), DELETE, true),
        (Request::check("/z", -1), READ, true),
    ]
}

/// The error of a request, or of the only member of a multi.
fn outcome(client: &mut Client, request: &Request, in_multi: bool) -> i32 {
    if !in_multi {
        return ask(client, request.clone()).err;
    }
    let reply = done(client, Request::multi(vec![request.clone()]));
    let Body::Multi(outcomes) = reply.body else { panic!("the results of a multi") };
    match (&outcomes[0].kind, &outcomes[0].body) {
        (&op::ERROR, Body::Number(code)) => *code,
        _ => err::OK,
    }
}

#[test]
fn x1_every_operation_needs_its_permission_alone_and_in_a_multi() {
    let server = with_super(setup()).start();
    let mut maker = superuser(&server);
    let mut clients =
        [("a stranger", client(&server)), ("pat", client(&server)), ("the superuser", superuser(&server))];
    done(&mut clients[1].1, Request::auth("digest", b"pat:passwd"));
    for (scheme, id, held) in [
        ("world", "anyone", [true, true, true]),
        ("digest", PAT, [false, true, true]),
        ("ip", "127.0.0.0/8", [true, true, true]),
        ("ip", "10.0.0.0/8", [false, false, true]),
    ] {
        for granted in ALL {
            for (request, needed, may_be_member) in operations() {
                for in_multi in [false, true] {
                    // A check alone is no operation, and most others are no members.
                    if if in_multi { !may_be_member } else { request.opcode() == op::CHECK } {
                        continue;
                    }
                    for ((who, client), held) in clients.iter_mut().zip(held) {
                        prepare(&mut maker, &[Acl::new(granted, scheme, id)]);
                        let is_super = *who == "the superuser";
                        let allowed = is_super || needed == 31 || (held && needed & granted != 0);
                        let expected = if allowed { err::OK } else { err::NO_AUTH };
                        let got = outcome(client, &request, in_multi);
                        assert_eq!(
                            got, expected,
                            "{who}: {request:?} with {granted} for {scheme}:{id}, multi {in_multi}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn x1_members_of_a_multi_are_judged_by_what_earlier_members_did() {
    let server = setup().start();
    let mut client = client(&server);
    let hidden = vec![Acl::new(READ, "world", "anyone")];
    // The znode that the first member makes refuses the child of the second.
    let members = vec![create("/m", hidden), create("/m/c", Acl::open())];
    let Body::Multi(outcomes) = done(&mut client, Request::multi(members)).body else {
        panic!("the results of a multi")
    };
    assert_eq!(outcomes[1].body, Body::Number(err::NO_AUTH));
    assert_eq!(ask(&mut client, Request::exists("/m", false)).err, err::NO_NODE);
}

#[test]
fn x1_a_multi_read_judges_each_member() {
    let server = with_super(setup()).start();
    let mut maker = superuser(&server);
    prepare(&mut maker, &[Acl::new(READ, "digest", PAT)]);
    let mut stranger = client(&server);
    let members = vec![
        Request::get_data("/z", false),
        Request::get_children("/z", false),
        Request::get_children("/zookeeper", false),
        Request::get_data("/z/c", false),
    ];
    let reply = done(&mut stranger, Request::Multi { opcode: op::MULTI_READ, members });
    let Body::Multi(outcomes) = reply.body else { panic!("the results of a multi") };
    let errors: Vec<bool> = outcomes.iter().map(|outcome| outcome.body == Body::Number(err::NO_AUTH)).collect();
    assert_eq!(errors, [true, true, false, true]);
}

#[test]
fn trap_64_x2_credentials_count_from_their_packet_on() {
    let server = with_super(setup()).start();
    let mut maker = superuser(&server);
    done(&mut maker, create("/z", vec![Acl::new(31, "digest", PAT)]));
    let mut pat = client(&server);
    pat.queue(&Request::set_data("/z", b"early", -1));
    pat.queue(&Request::get_data("/z", false));
    pat.queue(&create("/early", vec![Acl::new(31, "auth", "")]));
    pat.queue(&Request::auth("digest", b"pat:passwd"));
    pat.queue(&Request::set_data("/z", b"late", -1));
    pat.queue(&Request::get_data("/z", false));
    pat.queue(&create("/late", vec![Acl::new(31, "auth", "")]));
    pat.flush().expect("the server reads");
    let errors: Vec<i32> =
        (0..7).map(|_| pat.next_reply().expect("a reply")).filter(|r| r.xid > 0).map(|r| r.err).collect();
    assert_eq!(errors, [err::NO_AUTH, err::NO_AUTH, err::INVALID_ACL, err::OK, err::OK, err::OK]);
}

#[test]
fn x2_lists_are_the_same_after_a_restart() {
    let mut server = setup().start();
    let mut pat = client(&server);
    done(&mut pat, Request::auth("digest", b"pat:passwd"));
    done(&mut pat, create("/z", vec![Acl::new(31, "auth", "")]));
    server.kill();
    server.restart();
    let mut again = client(&server);
    assert_eq!(ask(&mut again, Request::get_data("/z", false)).err, err::NO_AUTH);
    done(&mut again, Request::auth("digest", b"pat:passwd"));
    let Body::Acl(Some(acl), _) = done(&mut again, Request::get_acl("/z")).body else { panic!("a list") };
    assert_eq!(acl, [Acl::new(31, "digest", PAT)]);
}

#[test]
fn trap_74_x5_exists_needs_read_on_what_is_there_and_nothing_on_what_is_not() {
    if !Kind::under_test().is_current() {
        // Debian's 3.8.0 shows the Stat of a hidden znode.
        return;
    }
    let server = with_super(setup()).start();
    done(&mut superuser(&server), create("/z", vec![Acl::new(31, "digest", PAT)]));
    let mut stranger = client(&server);
    assert_eq!(ask(&mut stranger, Request::exists("/z", true)).err, err::NO_AUTH);
    assert_eq!(ask(&mut stranger, Request::exists("/z/below", true)).err, err::NO_NODE);
}

#[test]
fn trap_68_x6_hashes_are_hidden_from_whoever_may_not_change_the_list() {
    let server = setup().start();
    let mut pat = client(&server);
    done(&mut pat, Request::auth("digest", b"pat:passwd"));
    let list = vec![Acl::new(READ, "world", "anyone"), Acl::new(31, "digest", PAT), Acl::new(1, "ip", "10.0.0.1")];
    done(&mut pat, create("/z", list.clone()));
    let acl_of = |client: &mut Client| match done(client, Request::get_acl("/z")).body {
        Body::Acl(Some(acl), _) => acl,
        other => panic!("{other:?}"),
    };
    assert_eq!(acl_of(&mut pat), list);
    let masked = acl_of(&mut client(&server));
    assert_eq!(masked, [list[0].clone(), Acl::new(31, "digest", "pat:x"), list[2].clone()]);
}

#[test]
fn x7_there_is_no_super_user_unless_one_is_set() {
    let server = setup().start();
    let mut maker = client(&server);
    done(&mut maker, create("/z", vec![Acl::new(READ, "world", "anyone")]));
    for credential in [&b"super:test"[..], b"super:admin", b"super:", b"super", b""] {
        let mut client = client(&server);
        done(&mut client, Request::auth("digest", credential));
        assert_eq!(ask(&mut client, Request::set_data("/z", b"", -1)).err, err::NO_AUTH);
    }
}

#[test]
fn trap_72_super_bypasses_lists_and_nothing_else() {
    let server = with_super(setup()).start();
    let mut client = superuser(&server);
    done(&mut client, create("/z", vec![Acl::new(0, "world", "anyone")]));
    done(&mut client, Request::set_data("/z", b"y", 0));
    done(&mut client, create("/z/c", vec![Acl::new(1, "digest", PAT)]));
    for (request, expected) in [
        (Request::set_data("/z", b"", 0), err::BAD_VERSION),
        (Request::delete("/z", -1), err::NOT_EMPTY),
        (Request::delete("/zookeeper", -1), err::BAD_ARGUMENTS),
        (create("/y", vec![Acl::new(31, "super", "")]), err::INVALID_ACL),
    ] {
        assert_eq!(ask(&mut client, request.clone()).err, expected, "{request:?}");
    }
    let mut impostor = crate::client(&server);
    done(&mut impostor, Request::auth("digest", b"super:tesu"));
    assert_eq!(ask(&mut impostor, Request::get_data("/z", false)).err, err::NO_AUTH);
}

#[test]
fn trap_65_auth_without_an_identity_is_an_invalid_list() {
    let server = setup().start();
    let mut client = client(&server);
    let auth = |id: Option<&str>| Acl { perms: 31, scheme: Some("auth".into()), id: id.map(str::to_owned) };
    for list in [vec![auth(Some(""))], vec![Acl::new(31, "world", "anyone"), auth(Some(""))], vec![auth(None)]] {
        assert_eq!(ask(&mut client, create("/z", list.clone())).err, err::INVALID_ACL, "{list:?}");
        assert_eq!(ask(&mut client, set_acl("/", list.clone())).err, err::INVALID_ACL, "{list:?}");
    }
    done(&mut client, Request::auth("digest", b"pat:passwd"));
    // trap 66
    done(&mut client, create("/z", vec![auth(None)]));
    done(&mut client, create("/y", vec![auth(Some("what:ever"))]));
    for path in ["/z", "/y"] {
        let Body::Acl(Some(acl), _) = done(&mut client, Request::get_acl(path)).body else { panic!("a list") };
        assert_eq!(acl, [Acl::new(31, "digest", PAT)]);
    }
}

#[test]
fn trap_67_duplicates_collapse() {
    let server = setup().start();
    let mut client = client(&server);
    let (open, digest) = (Acl::new(31, "world", "anyone"), Acl::new(1, "digest", PAT));
    let doubled = vec![digest.clone(), open.clone(), digest.clone(), open.clone()];
    done(&mut client, create("/z", doubled.clone()));
    done(&mut client, create("/y", Acl::open()));
    done(&mut client, set_acl("/y", doubled));
    for path in ["/z", "/y"] {
        let Body::Acl(Some(acl), _) = done(&mut client, Request::get_acl(path)).body else { panic!("a list") };
        assert_eq!(acl, [digest.clone(), open.clone()], "{path}");
    }
}

#[test]
fn trap_69_the_roots_list_is_like_any_other() {
    let server = setup().start();
    let mut pat = client(&server);
    done(&mut pat, Request::auth("digest", b"pat:passwd"));
    done(&mut pat, set_acl("/", vec![Acl::new(31, "digest", PAT)]));
    let mut stranger = client(&server);
    assert_eq!(ask(&mut stranger, Request::get_children("/", false)).err, err::NO_AUTH);
    assert_eq!(ask(&mut stranger, create("/a", Acl::open())).err, err::NO_AUTH);
    done(&mut pat, create("/a", Acl::open()));
}

#[test]
fn trap_71_addresses_match_networks_of_their_family() {
    let server = setup().start();
    let mut client = client(&server);
    let mut lists = vec![("127.0.0.1", true), ("127.1.2.3/8", true), ("0.0.0.0/0", true), ("127.0.0.2", false)];
    if Kind::under_test().is_current() {
        // Debian's 3.8.0 takes no IPv6 in a list.
        lists.extend([("::/0", false), ("0:0:0:0:0:0:0:1", false), ("::1/128", false)]);
    }
    for (number, (id, matches)) in lists.into_iter().enumerate() {
        let path = format!("/z{number}");
        done(&mut client, create(&path, vec![Acl::new(READ, "ip", id)]));
        let expected = if matches { err::OK } else { err::NO_AUTH };
        assert_eq!(ask(&mut client, Request::get_data(&path, false)).err, expected, "{id}");
    }
    for id in ["127.0.0.1/33", "127.0.0.1/-1", "127.0.0.1/", "127.0.0.256", "127.0.0", "::/129", "1::2::3", "", "a"] {
        let list = vec![Acl::new(31, "ip", id)];
        assert_eq!(ask(&mut client, create("/bad", list)).err, err::INVALID_ACL, "{id}");
    }
}

#[test]
fn skip_acl_skips_the_checks_and_not_the_form_of_lists() {
    let server = property(setup(), "skipACL", "yes").start();
    let mut stranger = client(&server);
    done(&mut stranger, create("/z", vec![Acl::new(0, "digest", PAT)]));
    for request in [
        Request::get_data("/z", true),
        Request::exists("/z", true),
        Request::get_children("/z", true),
        Request::set_data("/z", b"y", -1),
        create("/z/c", vec![Acl::new(0, "digest", PAT)]),
        Request::delete("/z/c", -1),
        Request::set_data("/zookeeper/config", b"", -1),
        set_acl("/z", vec![Acl::new(0, "digest", PAT)]),
        Request::multi(vec![Request::check("/z", -1), Request::set_data("/z", b"", -1)]),
    ] {
        let reply = done(&mut stranger, request.clone());
        if let Body::Multi(outcomes) = reply.body {
            assert!(outcomes.iter().all(|outcome| outcome.kind != op::ERROR), "{outcomes:?}");
        }
    }
    let Body::Acl(Some(acl), _) = done(&mut stranger, Request::get_acl("/z")).body else { panic!("a list") };
    assert_eq!(acl, [Acl::new(0, "digest", PAT)], "whoever may change the list sees all of it");
    for list in [vec![], vec![Acl::new(31, "auth", "")], vec![Acl::new(31, "nobody", "x")]] {
        assert_eq!(ask(&mut stranger, create("/bad", list.clone())).err, err::INVALID_ACL, "{list:?}");
    }
}

#[test]
fn digests_may_be_of_another_algorithm() {
    let server = property(setup(), "DigestAuthenticationProvider.digestAlg", "SHA-256");
    let server = property(
        server,
        "DigestAuthenticationProvider.superDigest",
        "super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig=",
    );
    let server = server.start();
    let mut pat = client(&server);
    done(&mut pat, Request::auth("digest", b"pat:passwd"));
    done(&mut pat, create("/z", vec![Acl::new(31, "auth", "")]));
    done(&mut pat, create("/old", vec![Acl::new(31, "digest", PAT)]));
    done(&mut pat, Request::get_data("/z", false));
    assert_eq!(ask(&mut pat, Request::get_data("/old", false)).err, err::NO_AUTH, "made with the default algorithm");
    let Body::Acl(Some(acl), _) = done(&mut pat, Request::get_acl("/z")).body else { panic!("a list") };
    assert_eq!(acl[0].id.as_deref(), Some("pat:I1hvSOTDxzbvj8w+SKyC9j6b3nZDEq2hVoVW+3GhmS0="));
    done(&mut superuser(&server), Request::get_data("/old", false));
}

#[test]
fn the_scheme_digest_can_be_switched_off() {
    let server = property(setup(), "DigestAuthenticationProvider.enabled", "false").start();
    let mut client = client(&server);
    assert_eq!(ask(&mut client, create("/z", vec![Acl::new(31, "digest", PAT)])).err, err::INVALID_ACL);
    assert_eq!(ask(&mut client, Request::auth("digest", b"pat:passwd")).err, err::AUTH_FAILED);
    client.expect_close().expect("a close");
    assert!(Client::connect(server.address(), TIMEOUT_MS).is_ok());
}
