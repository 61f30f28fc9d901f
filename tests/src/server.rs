//! One server process under full control: its own directory and port, a zoo.cfg written from parameters, started, killed,
//! terminated and started again on the same data. Paddock or, when asked, Debian's ZooKeeper.
//!
//! A server's output goes to one file for all its lives; when a test fails its end is shown.
use crate::installed::class_path;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A server that does not serve, or does not end, within this time has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at something that gives no sign of its own (a port not yet open, a process not yet gone).
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// ZooKeeper leaves a connection that asks in the wrong moment of its start without answer or end; ask anew after this.
const STARTING_PATIENCE: Duration = Duration::from_millis(500);
/// Numbers of reactors, one for each start of a server that was not told how many: in the replica's thread, and two in
/// their own. With which one a server begins follows from the test's name, so that a test that fails does it again.
const REACTORS: [&str; 2] = ["0", "2"];
/// Lines of the log shown when a test fails.
const LOG_TAIL: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Paddock,
    ZooKeeper,
}

impl Kind {
    /// The server under test: Paddock, unless `PADDOCK_TEST_SERVER=zookeeper` asks for the tests themselves to be judged.
    pub fn under_test() -> Kind {
        match std::env::var("PADDOCK_TEST_SERVER").as_deref() {
            Err(_) | Ok("paddock") => Kind::Paddock,
            Ok("zookeeper") => Kind::ZooKeeper,
            Ok(other) => panic!("PADDOCK_TEST_SERVER={other}: paddock or zookeeper"),
        }
    }

    /// Whether the server behaves as ZooKeeper 3.9 does: Debian's, which is 3.8.0, does not.
    pub fn is_current(self) -> bool {
        self == Kind::Paddock || other_zookeeper().is_some()
    }
}

/// What to start. The data directory and the port are the server's own business.
#[derive(Debug, Clone)]
pub struct Setup {
    pub kind: Kind,
    /// Lines of zoo.cfg besides dataDir and clientPort.
    pub config: Vec<(String, String)>,
    /// `-Dname=value` on the command line.
    pub properties: Vec<(String, String)>,
    /// Of a ZooKeeper that is not the usual one.
    class_path: Option<String>,
    /// Of a Paddock that is not the usual one.
    program: Option<PathBuf>,
    /// Where clients find the server.
    pub host: Ipv4Addr,
    /// Words before the command, which run what follows them in their own place.
    entrance: Vec<String>,
}

impl Setup {
    /// On 127.0.0.1, with ticks of 2 s, every four-letter word, and no limit on connections. With `PADDOCK_TEST_FEATURES=off` a
    /// Paddock speaks with others as with a ZooKeeper.
    pub fn new(kind: Kind) -> Setup {
        let (config, properties, entrance) = (Vec::new(), Vec::new(), Vec::new());
        let (class_path, program, host) = (None, None, Ipv4Addr::LOCALHOST);
        let setup = Setup { kind, config, properties, class_path, program, host, entrance };
        let setup = match (kind, std::env::var("PADDOCK_TEST_FEATURES").as_deref()) {
            (Kind::Paddock, Ok("off")) => setup.property("paddock.ensemble.features", "false"),
            _ => setup,
        };
        let setup = setup.on(Ipv4Addr::LOCALHOST, Vec::new()).config("tickTime", "2000");
        setup.config("maxClientCnxns", "0").config("4lw.commands.whitelist", "*")
    }

    /// Adds a line to zoo.cfg, in place of an earlier one with the same key.
    pub fn config(self, key: &str, value: &str) -> Setup {
        let mut setup = self.without(key);
        setup.config.push((key.into(), value.into()));
        setup
    }

    /// Adds a line to zoo.cfg where none has its key.
    pub fn config_by_default(self, key: &str, value: &str) -> Setup {
        let is_set = self.config.iter().any(|(known, _)| known == key);
        if is_set { self } else { self.config(key, value) }
    }

    /// Takes a line out of zoo.cfg.
    pub fn without(mut self, key: &str) -> Setup {
        self.config.retain(|(known, _)| known != key);
        self
    }

