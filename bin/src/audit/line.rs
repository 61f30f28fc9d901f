//! Lines of the audit log, in ZooKeeper's form: a head of time, level and name, and pairs `key=value` between tabs, in a
//! fixed order, of which those without a value are left out. The result comes last.
//!
//! ```text
//! 2026-03-03 08:14:05,221 INFO o.a.z.a.Slf4jAuditLogger: session=0x1000a2b3c4d0007<tab>user=10.4.7.19<tab>...
//! ```
//!
//! Two things differ from 3.9.5. Times are UTC. And values have neither control characters nor line ends, which are written
//! as `\t`, `\n` or `\u{..}`: paths that are refused, names of users and ACLs are as clients have written them, and nobody is
//! to forge a line or a pair.

use std::fmt::Write;
use std::time::SystemTime;

use super::record::{Action, Record};
use super::users;
use crate::date;

/// As the pattern of ZooKeeper's own logback.xml shortens the name of its class.
const NAME: &str = "o.a.z.a.Slf4jAuditLogger";

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";
const INVOKED: &str = "invoked";

/// What happens to a server as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerEvent {
    Started,
    /// It cannot start.
    NotStarted,
    /// It is told to stop, or has to.
    Stopping,
}

/// Writes lines of one moment.
pub struct Lines<'a> {
    /// The time as it is in each line.
    time: String,
    /// The user whose process the server is.
    server_user: &'a str,
    text: String,
}

