//! Ports of this machine that nobody listens on.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below are ports that need rights.
const FIRST: u16 = 1024;
/// From here on Linux takes the ports of outgoing connections, where it does not say so itself.
const OUTGOING_FIRST: u16 = 32768;
/// Fewer ports than these are not worth a try.
const FEWEST: usize = 1000;
/// So many are tried for each that is wanted.
const TRIES: usize = 1000;

/// So many ports of 127.0.0.1, all of them different, which nobody listened on a moment ago.
///
/// They are drawn from those that the kernel never gives to an outgoing connection: servers dial one another all the time, and
/// an attempt that leaves from the port of a server that is down would be connected to itself and keep the port from it. Only
/// where there are hardly any such ports the kernel chooses.
///
/// # Errors
/// If so many cannot be found: that of the last one that was tried.
pub fn free(count: usize) -> io::Result<Vec<u16>> {
    let outgoing = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let drawn_from = never_outgoing(&outgoing);
    // All are held until the last one is found, so that none is found twice.
    let mut listeners = Vec::new();
    let mut failure = None;
    for _ in 0..count * TRIES {
        if listeners.len() == count {
            break;
        }
        match TcpListener::bind((Ipv4Addr::LOCALHOST, draw(&drawn_from)?)) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if listeners.len() < count => Err(error),
        _ => listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect(),
    }
}

/// Whether nobody listens there.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The ports below those of outgoing connections, of which `text` is first and last; none where they are few.
fn never_outgoing(text: &str) -> Range<u16> {
    let first = text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(OUTGOING_FIRST);
    let ports = FIRST..first;
    if ports.len() < FEWEST { 0..0 } else { ports }
}

/// One of these; 0, for which the kernel puts one that is free, where there are none.
fn draw(ports: &Range<u16>) -> io::Result<u16> {
    let count = u32::try_from(ports.len()).expect("there are 65,536 ports");
    if count == 0 {
        return Ok(0);
    }
    let step = getrandom::u32()? % count;
    Ok(ports.start + u16::try_from(step).expect("it is below the count"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, TcpListener};

    use super::{free, is_free, never_outgoing};

    #[test]
    fn ports_differ_and_nobody_listens_there() {
        let ports = free(21).expect("a machine has that many");
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 21, "{ports:?}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        assert!(!is_free(listener.local_addr().expect("it is bound").port()));
    }

    #[test]
    fn ports_of_outgoing_connections_are_left_alone() {
        assert_eq!(never_outgoing("32768\t60999\n"), 1024..32768);
        assert_eq!(never_outgoing("15000 64000"), 1024..15000);
        assert_eq!(never_outgoing("1024 65535"), 0..0, "then the kernel chooses");
        assert_eq!(never_outgoing(""), 1024..32768);
    }
}
