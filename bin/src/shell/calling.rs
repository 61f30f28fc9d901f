//! How the shell was called: with flags of its own, or with zkCli's.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::number;
use crate::security::properties::{Properties, PropertyArgs};

/// Where zkCli looks for a server, and how long its session lasts.
const SERVER: &str = "localhost:2181";
const TIMEOUT: &str = "30000";

/// A shell for any server that speaks ZooKeeper's protocol, with the commands, the output and the exit codes of zkCli.sh, and
/// some commands more; `paddock shell help` lists all. Without a command it takes lines from a person, or from stdin.
#[derive(Args)]
pub struct ShellArgs {
    /// Servers with commas between them, and the znode that is taken for the root, if it is another one:
    /// HOST:PORT,HOST:PORT/CHROOT.
    #[arg(long, value_name = "SERVERS", default_value = SERVER)]
    server: String,
    /// How long the session outlives its connection.
    #[arg(long, value_name = "MILLISECONDS", default_value = TIMEOUT)]
    timeout: String,
    /// Be content with a server that takes no writes.
    #[arg(long)]
    read_only: bool,
    /// Begin when there is a connection, and end with 1 if there is none within the timeout.
    #[arg(long)]
    wait_for_connection: bool,
    #[command(flatten)]
    properties: PropertyArgs,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Say nothing of the session: no greeting, no WATCHER lines but those of znodes.
    #[arg(long)]
    quiet: bool,
    /// Do these commands, as --quiet. A ; that a blank follows, or a new line, is between them. The first one that fails is the
    /// last.
    #[arg(short = 'e', value_name = "COMMANDS", conflicts_with_all = ["command", "zkcli_args"])]
    execute: Option<String>,
    /// Take all that follows as zkCli.sh does: [-server SERVERS] [-timeout MILLISECONDS] [-r] [-waitforconnection]
    /// [-client-configuration FILE] [COMMAND ...].
    #[arg(long, value_name = "ARGUMENTS", num_args = 0.., allow_hyphen_values = true, conflicts_with = "command")]
    zkcli_args: Option<Vec<String>>,
    /// One command, and its words.
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Flags of the shell that a value follows.
const VALUED: [&str; 5] = ["--server", "--timeout", "--client-configuration", "-e", "-D"];

/// The arguments of the program, in which `-Dname=value` of a shell is two of them: since the words of a command may begin with a
/// hyphen, clap would take it for one. What belongs to a command, or to zkCli, stays as it is.
pub fn with_properties_apart(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.collect();
    if all.get(1).is_none_or(|command| command != "shell") {
        return all;
    }
    let mut rest = all.split_off(2).into_iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy().into_owned();
        match text.strip_prefix("-D").filter(|property| !property.is_empty()) {
            Some(property) => all.extend(["-D".into(), property.into()]),
            None => all.push(argument),
        }
        if VALUED.contains(&&*text) {
            all.extend(rest.next());
        } else if !text.starts_with('-') || text.starts_with("--zkcli-args") {
            break;
        }
    }
    all.extend(rest);
    all
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// Lines, of a person or of stdin.
    Lines,
    Command(Vec<String>),
    Script(String),
}

#[derive(Clone, Debug)]
pub struct Calling {
    pub server: String,
    pub timeout: String,
    pub read_only: bool,
    pub waits: bool,
    /// The file that zkCli is told of among its own arguments.
    client_configuration: Option<PathBuf>,
    /// Settings of the client, with that file.
    pub properties: PropertyArgs,
    pub is_json: bool,
    pub is_quiet: bool,
    pub work: Work,
    /// What zkCli says of its own arguments, and goes on.
    pub remark: Option<String>,
}

impl Calling {
    /// # Errors
    /// A sentence of what cannot be understood.
    pub fn of(arguments: &ShellArgs) -> Result<Calling, String> {
        let ShellArgs { server, timeout, read_only, wait_for_connection, .. } = arguments;
        if let Some(words) = &arguments.zkcli_args {
            let zkcli = Calling::of_zkcli(words);
            let file = zkcli.client_configuration.as_deref();
            let properties = arguments.properties.with_file(file);
            return Ok(Calling { is_json: arguments.json, is_quiet: arguments.quiet, properties, ..zkcli });
        }
        if let Some(flag) = arguments.command.first().filter(|word| word.starts_with('-')) {
            return Err(format!("{flag} is no flag of this shell; those of zkCli.sh come behind --zkcli-args"));
        }
        let work = match (&arguments.execute, &arguments.command[..]) {
            (Some(script), _) => Work::Script(script.clone()),
            (None, []) => Work::Lines,
            (None, words) => Work::Command(words.to_vec()),
        };
        Ok(Calling {
            server: server.clone(),
            timeout: timeout.clone(),
            read_only: *read_only,
            waits: *wait_for_connection,
            client_configuration: None,
            properties: arguments.properties.clone(),
            is_json: arguments.json,
            is_quiet: arguments.quiet || arguments.execute.is_some(),
            work,
            remark: None,
        })
    }

