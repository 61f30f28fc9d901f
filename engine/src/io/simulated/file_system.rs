//! The files of a simulated machine, and its crashes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use siphasher::sip::SipHasher13;

use super::choice::{Choice, Seeded};
use super::fault::{Effect, Fault, Faults, Operation};
use super::image::Image;
use super::names::Node;
use crate::io::access::Access;
use crate::io::metadata::{Identity, Metadata};

/// What direct writes are aligned and padded to, unless told otherwise.
const UNIT: usize = 512;

/// A handle on the files of one simulated machine. It is good until the process ends, with or without a power cut; after
/// that its operations fail with EIO, because the process that held it would be dead.
#[derive(Clone, Debug)]
pub struct FileSystem {
    shared: Arc<Mutex<State>>,
    life: u64,
}

/// What the disk was like just before something was done to it.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The operation that follows this moment, and its path; `None` where the moment was asked for.
    pub next: Option<(Operation, PathBuf)>,
    image: Image,
    unit: usize,
    under_way: Vec<UnderWay>,
}

impl Moment {
    /// A new, independent machine with what a power cut in this moment leaves on the disk.
    pub fn crashed(&self, choice: &mut dyn Choice) -> FileSystem {
        FileSystem::of(State::new(self.image.crashed(choice), self.unit, 0))
    }

    /// A new, independent machine on which only the process ends in this moment, and everything else goes on: readers see
    /// what was not durable yet, and a later power cut may still take it.
    pub fn ended(&self, choice: &mut dyn Choice) -> FileSystem {
        let mut state = State::new(self.image.clone(), self.unit, 0);
        state.under_way.clone_from(&self.under_way);
        state.end_process(choice);
        FileSystem::of(state)
    }

    /// How many sectors, lengths and names the power cut may keep or lose.
    pub fn pending(&self) -> usize {
        self.image.pending()
    }

    /// How many writes are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }
}

/// A write that goes on.
#[derive(Clone, Debug)]
struct UnderWay {
    disk: u64,
    ticket: u64,
    path: PathBuf,
    node: Node,
    offset: u64,
    length: u64,
    /// The numbers of the sectors that it changes.
    changed: Vec<u64>,
    is_durable: bool,
}

impl UnderWay {
    /// It does not end as it should: each of its sectors has got to the disk or not.
    fn tear(&self, image: &mut Image, choice: &mut dyn Choice) {
        let Ok(stored) = image.file_mut(self.node) else { return };
        for number in &self.changed {
            if choice.choose(2) == 0 {
                stored.content.take_back(*number);
            }
        }
    }

    /// It ends as it should.
    fn complete(&self, image: &mut Image) -> io::Result<()> {
        let stored = image.file_mut(self.node)?;
        if self.is_durable {
            stored.content.sync_range(self.offset, self.length);
        }
        Ok(())
    }
}

/// A write that has ended: disk, ticket and the number of the error.
type Ended = (u64, u64, Option<i32>);

#[derive(Debug)]
struct State {
    image: Image,
    life: u64,
    unit: usize,
    /// What all files may have together, bytes.
    space: u64,
    /// In files whose paths have one of these in them there is none at all.
    refused: Vec<String>,
    faults: Faults,
    draws: Seeded,
    /// How many operations have begun: the machine's clock.
    changes: u64,
    /// How many handles have each file open.
    open: BTreeMap<Node, u32>,
    /// The handle that has each locked file.
    locked: BTreeMap<Node, u64>,
    handles: u64,
    under_way: Vec<UnderWay>,
    ended: Vec<Ended>,
    recorded: Option<Vec<Moment>>,
}

