//! The listening socket.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, where the configuration does not say.
const BACKLOG: i32 = 4096;
/// How many connections are accepted in one turn, so that many new ones do not keep the others waiting.
const ACCEPTS_PER_TURN: usize = 256;

/// Listens on the address. A `backlog` below 1 takes the default.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes its port again although old connections linger.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Every address is of both kinds, whatever the machine's net.ipv6.bindv6only says.
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(if backlog < 1 { BACKLOG } else { backlog })?;
    Ok(TcpListener::from_std(socket.into()))
}

/// How a turn of accepting ended.
pub enum Accepted {
    /// No more are waiting.
    All,
    /// More may be waiting.
    Some,
    /// There is no room for more. Those that wait keep waiting.
    Full,
    /// It failed: there are too few file descriptors or too little memory, or none of as many as a turn accepts could be
    /// accepted. Those that wait keep waiting.
    Failed(io::Error),
}

/// Accepts the connections that wait, as many as a turn accepts at most. `has_room` is asked before each.
pub fn accept(
    listener: &TcpListener,
    has_room: impl Fn() -> bool,
    mut take: impl FnMut(TcpStream, IpAddr, u16),
) -> Accepted {
    accept_from(|| listener.accept(), has_room, |stream, peer| take(stream, peer.ip().to_canonical(), peer.port()))
}

fn accept_from<S>(
    mut next: impl FnMut() -> io::Result<(S, SocketAddr)>,
    has_room: impl Fn() -> bool,
    mut take: impl FnMut(S, SocketAddr),
) -> Accepted {
    // The last error, as long as every connection so far has failed: then the cause is perhaps not in the connections.
    let mut all_failed = None;
    for tried in 0..ACCEPTS_PER_TURN {
        if !has_room() {
            return Accepted::Full;
        }
        match next() {
            Ok((stream, peer)) => {
                all_failed = None;
                take(stream, peer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Accepted::All,
            Err(error) if concerns_one(&error) => {
                if tried == 0 || all_failed.is_some() {
                    all_failed = Some(error);
                }
            }
            Err(error) => return Accepted::Failed(error),
        }
    }
    all_failed.map_or(Accepted::Some, Accepted::Failed)
}

/// Whether an error concerns only the connection that was to be accepted, so that the next one need not wait: its peer has
/// gone, the network or a firewall has ended it, or a signal came.
fn concerns_one(error: &io::Error) -> bool {
    const OF_THE_CONNECTION: [i32; 11] = [
        libc::ECONNABORTED,
        libc::EINTR,
        libc::EPERM,
        libc::ENETDOWN,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::ENONET,
        libc::EHOSTUNREACH,
        libc::EOPNOTSUPP,
        libc::ENETUNREACH,
    ];
    error.raw_os_error().is_some_and(|code| OF_THE_CONNECTION.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};

    use super::{ACCEPTS_PER_TURN, Accepted, accept_from, concerns_one};

    /// What a turn comes to in which those of these numbers are accepted and the others are refused to this process.
    fn turn(accepted: &[usize]) -> (Accepted, Vec<usize>) {
        let (mut number, mut taken) = (0, Vec::new());
        let next = || {
            number += 1;
            match accepted.contains(&number) {
                true => Ok((number, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))),
                false => Err(io::Error::from_raw_os_error(libc::EPERM)),
            }
        };
        let outcome = accept_from(next, || true, |number, _| taken.push(number));
        (outcome, taken)
    }

    #[test]
    fn a_turn_in_which_all_fail_has_failed() {
        assert!(matches!(turn(&[]), (Accepted::Failed(error), _) if error.raw_os_error() == Some(libc::EPERM)));
        for accepted in [1, 2, ACCEPTS_PER_TURN] {
            let (outcome, taken) = turn(&[accepted]);
            assert!(matches!(outcome, Accepted::Some), "{accepted}");
            assert_eq!(taken, [accepted]);
        }
    }

    #[test]
    fn only_a_shortage_makes_the_next_ones_wait() {
        for code in [libc::ECONNABORTED, libc::EPERM, libc::EPROTO, libc::ENETUNREACH] {
            assert!(concerns_one(&io::Error::from_raw_os_error(code)));
        }
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(!concerns_one(&io::Error::from_raw_os_error(code)));
        }
    }
}
