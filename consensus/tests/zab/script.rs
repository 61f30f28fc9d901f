//! Scripts: text files of commands, and behind each block of them the state of every server.
//!
//! ```text
//! # What the block shows.
//! command
//! command
//! ----
//! what is printed
//! ```
//!
//! An empty line ends a block. Nothing takes any time but what the core waits for. With `PADDOCK_REWRITE_SCRIPTS=1` the
//! runner writes what it has printed into the files; look at the difference before it is kept.
//!
//! | command | does |
//! |---|---|
//! | `ensemble V.. [observers O..] [groups V:G:W..]` | begins with empty servers |
//! | `set [S..] NAME VALUE` | a setting, before the start |
//! | `log S.. EPOCH:COUNT..` | what the disk holds: so many transactions of each epoch; the same on all of these servers. An epoch whose lower half is 0 has no more than its upper half says (`short-epochs`) |
//! | `base S.. ZXID`, `epochs S.. ACCEPTED CURRENT`, `unusable S..` | more about the disk |
//! | `start S..`, `crash S.. [nothing]`, `stop S`, `fail S`, `diverge S` | a process |
//! | `run MS` | so much time |
//! | `rest` | everything that needs no time |
//! | `until S STATE`, `serving S..` | until this server is in this state, these serve |
//! | `hold S WHAT`, `release S WHAT` | the server's `epochs`, `log` or `work` stay on the way to its disk |
//! | `cut A B`, `heal` | nothing gets from A to B |
//! | `break S` | the link of a learner breaks, with what is on the way |
//! | `stall S MS` | a server does nothing for so long |
//! | `grant S..`, `revoke S..` | the oracle of a server says from here on whether it may go on alone |
//! | `propose S [COUNT]`, `confirm S`, `forget S` | what clients, and time, do at a server |
//! | `server S V.. [observers O..]` | a server more, whose file has these members |
//! | `reconfig S V.. [observers O..] [moved M]` | a client of S asks for these members; it is told if that is refused |
//! | `force S V.. [observers O..] [moved M]` | the same, whether a quorum of them follows or not |
//! | `configs S..` | the members in the committed configuration, and in the one that was seen last if that is another |
//! | `impersonate S L` | somebody connects to the leader L, and says that it is S |
//! | `tell S PACKET..`, `claim S PACKET..` | a packet that the leader, or the learner, of the link would not send |
//! | `say A B STATE LEADER ZXID EPOCH ROUND` | a notification on the election port |
//! | `show TEXT` | what has happened since the block began and has this text in its line |

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use paddock_consensus::config::{Change, Config, PeerType};
use paddock_consensus::input::Fault;
use paddock_consensus::message::FromLearner;
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::output::{Part, Serve};
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::vote::Vote;
use paddock_consensus::{Epoch, ServerId, Zxid};

use crate::disk::Disk;
use crate::ensemble::{Ensemble, Kept, Move};
use crate::log::{Log, Point, Record};
use crate::membership::{groups, majority, moved, settings};
use crate::pace::Pace;
use crate::wire::ToLearner;

/// Steps of one command, so that a script ends.
const STEPS_MAX: usize = 20_000;

/// What a server's disk may be late with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Late {
    Epochs,
    Log,
    Work,
}

struct Runner {
    ensemble: Ensemble,
    late: BTreeSet<(ServerId, Late)>,
    /// How much of the story was told before this block.
    told: usize,
    output: String,
}

/// Runs a script; the text of the file as it is to be.
pub fn run(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the script can be read");
    let mut runner: Option<Runner> = None;
    let mut rewritten = String::new();
    for block in text.trim_end().split("\n\n") {
        let commands: Vec<&str> = block.lines().take_while(|line| *line != "----").collect();
        commands.iter().for_each(|line| writeln!(rewritten, "{line}").expect("a String takes everything"));
        let words = commands.iter().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace());
        let words: Vec<Vec<&str>> =
            words.map(Iterator::collect).filter(|words: &Vec<&str>| !words.is_empty()).collect();
        if words.is_empty() {
            rewritten.push('\n');
            continue;
        }
        for command in &words {
            match (command[0], &mut runner) {
                ("ensemble", runner) => *runner = Some(Runner::new(&command[1..])),
                (_, Some(runner)) => runner.command(command),
                (_, None) => panic!("a script begins with an ensemble"),
            }
        }
        let runner = runner.as_mut().expect("a script begins with an ensemble");
        write!(rewritten, "----\n{}\n", runner.print()).expect("a String takes everything");
    }
    rewritten.truncate(rewritten.trim_end().len());
    rewritten.push('\n');
    rewritten
}

