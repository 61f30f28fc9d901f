//! The commands of a script.
//!
//! | command | does |
//! |---|---|
//! | `config VERSION SERVER... [observers=S,S] [weights=S:W,S:W] [groups=S:S/S:S]` | makes a configuration |
//! | `server SERVER... config=VERSION [epoch=N] [zxid=N] [nothing] [observer] [reconfig]` | makes servers that do not run |
//! | `seen SERVER VERSION` | the configuration was proposed to the server |
//! | `start SERVER...`, `crash SERVER...` | the process begins, or ends |
//! | `connect SERVER SERVER`, `connect all`, `fall SERVER SERVER` | a connection is there, or falls |
//! | `refuse SERVER SERVER` | the first server's attempt to connect to the second comes to nothing |
//! | `deliver`, `deliver FROM TO` | all that is on its way arrives, with what comes of it; or what one server told another |
//! | `tell TO from=SERVER STATE [leader=S] [epoch=N] [zxid=N] [round=N] [unversioned] [config=VERSION]` | a notification that none of the servers has sent |
//! | `wait MS` | time passes |
//! | `look SERVER...` | the servers look for a leader again |
//! | `epoch N SERVER...` | the epoch of the leader begins at these servers |
//! | `has SERVER epoch=N zxid=N` | the server has this history from now on |
//! | `written SERVER` | the configuration is on the disk |
//! | `supported SERVER` | says whether those who support a leader can still be a quorum |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use paddock_consensus::config::{Config, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::input::Event;
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::settings::Ms;
use paddock_consensus::summary::Summary;
use paddock_consensus::vote::Vote;
use paddock_consensus::{Epoch, ServerId, Zxid};

use crate::ensemble::Ensemble;
use crate::server::Server;

pub fn execute(command: &str, ensemble: &mut Ensemble) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let arguments = Arguments { words: words.collect() };
    match verb {
        "config" => config(&arguments, ensemble),
        "server" => servers(&arguments, ensemble),
        "seen" => seen(&arguments, ensemble),
        "start" => for_each(&arguments, |me| ensemble.step(me, Server::start)),
        "crash" => for_each(&arguments, |me| ensemble.crash(me)),
        "look" => for_each(&arguments, |me| ensemble.step(me, Server::look)),
        "written" => for_each(&arguments, |me| ensemble.written(me)),
        "connect" if arguments.has("all") => connect_all(ensemble),
        "connect" => arguments.two().and_then(|(one, other)| ensemble.connect(one, other)),
        "fall" => arguments.two().and_then(|(one, other)| ensemble.fall(one, other)),
        "refuse" => arguments.two().and_then(|(me, peer)| ensemble.event(me, peer, Event::Refused)),
        "deliver" if arguments.words.is_empty() => ensemble.deliver_all(),
        "deliver" => arguments.two().and_then(|(from, to)| ensemble.deliver(from, to)),
        "tell" => tell(&arguments, ensemble),
        "wait" => ensemble.wait(Ms(arguments.numbers()?.first().copied().ok_or("how long?")? as u64)),
        "epoch" => epoch(&arguments, ensemble),
        "has" => has(&arguments, ensemble),
        "supported" => for_each(&arguments, |me| ensemble.report_support(me)),
        _ => Err("there is no such command".into()),
    }
}

struct Arguments<'a> {
    words: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// What `name=` is.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.text(name).map(number).transpose()
    }

    /// The words that are numbers by themselves.
    fn numbers(&self) -> Result<Vec<i64>, String> {
        let plain =
            self.words.iter().filter(|word| word.starts_with(|first: char| first == '-' || first.is_ascii_digit()));
        plain.map(|word| number(word)).collect()
    }

    fn servers(&self) -> Result<Vec<ServerId>, String> {
        Ok(self.numbers()?.into_iter().map(ServerId).collect())
    }

    fn two(&self) -> Result<(ServerId, ServerId), String> {
        match self.servers()?[..] {
            [one, other] => Ok((one, other)),
            _ => Err("it takes two servers".into()),
        }
    }

    fn history(&self) -> Result<Option<Summary>, String> {
        let (epoch, zxid) = (self.number("epoch")?.unwrap_or(1), self.number("zxid")?.unwrap_or(1));
        Ok((!self.has("nothing")).then_some(Summary { current_epoch: Epoch(epoch as i32), last: Zxid(zxid) }))
    }
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn for_each(arguments: &Arguments<'_>, act: impl FnMut(ServerId) -> Result<(), String>) -> Result<(), String> {
    arguments.servers()?.into_iter().try_for_each(act)
}

fn config(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let numbers = arguments.numbers()?;
    let (version, voters) = numbers.split_first().ok_or("which version?")?;
    let voters: BTreeSet<ServerId> = voters.iter().copied().map(ServerId).collect();
    let observers = list(arguments.text("observers"), ',')?.into_iter().map(ServerId);
    let participants = voters.iter().map(|voter| (*voter, member(PeerType::Participant)));
    let members = participants.chain(observers.map(|observer| (observer, member(PeerType::Observer)))).collect();
    let quorum = quorum(arguments, voters)?;
    let version = Zxid(*version);
    ensemble.configs.insert(version, Arc::new(Config::new(version, members, quorum)));
    Ok(())
}

