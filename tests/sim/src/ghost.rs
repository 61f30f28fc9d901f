//! What was ever committed, and what must be true after every step.
//!
//! The ghost believes nothing that servers say of each other. It has each record that was ever committed, and of each server
//! a [shadow](super::shadow): the records in its log, taken over from its window after each of its turns, and
//! from its disk when a process begins. So a look after a turn costs what has changed in that turn.
//!
//! | checked | when |
//! |---|---|
//! | a quorum of each applicable configuration has a record durably when it is committed for the first time | each first commit, by the shadows |
//! | the same on the disks, as a power cut would leave them | the first commit of a reign, and one in [`COLD_READ_EVERY`] others |
//! | a server's commits are the ghost's sequence, record by record, without a gap | each commit |
//! | an epoch has one leader, and its history has all that the ghost has | when it begins to lead |
//! | acceptedEpoch and currentEpoch never fall on the disk, and are not below what they must be | each change, and each start |
//! | what a server announces is what its disk has | when it begins to look for a leader |
//! | zxids in a log have no gap; nothing is public that is not committed | each turn |
//! | the digest of a state is that of every other server, and of the record | each turn in which a server serves |
//! | a state has the sessions of its history, and knows the ephemerals of each | the end, each server and each disk |
//! | a quorum has what changes the ensemble in its files, too | each first commit of a change |
//! | a server goes by a configuration that was committed | each time that it goes by another one |
//! | a configuration is what was asked for, and who reads it sees no old one | each answer |
//! | an answered write was committed as that client's | each answer |
//! | a sync shows all that anybody was told before it was asked for | each answer |
//!
//! To read all disks anew for each commit would cost a hundred times what the commit does. That the log tells something to be
//! durable which is not would be an error of the log, and is found by the reads that are made; that a server acknowledges what
//! its log has not told to be durable is found at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::rc::Rc;
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::database::Database;
use paddock_engine::io::Files;
use paddock_engine::jute::Reader;
use paddock_engine::log::LogConfig;

use super::durable::{self, Records};
use super::operator::{Ensemble, is_made_by};
use super::quorums::{Quorums, change_in, is_quorum};
use super::server::{Server, Setting};
use super::sessions;
use super::shadow::{Look, Shadow};
use super::zoo_cfg;

/// About one first commit in so many is looked for on the disks.
const COLD_READ_EVERY: u32 = 64;
/// Bytes of a version and a digest at the end of a record.
const DIGEST_BYTES: usize = 12;
const DIGEST_VERSION: i32 = 2;

/// Outside of the world: it knows what no server can.
pub struct Ghost {
    seed: u64,
    /// Every record that was ever committed.
    records: BTreeMap<Zxid, Rc<[u8]>>,
    quorums: Quorums,
    /// The digest that the tree has after each transaction that some server has made public.
    digests: BTreeMap<Zxid, (u64, ServerId)>,
    /// Who has led each epoch.
    leaders: BTreeMap<Epoch, ServerId>,
    /// Of each server, by its place.
    shadows: Vec<Shadow>,
    /// The newest transaction that any client was told of.
    told: Zxid,
    pub looks: Looks,
}

/// How often what was looked at.
#[derive(Clone, Copy, Default, Debug)]
pub struct Looks {
    pub commits: u64,
    pub cold_reads: u64,
    pub announcements: u64,
    pub cold_starts: u64,
    /// Leaders that have begun another epoch.
    pub renewals: u64,
}

impl Ghost {
    /// `config` is what is in force at first.
    pub fn new(seed: u64, servers: usize, config: Arc<Config>) -> Ghost {
        Ghost {
            seed,
            records: BTreeMap::new(),
            quorums: Quorums::new(config),
            digests: BTreeMap::new(),
            leaders: BTreeMap::new(),
            shadows: (0..servers).map(|_| Shadow::default()).collect(),
            told: Zxid::ZERO,
            looks: Looks::default(),
        }
    }

    /// What was committed, by zxid.
    pub fn records(&self) -> &BTreeMap<Zxid, Rc<[u8]>> {
        &self.records
    }

