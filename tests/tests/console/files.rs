//! What a browser loads, and how.
use crate::Console;
use paddock_tests::http::{ask, get};

#[test]
fn all_files_come_with_what_keeps_a_page_safe() {
    let console = Console::start();
    let page = console.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let named = page.text().split('"').filter(|text| [".js", ".css", ".svg"].iter().any(|end| text.ends_with(end)));
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 3, "{named:?}");
    for name in named.into_iter().chain(["", "tree.js", "page.js"]) {
        let file = console.get(&format!("/{name}"));
        assert_eq!(file.status, 200, "{name}");
        let policy = file.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'self'"), "{name}: {policy}");
        assert_eq!(
            (file.header("x-content-type-options"), file.header("x-frame-options")),
            (Some("nosniff"), Some("DENY"))
        );
        let tag = file.header("etag").expect("it has one").to_owned();
        let again = ask(console.address, "GET", &format!("/console/{name}"), &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{name}");
    }
}

#[test]
fn its_paths_are_its_own_and_the_others_are_the_admin_servers() {
    let console = Console::start();
    let to_slash = console.get("");
    assert_eq!((to_slash.status, to_slash.header("location")), (301, Some("/console/")));
    for (path, status) in [("/none", 404), ("/../health", 404), ("x", 404), ("/api/none", 404)] {
        assert_eq!(console.get(path).status, status, "{path}");
    }
    assert_eq!(get(console.address, "/commands/ruok").status, 200);
    assert_eq!(get(console.address, "/health/ready").status, 200);
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/console/", "/console/api/figures"] {
            let refused = ask(console.address, method, path, &[]);
            assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
}

#[test]
fn a_setting_switches_it_off() {
    let console = Console::start_with(|setup| setup.config("paddock.console.enable", "false"));
    for path in ["", "/", "/api/figures"] {
        assert_eq!(console.get(path).status, 404, "{path}");
    }
    assert_eq!(get(console.address, "/commands/ruok").status, 200);
}

#[test]
fn commands_that_were_given_its_place_keep_it() {
    let console = Console::start_with(|setup| setup.config("admin.commandURL", "/console"));
    assert_eq!(console.get("/ruok").status, 200);
    assert!(console.get("/console.js").text().contains("Unknown command: console.js"));
}
