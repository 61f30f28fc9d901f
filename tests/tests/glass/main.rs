//! The write path under glass where something is slow on purpose: the picture alone shows what, and the stages add up to what the
//! client has waited for. And what other programs look by is there.
//!
//! A disk is slowed by a library in front of the server's own (`LD_PRELOAD`), in which each fdatasync takes longer; the log is written
//! by a thread for that. It is made with the C compiler that Rust's programs are linked with, and takes a server that is linked to
//! the C library while it starts, as every one is but the static one of the packages.
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::http::get;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, free_port, paddock, poll_until};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

const TIMEOUT_MS: i32 = 20_000;
/// A sync of the slow disk takes so much longer.
const DELAY_MS: u64 = 50;
/// The stages add up to the latency but for this part of it.
const LEFT_OUT_MAX: f64 = 0.05;
/// Writes of which the latency is compared.
const WRITES: u64 = 10;
/// What is said of a server is of so many seconds.
const SECONDS: &str = "2.5";
/// Members of the big multi, which is one transaction, and so one turn. (A long list is answered in many turns.)
const MEMBERS: usize = 15_000;

/// In front of the server's C library.
const SLOW_SYNC: &str = "\
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int file) {
    struct timespec delay = { 0, DELAY_MS * 1000000L };
    nanosleep(&delay, 0);
    return (int)syscall(SYS_fdatasync, file);
}
";

/// One test at a time, so that what is slow is so on purpose.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(work: impl FnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if Kind::under_test() == Kind::Paddock {
        work();
    }
}

/// What makes a disk slow for the server that starts behind it.
struct SlowDisk {
    preload: String,
    /// Where the library is.
    _dir: TempDir,
}

impl SlowDisk {
    fn new() -> SlowDisk {
        let dir = TempDir::new("slow-disk");
        let source = dir.write("slow.c", SLOW_SYNC.as_bytes());
        let library = dir.path().join("slow.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-D_GNU_SOURCE", &format!("-DDELAY_MS={DELAY_MS}"), "-o"]);
        let made = compiler.arg(&library).arg(&source).output().expect("there is a C compiler");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        SlowDisk { preload: format!("LD_PRELOAD={}", library.display()), _dir: dir }
    }

    /// Words before the server's command.
    fn words(&self) -> [&str; 2] {
        ["env", &self.preload]
    }
}

/// Of a server with an AdminServer, whose log is written by a thread.
fn setup(admin: u16) -> Setup {
    Setup::new(Kind::Paddock)
        .config("admin.enableServer", "true")
        .config("admin.serverAddress", "127.0.0.1")
        .config("admin.serverPort", &admin.to_string())
        .property("paddock.io.method", "thread")
}

/// A client whose znode is there.
fn client(server: &Server) -> Client {
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/w", b"x", flags::PERSISTENT));
    client
}

fn write(client: &mut Client) {
    client.ok(&Request::set_data("/w", b"y", -1));
}

/// What is told once so many answers are written.
fn stages_behind(admin: u16, written: u64) -> Value {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
    let told = poll_until(DEADLINE, || {
        let told: Value = serde_json::from_slice(&get(address, "/commands/stages").body).expect("it is JSON");
        (told["stages"]["written"]["count"].as_u64() == Some(written)).then_some(told)
    });
    told.unwrap_or_else(|| panic!("{written} answers were not written"))
}

/// All stages together, microseconds.
fn sum_of_stages(told: &Value) -> f64 {
    let stages = told["stages"].as_object().expect("a map");
    stages.values().map(|stage| stage["sum"].as_f64().expect("a number")).sum()
}

/// What `paddock profile` has found.
struct Profiled {
    picture: String,
    /// Of the one server.
    json: Value,
}

impl Profiled {
    /// Of a server on which something goes on meanwhile.
    fn of(server: &Server, admin: u16, mut work: impl FnMut()) -> Profiled {
        let results = TempDir::new("glass");
        let (plot, json) = (results.path().join("p.svg"), results.path().join("p.json"));
        let mut command = Command::new(paddock());
        command.args(["profile", &server.connect_string(), "--seconds", SECONDS, "--admin", &admin.to_string()]);
        command.arg("--plot").arg(&plot).arg("--json").arg(&json);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().expect("it starts");
        while running.try_wait().expect("it is this process's child").is_none() {
            work();
        }
        let done = running.wait_with_output().expect("it ends");
        assert_eq!((&*String::from_utf8_lossy(&done.stderr), done.status.code()), ("", Some(0)));
        let text = |path: &Path| fs::read_to_string(path).expect("it is written");
        let json: Value = serde_json::from_str(&text(&json)).expect("it is JSON");
        Profiled { picture: text(&plot), json: json["servers"][0].clone() }
    }