    pub fn property(mut self, name: &str, value: &str) -> Setup {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// On another host than this one, where what follows the words of its entrance runs.
    pub fn on(mut self, host: Ipv4Addr, entrance: Vec<String>) -> Setup {
        (self.host, self.entrance) = (host, entrance);
        self.config("clientPortAddress", &host.to_string())
    }

    /// Another ZooKeeper than the usual one.
    pub fn class_path(mut self, class_path: String) -> Setup {
        self.class_path = Some(class_path);
        self
    }

    /// Another Paddock than the usual one.
    pub fn program(mut self, program: &Path) -> Setup {
        self.program = Some(program.to_owned());
        self
    }

    /// Starts a server on an empty data directory and waits until it serves.
    pub fn start(self) -> Server {
        let mut server = self.prepare();
        server.restart();
        server
    }

    /// Everything but the process: the directory, the port and zoo.cfg.
    pub fn prepare(self) -> Server {
        let dir = TempDir::new("server");
        let port = free_port();
        let server =
            Server { setup: self, dir, port, process: Arc::default(), starts: AtomicUsize::new(first_reactors()) };
        fs::write(server.config_path(), server.zoo_cfg()).expect("the temporary directory is writable");
        server
    }
}

/// A server's directory, port and, while it runs, its process.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    dir: TempDir,
    port: u16,
    process: Arc<Mutex<Option<Child>>>,
    starts: AtomicUsize,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.setup.host, self.port))
    }

    /// `host:port`, as clients take it.
    pub fn connect_string(&self) -> String {
        self.address().to_string()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir.path().join("zoo.cfg")
    }

    /// Puts a line into zoo.cfg that names a path, in place of one with the same key; `None` takes it away.
    pub fn configure(&self, key: &str, value: Option<&Path>) {
        let text = fs::read_to_string(self.config_path()).expect("it was written");
        let mut lines: Vec<String> =
            text.lines().filter(|line| !line.starts_with(&format!("{key}="))).map(str::to_owned).collect();
        lines.extend(value.map(|value| format!("{key}={}", value.display())));
        fs::write(self.config_path(), lines.join("\n") + "\n").expect("it is writable");
    }

    /// Starts the process without waiting for anything.
    pub fn spawn(&self) {
        self.spawn_behind(&[]);
    }

    /// [`spawn`](Server::spawn) with words before the command, which run what follows them in their own place: `prlimit`
    /// with limits, `sh -c` with redirections.
    pub fn spawn_behind(&self, prefix: &[&str]) {
        let mut process = self.lock();
        assert!(process.is_none(), "the server runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("the log can be opened");
        let mut setup = self.setup.clone();
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        if setup.kind == Kind::Paddock && !setup.properties.iter().any(|(name, _)| name == "paddock.reactors") {
            setup = setup.property("paddock.reactors", REACTORS[start % REACTORS.len()]);
        }
        let words: Vec<&str> = setup.entrance.iter().map(String::as_str).chain(prefix.iter().copied()).collect();
        let mut command = behind(&words, command(&setup, &self.config_path()));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        *process = Some(child);
    }

    /// Starts the process and waits until it serves, and until its log has all that is said at a start: Paddock has a
    /// thread that writes it.
    pub fn restart(&mut self) {
        let before = self.log().len();
        self.spawn();
        self.wait_until_serving();
        if self.setup.kind == Kind::Paddock {
            let is_told = || self.log().get(before..).is_some_and(|said| said.contains("listening on")).then_some(());
            assert!(poll_until(DEADLINE, is_told).is_some(), "it does not say that it listens:\n{}", self.log_tail());
        }
    }

    /// Waits until `srvr` is answered with a mode; panics with the log when the process ends or the deadline passes.
    pub fn wait_until_serving(&self) {
        let serving = poll_until(DEADLINE, || self.mode());
        assert!(serving.is_some(), "the server does not serve; its log ends:\n{}", self.log_tail());
    }

    /// What `srvr` says that the server is: `standalone`, `leader`, `follower`.
    pub fn mode(&self) -> Option<String> {
        self.told("Mode")
    }

    /// What `srvr` says behind this word. Nothing while the server does not serve; panics with the log when the process has
    /// ended.
    pub fn told(&self, word: &str) -> Option<String> {
        if let Some(status) = self.exit_status() {
            panic!("the server ended with {status} instead of serving; its log ends:\n{}", self.log_tail());
        }
        let answer = four_letter_word(self.address(), "srvr", STARTING_PATIENCE).ok()?;
        answer.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(": ")).map(str::to_owned)
    }

    /// SIGKILL, then waits for the process to be gone.
    pub fn kill(&self) {
        self.killer().kill();
    }

    /// Something that any thread can kill this server with.
    pub fn killer(&self) -> Killer {
        Killer { process: Arc::clone(&self.process) }
    }

    /// SIGTERM, then waits for the process to end by itself.
    pub fn terminate(&self) -> ExitStatus {
        self.signal("TERM");
        let status = poll_until(DEADLINE, || self.exit_status());
        let status = status.unwrap_or_else(|| panic!("SIGTERM did not end it; its log ends:\n{}", self.log_tail()));
        *self.lock() = None;
        status
    }

    /// [`terminate`](Server::terminate), which must end as it should: with success, or 143 as Java has it.
    pub fn terminate_in_peace(&self) {
        let status = self.terminate();
        assert!(status.success() || status.code() == Some(143), "SIGTERM: {status}\n{}", self.log_tail());
    }

    /// SIGSTOP, then waits until every thread stands still: what is sent from now on stays in the sockets.
    pub fn pause(&self) {
        self.signal("STOP");
        let stopped = poll_until(DEADLINE, || self.is_paused().then_some(()));
        assert!(stopped.is_some(), "SIGSTOP did not stop it");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn is_paused(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process lives");
        tasks.flatten().all(|task| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:") && line.contains('T'))
        })
    }

    fn signal(&self, name: &str) {
        let pid = self.pid();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().expect("sh runs");
        assert!(sent.success(), "SIG{name} could not be sent to {pid}");
    }

    /// Whether the process has ended by itself, and how.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        let mut process = self.lock();
        process.as_mut().expect("the server was started").try_wait().expect("a child can be waited for")
    }

    /// Panics with the log unless the process lives and answers a stranger.
    pub fn assert_alive(&self) {
        if let Some(status) = self.exit_status() {
            panic!("the server has ended with {status}; its log ends:\n{}", self.log_tail());
        }
        let answer = four_letter_word(self.address(), "ruok", DEADLINE);
        assert_eq!(answer.ok().as_deref(), Some("imok"), "ruok; the server's log ends:\n{}", self.log_tail());
    }

    pub fn pid(&self) -> u32 {
        self.lock().as_ref().expect("the server was started").id()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux reports VmRSS");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("VmRSS: N kB");
        kib * 1024
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    fn zoo_cfg(&self) -> String {
        let mut text = String::new();
        let data_dir = self.data_dir();
        writeln!(text, "dataDir={}\nclientPort={}", data_dir.display(), self.port).expect("a String takes everything");
        for (key, value) in &self.setup.config {
            writeln!(text, "{key}={value}").expect("a String takes everything");
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        // A panic elsewhere must not keep the process from being killed.
        self.process.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.killer().kill();
        if std::thread::panicking() {
            eprintln!("--- end of the {:?} server's log ---\n{}\n---", self.setup.kind, self.log_tail());
        }
    }
}

/// Kills the server it was taken from; works from any thread and any number of times.
#[derive(Debug, Clone)]
pub struct Killer {
    process: Arc<Mutex<Option<Child>>>,
}

impl Killer {
    /// SIGKILL, then waits for the process to be gone.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(mut child) = process.take() {
            // An error here means that it is gone already, which is what was wanted.
            drop(child.kill());
            child.wait().expect("a child can be waited for");
        }
    }
}

