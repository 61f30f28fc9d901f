//! ACLs that let some of the run's clients in and others not, and every kind that must be refused.
use paddock_tests::random::Random;
use paddock_tests::records::Acl;

/// Digest identities: the credential, and the id that ZooKeeper makes of it (user, base64 of SHA-1 of the credential).
pub const IDENTITIES: [(&str, &str); 5] = [
    ("u0:p0", "u0:kn4sLJzXfp7KZRbZugmnVcIMGpM="),
    ("u1:p1", "u1:fpT/y03U+EjItKZOSLGvjnJlyng="),
    ("u2:p2", "u2:o9NxcCGDPOlcV7JVhmKHOf5ctVE="),
    ("foo", "foo:C+7Hteo/D9vJXQ3UfzxbwnXaijM="),
    ("", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
];
/// What 3.9 knows and 3.8 does not, or what looks like it.
const CURRENT: [&str; 16] = [
    "::1",
    "::/0",
    "::1/128",
    "::1/129",
    "1::2/64",
    "::ffff:127.0.0.1",
    "::ffff:127.0.0.0/104",
    "1::2::3/8",
    "fe80::1%lo",
    "::",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9",
    "::1/",
    "/64",
    "::1/-1",
    "[::1]",
];
/// Some contain the clients' address, some do not. Debian's 3.8.0 knows no IPv6 here.
const NETWORKS: [&str; 4] = ["127.0.0.0/8", "10.0.0.0/8", "127.1.2.3/9", "0.0.0.0/0"];

/// An ACL. Where it could shut everybody out of everything (`shared`), someone of this run keeps all permissions.
pub fn any(random: &mut Random, shared: bool, current: bool) -> Option<Vec<Acl>> {
    if !shared && random.one_in(6) {
        return wrong(random);
    }
    if current && !shared && random.one_in(12) {
        let scheme = (!random.one_in(8)).then(|| "ip".to_owned());
        return Some(vec![Acl { perms: 31, scheme, id: Some((*random.pick(&CURRENT)).into()) }]);
    }
    let count = if shared { 1 } else { 1 + random.below(4) };
    let mut entries: Vec<Acl> = (0..count).map(|_| entry(random, shared)).collect();
    if count > 1 {
        // In search of duplicates ZooKeeper compares ids, and throws at a null one.
        for entry in &mut entries {
            entry.id.get_or_insert_default();
        }
    }
    Some(entries)
}

fn entry(random: &mut Random, shared: bool) -> Acl {
    let perms = match random.below(10) {
        _ if shared => 31,
        0..=4 => 31,
        5 => 1,
        6 => 1 << random.below(5),
        7..=8 => i32::try_from(random.below(32)).expect("below 32"),
        _ => *random.pick(&[0, 32, 63, -1, i32::MIN]),
    };
    let identity = random.pick(&IDENTITIES).1;
    match random.below(if shared { 8 } else { 14 }) {
        0..=2 => Acl::new(perms, "world", "anyone"),
        3..=6 => Acl::new(perms, "digest", identity),
        7 => Acl::new(perms, "ip", "127.0.0.1"),
        8..=9 => Acl::new(perms, "auth", ""),
        10 => Acl { perms, scheme: Some("auth".into()), id: None },
        11 => Acl::new(perms, "digest", "nobody:here"),
        _ => Acl::new(perms, "ip", NETWORKS[random.below(NETWORKS.len())]),
    }
}

fn wrong(random: &mut Random) -> Option<Vec<Acl>> {
    let null_id = |scheme: &str| Acl { perms: 31, scheme: Some(scheme.into()), id: None };
    let wrong = match random.below(23) {
        0 => return None,
        1 => return Some(vec![]),
        2 => Acl::new(31, "world", "someone"),
        3 => Acl::new(31, "world", ""),
        4 => Acl::new(31, "unheard-of", "anyone"),
        5 => Acl::new(31, "digest", "no-colon"),
        6 => Acl::new(31, "digest", "one:two:three"),
        7 => Acl::new(31, "digest", "one:"),
        8 => Acl::new(31, "digest", ":two"),
        9 => Acl::new(31, "digest", ""),
        10 => Acl::new(31, "ip", "127.0.0.1/33"),
        11 => Acl::new(31, "ip", "127.0.0"),
        12 => Acl::new(31, "ip", "127.0.0.256"),
        13 => Acl::new(31, "ip", "127.0.0.1/-1"),
        14 => Acl::new(31, "ip", "127.0.0.1/x"),
        15 => Acl::new(31, "ip", "localhost"),
        16 => Acl::new(31, "ip", "1::2::3"),
        17 => Acl::new(31, "super", "u0"),
        18 => null_id("world"),
        19 => null_id("digest"),
        20 => null_id("ip"),
        21 => Acl::new(31, "", "anyone"),
        _ => Acl::new(31, "ip", "127.0.0.1/"),
    };
    Some(if random.one_in(2) { vec![wrong] } else { vec![Acl::new(31, "world", "anyone"), wrong] })
}
