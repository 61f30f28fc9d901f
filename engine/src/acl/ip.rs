//! The scheme `ip`: an address, or a network in CIDR form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A peer's address as callers carry it: IPv4-mapped addresses as IPv4, IPv6 as eight groups written out, as Java does.
pub fn id_of_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.segments().map(|group| format!("{group:x}")).join(":"),
    }
}

/// An address and how many of its leading bits count.
struct Network {
    address: IpAddr,
    bits: u32,
}

fn parse(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        None => (text, None),
        Some((address, bits)) => (address, Some(u32::try_from(bits.parse::<i32>().ok()?).ok()?)),
    };
    let address = parse_address(address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Network { address, bits })
}

fn parse_address(text: &str) -> Option<IpAddr> {
    if text.contains(':') { parse_groups(text).map(IpAddr::V6) } else { parse_quad(text).map(IpAddr::V4) }
}

/// Eight groups, or fewer with `::` in place of at least one that is 0. A dotted quad at the end is not valid here.
fn parse_groups(text: &str) -> Option<Ipv6Addr> {
    const GROUPS: usize = 8;
    let groups = |part: &str| part.split(':').map(parse_group).collect::<Option<Vec<u16>>>();
    let groups_or_none = |part: &str| if part.is_empty() { Some(Vec::new()) } else { groups(part) };
    let Some((front, back)) = text.split_once("::") else {
        return groups(text).and_then(|groups| <[u16; GROUPS]>::try_from(groups).ok()).map(Ipv6Addr::from);
    };
    let (front, back) = (groups_or_none(front)?, groups_or_none(back)?);
    if front.len() + back.len() >= GROUPS {
        return None;
    }
    let mut whole = [0; GROUPS];
    whole[..front.len()].copy_from_slice(&front);
    whole[GROUPS - back.len()..].copy_from_slice(&back);
    Some(whole.into())
}

/// Up to four characters, read as Java reads a hexadecimal number: a sign is no fault, and of a negative one the low bits
/// count.
fn parse_group(text: &str) -> Option<u16> {
    const CHARACTERS_MAX: usize = 4;
    let number = i32::from_str_radix(text, 16).ok().filter(|_| text.len() <= CHARACTERS_MAX)?;
    Some((number & 0xffff) as u16)
}

/// Four decimal numbers, each written as Java reads a whole number: leading zeros and a plus are no fault.
fn parse_quad(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        let number: i32 = parts.next()?.parse().ok()?;
        *octet = u8::try_from(number).ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Whether an entry may name this.
pub(super) fn is_valid(id: &str) -> bool {
    parse(id).is_some()
}

/// Whether the caller's address lies in the entry's network. The families never match each other.
pub(super) fn matches(caller: &str, entry: &str) -> bool {
    let (Some(network), Some(caller)) = (parse(entry), parse_address(caller)) else { return false };
    match (network.address, caller) {
        (IpAddr::V4(network_address), IpAddr::V4(caller)) => {
            let mask = u32::MAX.checked_shl(32 - network.bits).unwrap_or(0);
            network_address.to_bits() & mask == caller.to_bits() & mask
        }
        (IpAddr::V6(network_address), IpAddr::V6(caller)) => {
            let mask = u128::MAX.checked_shl(128 - network.bits).unwrap_or(0);
            network_address.to_bits() & mask == caller.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{id_of_address, is_valid, matches};

    #[test]
    fn trap_070_addresses_as_text() {
        assert_eq!(id_of_address("::1".parse().unwrap()), "0:0:0:0:0:0:0:1");
        assert_eq!(id_of_address("::ffff:1.2.3.4".parse().unwrap()), "1.2.3.4");
    }

    #[test]
    fn validity() {
        for id in ["::+1", "::-1", "1:2:3:4:5:6:7::", "::", "1.2.3.4/-0", "::/+8"] {
            assert!(is_valid(id), "{id:?}");
        }
        for id in
            [":::", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:", ":1", "1:2:3:4:5:6:7:8:9", "::+", "::00001", "fe80::1%lo"]
        {
            assert!(!is_valid(id), "{id:?}");
        }
        for id in ["1.2.3.4", "127.000.0.+1", "127.0.0.1/8", "0.0.0.0/0", "::1", "fe80::/10", "0:0:0:0:0:0:0:1/128"] {
            assert!(is_valid(id), "{id:?}");
        }
        for id in
            ["", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129", "::ffff:1.2.3.4", "1::2::3", "a", "12345::"]
        {
            assert!(!is_valid(id), "{id:?}");
        }
    }

    #[test]
    fn trap_071_an_entry_of_one_family_matches_no_address_of_the_other() {
        assert!(matches("127.0.0.1", "127.255.3.4/8"));
        assert!(matches("10.1.2.3", "0.0.0.0/0"));
        assert!(!matches("10.1.2.3", "10.1.2.4"));
        assert!(matches("0:0:0:0:0:0:0:1", "::1"));
        assert!(!matches("0:0:0:0:0:0:0:1", "0.0.0.0/0"));
        assert!(!matches("127.0.0.1", "::/0"));
    }
}
