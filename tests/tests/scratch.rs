use paddock_tests::{client::Client, records::*, request::*, server::*};
#[test]
fn t() {
    let s = Setup::new(Kind::under_test()).property("org.slf4j.simpleLogger.defaultLogLevel", "off").start();
    let mut c = Client::connect(s.address(), 10000).unwrap();
    let mut show = |r: Request| {
        let x = c.call(&r).unwrap();
        eprintln!("{} {} {:?}   {:.60}", x.zxid, x.err, x.body, format!("{r:?}"))
    };
    let d = || Request::delete("/none", -1);
    show(d());
    show(Request::multi(vec![Request::SetData { path: None, data: None, version: -1 }]));
    show(d());
    show(Request::multi(vec![Request::PathVersion { opcode: 2, path: None, version: -1 }]));
    show(d());
    show(Request::PathVersion { opcode: 2, path: None, version: -1 });
    show(d());
    show(Request::Create { opcode: 1, path: None, data: None, acl: Some(Acl::open()), flags: 0 });
    show(d());
    show(Request::Create {
        opcode: 1,
        path: Some("/x".into()),
        data: None,
        acl: Some(vec![Acl { perms: 1, scheme: Some("world".into()), id: None }]),
        flags: 0,
    });
    show(d());
    show(Request::multi(vec![
        d(),
        Request::Create {
            opcode: 1,
            path: Some("/x".into()),
            data: None,
            acl: Some(vec![Acl { perms: 1, scheme: Some("world".into()), id: None }]),
            flags: 0,
        },
    ]));
    show(d());
    show(Request::multi(vec![Request::Create {
        opcode: 1,
        path: Some("/x".into()),
        data: None,
        acl: Some(vec![Acl { perms: 1, scheme: Some("world".into()), id: None }]),
        flags: 0,
    }]));
    show(d());
    show(Request::multi(vec![Request::Create {
        opcode: 1,
        path: Some("/x".into()),
        data: None,
        acl: Some(Acl::open()),
        flags: 5,
    }]));
    show(d());
    show(Request::multi(vec![Request::Create {
        opcode: 1,
        path: Some("/x".into()),
        data: None,
        acl: Some(Acl::open()),
        flags: 77,
    }]));
    show(d());
    show(Request::multi(vec![Request::Create { opcode: 1, path: Some("/x".into()), data: None, acl: None, flags: 0 }]));
    show(d());
    show(Request::multi(vec![Request::get_data("/", false)]));
    show(d());
    show(Request::Raw { opcode: 14, body: vec![0, 0] });
    show(d());
    show(Request::Raw { opcode: 5, body: vec![0, 0] });
    show(d());
}
