//! Changes: a znode is made, gets other data, or goes. Each is made by a session of its own at this server's port for
//! clients, with the login of whoever asks: ACLs, quotas, the audit log and every bound are those of any client.
//!
//! Who may ask is decided before, and all of it is needed: the setting; a login that has every permission on the root; a
//! page of this console, as the browser says by `Origin`; and a header that no page of another site can have a browser send
//! without asking this server first, which lets none. A request without a body carries the data in that header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use paddock_consensus::config::HostPort;
use paddock_engine::acl::{Entry, Id, perms};
use serde_json::{Value, json};

use super::told::{hex, mistake};
use super::tree::path_of;
use crate::admin::Source;
use crate::admin::authorization::authorise;
use crate::admin::outcome::Refusal;
use crate::client::code;
use crate::client::connect_string::{Chroot, ConnectString};
use crate::client::event::Event;
use crate::client::failure::Failure;
use crate::client::handle::{Client, Settings};
use crate::client::listener::Listener;
use crate::client::operations::Creation;
use crate::http::{Request, parameter};
use crate::security::Security;

/// Bytes of data that a change has at most: with the path they are the head of one request.
const DATA_MAX: usize = 8 << 10;
/// The timeout of the session that makes a change, ms.
const SESSION_MS: i32 = 10_000;
/// How long it may take to begin that session, and then to be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// ZooKeeper's mode of a znode that stays. An ephemeral would go with the session.
const PERSISTENT: i32 = 0;

/// Whoever has it may make a change. There is one at a time, and others are told to try again: changes that wait would take
/// the threads that answer all questions.
pub type Turn = Mutex<()>;

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Create,
    Set,
    Delete,
}

impl Change {
    /// By its name in an address.
    pub fn of(name: &str) -> Option<Change> {
        [Change::Create, Change::Set, Change::Delete].into_iter().find(|change| change.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Change::Create => "create",
            Change::Set => "set",
            Change::Delete => "delete",
        }
    }
}

/// A change with all that it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Order {
    Create { data: Vec<u8>, entry: Entry },
    Set { data: Vec<u8>, version: i32 },
    Delete { version: i32 },
}

/// `create?path=PATH&for=everybody|me`, `set?path=PATH&version=N`, `delete?path=PATH&version=N`, by POST.
pub fn make(source: &Source, turn: &Turn, change: Change, request: &Request) -> Result<Value, Refusal> {
    let credential = permitted(source, request)?;
    let path = path_of(request)?;
    let order = order(change, request)?;
    if !source.serves() || source.is_read_only() {
        let error = "this server takes no writes at this moment; try again, or at another member";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error));
    }
    let _turn = match turn.try_lock() {
        Ok(held) => held,
        Err(TryLockError::Poisoned(held)) => held.into_inner(),
        Err(TryLockError::WouldBlock) => {
            let error = "another change is made at this moment; try again";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error));
        }
    };
    let client = session(source, credential)?;
    let made = carry_out(&client, &path, order);
    client.close();
    // The audit log knows the user, but not whose browser it was.
    let (user, _) = credential.split_once(':').unwrap_or((credential, ""));
    let (name, address) = (change.name(), request.address);
    let end = made.as_ref().map_or_else(Failure::to_string, |_| "done".to_owned());
    tracing::info!("the console was asked by user {user:?} at {address} to {name} {path:?}: {end}");
    made.map_err(|failure| refusal(&failure, &path))
}

/// The credential of whoever may make changes, `USER:PASSWORD`.
fn permitted<'a>(source: &Source, request: &'a Request) -> Result<&'a str, Refusal> {
    if !source.settings.console_edits {
        let error = "this console changes nothing: with paddock.console.edit=true it does, for whoever has every permission on /";
        return Err(Refusal::new(StatusCode::FORBIDDEN, error));
    }
    if request.data.is_none() || !is_own_page(request) {
        let error = "changes are made from a page of this console alone; where a proxy is before it, have it pass on the header Host";
        return Err(Refusal::new(StatusCode::FORBIDDEN, error));
    }
    let header = request.authorization.as_deref().unwrap_or_default();
    let credential = header.strip_prefix("digest ").ok_or_else(|| {
        let error = "log in first: a change is made as a user of the scheme digest";
        Refusal::new(StatusCode::UNAUTHORIZED, error)
    })?;
    authorise(source, request)?;
    Ok(credential)
}