    /// The stage with most of the time.
    fn longest(&self) -> &str {
        let mean = |stage: &Value| stage["mean_us"].as_f64().expect("a number");
        let stages = self.json["stages"].as_object().expect("a map").iter();
        let longest = stages.max_by(|(_, one), (_, other)| mean(one).total_cmp(&mean(other)));
        longest.expect("there are some").0
    }

    #[track_caller]
    fn assert_says(&self, words: &str) {
        assert!(self.picture.contains(words), "{words}: {}", self.picture);
    }
}

/// The notes in the program's file have provider, name and arguments one behind the other: perf and bpftrace go by them. A linker
/// that took them for needless would take them out.
#[test]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn the_program_has_its_probe_points() {
    let program = fs::read(paddock()).expect("it can be read");
    let mut noted = Vec::new();
    let mut before: [&[u8]; 2] = [b"", b""];
    for word in program.split(|byte| *byte == 0) {
        if before[0] == b"paddock" && word.starts_with(b"8@") {
            noted.push(String::from_utf8_lossy(before[1]).into_owned());
        }
        before = [before[1], word];
    }
    let mut expected = paddock_engine::io::probes::NAMES;
    noted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(noted, expected);
}

#[test]
fn a_slow_disk_is_seen_and_the_stages_add_up() {
    alone(profile_slow_disk);
}

fn profile_slow_disk() {
    let (disk, admin) = (SlowDisk::new(), free_port());
    let server = setup(admin).prepare();
    server.spawn_behind(&disk.words());
    server.wait_until_serving();
    let mut client = client(&server);
    // The session and its znode.
    let mut written = 2;
    let mut rounds = Vec::new();
    // Where others have the machine, a client waits for that too: sooner or later nobody has.
    let found = poll_until(DEADLINE, || {
        let before = sum_of_stages(&stages_behind(admin, written));
        let began = Instant::now();
        (0..WRITES).for_each(|_| write(&mut client));
        let waited = began.elapsed().as_micros() as f64;
        written += WRITES;
        let sum = sum_of_stages(&stages_behind(admin, written)) - before;
        rounds.push((waited, sum));
        ((waited - sum).abs() <= LEFT_OUT_MAX * waited).then_some(waited)
    });
    let waited = found.unwrap_or_else(|| panic!("no round's stages add up to what was waited for: {rounds:?}"));
    assert!(waited >= (WRITES * DELAY_MS * 1000) as f64, "the disk is not slow: {rounds:?}");

    let profiled = Profiled::of(&server, admin, || write(&mut client));
    assert_eq!(profiled.longest(), "synced", "{}", profiled.json);
    profiled.assert_says(" % is synced: ");
}

#[test]
fn a_slow_follower_is_named() {
    alone(profile_slow_follower);
}

