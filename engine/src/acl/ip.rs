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
        Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
    };
    let address = parse_address(address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Network { address, bits })
}

/// IPv6 with a dotted quad at its end is not valid here.
fn parse_address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        if text.contains('.') {
            return None;
        }
        text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else {
        parse_quad(text).map(IpAddr::V4)
    }
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