/// Whether a page of this console asks. Browsers say whose page it is, and no page can have them say otherwise.
fn is_own_page(request: &Request) -> bool {
    let (Some(origin), Some(host)) = (&request.origin, &request.host) else { return false };
    let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    own.is_some_and(|own| !own.is_empty() && own.eq_ignore_ascii_case(host))
}

fn order(change: Change, request: &Request) -> Result<Order, Refusal> {
    Ok(match change {
        Change::Create => Order::Create { data: data(request)?, entry: entry(request)? },
        Change::Set => Order::Set { data: data(request)?, version: version(request)? },
        Change::Delete => Order::Delete { version: version(request)? },
    })
}

fn data(request: &Request) -> Result<Vec<u8>, Refusal> {
    let data = STANDARD
        .decode(request.data.as_deref().unwrap_or_default())
        .map_err(|_| mistake("the data is not in base 64"))?;
    match data.len() {
        ..=DATA_MAX => Ok(data),
        _ => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the console takes 8 KiB of data; use paddock shell for more",
        )),
    }
}

/// The version that was shown: what somebody else has changed meanwhile is not changed over.
fn version(request: &Request) -> Result<i32, Refusal> {
    let version = parameter(request.query.as_deref(), "version").and_then(|text| text.parse().ok());
    version.ok_or_else(|| mistake("say which version of the data is meant: version=N"))
}

/// The ACL of a new znode has one entry.
fn entry(request: &Request) -> Result<Entry, Refusal> {
    let (scheme, id) = match parameter(request.query.as_deref(), "for").as_deref() {
        Some("everybody") => ("world", "anyone"),
        // The server puts those in that the session has proven.
        Some("me") => ("auth", ""),
        _ => return Err(mistake("say who may do everything with the new znode: for=everybody or for=me")),
    };
    Ok(Entry { perms: perms::ALL, id: Id { scheme: scheme.to_owned(), id: id.to_owned() } })
}

/// What comes of itself is of no interest.
struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: Event) {}
}

/// A session of whoever has this credential.
fn session(source: &Source, credential: &str) -> Result<Client, Refusal> {
    let unavailable = |error: String| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error);
    let connect = ConnectString { hosts: vec![own_address(source)], chroot: Chroot::default() };
    let settings = Settings {
        connect,
        timeout_ms: SESSION_MS,
        may_be_read_only: false,
        security: Security::default(),
        request_timeout: Some(PATIENCE),
    };
    let client = Client::open(settings, Arc::new(Deaf), Arc::default())
        .map_err(|error| unavailable(format!("no session can be had for this change: {error}; try again")))?;
    client.add_auth("digest", Some(credential.as_bytes()));
    if client.wait_until_connected(PATIENCE) {
        return Ok(client);
    }
    client.close();
    Err(unavailable("this server has given no session for this change; nothing was changed, try again".to_owned()))
}

/// Where clients reach this server, as seen from its own machine.
fn own_address(source: &Source) -> HostPort {
    let mut address = source.client_address();
    if is_everywhere(&address.host) {
        address.host = local(source.client_ip).to_string().into();
    }
    address
}

fn is_everywhere(host: &str) -> bool {
    host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified())
}

