use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{RotatingFile, Rotation, former};

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("paddock-rotation-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).expect("a writable temporary directory");
        Dir(dir)
    }

    fn rotation(&self, bytes_max: u64, files: u32) -> Rotation {
        Rotation { path: self.0.join("words.log"), bytes_max, files, mode: 0o640, makes_dir: true }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is readable");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("it is readable").file_name().into_string().expect("ASCII")).collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("it is readable")
}

#[test]
fn a_full_file_is_followed_by_another_and_the_oldest_goes() {
    let dir = Dir::new("full");
    let rotation = dir.rotation(8, 2);
    let path = rotation.path.clone();
    let mut file = RotatingFile::open(rotation).expect("it can be opened");
    for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
        file.write_all(line.as_bytes()).expect("it is writable");
    }
    assert_eq!(text(&path), "five\n");
    assert_eq!((text(&former(&path, 1)), text(&former(&path, 2))), ("four\n".into(), "three\n".into()));
    assert_eq!(dir.names(), ["words.log", "words.log.1", "words.log.2"], "the one of one and two has gone");
}

#[test]
fn many_lines_at_once_are_divided_between_files_and_no_line_is() {
    let dir = Dir::new("divided");
    let rotation = dir.rotation(10, 9);
    let path = rotation.path.clone();
    let mut file = RotatingFile::open(rotation).expect("it can be opened");
    file.write_all(b"one\ntwo\nthree\nlonger than a file may be\nfour\n").expect("it is writable");
    file.write_all(b"begun ").expect("it is writable");
    file.write_all(b"and ended later\nlast\n").expect("it is writable");
    let all: Vec<String> = (1..=5).rev().map(|number| text(&former(&path, number))).collect();
    let expected = ["one\ntwo\n", "three\n", "longer than a file may be\n", "four\n", "begun and ended later\n"];
    assert_eq!((all, text(&path)), (expected.map(str::to_owned).to_vec(), "last\n".to_owned()));
}

#[test]
fn a_file_without_former_ones_is_emptied() {
    let dir = Dir::new("emptied");
    let rotation = dir.rotation(6, 0);
    let path = rotation.path.clone();
    let mut file = RotatingFile::open(rotation).expect("it can be opened");
    file.write_all(b"one\ntwo\n").expect("it is writable");
    assert_eq!((text(&path), dir.names()), ("two\n".to_owned(), vec!["words.log".to_owned()]));
}

#[test]
fn a_file_goes_on_behind_what_it_has_and_behind_a_torn_line() {
    let dir = Dir::new("torn");
    let rotation = dir.rotation(100, 1);
    let path = rotation.path.clone();
    fs::write(&path, "whole\ntor").expect("it is writable");
    for line in ["one\n", "two\n"] {
        let mut file = RotatingFile::open(rotation.clone()).expect("it can be opened");
        file.write_all(line.as_bytes()).expect("it is writable");
    }
    assert_eq!(text(&path), "whole\ntor\none\ntwo\n");
    let mut short = RotatingFile::open(Rotation { bytes_max: 20, ..rotation }).expect("it can be opened");
    short.write_all(b"three\n").expect("it is writable");
    assert_eq!(text(&path), "three\n", "what the file had counts");
}

#[test]
fn what_was_renamed_is_written_to_until_it_is_opened_anew() {
    let dir = Dir::new("renamed");
    let rotation = dir.rotation(100, 3);
    let path = rotation.path.clone();
    let mut file = RotatingFile::open(rotation).expect("it can be opened");
    file.write_all(b"one\n").expect("it is writable");
    let away = dir.0.join("away");
    fs::rename(&path, &away).expect("it is there");
    file.write_all(b"two\n").expect("it is writable");
    assert!(!path.exists());
    file.reopen().expect("it can be opened");
    file.write_all(b"three\n").expect("it is writable");
    assert_eq!((text(&away), text(&path)), ("one\ntwo\n".to_owned(), "three\n".to_owned()));
}

#[test]
fn a_file_that_cannot_be_exchanged_grows_on_and_that_is_told() {
    let dir = Dir::new("grows");
    let rotation = dir.rotation(8, 1);
    let path = rotation.path.clone();
    // Nothing can be renamed to a directory.
    let in_the_way = former(&path, 1);
    fs::create_dir(&in_the_way).expect("it is writable");
    let mut file = RotatingFile::open(rotation).expect("it can be opened");
    file.write_all(b"one\ntwo\nthree\n").expect("it is writable");
    assert_eq!(text(&path), "one\ntwo\nthree\n");
    assert!(file.take_trouble().is_some() && file.take_trouble().is_none(), "it is told once");
    fs::remove_dir(&in_the_way).expect("it is empty");
    file.write_all(b"four\n").expect("it is writable");
    assert_eq!((text(&in_the_way), text(&path)), ("one\ntwo\nthree\n".to_owned(), "four\n".to_owned()));
}

#[test]
fn a_directory_that_is_missing_is_made() {
    let dir = Dir::new("made");
    let path = dir.0.join("a/b/words.log");
    let rotation = Rotation { path: path.clone(), ..dir.rotation(8, 1) };
    assert!(RotatingFile::open(Rotation { makes_dir: false, ..rotation.clone() }).is_err());
    RotatingFile::open(rotation).expect("it can be opened").write_all(b"one\n").expect("it is writable");
    assert_eq!(text(&path), "one\n");
}

/// Whoever opens it to write waits for a reader otherwise.
#[test]
fn a_fifo_that_nobody_reads_is_refused_and_one_that_is_read_is_written_to() {
    let dir = Dir::new("fifo");
    let rotation = dir.rotation(8, 2);
    fs::remove_dir_all(&dir.0).and_then(|()| fs::create_dir(&dir.0)).expect("it is ours");
    let made = std::process::Command::new("mkfifo").arg(&rotation.path).status().expect("coreutils have it");
    assert!(made.success());
    let error = RotatingFile::open(rotation.clone()).map(drop).expect_err("nobody reads");
    assert!(error.to_string().contains("a FIFO that nobody reads"), "{error}");
    let reader = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&rotation.path);
    let mut reader = reader.expect("it is there");
    let mut file = RotatingFile::open(rotation).expect("it is read");
    file.write_all(b"a line that is longer than the bound\n").expect("there is room in it");
    drop(file);
    let mut read = String::new();
    std::io::Read::read_to_string(&mut reader, &mut read).expect("its writers have gone");
    assert_eq!(read, "a line that is longer than the bound\n");
    assert_eq!(dir.names(), ["words.log"], "what is no file is not exchanged");
}
