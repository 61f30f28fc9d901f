//! A network between servers that can be cut: each has a network namespace of its own, joined to a bridge in the one of the
//! test, which must be nobody else's ([`isolated`](crate::isolated)). Clients are the test, and are never cut off.
//!
//! ```text
//!   test, 10.77.0.254 ── bridge ──┬── 10.77.0.1, server of place 0 ── nft: what from whom is dropped, what to whom refused
//!                                 ├── 10.77.0.2, server of place 1
//!                                 └── ..
//! ```
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The first three numbers of all addresses.
const NETWORK: [u8; 3] = [10, 77, 0];
/// The last number of the test's own.
const TEST: u8 = 254;
/// What comes before the status of a command.
const STATUS: &str = "status: ";
/// Where one side is told to drop or to refuse what belongs to the other. What goes out is not dropped, since a server would be
/// told of that.
const RULES: &str = "table inet cuts { \
     set dropped { type ipv4_addr; }; \
     set refused { type ipv4_addr; }; \
     chain input { type filter hook input priority filter; ip saddr @dropped drop; }; \
     chain output { type filter hook output priority filter; ip daddr @refused meta l4proto tcp reject with tcp reset; }; \
     }";

/// How packets do not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nobody is told.
    Silent,
    /// Who sends one is told at once that there is no such connection.
    Refused,
}

/// Nothing that the server of one place sends arrives at the one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub from: usize,
    pub to: usize,
    pub loss: Loss,
}

#[derive(Debug)]
pub struct Network {
    hosts: Vec<Host>,
}

impl Network {
    /// For so many servers, with nothing cut.
    pub fn new(count: usize) -> Network {
        run("ip link set lo up && ip link add bridge type bridge && ip link set bridge up");
        run(&format!("ip addr add {}/24 dev bridge", address(TEST)));
        Network { hosts: (0..count).map(Host::new).collect() }
    }

    pub fn address(&self, place: usize) -> Ipv4Addr {
        self.hosts[place].address
    }

    /// What runs the command behind it on the host of this place.
    pub fn entrance(&self, place: usize) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.hosts[place].shell.id)]
    }

    /// Adds these to what is cut.
    pub fn cut(&self, cuts: &[Cut]) {
        for (place, host) in self.hosts.iter().enumerate() {
            let here = |loss: Loss| {
                let other = move |cut: &Cut| match cut.loss {
                    Loss::Silent => (cut.to == place).then_some(cut.from),
                    Loss::Refused => (cut.from == place).then_some(cut.to),
                };
                let others = cuts.iter().filter(move |cut| cut.loss == loss).filter_map(other);
                others.map(|other| self.address(other).to_string()).collect::<Vec<_>>()
            };
            let mut commands = String::new();
            for (set, others) in [("dropped", here(Loss::Silent)), ("refused", here(Loss::Refused))] {
                if !others.is_empty() {
                    write!(commands, "add element inet cuts {set} {{ {} }}; ", others.join(", "))
                        .expect("a String takes everything");
                }
            }
            if !commands.is_empty() {
                host.shell.run(&format!("nft '{commands}'"));
            }
        }
    }

    /// Nothing is cut any more.
    pub fn heal(&self) {
        for host in &self.hosts {
            host.shell.run("nft 'flush set inet cuts dropped; flush set inet cuts refused'");
        }
    }
}

/// Another network can be made when this one is gone.
impl Drop for Network {
    fn drop(&mut self) {
        // Namespaces go some time after the last process in them, and a cable goes as a whole.
        for host in &self.hosts {
            run(&format!("ip link delete {}", host.cable));
        }
        run("ip link delete bridge");
    }
}

/// A network namespace, which is there as long as the shell in it.
#[derive(Debug)]
struct Host {
    address: Ipv4Addr,
    /// The end of its cable at the bridge.
    cable: String,
    shell: Shell,
}

impl Host {
    fn new(place: usize) -> Host {
        let address = address(u8::try_from(place + 1).ok().filter(|&last| last < TEST).expect("not so many servers"));
        let shell = Shell::in_new_network();
        let cable = format!("host{place}");
        run(&format!("ip link add {cable} type veth peer name eth0 netns {}", shell.id));
        run(&format!("ip link set {cable} master bridge up"));
        shell.run(&format!("ip addr add {address}/24 dev eth0 && ip link set lo up && ip link set eth0 up"));
        shell.run(&format!("nft '{RULES}'"));
        Host { address, cable, shell }
    }
}

fn address(last: u8) -> Ipv4Addr {
    let [first, second, third] = NETWORK;
    Ipv4Addr::new(first, second, third, last)
}

/// A command of the test's own namespace, which must succeed.
fn run(command: &str) {
    let output = Command::new("sh").args(["-c", command]).output().expect("sh runs");
    if std::thread::panicking() {
        // What has failed before is what counts, and all goes with the process.
        return;
    }
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A shell that waits for commands, and ends with the pipe through which they come.
#[derive(Debug)]
struct Shell {
    id: u32,
    process: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

impl Shell {
    fn in_new_network() -> Shell {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("unshare runs");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let shell = Shell { id: child.id(), process: Mutex::new((child, input, output)) };
        // When it answers it is where it is to be.
        shell.run("true");
        shell
    }

    /// Runs a command, which must succeed.
    fn run(&self, command: &str) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, input, output) = &mut *process;
        writeln!(input, "{{ {command}; }} 2>&1; echo \"{STATUS}$?\"").expect("the shell reads");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let length = output.read_line(&mut line).expect("what a shell says is text");
            assert!(length > 0, "the shell has ended: {command}: {said}");
            match line.strip_prefix(STATUS) {
                Some(status) => return assert_eq!(status.trim(), "0", "{command}: {said}"),
                None => said += &line,
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let (child, ..) = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        // An error here means that it is gone already.
        drop(child.kill());
        drop(child.wait());
    }
}
