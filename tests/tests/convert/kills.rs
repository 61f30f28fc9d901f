//! A conversion that is killed when it asks the kernel for a change of the files, each in turn: nothing that counts is left,
//! or all.
use crate::{Left, assert_names, assert_same, beside, content, files, fine, obey, refused, setup};
use paddock_tests::server::{Kind, behind, paddock};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

/// What changes files, or makes it durable.
const CHANGES: [&str; 5] = ["fsync", "fdatasync", "rename", "unlink", "mkdir"];
const SIGKILL: i32 = 9;

/// Whether it was killed; the `nth` time that it calls this.
fn convert_killed(call: &str, nth: usize, config: &Path) -> bool {
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let trace = format!("trace={call}");
    let prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let mut command = Command::new(paddock());
    command.args(["convert", "--from-zookeeper", "-Dzookeeper.extendedTypesEnabled=true"]).arg(config);
    let done = behind(&prefix, command).output().expect("strace runs");
    match (done.status.code(), done.status.signal()) {
        (Some(0), _) => false,
        (_, Some(SIGKILL)) => true,
        _ => panic!("{call} {nth}: {}: {}", done.status, String::from_utf8_lossy(&done.stderr)),
    }
}

/// One that has its name.
fn is_snapshot(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snapshot.0"))
}

#[test]
fn a_killed_conversion_leaves_nothing_that_counts_or_all() {
    let Left { server: theirs, content: was, .. } = Left::new(setup(Kind::ZooKeeper));
    let mut ours = beside(&theirs);
    let own = theirs.data_dir().join("paddock-1");
    let before = files(&theirs.data_dir().join("version-2"));
    let (mut nothing, mut whole) = (0, 0);
    for call in CHANGES {
        for nth in 1.. {
            let _ = std::fs::remove_dir_all(&own);
            if !convert_killed(call, nth, &ours.config_path()) {
                break;
            }
            let is_whole = own.exists() && files(&own).iter().any(|(path, _)| is_snapshot(path));
            if is_whole {
                ours.restart();
                ours.kill();
                whole += 1;
            } else {
                // Nothing counts for a start either, and the next conversion comes into place.
                obey(&refused(&ours).0);
                nothing += 1;
            }
            assert_names(&fine(&["snapshot", "check"], &[&own]), &["sound: "]);
        }
    }
    assert!(nothing >= 8, "it was killed {nothing} times before all was there, and {whole} times after");
    assert!(files(&theirs.data_dir().join("version-2")) == before);
    ours.restart();
    assert_same(&content(&ours), &was);
}
