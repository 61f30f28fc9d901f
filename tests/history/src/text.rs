//! A history as text, one line for each event, so that it can be kept, read, and cut down by hand.
//!
//! ```text
//! paddock-history 1
//! connected FROM TO SESSION SERVER new|again TIMEOUT_MS
//! refused | disconnected | heard FROM TO SESSION SERVER
//! event FROM TO SESSION SERVER ZXID created|deleted|changed|children PATH
//! called FROM TO SESSION SERVER CXID OPERATION = unknown
//! called FROM TO SESSION SERVER CXID OPERATION = ZXID CODE BODY
//! txn ZXID SESSION CXID session | failed | OPERATION
//! log                           the transactions are all there are, even if there are none
//!
//! OPERATION  create PATH DATA p|e|ps|es    set PATH DATA VERSION    delete|setacl|check PATH VERSION
//!            get|exists|children PATH watch|-    sync PATH    ping    close    addwatch PATH persistent|recursive
//!            setwatches ZXID { PATH.. } { PATH.. } { PATH.. } { PATH.. } { PATH.. }    multi { OPERATION.. }
//! BODY       -    path PATH    pathstat PATH STAT    stat STAT    data DATA STAT    names { NAME.. } STAT|-
//!            multi { CODE BODY.. }
//! DATA       - or LENGTH:DIGEST
//! STAT       czxid,mzxid,pzxid,version,cversion,aversion,ephemeralOwner,dataLength,numChildren
//! ```
//!
//! Words are parted by one space. Times are decimal nanoseconds, zxids, sessions and digests hexadecimal (-1 is `-1`),
//! everything else decimal. In paths and names, `%XX` stands for a byte that would not be plain. Lines that are empty or
//! begin with `#` say nothing.

use std::fmt::{self, Write as _};
use std::io::{self, BufRead, Write};
use std::str::FromStr;

use crate::history::{Change, Event, EventType, History, Transaction, WatchEvent, What};
use crate::operation::{Body, Data, Mode, Operation, Outcome, Reply, Rewatch, Stat};

