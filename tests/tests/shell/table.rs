//! zkCli's commands in one session.
use crate::said::lines;
use crate::start;

const TABLE: &str = include_str!("table.txt");

/// What is typed, and what must be said on stdout and on stderr.
pub struct Table {
    pub typed: String,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

pub fn read() -> Table {
    let mut table = Table { typed: String::new(), out: Vec::new(), err: Vec::new() };
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let (mark, text) = line.split_at(1);
        let text = text.strip_prefix(' ').unwrap_or(text);
        match mark {
            ">" => table.typed += &format!("{text}\n"),
            "<" => table.out.push(text.to_owned()),
            "!" => table.err.push(text.to_owned()),
            _ => panic!("what is {line:?}?"),
        }
    }
    table
}

#[test]
fn every_command_answers_as_zkcli() {
    let server = start();
    let table = read();
    let said = lines(&["--zkcli-args", "-server", &server.connect_string()], &table.typed);
    let connecting = format!("Connecting to {}", server.connect_string());
    let greeting = [connecting.as_str(), "Welcome to ZooKeeper!", "JLine support is disabled"];
    assert_eq!(said.out[..3], greeting);
    // One below the other, so that the first difference is seen.
    for (at, (said, expected)) in said.out[3..].iter().zip(&table.out).enumerate() {
        assert_eq!(said, expected, "line {at} on stdout");
    }
    for (at, (said, expected)) in said.err.iter().zip(&table.err).enumerate() {
        assert_eq!(said, expected, "line {at} on stderr");
    }
    assert_eq!((said.out.len() - 3, said.err.len()), (table.out.len(), table.err.len()), "{said:#?}");
    assert_eq!(said.code, Some(0));
}

#[test]
fn a_stat_has_zkclis_lines() {
    let server = start();
    let said =
        lines(&["--server", &server.connect_string(), "--quiet"], "create /a data\nset /a more\nget -s /a\nstat /a\n");
    let names: Vec<&str> = said.out.iter().map(|line| line.split(" = ").next().unwrap_or_default()).collect();
    let block = [
        "cZxid",
        "ctime",
        "mZxid",
        "mtime",
        "pZxid",
        "cversion",
        "dataVersion",
        "aclVersion",
        "ephemeralOwner",
        "dataLength",
        "numChildren",
    ];
    assert_eq!(names, [&["more"][..], &block, &block].concat());
    assert_eq!(said.out[1..12], said.out[12..]);
    let value = |name: &str| {
        let line = said.out.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    assert_eq!(["dataVersion", "ephemeralOwner", "dataLength", "numChildren"].map(value), ["1", "0x0", "4", "0"]);
    assert!(value("ctime").contains(" UTC 20") && value("cZxid").starts_with("0x"), "{:#?}", said.out);
}
