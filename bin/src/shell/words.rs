//! A line that is typed, taken apart into words as zkCli does.
//!
//! Words are separated by blanks. A word that begins with a quotation mark, `'` or `"`, goes to the next one of its kind, with
//! blanks and all, and loses both; where there is none, the mark is passed over. Within a word a mark is a character like any
//! other, and there is no way to escape one.

use std::ops::Range;

/// What Java's `\s` is.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn is_mark(character: char) -> bool {
    matches!(character, '"' | '\'')
}

/// The words of a line. A line of blanks alone is one word, of its last blank: zkCli finds that it knows no such command.
pub fn words(line: &str) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        match next(&characters, at) {
            Some(word) => {
                at = blanks_end(&characters, word.end);
                found.push(characters[unmarked(&characters, word)].iter().collect());
            }
            None => at += 1,
        }
    }
    found
}

/// Where the first blank is from `at` on, or the end.
fn word_end(characters: &[char], at: usize) -> usize {
    (at..characters.len()).find(|at| is_blank(characters[*at])).unwrap_or(characters.len())
}

/// Where the first is that is no blank, from `at` on, or the end.
fn blanks_end(characters: &[char], at: usize) -> usize {
    (at..characters.len()).find(|at| !is_blank(characters[*at])).unwrap_or(characters.len())
}

/// The word that begins at `at`, or behind the blanks there; none where a mark has no partner.
fn next(characters: &[char], at: usize) -> Option<Range<usize>> {
    let begin = blanks_end(characters, at);
    let last_blank = (begin > at).then(|| begin - 1);
    let Some(&first) = characters.get(begin) else { return last_blank.map(|blank| blank..begin) };
    if !is_mark(first) {
        return Some(begin..word_end(characters, begin));
    }
    let partner = (begin + 1..characters.len()).find(|at| characters[*at] == first);
    match partner {
        Some(partner) => Some(begin..partner + 1),
        // The expression that zkCli takes lines apart with then takes the blank before for the beginning of the word.
        None => last_blank.map(|blank| blank..word_end(characters, begin)),
    }
}

/// The word without the marks around it, if it has them.
fn unmarked(characters: &[char], word: Range<usize>) -> Range<usize> {
    let is_marked =
        word.len() >= 2 && is_mark(characters[word.start]) && characters[word.start] == characters[word.end - 1];
    if is_marked { word.start + 1..word.end - 1 } else { word }
}

/// The commands of a script in one argument: a `;` that a blank or the end follows, or a new line, ends one, unless it stands
/// in a marked word. (A server line has a `;` with a port behind it.)
pub fn commands(script: &str) -> Vec<String> {
    let characters: Vec<char> = script.chars().collect();
    let mut found = vec![String::new()];
    let mut mark = None;
    for (at, &character) in characters.iter().enumerate() {
        let begins_word = at == 0 || is_blank(characters[at - 1]);
        let ends_word = characters.get(at + 1).is_none_or(|next| is_blank(*next));
        match mark {
            Some(open) if character == open => mark = None,
            Some(_) => {}
            None if is_mark(character) && begins_word => mark = Some(character),
            None if character == '\n' || (character == ';' && ends_word) => {
                found.push(String::new());
                continue;
            }
            None => {}
        }
        found.last_mut().expect("there is always one").push(character);
    }
    found.into_iter().map(|command| command.trim().to_owned()).filter(|command| !command.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{commands, words};

    #[test]
    fn lines_come_apart_as_zkclis_expression_has_it() {
        for (line, expected) in [
            ("ls /", &["ls", "/"][..]),
            ("  ls   /  ", &["ls", "/"]),
            ("create /a \"two words\"", &["create", "/a", "two words"]),
            ("create /a 'it is \"so\"'", &["create", "/a", "it is \"so\""]),
            ("set /a ''", &["set", "/a", ""]),
            ("set /a a\"b c\"", &["set", "/a", "a\"b", "c\""]),
            ("set /a \"b\"c", &["set", "/a", "b", "c"]),
            // A mark without a partner.
            ("set /a \"b c", &["set", "/a", "b", "c"]),
            ("\"", &[]),
            (" \"x", &[" \"x"]),
            // Blanks alone.
            ("   ", &[" "]),
            ("", &[]),
        ] {
            assert_eq!(words(line), expected, "{line:?}");
        }
    }

    #[test]
    fn scripts_come_apart_at_semicolons() {
        for (script, expected) in [
            ("ls /; get /a", &["ls /", "get /a"][..]),
            ("ls / ;;", &["ls / ;"]),
            ("ls /\n\nget /a\n", &["ls /", "get /a"]),
            ("reconfig -add server.4=h:1:2;2181; config", &["reconfig -add server.4=h:1:2;2181", "config"]),
            ("set /a 'x; y'; get /a", &["set /a 'x; y'", "get /a"]),
            ("set /a it's; get /a", &["set /a it's", "get /a"]),
            (" ; ", &[]),
        ] {
            assert_eq!(commands(script), expected, "{script:?}");
        }
    }
}
