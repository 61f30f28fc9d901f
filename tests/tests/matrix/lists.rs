//! Which lists can be stored, and what is stored of them.

use paddock_tests::client::Frame;
use paddock_tests::records::Acl;
use paddock_tests::request::Request;

use crate::callers::{CALLERS, OWNER};
use crate::place::both;
use crate::{known, normal};

/// Ids of every scheme: valid ones, and others.
const IDS: &[(&str, &[&str])] = &[
    ("world", &["anyone", "Anyone", ""]),
    ("auth", &["", "anything"]),
    ("super", &["", "x:y"]),
    ("nobody", &["a"]),
    ("digest", &["u:hash", "u", "", ":", "u:", ":hash", "a:b:c", "a:b:"]),
    (
        "ip",
        &[
            "127.0.0.1",
            "127.0.0.1/8",
            "0.0.0.0/0",
            "1.2.3",
            "1.2.3.4/33",
            "::1",
            "fe80::/10",
            "1:2",
            "",
            "::/129",
            "::+1",
            "::-1",
            "1.2.3.4/-0",
            "1.2.3.4/+8",
            ":::",
            "1:2:3:4:5:6:7::",
            "fe80::1%lo",
            "+1.2.3.4",
        ],
    ),
    (
        "x509",
        &[
            "",
            "CN=a",
            "cn = a;O=b",
            "CN=a+OU=b",
            "a",
            "CN=a,",
            "X=a",
            "1.2.3=a",
            "OID.2.5.4.3=a",
            "CN=\"a,b\"",
            "CN=a\\,b",
            "CN=\\a",
            "CN=#0c0161",
            "CN=#0c",
            "CN=\u{e4}",
            " ",
        ],
    ),
    ("sasl", &["", "a", "a/b", "a/b/c", "a@R", "a/h@R", "a@b@c", "a/b/c@R", "a@b/c", "@", "super"]),
    ("ensemble", &["", "meadow"]),
    ("key", &["", "5", "anything at all"]),
];

#[test]
fn the_same_lists_can_be_stored() {
    let servers = both();
    let mut owners = servers.each_ref().map(|server| OWNER.connect(server));
    for caller in &CALLERS {
        let mut clients = servers.each_ref().map(|server| caller.connect(server));
        for (number, acl) in lists().into_iter().filter(|acl| !known::is_known(acl)).enumerate() {
            let path = format!("/list-{number}-{}", caller.name.replace(' ', "-"));
            let case = format!("a list: {}", shown(&acl));
            let requests = [Request::create_with_acl(&path, acl.clone(), 0), Request::set_acl("/", acl, 77)];
            for request in requests {
                let told = clients.each_mut().map(|client| normal::told(client.call(&request).map(Frame::Reply)));
                assert_eq!(told[0], told[1], "{}: {case}", caller.name);
            }
            let stored =
                owners.each_mut().map(|owner| normal::told(owner.call(&Request::get_acl(&path)).map(Frame::Reply)));
            assert_eq!(stored[0], stored[1], "{}: {case}", caller.name);
        }
    }
}

/// Each id alone, a null one of each scheme, and some together.
fn lists() -> Vec<Vec<Acl>> {
    let each = IDS.iter().flat_map(|(scheme, ids)| ids.iter().map(|id| vec![Acl::new(31, scheme, id)]));
    let null = IDS.iter().map(|(scheme, _)| vec![Acl { perms: 31, scheme: Some((*scheme).into()), id: None }]);
    let (auth, open) = (Acl::new(1, "auth", ""), Acl::new(1, "world", "anyone"));
    let together = [
        vec![],
        vec![Acl { perms: 31, scheme: None, id: Some("anyone".into()) }],
        vec![auth.clone(), open.clone()],
        vec![open.clone(), auth.clone(), Acl::new(2, "auth", "")],
        vec![open.clone(), open, Acl::new(1, "x509", "a")],
        vec![auth.clone(), auth],
    ];
    each.chain(null).chain(together).collect()
}

fn shown(acl: &[Acl]) -> String {
    let entry = |entry: &Acl| {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".into());
        format!("{}:{}", text(&entry.scheme), text(&entry.id))
    };
    acl.iter().map(entry).collect::<Vec<_>>().join(", ")
}
