//! The commands: their names, and what each of them needs before it is executed.

use std::sync::PoisonError;

use hyper::{Method, StatusCode};
use paddock_net::four_letter::NOT_SERVING;

use super::authorization::authorise;
use super::outcome::{Outcome, Refusal, answer};
use super::restore::restore;
use super::snapshot::snapshot;
use super::source::Source;
use super::{configuration, connections, ensemble, log_level, server_stats, sessions, stages, switches, watches};
use crate::http::{Answer, Request};

type Run = fn(&Source, &Request) -> Result<Outcome, Refusal>;

pub struct Command {
    pub name: &'static str,
    aliases: &'static [&'static str],
    /// Whether it is refused while clients are not served.
    needs_server: bool,
    /// Whether it is for those alone who may do everything.
    is_protected: bool,
    /// Whether what it finds out may be long.
    is_list: bool,
    /// By which methods it is given; HEAD is GET whose answer has no body.
    methods: &'static [Method],
    run: Run,
}

/// One that everybody may give while clients are served.
fn command(name: &'static str, aliases: &'static [&'static str], run: Run) -> Command {
    Command { name, aliases, needs_server: true, is_protected: false, is_list: false, methods: &[Method::GET], run }
}

impl Command {
    /// It is executed whether clients are served or not.
    fn always(self) -> Command {
        Command { needs_server: false, ..self }
    }

    fn protected(self) -> Command {
        Command { is_protected: true, ..self }
    }

    fn list(self) -> Command {
        Command { is_list: true, ..self }
    }

    fn by(self, methods: &'static [Method]) -> Command {
        Command { methods, ..self }
    }
}

const LOG_LEVEL: &str = "log_level";
const RESTORE: &str = "restore";
const STAGES: &str = "stages";
/// Those that ZooKeeper does not have.
pub const OWN_COMMANDS: [&str; 2] = [LOG_LEVEL, STAGES];

/// Sorted by their names.
pub fn commands() -> [Command; 30] {
    [
        command("configuration", &["conf", "config"], |source, _| configuration::configuration(source)),
        command("connection_stat_reset", &["crst"], |source, _| connections::reset(source)),
        command("connections", &["cons"], |source, _| connections::connections(source)).list(),
        command("dirs", &[], |source, _| configuration::dirs(source)),
        command("dump", &[], |source, _| sessions::dump(source)).list(),
        command("environment", &["env", "envi"], |source, _| configuration::environment(source)).always(),
        command("get_trace_mask", &["gtmk"], |source, _| switches::get_trace_mask(source)).always(),
        command("hash", &[], |source, _| configuration::hash(source)),
        command("initial_configuration", &["icfg"], |source, _| configuration::initial_configuration(source)),
        command("is_read_only", &["isro"], |source, _| switches::is_read_only(source)),
        command("last_snapshot", &["lsnp"], |source, _| configuration::last_snapshot(source)),
        command("leader", &["lead"], |source, _| ensemble::leader(source)),
        command(LOG_LEVEL, &[], log_level::log_level).always().protected().by(&[Method::GET, Method::POST]),
        command("monitor", &["mntr"], |source, _| server_stats::monitor(source)).always(),
        command("observer_connection_stat_reset", &["orst"], |source, _| ensemble::reset_observers(source)),
        command("observers", &["obsr"], |source, _| ensemble::observers(source)),
        command(RESTORE, &["rest"], restore).protected().by(&[Method::POST]),
        command("ruok", &[], |source, _| switches::ruok(source)),
        command("server_stats", &["srvr"], |source, _| server_stats::server_stats(source)),
        command("set_trace_mask", &["stmk"], switches::set_trace_mask).always(),
        command("snapshot", &["snap"], snapshot).protected(),
        command(STAGES, &[], stages::stages).always(),
        command("stat_reset", &["srst"], |source, _| server_stats::reset(source)),
        command("stats", &["stat"], |source, _| server_stats::stats(source)).list(),
        command("system_properties", &["sysp"], |source, _| configuration::system_properties(source)).always(),
        command("voting_view", &[], |source, _| ensemble::voting_view(source)),
        command("watch_summary", &["wchs"], |source, _| watches::summary(source)).list(),
        command("watches", &["wchc"], |source, _| watches::by_session(source)).list(),
        command("watches_by_path", &["wchp"], |source, _| watches::by_path(source)).list(),
        command("zabstate", &[], |source, _| ensemble::zab_state(source)).always(),
    ]
}

fn find(name: &str) -> Option<Command> {
    commands().into_iter().find(|command| command.name == name || command.aliases.contains(&name))
}

/// Whether the command of this name has what its request brings.
pub fn takes_body(asked: &str) -> bool {
    find(asked).is_some_and(|command| command.name == RESTORE)
}

/// The answer to a command that was asked for by this name.
pub fn execute(source: &Source, asked: &str, request: &Request) -> Answer {
    let Some(command) = find(asked) else {
        return answer(asked, Err(Refusal::new(StatusCode::OK, format!("Unknown command: {asked}"))));
    };
    if command.needs_server && !source.serves() {
        return answer(asked, Err(Refusal::new(StatusCode::OK, NOT_SERVING.trim_end())));
    }
    if command.is_protected
        && let Err(refusal) = authorise(source, request)
    {
        return answer(asked, Err(refusal));
    }
    if !suits(command.methods, &request.method) {
        return other_method(&command);
    }
    let _one_list = command.is_list.then(|| source.lists.lock().unwrap_or_else(PoisonError::into_inner));
    answer(command.name, (command.run)(source, request))
}

fn suits(methods: &[Method], given: &Method) -> bool {
    methods.contains(if *given == Method::HEAD { &Method::GET } else { given })
}

/// ZooKeeper fails here, with a page that tells where in its code.
fn other_method(command: &Command) -> Answer {
    let allowed = match command.methods {
        [Method::GET] => "GET, HEAD",
        [Method::POST] => "POST",
        _ => "GET, HEAD, POST",
    };
    let error = format!("this command is given by {allowed}");
    let mut answer = answer(command.name, Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error)));
    answer.headers.push(("allow", allowed.to_owned()));
    answer
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hyper::Method;

    use super::{commands, find, suits};

    #[test]
    fn names_are_sorted_and_nobody_has_two() {
        let names: Vec<&str> = commands().iter().map(|command| command.name).collect();
        assert!(names.is_sorted());
        let mut all = HashSet::new();
        for command in commands() {
            for name in command.aliases.iter().chain([&command.name]) {
                assert!(all.insert(*name), "{name}");
            }
        }
    }

    #[test]
    fn aliases_stand_for_their_commands() {
        for (asked, name) in
            [("mntr", "monitor"), ("config", "configuration"), ("wchp", "watches_by_path"), ("dirs", "dirs")]
        {
            assert_eq!(find(asked).map(|command| command.name), Some(name));
        }
        for asked in ["", "Ruok", "shed_connections", "ruok/"] {
            assert!(find(asked).is_none(), "{asked}");
        }
    }

    #[test]
    fn what_needs_more_than_a_server_that_serves() {
        let all = commands();
        let those = |is: fn(&super::Command) -> bool| -> Vec<&str> {
            all.iter().filter(|command| is(command)).map(|command| command.name).collect()
        };
        assert_eq!(those(|command| command.is_protected), ["log_level", "restore", "snapshot"]);
        assert_eq!(those(|command| command.methods.contains(&Method::POST)), ["log_level", "restore"]);
        let lists = ["connections", "dump", "stats", "watch_summary", "watches", "watches_by_path"];
        assert_eq!(those(|command| command.is_list), lists);
        let always = [
            "environment",
            "get_trace_mask",
            "log_level",
            "monitor",
            "set_trace_mask",
            "stages",
            "system_properties",
            "zabstate",
        ];
        assert_eq!(those(|command| !command.needs_server), always);
    }

    #[test]
    fn head_asks_as_get_does() {
        assert!(suits(&[Method::GET], &Method::HEAD) && suits(&[Method::POST], &Method::POST));
        assert!(!suits(&[Method::POST], &Method::GET) && !suits(&[Method::POST], &Method::HEAD));
        assert!(
            [Method::GET, Method::HEAD, Method::POST].iter().all(|given| suits(&[Method::GET, Method::POST], given))
        );
    }
}
