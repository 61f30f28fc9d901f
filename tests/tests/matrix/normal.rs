//! What two servers may say differently is brought to one form: the moments of changes, and the numbers of sessions.

use paddock_tests::client::{ClientError, Frame};
use paddock_tests::records::Stat;
use paddock_tests::reply::Body;

/// What came of it, in words that are compared and shown.
pub fn told(frame: Result<Frame, ClientError>) -> String {
    match frame {
        Ok(Frame::Reply(mut reply)) => {
            body(&mut reply.body);
            format!("{reply:?}")
        }
        // Servers are told of no zxid in events by ZooKeeper 3.9, and by some of its releases -1.
        Ok(Frame::Event(event)) => format!("event {} {}", event.kind, event.path),
        Err(ClientError::Closed) => "closed".to_owned(),
        Err(error) => format!("{error}"),
    }
}

fn body(body: &mut Body) {
    match body {
        Body::PathStat(_, found) | Body::Stat(found) | Body::Data(_, found) | Body::Acl(_, found) => stat(found),
        Body::NamesStat(names, found) => {
            names.iter_mut().for_each(|names| names.sort());
            stat(found);
        }
        Body::Names(names) => names.iter_mut().for_each(|names| names.sort()),
        Body::Multi(outcomes) => outcomes.iter_mut().for_each(|outcome| self::body(&mut outcome.body)),
        Body::None | Body::Path(_) | Body::Number(_) | Body::Clients(_) | Body::Token(_) => {}
    }
}

fn stat(stat: &mut Stat) {
    (stat.ctime, stat.mtime) = (0, 0);
    stat.ephemeral_owner = i64::from(stat.ephemeral_owner != 0);
}