    /// The newest transaction that was ever committed.
    pub fn newest(&self) -> Zxid {
        self.records.last_key_value().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// Which configurations were in force.
    pub fn quorums(&self) -> &Quorums {
        &self.quorums
    }

    /// The newest transaction that any client was told of.
    pub fn told(&self) -> Zxid {
        self.told
    }

    /// The newest epoch that had a leader.
    pub fn newest_epoch(&self) -> Epoch {
        self.leaders.last_key_value().map_or(Epoch(0), |(epoch, _)| *epoch)
    }

    /// How many epochs had a leader.
    pub fn epochs(&self) -> usize {
        self.leaders.len()
    }

    fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        assert!(holds, "seed {}: {}; {}", self.seed, what(), again(self.seed));
    }
}

/// How a world is told of again.
pub fn again(seed: u64) -> String {
    format!("replay it: cargo xtask sim --seed {seed}")
}

/// What servers do.
impl Ghost {
    /// A process has begun on what was on its disk.
    pub fn begin(&mut self, place: usize, server: &Server, setting: &Setting) {
        let config = server.log_config(setting);
        self.shadows[place].begin(Records::read(&config.files, &config));
        self.see_epochs(place, server, setting);
    }

    /// A server's turn has ended.
    pub fn look(&mut self, place: usize, servers: &[Server], setting: &Setting) {
        let server = &servers[place];
        let Some(process) = &server.process else { return };
        let look = Look::at(process);
        let shadow = &self.shadows[place];
        let has_new_epochs = look.epochs != (shadow.accepted, shadow.current);
        if shadow.looked == Some(look) && !has_new_epochs {
            return;
        }
        let Look { part, is_looking, base, completed, committed, public, .. } = look;
        let id = server.id.0;
        let on_disk = || {
            let config = server.log_config(setting);
            Records::read(&config.files, &config)
        };
        let followed = self.shadows[place].follow(process.member.window(), base, on_disk);
        self.must(followed.is_ok(), || format!("server {id}: {}", followed.unwrap_err()));
        self.see_base(place);
        let shadow = &mut self.shadows[place];
        let before = shadow.looked.replace(look).map(|before| before.part);
        let renews = matches!(before, Some(Part::Leading { .. }))
            && matches!(part, Part::Leading { .. })
            && before != Some(part);
        self.looks.renewals += u64::from(renews);
        shadow.durable = completed.min(shadow.records.last());
        if has_new_epochs {
            self.see_epochs(place, server, setting);
        }
        if is_looking != std::mem::replace(&mut self.shadows[place].was_looking, is_looking) && is_looking {
            self.see_announcement(place, server, setting);
        }
        if let Part::Leading { epoch } = part {
            self.see_leader(place, server.id, epoch);
        }
        if matches!(part, Part::Leading { .. }) || public.is_some() && part != Part::Looking {
            self.see_commits(place, committed, servers, setting);
        }
        self.see_config(place, server);
        if let Some((zxid, digest)) = public {
            self.must(zxid <= committed, || format!("server {id} shows {zxid} and knows {committed} as committed"));
            self.see_public(server.id, zxid, digest);
        }
    }

    /// The log of a server may begin with a state that was made of more than what is committed, if the leader that brought it
    /// had more. Whoever has the last transaction of that state has all that came before.
    fn see_base(&mut self, place: usize) {
        let (base, newest) = (self.shadows[place].records.base, self.newest());
        if base <= newest || self.shadows[place].knows(base) {
            return;
        }
        if let Some(other) = self.shadows.iter().find(|shadow| shadow.knows(base)) {
            self.shadows[place].brought = other.between(newest, base).collect();
        }
    }

    /// A server shows its clients the state after this transaction.
    pub fn see_public(&mut self, server: ServerId, zxid: Zxid, digest: u64) {
        let written = self.records.get(&zxid).and_then(|record| digest_of(record));
        self.must(written.is_none_or(|written| written == digest), || {
            format!("server {} shows another state after {zxid} than its record says", server.0)
        });
        let (known, by) = *self.digests.entry(zxid).or_insert((digest, server));
        self.must(known == digest, || {
            format!("after {zxid} server {} shows another state than server {} did", server.0, by.0)
        });
    }