/// The simulated time after so many operations.
fn time(changes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(changes)
}

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl State {
    fn new(image: Image, unit: usize, seed: u64) -> State {
        State {
            image,
            life: 0,
            unit,
            space: u64::MAX,
            refused: Vec::new(),
            faults: Faults::default(),
            draws: Seeded::new(seed),
            changes: 0,
            open: BTreeMap::new(),
            locked: BTreeMap::new(),
            handles: 0,
            under_way: Vec::new(),
            ended: Vec::new(),
            recorded: None,
        }
    }

    fn moment(&self, next: Option<(Operation, PathBuf)>) -> Moment {
        Moment { next, image: self.image.clone(), unit: self.unit, under_way: self.under_way.clone() }
    }

    /// The process ends: its writes that are under way end or are torn, and nothing is open or locked any more.
    fn end_process(&mut self, choice: &mut dyn Choice) {
        for write in std::mem::take(&mut self.under_way) {
            let is_complete = choice.choose(2) == 1 && write.complete(&mut self.image).is_ok();
            if !is_complete {
                write.tear(&mut self.image, choice);
            }
        }
        self.ended.clear();
        self.open.clear();
        self.locked.clear();
        self.sweep();
        self.life += 1;
    }

    /// Records the moment before an operation, if moments are recorded, and counts the operation. Returns whether it is to
    /// be done; `false`: a fault leaves it out.
    fn begin(&mut self, operation: Operation, path: &Path) -> io::Result<bool> {
        if self.recorded.is_some() {
            let moment = self.moment(Some((operation, path.to_owned())));
            self.recorded.get_or_insert_default().push(moment);
        }
        self.changes += 1;
        if matches!(operation, Operation::Create | Operation::Write) && self.is_refused(path) {
            return Err(error(libc::ENOSPC));
        }
        match self.faults.meet(operation) {
            None => Ok(true),
            Some(Effect::IsLeftOut) => Ok(false),
            Some(Effect::Fails(number)) => Err(error(number)),
        }
    }

    fn is_refused(&self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        self.refused.iter().any(|refused| path.contains(refused.as_str()))
    }

    /// Refuses a file to grow beyond the space that there is.
    fn take_space(&self, node: Node, end: u64) -> io::Result<()> {
        if self.space == u64::MAX {
            return Ok(());
        }
        let length = self.image.file(node)?.content.length();
        let used = if end > length { self.used_bytes().saturating_add(end - length) } else { 0 };
        if used > self.space { Err(error(libc::ENOSPC)) } else { Ok(()) }
    }

    fn used_bytes(&self) -> u64 {
        self.image.used_bytes(|node| self.open.contains_key(&node))
    }

    fn sweep(&mut self) {
        let (image, open) = (&mut self.image, &self.open);
        image.sweep(|node| open.contains_key(&node));
    }

    /// Returns the numbers of the sectors that are changed. A disk that becomes full takes the bytes for which it has space.
    fn write(&mut self, node: Node, bytes: &[u8], offset: u64) -> io::Result<Vec<u64>> {
        let taken = self.take_space(node, offset + bytes.len() as u64);
        let fits = if taken.is_ok() { bytes.len() } else { self.fitting(node, bytes.len(), offset)? };
        let written = self.write_part(node, &bytes[..fits], offset)?;
        taken.map(|()| written)
    }

    /// How many of these bytes there is space for.
    fn fitting(&self, node: Node, bytes: usize, offset: u64) -> io::Result<usize> {
        let length = self.image.file(node)?.content.length();
        let end = length.saturating_add(self.space.saturating_sub(self.used_bytes()));
        Ok(bytes.min(usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX)))
    }

    fn write_part(&mut self, node: Node, bytes: &[u8], offset: u64) -> io::Result<Vec<u64>> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let changed = self.changes;
        let stored = self.image.file_mut(node)?;
        stored.changed = changed;
        Ok(stored.content.write(bytes, offset))
    }
}

impl FileSystem {
    /// An empty one. The seed decides what is left to chance where the caller gives no choice: which write completes, and
    /// what a failed sync keeps.
    pub fn new(seed: u64) -> FileSystem {
        FileSystem::of(State::new(Image::new(), UNIT, seed))
    }

