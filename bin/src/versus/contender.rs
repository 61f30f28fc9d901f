//! One side of a comparison: how its servers come to run.

use std::fmt;
use std::io;

use paddock_consensus::config::HostPort;

use super::args::VersusArgs;
use super::command_line::{shown, words};
use super::order::Side;
use crate::status::target::Target;

/// One command starts a member of an ensemble as well as a server that stands alone. forceSync=yes is the default: said here
/// because it is the point.
const ZOOKEEPER: &str = "java -Xmx1g -Dzookeeper.forceSync=yes -cp {classpath} org.apache.zookeeper.server.quorum.QuorumPeerMain \
                         {config}";
/// It ends with whoever has started it.
const PADDOCK: &str = "serve --until-stdin-ends {config}";

#[derive(Clone, Debug)]
pub struct Contender {
    pub name: String,
    pub means: Means,
    /// For results: without the places of this machine.
    pub shown: String,
}

#[derive(Clone, Debug)]
pub enum Means {
    /// A command line that starts any of its servers, however many there are.
    Template(String),
    /// A command line for each, and where each is reached, unless it is at the port that it was given.
    Commands { commands: Vec<String>, addresses: Vec<HostPort> },
    /// They run already.
    Running { addresses: Vec<HostPort>, pids: Vec<u32> },
}

/// Why a side cannot be had.
#[derive(Debug)]
pub enum ContenderError {
    Program(io::Error),
    Words(String),
    Address(String),
    /// As many addresses as commands, or none.
    Count {
        commands: usize,
        addresses: usize,
    },
    /// Nothing is known of these processes.
    Pids,
}

impl fmt::Display for ContenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContenderError::Program(error) => {
                write!(f, "the system does not tell which file this program is, which serves as \"paddock\": {error}")
            }
            ContenderError::Words(command) => {
                write!(f, "\"{command}\" is no command line: it is empty, or a quote has no end")
            }
            ContenderError::Address(text) => write!(f, "\"{text}\" is no address of a server, which is HOST:PORT"),
            ContenderError::Count { commands, addresses } => write!(
                f,
                "{commands} servers are given by commands and {addresses} by addresses: give an address for each command, or \
                 none, so that each server listens at {{port}} or by {{config}}"
            ),
            ContenderError::Pids => {
                f.write_str("processes are given of servers that are started here, whose processes are known")
            }
        }
    }
}

impl Contender {
    pub fn of(args: &VersusArgs, side: Side) -> Result<Contender, ContenderError> {
        let (command, commands, addresses, pids, name) = match side {
            Side::A => (&args.a, &args.a_server, &args.a_address, &args.a_pid, &args.a_name),
            Side::B => (&args.b, &args.b_server, &args.b_address, &args.b_pid, &args.b_name),
        };
        let addresses: Vec<HostPort> = addresses.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        let (means, shown, usual_name) = match (commands.len(), addresses.len()) {
            (0, 0) => template(command)?,
            (0, running) => {
                let plural = if running == 1 { "" } else { "s" };
                let shown = format!("{running} server{plural} that ran already");
                let named = addresses[0].to_string();
                return Ok(Contender {
                    name: name.clone().unwrap_or(named),
                    means: Means::Running { addresses, pids: pids.clone() },
                    shown,
                });
            }
            (count, reached) if reached != 0 && reached != count => {
                return Err(ContenderError::Count { commands: count, addresses: reached });
            }
            _ => {
                commands.iter().try_for_each(|command| check(command))?;
                let text = commands.iter().map(|command| shown(command)).collect::<Vec<_>>().join("; ");
                let first = program_of(&commands[0]);
                (Means::Commands { commands: commands.clone(), addresses }, text, first)
            }
        };
        if !pids.is_empty() {
            return Err(ContenderError::Pids);
        }
        Ok(Contender { name: name.clone().unwrap_or(usual_name), means, shown })
    }

