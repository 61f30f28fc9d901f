//! By which names a browser may come to the console.
//!
//! A stranger's page can have the stranger's own name lead to this machine once it is open (DNS rebinding). Its questions then
//! come from a browser that this server trusts by its address, and what is answered goes to the stranger. Such a name stands
//! in the header `Host`: it is a name with dots that nobody here has given.

use std::net::IpAddr;

use hyper::StatusCode;

use crate::admin::Source;
use crate::admin::outcome::Refusal;
use crate::http::Request;

/// Lets a request pass that has come by a name of this server. A request without a name is no browser's.
pub fn check(source: &Source, request: &Request) -> Result<(), Refusal> {
    let name = request.host.as_deref().map(name_of).unwrap_or_default();
    if is_nobody_elses(name) || is_given(source, name) || is_members(source, name) {
        return Ok(());
    }
    let error = format!(
        "this server does not know that it is called {name}: come by its address, or put the name into paddock.console.hosts"
    );
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, error))
}

/// A host without its port and brackets.
pub fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// An address, or a name that no stranger can have: one without a dot is looked up in the own network alone.
fn is_nobody_elses(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || !name.contains('.') || name.to_ascii_lowercase().ends_with(".localhost")
}

/// Whether the settings have it.
fn is_given(source: &Source, name: &str) -> bool {
    let settings = &source.settings;
    settings.console_hosts.iter().chain([&settings.host]).any(|given| given.eq_ignore_ascii_case(name))
}

/// Whether the configuration of the ensemble has it.
fn is_members(source: &Source, name: &str) -> bool {
    let Some((_, config)) = source.member.as_ref() else { return false };
    let config = config();
    config.members().values().any(|listed| {
        let servers = listed.addresses.iter().map(|address| &address.quorum.host);
        servers.chain(listed.client.iter().map(|client| &client.host)).any(|host| host.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::{is_nobody_elses, name_of};

    #[test]
    fn a_host_has_a_name_without_its_port() {
        for (host, name) in [
            ("zk1:8080", "zk1"),
            ("zk1.example.com", "zk1.example.com"),
            ("10.0.0.1:8080", "10.0.0.1"),
            ("[::1]:8080", "::1"),
            ("[::1", ""),
            ("", ""),
        ] {
            assert_eq!(name_of(host), name, "{host}");
        }
    }

    #[test]
    fn names_that_a_stranger_can_have_are_told_from_others() {
        for name in ["", "zk1", "localhost", "LOCALHOST", "a.localhost", "10.0.0.1", "::1", "fe80::1"] {
            assert!(is_nobody_elses(name), "{name}");
        }
        for name in ["example.com", "10.0.0.1.example.com", "localhost.example.com", "zk1.", "1.2.3"] {
            assert!(!is_nobody_elses(name), "{name}");
        }
    }
}
