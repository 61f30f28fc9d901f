//! Stands in for the crate testcontainers in zookeeper-client's tests, which start ZooKeeper in containers: the same names,
//! and behind them a process of this machine. A container is a directory; it holds what the image would have at the paths
//! `/conf` and `/data`, and the volumes, so every path in zoo.cfg and in the properties is put below it. The server is
//! started with `java`, as the image does it, so the java that is first on the PATH decides what is tested.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The client port inside of the image.
const CLIENT_PORT: u16 = 2181;
/// A server that does not serve within this time has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// What the image has in zoo.cfg unless a volume replaces it.
const IMAGE_CONFIG: &str = "dataDir=/data\ntickTime=2000\nclientPort=2181\n";

pub mod clients {
    use crate::core::{Container, RunnableImage};

    #[derive(Debug, Default)]
    pub struct Cli;

    impl Cli {
        /// Starts the image and waits until it serves.
        pub fn run<I>(&self, image: RunnableImage<I>) -> Container<'_, I> {
            Container::run(image)
        }
    }
}

pub mod images {
    pub mod generic {
        use crate::core::{Healthcheck, WaitFor};

        #[derive(Debug)]
        pub struct GenericImage {
            pub(crate) variables: Vec<(String, String)>,
        }

        impl GenericImage {
            pub fn new(_name: &str, _tag: &str) -> Self {
                Self { variables: Vec::new() }
            }

            pub fn with_env_var(mut self, name: &str, value: impl Into<String>) -> Self {
                self.variables.push((name.into(), value.into()));
                self
            }

            pub fn with_healthcheck(self, _check: Healthcheck) -> Self {
                self
            }

            pub fn with_wait_for(self, _condition: WaitFor) -> Self {
                self
            }
        }
    }
}

pub mod core {
    pub use super::{Container, LogStream};
    use crate::images::generic::GenericImage;
    use std::marker::PhantomData;
    use std::time::Duration;

    #[derive(Debug)]
    pub enum WaitFor {
        Healthcheck,
    }

    /// Every container waits until `srvr` is answered, so there is nothing to choose.
    #[derive(Debug, Default)]
    pub struct Healthcheck;

    impl Healthcheck {
        pub fn with_cmd<T: AsRef<str>>(self, _command: impl Iterator<Item = T>) -> Self {
            self
        }

        pub fn with_interval(self, _interval: Duration) -> Self {
            self
        }

        pub fn with_retries(self, _retries: u32) -> Self {
            self
        }
    }

    #[derive(Debug)]
    pub struct RunnableImage<I> {
        pub(crate) variables: Vec<(String, String)>,
        /// What lies outside, and where the container sees it.
        pub(crate) volumes: Vec<(String, String)>,
        /// The container has the ports of this machine, as its configuration says them.
        pub(crate) host_network: bool,
        image: PhantomData<I>,
    }

    impl From<GenericImage> for RunnableImage<GenericImage> {
        fn from(image: GenericImage) -> Self {
            Self { variables: image.variables, volumes: Vec::new(), host_network: false, image: PhantomData }
        }
    }

    impl<I> RunnableImage<I> {
        pub fn with_volume(mut self, (outside, inside): (&str, &str)) -> Self {
            self.volumes.push((outside.into(), inside.into()));
            self
        }

        pub fn with_network(mut self, network: &str) -> Self {
            self.host_network = network == "host";
            self
        }
    }
}

/// A server with its directory. It ends with the value.
#[derive(Debug)]
pub struct Container<'cli, I> {
    directory: PathBuf,
    properties: Vec<String>,
    port: u16,
    process: Mutex<Option<Child>>,
    image: std::marker::PhantomData<&'cli I>,
}