    /// Flags come first; one that is not known is passed over. The first word that is none begins the command.
    fn of_zkcli(words: &[String]) -> Calling {
        let mut calling = Calling {
            server: SERVER.into(),
            timeout: TIMEOUT.into(),
            read_only: false,
            waits: false,
            client_configuration: None,
            properties: PropertyArgs::default(),
            is_json: false,
            is_quiet: false,
            work: Work::Lines,
            remark: None,
        };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-server" | "-timeout" | "-client-configuration" => match rest.next() {
                    Some(value) => calling.take(word, value),
                    None => calling.remark = Some(format!("Error: no argument found for option {word}")),
                },
                "-r" => calling.read_only = true,
                "-waitforconnection" => calling.waits = true,
                flag if flag.starts_with('-') => {}
                command => {
                    let words = std::iter::once(command.to_owned()).chain(rest.by_ref().cloned());
                    calling.work = Work::Command(words.collect());
                }
            }
        }
        calling
    }

    fn take(&mut self, flag: &str, value: &str) {
        match flag {
            "-server" => self.server = value.into(),
            "-timeout" => self.timeout = value.into(),
            _ => self.client_configuration = Some(value.into()),
        }
    }

    /// # Errors
    /// Java's words for what is no number.
    pub fn timeout_ms(&self) -> Result<i32, String> {
        number::int(&self.timeout)
    }
}

/// How long an answer may take, as ZooKeeper's client is configured; as long as it wants, where nothing is said.
///
/// # Errors
/// A sentence, where it is no number.
pub fn request_timeout(properties: &Properties) -> Result<Option<Duration>, String> {
    let millis = properties.get("zookeeper.request.timeout").map(str::parse::<u64>).transpose();
    let millis = millis.map_err(|_| "zookeeper.request.timeout is no number of milliseconds")?;
    Ok(millis.filter(|millis| *millis > 0).map(Duration::from_millis))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::{Calling, Properties, ShellArgs, Work, request_timeout, with_properties_apart};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        shell: ShellArgs,
    }

    #[test]
    fn zkclis_arguments_are_none_of_this_shells() {
        for words in
            [&[][..], &["-server", "zk1", "ls", "-R", "/"], &["get", "--json", "/a"], &["-e", "x"], &["ls", "--", "/"]]
        {
            let line = ["shell", "--zkcli-args"].iter().chain(words);
            let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert!(line.shell.zkcli_args.is_some_and(|given| given == words), "{words:?}");
        }
    }

    #[test]
    fn properties_of_a_shell_stand_apart() {
        for (line, expected) in [
            ("paddock shell -Da.b=c --server x -Dd=e ls /", "paddock shell -D a.b=c --server x -D d=e ls /"),
            ("paddock shell -D a=b create /x -Dy", "paddock shell -D a=b create /x -Dy"),
            ("paddock shell --server -Dx ls", "paddock shell --server -Dx ls"),
            ("paddock shell -Da=b --zkcli-args -Dx", "paddock shell -D a=b --zkcli-args -Dx"),
            ("paddock status -Da=b", "paddock status -Da=b"),
            ("paddock", "paddock"),
        ] {
            let apart = with_properties_apart(line.split(' ').map(Into::into));
            assert_eq!(apart, expected.split(' ').collect::<Vec<_>>(), "{line}");
        }
    }

    fn zkcli(line: &str) -> Calling {
        Calling::of_zkcli(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn zkclis_arguments_are_taken_as_it_takes_them() {
        let calling = zkcli("-server zk1:1,zk2:2/app -timeout 5000 -r -waitforconnection ls -R /");
        assert_eq!((&*calling.server, calling.timeout_ms()), ("zk1:1,zk2:2/app", Ok(5000)));
        assert!(calling.read_only && calling.waits && calling.remark.is_none());
        assert_eq!(calling.work, Work::Command(["ls", "-R", "/"].map(str::to_owned).to_vec()));
        let calling = zkcli("");
        assert_eq!((&*calling.server, calling.timeout_ms(), calling.work), ("localhost:2181", Ok(30_000), Work::Lines));
    }

    #[test]
    fn what_zkcli_does_not_know_it_passes_over() {
        let calling = zkcli("-unknown ls /");
        assert_eq!(calling.work, Work::Command(["ls", "/"].map(str::to_owned).to_vec()));
        let calling = zkcli("-timeout");
        assert_eq!(calling.remark.as_deref(), Some("Error: no argument found for option -timeout"));
        assert_eq!(calling.timeout_ms(), Ok(30_000));
        assert_eq!(zkcli("-timeout x").timeout_ms(), Err("For input string: \"x\"".to_owned()));
    }

    #[test]
    fn a_client_configuration_has_a_timeout() {
        let timeout = |text: &str| {
            let mut properties = Properties::default();
            properties.take_text(text.as_bytes())?;
            request_timeout(&properties)
        };
        assert_eq!(timeout(""), Ok(None));
        assert_eq!(timeout("zookeeper.request.timeout=0\n"), Ok(None));
        assert_eq!(timeout("zookeeper.request.timeout=15\n"), Ok(Some(Duration::from_millis(15))));
        assert!(timeout("zookeeper.request.timeout=x\n").is_err());
    }
}
