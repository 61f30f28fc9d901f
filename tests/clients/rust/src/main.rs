//! What people do with the crate zookeeper-client, step by step; the test restarts the server when this prints RESTART.
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;
use zookeeper_client::{
    Acl, Acls, AuthId, Client, CreateMode, CreateOptions, Error, EventType, MultiWriteError, MultiWriteResult,
    OneshotWatcher, Permission, SessionState,
};

type Failure = Box<dyn std::error::Error>;

const PATIENCE: Duration = Duration::from_secs(30);
const PERSISTENT: &CreateOptions<'static> = &CreateMode::Persistent.with_acls(Acls::anyone_all());
const SEQUENTIAL: &CreateOptions<'static> = &CreateMode::PersistentSequential.with_acls(Acls::anyone_all());
const EPHEMERAL: &CreateOptions<'static> = &CreateMode::Ephemeral.with_acls(Acls::anyone_all());
const EPHEMERAL_SEQUENTIAL: &CreateOptions<'static> = &CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
const CREATOR_ALL: &CreateOptions<'static> = &CreateMode::Persistent.with_acls(Acls::creator_all());

async fn connect(hosts: &str) -> Result<Client, Error> {
    Client::connector().with_session_timeout(Duration::from_secs(20)).connect(hosts).await
}

fn step(name: &str) {
    println!("ok: {name}");
}

async fn expect(watcher: OneshotWatcher, kind: EventType, path: &str) -> Result<(), Failure> {
    let event = timeout(PATIENCE, watcher.changed()).await?;
    assert_eq!((event.event_type, event.path.as_str()), (kind, path));
    Ok(())
}

async fn crud(zk: &Client) -> Result<(), Failure> {
    zk.create("/rust", b"", PERSISTENT).await?;
    let (made, _) = zk.create("/rust/crud", b"one", PERSISTENT).await?;
    assert_eq!(zk.get_data("/rust/crud").await?, (b"one".to_vec(), made));
    assert_eq!((made.version, made.data_length, made.czxid), (0, 3, made.mzxid));
    assert_eq!(zk.set_data("/rust/crud", b"two", Some(0)).await?.version, 1);
    assert_eq!(zk.set_data("/rust/crud", b"three", Some(0)).await, Err(Error::BadVersion));
    assert_eq!(zk.create("/rust/crud", b"", PERSISTENT).await.err(), Some(Error::NodeExists));
    assert_eq!(zk.delete("/rust", None).await, Err(Error::NotEmpty));
    let (names, parent) = zk.get_children("/rust").await?;
    assert_eq!((names, parent.num_children, parent.cversion), (vec!["crud".to_string()], 1, 1));
    zk.delete("/rust/crud", Some(1)).await?;
    assert_eq!(zk.check_stat("/rust/crud").await?, None);
    assert_eq!(zk.get_data("/rust/crud").await.err(), Some(Error::NoNode));
    zk.sync("/rust").await?;
    step("create, read, update, delete");
    Ok(())
}

async fn ephemeral(zk: &Client, hosts: &str) -> Result<(), Failure> {
    let other = connect(hosts).await?;
    let owner = other.session_id().0;
    zk.create("/rust/queue", b"", PERSISTENT).await?;
    for (number, client) in [zk, zk, &other].into_iter().enumerate() {
        let (_, sequence) = client.create("/rust/queue/n-", b"", EPHEMERAL_SEQUENTIAL).await?;
        assert_eq!(sequence.to_string(), format!("{number:010}"));
    }
    let last = "/rust/queue/n-0000000002";
    zk.sync(last).await?; // What the other session has done is seen from here on, at any server.
    let (stat, gone) = zk.check_and_watch_stat(last).await?;
    assert_eq!(stat.map(|stat| stat.ephemeral_owner), Some(owner));
    let below = zk.create("/rust/queue/n-0000000000/x", b"", PERSISTENT).await;
    assert_eq!(below.err(), Some(Error::NoChildrenForEphemerals));
    drop(other);
    expect(gone, EventType::NodeDeleted, last).await?;
    assert_eq!(zk.list_children("/rust/queue").await?.len(), 2);
    step("ephemeral and sequential");
    Ok(())
}

async fn watches(zk: &Client, hosts: &str) -> Result<(), Failure> {
    let other = connect(hosts).await?;
    let (_, created) = zk.check_and_watch_stat("/rust/watched").await?;
    other.create("/rust/watched", b"1", PERSISTENT).await?;
    expect(created, EventType::NodeCreated, "/rust/watched").await?;
    let (_, _, changed) = zk.get_and_watch_data("/rust/watched").await?;
    let (_, children) = zk.list_and_watch_children("/rust/watched").await?;
    other.set_data("/rust/watched", b"2", None).await?;
    expect(changed, EventType::NodeDataChanged, "/rust/watched").await?;
    other.create("/rust/watched/child", b"", PERSISTENT).await?;
    expect(children, EventType::NodeChildrenChanged, "/rust/watched").await?;
    let (_, _, deleted) = zk.get_and_watch_children("/rust/watched/child").await?;
    other.delete("/rust/watched/child", None).await?;
    expect(deleted, EventType::NodeDeleted, "/rust/watched/child").await?;
    step("watches");
    Ok(())
}