impl<'a> Lines<'a> {
    pub fn new(at: SystemTime, server_user: &'a str) -> Lines<'a> {
        Lines { time: date::logback(at), server_user, text: String::new() }
    }

    /// What is written, whole lines; whoever has taken them out clears it.
    pub fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// The line of one action of a client's request. `users` are its [names](users::names).
    pub fn action(&mut self, record: &Record, users: Option<&str>, action: &Action) {
        let Action { operation, path, znode_type, acl, succeeds } = action;
        let result = if *succeeds { SUCCESS } else { FAILURE };
        let session = format!("0x{:x}", record.session);
        let ip = users::address(&record.ids);
        self.line(
            &[
                ("session", Some(&*session)),
                ("user", users),
                ("ip", Some(ip)),
                ("operation", Some(*operation)),
                ("znode", path.as_deref()),
                ("znode_type", *znode_type),
                ("acl", acl.as_deref()),
            ],
            result,
        );
    }

    /// An ephemeral has gone with its session.
    pub fn ephemeral(&mut self, session: i64, path: &str) {
        let (session, user) = (format!("0x{session:x}"), self.server_user);
        let operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
        let pairs =
            [("session", Some(&*session)), ("user", Some(user)), ("operation", Some(operation)), ("znode", Some(path))];
        self.line(&pairs, SUCCESS);
    }

    pub fn server(&mut self, event: ServerEvent) {
        let (operation, result) = match event {
            ServerEvent::Started => ("serverStart", SUCCESS),
            ServerEvent::NotStarted => ("serverStart", FAILURE),
            ServerEvent::Stopping => ("serverStop", INVOKED),
        };
        self.line(&[("user", Some(self.server_user)), ("operation", Some(operation))], result);
    }

    /// So many lines are missing here.
    pub fn lost(&mut self, count: u64) {
        let count = count.to_string();
        let user = self.server_user;
        self.line(&[("user", Some(user)), ("operation", Some("auditLoss")), ("lines", Some(&*count))], FAILURE);
    }

    fn line(&mut self, pairs: &[(&str, Option<&str>)], result: &str) {
        let level = if result == FAILURE { "ERROR" } else { "INFO" };
        // Writing to a String does not fail.
        let _ = write!(self.text, "{} {level} {NAME}: ", self.time);
        for (key, value) in pairs {
            if let Some(value) = value {
                self.text.push_str(key);
                self.text.push('=');
                push_value(value, &mut self.text);
                self.text.push('\t');
            }
        }
        self.text.push_str("result=");
        self.text.push_str(result);
        self.text.push('\n');
    }
}

/// Appends a value in which nothing ends a pair, a line, or the patience of a terminal.
fn push_value(value: &str, out: &mut String) {
    let is_foreign = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    if !value.contains(is_foreign) {
        return out.push_str(value);
    }
    for char in value.chars() {
        if is_foreign(char) { out.extend(char.escape_default()) } else { out.push(char) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use paddock_engine::acl::Id;

    use super::{Action, Lines, Record, ServerEvent, users};

    const HEAD: &str = "1970-01-01 00:00:01,007 INFO o.a.z.a.Slf4jAuditLogger: ";
    const ERROR_HEAD: &str = "1970-01-01 00:00:01,007 ERROR o.a.z.a.Slf4jAuditLogger: ";

    fn lines(write: impl FnOnce(&mut Lines<'_>)) -> String {
        let mut lines = Lines::new(SystemTime::UNIX_EPOCH + Duration::from_millis(1007), "zookeeper");
        write(&mut lines);
        lines.text
    }

    fn action(operation: &'static str, path: Option<&str>, succeeds: bool) -> Action {
        Action { operation, path: path.map(Box::from), znode_type: None, acl: None, succeeds }
    }

    fn record(actions: Vec<Action>) -> Record {
        let ids = Arc::from([Id { scheme: "ip".into(), id: "10.4.7.19".into() }]);
        Record { session: 0x1000_a2b3_c4d0_0007, ids, actions }
    }

    /// The line of a client's action.
    fn line(action: Action) -> String {
        let record = record(vec![action]);
        let users = users::names(&record.ids);
        lines(|lines| lines.action(&record, users.as_deref(), &record.actions[0]))
    }

    #[test]
    fn pairs_come_in_their_order_and_those_without_a_value_not_at_all() {
        let who = "session=0x1000a2b3c4d00007\tuser=10.4.7.19\tip=10.4.7.19";
        let created = Action { znode_type: Some("ephemeral"), ..action("create", Some("/app/leader"), true) };
        let acl_set = Action { acl: Some("world:anyone:cdrwa".into()), ..action("setAcl", Some("/a"), true) };
        for (action, expected) in [
            (
                created,
                format!("{HEAD}{who}\toperation=create\tznode=/app/leader\tznode_type=ephemeral\tresult=success\n"),
            ),
            (acl_set, format!("{HEAD}{who}\toperation=setAcl\tznode=/a\tacl=world:anyone:cdrwa\tresult=success\n")),
            (
                action("delete", Some("/a"), false),
                format!("{ERROR_HEAD}{who}\toperation=delete\tznode=/a\tresult=failure\n"),
            ),
            (
                action("multiOperation", None, false),
                format!("{ERROR_HEAD}{who}\toperation=multiOperation\tresult=failure\n"),
            ),
        ] {
            assert_eq!(line(action), expected);
        }
    }

    #[test]
    fn a_client_without_names_has_no_user_and_a_negative_session_is_written_as_java_does() {
        let record = Record { session: -2, ids: Arc::from([]), actions: vec![action("delete", Some("/a"), true)] };
        let told = lines(|lines| lines.action(&record, None, &record.actions[0]));
        assert_eq!(
            told,
            format!("{HEAD}session=0xfffffffffffffffe\tip=\toperation=delete\tznode=/a\tresult=success\n")
        );
    }

    #[test]
    fn what_the_server_does() {
        let told = lines(|lines| {
            lines.server(ServerEvent::Started);
            lines.ephemeral(7, "/a");
            lines.lost(3);
            lines.server(ServerEvent::Stopping);
            lines.server(ServerEvent::NotStarted);
        });
        let operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
        let expected = [
            format!("{HEAD}user=zookeeper\toperation=serverStart\tresult=success"),
            format!("{HEAD}session=0x7\tuser=zookeeper\toperation={operation}\tznode=/a\tresult=success"),
            format!("{ERROR_HEAD}user=zookeeper\toperation=auditLoss\tlines=3\tresult=failure"),
            format!("{HEAD}user=zookeeper\toperation=serverStop\tresult=invoked"),
            format!("{ERROR_HEAD}user=zookeeper\toperation=serverStart\tresult=failure"),
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nobody_forges_a_line_or_a_pair() {
        for (path, written) in [
            ("/a\tresult=success\n2026 INFO", "/a\\tresult=success\\n2026 INFO"),
            ("/a\r\u{b}\u{85}\u{2028}\u{1b}[2J", "/a\\r\\u{b}\\u{85}\\u{2028}\\u{1b}[2J"),
            ("/a=b c,\u{e4}\\t", "/a=b c,\u{e4}\\t"),
        ] {
            let told = line(action("delete", Some(path), true));
            assert_eq!(told.split('\t').nth(4), Some(&*format!("znode={written}")), "{path:?}");
            assert_eq!(told.lines().count(), 1);
        }
    }
}