/// The command that serves `config`, Paddock's or ZooKeeper's.
pub fn command(setup: &Setup, config: &Path) -> Command {
    let properties = setup.properties.iter().map(|(name, value)| format!("-D{name}={value}"));
    match setup.kind {
        Kind::Paddock => {
            let mut command = Command::new(setup.program.clone().unwrap_or_else(paddock));
            // Servers that run at the same time cannot all have the one port. A line of zoo.cfg counts more than this.
            command.arg("serve").arg("-Dzookeeper.admin.enableServer=false").args(properties).arg(config);
            command
        }
        Kind::ZooKeeper => {
            let mut command = Command::new("java");
            command.args(["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
            command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dzookeeper.admin.enableServer=false"]);
            command.args(properties);
            let debians = || class_path(&["zookeeper", "slf4j-simple"]);
            let class_path = setup.class_path.clone().or_else(other_zookeeper);
            command.arg("-cp").arg(class_path.unwrap_or_else(debians));
            command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(config);
            command
        }
    }
}

/// The command with words before it, which run it in their own place.
pub fn behind(prefix: &[&str], command: Command) -> Command {
    let [program, arguments @ ..] = prefix else { return command };
    let mut whole = Command::new(program);
    whole.args(arguments).arg(command.get_program()).args(command.get_args());
    whole
}

/// The class path of a ZooKeeper 3.9 that stands in for Debian's 3.8.0, from `PADDOCK_TEST_ZOOKEEPER`.
fn other_zookeeper() -> Option<String> {
    std::env::var("PADDOCK_TEST_ZOOKEEPER").ok()
}

/// The binary under test: `PADDOCK_BIN`, else the newest one that cargo has built beside this test.
pub fn paddock() -> PathBuf {
    if let Some(path) = std::env::var_os("PADDOCK_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("target/<profile>/deps/<test>");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("paddock"));
    let age = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest = built.into_iter().filter(|path| age(path).is_some()).max_by_key(age);
    newest.unwrap_or_else(|| panic!("no paddock below {}: run `cargo build --release` first", target.display()))
}

/// What a line of the log says at the level ERROR, if it does: time and level stand before it, as in every line.
pub fn error_of(line: &str) -> Option<&str> {
    let (time, rest) = line.split_once(' ')?;
    let is_time = time.ends_with('Z') && time.contains('T') && time.starts_with(|first: char| first.is_ascii_digit());
    rest.trim_start().strip_prefix("ERROR ").filter(|_| is_time)
}

/// Sends a four-letter word and reads the answer to its end, which must come within `patience`.
pub fn four_letter_word(address: SocketAddr, word: &str, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Asks again and again until there is an answer; `None` when the deadline has passed without one.
pub fn poll_until<T>(deadline: Duration, ask: impl FnMut() -> Option<T>) -> Option<T> {
    poll_every(POLL_INTERVAL, deadline, ask)
}

/// The same, not so often: for many who ask at the same time.
pub fn poll_every<T>(interval: Duration, deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::park_timeout(interval);
    }
}

/// A port nobody listens on, below the range from which the kernel picks ports for outgoing connections: a client that
/// tries a port of that range while the server is down can be connected to itself.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many such ports in a row.
pub fn free_ports(count: u16) -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time start far apart.
    let start = std::process::id().wrapping_mul(97);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let port = u16::try_from(FIRST + start.wrapping_add(step) % COUNT).expect("below 32,000");
        if (port..port + count).all(is_free) {
            return port;
        }
    }
    panic!("no {count} free ports in a row between {FIRST} and {}", FIRST + COUNT);
}

/// A directory of the test's own, removed when the test succeeds and left for a look when it fails.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("paddock-test-{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        TempDir { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into the directory and returns its path.
    pub fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        File::create(&path).and_then(|mut file| file.write_all(contents)).expect("the directory is writable");
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Something that differs from test to test and is the same in each run: tests run in threads that have their names.
/// With `PADDOCK_TEST_REACTORS=other` each begins with the number that it does not begin with otherwise.
fn first_reactors() -> usize {
    let name: usize = std::thread::current().name().unwrap_or_default().bytes().map(usize::from).sum();
    name + usize::from(std::env::var("PADDOCK_TEST_REACTORS").is_ok_and(|which| which == "other"))
}