async fn multi(zk: &Client) -> Result<(), Failure> {
    let mut writer = zk.new_multi_writer();
    writer.add_create("/rust/multi", b"a", PERSISTENT)?;
    writer.add_set_data("/rust/multi", b"b", Some(0))?;
    writer.add_check_version("/rust/multi", 1)?;
    writer.add_create("/rust/multi/n-", b"", SEQUENTIAL)?;
    let results = writer.commit().await?;
    assert!(matches!(&results[1], MultiWriteResult::SetData { stat } if stat.version == 1), "{results:?}");
    assert!(matches!(&results[3], MultiWriteResult::Create { path, .. } if path == "/rust/multi/n-0000000000"));
    let mut writer = zk.new_multi_writer();
    writer.add_set_data("/rust/multi", b"never", None)?;
    writer.add_check_version("/rust/multi", 7)?;
    writer.add_delete("/rust/multi/n-0000000000", None)?;
    let failed = MultiWriteError::OperationFailed { index: 1, source: Error::BadVersion };
    assert_eq!(writer.commit().await, Err(failed));
    let (data, stat) = zk.get_data("/rust/multi").await?;
    assert_eq!((data.as_slice(), stat.version, stat.num_children), (b"b".as_slice(), 1, 1));
    step("multi");
    Ok(())
}

async fn acl(zk: &Client, hosts: &str) -> Result<(), Failure> {
    let owner = connect(hosts).await?;
    owner.auth("digest", b"owner:secret").await?;
    owner.create("/rust/mine", b"x", CREATOR_ALL).await?;
    zk.sync("/rust/mine").await?;
    assert_eq!(zk.get_data("/rust/mine").await.err(), Some(Error::NoAuth));
    assert_eq!(zk.set_data("/rust/mine", b"y", None).await, Err(Error::NoAuth));
    assert_eq!(zk.create("/rust/bad", b"", CREATOR_ALL).await.err(), Some(Error::InvalidAcl));
    let (mut entries, stat) = owner.get_acl("/rust/mine").await?;
    assert_eq!((entries.len(), entries[0].scheme(), entries[0].permission()), (1, "digest", Permission::ALL));
    assert!(entries[0].id().starts_with("owner:"), "{entries:?}");
    entries.push(Acl::new(Permission::READ, AuthId::anyone()));
    assert_eq!(owner.set_acl("/rust/mine", &entries, Some(stat.aversion)).await?.aversion, 1);
    zk.sync("/rust/mine").await?;
    assert_eq!(zk.get_data("/rust/mine").await?.0, b"x");
    assert_eq!(zk.set_data("/rust/mine", b"y", None).await, Err(Error::NoAuth));
    zk.auth("digest", b"owner:secret").await?;
    zk.set_data("/rust/mine", b"y", None).await?;
    step("ACL with digest");
    Ok(())
}

async fn restart(zk: &Client) -> Result<(), Failure> {
    let session = zk.session_id().0;
    zk.create("/rust/alive", b"before", EPHEMERAL).await?;
    let (_, _, armed) = zk.get_and_watch_data("/rust/alive").await?;
    let mut states = zk.state_watcher();
    println!("RESTART");
    let mut line = String::new();
    tokio::io::BufReader::new(tokio::io::stdin()).read_line(&mut line).await?;
    assert_eq!(line.trim(), "restarted");
    // The state may have gone down and up again before it is looked at, so only the return is waited for.
    while states.state() != SessionState::SyncConnected {
        timeout(PATIENCE, states.changed()).await?;
    }
    let read = async {
        loop {
            match zk.get_data("/rust/alive").await {
                Err(Error::ConnectionLoss) => {}
                answer => return answer,
            }
        }
    };
    let (data, stat) = timeout(PATIENCE, read).await??;
    assert_eq!((data.as_slice(), stat.ephemeral_owner, zk.session_id().0), (b"before".as_slice(), session, session));
    // setWatches has put the watch on the new connection.
    zk.set_data("/rust/alive", b"after", Some(0)).await?;
    expect(armed, EventType::NodeDataChanged, "/rust/alive").await?;
    zk.set_data("/rust/mine", b"z", None).await?; // Credentials are sent again on every connection.
    step("same session and watch after a restart");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hosts = std::env::args().nth(1).ok_or("usage: session HOST:PORT")?;
    let zk = connect(&hosts).await?;
    crud(&zk).await?;
    ephemeral(&zk, &hosts).await?;
    watches(&zk, &hosts).await?;
    multi(&zk).await?;
    acl(&zk, &hosts).await?;
    restart(&zk).await?;
    println!("DONE");
    Ok(())
}