const HEAD: &str = "paddock-history 1";
/// Bytes of one line at most: the names of a million children.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Operations within operations at most; a multi has no multi within.
const DEPTH_MAX: usize = 2;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub struct TextError {
    /// Counted from 1.
    pub line: usize,
    pub what: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for TextError {}

/// Writes a history; what was written is read as the same history.
pub fn write(history: &History, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{HEAD}")?;
    let mut line = String::new();
    for event in &history.events {
        line.clear();
        put_event(&mut line, event);
        writeln!(out, "{line}")?;
    }
    let Some(log) = &history.log else { return Ok(()) };
    writeln!(out, "log")?;
    for transaction in log {
        line.clear();
        put_transaction(&mut line, transaction);
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Reads a whole history, or says which line is broken.
pub fn read(input: &mut impl BufRead) -> Result<History, TextError> {
    let mut history = History::default();
    let mut bytes = Vec::new();
    for number in 1.. {
        let error = |what: String| TextError { line: number, what };
        bytes.clear();
        let mut limited = io::Read::take(&mut *input, LINE_BYTES_MAX as u64);
        if limited.read_until(b'\n', &mut bytes).map_err(|cause| error(cause.to_string()))? == 0 {
            break;
        }
        if bytes.len() == LINE_BYTES_MAX {
            return Err(error(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        let line = std::str::from_utf8(&bytes).map_err(|_| error("not UTF-8".into()))?;
        let line = line.strip_suffix('\n').ok_or_else(|| error("its end is missing".into()))?;
        match number {
            1 if line == HEAD => {}
            1 => return Err(error(format!("a history begins with {HEAD:?}"))),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => take_line(line, &mut history).map_err(error)?,
        }
    }
    Ok(history)
}

/// One event as a line without its end.
pub fn event_line(event: &Event) -> String {
    let mut line = String::new();
    put_event(&mut line, event);
    line
}

fn take_line(line: &str, history: &mut History) -> Result<(), String> {
    let mut words = Words(Some(line));
    match words.word()? {
        "log" => drop(history.log.get_or_insert_default()),
        "txn" => {
            let transaction = words.transaction()?;
            history.log.get_or_insert_default().push(transaction);
        }
        kind => history.events.push(words.event(kind)?),
    }
    words.finish()
}

macro_rules! put {
    ($line:expr, $($what:tt)*) => { write!($line, $($what)*).expect("a String takes everything") };
}

fn put_event(line: &mut String, event: &Event) {
    let kind = match &event.what {
        What::Connected { .. } => "connected",
        What::Refused => "refused",
        What::Disconnected => "disconnected",
        What::Heard => "heard",
        What::WatchEvent(_) => "event",
        What::Called { .. } => "called",
    };
    put!(line, "{kind} {} {} {} {}", event.from, event.to, Hex(event.session), event.server);
    match &event.what {
        What::Refused | What::Disconnected | What::Heard => {}
        What::Connected { is_new, timeout_ms } => {
            put!(line, " {} {timeout_ms}", if *is_new { "new" } else { "again" });
        }
        What::WatchEvent(event) => {
            put!(line, " {} {} {}", Hex(event.zxid), type_word(event.event_type), Escaped(&event.path));
        }
        What::Called { cxid, operation, reply } => {
            put!(line, " {cxid} ");
            put_operation(line, operation);
            match reply {
                None => line.push_str(" = unknown"),
                Some(reply) => {
                    put!(line, " = {} {} ", Hex(reply.zxid), reply.code);
                    put_body(line, &reply.body);
                }
            }
        }
    }
}

fn put_transaction(line: &mut String, transaction: &Transaction) {
    put!(line, "txn {} {} {} ", Hex(transaction.zxid), Hex(transaction.session), transaction.cxid);
    match &transaction.change {
        Change::CreateSession => line.push_str("session"),
        Change::Failed => line.push_str("failed"),
        Change::Done(operation) => put_operation(line, operation),
    }
}

fn type_word(event_type: EventType) -> &'static str {
    match event_type {
        EventType::NodeCreated => "created",
        EventType::NodeDeleted => "deleted",
        EventType::NodeDataChanged => "changed",
        EventType::NodeChildrenChanged => "children",
    }
}

fn put_operation(line: &mut String, operation: &Operation) {
    let watch = |is_watched: bool| if is_watched { "watch" } else { "-" };
    match operation {
        Operation::Create { path, data, mode } => {
            put!(line, "create {} ", Escaped(path));
            put_data(line, data.as_ref());
            put!(line, " {}{}", if mode.is_ephemeral { 'e' } else { 'p' }, if mode.is_sequential { "s" } else { "" });
        }
        Operation::Delete { path, version } => put!(line, "delete {} {version}", Escaped(path)),
        Operation::SetData { path, data, version } => {
            put!(line, "set {} ", Escaped(path));
            put_data(line, data.as_ref());
            put!(line, " {version}");
        }
        Operation::SetAcl { path, version } => put!(line, "setacl {} {version}", Escaped(path)),
        Operation::Check { path, version } => put!(line, "check {} {version}", Escaped(path)),
        Operation::Multi(members) => {
            line.push_str("multi {");
            for member in members {
                line.push(' ');
                put_operation(line, member);
            }
            line.push_str(" }");
        }
        Operation::GetData { path, is_watched } => put!(line, "get {} {}", Escaped(path), watch(*is_watched)),
        Operation::Exists { path, is_watched } => put!(line, "exists {} {}", Escaped(path), watch(*is_watched)),
        Operation::GetChildren { path, is_watched } => {
            put!(line, "children {} {}", Escaped(path), watch(*is_watched));
        }
        Operation::Sync { path } => put!(line, "sync {}", Escaped(path)),
        Operation::Ping => line.push_str("ping"),
        Operation::Close => line.push_str("close"),
        Operation::AddWatch { path, is_recursive } => {
            put!(line, "addwatch {} {}", Escaped(path), if *is_recursive { "recursive" } else { "persistent" });
        }
        Operation::SetWatches(rewatch) => {
            put!(line, "setwatches {}", Hex(rewatch.zxid));
            for paths in [&rewatch.data, &rewatch.exist, &rewatch.child, &rewatch.persistent, &rewatch.recursive] {
                put_list(line, paths);
            }
        }
    }
}

fn put_list(line: &mut String, texts: &[String]) {
    line.push_str(" {");
    for text in texts {
        put!(line, " {}", Escaped(text));
    }
    line.push_str(" }");
}

fn put_data(line: &mut String, data: Option<&Data>) {
    match data {
        None => line.push('-'),
        Some(data) => put!(line, "{data}"),
    }
}

fn put_body(line: &mut String, body: &Body) {
    match body {
        Body::None => line.push('-'),
        Body::Path(path) => put!(line, "path {}", Escaped(path)),
        Body::PathStat(path, stat) => put!(line, "pathstat {} {}", Escaped(path), StatText(stat)),
        Body::Stat(stat) => put!(line, "stat {}", StatText(stat)),
        Body::Data(data, stat) => {
            line.push_str("data ");
            put_data(line, data.as_ref());
            put!(line, " {}", StatText(stat));
        }
        Body::Names(names, stat) => {
            line.push_str("names");
            put_list(line, names);
            match stat {
                None => line.push_str(" -"),
                Some(stat) => put!(line, " {}", StatText(stat)),
            }
        }
        Body::Multi(outcomes) => {
            line.push_str("multi {");
            for outcome in outcomes {
                put!(line, " {} ", outcome.code);
                put_body(line, &outcome.body);
            }
            line.push_str(" }");
        }
    }
}

/// A zxid or a session.
struct Hex(i64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            -1 => f.write_str("-1"),
            number => write!(f, "{number:x}"),
        }
    }
}

struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'%' | b'{' | b'}' | b'=' => write!(f, "%{byte:02x}")?,
                b'!'..=b'~' => f.write_char(char::from(byte))?,
                _ => write!(f, "%{byte:02x}")?,
            }
        }
        Ok(())
    }
}

