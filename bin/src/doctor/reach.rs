//! From where an address can be reached, by its text alone: a name service is not asked.

use std::net::IpAddr;

/// Whether only this machine reaches a host: a loopback address, or `localhost`.
pub fn is_local(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn hosts() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "zk1", "localhost.example.com", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
