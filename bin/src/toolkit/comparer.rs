//! What zkSnapshotComparer.sh does.

use std::cmp::Ordering;
use std::io::{self, BufRead};
use std::path::Path;
use std::time::Instant;

use paddock_engine::path::ROOT;

use super::ToolkitError;
use super::given::{Given, Known};
use super::subtrees::{Subtree, Subtrees};
use crate::answer::Answer;
use crate::snapshot::by_path::ordered;
use crate::snapshot::source::{Content, Source};

const KNOWN: [Known; 6] = [
    Known { short: 'l', long: "left", takes_value: true },
    Known { short: 'r', long: "right", takes_value: true },
    Known { short: 'b', long: "bytes", takes_value: true },
    Known { short: 'n', long: "nodes", takes_value: true },
    Known { short: 'd', long: "debug", takes_value: false },
    Known { short: 'i', long: "interactive", takes_value: false },
];
/// Those that have to be given.
const REQUIRED: [char; 4] = ['l', 'r', 'b', 'n'];

const USAGE: &str = "usage: zkSnapshotComparer.sh -l <LEFT> -r <RIGHT> -b <BYTETHRESHOLD> -n <NODETHRESHOLD> [-d] [-i]
 -b,--bytes <BYTETHRESHOLD>   (Required) Subtrees are told whose data differ by more bytes
 -d,--debug                   Tell of the others too
 -i,--interactive             Ask what to compare
 -l,--left <LEFT>             (Required) A snapshot
 -n,--nodes <NODETHRESHOLD>   (Required) Subtrees are told that differ by more znodes
 -r,--right <RIGHT>           (Required) Another one";
const MISUSED: u8 = 2;

const QUESTION: &str = "- Enter alone: compare this depth, and go on to the next;
- a number: compare that depth;
- a path, which begins with '/': compare the children of that znode.";

/// What is told, and how much of it.
struct Comparison<'a> {
    bytes: i64,
    descendants: i64,
    is_debug: bool,
    /// What is passed over is told of too.
    tells_all: bool,
    answer: &'a mut Answer,
}

pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let given = Given::read(words, &KNOWN).and_then(|given| complete(&given).map(|()| given));
    let given = match given {
        Ok(given) => given,
        Err(error) => {
            answer.line(format_args!("{USAGE}"))?;
            return Err(ToolkitError::refused(error, MISUSED));
        }
    };
    let value = |option| given.value(option).unwrap_or_default();
    let (bytes, descendants) = (number(value('b'))?, number(value('n'))?);
    answer.line(format_args!("Successfully parsed options!"))?;
    let left = load(value('l'), answer)?;
    let left = process(&left, answer)?;
    let right = load(value('r'), answer)?;
    let right = process(&right, answer)?;
    answer.line(format_args!("{left}"))?;
    answer.line(format_args!("{right}"))?;
    let (is_debug, asks) = (given.has('d'), given.has('i'));
    let mut comparison = Comparison { bytes, descendants, is_debug, tells_all: is_debug || asks, answer };
    if asks {
        comparison.ask(&left, &right, &mut io::stdin().lock())?
    } else {
        comparison.all(&left, &right)?
    }
    comparison.answer.line(format_args!("All layers compared."))?;
    Ok(())
}

fn complete(given: &Given) -> Result<(), String> {
    let missing: Vec<String> =
        REQUIRED.iter().filter(|option| !given.has(**option)).map(|option| option.to_string()).collect();
    match &missing[..] {
        [] => Ok(()),
        [one] => Err(format!("Missing required option: {one}")),
        several => Err(format!("Missing required options: {}", several.join(", "))),
    }
}

fn number(text: &str) -> Result<i64, ToolkitError> {
    text.parse::<i32>().map(i64::from).map_err(|_| ToolkitError::refused(format!("{text:?} is not a number"), 1))
}

fn load(file: &str, answer: &mut Answer) -> Result<Content, ToolkitError> {
    let (path, began) = (Path::new(file), Instant::now());
    let content = Source::find(path)?.load()?;
    let (name, seconds) = (path.file_name().unwrap_or(path.as_os_str()).display(), began.elapsed().as_secs_f64());
    answer.line(format_args!("Deserialized snapshot in {name} in {seconds:.6} seconds"))?;
    Ok(content)
}

fn process<'c>(content: &'c Content, answer: &mut Answer) -> io::Result<Subtrees<'c>> {
    let began = Instant::now();
    let subtrees = Subtrees::of(&ordered(&content.tree, ROOT));
    answer.line(format_args!("Processed data tree in {:.6} seconds", began.elapsed().as_secs_f64()))?;
    Ok(subtrees)
}

