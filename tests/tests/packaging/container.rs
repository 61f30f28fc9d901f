use crate::{fine, packaging, said};
use paddock_tests::installed::installed;
use paddock_tests::server::TempDir;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Tells what a linter finds in a file, a line each.
const LINTER: &str = "const { validate } = require('dockerfile-utils'); \
    const text = require('fs').readFileSync(process.argv[1], 'utf8'); \
    for (const found of validate(text)) console.log(`line ${found.range.start.line + 1}: ${found.message}`);";

/// What the image sets.
const DEFAULTS: [(&str, &str); 8] = [
    ("ZOO_TICK_TIME", "2000"),
    ("ZOO_INIT_LIMIT", "5"),
    ("ZOO_SYNC_LIMIT", "2"),
    ("ZOO_AUTOPURGE_PURGEINTERVAL", "0"),
    ("ZOO_AUTOPURGE_SNAPRETAINCOUNT", "3"),
    ("ZOO_MAX_CLIENT_CNXNS", "60"),
    ("ZOO_STANDALONE_ENABLED", "true"),
    ("ZOO_ADMINSERVER_ENABLED", "true"),
];

/// Begins a container whose volumes are in a directory, with a command that shows zoo.cfg.
fn begin(dir: &TempDir, variables: &[(&str, &str)]) -> (String, String) {
    let place = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(&path).expect("it is writable");
        path
    };
    let (conf, data) = (place("conf"), place("data"));
    let mut entry = Command::new(packaging("container/docker-entrypoint.sh"));
    entry.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    entry.envs(DEFAULTS).env("ZOO_CONF_DIR", &conf).env("ZOO_DATA_DIR", &data);
    entry.env("ZOO_DATA_LOG_DIR", place("datalog")).env("ZOO_LOG_DIR", place("logs"));
    entry.envs(variables.iter().copied()).arg("cat").arg(conf.join("zoo.cfg"));
    let said = said(&mut entry);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    (said.out, fs::read_to_string(data.join("myid")).expect("it is written"))
}

#[test]
fn the_configuration_follows_from_the_variables() {
    let dir = TempDir::new("container");
    let (cfg, my_id) = begin(&dir, &[]);
    let path = dir.path().display();
    let expected = format!(
        "dataDir={path}/data\ndataLogDir={path}/datalog\ntickTime=2000\ninitLimit=5\nsyncLimit=2\n\
         autopurge.snapRetainCount=3\nautopurge.purgeInterval=0\nmaxClientCnxns=60\nstandaloneEnabled=true\n\
         admin.enableServer=true\nserver.1=localhost:2888:3888;2181\n"
    );
    assert_eq!((cfg.as_str(), my_id.as_str()), (expected.as_str(), "1\n"));
    let others = [("ZOO_MY_ID", "7"), ("ZOO_TICK_TIME", "1")];
    assert_eq!(begin(&dir, &others), (expected, "1\n".to_owned()), "what is there stays");

    let dir = TempDir::new("container");
    let variables = [
        ("ZOO_MY_ID", "3"),
        ("ZOO_SERVERS", "server.1=a:2888:3888;2181 server.2=b:2888:3888;2181"),
        ("ZOO_4LW_COMMANDS_WHITELIST", "*"),
        ("ZOO_CFG_EXTRA", "snapCount=5 reconfigEnabled=true"),
    ];
    let (cfg, my_id) = begin(&dir, &variables);
    let end = "server.1=a:2888:3888;2181\nserver.2=b:2888:3888;2181\n4lw.commands.whitelist=*\nsnapCount=5\n\
               reconfigEnabled=true\n";
    assert!(cfg.ends_with(end), "{cfg}");
    assert_eq!(my_id, "3\n");
}

#[test]
fn the_image_sets_what_the_entry_reads() {
    let image = fs::read_to_string(packaging("container/Containerfile")).expect("it is readable");
    for (name, value) in DEFAULTS {
        assert!(image.contains(&format!(" {name}={value}")), "{name}");
    }
}

#[test]
fn a_linter_finds_nothing_in_the_image() {
    let found = |file: &Path| {
        let mut node = Command::new("node");
        node.env("NODE_PATH", installed("container/node_modules")).args(["-e", LINTER]).arg(file);
        fine(&mut node)
    };
    assert_eq!(found(&packaging("container/Containerfile")), "");
    let dir = TempDir::new("linter");
    let wrong = dir.write("Containerfile", b"FROM debian\nRUNS true\n");
    assert!(found(&wrong).starts_with("line 2: "), "it finds what is wrong");
}
