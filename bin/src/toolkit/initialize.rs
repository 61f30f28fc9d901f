//! What zkServer-initialize.sh does: makes the directories of a server that never had any data, with a file `initialize` that
//! says so to its first start, and `myid`.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_engine::io::{DataDir, Files};
use paddock_engine::zookeeper::VERSION_DIR;

use super::ToolkitError;
use crate::answer::Answer;
use crate::config::{self, properties};
use crate::node::foreign;

const USAGE: &str = "usage: zkServer-initialize.sh <parameters>
  Optional parameters:
     -h, --help            Tell this
     --configfile=FILE     The zoo.cfg
     --myid=#              Write this number into myid
     --force               Go on where there are data, which are removed";

const MY_ID: &str = "myid";
const INITIALIZE: &str = "initialize";
/// What shows that there are data.
const DATA: [&str; 3] = [VERSION_DIR, "acceptedEpoch", "currentEpoch"];
/// How all names begin that Paddock gives; its lock is no data, and held meanwhile.
const OWN: &str = "paddock";
const LOCK: &str = "paddock.lock";

/// What was asked for.
#[derive(PartialEq, Eq, Default, Debug)]
struct Order {
    file: PathBuf,
    my_id: Option<String>,
    is_forced: bool,
    wants_help: bool,
}

pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let order = match Order::read(words) {
        Ok(order) if !order.wants_help => order,
        order => {
            if let Err(why) = &order {
                answer.line(format_args!("{why}"))?;
            }
            answer.line(format_args!("{USAGE}"))?;
            return Err(ToolkitError::refused("nothing was changed", 1));
        }
    };
    let (data_dir, log_dir) = match directories(&order.file) {
        Ok(directories) => directories,
        Err(why) => return end(&why, answer),
    };
    if order.is_forced {
        answer.line(format_args!("Force enabled, data/txnlog directories will be re-initialized"))?;
    } else if let Some(why) = existing(&data_dir, log_dir.as_deref()) {
        return end(&why, answer);
    }
    initialize(&data_dir, log_dir.as_deref(), order.my_id.as_deref())?;
    match order.my_id {
        Some(my_id) => answer.line(format_args!("Using myid of {my_id}"))?,
        None => answer.line(format_args!(
            "No myid provided, be sure to specify it in {} if using non-standalone",
            data_dir.join(MY_ID).display()
        ))?,
    }
    Ok(())
}

/// ZooKeeper's script says on stdout why it does nothing.
fn end(why: &str, answer: &mut Answer) -> Result<(), ToolkitError> {
    answer.line(format_args!("{why}"))?;
    Err(ToolkitError::refused("nothing was changed", 1))
}

impl Order {
    fn read(words: &[String]) -> Result<Order, String> {
        let mut order = Order::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let mut value =
                || value.clone().or_else(|| words.next().cloned()).ok_or_else(|| format!("{name} needs a value"));
            match name {
                "--configfile" => order.file = value()?.into(),
                "--myid" => order.my_id = Some(value()?),
                "--force" => order.is_forced = true,
                "-h" | "--help" => order.wants_help = true,
                _ => return Err(format!("Unknown option: {word}")),
            }
        }
        Ok(order)
    }
}

/// The dataDir, and the dataLogDir where that is set.
fn directories(file: &Path) -> Result<(PathBuf, Option<PathBuf>), String> {
    let name = file.display();
    let bytes = config::read(file).map_err(|_| format!("Unable to find config file at {name}"))?;
    let entries = properties::parse(&bytes).map_err(|error| format!("{name}:{}: {error}", error.line))?;
    let value = |key: &str| {
        let found = entries.iter().rev().find(|entry| entry.key == key && !entry.value.is_empty());
        found.map(|entry| PathBuf::from(&entry.value))
    };
    let data_dir = value("dataDir").ok_or_else(|| format!("Unable to determine dataDir from {name}"))?;
    Ok((data_dir, value("dataLogDir")))
}

/// Why nothing is to be made where there are data.
fn existing(data_dir: &Path, log_dir: Option<&Path>) -> Option<String> {
    let places = [("data", Some(data_dir)), ("txnlog", log_dir)];
    let found = places.into_iter().filter_map(|(what, dir)| Some((what, dir?)));
    let (what, dir) = found.into_iter().find(|(_, dir)| data_in(dir).is_ok_and(|names| !names.is_empty()))?;
    let dir = dir.display();
    Some(format!("ZooKeeper {what} directory already exists at {dir} (or use --force to force re-initialization)"))
}

