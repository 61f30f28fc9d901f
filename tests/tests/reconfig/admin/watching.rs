//! Clients that are told of a change, and follow it.

use super::{Admin, joining, leaving};
use crate::ensemble::{Ensemble, PARTICIPANT};
use paddock_tests::server::Kind;

/// A server comes and another one goes. A client of that one hears of it, takes the new list of servers, and is in the same
/// session at another one when its first server has ended.
#[test]
fn a_client_takes_the_new_list_and_keeps_its_session() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::start(kind, 3);
    ensemble.join(4, kind, PARTICIPANT);
    let leader = ensemble.wait_for_leader(&[1, 2, 3]);
    let (leaves, stays) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let mut client = Admin::connect(&ensemble, &[leaves]);
    let before = super::text(&client.ask("watch"));
    assert_eq!(client.ask("create /owned EPHEMERAL"), "OK /owned");

    let mut master = Admin::master(&ensemble, &[stays]);
    let config = master.change(&joining(&[ensemble.line(4, PARTICIPANT)]));
    assert_eq!(client.ask("change"), "OK NodeDataChanged /zookeeper/config 0");
    assert_eq!(super::text(&client.ask("watch")), config);
    assert_ne!(before, config);
    let config = master.change(&leaving(&[leaves]));
    assert_eq!(client.ask("change"), "OK NodeDataChanged /zookeeper/config 0");
    assert_eq!(client.config(), config);
    assert_eq!(client.ask("move"), "OK");
    ensemble.server(leaves).terminate();
    client.create("/moved");
    assert_eq!(client.ask("owner /owned"), "OK");
    assert_eq!(client.config(), config);
    let rest: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leaves).collect();
    ensemble.assert_serves(&rest, "moved");
    ensemble.assert_content();
}
