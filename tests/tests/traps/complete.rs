//! Every trap has a test.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TRAPS: u32 = 100;
/// What cannot be shown yet: these need an ensemble, or the read-only server that a member of one becomes.
const WAITING: [u32; 2] = [85, 86];

/// The numbers of the functions `trap_NNN_...` in the sources below `dir`.
fn gather(dir: &Path, found: &mut BTreeSet<u32>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("a directory can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let names = text.split("fn trap_").skip(1);
            found.extend(names.filter_map(|rest| rest.get(..3)?.parse::<u32>().ok()));
        }
    }
}

#[test]
fn every_trap_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for room in ["consensus", "engine", "net", "bin", "tests"] {
        gather(&root.join(room), &mut found);
    }
    let missing: Vec<u32> = (1..=TRAPS).filter(|number| !found.contains(number)).collect();
    assert_eq!(missing, WAITING, "traps without a test named trap_NNN_...");
}
