//! ZooKeeper's operations, each by one request and its answer. Paths are the client's own: below its chroot.

use std::time::Duration;

use paddock_engine::acl::Entry;
use paddock_engine::jute::Malformed;

use super::code;
use super::failure::Failure;
use super::handle::{Client, Ticket};
use super::path_rule;
use super::reply::{self, Reply};
use super::request::{AddWatchMode, Registration, Request, WatcherType};
use super::stat::ShownStat;

/// How long a sync may take.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);
/// The members of an ensemble, outside of any chroot.
const CONFIG_NODE: &str = "/zookeeper/config";
/// The modes in which a number is added to the name.
const SEQUENTIAL: [i32; 3] = [2, 3, 6];

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Failure {
        Failure::Malformed
    }
}

/// What a create is to make.
#[derive(Clone, Debug)]
pub struct Creation<'a> {
    pub path: &'a str,
    pub data: Option<&'a [u8]>,
    pub acl: &'a [Entry],
    /// ZooKeeper's number of the mode.
    pub flags: i32,
    /// Milliseconds.
    pub ttl: Option<i64>,
}

/// The children of a znode whose answer is awaited.
pub struct ChildrenTicket {
    ticket: Ticket,
    path: String,
}

impl ChildrenTicket {
    pub fn wait(self) -> Result<(Vec<String>, ShownStat), Failure> {
        let reply = succeeded(self.ticket.wait()?, &self.path)?;
        Ok(reply::children(&reply.record)?)
    }
}

/// A change whose answer is awaited.
pub struct ChangeTicket {
    ticket: Ticket,
    path: String,
}

impl ChangeTicket {
    pub fn wait(self) -> Result<(), Failure> {
        succeeded(self.ticket.wait()?, &self.path).map(drop)
    }
}

/// Deletions in one multi whose answer is awaited.
pub struct DeletionsTicket(Ticket);

impl DeletionsTicket {
    /// Whether all of them were made; otherwise none was.
    pub fn wait(self) -> Result<bool, Failure> {
        let reply = self.0.wait()?;
        Ok(reply.code == code::OK && reply::first_failure(&reply.record)? == code::OK)
    }
}

/// A znode's data and list whose answers are awaited.
pub struct ContentTicket {
    data: Ticket,
    acl: Ticket,
    path: String,
}

/// All that a znode holds, but for its children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    pub data: Option<Vec<u8>>,
    pub acl: Vec<Entry>,
    pub stat: ShownStat,
}

impl ContentTicket {
    pub fn wait(self) -> Result<Content, Failure> {
        let (data, acl) = (self.data.wait()?, self.acl.wait()?);
        let (data, stat) = reply::data(&succeeded(data, &self.path)?.record)?;
        let (acl, _) = reply::acl(&succeeded(acl, &self.path)?.record)?;
        Ok(Content { data, acl, stat })
    }
}

impl Client {
    /// The path of the new znode.
    pub fn create(&self, creation: &Creation<'_>) -> Result<String, Failure> {
        let Creation { path, data, acl, flags, ttl } = *creation;
        let checked = match SEQUENTIAL.contains(&flags) {
            true => path_rule::check_sequential(path),
            false => path_rule::check(path),
        };
        checked.map_err(Failure::Argument)?;
        check_acl(acl)?;
        let request = Request::create(&self.chroot().server_path(path), data, acl, flags, ttl);
        let reply = succeeded(self.submit(request).wait()?, path)?;
        Ok(self.chroot().client_path(&reply::created(&reply.record)?))
    }

    pub fn delete(&self, path: &str, version: i32) -> Result<(), Failure> {
        check(path)?;
        let request = Request::delete(&self.deleted_path(path), version);
        succeeded(self.submit(request).wait()?, path).map(drop)
    }

    /// Deletes all of these or none, whatever version they have.
    pub fn begin_deletions(&self, paths: &[String]) -> DeletionsTicket {
        let paths: Vec<String> = paths.iter().map(|path| self.chroot().server_path(path)).collect();
        DeletionsTicket(self.submit(Request::delete_all(&paths)))
    }

