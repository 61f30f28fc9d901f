//! One case: a file of one server or several is damaged, all are started, and what they do is judged.

use std::fmt;
use std::path::{Path, PathBuf};

use paddock_engine::io::Files;
use paddock_tests::damage::{Damage, Found, Kind};
use paddock_tests::random::Random;

use super::prepared::{End, LAST, Prepared, read, replace};
use super::said::take_said;
use super::servers::Servers;

/// Who else runs at first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Company {
    /// Both of the others, of which one has all that was acknowledged.
    Both,
    /// Only the one that lacks some of it. The other comes later.
    Laggard,
}

/// What is damaged, and who is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Of the leader that was, or of the follower that had all.
    pub of_leader: bool,
    /// One, or all of a kind.
    pub files: Vec<PathBuf>,
    pub damage: Damage,
    pub company: Company,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It serves, with what it has: the damage takes nothing of that.
    Served,
    /// It serves, and has cut off what it took for the torn end of its log.
    Cut,
    /// It does not vote, and is brought a whole copy.
    Copied,
    /// It does not start, with a message that names the file.
    Refused,
    /// A quorum has such damage: nobody serves before some of them have their files back. Who does not vote names the file.
    Waited,
    /// What was not as it must be.
    Failed,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.of_leader { "leader" } else { "follower" };
        let Damage { kind, place } = self.damage;
        let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        write!(f, "{whose} {} {kind:?} {place:?}, beside {:?}", files.join(" "), self.company)
    }
}

/// What is tried, and on what.
type Tried<'a> = (&'a Prepared, &'a Case);

/// Damages a file; `false` if there is nothing to damage so.
pub fn damage(prepared: &Prepared, files: &Files, (place, path): (usize, &Path), damage: Damage, seed: u64) -> bool {
    let content = read(files, path);
    match damage.of(&content, prepared.before(place, path), &mut Random::new(seed)) {
        None => return false,
        Some(Found::Nothing) => files.remove(path).expect("it is there"),
        Some(Found::File(found)) => replace(files, path, &found),
    }
    true
}

/// Damages all the files of a case on the disk of a server; `false` if there is nothing to damage so.
fn damage_all(prepared: &Prepared, files: &Files, place: usize, case: &Case, seed: u64) -> bool {
    let damaged = case.files.iter().filter(|file| damage(prepared, files, (place, file), case.damage, seed));
    damaged.count() > 0
}

/// `None` if there is nothing to damage so.
///
/// # Errors
/// What was not as it must be.
pub fn run(prepared: &Prepared, case: &Case, seed: u64) -> Result<Option<Outcome>, String> {
    let Prepared { leader, follower, laggard, .. } = *prepared;
    let (damaged, other) = if case.of_leader { (leader, follower) } else { (follower, leader) };
    let disks = prepared.disks();
    if !damage_all(prepared, &Files::Simulated(disks[damaged].clone()), damaged, case, seed) {
        return Ok(None);
    }
    take_said();
    let mut servers = Servers::new(seed, Some(&disks));
    let started = servers.start(damaged);
    let told = take_said();
    servers.start(laggard).map_err(|error| format!("the one that lacks some does not start: {error}"))?;
    if case.company == Company::Both {
        servers.start(other).map_err(|error| format!("the other one does not start: {error}"))?;
        // They serve all the time.
        if !servers.comes(|servers| servers.all_serve(&[other, laggard])) {
            return Err("the two others do not serve".to_owned());
        }
    } else if servers.comes(|servers| servers.serves(laggard)) {
        has_all((prepared, case), &servers, laggard, "served without the one that has it all")?;
    }
    if case.company == Company::Laggard {
        servers.start(other).map_err(|error| format!("the other one does not start: {error}"))?;
    }
    if let Err(refusal) = &started {
        return refused((prepared, case), &mut servers, [other, laggard], refusal).map(Some);
    }
    if !servers.comes(|servers| servers.all_serve(&[0, 1, 2])) {
        let serving: Vec<bool> = (0..3).map(|place| servers.serves(place)).collect();
        return Err(format!("they do not all serve: {serving:?}, {:?}\n{told}", servers.ended(damaged)));
    }
    goes_on((prepared, case), &mut servers, &[0, 1, 2], damaged)?;
    starts_again((prepared, case), &mut servers, damaged)?;
    if told.contains("does not vote") {
        names(case, &told)?;
        return Ok(Some(Outcome::Copied));
    }
    Ok(Some(if told.contains("torn by a crash") { Outcome::Cut } else { Outcome::Served }))
}

/// Everything that was acknowledged is in a server's state. What a power cut has followed at once may be lost with a sector that
/// is zero: a crash would leave just that, and nobody would have been told of it.
fn has_all((prepared, case): Tried<'_>, servers: &Servers, place: usize, when: &str) -> Result<(), String> {
    let is_as_after_a_crash = prepared.end == End::AtWork && case.damage.kind == Kind::ZeroedSector;
    let acknowledged = prepared.acknowledged.iter().filter(|(path, _)| path != LAST || !is_as_after_a_crash);
    let lost = acknowledged.into_iter().find(|(path, data)| servers.data(place, path).as_ref() != Some(data));
    lost.map_or(Ok(()), |(path, _)| Err(format!("{path} was acknowledged, and is not in the state {when}")))
}

