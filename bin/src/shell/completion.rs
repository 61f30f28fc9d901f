//! What the word before the cursor may become: a command, or a path.

use super::usage;
use super::walk::child;

/// Which words would fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'a> {
    /// A command that begins so.
    Command(&'a str),
    /// A child of this znode whose name begins so.
    Path {
        parent: &'a str,
        name: &'a str,
    },
    Nothing,
}

/// Where the word before the cursor begins, and which would fit. Places are bytes.
pub fn wanted(line: &str, cursor: usize) -> (usize, Wanted<'_>) {
    let before = line.get(..cursor).unwrap_or(line);
    let begin = before.rfind(|blank: char| blank.is_ascii_whitespace()).map_or(0, |blank| blank + 1);
    let word = before.get(begin..).unwrap_or_default();
    let wanted = match word.rsplit_once('/') {
        Some(("", name)) => Wanted::Path { parent: "/", name },
        Some((parent, name)) if parent.starts_with('/') => Wanted::Path { parent, name },
        _ if before[..begin].trim().is_empty() => Wanted::Command(word),
        _ => Wanted::Nothing,
    };
    (begin, wanted)
}

pub fn commands(begin: &str) -> Vec<String> {
    usage::names().into_iter().filter(|name| name.starts_with(begin)).map(str::to_owned).collect()
}

/// The paths of those children whose names begin so, sorted. A name that a terminal would obey is not offered.
pub fn paths(parent: &str, name: &str, mut children: Vec<String>) -> Vec<String> {
    children.retain(|child| child.starts_with(name) && !child.chars().any(char::is_control));
    children.sort_unstable();
    children.iter().filter_map(|name| word(child(parent, name))).collect()
}

/// A path as it is typed: with quotation marks around it where it has blanks. One that has both kinds of marks too cannot be typed.
fn word(path: String) -> Option<String> {
    if !path.contains(char::is_whitespace) {
        return Some(path);
    }
    let mark = ['"', '\''].into_iter().find(|mark| !path.contains(*mark))?;
    Some(format!("{mark}{path}{mark}"))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, commands, paths, wanted};

    #[test]
    fn words_before_the_cursor_are_completed() {
        for (line, begin, expected) in [
            ("l", 0, Wanted::Command("l")),
            ("", 0, Wanted::Command("")),
            ("ls /", 3, Wanted::Path { parent: "/", name: "" }),
            ("ls -s /app/co", 6, Wanted::Path { parent: "/app", name: "co" }),
            ("ls /app/", 3, Wanted::Path { parent: "/app", name: "" }),
            ("ls -", 3, Wanted::Nothing),
            ("set /a x/y", 7, Wanted::Nothing),
        ] {
            assert_eq!(wanted(line, line.len()), (begin, expected), "{line}");
        }
        assert_eq!(wanted("ls /a /b", 5), (3, Wanted::Path { parent: "/", name: "a" }));
    }

    #[test]
    fn what_fits_is_named() {
        assert_eq!(commands("getA"), ["getAcl", "getAllChildrenNumber"]);
        let children = ["b", "a2", "a1"].map(str::to_owned).to_vec();
        assert_eq!(paths("/x", "a", children), ["/x/a1", "/x/a2"]);
        let children = ["two words", "it's so", "a \"b\" 'c'", "\u{1b}[2J"].map(str::to_owned).to_vec();
        assert_eq!(paths("/", "", children), ["\"/it's so\"", "\"/two words\""]);
    }
}