impl Runner {
    fn new(words: &[&str]) -> Runner {
        let config = members(words);
        let mut ensemble = Ensemble::new(&config, &settings(), &Log::new(Point::START), Pace::instant());
        ensemble.story = Some(Vec::new());
        Runner { ensemble, late: BTreeSet::new(), told: 0, output: String::new() }
    }

    fn command(&mut self, words: &[&str]) {
        let arguments = &words[1..];
        match words[0] {
            "set" => self.set(arguments),
            "log" => self.log(arguments),
            "base" | "epochs" | "unusable" => self.disk(words[0], arguments),
            "start" => servers(arguments).for_each(|server| self.ensemble.start(server)),
            "crash" => self.crash(arguments),
            "stop" => self.ensemble.stop(server(arguments[0])),
            "fail" => self.ensemble.fail(server(arguments[0]), Fault::Log),
            "diverge" => self.ensemble.diverge(server(arguments[0])),
            "run" => self.run_for(Ms(number(arguments[0]) as u64)),
            "rest" => self.rest(),
            "until" => {
                let (who, state) = (server(arguments[0]), arguments[1]);
                self.until(&words.join(" "), |ensemble| state_of(ensemble, who) == state);
            }
            "serving" => {
                let wanted: Vec<ServerId> = servers(arguments).collect();
                self.until(&words.join(" "), |ensemble| wanted.iter().all(|server| serves(ensemble, *server)));
            }
            "hold" => {
                self.late.insert((server(arguments[0]), late(arguments[1])));
            }
            "release" => {
                self.late.remove(&(server(arguments[0]), late(arguments[1])));
            }
            "cut" => self.ensemble.cut(server(arguments[0]), server(arguments[1])),
            "heal" => self.ensemble.heal(),
            "break" => {
                let link = self.link_of(server(arguments[0]));
                self.ensemble.lose(link);
            }
            "stall" => {
                let until = self.ensemble.now().after(Ms(number(arguments[1]) as u64));
                self.ensemble.stall(server(arguments[0]), until);
            }
            "grant" | "revoke" => {
                servers(arguments).for_each(|server| self.ensemble.grant(server, words[0] == "grant"));
            }
            "propose" => {
                let count = arguments.get(1).map_or(1, |count| number(count));
                (0..count).for_each(|_| {
                    self.ensemble.propose(server(arguments[0]), None);
                });
            }
            "server" => {
                let (me, file) = (server(arguments[0]), members(&arguments[1..]));
                self.ensemble.add(me, Disk::new(Log::new(Point::START), file), settings());
            }
            "reconfig" => self.reconfig(server(arguments[0]), &members(&arguments[1..])),
            "force" => {
                self.ensemble.propose(server(arguments[0]), Some(members(&arguments[1..])));
            }
            "configs" => servers(arguments).for_each(|server| self.configs(server)),
            "impersonate" => self.ensemble.impersonate(server(arguments[0]), server(arguments[1])),
            "confirm" => self.ensemble.confirm(server(arguments[0])),
            "forget" => self.ensemble.forget(server(arguments[0])),
            "tell" => self.ensemble.tell_learner(self.link_of(server(arguments[0])), packet(&arguments[1..])),
            "claim" => self.ensemble.tell_leader(self.link_of(server(arguments[0])), claim(&arguments[1..])),
            "say" => self.say(arguments),
            "show" => self.show(&arguments.join(" ")),
            other => panic!("there is no command {other}"),
        }
    }