    /// Nobody deletes the root, and neither the one that this client takes for it.
    fn deleted_path(&self, path: &str) -> String {
        if path == "/" { path.into() } else { self.chroot().server_path(path) }
    }

    /// `None` where there is no such znode.
    pub fn exists(&self, path: &str, watch: bool) -> Result<Option<ShownStat>, Failure> {
        check(path)?;
        let registration = watch.then(|| Registration::Exists(path.into()));
        let request = Request::exists(&self.chroot().server_path(path), watch).registering(registration);
        let reply = self.submit(request).wait()?;
        if reply.code == code::NO_NODE {
            return Ok(None);
        }
        let stat = reply::stat(&succeeded(reply, path)?.record)?;
        Ok(Some(stat).filter(|stat| stat.czxid != -1))
    }

    /// No data is `None`.
    pub fn get_data(&self, path: &str, watch: bool) -> Result<(Option<Vec<u8>>, ShownStat), Failure> {
        check(path)?;
        let registration = watch.then(|| Registration::Data(path.into()));
        let request = Request::get_data(&self.chroot().server_path(path), watch).registering(registration);
        let reply = succeeded(self.submit(request).wait()?, path)?;
        Ok(reply::data(&reply.record)?)
    }

    /// The members of the ensemble.
    pub fn get_config(&self, watch: bool) -> Result<(Option<Vec<u8>>, ShownStat), Failure> {
        let registration = watch.then(|| Registration::Data(CONFIG_NODE.into()));
        let request = Request::get_data(CONFIG_NODE, watch).registering(registration);
        let reply = succeeded(self.submit(request).wait()?, CONFIG_NODE)?;
        Ok(reply::data(&reply.record)?)
    }

    pub fn get_children(&self, path: &str, watch: bool) -> Result<(Vec<String>, ShownStat), Failure> {
        self.begin_get_children(path, watch)?.wait()
    }

    /// Asks for children, and does not wait.
    pub fn begin_get_children(&self, path: &str, watch: bool) -> Result<ChildrenTicket, Failure> {
        check(path)?;
        let registration = watch.then(|| Registration::Children(path.into()));
        let request = Request::get_children(&self.chroot().server_path(path), watch).registering(registration);
        Ok(ChildrenTicket { ticket: self.submit(request), path: path.into() })
    }

    /// The children, or nothing if the answer takes longer than this: for somebody who types.
    pub fn children_within(&self, path: &str, patience: Duration) -> Option<Vec<String>> {
        check(path).ok()?;
        let request = Request::get_children(&self.chroot().server_path(path), false);
        let reply = self.submit(request).wait_within(Some(patience)).ok()?;
        let reply = succeeded(reply, path).ok()?;
        reply::children(&reply.record).ok().map(|(names, _)| names)
    }

    pub fn set_data(&self, path: &str, data: &[u8], version: i32) -> Result<ShownStat, Failure> {
        check(path)?;
        let request = Request::set_data(&self.chroot().server_path(path), data, version);
        let reply = succeeded(self.submit(request).wait()?, path)?;
        Ok(reply::stat(&reply.record)?)
    }

    pub fn get_acl(&self, path: &str) -> Result<(Vec<Entry>, ShownStat), Failure> {
        check(path)?;
        let reply = succeeded(self.submit(Request::get_acl(&self.chroot().server_path(path))).wait()?, path)?;
        Ok(reply::acl(&reply.record)?)
    }

    pub fn set_acl(&self, path: &str, acl: &[Entry], version: i32) -> Result<ShownStat, Failure> {
        check(path)?;
        check_acl(acl)?;
        let request = Request::set_acl(&self.chroot().server_path(path), acl, version);
        let reply = succeeded(self.submit(request).wait()?, path)?;
        Ok(reply::stat(&reply.record)?)
    }

