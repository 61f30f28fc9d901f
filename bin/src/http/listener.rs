//! The listeners, and the thread that has them.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use super::bounds::{ACCEPT_RETRY, BACKLOG, REQUEST_TIME_MAX};
use super::connection::{Service, serve};
use super::places::Places;
use super::site::Site;
use super::wire::Tls;
use super::workers::Workers;

/// What a connection is told for which there is no place.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\nretry-after: 1\r\n\r\n";

/// A port that is served.
pub struct Port {
    /// What it is called in the log.
    pub name: &'static str,
    pub listener: std::net::TcpListener,
    pub site: Arc<dyn Site>,
    /// How long a connection may wait for a request; `None` leaves it to the bound.
    pub idle: Option<Duration>,
    /// `None`: plain HTTP alone.
    pub tls: Option<Tls>,
}

/// Opens a port. The host is an address, or a name that is looked up now.
pub fn bind(host: &str, port: u16) -> io::Result<std::net::TcpListener> {
    let mut addresses = (host.trim_start_matches('[').trim_end_matches(']'), port).to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes its port again although old connections linger.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves these ports from now on, in a thread of their own, until the process ends.
pub fn start(ports: Vec<Port>) -> io::Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let workers = Workers::start()?;
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    std::thread::Builder::new().name("http".into()).spawn(move || runtime.block_on(serve_all(ports, workers)))?;
    Ok(())
}

async fn serve_all(ports: Vec<Port>, workers: Workers) {
    let served: Vec<_> = ports.into_iter().map(|port| tokio::spawn(listen(port, workers.clone()))).collect();
    for port in served {
        if port.await.is_err() {
            tracing::error!("a listener for HTTP has panicked, and its port is served no more");
        }
    }
}

async fn listen(port: Port, workers: Workers) {
    let Port { name, listener, site, idle, tls } = port;
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the port of the {name} is not served"),
    };
    let wait_max = idle.unwrap_or(REQUEST_TIME_MAX).min(REQUEST_TIME_MAX);
    let places = Places::default();
    let mut is_failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                is_failing = false;
                let kind = Kind { site: &site, workers: &workers, tls: tls.as_ref(), wait_max };
                admit(stream, from, &places, &kind).await;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "a connection to the {name} cannot be accepted; it is tried again");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// What all connections of a port are served with.
struct Kind<'a> {
    site: &'a Arc<dyn Site>,
    workers: &'a Workers,
    tls: Option<&'a Tls>,
    wait_max: Duration,
}

async fn admit(stream: TcpStream, from: SocketAddr, places: &Places, kind: &Kind<'_>) {
    let Kind { site, workers, tls, wait_max } = *kind;
    let address: IpAddr = from.ip().to_canonical();
    let Some(place) = places.take(address, Instant::now()) else { return refuse(stream) };
    // An answer of some bytes is not to wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = Service::new(site.clone(), workers.clone(), place.clone(), address);
    let connection = tokio::spawn(serve(stream, tls.cloned(), service, wait_max));
    place.ends_by(connection.abort_handle());
    drop(place);
    // One whose place was taken closes its socket now.
    tokio::task::yield_now().await;
}

/// The answer fits into the socket's buffer, or the client does without.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(FULL);
    }
}