    /// Whether it can be so many servers.
    pub fn can_be(&self, servers: usize) -> bool {
        match &self.means {
            Means::Template(_) => true,
            Means::Commands { commands, .. } => commands.len() == servers,
            Means::Running { addresses, .. } => addresses.len() == servers,
        }
    }

    /// Whether its servers are started and ended here.
    pub fn is_started(&self) -> bool {
        !matches!(self.means, Means::Running { .. })
    }
}

fn template(command: &str) -> Result<(Means, String, String), ContenderError> {
    match command {
        "zookeeper" => Ok((Means::Template(ZOOKEEPER.to_owned()), ZOOKEEPER.to_owned(), "ZooKeeper".to_owned())),
        "paddock" => {
            let program = std::env::current_exe().map_err(ContenderError::Program)?;
            let text = program.to_str().and_then(|program| shlex::try_quote(program).ok());
            let text = text.ok_or_else(|| ContenderError::Words(program.display().to_string()))?;
            Ok((Means::Template(format!("{text} {PADDOCK}")), format!("paddock {PADDOCK}"), "Paddock".to_owned()))
        }
        command => {
            check(command)?;
            Ok((Means::Template(command.to_owned()), shown(command), program_of(command)))
        }
    }
}

fn check(command: &str) -> Result<(), ContenderError> {
    words(command).map(drop).ok_or_else(|| ContenderError::Words(command.to_owned()))
}

/// The name of the program, without where it lies. The command has one.
fn program_of(command: &str) -> String {
    let program = words(command).and_then(|words| words.into_iter().next()).unwrap_or_default();
    program.rsplit('/').next().unwrap_or_default().to_owned()
}

fn address(text: &str) -> Result<HostPort, ContenderError> {
    let target = Target::parse(text).ok_or_else(|| ContenderError::Address(text.to_owned()))?;
    Ok(target.address)
}

#[cfg(test)]
mod tests {
    use super::{Contender, Means};
    use crate::versus::args::VersusArgs;
    use crate::versus::order::Side;

    fn contender(words: &[&str]) -> Result<Contender, String> {
        let args = VersusArgs::of_words(words.iter().copied()).map_err(|error| error.to_string())?;
        Contender::of(&args, Side::A).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_a_template_or_commands_or_run_already() {
        let usual = contender(&[]).expect("it is Paddock");
        assert_eq!((usual.name.as_str(), usual.can_be(1), usual.can_be(3)), ("Paddock", true, true));
        assert_eq!(usual.shown, "paddock serve --until-stdin-ends {config}");
        let own = contender(&["--a", "/opt/bin/other --at {port}"]).expect("it is a command");
        assert_eq!((own.name.as_str(), own.shown.as_str()), ("other", "other --at {port}"));
        let three = ["--a-server", "x 1", "--a-server", "x 2", "--a-server", "x 3", "--a-name", "X"];
        let three = contender(&three).expect("they are commands");
        assert_eq!((three.name.as_str(), three.can_be(1), three.can_be(3)), ("X", false, true));
        let running = contender(&["--a-address", "h:1", "--a-pid", "7"]).expect("it runs");
        assert!(matches!(&running.means, Means::Running { pids, .. } if pids == &[7]));
        assert!(!running.is_started());
        assert_eq!(running.shown, "1 server that ran already");
    }

    #[test]
    fn what_makes_no_server_is_refused_with_its_reason() {
        for (words, reason) in [
            (&["--a", "x 'y"][..], "a quote has no end"),
            (&["--a-address", "h"], "HOST:PORT"),
            (&["--a-server", "x", "--a-server", "y", "--a-address", "h:1"], "2 servers are given by commands and 1 by"),
            (&["--a-pid", "7"], "started here"),
            (&["--a", "x", "--a-server", "y"], "cannot be used with"),
        ] {
            let refusal = contender(words).expect_err("it is none");
            assert!(refusal.contains(reason), "{words:?}: {refusal}");
        }
    }
}
