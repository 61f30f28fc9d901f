//! Who asks, and what only some may see.

use std::net::IpAddr;

use hyper::StatusCode;
use paddock_engine::acl::Id;
use serde_json::{Value, json};

use super::hosts::name_of;
use super::told::mistake;
use crate::admin::Source;
use crate::admin::authorization::{identities, may_do_everything};
use crate::admin::outcome::Refusal;
use crate::http::{Request, parameter};
use crate::messages::{Said, said_after};

/// `visitor`: as whom the server knows whoever asks.
pub fn visitor(source: &Source, request: &Request) -> Result<Value, Refusal> {
    let ids = identities(source, request)?;
    // What has passed the hash is nobody's business, not even here.
    let names: Vec<String> = ids.iter().map(|id| format!("{}:{}", id.scheme, id.user())).collect();
    let may_change = source.settings.console_edits && may_do_everything_by_login(source, request, &ids)?;
    Ok(json!({ "ids": names, "sees_log": sees_log(source, request)?, "may_change": may_change }))
}

/// `log?after=N`: the last lines of the log after a place.
pub fn log(source: &Source, request: &Request) -> Result<Value, Refusal> {
    let place = parameter(request.query.as_deref(), "after").unwrap_or_else(|| "0".to_owned());
    let place: u64 = place.parse().map_err(|_| mistake("after is no place in the log"))?;
    if !sees_log(source, request)? {
        let error = "the log is shown to whoever has every permission on /, and to whoever opens the console on the machine itself, at \
                     127.0.0.1; log in as such a user";
        return Err(Refusal::new(StatusCode::FORBIDDEN, error));
    }
    let Said { place, missed, lines } = said_after(place).unwrap_or_default();
    Ok(json!({ "place": place, "missed": missed, "lines": lines }))
}

fn sees_log(source: &Source, request: &Request) -> Result<bool, Refusal> {
    if is_at_the_machine(request) {
        return Ok(true);
    }
    may_do_everything_by_login(source, request, &identities(source, request)?)
}

/// As for a snapshot, somebody has to say who it is, even where the root is everybody's.
fn may_do_everything_by_login(source: &Source, request: &Request, ids: &[Id]) -> Result<bool, Refusal> {
    Ok(request.authorization.is_some() && may_do_everything(source, ids)?)
}

/// Whether a browser of this machine asks, by a name that only this machine has: a page from elsewhere may have its own name lead
/// here. What another program passes on is not from here.
fn is_at_the_machine(request: &Request) -> bool {
    let host = request.host.as_deref().map(name_of).unwrap_or_default();
    let is_local = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    request.address.is_loopback() && is_local && request.forwarded_for.is_none()
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::is_at_the_machine;
    use crate::http::Request;

    #[test]
    fn only_a_browser_of_the_machine_is_at_the_machine() {
        let asked = |address: &str, host: Option<&str>, forwarded_for: Option<&str>| {
            is_at_the_machine(&Request {
                method: Method::GET,
                path: "/console/api/log".to_owned(),
                query: None,
                authorization: None,
                forwarded_for: forwarded_for.map(str::to_owned),
                host: host.map(str::to_owned),
                if_none_match: None,
                origin: None,
                data: None,
                address: address.parse().expect("an address"),
                subject: None,
                upload: None,
            })
        };
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"] {
            assert!(asked("127.0.0.1", Some(host), None), "{host}");
        }
        for host in ["example.com", "10.0.0.1:8080", "localhost.example.com", "", "[::1"] {
            assert!(!asked("127.0.0.1", Some(host), None), "{host}");
        }
        assert!(asked("::1", Some("localhost"), None));
        assert!(!asked("10.0.0.1", Some("localhost"), None));
        assert!(!asked("127.0.0.1", None, None));
        assert!(!asked("127.0.0.1", Some("localhost"), Some("10.0.0.9")), "somebody passes it on");
    }
}