/// An address of this machine: a server that listens at every address is found at the machine's own.
fn local(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(four) if four.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(six) if six.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn carry_out(client: &Client, path: &str, order: Order) -> Result<Value, Failure> {
    match order {
        Order::Create { data, entry } => {
            let creation = Creation { path, data: Some(&data), acl: &[entry], flags: PERSISTENT, ttl: None };
            client.create(&creation).map(|path| json!({ "path": path }))
        }
        Order::Set { data, version } => {
            let stat = client.set_data(path, &data, version)?;
            Ok(json!({ "path": path, "version": stat.version, "zxid": hex(stat.mzxid) }))
        }
        Order::Delete { version } => client.delete(path, version).map(|()| json!({ "path": path })),
    }
}

/// What whoever has asked can do about it.
fn refusal(failure: &Failure, path: &str) -> Refusal {
    let (status, error) = match failure.code() {
        Some(code::NO_NODE) => (StatusCode::NOT_FOUND, format!("there is no {path}, or no parent for it")),
        Some(code::NO_AUTH) => (StatusCode::FORBIDDEN, "the ACL does not permit it to this login".to_owned()),
        Some(code::BAD_VERSION) => {
            (StatusCode::CONFLICT, format!("somebody has changed {path} since it was shown; look at it again first"))
        }
        Some(code::NODE_EXISTS) => (StatusCode::CONFLICT, format!("{path} exists already")),
        Some(code::NOT_EMPTY) => (StatusCode::CONFLICT, format!("{path} has children; delete them first")),
        Some(code::NO_CHILDREN_FOR_EPHEMERALS) => (StatusCode::CONFLICT, "an ephemeral has no children".to_owned()),
        Some(code::CONNECTION_LOSS | code::SESSION_EXPIRED | code::REQUEST_TIMEOUT) => {
            let error = format!(
                "no answer came in time, and it may have been done or not; look at {path} before you try again"
            );
            (StatusCode::SERVICE_UNAVAILABLE, error)
        }
        _ => (StatusCode::BAD_REQUEST, format!("the server refuses it: {failure}")),
    };
    Refusal::new(status, error)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hyper::{Method, StatusCode};

    use super::{Change, DATA_MAX, Failure, Order, code, is_everywhere, is_own_page, local, order, refusal};
    use crate::http::Request;

    fn request(query: &str, data: Option<&str>, origin: Option<&str>, host: &str) -> Request {
        Request {
            method: Method::POST,
            path: "/console/api/set".to_owned(),
            query: Some(query.to_owned()),
            authorization: None,
            forwarded_for: None,
            host: Some(host.to_owned()),
            if_none_match: None,
            origin: origin.map(str::to_owned),
            data: data.map(str::to_owned),
            address: [127, 0, 0, 1].into(),
            subject: None,
            upload: None,
        }
    }

    #[test]
    fn only_a_page_of_this_console_asks() {
        let asks = |origin, host| is_own_page(&request("", Some(""), origin, host));
        for (origin, host) in
            [("http://zk1:8080", "zk1:8080"), ("https://ZK1", "zk1"), ("http://[::1]:8080", "[::1]:8080")]
        {
            assert!(asks(Some(origin), host), "{origin}");
        }
        for origin in ["http://zk1", "http://zk1:8080.example.com", "null", "http://", "zk1:8080", "file://zk1:8080"] {
            assert!(!asks(Some(origin), "zk1:8080"), "{origin}");
        }
        assert!(!asks(None, "zk1:8080") && !asks(Some("http://"), ""));
    }

    #[test]
    fn a_change_has_all_that_it_needs() {
        let of = |change, query: &str, data: &str| order(change, &request(query, Some(data), None, "zk1"));
        assert_eq!(of(Change::Set, "version=7", "b24="), Ok(Order::Set { data: b"on".to_vec(), version: 7 }));
        assert_eq!(of(Change::Delete, "version=0", ""), Ok(Order::Delete { version: 0 }));
        let Ok(Order::Create { data, entry }) = of(Change::Create, "for=me", "") else { panic!("it is whole") };
        assert_eq!((data.len(), &*entry.id.scheme, entry.perms), (0, "auth", 31));
        for (change, query, data) in [
            (Change::Set, "", "b24="),
            (Change::Set, "version=x", "b24="),
            (Change::Set, "version=7", "b24"),
            (Change::Delete, "version=", ""),
            (Change::Create, "", ""),
            (Change::Create, "for=them", ""),
        ] {
            let refused = of(change, query, data).map_err(|refusal| refusal.status);
            assert_eq!(refused, Err(StatusCode::BAD_REQUEST), "{change:?} {query} {data}");
        }
        let long = STANDARD.encode(vec![0; DATA_MAX + 1]);
        assert_eq!(
            of(Change::Set, "version=7", &long).map_err(|refusal| refusal.status),
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        );
    }

    #[test]
    fn changes_have_names() {
        assert_eq!(
            ["create", "set", "delete", "figures"].map(|name| Change::of(name).is_some()),
            [true, true, true, false]
        );
    }

    #[test]
    fn a_server_is_found_on_its_own_machine() {
        for (ip, found) in [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1")] {
            assert_eq!(local(ip.parse().expect("an address")).to_string(), found);
        }
        assert!(
            is_everywhere("0.0.0.0")
                && is_everywhere("0:0:0:0:0:0:0:0")
                && !is_everywhere("zk1")
                && !is_everywhere("10.0.0.1")
        );
    }

    #[test]
    fn a_failure_says_what_can_be_done() {
        let of = |code| refusal(&Failure::of(code, "/a"), "/a");
        assert_eq!(of(code::BAD_VERSION).status, StatusCode::CONFLICT);
        assert!(of(code::REQUEST_TIMEOUT).error.contains("may have been done or not"));
        assert_eq!(of(code::QUOTA_EXCEEDED).status, StatusCode::BAD_REQUEST);
    }
}