/// What all serve is the same, with all that was acknowledged before, and what is written now.
fn goes_on(tried: Tried<'_>, servers: &mut Servers, places: &[usize], place: usize) -> Result<(), String> {
    let slot = servers.connect(place);
    servers.create(place, slot, "/afterwards", b"new");
    let first = places[0];
    if !servers.comes(|servers| places.iter().all(|place| servers.state(*place) == servers.state(first))) {
        let states: Vec<(i64, u64)> = places.iter().map(|place| servers.state(*place)).collect();
        return Err(format!("the states are not the same: {states:x?}"));
    }
    places.iter().try_for_each(|place| has_all(tried, servers, *place, "in the end"))
}

/// What it has by then is whole.
fn starts_again(tried: Tried<'_>, servers: &mut Servers, damaged: usize) -> Result<(), String> {
    servers.end(damaged);
    take_said();
    servers.start(damaged).map_err(|error| format!("it does not start a second time: {error}"))?;
    let told = take_said();
    if told.contains("does not vote") {
        return Err(format!("it does not vote after its second start\n{told}"));
    }
    if !servers.comes(|servers| servers.serves(damaged)) {
        return Err("it does not serve after its second start".to_owned());
    }
    has_all(tried, servers, damaged, "after the second start")
}

/// The message names the file, and the others go on.
fn refused(tried: Tried<'_>, servers: &mut Servers, others: [usize; 2], refusal: &str) -> Result<Outcome, String> {
    names(tried.1, refusal)?;
    if !servers.comes(|servers| servers.all_serve(&others)) {
        return Err(format!("it is refused, and the others do not serve: {refusal}"));
    }
    goes_on(tried, servers, &others, others[0])?;
    Ok(Outcome::Refused)
}

/// What is told of damage is one message, which names a file, and where in a log or a snapshot that is still there. Where all
/// files of a kind are gone, it names their directory.
fn names(case: &Case, told: &str) -> Result<(), String> {
    let message = told.lines().find(|line| line.contains("does not vote")).unwrap_or(told);
    let name = |file: &PathBuf| file.file_name().expect("it is a file").to_string_lossy().into_owned();
    let directory = case.files[0].parent().expect("it lies in one").display().to_string();
    let is_of_many = case.files.len() > 1;
    let names_file = case.files.iter().any(|file| message.contains(&name(file)));
    let names_directory = is_of_many && message.contains(&directory);
    if !names_file && !names_directory {
        return Err(format!("what is told names no file that was damaged: {told}"));
    }
    let is_long = matches!(kind_of_file(&case.files[0]).as_str(), "log" | "snapshot");
    let says_where =
        ["at offset ", "at byte ", " bytes", "has no segment of it", "is gone: "].iter().any(|at| message.contains(at));
    match says_where || !is_long || matches!(case.damage.kind, Kind::Removed | Kind::Emptied) {
        true => Ok(()),
        false => Err(format!("what is told does not say where in the file: {told}")),
    }
}

/// What kind of file it is: its name without the number.
pub fn kind_of_file(path: &Path) -> String {
    let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
    name.split_once(".0").map_or(name.clone(), |(kind, _)| kind.to_owned())
}

/// More servers than may be missing have the same damage: what they do.
///
/// # Errors
/// What was not as it must be.
pub fn run_many(prepared: &Prepared, case: &Case, places: &[usize], seed: u64) -> Result<Option<Outcome>, String> {
    let disks = prepared.disks();
    let tried = (prepared, case);
    for &place in places {
        let files = prepared.counterparts(&case.files, place);
        let of_place = Case { files, ..case.clone() };
        if !damage_all(prepared, &Files::Simulated(disks[place].clone()), place, &of_place, seed) {
            return Ok(None);
        }
    }
    take_said();
    let mut servers = Servers::new(seed, Some(&disks));
    let mut told = String::new();
    for place in 0..3 {
        servers.start(place).map_err(|error| format!("it does not start: {error}"))?;
        let said = take_said();
        if said.contains("does not vote") && places.contains(&place) {
            names(&Case { files: prepared.counterparts(&case.files, place), ..case.clone() }, &said)?;
        }
        told.push_str(&said);
    }
    let any_serves = |servers: &Servers| (0..3).any(|place| servers.serves(place));
    if servers.comes(any_serves) {
        // Then they have lost nothing.
        if !servers.comes(|servers| servers.all_serve(&[0, 1, 2])) {
            return Err("some serve, and not all".to_owned());
        }
        goes_on(tried, &mut servers, &[0, 1, 2], places[0])?;
        return Ok(Some(Outcome::Served));
    }
    told.push_str(&take_said());
    if !told.contains("it does not vote itself before it has a full copy of a leader's state") {
        return Err(format!("nobody says what is waited for: {told}"));
    }
    // A person puts back what one of them had.
    let mended = places[0];
    servers.end(mended);
    servers.replace_disk(mended, prepared.disks()[mended].clone());
    if places.len() == 3 {
        let other = places[1];
        servers.end(other);
        servers.replace_disk(other, prepared.disks()[other].clone());
        servers.start(other).map_err(|error| format!("it does not start: {error}"))?;
    }
    servers.start(mended).map_err(|error| format!("it does not start: {error}"))?;
    if !servers.comes(|servers| servers.all_serve(&[0, 1, 2])) {
        return Err("they do not all serve after the files were put back".to_owned());
    }
    goes_on(tried, &mut servers, &[0, 1, 2], mended)?;
    Ok(Some(Outcome::Waited))
}
