//! The commands there are, and how each is used: zkCli's, in the words in which it says so, and those of this shell.

use super::flags;
use super::syntax::{GET, SET};

/// zkCli's commands in the order in which it lists them.
pub static ZKCLI: [(&str, &str); 28] = [
    (
        "addWatch",
        "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
    ),
    ("addauth", "scheme auth"),
    ("close", ""),
    ("config", "[-c] [-w] [-s]"),
    ("connect", "host:port"),
    ("create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]"),
    ("delete", "[-v version] path"),
    ("deleteall", "path [-b batch size]"),
    ("delquota", "[-n|-b|-N|-B] path"),
    ("get", "[-s] [-w] [-b] [-x] path"),
    ("getAcl", "[-s] path"),
    ("getAllChildrenNumber", "path"),
    ("getEphemerals", "path"),
    ("history", ""),
    ("listquota", "path"),
    ("ls", "[-s] [-w] [-R] path"),
    ("printwatches", "on|off"),
    ("quit", ""),
    (
        "reconfig",
        "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add \
         serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
    ),
    ("redo", "cmdno"),
    ("removewatches", "path [-c|-d|-a] [-l]"),
    ("set", "path data [-s] [-v version] [-b]"),
    ("setAcl", "[-s] [-v version] [-R] path acl"),
    ("setquota", "-n|-b|-N|-B val path"),
    ("stat", "[-w] path"),
    ("sync", "path"),
    ("version", ""),
    ("whoami", ""),
];

/// This shell's own, with what each does.
pub static OWN: [(&str, &str, &str); 9] = [
    ("du", "[-d levels] path", "znodes and bytes of data of each subtree"),
    ("exit", "", "the same as quit"),
    ("export", "path file", "writes a subtree to a file, - for stdout"),
    (
        "find",
        "[-name glob] [-ephemeral] [-leaf] [-larger bytes] [-d levels] path",
        "paths of the znodes for which all of this holds",
    ),
    ("help", "", "tells the commands"),
    (
        "import",
        "[-u|-k] file [path]",
        "makes the znodes of such a file; -u also changes those that there are, -k keeps them",
    ),
    ("top", "[-n lines]", "the clients that ask most, and what takes the servers longest"),
    ("tree", "[-d levels] [-s] path", "a subtree with its shape; -s tells bytes and ephemerals too"),
    ("watch", "path", "tells every change below a path as it comes, until Ctrl-C"),
];

/// Every command, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = ZKCLI.iter().map(|(name, _)| *name).chain(OWN.iter().map(|(name, ..)| *name)).collect();
    names.sort_unstable();
    names
}

pub fn is_known(word: &str) -> bool {
    ZKCLI.iter().any(|(name, _)| *name == word) || OWN.iter().any(|(name, ..)| *name == word)
}

/// What zkCli says where it does not know what to do.
pub fn of_all() -> String {
    let lines = ZKCLI.iter().map(|(name, words)| format!("\n\t{name} {words}"));
    format!("ZooKeeper -server host:port -client-configuration properties-file cmd args{}", lines.collect::<String>())
}

/// How one command is used; for two of them zkCli lists the flags.
pub fn of(word: &str) -> String {
    let zkcli = ZKCLI.iter().find(|(name, _)| *name == word).map(|(_, words)| *words);
    let own = || OWN.iter().find(|(name, ..)| *name == word).map(|(_, words, _)| *words);
    let line = format!("{word} {}", zkcli.or_else(own).unwrap_or_default());
    match word {
        "get" => format!("{line}\n{}", flags::listed(GET.flags)),
        "set" => format!("{line}\n{}", flags::listed(SET.flags)),
        _ => line,
    }
}

/// `help`: all commands, zkCli's first.
pub fn help() -> Vec<String> {
    let mut lines = vec!["zkCli's commands:".to_owned()];
    lines.extend(ZKCLI.iter().map(|(name, words)| format!("  {name} {words}").trim_end().to_owned()));
    lines.push("this shell's own:".into());
    lines.extend(OWN.iter().map(|(name, words, does)| format!("  {}: {does}", format!("{name} {words}").trim_end())));
    lines
}

#[cfg(test)]
mod tests {
    use super::{ZKCLI, help, is_known, names, of, of_all};

    #[test]
    fn the_usage_is_zkclis() {
        let told = of_all();
        assert!(
            told.starts_with(
                "ZooKeeper -server host:port -client-configuration properties-file cmd args\n\taddWatch [-m"
            )
        );
        assert!(told.ends_with("\n\tsync path\n\tversion \n\twhoami "), "{told}");
        assert!(ZKCLI.is_sorted(), "as Java sorts: capitals first");
        assert_eq!(of("ls"), "ls [-s] [-w] [-R] path");
        assert!(of("get").starts_with("get [-s] [-w] [-b] [-x] path\n -b   Output data in base64 format\n"));
        assert!(of("set").contains("\n -v <arg>   Set with an expected version\n"), "{}", of("set"));
    }

    #[test]
    fn all_commands_are_named() {
        assert!(names().is_sorted() && names().len() == 37);
        assert!(is_known("ls") && is_known("tree") && !is_known("lss"));
        assert_eq!(help().len(), 39);
    }
}
