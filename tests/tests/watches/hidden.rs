//! What is told of znodes that the watcher may not read: nothing, but where ZooKeeper's setWatches tells it.
use super::*;

/// Nothing that a watch tells names a znode that its holder may not read; a watch above sees what is readable below.
#[test]
fn watches_tell_nothing_of_hidden_znodes() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    prove(&mut writer);
    create(&mut writer, "/open");
    done(&mut watcher, &add_watch("/", 1));
    done(&mut watcher, &add_watch("/open/hidden", 0));
    done(&mut writer, &hidden("/open/hidden"));
    done(&mut writer, &Request::set_data("/open/hidden", b"", -1));
    create(&mut writer, "/open/hidden/open");
    done(&mut writer, &Request::delete("/open/hidden/open", -1));
    done(&mut writer, &Request::delete("/open/hidden", -1));
    let seen = expected(&[(CREATED, "/open/hidden/open"), (DELETED, "/open/hidden/open")]);
    assert_eq!(events(&mut watcher), seen);
}

/// Credentials count as they are when the event is told, not when the watch was set.
#[test]
fn a_watcher_that_proves_itself_is_told() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    prove(&mut writer);
    done(&mut writer, &hidden("/hidden"));
    done(&mut watcher, &add_watch("/hidden", 0));
    done(&mut writer, &Request::set_data("/hidden", b"", -1));
    assert_eq!(events(&mut watcher), []);
    prove(&mut watcher);
    done(&mut writer, &Request::set_data("/hidden", b"", -1));
    create(&mut writer, "/hidden/child");
    assert_eq!(events(&mut watcher), expected(&[(DATA_CHANGED, "/hidden"), (CHILDREN_CHANGED, "/hidden")]));
}

#[test]
fn trap_050_an_event_that_is_not_told_uses_the_watch_up() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    prove(&mut writer);
    assert_eq!(watcher.call(&Request::exists("/a", true)).expect("a reply").err, err::NO_NODE);
    done(&mut writer, &hidden("/a"));
    done(&mut writer, &Request::delete("/a", -1));
    create(&mut writer, "/a");
    assert_eq!(events(&mut watcher), []);
    let code = watcher.call(&numbered(op::CHECK_WATCHES, "/a", 2)).expect("a reply").err;
    assert_eq!(code, err::NO_WATCHER);
}

#[test]
fn trap_074_a_watch_is_set_on_what_may_be_read_or_does_not_exist() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    prove(&mut writer);
    done(&mut writer, &hidden("/a"));
    let mut requests = vec![Request::get_data("/a", true), Request::get_children("/a", true)];
    if Kind::under_test().is_current() {
        // 3.8.0 does not ask for a permission here; later releases do.
        requests.push(Request::exists("/a", true));
    }
    for request in requests {
        assert_eq!(watcher.call(&request).expect("a reply").err, err::NO_AUTH);
    }
    assert_eq!(watcher.call(&Request::get_data("/b", true)).expect("a reply").err, err::NO_NODE);
    assert_eq!(watcher.call(&Request::exists("/c", true)).expect("a reply").err, err::NO_NODE);
    for (path, code) in [("/a", err::NO_WATCHER), ("/b", err::NO_WATCHER), ("/c", err::OK)] {
        assert_eq!(watcher.call(&numbered(op::CHECK_WATCHES, path, 3)).expect("a reply").err, code, "{path}");
    }
}

/// As ZooKeeper does it: what setWatches makes up for is not filtered.
#[test]
fn trap_055_what_set_watches_tells_is_not_filtered() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    prove(&mut writer);
    done(&mut writer, &hidden("/a"));
    let list = || vec!["/a".to_owned()];
    done(&mut watcher, &Request::SetWatches { relative_zxid: 0, data: list(), exist: list(), child: list() });
    let told = expected(&[(DATA_CHANGED, "/a"), (CREATED, "/a"), (CHILDREN_CHANGED, "/a")]);
    assert_eq!(events(&mut watcher), told);
}