    fn of(state: State) -> FileSystem {
        FileSystem { life: state.life, shared: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if the process that had this handle has not ended.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.life == self.life { Ok(state) } else { Err(error(libc::EIO)) }
    }

    /// Sets what direct writes are aligned and padded to, a power of two from 512 on.
    pub fn set_unit(&self, bytes: usize) {
        self.lock().unit = bytes;
    }

    /// Sets how many bytes all files may have together.
    pub fn set_space(&self, bytes: u64) {
        self.lock().space = bytes;
    }

    /// From here on there is no space for what is written to files whose paths have one of these in them; `&[]`: there is for
    /// all.
    pub fn refuse_space(&self, paths: &[&str]) {
        self.lock().refused = paths.iter().map(|path| (*path).to_owned()).collect();
    }

    pub fn add_fault(&self, fault: Fault) {
        self.lock().faults.add(fault);
    }

    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Cuts the power. Returns the machine as it starts again; this handle and what was opened by it are of no use any more.
    pub fn crash(&self, choice: &mut dyn Choice) -> FileSystem {
        let mut state = self.lock();
        let image = state.image.crashed(choice);
        let (life, handles) = (state.life + 1, state.handles);
        let recorded = state.recorded.take();
        let next = State { life, handles, recorded, ..State::new(image, state.unit, state.draws.draw()) };
        *state = State { space: state.space, ..next };
        drop(state);
        FileSystem { shared: Arc::clone(&self.shared), life }
    }

    /// Ends the process, and the power stays on: what was not durable stays as it is, for a start to read and for a later
    /// power cut to take, and faults and space stay too. Writes under way end, or get to the disk in part. Returns the machine
    /// for the next process; this handle and what was opened by it are of no use any more.
    pub fn end_process(&self, choice: &mut dyn Choice) -> FileSystem {
        let mut state = self.lock();
        state.end_process(choice);
        let life = state.life;
        drop(state);
        FileSystem { shared: Arc::clone(&self.shared), life }
    }

    /// The disk as it is.
    pub fn moment(&self) -> Moment {
        self.lock().moment(None)
    }

    /// A new, independent machine with what a power cut would leave on the disk as it is.
    pub fn crashed(&self, choice: &mut dyn Choice) -> FileSystem {
        let state = self.lock();
        FileSystem::of(State::new(state.image.crashed(choice), state.unit, 0))
    }

    /// A number of all that is on the disk and of what a power cut may take: the same for the same.
    pub fn digest(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        self.lock().image.hash(&mut hasher);
        hasher.finish()
    }

    /// Keeps the moment before each operation from now on.
    pub fn record(&self) {
        self.lock().recorded = Some(Vec::new());
    }

    /// How many moments are kept.
    pub fn recorded_count(&self) -> usize {
        self.lock().recorded.as_ref().map_or(0, Vec::len)
    }

    /// Hands out the moments that were kept, and keeps no more.
    pub fn take_recorded(&self) -> Vec<Moment> {
        self.lock().recorded.take().unwrap_or_default()
    }

    /// How many writes are under way.
    pub fn under_way(&self) -> usize {
        self.lock().under_way.len()
    }

    /// Ends one of the writes that are under way, the `index`-th.
    ///
    /// # Panics
    /// If so many are not under way.
    pub fn complete(&self, index: usize) {
        let mut state = self.lock();
        let write = state.under_way.remove(index);
        let begun = state.begin(Operation::Complete, &write.path);
        let State { image, draws, .. } = &mut *state;
        let outcome = match begun {
            Ok(true) => write.complete(image),
            Ok(false) => Ok(()),
            Err(error) => {
                write.tear(image, draws);
                Err(error)
            }
        };
        let number = outcome.err().map(|error| error.raw_os_error().unwrap_or(libc::EIO));
        state.ended.push((write.disk, write.ticket, number));
    }

    /// Ends one of a disk's writes, if there are any; the seed decides which.
    pub(super) fn complete_one_of(&self, disk: u64) {
        let mut state = self.lock();
        let of_disk = (0..state.under_way.len()).filter(|index| state.under_way[*index].disk == disk);
        let of_disk: Vec<usize> = of_disk.collect();
        if of_disk.is_empty() {
            return;
        }
        let chosen = of_disk[state.draws.choose(of_disk.len())];
        drop(state);
        self.complete(chosen);
    }

    /// Draws a number.
    pub fn draw(&self) -> u64 {
        self.lock().draws.draw()
    }

    /// A number that no other handle has.
    pub(super) fn number(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        state.handles += 1;
        Ok(state.handles)
    }

    /// Starts a write: from now on a crash may keep any of its sectors.
    pub(super) fn submit(
        &self,
        (disk, ticket): (u64, u64),
        (node, path): (Node, &Path),
        (bytes, offset): (&[u8], u64),
        is_durable: bool,
    ) -> io::Result<()> {
        let mut state = self.state()?;
        let is_done = state.begin(Operation::Submit, path)?;
        let changed = if is_done { state.write(node, bytes, offset)? } else { Vec::new() };
        let (path, length) = (path.to_owned(), bytes.len() as u64);
        state.under_way.push(UnderWay { disk, ticket, path, node, offset, length, changed, is_durable });
        Ok(())
    }

    /// The writes of a disk that have ended: ticket and outcome.
    pub(super) fn take_ended(&self, disk: u64) -> io::Result<Vec<(u64, io::Result<()>)>> {
        let mut state = self.state()?;
        if state.ended.is_empty() {
            return Ok(Vec::new());
        }
        let (of_disk, others): (Vec<Ended>, Vec<Ended>) = state.ended.drain(..).partition(|ended| ended.0 == disk);
        state.ended = others;
        Ok(of_disk
            .into_iter()
            .map(|(_, ticket, number)| (ticket, number.map_or(Ok(()), |number| Err(error(number)))))
            .collect())
    }

    pub(super) fn has_ended(&self, disk: u64) -> io::Result<bool> {
        Ok(self.state()?.ended.iter().any(|ended| ended.0 == disk))
    }

    /// Finds or makes what is to be opened; it counts as open until [`close`](Self::close).
    pub(super) fn open(&self, path: &Path, access: Access) -> io::Result<Node> {
        let mut state = self.state()?;
        let found = state.image.find(path);
        let is_missing = found.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let makes = matches!(access, Access::Keep | Access::Replace | Access::New { .. });
        let node = match found {
            Ok(_) if matches!(access, Access::New { .. }) => return Err(error(libc::EEXIST)),
            Ok(node) if state.image.is_directory(node) && access != Access::Read => return Err(error(libc::EISDIR)),
            Ok(node) => node,
            Err(_) if is_missing && makes => {
                // Whether it is left out does not matter here: a file that was not created cannot be opened.
                state.begin(Operation::Create, path)?;
                state.image.create_file(path)?
            }
            Err(error) => return Err(error),
        };
        if access == Access::Replace && state.image.file(node)?.content.length() > 0 {
            state.begin(Operation::SetLength, path)?;
            state.image.file_mut(node)?.content.set_length(0);
        }
        *state.open.entry(node).or_default() += 1;
        Ok(node)
    }

    /// An open file goes, and the lock that this handle has on it.
    pub(super) fn close(&self, node: Node, handle: u64) {
        let Ok(mut state) = self.state() else { return };
        let count = state.open.entry(node).or_default();
        *count = count.saturating_sub(1);
        if *count == 0 {
            state.open.remove(&node);
            state.image.give_back(node);
        }
        if state.locked.get(&node) == Some(&handle) {
            state.locked.remove(&node);
        }
    }

    /// Takes the lock for this handle if it is free. Returns whether this handle has it.
    pub(super) fn try_lock(&self, node: Node, handle: u64) -> io::Result<bool> {
        Ok(*self.state()?.locked.entry(node).or_insert(handle) == handle)
    }

    pub(super) fn read_at(&self, node: Node, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.state()?.image.file(node)?.content.read(bytes, offset))
    }

