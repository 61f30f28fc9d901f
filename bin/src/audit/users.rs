//! Who did it: the names of a client's identities, and that of the server itself.

use paddock_engine::acl::{Id, in_order};

/// The names of these identities, those that were proven first at the front: `None` where none has a name. They come in
/// ZooKeeper's order, so that a search for `user=pat,10.0.0.1` finds the lines of both servers.
pub fn names(ids: &[Id]) -> Option<String> {
    let names: Vec<&str> =
        in_order(ids).into_iter().map(|id| id.user()).filter(|name| !name.trim().is_empty()).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The address that a client came from: an identity that every connection has from its beginning.
pub fn address(ids: &[Id]) -> &str {
    ids.iter().find(|id| id.scheme == "ip").map_or("", |id| &id.id)
}

/// The user whose process this is, as `/etc/passwd` names it; where it does not, by the number.
pub fn of_process() -> String {
    let uid = rustix::process::getuid().as_raw();
    let table = std::fs::read("/etc/passwd").unwrap_or_default();
    name_of(uid, &String::from_utf8_lossy(&table)).unwrap_or_else(|| uid.to_string())
}

fn name_of(uid: u32, table: &str) -> Option<String> {
    let is_of = |line: &&str| line.split(':').nth(2).and_then(|number| number.parse().ok()) == Some(uid);
    let name = table.lines().find(is_of)?.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::Id;

    use super::{address, name_of, names};

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    #[test]
    fn names_come_in_zookeepers_order() {
        let ids = [id("ip", "127.0.0.1"), id("sasl", "pat"), id("x509", "CN=alice"), id("super", "")];
        assert_eq!(names(&ids).as_deref(), Some("CN=alice,pat,127.0.0.1"));
    }

    #[test]
    fn who_has_no_name_is_left_out() {
        assert_eq!(names(&[]), None);
        assert_eq!(names(&[id("super", ""), id("digest", ":hash"), id("digest", " :hash")]), None);
        assert_eq!(names(&[id("digest", "pat:hash"), id("super", "")]), Some("pat".into()));
    }

    #[test]
    fn many_are_all_named() {
        let ids: Vec<Id> = (0..100).map(|number| id("digest", &format!("user{number}:hash"))).collect();
        let told = names(&ids).expect("they have names");
        let mut told: Vec<&str> = told.split(',').collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 100);
    }

    #[test]
    fn an_address_is_that_of_the_connection() {
        assert_eq!(address(&[id("ip", "10.0.0.1"), id("digest", "pat:hash")]), "10.0.0.1");
        assert_eq!(address(&[]), "");
    }

    #[test]
    fn users_have_names_by_their_numbers() {
        let table = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7::\nzookeeper:x:1000:1000::/:/bin/false\n";
        for (uid, expected) in [(0, Some("root")), (1000, Some("zookeeper")), (7, None), (8, None)] {
            assert_eq!(name_of(uid, table).as_deref(), expected, "{uid}");
        }
    }
}