/// The third one does not run, so that the leader waits for the slow one.
fn profile_slow_follower() {
    let disk = SlowDisk::new();
    let ensemble = Ensemble::start(setup(0).config("paddock.slowRequestMillis", "20"), 3);
    let mut admins = Vec::new();
    // Each has a port that it was not told of before: it is started again with one.
    for place in ensemble.places() {
        let port = free_port();
        ensemble.server(place).terminate_in_peace();
        ensemble.server(place).configure("admin.serverPort", Some(Path::new(&port.to_string())));
        ensemble.server(place).spawn();
        ensemble.wait_for_leader(&ensemble.places());
        admins.push(port);
    }
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let [slow, gone] = [1, 2].map(|next| (leader + next) % 3);
    ensemble.server(slow).kill();
    ensemble.server(slow).spawn_behind(&disk.words());
    assert_eq!(ensemble.wait_for_leader(&ensemble.places()), leader, "it has a quorum all the time");
    ensemble.server(gone).kill();

    let mut of_leader = client(ensemble.server(leader));
    let profiled = Profiled::of(ensemble.server(leader), admins[leader], || write(&mut of_leader));
    assert_eq!(profiled.longest(), "quorum", "{}", profiled.json);
    profiled.assert_says(" % is quorum: ");
    profiled.assert_says(&format!("with the acknowledgement of server.{} ", slow + 1));
    let peer = &profiled.json["peers"][(slow + 1).to_string()];
    for what in ["acknowledged", "awaited"] {
        assert!(peer[what]["mean_us"].as_f64() >= Some((DELAY_MS * 500) as f64), "{what}: {peer}");
    }

    // Its own client waits for the leader, which waits for it: that is two stages, and one line in the log.
    let mut of_slow = Client::connect(ensemble.server(slow).address(), TIMEOUT_MS).expect("handshake");
    let profiled = Profiled::of(ensemble.server(slow), admins[slow], || write(&mut of_slow));
    assert!(["forwarded", "agreed"].contains(&profiled.longest()), "{}", profiled.json);
    profiled.assert_says("profile the leader too");
    let is_told =
        |line: &str| line.contains("a request took ") && line.contains("setData") && line.contains("leader_us");
    let line =
        poll_until(DEADLINE, || ensemble.server(slow).log().lines().find(|line| is_told(line)).map(str::to_owned));
    let line = line.expect("each of them was slow");
    assert!(!line.contains("queued_us") && !line.contains("synced_us"), "{line}");
}

/// The second server of a machine goes on without an AdminServer where both are to have it on one port.
#[test]
fn the_admin_server_of_another_server_is_refused() {
    alone(refuse_another);
}

fn refuse_another() {
    let admin = free_port();
    let (first, second) = (setup(admin).start(), setup(admin).start());
    let results = TempDir::new("glass");
    let plot = results.path().join("p.svg");
    let profile = |server: &Server, more: &[&str]| {
        let mut command = Command::new(paddock());
        command.args(["profile", &server.connect_string(), "--seconds", "0", "--admin", &admin.to_string()]);
        let done = command.arg("--plot").arg(&plot).args(more).stdin(Stdio::null()).output().expect("it runs");
        (String::from_utf8_lossy(&done.stderr).into_owned(), done.status.code())
    };
    let (asked, told) = (second.connect_string(), first.connect_string());
    let refusal = format!(
        "paddock: the AdminServer at 127.0.0.1:{admin} is not that of {asked}, but of the server whose clients come to {told}; \
         give the right one's port with --admin (admin.serverPort in its zoo.cfg), or pass --anyway if that is the same server \
         under another address\n"
    );
    assert_eq!(profile(&second, &[]), (refusal, Some(1)));
    assert!(!plot.exists(), "there are no results");
    assert_eq!(profile(&second, &["--anyway"]), (String::new(), Some(0)));
    assert_eq!(profile(&first, &[]), (String::new(), Some(0)));
}

#[test]
fn a_big_multi_in_the_way_is_seen() {
    alone(profile_big_multi);
}

/// Tells a thread to end, however this one does.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn profile_big_multi() {
    let admin = free_port();
    // One reactor for all, in the replica's thread.
    let server = setup(admin).property("paddock.reactors", "0").start();
    let mut client = client(&server);
    client.ok(&Request::create("/many", b"", flags::PERSISTENT));
    let names: Vec<String> = (0..MEMBERS).map(|number| format!("/many/{number:08}")).collect();
    let creates = names.iter().map(|name| Request::create(name, b"", flags::PERSISTENT)).collect();
    let deletes = names.iter().map(|name| Request::delete(name, -1)).collect();
    let [creates, deletes] = [creates, deletes].map(Request::multi);
    let ends = AtomicBool::new(false);
    let profiled = thread::scope(|scope| {
        let _ends = Ends(&ends);
        scope.spawn(|| {
            let mut other = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
            while !ends.load(Ordering::Relaxed) {
                other.ok(&creates);
                other.ok(&deletes);
            }
        });
        Profiled::of(&server, admin, || write(&mut client))
    });
    profiled.assert_says("Turns of a reactor took up to ");
    profiled.assert_says("<line class=\"turn\"");
}
