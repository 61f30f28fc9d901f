//! The image below `bin/packaging/container`, built and tried where something is that builds images. That takes the time of a
//! release build and needs the images that it begins with, so the test run leaves it out, and only judges the Containerfile
//! (`tests/tests/packaging/container.rs`).

use std::process::{Command, Stdio};

use crate::deb::packaging;
use crate::root;
use crate::step::{Failure, run, section};

/// What builds images, in the order in which they are tried.
const BUILDERS: [&str; 2] = ["podman", "docker"];
const IMAGE: &str = "paddock-tried";
/// What is done in a container of it.
const TRIED: &str =
    "zkServer.sh start && zkCli.sh -waitforconnection create /tried data && zkServer.sh status && zkServer.sh stop";

/// Builds it from this checkout, and has a server serve in it.
pub fn build() -> Result<(), Failure> {
    section("container");
    let builder = BUILDERS.into_iter().find(|builder| is_there(builder));
    let builder = builder.ok_or_else(|| Failure(format!("none of {} is there and answers", BUILDERS.join(", "))))?;
    let mut build = Command::new(builder);
    build.args(["build", "--tag", IMAGE, "--file"]).arg(packaging("container/Containerfile")).arg(root());
    run(&mut build)?;
    run(Command::new(builder).args(["run", "--rm", "--user", "zookeeper", IMAGE, "sh", "-c", TRIED]))
}

/// A program may be there without the service that it needs.
fn is_there(builder: &str) -> bool {
    let mut asked = Command::new(builder);
    asked.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