    /// A server serves as the leader of an epoch.
    fn see_leader(&mut self, place: usize, server: ServerId, epoch: Epoch) {
        if self.shadows[place].reign.replace(epoch) == Some(epoch) {
            return;
        }
        let leader = *self.leaders.entry(epoch).or_insert(server);
        self.must(leader == server, || format!("servers {} and {} lead epoch {}", leader.0, server.0, epoch.0));
        let records = &self.shadows[place].records;
        // It may come to know so late that it leads that there is a later leader by then.
        let mut before = self.records.range(..Zxid::start_of(epoch));
        let lacking = before.find(|(zxid, record)| !records.has(**zxid, record));
        self.must(lacking.is_none(), || {
            format!(
                "server {} leads epoch {} and lacks {}, which was committed",
                server.0,
                epoch.0,
                lacking.expect("it lacks one").0
            )
        });
    }

    /// A server knows everything up to `committed` as committed.
    fn see_commits(&mut self, place: usize, committed: Zxid, servers: &[Server], setting: &Setting) {
        let shadow = &self.shadows[place];
        let (committed, newest) = (committed.min(shadow.records.last()), self.newest());
        let after = shadow.compared.max(shadow.records.base).min(committed);
        if committed <= after.min(newest) {
            return;
        }
        let range = (Excluded(after), Included(committed));
        let id = servers[place].id.0;
        let known = shadow.records.by_zxid.range(range).take_while(|(zxid, _)| **zxid <= newest);
        self.must(known.eq(self.records.range(range)), || {
            format!("server {id} has committed another sequence from {after} to {committed} than others")
        });
        let first: Vec<(Zxid, Rc<[u8]>)> = shadow.between(newest, committed).collect();
        self.looks.commits += first.len() as u64;
        for (zxid, record) in &first {
            self.see_first_commit(*zxid, record, id, servers);
            self.quorums.note(*zxid, record);
        }
        let sampled = first.iter().rfind(|(zxid, _)| zxid.counter() % COLD_READ_EVERY == 1).cloned();
        self.records.extend(first);
        if let Some((zxid, record)) = sampled {
            self.see_disks(zxid, &record, servers, setting);
        }
        self.shadows[place].compared = committed;
    }

    /// Nobody has committed this transaction before.
    fn see_first_commit(&self, zxid: Zxid, record: &[u8], by: i64, servers: &[Server]) {
        let of = |id: ServerId| servers.iter().zip(&self.shadows).find(|(server, _)| server.id == id);
        let has = |id| of(id).is_some_and(|(_, shadow)| shadow.has_durable(zxid, record));
        let configs = self.quorums.of(zxid, record);
        self.must(is_quorum(&configs, has), || {
            let durable: Vec<Zxid> = self.shadows.iter().map(|shadow| shadow.durable).collect();
            format!("server {by} has committed {zxid}, which no quorum has durably: {durable:?}")
        });
        if change_in(record).is_some() {
            let keeps = |server: &Server| zoo_cfg::kept(&server.disk);
            let has_files = |id| of(id).is_some_and(|(server, _)| has(id) && keeps(server) >= zxid);
            self.must(is_quorum(&configs, has_files), || {
                let kept: Vec<Zxid> = servers.iter().map(keeps).collect();
                format!("server {by} has committed {zxid}, which is in the files of no quorum: {kept:?}")
            });
        }
    }

    /// A server goes by a configuration.
    fn see_config(&mut self, place: usize, server: &Server) {
        let Some(process) = &server.process else { return };
        let config = &process.member.state().configs.committed;
        if self.shadows[place].config.replace(config.version()) == Some(config.version()) {
            return;
        }
        self.must(self.quorums.is_known(config), || {
            format!("server {} goes by a configuration that was never committed:\n{}", server.id.0, config.text())
        });
    }

    /// A power cut everywhere would leave this transaction to a quorum. So many disks are read as show that, beginning with
    /// another one each time.
    fn see_disks(&mut self, zxid: Zxid, record: &[u8], servers: &[Server], setting: &Setting) {
        self.looks.cold_reads += 1;
        let first = self.looks.cold_reads as usize % servers.len();
        let configs = self.quorums.of(zxid, record);
        let mut found = BTreeSet::new();
        for server in servers[first..].iter().chain(&servers[..first]) {
            if is_quorum(&configs, |id| found.contains(&id)) {
                return;
            }
            if durable::has(&durable::files(&server.disk), &server.log_config(setting), zxid, record) {
                found.insert(server.id);
            }
        }
        self.must(is_quorum(&configs, |id| found.contains(&id)), || {
            let disk = |server: &Server| Records::read(&durable::files(&server.disk), &server.log_config(setting));
            let ends: Vec<Zxid> = servers.iter().map(|server| disk(server).last()).collect();
            format!("{zxid} is committed, and is on the disks of no quorum: they end with {ends:?}")
        });
    }