    /// Asks for all that a znode holds, and does not wait.
    pub fn begin_content(&self, path: &str) -> ContentTicket {
        let at = self.chroot().server_path(path);
        let data = self.submit(Request::get_data(&at, false));
        ContentTicket { data, acl: self.submit(Request::get_acl(&at)), path: path.into() }
    }

    /// Asks for a persistent znode, and does not wait. The path is one that there may be.
    pub fn begin_create(&self, path: &str, data: Option<&[u8]>, acl: &[Entry]) -> ChangeTicket {
        let request = Request::create(&self.chroot().server_path(path), data, acl, 0, None);
        ChangeTicket { ticket: self.submit(request), path: path.into() }
    }

    /// The code that says how it went; that of a timeout where no answer comes.
    pub fn sync(&self, path: &str) -> Result<i32, Failure> {
        check(path)?;
        let request = Request::sync(&self.chroot().server_path(path));
        Ok(self.submit(request).wait_within(Some(SYNC_PATIENCE))?.code)
    }

    /// The ephemerals of this session, by the server's paths, as ZooKeeper's client has them.
    pub fn get_ephemerals(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        check(prefix)?;
        let reply = self.submit(Request::get_ephemerals(prefix)).wait()?;
        Ok(reply::paths(&succeeded_nowhere(reply)?.record)?)
    }

    pub fn get_all_children_number(&self, path: &str) -> Result<i32, Failure> {
        check(path)?;
        let request = Request::get_all_children_number(&self.chroot().server_path(path));
        Ok(reply::number(&succeeded(self.submit(request).wait()?, path)?.record)?)
    }

    pub fn add_watch(&self, path: &str, mode: AddWatchMode) -> Result<(), Failure> {
        check(path)?;
        let registration = Some(Registration::Added(path.into(), mode));
        let request = Request::add_watch(&self.chroot().server_path(path), mode).registering(registration);
        succeeded(self.submit(request).wait()?, path).map(drop)
    }

    /// `local`: also where no server can be asked.
    pub fn remove_watches(&self, path: &str, kind: WatcherType, local: bool) -> Result<(), Failure> {
        check(path)?;
        let registration = Some(Registration::Removed { path: path.into(), kind, local });
        let request = Request::remove_watches(&self.chroot().server_path(path), kind).registering(registration);
        succeeded(self.submit(request).wait()?, path).map(drop)
    }

    /// The new configuration.
    pub fn reconfig(
        &self,
        joining: Option<&str>,
        leaving: Option<&str>,
        members: Option<&str>,
        version: i64,
    ) -> Result<(Option<Vec<u8>>, ShownStat), Failure> {
        let reply = self.submit(Request::reconfig(joining, leaving, members, version)).wait()?;
        Ok(reply::data(&succeeded(reply, "")?.record)?)
    }

    /// Schemes and users. There are none where the server does not know the question, as ZooKeeper's client has it.
    pub fn who_am_i(&self) -> Result<Vec<(String, String)>, Failure> {
        let reply = self.submit(Request::who_am_i()).wait()?;
        match reply.code {
            code::OK => Ok(reply::identities(&reply.record)?),
            _ => Ok(Vec::new()),
        }
    }
}

fn check(path: &str) -> Result<(), Failure> {
    path_rule::check(path).map_err(Failure::Argument)
}

/// A list without entries is none.
fn check_acl(acl: &[Entry]) -> Result<(), Failure> {
    if acl.is_empty() {
        return Err(Failure::Code { code: code::INVALID_ACL, path: None });
    }
    Ok(())
}

fn succeeded(reply: Reply, path: &str) -> Result<Reply, Failure> {
    if reply.code == code::OK { Ok(reply) } else { Err(Failure::of(reply.code, path)) }
}

fn succeeded_nowhere(reply: Reply) -> Result<Reply, Failure> {
    if reply.code == code::OK { Ok(reply) } else { Err(Failure::Code { code: reply.code, path: None }) }
}