impl<I> Container<'_, I> {
    fn run(image: core::RunnableImage<I>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("container-{}-{number}", std::process::id()));
        for inside in ["data", "conf"] {
            fs::create_dir_all(directory.join(inside)).expect("the temporary directory is writable");
        }
        fs::write(directory.join("conf/zoo.cfg"), IMAGE_CONFIG).expect("the directory is writable");
        for (outside, inside) in &image.volumes {
            copy(Path::new(outside), &directory.join(inside.trim_start_matches('/')));
        }
        let variable = image.variables.iter().find(|(name, _)| name == "SERVER_JVMFLAGS");
        let flags = variable.map_or("", |(_, value)| value);
        let properties = flags.split_whitespace().map(|flag| below(&directory, flag)).collect();
        let config = below(&directory, &fs::read_to_string(directory.join("conf/zoo.cfg")).expect("it is there"));
        let port = if image.host_network { host_port(&config) } else { free_port() };
        let config = config.replace(&format!("clientPort={CLIENT_PORT}"), &format!("clientPort={port}"));
        let config = config + "4lw.commands.whitelist=srvr\nadmin.enableServer=false\n";
        fs::write(directory.join("conf/zoo.cfg"), config).expect("the directory is writable");
        let container =
            Self { directory, properties, port, process: Mutex::default(), image: std::marker::PhantomData };
        container.start();
        container
    }

    /// Starts the process and waits until it serves.
    pub fn start(&self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("the log can be opened");
        let mut command = Command::new("java");
        command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]).args(&self.properties);
        command.arg("-cp").arg(std::env::var_os("ZOOKEEPER_CLASSPATH").expect("ZOOKEEPER_CLASSPATH names the jars"));
        command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(self.directory.join("conf/zoo.cfg"));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        *self.process.lock().expect("nobody panics with this lock") = Some(child);
        let end = Instant::now() + PATIENCE;
        while !self.serves() {
            let ended =
                self.process.lock().expect("as above").as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none() && Instant::now() < end, "the server does not serve:\n{}", self.log_text());
            std::thread::park_timeout(POLL_INTERVAL);
        }
    }

    /// As `docker stop`: SIGTERM, then waits for the end.
    pub fn stop(&self) {
        if let Some(mut child) = self.process.lock().expect("nobody panics with this lock").take() {
            let sent = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
            assert!(sent.success(), "SIGTERM could not be sent");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Where the port of the container can be reached.
    pub fn get_host_port(&self, port: u16) -> u16 {
        assert_eq!(port, CLIENT_PORT, "only the client port is open");
        self.port
    }

    /// What the server says from now on.
    pub fn stdout(&self) -> LogStream {
        LogStream { log: self.log(), seen: fs::metadata(self.log()).map_or(0, |log| log.len()) }
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn serves(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(Duration::from_millis(500)))?;
            stream.write_all(b"srvr")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains("Mode:"))
    }
}

impl<I> Drop for Container<'_, I> {
    fn drop(&mut self) {
        if let Ok(Some(mut child)) = self.process.lock().map(|mut process| process.take()) {
            // Both fail when it has ended, which is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
        // What cannot be removed is left in the temporary directory.
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// The lines that a server writes.
#[derive(Debug)]
pub struct LogStream {
    log: PathBuf,
    seen: u64,
}

impl LogStream {
    pub fn wait_for_message(self, message: &str) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let text = fs::read(&self.log).unwrap_or_default();
            let new = text.get(usize::try_from(self.seen).unwrap_or(usize::MAX)..).unwrap_or_default();
            if String::from_utf8_lossy(new).contains(message) {
                return Ok(());
            }
            std::thread::park_timeout(POLL_INTERVAL);
        }
        Err(format!("the server never said {message:?}"))
    }
}

/// A path of the image as this machine sees it.
fn below(directory: &Path, text: &str) -> String {
    let at = |inside: &str| format!("={}{inside}", directory.display());
    ["/data", "/conf", "/certs"]
        .iter()
        .fold(text.to_owned(), |text, inside| text.replace(&format!("={inside}"), &at(inside)))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("it is below the directory")).expect("the directory is writable");
    if from.is_dir() {
        fs::create_dir_all(to).expect("the directory is writable");
        for entry in fs::read_dir(from).expect("the volume can be read").map_while(Result::ok) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
        return;
    }
    let mut source = File::open(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    let mut target = File::create(to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    std::io::copy(&mut source, &mut target).expect("the directory is writable");
}

/// The client port that a member of an ensemble has in its own line of the configuration.
fn host_port(config: &str) -> u16 {
    let line = config.lines().find(|line| line.starts_with("clientPort=") || line.starts_with("server."));
    let port = line.and_then(|line| line.rsplit([':', ';', '=']).next()).and_then(|port| port.trim().parse().ok());
    port.unwrap_or(CLIENT_PORT)
}

/// A port nobody listens on, below those that the kernel gives to outgoing connections.
fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 9_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let step = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + step % COUNT).expect("below 19,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
