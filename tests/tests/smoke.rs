use paddock_tests::{client::Client, records::*, server::*};
#[test]
fn t() {
    let mut s = Setup::new(Kind::under_test()).start();
    let mut c = Client::connect(s.address(), 10000).unwrap();
    let r = c.call(&Request::create2("/a", b"x", 0)).unwrap();
    eprintln!("{r:?}");
    let r = c.call(&Request::exists("/a", true)).unwrap();
    eprintln!("{r:?}");
    s.kill();
    s.restart();
    let mut c = Client::reattach(s.address(), &c.session, c.last_zxid).unwrap();
    eprintln!("{:?}", c.call(&Request::get_data("/a", true)).unwrap());
    eprintln!("{}", s.terminate());
    eprintln!("{}", s.log());
}