    fn set(&mut self, arguments: &[&str]) {
        let [who @ .., name, value] = arguments else { panic!("a setting has a name and a value") };
        let all = self.ensemble.servers();
        let who = if who.is_empty() { all } else { servers(who).collect() };
        for server in who {
            set(self.ensemble.settings_mut(server), name, number(value));
        }
    }

    /// Transactions of one epoch and place are the same on all servers that are named together.
    fn log(&mut self, arguments: &[&str]) {
        let who: Vec<ServerId> = servers(arguments.iter().take_while(|word| !word.contains(':'))).collect();
        let mut log = Log::new(Point::START);
        for word in arguments.iter().filter(|word| word.contains(':')) {
            let (epoch, count) = word.split_once(':').expect("it has one");
            for counter in 1..=number(count) {
                let zxid = Zxid(number(epoch) << 32 | counter);
                // Two leaders of one epoch there are not, so that a zxid says enough.
                let record = Record::after(log.last(), zxid, zxid.0 as u64, None);
                self.ensemble.ghost.propose(&record, log.last(), Vec::new());
                log.append(record);
            }
        }
        log.sync(log.last().zxid);
        who.into_iter().for_each(|server| self.ensemble.disk_mut(server).log = log.clone());
    }

    fn disk(&mut self, what: &str, arguments: &[&str]) {
        let values = usize::from(what == "base") + 2 * usize::from(what == "epochs");
        let (who, values) = arguments.split_at(arguments.len() - values);
        for server in servers(who) {
            let disk = self.ensemble.disk_mut(server);
            match what {
                "base" => disk.log.forget_up_to(zxid(values[0])),
                "epochs" => disk.set_epochs(epoch(values[0]), epoch(values[1])),
                _ => disk.usable = false,
            }
        }
    }

    fn crash(&mut self, arguments: &[&str]) {
        let nothing = arguments.last() == Some(&"nothing");
        let kept = if nothing { Kept::Nothing } else { Kept::Everything };
        let who = &arguments[..arguments.len() - usize::from(nothing)];
        servers(who).for_each(|server| self.ensemble.crash(server, kept));
    }

    fn reconfig(&mut self, leader: ServerId, members: &Arc<Config>) {
        let members = members.text().replace('\n', ",");
        let change = Change { joining: None, leaving: None, members: Some(&members), config_id: -1 };
        if let Err(refused) = self.ensemble.reconfigure(leader, &change) {
            writeln!(self.output, "{} refuses: {refused}", leader.0).expect("a String takes everything");
        }
    }

    fn configs(&mut self, server: ServerId) {
        let configs = self.ensemble.disk(server).configs();
        let mut line = format!("{} has {}", server.0, shown(&configs.committed));
        if configs.last_seen.version() > configs.committed.version() {
            write!(line, ", and has seen {}", shown(&configs.last_seen)).expect("a String takes everything");
        }
        writeln!(self.output, "{line}").expect("a String takes everything");
    }

    fn say(&mut self, arguments: &[&str]) {
        let state = match arguments[2] {
            "looking" => ServerState::Looking,
            "following" => ServerState::Following,
            "leading" => ServerState::Leading,
            "observing" => ServerState::Observing,
            other => panic!("there is no state {other}"),
        };
        let (leader, peer_epoch) = (server(arguments[3]), number(arguments[5]));
        let vote = Vote { leader, zxid: zxid(arguments[4]), peer_epoch };
        let notification = Notification { state, vote, round: number(arguments[6]), format: Format::Versioned };
        self.ensemble.say(server(arguments[0]), server(arguments[1]), notification);
    }

    fn show(&mut self, text: &str) {
        let story = self.ensemble.story.as_ref().expect("it is kept");
        for line in &story[self.told..] {
            let line: Vec<&str> = line.split_whitespace().collect();
            let line = line.join(" ");
            if line.contains(text) {
                writeln!(self.output, "{line}").expect("a String takes everything");
            }
        }
    }

    /// The link on which this server learns.
    fn link_of(&self, learner: ServerId) -> paddock_consensus::input::Link {
        let master = self.ensemble.process(learner).and_then(|process| process.master);
        master.unwrap_or_else(|| panic!("{} has no leader", learner.0))
    }

