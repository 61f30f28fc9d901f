//! Ensembles that are changed with ZooKeeper's own client for administrators (`ZooKeeperAdmin` of 3.9.5), as ZooKeeper's own
//! tests of reconfiguration do it. `clients/java/Reconfig.java` is the program.
//!
//! | module | is about |
//! |---|---|
//! | `groups` | groups and weights |
//! | `members` | servers that come, go and take another part |
//! | `moves` | ports that move |
//! | `pending` | changes of which a quorum is lost, or is not there |
//! | `permission` | who may change an ensemble |
//! | `watching` | clients that are told of a change, and follow it |

mod groups;
mod members;
mod moves;
mod pending;
mod permission;
mod watching;

use crate::ensemble::Ensemble;
use paddock_tests::installed::{current_zookeeper, installed};
use paddock_tests::program::Program;
use paddock_tests::server::{DEADLINE, poll_until};
use std::process::Command;

/// A change that must wait for another one, or whose answer is lost with the leader, is asked for again.
const PASSING: [&str; 3] = ["CONNECTIONLOSS", "RECONFIGINPROGRESS", "NEWCONFIGNOQUORUM"];

/// A client in a process of its own.
struct Admin(Program);

impl Admin {
    /// With a session at one of these servers.
    fn connect(ensemble: &Ensemble, ids: &[u32]) -> Admin {
        let mut command = Command::new("java");
        command.args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=off");
        command.arg("-cp").arg(format!("{}:{}", installed("java").display(), current_zookeeper())).arg("Reconfig");
        let mut admin = Admin(Program::start(command));
        let hosts: Vec<String> = ids.iter().map(|id| ensemble.server(*id).connect_string()).collect();
        assert_eq!(admin.ask(&format!("connect {}", hosts.join(","))), "OK");
        admin
    }

    /// One of the super user.
    fn master(ensemble: &Ensemble, ids: &[u32]) -> Admin {
        let mut admin = Admin::connect(ensemble, ids);
        assert_eq!(admin.ask("auth super:test"), "OK");
        admin
    }

    fn ask(&mut self, line: &str) -> String {
        self.0.type_line(line);
        match self.0.line() {
            Some(answer) => answer,
            None => self.0.fail(&format!("it ended at {line:?}")),
        }
    }

    /// OK, or what it says instead.
    fn code(&mut self, change: &str) -> String {
        let answer = self.ask(&format!("reconfig {change}"));
        answer.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Has the ensemble changed, and returns the text of the new configuration.
    fn change(&mut self, change: &str) -> String {
        let mut last = String::new();
        let made = poll_until(DEADLINE, || {
            last = self.ask(&format!("reconfig {change}"));
            (!PASSING.contains(&&*last)).then(|| text(&last))
        });
        made.unwrap_or_else(|| panic!("{change}: {last}"))
    }

    /// What the server shows, once it serves.
    fn config(&mut self) -> String {
        let mut last = String::new();
        let found = poll_until(DEADLINE, || {
            last = self.ask("config");
            (last != "CONNECTIONLOSS").then(|| text(&last))
        });
        found.unwrap_or_else(|| panic!("config: {last}"))
    }

    /// Creates a znode, once the server serves.
    fn create(&mut self, path: &str) {
        let mut last = String::new();
        let created = poll_until(DEADLINE, || {
            last = self.ask(&format!("create {path}"));
            // It may have been created with the connection lost.
            (last == format!("OK {path}") || last == "NODEEXISTS").then_some(())
        });
        assert!(created.is_some(), "{path}: {last}");
    }
}

/// The configuration in an answer, which must be OK.
fn text(answer: &str) -> String {
    let words: Vec<&str> = answer.split(' ').collect();
    let ["OK", mzxid, config @ ..] = &words[..] else { panic!("{answer}") };
    assert_eq!(config.last().and_then(|line| line.strip_prefix("version=")), Some(*mzxid), "{answer}");
    config.join("\n")
}

/// The version of a configuration, as it is written.
fn version(config: &str) -> &str {
    config.rsplit_once("version=").expect("it has one").1
}

/// Servers are added, or have other lines.
fn joining(lines: &[String]) -> String {
    format!("{} - - -1", lines.join(","))
}

fn leaving(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    format!("- {} - -1", ids.join(","))
}

fn members(lines: &[String]) -> String {
    format!("- - {} -1", lines.join(","))
}

/// The change is to be made of this version.
fn from(version: &str, change: &str) -> String {
    format!("{} {version}", change.rsplit_once(' ').expect("a version is last").0)
}