/// Those in no group are in the first.
fn quorum(arguments: &Arguments<'_>, voters: BTreeSet<ServerId>) -> Result<QuorumSystem, String> {
    let (groups, weights) = (arguments.text("groups"), arguments.text("weights"));
    if groups.is_none() && weights.is_none() {
        return Ok(QuorumSystem::Majority(voters));
    }
    let share = Share { group: GroupId(1), weight: 1 };
    let mut shares: BTreeMap<ServerId, Share> = voters.into_iter().map(|voter| (voter, share)).collect();
    let mut change = |voter: i64, change: &dyn Fn(&mut Share)| {
        shares.get_mut(&ServerId(voter)).map(change).ok_or_else(|| format!("{voter} does not vote"))
    };
    for (place, group) in groups.unwrap_or_default().split('/').enumerate() {
        for voter in list(Some(group), ':')? {
            change(voter, &|share| share.group = GroupId(place as i64 + 1))?;
        }
    }
    for pair in weights.unwrap_or_default().split(',').filter(|pair| !pair.is_empty()) {
        let [voter, weight] = list(Some(pair), ':')?[..] else { return Err("a weight is written S:W".into()) };
        change(voter, &|share| share.weight = weight as u32)?;
    }
    Ok(QuorumSystem::Hierarchical(shares))
}

fn list(text: Option<&str>, separator: char) -> Result<Vec<i64>, String> {
    let words = text.unwrap_or_default().split(separator).filter(|word| !word.is_empty());
    words.map(number).collect()
}

pub fn member(peer_type: PeerType) -> Member {
    let host = HostPort { host: "localhost".into(), port: 2888 };
    Member { peer_type, addresses: vec![PeerAddress { quorum: host.clone(), election: host }], client: None }
}

fn servers(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let config = find_config(ensemble, arguments.number("config")?)?;
    for me in arguments.servers()? {
        let mut server = Server::new(me, &config, arguments.history()?);
        server.settings.reconfig_enabled = arguments.has("reconfig");
        if arguments.has("observer") {
            server.peer_type = PeerType::Observer;
        }
        ensemble.servers.insert(me, server);
    }
    Ok(())
}

fn find_config(ensemble: &Ensemble, version: Option<i64>) -> Result<Arc<Config>, String> {
    let config = version.and_then(|version| ensemble.configs.get(&Zxid(version)));
    config.cloned().ok_or_else(|| "there is no such configuration".into())
}

fn seen(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let [me, version] = arguments.numbers()?[..] else { return Err("it takes a server and a version".into()) };
    let config = find_config(ensemble, Some(version))?;
    ensemble.step(ServerId(me), |server, _, _| server.configs.last_seen = config)
}

fn connect_all(ensemble: &mut Ensemble) -> Result<(), String> {
    let running = ensemble.servers.iter().filter(|(_, server)| server.role.is_some());
    let running: Vec<ServerId> = running.map(|(me, _)| *me).collect();
    for (place, one) in running.iter().enumerate() {
        running[place + 1..].iter().try_for_each(|other| ensemble.connect(*one, *other))?;
    }
    Ok(())
}

fn tell(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let [to] = arguments.servers()?[..] else { return Err("it takes one receiver".into()) };
    let from = ServerId(arguments.number("from")?.ok_or("from whom?")?);
    let states = [
        ("looking", ServerState::Looking),
        ("following", ServerState::Following),
        ("leading", ServerState::Leading),
        ("observing", ServerState::Observing),
    ];
    let state = states.into_iter().find(|(word, _)| arguments.has(word)).ok_or("in which state?")?.1;
    let number = |name, otherwise| arguments.number(name).map(|number| number.unwrap_or(otherwise));
    let vote = Vote {
        leader: ServerId(number("leader", from.0)?),
        zxid: Zxid(number("zxid", 1)?),
        peer_epoch: number("epoch", 1)?,
    };
    let format = if arguments.has("unversioned") { Format::Unversioned } else { Format::Versioned };
    let notification = Notification { state, vote, round: number("round", 1)?, format };
    let version = arguments.number("config")?;
    let config = version.map(|version| find_config(ensemble, Some(version))).transpose()?;
    ensemble.step(to, |server, now, out| server.on_notification(from, &notification, config.as_ref(), now, out))
}

fn epoch(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let numbers = arguments.numbers()?;
    let (epoch, servers) = numbers.split_first().ok_or("which epoch?")?;
    let epoch = Epoch(*epoch as i32);
    servers.iter().try_for_each(|me| ensemble.step(ServerId(*me), |server, _, _| server.begin_epoch(epoch)))
}

fn has(arguments: &Arguments<'_>, ensemble: &mut Ensemble) -> Result<(), String> {
    let history = arguments.history()?;
    for_each(arguments, |me| ensemble.step(me, |server, _, _| server.history = history))
}
