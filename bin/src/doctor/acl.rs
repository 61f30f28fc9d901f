//! What a server that runs lets anybody do, as it tells a client that has proven nothing: the ACLs of the root and of the znodes
//! that matter most.

use std::sync::Arc;
use std::time::Duration;

use paddock_engine::acl::{Entry, perms};

use super::DoctorError;
use super::finding::{Findings, Spot};
use crate::client::connect_string::ConnectString;
use crate::client::event::Event;
use crate::client::handle::{Client, Settings};
use crate::client::listener::Listener;
use crate::security::Security;
use crate::status::target::Target;

/// The timeout of the session that asks, ms.
const SESSION_MS: i32 = 10_000;
/// How long it may take to begin that session, and then to be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked for, and what it means to be allowed to change it.
const ZNODES: [(&str, &str); 2] = [
    (
        "/",
        "whoever comes may change the root and what is in it, and with all permissions any login may take snapshots at the AdminServer",
    ),
    ("/zookeeper/config", "whoever comes may write the znode from which the ensemble is read"),
];

/// Events are of no use here.
struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _event: Event) {}
}

/// `server` is HOST:PORT.
///
/// # Errors
/// If it is not.
pub fn look(server: &str, security: &Security, findings: &mut Findings) -> Result<(), DoctorError> {
    let not_one = || DoctorError::Server(server.to_owned());
    Target::parse(server).ok_or_else(not_one)?;
    let connect = ConnectString::parse(server).map_err(|_| not_one())?;
    let security = security.clone();
    let settings =
        Settings { connect, timeout_ms: SESSION_MS, may_be_read_only: true, security, request_timeout: Some(PATIENCE) };
    let spot = || Spot::Server(server.to_owned());
    let advice = "see that it runs and that this machine reaches it, or leave out --server";
    match Client::open(settings, Arc::new(Deaf), Arc::default()) {
        Ok(client) if client.wait_until_connected(PATIENCE) => {
            ask(&client, &spot(), findings);
            client.close();
        }
        Ok(_) => findings.error("server", spot(), "it gave no session", advice),
        Err(error) => findings.error("server", spot(), format!("no client can be begun: {error}"), advice),
    }
    Ok(())
}

fn ask(client: &Client, spot: &Spot, findings: &mut Findings) {
    for (path, means) in ZNODES {
        // A list that is not shown is not open either.
        let Ok((acl, _)) = client.get_acl(path) else { continue };
        if acl.iter().any(lets_everybody_change) {
            let what = format!("the ACL of {path} lets everybody change it: {means}");
            let advice = format!("setAcl {path} auth::cdrwa,world:anyone:r in a shell that has logged in with addauth");
            findings.warning("acl-open", spot.clone(), what, advice);
        }
    }
}

fn lets_everybody_change(entry: &Entry) -> bool {
    let changes = perms::WRITE | perms::CREATE | perms::DELETE | perms::ADMIN;
    &*entry.id.scheme == "world" && &*entry.id.id == "anyone" && entry.perms & changes != 0
}
