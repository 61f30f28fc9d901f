//! Who may change an ensemble.

use super::{Admin, joining, leaving};
use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT};
use paddock_tests::server::Kind;

const USER: &str = "auth user:test";

#[test]
fn the_super_user_may_and_whoever_is_allowed_to_write() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let same = joining(&[ensemble.line(2, PARTICIPANT)]);
    let [mut nobody, mut user, mut master] = [1, 2, 3].map(|id| Admin::connect(&ensemble, &[id]));
    assert_eq!(nobody.code(&same), "NOAUTH");
    assert_eq!(user.ask(USER), "OK");
    assert_eq!(user.code(&same), "NOAUTH");
    assert_eq!(master.code(&same), "NOAUTH");
    assert_eq!(master.ask("auth super:test"), "OK");
    assert_eq!(master.code(&same), "OK");
    for (what, code) in [("read", "NOAUTH"), ("write", "OK")] {
        assert_eq!(master.ask(&format!("allow user:test {what}")), "OK");
        assert_eq!(user.code(&same), code, "{what}");
        assert_eq!(nobody.code(&same), "NOAUTH", "{what}");
    }
    ensemble.assert_content();
}

/// Without its password nobody is the super user, and everybody can read the configuration.
#[test]
fn nobody_may_where_no_super_user_is_set_up() {
    let ensemble = Ensemble::with(&[]).without_super_user().and_start(&[Kind::under_test(); 3]);
    let mut admin = Admin::connect(&ensemble, &[1]);
    assert_eq!(admin.code(&leaving(&[3])), "NOAUTH");
    // What is no user's password is the name of an ordinary one.
    assert_eq!(admin.ask("auth super:test"), "OK");
    assert_eq!(admin.code(&leaving(&[3])), "NOAUTH");
    assert!(admin.config().contains("server.3="));
    ensemble.assert_content();
}

#[test]
fn everybody_may_where_permissions_are_not_asked_for() {
    let ensemble = Ensemble::with(&[("skipACL", "yes")]).without_super_user().and_start(&[Kind::under_test(); 3]);
    let changed = ensemble.wait_for_leader(&ensemble.ids()) % 3 + 1;
    let mut admin = Admin::connect(&ensemble, &[changed % 3 + 1]);
    let config = admin.change(&joining(&[ensemble.line(changed, OBSERVER)]));
    ensemble.wait_for_mode(changed, "observer");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_serves(&ensemble.ids(), "everybody");
    ensemble.assert_content();
}

/// Servers start again, one by one, with zoo.cfg saying that the ensemble can be changed.
#[test]
fn a_change_is_refused_until_it_is_switched_on() {
    let ensemble = Ensemble::with(&[("reconfigEnabled", "false")]).and_start(&[Kind::under_test(); 3]);
    let mut master = Admin::master(&ensemble, &[1, 2, 3]);
    assert_eq!(master.code(&leaving(&[3])), "RECONFIGDISABLED");
    for id in ensemble.ids() {
        let server = ensemble.server(id);
        server.terminate();
        let file = server.config_path();
        let text = std::fs::read_to_string(&file).expect("it was written");
        std::fs::write(&file, text.replace("reconfigEnabled=false", "reconfigEnabled=true")).expect("it is writable");
        server.spawn();
        ensemble.wait_for(id);
        ensemble.assert_serves(&ensemble.ids(), &format!("switched-{id}"));
    }
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let changed = leader % 3 + 1;
    let mut master = Admin::master(&ensemble, &[leader]);
    for change in [leaving(&[changed]), joining(&[ensemble.line(changed, PARTICIPANT)])] {
        let config = master.change(&change);
        ensemble.wait_for_config(&ensemble.ids(), &config);
        ensemble.assert_serves(&ensemble.ids(), "switched-on");
    }
}
