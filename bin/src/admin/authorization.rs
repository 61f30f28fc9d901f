//! Who may give the commands that are not everybody's: whoever holds every permission on the root.

use std::net::IpAddr;

use hyper::StatusCode;
use paddock_engine::acl::{Acl, Authority, Id, id_of_address, perms};
use paddock_net::survey::{Piece, Question};

use super::outcome::Refusal;
use super::source::Source;
use crate::http::Request;

/// Each of them is needed.
const NEEDED: [i32; 5] = [perms::READ, perms::WRITE, perms::CREATE, perms::DELETE, perms::ADMIN];

/// Lets a request pass whose header `Authorization` proves an identity that may do everything.
pub fn authorise(source: &Source, request: &Request) -> Result<(), Refusal> {
    let Some(header) = &request.authorization else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Auth info is missing for the command"));
    };
    let ids = proven(source, request, header);
    if ids.is_empty() {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Not authenticated"));
    }
    match may_do_everything(source, &ids)? {
        true => Ok(()),
        false => Err(Refusal::new(StatusCode::FORBIDDEN, "Not authorized")),
    }
}

/// Who asks, as a session of theirs would be known: by the address, and by what the header proves if there is one.
pub fn identities(source: &Source, request: &Request) -> Result<Vec<Id>, Refusal> {
    let mut ids = proven(source, request, "ip");
    if let Some(header) = &request.authorization {
        let more = proven(source, request, header);
        if more.is_empty() {
            let error = "this login proves nothing: write digest USER:PASSWORD, in which there may be no blank";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, error));
        }
        ids.extend(more);
    }
    Ok(ids)
}

/// The same for the log, without what passwords are known by.
pub fn shown(ids: &[Id]) -> String {
    let names: Vec<String> = ids.iter().map(|id| format!("{}:{}", id.scheme, id.user())).collect();
    names.join(",").escape_debug().to_string()
}

/// Whether they hold every permission on the root.
pub fn may_do_everything(source: &Source, ids: &[Id]) -> Result<bool, Refusal> {
    Ok(holds_all(&source.authority, &root_acl(source)?, ids))
}

fn holds_all(authority: &Authority, acl: &Acl, ids: &[Id]) -> bool {
    NEEDED.into_iter().all(|permission| authority.permits(acl, permission, ids))
}

/// The identities that a header proves: `<scheme>[ <data>]`. None where it proves nothing.
fn proven(source: &Source, request: &Request, header: &str) -> Vec<Id> {
    // As Java splits: blanks at the end make no fields.
    let fields: Vec<&str> = header.trim_end_matches(' ').split(' ').collect();
    let (scheme, data) = match fields[..] {
        [scheme] => (scheme, None),
        [scheme, data] => (scheme, Some(data)),
        _ => return Vec::new(),
    };
    if scheme == "ip" {
        let forwarded = request.forwarded_for.as_deref().filter(|_| source.settings.trusts_forwarded_for);
        return vec![Id { scheme: "ip".into(), id: client(forwarded, request.address) }];
    }
    match scheme {
        "digest" => source.authority.authenticate(scheme, data.map(str::as_bytes), &[], || None).unwrap_or_default(),
        // The listener has checked the certificate; what else stands in the header is no matter.
        "x509" => {
            let subject = request.subject.as_deref();
            subject.map_or_else(Vec::new, |subject| source.authority.of_certificate(subject))
        }
        // Nothing else can be proven by a header, in ZooKeeper either.
        _ => Vec::new(),
    }
}

/// The address of the client: with `X-Forwarded-For` the first that it names, as ZooKeeper 3.9.5 has it, whoever wrote it.
fn client(forwarded: Option<&str>, address: IpAddr) -> String {
    match forwarded.and_then(|list| list.split(',').next()).map(str::trim) {
        Some(first) if !first.is_empty() => first.to_owned(),
        _ => id_of_address(address),
    }
}

fn root_acl(source: &Source) -> Result<Acl, Refusal> {
    let mut found = None;
    source.surveyor.ask(Question::RootAcl, |piece| {
        if let Piece::RootAcl(acl) = piece {
            found = Some(acl);
        }
        false
    })?;
    found.ok_or_else(|| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Error occurred during auth"))
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{AclTable, Authority, Entry, Id, perms};

    use super::{client, holds_all, shown};

    #[test]
    fn every_permission_is_needed() {
        let id = |id: &str| Id { scheme: "digest".into(), id: id.into() };
        let entry = |perms, name| Entry { perms, id: id(name) };
        let acl = AclTable::default().intern(vec![entry(perms::ALL, "a:x"), entry(perms::ALL - perms::ADMIN, "b:x")]);
        let authority = Authority::default();
        assert!(holds_all(&authority, &acl, &[id("a:x")]));
        assert!(!holds_all(&authority, &acl, &[id("b:x")]));
        assert!(holds_all(&authority, &acl, &[Id { scheme: "super".into(), id: String::new() }]));
        assert!(holds_all(&authority, &None, &[id("c:x")]), "the root is everybody's");
    }

    #[test]
    fn passwords_are_not_shown() {
        let id = |scheme: &str, id: &str| Id { scheme: scheme.into(), id: id.into() };
        let ids = [id("ip", "10.0.0.1"), id("digest", "a\n:hash"), id("super", "")];
        assert_eq!(shown(&ids), "ip:10.0.0.1,digest:a\\n,super:");
    }

    #[test]
    fn the_first_of_the_addresses_that_are_told_counts() {
        let address = [127, 0, 0, 1].into();
        for (forwarded, expected) in [
            (None, "127.0.0.1"),
            (Some(""), "127.0.0.1"),
            (Some("10.0.0.1"), "10.0.0.1"),
            (Some(" 10.0.0.1 , 10.0.0.2"), "10.0.0.1"),
        ] {
            assert_eq!(client(forwarded, address), expected, "{forwarded:?}");
        }
    }
}