impl Comparison<'_> {
    /// Level by level.
    fn all(&mut self, left: &Subtrees<'_>, right: &Subtrees<'_>) -> io::Result<()> {
        self.tell_thresholds()?;
        for depth in 0..left.depth().max(right.depth()) {
            self.level(left, right, depth)?;
        }
        Ok(())
    }

    /// What a person asks for, until every level was compared or nothing more comes.
    fn ask(&mut self, left: &Subtrees<'_>, right: &Subtrees<'_>, input: &mut dyn BufRead) -> io::Result<()> {
        let deepest = left.depth().max(right.depth());
        let mut depth = 0;
        while depth < deepest {
            self.answer.line(format_args!("Current depth is {depth}\n{QUESTION}"))?;
            self.answer.finish()?;
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                break;
            }
            let asked = line.trim_end_matches(['\r', '\n']);
            self.tell_thresholds()?;
            if asked.is_empty() {
                self.level(left, right, depth)?;
                depth += 1;
            } else if asked.starts_with('/') {
                self.below(left, right, asked)?;
            } else {
                match asked.parse::<usize>() {
                    Ok(chosen) if chosen < deepest => {
                        depth = chosen;
                        self.level(left, right, depth)?;
                    }
                    Ok(_) => self.answer.line(format_args!("Depth must be in range [0, {}]", deepest - 1))?,
                    Err(_) => self.answer.line(format_args!(
                        "Input {asked} is not valid. Depth must be in range [0, {}], and a path begins with '/'.",
                        deepest - 1
                    ))?,
                }
            }
            self.answer.line(format_args!(""))?;
        }
        Ok(())
    }

    fn tell_thresholds(&mut self) -> io::Result<()> {
        let (bytes, descendants) = (self.bytes, self.descendants);
        self.answer.line(format_args!(
            "Printing analysis for nodes difference larger than {bytes} bytes or node count difference larger than \
             {descendants}."
        ))
    }

    fn level(&mut self, left: &Subtrees<'_>, right: &Subtrees<'_>, depth: usize) -> io::Result<()> {
        self.answer.line(format_args!("Analysis for depth {depth}"))?;
        self.lists(left.at(depth), right.at(depth))
    }

    fn below(&mut self, left: &Subtrees<'_>, right: &Subtrees<'_>, path: &str) -> io::Result<()> {
        self.answer.line(format_args!("Analysis for node {path}"))?;
        match (left.below(path), right.below(path)) {
            (None, None) => self.answer.line(format_args!("Path {path} is neither found in left tree nor right tree.")),
            (left, right) => self.lists(&left.unwrap_or_default(), &right.unwrap_or_default()),
        }
    }

    /// Both in the order of labels.
    fn lists(&mut self, mut lefts: &[Subtree<'_>], mut rights: &[Subtree<'_>]) -> io::Result<()> {
        loop {
            let order = match (lefts.first(), rights.first()) {
                (Some(left), Some(right)) => {
                    let order = left.label.cmp(right.label);
                    self.debug(left, right, order)?;
                    order
                }
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(()),
            };
            let left = if order.is_le() { lefts.split_off_first() } else { None };
            let right = if order.is_ge() { rights.split_off_first() } else { None };
            match (left, right) {
                (Some(left), Some(right)) => self.both(left, right)?,
                (Some(alone), None) => self.alone("left", alone)?,
                (None, Some(alone)) => self.alone("right", alone)?,
                (None, None) => {}
            }
        }
    }

    fn debug(&mut self, left: &Subtree<'_>, right: &Subtree<'_>, order: Ordering) -> io::Result<()> {
        if !self.is_debug {
            return Ok(());
        }
        let what = match order {
            Ordering::Less => "left is less",
            Ordering::Equal => "same",
            Ordering::Greater => "right is less",
        };
        self.answer.line(format_args!("Comparing {} to {}\n{what}", left.label, right.label))
    }

    fn both(&mut self, left: &Subtree<'_>, right: &Subtree<'_>) -> io::Result<()> {
        let Subtree { label, .. } = left;
        let (bytes, descendants) = (right.bytes - left.bytes, right.descendants - left.descendants);
        if bytes.abs() > self.bytes || descendants.abs() > self.descendants {
            return self.answer.line(format_args!(
                "Node {label} found in both trees. Delta: {bytes} bytes, {descendants} descendants"
            ));
        }
        if self.tells_all {
            let (left, right) = (left.bytes, right.bytes);
            self.answer.line(format_args!("Filtered node {label} of left size {left}, right size {right}"))?;
        }
        Ok(())
    }

    fn alone(&mut self, side: &str, subtree: &Subtree<'_>) -> io::Result<()> {
        let Subtree { label, bytes, descendants } = subtree;
        if *bytes > self.bytes || *descendants > self.descendants {
            return self.answer.line(format_args!(
                "Node {label} found only in {side} tree. Descendant size: {bytes}. Descendant count: {descendants}"
            ));
        }
        if self.tells_all {
            self.answer.line(format_args!("Filtered {side} node {label} of size {bytes}"))?;
        }
        Ok(())
    }
}