    /// The promises on the disk of a server.
    fn see_epochs(&mut self, place: usize, server: &Server, setting: &Setting) {
        let data_dir = server.log_config(setting).data_dir;
        let (accepted, current) = durable::epochs(&durable::files(&server.disk), &data_dir);
        let shadow = &mut self.shadows[place];
        let before = (shadow.accepted, shadow.current);
        let last = shadow.records.last().epoch();
        (shadow.accepted, shadow.current) = (accepted, current);
        let state = server.process.as_ref().map(|process| process.member.state());
        let claimed = state.map(|state| (state.epochs.accepted(), state.epochs.current()));
        let id = server.id.0;
        self.must(accepted >= before.0 && current >= before.1, || {
            format!(
                "server {id} had acceptedEpoch {} and currentEpoch {}, and has {} and {}",
                before.0.0, before.1.0, accepted.0, current.0
            )
        });
        self.must(current <= accepted && (accepted == Epoch(0) || last <= accepted), || {
            format!(
                "server {id} has acceptedEpoch {}, currentEpoch {} and a transaction of epoch {}",
                accepted.0, current.0, last.0
            )
        });
        self.must(
            claimed.is_none_or(|claimed| claimed.0 <= accepted.max(last) && claimed.1 <= current.max(last)),
            || format!("server {id} claims epochs that its disk has not: {claimed:?}"),
        );
    }

    /// A server begins to look for a leader, and tells others what it has.
    fn see_announcement(&mut self, place: usize, server: &Server, setting: &Setting) {
        self.looks.announcements += 1;
        let process = server.process.as_ref().expect("it has had a turn");
        let Some(announced) = process.member.state().announced else { return };
        let files = durable::files(&server.disk);
        let config = server.log_config(setting);
        let disk = Records::read(&files, &config);
        let last = if disk.by_zxid.is_empty() { cold_start(&files, &config).last_zxid() } else { disk.last() };
        let (_, current) = durable::epochs(&files, &config.data_dir);
        let records = &self.shadows[place].records;
        self.must(announced.last == last, || {
            format!("server {} announces {}, and its disk ends with {last}", server.id.0, announced.last)
        });
        self.must(announced.current_epoch == current || current == Epoch(0), || {
            format!(
                "server {} announces epoch {}, and its disk has {}",
                server.id.0, announced.current_epoch.0, current.0
            )
        });
        let other = disk.by_zxid.iter().find(|(zxid, record)| !records.has(**zxid, record));
        self.must(other.is_none(), || {
            format!("the disk of server {} has another {}", server.id.0, other.expect("it has").0)
        });
    }

    /// The world has ended: each state has the sessions of its history, and their ephemerals.
    pub fn see_states_at_end(&self, servers: &[Server]) {
        for (server, shadow) in servers.iter().zip(&self.shadows) {
            if let Some(process) = &server.process {
                let database = process.member.database();
                let beyond = shadow.records.by_zxid.range((Excluded(self.newest()), Unbounded));
                self.see_sessions(database, beyond, || format!("server {}", server.id.0));
            }
        }
    }

