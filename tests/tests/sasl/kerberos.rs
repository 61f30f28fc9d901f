//! GSSAPI, with a KDC of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, poll_until};

use crate::kdc::{Kdc, REALM, SERVER};
use crate::{java, kazoo, kazoo_fails, keytab_client, run, setup, wait_for_log};

fn server_setup(kdc: &Kdc, dir: &TempDir) -> Setup {
    let section = keytab_client(&kdc.keytab(SERVER), &format!("{SERVER}@{REALM}"));
    setup(dir, &section).property("java.security.krb5.conf", &kdc.conf().display().to_string())
}

/// On a host that clients call by its name.
fn hosts(server: &Server) -> String {
    format!("localhost:{}", server.address().port())
}

fn java_of(kdc: &Kdc, dir: &TempDir, section: &str, path: &str) -> Command {
    let mut command = Command::new("java");
    command.arg(format!("-Djava.security.krb5.conf={}", kdc.conf().display()));
    let other = java(dir, section, path);
    command.args(other.get_args());
    command
}

fn kazoo_of(kdc: &Kdc, cache: &Path, path: &str) -> Command {
    let mut command = kazoo("GSSAPI", "", "", path);
    command.env("KRB5_CONFIG", kdc.conf()).env("KRB5CCNAME", cache);
    command
}

#[test]
fn keytabs_and_caches_of_tickets_let_their_owners_in() {
    let (kdc, dir) = (Kdc::start(), TempDir::new("kerberos"));
    let (bob, hbase) = (kdc.add("bob"), kdc.add("hbase/localhost"));
    let server = server_setup(&kdc, &dir).start();
    let hosts = hosts(&server);
    let said = run(java_of(&kdc, &dir, &keytab_client(&bob, "bob"), "/bob"), &hosts);
    assert_eq!(said.of("state"), Some("SaslAuthenticated"));
    said.assert_owner("bob@PADDOCK.TEST");
    run(java_of(&kdc, &dir, &keytab_client(&hbase, "hbase/localhost"), "/hbase"), &hosts)
        .assert_owner("hbase/localhost@PADDOCK.TEST");
    let cache = kdc.tickets("bob", &[]);
    let section = format!(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=false useTicketCache=true ticketCache=\"{}\";",
        cache.display()
    );
    run(java_of(&kdc, &dir, &section, "/bob"), &hosts).assert_owner("bob@PADDOCK.TEST");
    run(kazoo_of(&kdc, &cache, "/bob"), &hosts).assert_owner("bob@PADDOCK.TEST");
    assert!(run(kazoo_of(&kdc, &cache, "/hbase"), &hosts).has("no auth"));
}

#[test]
fn names_lose_what_they_are_to_lose() {
    let (kdc, dir) = (Kdc::start(), TempDir::new("kerberos-names"));
    let (bob, hbase) = (kdc.add("bob"), kdc.add("hbase/localhost"));
    let server = server_setup(&kdc, &dir)
        .property("zookeeper.kerberos.removeHostFromPrincipal", "true")
        .property("zookeeper.kerberos.removeRealmFromPrincipal", "true")
        .property("zookeeper.security.auth_to_local", "RULE:[1:$1@$0](bob@.*)s/@.*/by/ DEFAULT")
        .start();
    let hosts = hosts(&server);
    run(java_of(&kdc, &dir, &keytab_client(&hbase, "hbase/localhost"), "/hbase"), &hosts).assert_owner("hbase");
    run(java_of(&kdc, &dir, &keytab_client(&bob, "bob"), "/bob"), &hosts).assert_owner("bobby");
}

/// A server, its KDC, and bob's tickets, by which he has logged in once.
fn with_bob(name: &str) -> (Kdc, TempDir, Server, PathBuf) {
    let (kdc, dir) = (Kdc::start(), TempDir::new(name));
    kdc.add("bob");
    let server = server_setup(&kdc, &dir).start();
    let cache = kdc.tickets("bob", &[]);
    run(kazoo_of(&kdc, &cache, "/bob"), &hosts(&server)).assert_owner("bob@PADDOCK.TEST");
    (kdc, dir, server, cache)
}

#[track_caller]
fn assert_refused(server: &Server, command: Command, why: &str) {
    assert!(kazoo_fails(&run(command, &hosts(server))));
    if Kind::under_test() == Kind::Paddock {
        wait_for_log(server, why);
    }
}

#[test]
fn who_has_a_wrong_clock_is_refused() {
    let (kdc, _dir, server, cache) = with_bob("kerberos-clock");
    let mut late = Command::new("faketime");
    let kazoo = kazoo_of(&kdc, &cache, "/bob");
    late.args(["-f", "+20m"]).arg(kazoo.get_program()).args(kazoo.get_args());
    late.envs(kazoo.get_envs().filter_map(|(key, value)| Some((key, value?))));
    assert_refused(&server, late, "Clock skew too great");
}

#[test]
fn keys_that_change_are_seen_without_a_restart() {
    let (kdc, _dir, server, cache) = with_bob("kerberos-rotated");
    // The file has the old keys and the new ones, and the ticket is for the old.
    kdc.admin(&format!("ktadd -k {} {SERVER}", kdc.keytab(SERVER).display()));
    run(kazoo_of(&kdc, &cache, "/bob"), &hosts(&server)).assert_owner("bob@PADDOCK.TEST");
    // This one is for the new.
    let cache = kdc.tickets("bob", &[]);
    run(kazoo_of(&kdc, &cache, "/bob"), &hosts(&server)).assert_owner("bob@PADDOCK.TEST");
}

#[test]
fn a_ticket_for_another_host_is_refused() {
    let (kdc, _dir, server, cache) = with_bob("kerberos-host");
    let elsewhere = kdc.add("zookeeper/elsewhere");
    std::fs::copy(elsewhere, kdc.keytab(SERVER)).expect("both are there");
    let why = "No key table entry found for zookeeper/localhost@PADDOCK.TEST";
    assert_refused(&server, kazoo_of(&kdc, &cache, "/bob"), why);
    server.assert_alive();
}

#[test]
fn expired_tickets_let_nobody_in() {
    let (kdc, dir) = (Kdc::start(), TempDir::new("kerberos-expired"));
    kdc.add("bob");
    let server = server_setup(&kdc, &dir).start();
    // Of two seconds, which are soon over.
    let cache = kdc.tickets("bob", &["-l", "2s"]);
    let is_over = || std::fs::metadata(&cache).ok()?.modified().ok()?.elapsed().ok().filter(|age| age.as_secs() >= 3);
    assert!(poll_until(DEADLINE, is_over).is_some());
    assert!(kazoo_fails(&run(kazoo_of(&kdc, &cache, "/bob"), &hosts(&server))));
    server.assert_alive();
}

#[test]
fn a_server_without_its_keys_does_not_start() {
    if Kind::under_test() == Kind::ZooKeeper {
        return;
    }
    let (kdc, dir) = (Kdc::start(), TempDir::new("kerberos-keys"));
    let other = kdc.add("zookeeper/elsewhere");
    let section = keytab_client(&other, &format!("{SERVER}@{REALM}"));
    let setup = setup(&dir, &section).property("java.security.krb5.conf", &kdc.conf().display().to_string());
    let server = setup.prepare();
    server.spawn();
    let status = paddock_tests::server::poll_until(paddock_tests::server::DEADLINE, || server.exit_status());
    assert_eq!(status.expect("it ends").code(), Some(1));
    let log = server.log();
    assert!(log.contains("there are no keys of zookeeper/localhost@PADDOCK.TEST in"), "{log}");
}
