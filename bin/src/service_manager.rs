//! Who started this process as a service and wants to be told how it is: systemd with `Type=notify`, or whatever listens where
//! `NOTIFY_SOCKET` says. Without that nobody is told anything.
//!
//! | told | when |
//! |---|---|
//! | `READY=1` | the state is recovered and the ports are open. A member of an ensemble may still look for a leader: others are started after it |
//! | `WATCHDOG=1` | by the replica's thread after a turn, and within what takes long, twice as often as `WATCHDOG_USEC` asks: where that thread hangs nothing is told |
//! | `WATCHDOG_USEC=` the largest number | the process begins anew with another state: nothing is told until it is ready, which says the time of before again |
//! | `STOPPING=1` | the server begins to stop |

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Whoever listens and does not read is waited for so long, and only when the server has begun.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nobody, unless the environment names somebody.
#[derive(Default)]
pub struct ServiceManager {
    told: Option<Told>,
}

/// One who is told.
struct Told {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Watchdog>,
}

struct Watchdog {
    /// Half of the time after which the process counts as hung.
    interval: Duration,
    next: Instant,
}

impl ServiceManager {
    /// The one that this process's environment names.
    pub fn of_environment() -> ServiceManager {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return ServiceManager::default();
        };
        let is_own = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros = env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let allowed = micros.filter(|micros| is_own && *micros > 0).map(Duration::from_micros);
        match Told::new(&name, allowed) {
            Ok(told) => ServiceManager { told: Some(told) },
            Err(error) => {
                let name = name.display();
                tracing::warn!("whoever listens at NOTIFY_SOCKET={name} is told nothing: {error}");
                ServiceManager::default()
            }
        }
    }

    /// The server has begun; `status` is for people.
    pub fn ready(&mut self, status: &str) {
        // The process before may have said that it is not to be watched.
        let watchdog =
            self.watchdog_time().map_or_else(String::new, |time| format!("\nWATCHDOG_USEC={}", time.as_micros()));
        if let Err(error) = self.say(&format!("READY=1\nSTATUS={status}{watchdog}")) {
            tracing::warn!(
                "whoever listens at NOTIFY_SOCKET is not told that the server is ready, and may count it as one that does not start: \
                 {error}"
            );
        }
        let Some(told) = &mut self.told else { return };
        // From now on nothing waits, however full the other side's queue is.
        if let Err(error) = told.socket.set_nonblocking(true) {
            tracing::warn!(%error, "whoever started the service is told nothing more");
            self.told = None;
        }
    }

    /// The server begins to stop.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Nothing is told until the server is ready again: for the service manager that is no process that hangs.
    pub fn watch_no_more(&self) {
        if self.watchdog_time().is_some() {
            self.tell(&format!("WATCHDOG_USEC={}", u64::MAX));
        }
    }

    /// The time after which the process counts as hung where nothing is told, if there is one.
    pub fn watchdog_time(&self) -> Option<Duration> {
        let watchdog = self.told.as_ref().and_then(|told| told.watchdog.as_ref());
        watchdog.map(|watchdog| 2 * watchdog.interval)
    }

    /// The replica's thread goes on.
    pub fn alive(&mut self) {
        let Some(watchdog) = self.told.as_mut().and_then(|told| told.watchdog.as_mut()) else { return };
        let now = Instant::now();
        if now >= watchdog.next {
            watchdog.next = now + watchdog.interval;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, text: &str) {
        if let Err(error) = self.say(text) {
            tracing::debug!(%error, text, "whoever started the service cannot be told");
        }
    }

    fn say(&self, text: &str) -> io::Result<()> {
        let Some(Told { socket, address, .. }) = &self.told else { return Ok(()) };
        socket.send_to_addr(text.as_bytes(), address).map(|_| ())
    }
}

impl Told {
    fn new(name: &OsStr, allowed: Option<Duration>) -> io::Result<Told> {
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "it is neither a path nor a name behind @")),
        };
        let interval = allowed.map(|allowed| allowed / 2);
        let watchdog = interval.map(|interval| Watchdog { interval, next: Instant::now() + interval });
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Told { socket, address, watchdog })
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    use super::{ServiceManager, Told};

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).expect("something is told");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[test]
    fn whoever_listens_is_told() {
        let name = format!("paddock-service-manager-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("it is short");
        let socket = UnixDatagram::bind_addr(&address).expect("it is free");
        let allowed = Duration::from_micros(2);
        let told = Told::new(format!("@{name}").as_ref(), Some(allowed)).expect("it is an address");
        let mut manager = ServiceManager { told: Some(told) };
        manager.ready("listening");
        assert_eq!(heard(&socket), "READY=1\nSTATUS=listening\nWATCHDOG_USEC=2");
        assert_eq!(manager.watchdog_time(), Some(allowed));
        manager.alive();
        assert_eq!(heard(&socket), "WATCHDOG=1");
        manager.watch_no_more();
        assert_eq!(heard(&socket), "WATCHDOG_USEC=18446744073709551615");
        manager.stopping();
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_is_told_where_nobody_listens() {
        let mut manager = ServiceManager::default();
        manager.ready("listening");
        manager.alive();
        assert_eq!(manager.watchdog_time(), None);
        assert!(Told::new("vsock:2:1234".as_ref(), None).is_err());
        let far = Told::new("/nonexistent/notify".as_ref(), Some(Duration::from_secs(1000))).expect("it is an address");
        let mut manager = ServiceManager { told: Some(far) };
        manager.ready("listening");
        manager.alive();
        manager.stopping();
        assert_eq!(manager.watchdog_time(), Some(Duration::from_secs(1000)));
    }
}