    /// What happens next and is not held back: what is due first, of that what comes first in the order of moves.
    fn next(&self) -> Option<(Ms, Move)> {
        let moves = self.ensemble.moves().into_iter();
        moves.filter(|(_, next)| !self.is_late(*next)).min_by_key(|(due, _)| *due)
    }

    fn is_late(&self, next: Move) -> bool {
        let late = |server, what| self.late.contains(&(server, what));
        match next {
            Move::Written(server) => late(server, Late::Epochs),
            Move::Synced(server) => late(server, Late::Log),
            Move::Worked(server) => late(server, Late::Work),
            _ => false,
        }
    }

    fn until(&mut self, what: &str, holds: impl Fn(&Ensemble) -> bool) {
        for _ in 0..STEPS_MAX {
            if holds(&self.ensemble) {
                return;
            }
            let Some((due, next)) = self.next() else { break };
            self.ensemble.pass_to(due);
            self.ensemble.perform(next);
        }
        let story = self.ensemble.story.as_ref().expect("it is kept");
        let tail = &story[story.len().saturating_sub(60)..];
        panic!("it never came to {what:?}:\n{}\n{}", tail.join("\n"), self.states());
    }

    fn run_for(&mut self, time: Ms) {
        let end = self.ensemble.now().after(time);
        for _ in 0..STEPS_MAX {
            match self.next() {
                Some((due, next)) if due <= end => {
                    self.ensemble.pass_to(due);
                    self.ensemble.perform(next);
                }
                _ => {
                    self.ensemble.pass_to(end);
                    return;
                }
            }
        }
        panic!("virtual time stands still");
    }

    /// Everything that is due in this moment.
    fn rest(&mut self) {
        self.run_for(Ms(0));
    }

    fn print(&mut self) -> String {
        self.told = self.ensemble.story.as_ref().map_or(0, Vec::len);
        let output = std::mem::take(&mut self.output);
        output + &self.states()
    }

    fn states(&self) -> String {
        self.ensemble.servers().into_iter().map(|server| state_line(&self.ensemble, server)).collect()
    }
}

/// `V.. [observers O..] [moved M] [groups V:G:W..]`.
fn members(words: &[&str]) -> Arc<Config> {
    let (mut voters, mut observers, mut shares, mut mover) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut kind = "voters";
    for word in words {
        match (kind, *word) {
            (_, "observers" | "moved" | "groups") => kind = word,
            ("observers", id) => observers.push(number(id)),
            ("moved", id) => mover = Some(number(id)),
            ("groups", share) => {
                let parts: Vec<i64> = share.split(':').map(number).collect();
                shares.push((parts[0], parts[1], u32::try_from(parts[2]).expect("a weight")));
            }
            (_, id) => voters.push(number(id)),
        }
    }
    match mover {
        Some(mover) => moved(Zxid::ZERO, &voters, &observers, mover),
        None if shares.is_empty() => majority(Zxid::ZERO, &voters, &observers),
        None => groups(Zxid::ZERO, &shares, &observers),
    }
}

/// Voters, then observers.
fn shown(config: &Config) -> String {
    let of = |peer_type| {
        let members = config.members().iter().filter(move |(_, member)| member.peer_type == peer_type);
        members.map(|(server, _)| server.0.to_string()).collect::<Vec<_>>().join(" ")
    };
    let (voters, observers) = (of(PeerType::Participant), of(PeerType::Observer));
    let version = config.version();
    match observers.is_empty() {
        true => format!("{voters} since {version}"),
        false => format!("{voters} observers {observers} since {version}"),
    }
}