    /// The whole content of a file.
    pub(super) fn read(&self, node: Node) -> io::Result<Arc<[u8]>> {
        Ok(self.state()?.image.file(node)?.content.bytes())
    }

    pub(super) fn write_at(&self, node: Node, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state()?;
        match state.begin(Operation::Write, path) {
            Ok(true) => state.write(node, bytes, offset).map(|_| ()),
            Ok(false) => Ok(()),
            Err(error) => {
                // A write that fails may have done a part.
                let part = state.draws.choose(bytes.len() + 1);
                state.write(node, &bytes[..part], offset)?;
                Err(error)
            }
        }
    }

    pub(super) fn length(&self, node: Node) -> io::Result<u64> {
        Ok(self.state()?.image.file(node)?.content.length())
    }

    pub(super) fn set_length(&self, node: Node, path: &Path, bytes: u64) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin(Operation::SetLength, path)? {
            state.take_space(node, bytes)?;
            let changed = state.changes;
            let stored = state.image.file_mut(node)?;
            stored.content.set_length(bytes);
            stored.changed = changed;
        }
        Ok(())
    }

    /// Makes a file's content durable, or a directory's names.
    pub(super) fn sync(&self, node: Node, path: &Path) -> io::Result<()> {
        let mut state = self.state()?;
        let is_directory = state.image.is_directory(node);
        let operation = if is_directory { Operation::SyncDirectory } else { Operation::SyncFile };
        let begun = state.begin(operation, path);
        let State { image, draws, .. } = &mut *state;
        match begun {
            Ok(true) if is_directory => {
                image.names_mut(node)?.sync();
                state.sweep();
            }
            Ok(true) => image.file_mut(node)?.content.sync(),
            Ok(false) => {}
            Err(error) if is_directory => {
                image.names_mut(node)?.lose_pending(draws);
                return Err(error);
            }
            Err(error) => {
                image.file_mut(node)?.content.lose_pending(draws);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn link_count(&self, node: Node) -> io::Result<u32> {
        Ok(self.state()?.image.link_count(node))
    }

    pub(super) fn is_last_use(&self, node: Node) -> io::Result<bool> {
        let state = self.state()?;
        Ok(state.image.link_count(node) == 0 && state.open.get(&node) == Some(&1))
    }

    pub(super) fn unit(&self) -> io::Result<usize> {
        Ok(self.state()?.unit)
    }

    pub(super) fn identity_of(node: Node) -> Identity {
        (0, 0, node)
    }

    pub(in crate::io) fn identity(&self, path: &Path) -> io::Result<Identity> {
        Ok(Self::identity_of(self.state()?.image.find(path)?))
    }

    pub(in crate::io) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.state()?;
        let node = state.image.find(path)?;
        let is_directory = state.image.is_directory(node);
        let (bytes, changed) = match is_directory {
            true => (0, 0),
            false => {
                let stored = state.image.file(node)?;
                (stored.content.length(), stored.changed)
            }
        };
        Ok(Metadata { is_directory, bytes, modified: time(changed) })
    }

    pub(in crate::io) fn now(&self) -> SystemTime {
        time(self.lock().changes)
    }

    pub(in crate::io) fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state()?;
        let names = state.image.names(state.image.find(directory)?)?;
        Ok(names.iter().map(|(name, _)| name.clone()).collect())
    }

    pub(in crate::io) fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin(Operation::Create, path)? {
            state.image.create_directory(path)?;
        }
        Ok(())
    }

    pub(in crate::io) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin(Operation::Rename, to)? {
            state.image.rename(from, to)?;
        }
        Ok(())
    }

    pub(in crate::io) fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin(Operation::Unlink, path)? {
            state.image.unlink(path)?;
        }
        Ok(())
    }

    pub(in crate::io) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state()?;
        if state.begin(Operation::Unlink, path)? {
            state.image.remove_directory(path)?;
        }
        Ok(())
    }

    pub(in crate::io) fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state()?;
        Ok(state.space.saturating_sub(state.used_bytes()))
    }
}