/// What is in a directory of a server's data, a Paddock's or a ZooKeeper's, in its order.
fn data_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let is_data = |name: &OsStr| {
        let is_own = name.as_encoded_bytes().starts_with(OWN.as_bytes()) && name != LOCK;
        is_own || DATA.iter().any(|data| name == *data)
    };
    let names = match Files::Real.list(dir) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut found: Vec<PathBuf> = names.iter().filter(|name| is_data(name)).map(|name| dir.join(name)).collect();
    found.sort();
    Ok(found)
}

/// The file `initialize` comes last, so that it is only where nothing of former data is.
fn initialize(data_dir: &Path, log_dir: Option<&Path>, my_id: Option<&str>) -> Result<(), ToolkitError> {
    let log_dir = log_dir.filter(|log_dir| !Files::Real.is_same_directory(log_dir, data_dir));
    // Not while a server runs on them.
    let lock = |dir: &Path| DataDir::open(&Files::Real, dir, true).map_err(ToolkitError::Directory);
    let _data_lock = lock(data_dir)?;
    let _log_lock = log_dir.map(lock).transpose()?;
    if let Some(process) = foreign::running(&Files::Real, data_dir) {
        let why = format!("ZooKeeper runs on {} as process {process}; stop it first", data_dir.display());
        return Err(ToolkitError::refused(why, 1));
    }
    for dir in [Some(data_dir), log_dir].into_iter().flatten() {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ToolkitError::Path { path, source }
        };
        for path in data_in(dir).map_err(failed(dir))?.into_iter().chain([dir.join(MY_ID), dir.join(INITIALIZE)]) {
            remove(&path).map_err(failed(&path))?;
        }
        let version_dir = dir.join(VERSION_DIR);
        Files::Real.create_dir(&version_dir).map_err(failed(&version_dir))?;
        Files::Real.sync_dir(dir).map_err(failed(dir))?;
    }
    let write = |name: &str, text: String| {
        let path = data_dir.join(name);
        Files::Real.write_atomically(&path, text.as_bytes()).map_err(|source| ToolkitError::Path { path, source })
    };
    if let Some(my_id) = my_id {
        write(MY_ID, format!("{my_id}\n"))?;
    }
    write(INITIALIZE, String::new())
}

/// Whatever lies there.
fn remove(path: &Path) -> io::Result<()> {
    let is_directory = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use paddock_engine::io::{DataDir, Files};

    use super::{Order, existing, run};
    use crate::answer::Answer;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-initialize-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn arguments_are_those_of_zookeepers_script() {
        let order = Order { file: "a".into(), my_id: Some("3".into()), is_forced: true, wants_help: false };
        for text in ["--configfile=a --myid=3 --force", "--configfile b --configfile a --force --myid 3"] {
            assert_eq!(Order::read(&words(text)).as_ref(), Ok(&order), "{text}");
        }
        assert!(Order::read(&words("-h")).is_ok_and(|order| order.wants_help));
        assert_eq!(Order::read(&words("--none")), Err("Unknown option: --none".to_owned()));
        assert_eq!(Order::read(&words("--myid")), Err("--myid needs a value".to_owned()));
    }

    #[test]
    fn a_server_begins_anew_on_order_alone() {
        let dir = fresh("order");
        let (data, logs, file) = (dir.join("data"), dir.join("log"), dir.join("zoo.cfg"));
        fs::write(&file, format!("dataDir={}\ndataLogDir = {}\n", data.display(), logs.display())).unwrap();
        let order = |options: &str| {
            let words = words(&format!("--configfile={} {options}", file.display()));
            run(&words, &mut Answer::new(true))
        };
        order("--myid=7").unwrap();
        assert_eq!(fs::read_to_string(data.join("myid")).unwrap(), "7\n");
        assert!(data.join("initialize").exists() && data.join("version-2").is_dir() && logs.join("version-2").is_dir());
        assert!(order("").is_err(), "the directories are there");
        fs::remove_dir(data.join("version-2")).unwrap();
        assert!(existing(&data, Some(&*logs)).is_some_and(|why| why.contains("txnlog directory already exists")));
        fs::create_dir_all(logs.join("paddock.generation.2/paddock-1")).unwrap();
        fs::create_dir(data.join("paddock-1")).unwrap();
        fs::write(data.join("paddock-1/snapshot.1"), "").unwrap();
        fs::write(data.join("acceptedEpoch"), "1\n").unwrap();
        fs::write(data.join("mine"), "").unwrap();
        let held = DataDir::open(&Files::Real, &data, false).unwrap();
        assert!(order("--force").is_err(), "a server runs");
        assert!(data.join("paddock-1/snapshot.1").exists());
        drop(held);
        order("--force").unwrap();
        for gone in ["paddock-1", "acceptedEpoch", "myid"] {
            assert!(!data.join(gone).exists(), "{gone}");
        }
        assert!(!logs.join("paddock.generation.2").exists() && logs.join("version-2").is_dir());
        assert!(data.join("mine").exists() && data.join("initialize").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
