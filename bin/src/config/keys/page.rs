//! The table of keys as a page of the documents, in Markdown.

use std::fmt::Write;

use super::super::value::Kind;
use super::meanings::MEANINGS;
use super::{Key, SYNONYMS, Source, State, ensemble, security, server};

const TAKES_ALL: &str = "writing to a String cannot fail";

const HEAD: &str = "\
# Configuration

This page is for whoever writes a zoo.cfg, or takes one of a ZooKeeper's: it has every key that ZooKeeper knows, and those of
Paddock alone, which begin with `paddock.`. `cargo xtask docs --write` makes it from the table that the server reads its
settings by (`bin/src/config/keys`).

A key that nobody knows is named in a warning and has no effect. A value that cannot be read stops the start. A setting can
stand in these places:

| place | is |
|---|---|
| file | a line `KEY=value` of zoo.cfg, or `-DKEY=value` where there is no zoo.cfg |
| both | a line of zoo.cfg, or a system property `-Dzookeeper.KEY=value`: behind `paddock serve`, or in the variables SERVER_JVMFLAGS and JVMFLAGS. The line counts where both are given |
| jvm | a system property `-DKEY=value`, or a line of zoo.cfg. The property counts where both are given |

A key that ends in `.*` stands for all that begin so. A number of a system property may be hexadecimal or octal (`0xfffff`).
A period is hours, or a number with ms, s, m, h or d.
";

const COLUMNS: &str =
    "| key | place | value | unless set | what it does, or why it has no effect |\n|---|---|---|---|---|\n";

const SYNONYMS_HEAD: &str = "
## Other names

ZooKeeper's own documents have these names, which it does not read itself. Here they are taken:

| name | key |
|---|---|
";

/// `docs/src/configuration.md`.
pub fn configuration_page() -> String {
    let mut page = HEAD.to_owned();
    let parts = [
        ("One server", server::KEYS),
        ("An ensemble", ensemble::KEYS),
        ("Authentication, TLS, administration", security::KEYS),
    ];
    for (title, keys) in parts {
        write!(page, "\n## {title}\n\n{COLUMNS}").expect(TAKES_ALL);
        for key in keys {
            page.push_str(&row(key));
        }
    }
    page.push_str(SYNONYMS_HEAD);
    for (documented, read) in SYNONYMS {
        writeln!(page, "| `{documented}` | `{read}` |").expect(TAKES_ALL);
    }
    page
}

fn row(key: &Key) -> String {
    let place = match key.source {
        Source::File => "file",
        Source::Property => "both",
        Source::Jvm => "jvm",
    };
    let default = key.default.filter(|default| !default.is_empty());
    let default = default.map_or_else(String::new, |default| format!("`{default}`"));
    format!("| `{}` | {place} | {} | {default} | {} |\n", key.name, value(key.kind), what(key))
}

/// What may be written.
fn value(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Host => "host".to_owned(),
        Kind::Port => "port".to_owned(),
        Kind::Number { unit, min, max } => {
            format!("{}{}", if unit.is_empty() { "number" } else { unit }, range(min, max))
        }
        Kind::Decimal => "decimal number".to_owned(),
        Kind::StrictBool | Kind::Bool | Kind::UnlessFalse => "true, false".to_owned(),
        Kind::YesNo { .. } => "yes, no".to_owned(),
        Kind::Interval => "period".to_owned(),
        Kind::Choice(words) => words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(", "),
    }
}

/// Ends of a range that are not those of Java's numbers.
fn range(min: i64, max: i64) -> String {
    let from = if min > i64::from(i32::MIN) { format!(", from {min}") } else { String::new() };
    let to = if max != i64::from(i32::MAX) && max < i64::MAX / 1024 { format!(" to {max}") } else { String::new() };
    from + &to
}

fn what(key: &Key) -> String {
    match key.state {
        State::Done => {
            let meaning = MEANINGS.iter().find(|(name, _)| *name == key.name);
            meaning.map_or_else(String::new, |(_, meaning)| (*meaning).to_owned())
        }
        State::Later(what) => format!("No effect: this version has no {what} yet"),
        State::Replaced(how) => format!("No effect: {how}"),
        State::Java => "No effect: it only makes sense in a JVM".to_owned(),
        State::Client => "No effect: it is a setting of clients".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::all;
    use super::{MEANINGS, State, configuration_page};

    #[test]
    fn the_page_is_what_the_table_says() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/configuration.md");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        let page = configuration_page();
        let different = page.lines().zip(written.lines()).find(|(rendered, written)| rendered != written);
        assert!(page == written, "{file} is old: cargo xtask docs --write; it differs first in {different:?}");
    }

    /// In the order of the table, so that one finds the other.
    #[test]
    fn every_key_that_is_served_has_a_meaning() {
        let served: Vec<_> = all().filter(|key| key.state == State::Done).map(|key| key.name).collect();
        let told: Vec<_> = MEANINGS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, served);
        for (name, meaning) in MEANINGS {
            assert!(!meaning.is_empty() && !meaning.ends_with('.'), "{name}");
        }
    }
}