    /// `beyond` is what the history of this state has behind all that is committed.
    fn see_sessions<'a>(
        &'a self,
        state: &Database,
        beyond: impl Iterator<Item = (&'a Zxid, &'a Rc<[u8]>)>,
        whose: impl FnOnce() -> String,
    ) {
        let history = self.records.iter().chain(beyond).take_while(|(zxid, _)| **zxid <= state.last_zxid());
        let living = sessions::living(history.map(|(_, record)| &record[..]));
        let checked = sessions::check(state, &living);
        self.must(checked.is_ok(), || format!("{} {}", whose(), checked.unwrap_err()));
    }

    /// The world has ended: all that was committed is on the disks of a quorum, and every disk has the state that was there.
    pub fn see_disks_at_end(&mut self, servers: &[Server], setting: &Setting) {
        let reached: BTreeMap<ServerId, Zxid> =
            servers.iter().map(|server| (server.id, self.see_disk_at_end(server, setting))).collect();
        let newest = self.newest();
        let configs = self.records.get(&newest).map_or_else(Vec::new, |record| self.quorums.of(newest, record));
        self.must(is_quorum(&configs, |id| reached.get(&id) >= Some(&newest)), || {
            format!("{newest} was committed, and the disks end with {reached:?}")
        });
    }

    /// A server is started on what its disk would be after a power cut, and has the state that its newest transaction led to
    /// everywhere. Which transaction that is.
    fn see_disk_at_end(&mut self, server: &Server, setting: &Setting) -> Zxid {
        self.looks.cold_starts += 1;
        let id = server.id.0;
        let config = server.log_config(setting);
        let files = durable::files(&server.disk);
        let disk = Records::read(&files, &config);
        let common =
            |(zxid, record): (&Zxid, &Rc<[u8]>)| self.records.get(zxid).is_none_or(|committed| committed == record);
        self.must(disk.by_zxid.iter().all(common), || {
            format!("the disk of server {id} has another transaction than was committed")
        });
        let state = cold_start(&files, &config);
        let (zxid, digest) = (state.last_zxid(), state.tree().digest());
        self.see_sessions(&state, disk.by_zxid.range((Excluded(self.newest()), Unbounded)), || {
            format!("after a cold start server {id}")
        });
        let known = self.digests.get(&zxid).map(|known| known.0);
        let written = self.records.get(&zxid).and_then(|record| digest_of(record));
        self.must(known.or(written).is_none_or(|known| known == digest), || {
            format!("after a cold start server {id} has another state after {zxid} than there was")
        });
        zxid
    }
}

/// What clients are told.
impl Ghost {
    /// A client was told of this transaction, of its own write if it is `written`: session and xid.
    pub fn see_answer(&mut self, zxid: Zxid, written: Option<(i64, i32)>) {
        self.told = self.told.max(zxid);
        self.must(zxid <= self.newest(), || format!("a client was told of {zxid}, and nobody has committed it"));
        let Some(written) = written else { return };
        let author = self.records.get(&zxid).and_then(|record| author_of(record));
        self.must(author == Some(written), || {
            format!("client {written:x?} was told that {zxid} is its write, and it is that of {author:x?}")
        });
    }

    /// A client was told who belongs to the ensemble.
    pub fn see_ensemble(&self, zxid: Zxid, ensemble: &Ensemble) {
        let told = Config::parse(&ensemble.text).expect("the client could read it");
        let Some(change) = &ensemble.change else {
            let behind = self.quorums.behind(zxid);
            let is_known = self.quorums.is_known(&told) && told.version() >= behind.version();
            return self.must(is_known, || {
                format!(
                    "who reads at {zxid} who belongs to the ensemble sees\n{}\ninstead of\n{}",
                    told.text(),
                    behind.text()
                )
            });
        };
        let (before, made) = (self.quorums.before(zxid), self.quorums.behind(zxid));
        self.must(made.version() == zxid && **made == told && is_made_by(change, before, made), || {
            format!("{change:?} is answered with\n{}\nat {zxid}, behind\n{}", told.text(), before.text())
        });
    }

    /// A sync was answered which was asked for when somebody had been told of `told`.
    pub fn see_sync(&self, zxid: Zxid, told: Zxid) {
        self.must(zxid >= told, || format!("a sync shows {zxid}, and {told} had been told before it was asked for"));
    }
}

/// The session and the xid of the request that a record came from.
fn author_of(record: &[u8]) -> Option<(i64, i32)> {
    let mut reader = Reader::new(record);
    Some((reader.i64().ok()?, reader.i32().ok()?))
}

/// The digest of the tree after the transaction, where its record ends with one for certain.
fn digest_of(record: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(record.get(record.len().checked_sub(DIGEST_BYTES)?..)?);
    let version = reader.i32().ok()?;
    let digest = reader.i64().ok()? as u64;
    (version == DIGEST_VERSION && sessions::opcode_of(record)? != sessions::CLOSE_SESSION).then_some(digest)
}

/// The state with which a server starts on these files.
///
/// # Panics
/// If it would not start.
fn cold_start(files: &Files, config: &LogConfig) -> Database {
    durable::recovered(files, config).unwrap_or_else(|error| panic!("a cold start: {error}"))
}