fn state_line(ensemble: &Ensemble, server: ServerId) -> String {
    let disk = ensemble.disk(server);
    let mut line = format!("{} {}", server.0, state_of(ensemble, server));
    let mut add = |text: String| line.push_str(&text);
    if let Some(process) = ensemble.process(server) {
        match process.part {
            Part::Looking => {}
            Part::Following { leader, epoch } => add(format!(", follows {} in epoch {}", leader.0, epoch.0)),
            Part::Observing { leader, epoch } => add(format!(", observes {} in epoch {}", leader.0, epoch.0)),
            Part::Leading { epoch } => add(format!(", leads epoch {}", epoch.0)),
        }
        match process.serve {
            Serve::No => {}
            Serve::ReadOnly => add(", serves reads".to_owned()),
            Serve::Yes => add(", serves".to_owned()),
        }
    }
    add(format!(" | epochs {} {}", disk.accepted_or_read().0, disk.current_or_read().0));
    add(format!(" | log {}..{}", disk.log.base().zxid, disk.log.last().zxid));
    if disk.log.pending() > 0 {
        add(format!(" durable {}", disk.log.durable_last().zxid));
    }
    if let Some(process) = ensemble.process(server) {
        if let Some(next) = &process.next_log {
            add(format!(" brought {}..{}", next.base().zxid, next.last().zxid));
        }
        add(format!(" | applied {}", process.applied));
    }
    line + "\n"
}

fn state_of(ensemble: &Ensemble, server: ServerId) -> String {
    ensemble.process(server).map_or_else(|| "Down".to_owned(), |process| process.awaits().to_owned())
}

fn serves(ensemble: &Ensemble, server: ServerId) -> bool {
    ensemble.process(server).is_some_and(|process| process.serves())
}

fn set(settings: &mut Settings, name: &str, value: i64) {
    let count = u32::try_from(value).expect("a setting is a small number");
    match name {
        "initLimit" => settings.init_limit = count,
        "syncLimit" => settings.sync_limit = count,
        "epochWait" => settings.epoch_wait_max = Some(Ms(u64::from(count))),
        "reconfig" => settings.reconfig_enabled = value == 1,
        "leaderServes" => settings.leader_serves = value == 1,
        "forceSnapshot" => settings.force_snapshot = value == 1,
        "oracle" => settings.has_oracle = value == 1,
        "observerMasters" => settings.has_observer_masters = value == 1,
        "readOnly" => settings.read_only_mode = value == 1,
        "features" => settings.features = Features(count),
        "renew" => settings.renew_from = count,
        other => panic!("there is no setting {other}"),
    }
}

fn packet(words: &[&str]) -> ToLearner {
    let first = || zxid(words[1]);
    match words[0] {
        "leaderinfo" => ToLearner::LeaderInfo { epoch: epoch(words[1]), features: Features::default() },
        "diff" => ToLearner::Diff(first()),
        "trunc" => ToLearner::Trunc(first()),
        "proposal" => ToLearner::Proposal(Record::after(Point::START, first(), 0, None)),
        "commit" => ToLearner::Commit(first()),
        "newleader" => ToLearner::NewLeader { epoch: epoch(words[1]), config: None },
        "uptodate" => ToLearner::UpToDate,
        "ping" => ToLearner::Ping,
        other => panic!("there is no packet {other}"),
    }
}

fn claim(words: &[&str]) -> FromLearner {
    match words[0] {
        "ack" => FromLearner::Ack(zxid(words[1])),
        "pong" => FromLearner::Pong,
        "ackepoch" => FromLearner::AckEpoch { current: Some(epoch(words[1])), last: zxid(words[2]) },
        other => panic!("there is no packet {other}"),
    }
}

fn late(word: &str) -> Late {
    match word {
        "epochs" => Late::Epochs,
        "log" => Late::Log,
        "work" => Late::Work,
        other => panic!("a disk is not late with {other}"),
    }
}

fn servers<'a>(words: impl IntoIterator<Item = &'a &'a str>) -> impl Iterator<Item = ServerId> {
    words.into_iter().map(|word| server(word)).collect::<Vec<_>>().into_iter()
}

fn server(word: &str) -> ServerId {
    ServerId(number(word))
}

fn epoch(word: &str) -> Epoch {
    Epoch(i32::try_from(number(word)).expect("an epoch"))
}

/// As printed, or as epoch and counter: `1:2`.
fn zxid(word: &str) -> Zxid {
    match word.split_once(':') {
        Some((epoch, counter)) => Zxid(number(epoch) << 32 | number(counter)),
        None => Zxid(number(word)),
    }
}

fn number(word: &str) -> i64 {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{word} is not a number"))
}
