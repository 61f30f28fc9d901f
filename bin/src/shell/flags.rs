//! The flags of a command, taken from its words as zkCli's library, Apache Commons CLI 1.5, takes them.
//!
//! A flag is one character, or a word; with a value, which follows as the next word, or directly, or behind `=`. Flags of one
//! character may be written together. `--` ends them. They may stand anywhere; other words keep their order.

use std::fmt;

/// A flag that a command knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub has_value: bool,
    pub description: &'static str,
}

pub const fn switch(name: &'static str, description: &'static str) -> Flag {
    Flag { name, has_value: false, description }
}

pub const fn valued(name: &'static str, description: &'static str) -> Flag {
    Flag { name, has_value: true, description }
}

/// Whether flags exclude each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    Any,
    AtMostOne,
    ExactlyOne,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syntax {
    pub flags: &'static [Flag],
    pub choice: Choice,
}

/// What was given: every word that is no flag, the command's own first, and the flags with their values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    pub words: Vec<String>,
    flags: Vec<(&'static str, Option<String>)>,
}

impl Given {
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(given, _)| *given == name)
    }

    /// Of a flag that was given twice the first value counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().filter(|(given, _)| *given == name).find_map(|(_, value)| value.as_deref())
    }
}

/// It prints as the library's exception does, class and all, since that is what zkCli shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mistake {
    Unrecognized(String),
    NoValue(&'static str),
    Missing(&'static [Flag]),
    Excluded { flag: &'static str, by: &'static str },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("org.apache.commons.cli.")?;
        match self {
            Mistake::Unrecognized(word) => write!(f, "UnrecognizedOptionException: Unrecognized option: {word}"),
            Mistake::NoValue(flag) => write!(f, "MissingArgumentException: Missing argument for option: {flag}"),
            Mistake::Missing(flags) => {
                let flags = flags.iter().map(|flag| format!("-{} {}", flag.name, flag.description));
                let flags = flags.collect::<Vec<_>>().join(", ");
                write!(f, "MissingOptionException: Missing required option: [{flags}]")
            }
            Mistake::Excluded { flag, by } => write!(
                f,
                "AlreadySelectedException: The option '{flag}' was specified but an option from this group has already been \
                 selected: '{by}'"
            ),
        }
    }
}

/// Takes the words of a command apart.
pub fn parse(syntax: &Syntax, words: &[String]) -> Result<Given, Mistake> {
    let mut parser = Parser { syntax, given: Given::default(), open: None, is_over: false };
    words.iter().try_for_each(|word| parser.take(word))?;
    parser.check_open()?;
    if syntax.choice == Choice::ExactlyOne && parser.given.flags.is_empty() {
        return Err(Mistake::Missing(syntax.flags));
    }
    Ok(parser.given)
}

struct Parser<'a> {
    syntax: &'a Syntax,
    given: Given,
    /// A flag that waits for its value.
    open: Option<&'static str>,
    /// After `--`.
    is_over: bool,
}

impl Parser<'_> {
    fn flag(&self, name: &str) -> Option<Flag> {
        self.syntax.flags.iter().find(|flag| flag.name == name).copied()
    }

    fn first_flag(&self, text: &str) -> Option<Flag> {
        let first = text.chars().next()?;
        self.flag(first.encode_utf8(&mut [0; 4]))
    }

    fn take(&mut self, word: &str) -> Result<(), Mistake> {
        if self.is_over {
            self.given.words.push(word.into());
        } else if word == "--" {
            self.is_over = true;
        } else if self.open.is_some() && !self.is_flag(word) {
            self.give_value(unquoted(word));
        } else if let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) {
            // No flag has a long name.
            if word.starts_with("--") {
                return Err(Mistake::Unrecognized(word.into()));
            }
            self.take_flag(word, flag)?;
        } else {
            self.given.words.push(word.into());
        }
        Ok(())
    }

    fn is_flag(&self, word: &str) -> bool {
        let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) else { return false };
        let name = flag.split('=').next().unwrap_or_default();
        self.flag(name).or_else(|| self.first_flag(name)).is_some()
    }

    /// `flag` is the word without its hyphen.
    fn take_flag(&mut self, word: &str, flag: &str) -> Result<(), Mistake> {
        let unrecognized = || Mistake::Unrecognized(word.into());
        if let Some(flag) = self.flag(flag) {
            return self.give(flag);
        }
        if let Some((name, value)) = flag.split_once('=') {
            let is_short = name.chars().count() == 1;
            let flag = self.flag(name).filter(|flag| is_short && flag.has_value).ok_or_else(unrecognized)?;
            self.give(flag)?;
            self.give_value(value);
            return Ok(());
        }
        for (at, character) in flag.char_indices() {
            let known = self.first_flag(&flag[at..]).ok_or_else(unrecognized)?;
            self.give(known)?;
            let rest = &flag[at + character.len_utf8()..];
            if known.has_value && !rest.is_empty() {
                self.give_value(rest);
                return Ok(());
            }
        }
        Ok(())
    }

    fn give(&mut self, flag: Flag) -> Result<(), Mistake> {
        self.check_open()?;
        if self.syntax.choice != Choice::Any
            && let Some(&(by, _)) = self.given.flags.iter().find(|(given, _)| *given != flag.name)
        {
            return Err(Mistake::Excluded { flag: flag.name, by });
        }
        self.given.flags.push((flag.name, None));
        self.open = flag.has_value.then_some(flag.name);
        Ok(())
    }

    fn give_value(&mut self, value: &str) {
        let (_, last) = self.given.flags.last_mut().expect("a flag waits for its value");
        *last = Some(value.into());
        self.open = None;
    }

    fn check_open(&self) -> Result<(), Mistake> {
        self.open.map_or(Ok(()), |flag| Err(Mistake::NoValue(flag)))
    }
}

