//! What came of the cases, as tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use super::case::Outcome;
use super::{Trial, Whose};

/// In the order of the columns.
const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::Served, "served"),
    (Outcome::Cut, "cut"),
    (Outcome::Copied, "copied"),
    (Outcome::Waited, "waited for"),
    (Outcome::Refused, "refused"),
    (Outcome::Failed, "failed"),
];

/// How many cases came to what.
type Counts = BTreeMap<Outcome, usize>;

/// How many cases of each kind came to what.
#[derive(Default)]
pub struct Tables {
    by_file: BTreeMap<(Whose, String), Counts>,
    by_damage: BTreeMap<(Whose, String), Counts>,
}

impl Tables {
    pub fn count(&mut self, trial: &Trial<'_>, outcome: Outcome) {
        let damage = format!("{:?}", trial.case.damage.kind);
        *self.by_file.entry((trial.whose, trial.file())).or_default().entry(outcome).or_default() += 1;
        *self.by_damage.entry((trial.whose, damage)).or_default().entry(outcome).or_default() += 1;
    }

    pub fn judged(&self) -> usize {
        self.by_file.values().flat_map(BTreeMap::values).sum()
    }

    /// Of so many cases that were drawn.
    pub fn text(&self, drawn: usize, failures: &[String]) -> String {
        let judged = self.judged();
        let mut text = format!(
            "{drawn} cases were drawn, {judged} of which were judged: in the others the file has no such place, or nothing there \
             that would change.\n\n"
        );
        text += &of_counts("file", &self.by_file);
        text.push('\n');
        text += &of_counts("damage", &self.by_damage);
        match failures {
            [] => text += "\nFailures: none.\n",
            _ => writeln!(text, "\nFailures: {}.\n", failures.len()).expect("a String takes everything"),
        }
        for failure in failures {
            let first = failure.lines().next().unwrap_or_default();
            writeln!(text, "- {first}").expect("a String takes everything");
        }
        text
    }
}

fn of_counts(what: &str, counts: &BTreeMap<(Whose, String), Counts>) -> String {
    let head: Vec<&str> = ["servers", what].into_iter().chain(OUTCOMES.map(|(_, name)| name)).collect();
    let row = |((whose, what), counts): (&(Whose, String), &Counts)| {
        let count = |(outcome, _)| counts.get(&outcome).map_or_else(String::new, usize::to_string);
        [format!("{whose:?}").to_lowercase(), what.clone()].into_iter().chain(OUTCOMES.map(count)).collect()
    };
    let rows: Vec<Vec<String>> = counts.iter().map(row).collect();
    table(&head, &rows)
}

/// Markdown of cells.
pub fn table<T: AsRef<str>>(head: &[&str], rows: &[impl AsRef<[T]>]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<&str> = row.as_ref().iter().map(AsRef::as_ref).collect();
        writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes everything");
    }
    text
}

/// Prints it, and writes it to a file of this name in the directory that is asked for.
pub fn tell(name: &str, text: &str) {
    println!("{text}");
    if let Some(directory) = std::env::var_os("PADDOCK_DAMAGE_TABLES") {
        std::fs::write(PathBuf::from(directory).join(name), text).expect("the table can be written");
    }
}
