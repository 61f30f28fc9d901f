//! `config -c`: the members of an ensemble as a connect string, behind the version of the configuration.

use crate::config::properties::{self, Entry};

/// Of a member whose line has a port for clients and no address.
const ANY_ADDRESS: &str = "0.0.0.0";

/// `VERSION HOST:PORT,HOST:PORT`, in the order in which Java's properties come.
pub fn connect_string(config: &str) -> String {
    let mut entries = properties::parse(config.as_bytes()).unwrap_or_default();
    in_javas_order(&mut entries);
    let version = entries.iter().find(|entry| entry.key == "version").map_or("", |entry| &*entry.value);
    let members = entries.iter().filter(|entry| entry.key.starts_with("server."));
    let clients: Vec<String> = members.map(|entry| client(&entry.value).unwrap_or_default()).collect();
    format!("{version} {}", clients.join(","))
}

/// Where clients reach the server of this line, if it says so.
fn client(line: &str) -> Option<String> {
    let client = line.split_once(';')?.1.trim();
    match client.rsplit_once(':') {
        Some((host, port)) => Some(format!("{}:{port}", host.trim_start_matches('[').trim_end_matches(']'))),
        None => Some(format!("{ANY_ADDRESS}:{client}")),
    }
}

/// Properties come by the hashes of their keys, in a table that grows with their number. Of two with one key the last counts.
fn in_javas_order(entries: &mut Vec<Entry>) {
    let mut later: Vec<String> = Vec::new();
    entries.reverse();
    entries.retain(|entry| {
        let is_last = !later.contains(&entry.key);
        later.push(entry.key.clone());
        is_last
    });
    entries.reverse();
    let mut buckets = 16;
    while entries.len() >= buckets / 4 * 3 {
        buckets *= 2;
    }
    entries.sort_by_key(|entry| spread(hash(&entry.key)) as usize % buckets);
}

/// `String.hashCode`.
fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// What a `ConcurrentHashMap` makes of it.
fn spread(hash: u32) -> u32 {
    (hash ^ (hash >> 16)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::{connect_string, hash};

    #[test]
    fn clients_find_the_members() {
        let config = "server.1=zk1:2888:3888:participant;0.0.0.0:2181\n\
                      server.2=zk2:2888:3888:participant;2182\n\
                      server.3=zk3:2888:3888:observer\n\
                      version=100000000";
        let told = connect_string(config);
        let (version, clients) = told.split_once(' ').expect("two words");
        assert_eq!(version, "100000000");
        let mut clients: Vec<&str> = clients.split(',').collect();
        clients.sort_unstable();
        assert_eq!(clients, ["", "0.0.0.0:2181", "0.0.0.0:2182"]);
        assert_eq!(connect_string(""), " ");
    }

    #[test]
    fn hashes_are_javas() {
        assert_eq!(hash("hello"), 99_162_322);
        assert_eq!(hash(""), 0);
        assert_eq!(hash("server.2") - hash("server.1"), 1);
    }
}