/// Without quotation marks around it, if there are no others.
fn unquoted(word: &str) -> &str {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(word)
}

/// The flags as the library lists them below a usage line: by name, capitals among the others.
pub fn listed(flags: &[Flag]) -> String {
    let mut flags = flags.to_vec();
    flags.sort_by_key(|flag| flag.name.to_lowercase());
    let heading = |flag: &Flag| format!(" -{}{}", flag.name, if flag.has_value { " <arg>" } else { "" });
    let width = flags.iter().map(|flag| heading(flag).len()).max().unwrap_or(0);
    flags.iter().map(|flag| format!("{:<width$}   {}\n", heading(flag), flag.description)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Choice, Flag, Given, Mistake, Syntax, listed, parse, switch, valued};

    const FLAGS: [Flag; 4] =
        [switch("s", "stats"), switch("w", "watch"), valued("v", "version"), valued("add", "members")];
    const SYNTAX: Syntax = Syntax { flags: &FLAGS, choice: Choice::Any };

    fn given(line: &str) -> Result<Given, Mistake> {
        parse(&SYNTAX, &line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_stand_anywhere() {
        for line in ["get -s /a", "get /a -s", "get -s -- /a"] {
            let given = given(line).expect(line);
            assert_eq!((given.words.join(" "), given.has("s"), given.has("w")), ("get /a".to_owned(), true, false));
        }
        let given = given("get -sw -- -s").expect("fine");
        assert_eq!((given.words, given.flags.len()), (vec!["get".to_owned(), "-s".to_owned()], 2));
    }

    #[test]
    fn values_follow_in_three_ways() {
        for line in ["set -v 7 /a", "set -v7 /a", "set -v=7 /a", "set -sv7 /a", "set -v 7 -v 8 /a", "set -v \"7\" /a"] {
            let given = given(line).expect(line);
            assert_eq!((given.value("v"), given.words.join(" ")), (Some("7"), "set /a".to_owned()), "{line}");
        }
        let negative = given("set -v -1 /a").expect("-1 is no flag");
        assert_eq!(negative.value("v"), Some("-1"));
        assert_eq!(given("reconfig -add server.1=h:1:2;3").expect("fine").value("add"), Some("server.1=h:1:2;3"));
    }

    #[test]
    fn mistakes_are_the_librarys() {
        for (line, told) in [
            ("get -x /a", "UnrecognizedOptionException: Unrecognized option: -x"),
            ("get -sx /a", "UnrecognizedOptionException: Unrecognized option: -sx"),
            ("get --stat /a", "UnrecognizedOptionException: Unrecognized option: --stat"),
            ("get -5", "UnrecognizedOptionException: Unrecognized option: -5"),
            ("get -s=1 /a", "UnrecognizedOptionException: Unrecognized option: -s=1"),
            ("set /a -v", "MissingArgumentException: Missing argument for option: v"),
            ("set /a -v -s", "MissingArgumentException: Missing argument for option: v"),
        ] {
            assert_eq!(given(line).expect_err(line).to_string(), format!("org.apache.commons.cli.{told}"));
        }
    }

    #[test]
    fn one_of_a_group_is_chosen() {
        const GROUP: [Flag; 2] = [valued("n", "num soft quota"), valued("b", "bytes soft quota")];
        let parse = |choice, line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            parse(&Syntax { flags: &GROUP, choice }, &words).map_err(|mistake| mistake.to_string())
        };
        assert!(parse(Choice::ExactlyOne, "setquota -n 5 /a").is_ok());
        assert!(parse(Choice::AtMostOne, "delquota /a").is_ok());
        let missing = "org.apache.commons.cli.MissingOptionException: Missing required option: [-n num soft quota, -b bytes soft \
                       quota]";
        assert_eq!(parse(Choice::ExactlyOne, "setquota /a"), Err(missing.to_owned()));
        let excluded = "org.apache.commons.cli.AlreadySelectedException: The option 'b' was specified but an option from this \
                        group has already been selected: 'n'";
        assert_eq!(parse(Choice::AtMostOne, "setquota -n 5 -b 6 /a"), Err(excluded.to_owned()));
    }

    #[test]
    fn flags_are_listed() {
        let expected = " -add <arg>   members\n -s           stats\n -v <arg>     version\n -w           watch\n";
        assert_eq!(listed(&FLAGS), expected);
    }
}