struct StatText<'s>(&'s Stat);

impl fmt::Display for StatText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stat { czxid, mzxid, pzxid, version, cversion, aversion, ephemeral_owner, data_length, num_children } =
            self.0;
        write!(f, "{},{},{},{version},{cversion},{aversion},", Hex(*czxid), Hex(*mzxid), Hex(*pzxid))?;
        write!(f, "{},{data_length},{num_children}", Hex(*ephemeral_owner))
    }
}

/// The words of a line that were not taken yet.
struct Words<'t>(Option<&'t str>);

impl<'t> Words<'t> {
    fn word(&mut self) -> Result<&'t str, String> {
        let rest = self.0.ok_or("it ends too early")?;
        let (word, rest) = rest.split_once(' ').map_or((rest, None), |(word, rest)| (word, Some(rest)));
        self.0 = rest;
        Ok(word)
    }

    fn finish(&self) -> Result<(), String> {
        self.0.map_or(Ok(()), |rest| Err(format!("{rest:?} is too much")))
    }

    fn number<N: FromStr>(&mut self) -> Result<N, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("{word:?} is not such a number"))
    }

    fn hex(&mut self) -> Result<i64, String> {
        hex(self.word()?)
    }

    fn text(&mut self) -> Result<String, String> {
        unescape(self.word()?)
    }

    /// Whether the next word is this one; takes it then.
    fn takes(&mut self, expected: &str) -> Result<bool, String> {
        let before = self.0;
        let is_it = self.word()? == expected;
        if !is_it {
            self.0 = before;
        }
        Ok(is_it)
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        let word = self.word()?;
        if word == expected { Ok(()) } else { Err(format!("{word:?} where {expected:?} was due")) }
    }

    /// What stands in braces, one after the other.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.expect("{")?;
        let mut list = Vec::new();
        while !self.takes("}")? {
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn one_of(&mut self, no: &str, yes: &str) -> Result<bool, String> {
        match self.word()? {
            word if word == yes => Ok(true),
            word if word == no => Ok(false),
            word => Err(format!("{word:?} where {no:?} or {yes:?} was due")),
        }
    }

    fn event(&mut self, kind: &str) -> Result<Event, String> {
        let (from, to) = (self.number()?, self.number()?);
        if to < from {
            return Err("it ends before it begins".into());
        }
        let (session, server) = (self.hex()?, self.number()?);
        let what = match kind {
            "connected" => What::Connected { is_new: self.one_of("again", "new")?, timeout_ms: self.number()? },
            "refused" => What::Refused,
            "disconnected" => What::Disconnected,
            "heard" => What::Heard,
            "event" => {
                let (zxid, event_type, path) = (self.hex()?, self.event_type()?, self.text()?);
                What::WatchEvent(WatchEvent { zxid, event_type, path })
            }
            "called" => {
                let (cxid, operation) = (self.number()?, self.operation(DEPTH_MAX)?);
                self.expect("=")?;
                What::Called { cxid, operation, reply: self.reply()? }
            }
            other => return Err(format!("there is no event {other:?}")),
        };
        Ok(Event { from, to, session, server, what })
    }

    fn transaction(&mut self) -> Result<Transaction, String> {
        let (zxid, session, cxid) = (self.hex()?, self.hex()?, self.number()?);
        let change = match () {
            () if self.takes("session")? => Change::CreateSession,
            () if self.takes("failed")? => Change::Failed,
            () => Change::Done(self.operation(DEPTH_MAX)?),
        };
        Ok(Transaction { zxid, session, cxid, change })
    }

    fn event_type(&mut self) -> Result<EventType, String> {
        Ok(match self.word()? {
            "created" => EventType::NodeCreated,
            "deleted" => EventType::NodeDeleted,
            "changed" => EventType::NodeDataChanged,
            "children" => EventType::NodeChildrenChanged,
            other => return Err(format!("there is no type of event {other:?}")),
        })
    }

    fn operation(&mut self, depth: usize) -> Result<Operation, String> {
        Ok(match self.word()? {
            "create" => Operation::Create { path: self.text()?, data: self.data()?, mode: self.mode()? },
            "delete" => Operation::Delete { path: self.text()?, version: self.number()? },
            "set" => Operation::SetData { path: self.text()?, data: self.data()?, version: self.number()? },
            "setacl" => Operation::SetAcl { path: self.text()?, version: self.number()? },
            "check" => Operation::Check { path: self.text()?, version: self.number()? },
            "multi" if depth > 1 => Operation::Multi(self.list(|words| words.operation(depth - 1))?),
            "get" => Operation::GetData { path: self.text()?, is_watched: self.one_of("-", "watch")? },
            "exists" => Operation::Exists { path: self.text()?, is_watched: self.one_of("-", "watch")? },
            "children" => Operation::GetChildren { path: self.text()?, is_watched: self.one_of("-", "watch")? },
            "sync" => Operation::Sync { path: self.text()? },
            "ping" => Operation::Ping,
            "close" => Operation::Close,
            "addwatch" => {
                Operation::AddWatch { path: self.text()?, is_recursive: self.one_of("persistent", "recursive")? }
            }
            "setwatches" => Operation::SetWatches(Box::new(Rewatch {
                zxid: self.hex()?,
                data: self.list(Words::text)?,
                exist: self.list(Words::text)?,
                child: self.list(Words::text)?,
                persistent: self.list(Words::text)?,
                recursive: self.list(Words::text)?,
            })),
            other => return Err(format!("there is no operation {other:?} here")),
        })
    }

    fn mode(&mut self) -> Result<Mode, String> {
        let word = self.word()?;
        match word {
            "p" | "e" | "ps" | "es" => {
                Ok(Mode { is_ephemeral: word.starts_with('e'), is_sequential: word.ends_with('s') })
            }
            other => Err(format!("there is no mode {other:?}")),
        }
    }

    fn data(&mut self) -> Result<Option<Data>, String> {
        let word = self.word()?;
        if word == "-" {
            return Ok(None);
        }
        let parts = word.split_once(':').and_then(|(length, digest)| {
            Some(Data { length: length.parse().ok()?, digest: u64::from_str_radix(digest, 16).ok()? })
        });
        parts.map(Some).ok_or_else(|| format!("{word:?} is not LENGTH:DIGEST"))
    }

    fn reply(&mut self) -> Result<Option<Reply>, String> {
        if self.takes("unknown")? {
            return Ok(None);
        }
        Ok(Some(Reply { zxid: self.hex()?, code: self.number()?, body: self.body(DEPTH_MAX)? }))
    }

    fn body(&mut self, depth: usize) -> Result<Body, String> {
        Ok(match self.word()? {
            "-" => Body::None,
            "path" => Body::Path(self.text()?),
            "pathstat" => Body::PathStat(self.text()?, self.stat()?),
            "stat" => Body::Stat(self.stat()?),
            "data" => Body::Data(self.data()?, self.stat()?),
            "names" => {
                let names = self.list(Words::text)?;
                Body::Names(names, if self.takes("-")? { None } else { Some(self.stat()?) })
            }
            "multi" if depth > 1 => {
                Body::Multi(self.list(|words| Ok(Outcome { code: words.number()?, body: words.body(depth - 1)? }))?)
            }
            other => return Err(format!("there is no body {other:?} here")),
        })
    }

    fn stat(&mut self) -> Result<Stat, String> {
        let word = self.word()?;
        let error = || format!("{word:?} is not a Stat");
        let fields: Vec<&str> = word.split(',').collect();
        let [czxid, mzxid, pzxid, version, cversion, aversion, owner, data_length, num_children] = fields[..] else {
            return Err(error());
        };
        let number = |text: &str| text.parse::<i32>().map_err(|_| error());
        Ok(Stat {
            czxid: hex(czxid)?,
            mzxid: hex(mzxid)?,
            pzxid: hex(pzxid)?,
            version: number(version)?,
            cversion: number(cversion)?,
            aversion: number(aversion)?,
            ephemeral_owner: hex(owner)?,
            data_length: number(data_length)?,
            num_children: number(num_children)?,
        })
    }
}

/// The digits of the 64 bits, as [`Hex`] writes them.
fn hex(word: &str) -> Result<i64, String> {
    if word == "-1" {
        return Ok(-1);
    }
    u64::from_str_radix(word, 16).map(|bits| bits as i64).map_err(|_| format!("{word:?} is not hexadecimal"))
}

fn unescape(word: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    loop {
        match rest {
            [] => break,
            [b'%', high, low, after @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
                let byte = byte.and_then(|byte| u8::try_from(byte).ok());
                bytes.push(byte.ok_or_else(|| format!("{word:?} has a broken escape"))?);
                rest = after;
            }
            [b'%', ..] => return Err(format!("{word:?} has a broken escape")),
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{word:?} is not UTF-8"))
}
