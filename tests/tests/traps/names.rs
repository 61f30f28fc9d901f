//! Names, creation and deletion.
use crate::ground::{Place, deleted, events, only};
use paddock_tests::records::{Acl, err, flags, perms};
use paddock_tests::request::Request;

#[test]
fn trap_034_the_first_error_of_a_create_is_the_one_told() {
    let place = Place::new("trap_034");
    let mut client = place.client();
    let at = |below: &str| place.path(below);
    client.ok(&Request::create(&at("/e"), b"", flags::EPHEMERAL));
    client.ok(&Request::create_with_acl(&at("/locked"), only(perms::READ, "world", "anyone"), 0));
    let open = |path: String| Request::create(&path, b"", 0);
    let expected = [
        (Request::create("nowhere", b"", 7), err::BAD_ARGUMENTS, "flags"),
        (open(String::new()), err::BAD_ARGUMENTS, "a path without a slash"),
        (Request::create_with_acl(&at("/missing/a"), vec![], 0), err::INVALID_ACL, "the ACL before the parent"),
        (open(at("/missing/a")), err::NO_NODE, "the parent"),
        (open(at("/missing/")), err::NO_NODE, "the parent before the name"),
        (open(at("//a")), err::NO_NODE, "the parent before the name"),
        (open(at("/locked/.")), err::NO_AUTH, "the permission before the name"),
        (open(at("/e/.")), err::BAD_ARGUMENTS, "the name before the rule for ephemerals"),
        (open(at("/e")), err::NODE_EXISTS, "existence"),
        (open(at("/e/child")), err::NO_CHILDREN_FOR_EPHEMERALS, "the rule for ephemerals"),
        (open("/zookeeper/config".into()), err::NODE_EXISTS, "existence"),
        (open("/zookeeper/config/child".into()), err::NO_AUTH, "the permission"),
    ];
    for (request, code, what) in expected {
        assert_eq!(client.code(&request), code, "{what}: {request:?}");
    }
}

#[test]
fn trap_035_a_number_may_be_the_whole_name() {
    let place = Place::new("trap_035");
    let mut client = place.client();
    let made = client.ok(&Request::create(&place.path("/"), b"", flags::SEQUENTIAL));
    assert_eq!(made.path(), place.path("/0000000000"));
    let made = client.ok(&Request::create(&place.path("/.."), b"", flags::EPHEMERAL_SEQUENTIAL));
    assert_eq!(made.path(), place.path("/..0000000001"));
}

#[test]
fn trap_036_the_server_itself_refuses_control_characters() {
    let place = Place::new("trap_036");
    let mut client = place.client();
    let refused =
        ['\u{0}', '\u{1}', '\u{1e}', '\u{1f}', '\u{7f}', '\u{9f}', '\u{e000}', '\u{f8ff}', '\u{fff0}', '\u{1f600}'];
    for character in refused {
        let path = place.path(&format!("/a{character}b"));
        assert_eq!(client.code(&Request::create(&path, b"", 0)), err::BAD_ARGUMENTS, "create {path:?}");
        assert_eq!(client.code(&Request::set_data(&path, b"", 0)), err::BAD_ARGUMENTS, "setData {path:?}");
        assert_eq!(client.code(&Request::set_acl(&path, Acl::open(), 0)), err::BAD_ARGUMENTS, "setACL {path:?}");
    }
    for character in [' ', '~', '\u{a0}', '\u{d7ff}', '\u{f900}', '\u{ffef}', '界'] {
        client.ok(&Request::create(&place.path(&format!("/a{character}b")), b"", 0));
    }
}

#[test]
fn trap_037_the_root_can_neither_be_deleted_nor_created() {
    let place = Place::new("trap_037");
    let mut client = place.client();
    for reserved in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        assert_eq!(client.code(&Request::delete(reserved, -1)), err::BAD_ARGUMENTS, "{reserved}");
    }
    assert_eq!(client.code(&Request::create("/", b"", 0)), err::NODE_EXISTS);
    assert_eq!(client.code(&Request::create("", b"", 0)), err::BAD_ARGUMENTS);
    assert_eq!(client.code(&Request::delete("", -1)), err::BAD_ARGUMENTS);
}

#[test]
fn trap_038_a_deletion_does_not_look_at_names() {
    let place = Place::new("trap_038");
    let mut client = place.client();
    for odd in ["/", "/.", "/..", "/a\u{1}", "/\u{fffd}"] {
        assert_eq!(client.code(&Request::delete(&place.path(odd), -1)), err::NO_NODE, "{odd:?}");
    }
    assert_eq!(client.code(&Request::delete(&place.path("/a\0"), -1)), err::BAD_ARGUMENTS);
}

#[test]
fn trap_039_a_deletion_needs_the_permission_of_the_parent() {
    let place = Place::new("trap_039");
    let mut client = place.client();
    let (parent, child) = (place.path("/p"), place.path("/p/c"));
    let all_but_delete = only(perms::ALL & !perms::DELETE, "world", "anyone");
    client.ok(&Request::create_with_acl(&parent, all_but_delete, 0));
    client.ok(&Request::create(&child, b"", 0));
    assert_eq!(client.code(&Request::delete(&child, -1)), err::NO_AUTH);
    assert_eq!(client.code(&Request::delete(&place.path("/p/missing"), -1)), err::NO_AUTH, "before existence");
    client.ok(&Request::set_acl(&parent, only(perms::DELETE, "world", "anyone"), -1));
    // The znode's own ACL says nothing about its deletion, nor does the owner of an ephemeral.
    let mut owner = place.client();
    let ephemeral = place.path("/ephemeral");
    owner.ok(&Request::create_with_acl(&ephemeral, only(perms::READ, "digest", "u:p"), flags::EPHEMERAL));
    client.ok(&Request::delete(&child, -1));
    client.ok(&Request::delete(&ephemeral, -1));
}

#[test]
fn trap_040_get_data_of_nothing_sets_no_watch() {
    let place = Place::new("trap_040");
    let mut client = place.client();
    let path = place.path("/later");
    assert_eq!(client.code(&Request::get_data(&path, true)), err::NO_NODE);
    assert_eq!(client.code(&Request::get_children(&path, true)), err::NO_NODE);
    client.ok(&Request::create(&path, b"", 0));
    assert_eq!(events(&mut client), []);
    assert_eq!(client.code(&Request::delete(&path, 0)), err::OK);
    assert_eq!(events(&mut client), []);
    assert_eq!(client.code(&Request::exists(&path, true)), err::NO_NODE);
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::exists(&path, true));
    client.ok(&Request::delete(&path, 0));
    assert_eq!(events(&mut client)[1..], [deleted(&path)]);
}
