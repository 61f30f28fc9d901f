//! Arguments as ZooKeeper's tools take them: `-x`, `-x VALUE`, `-xVALUE`, `-xyz`, `--name`, `--name VALUE`, `--name=VALUE`, and
//! `-name` as well.

/// An option that a tool has.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub short: char,
    pub long: &'static str,
    pub takes_value: bool,
}

/// What was given.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Given {
    options: Vec<(char, Option<String>)>,
    /// What is no option.
    pub rest: Vec<String>,
}

impl Given {
    /// # Errors
    /// Says what is wrong, in the tools' words.
    pub fn read(words: &[String], known: &[Known]) -> Result<Given, String> {
        let mut given = Given::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(body) = word.strip_prefix('-').filter(|body| !body.is_empty()) else {
                given.rest.push(word.clone());
                continue;
            };
            if body == "-" {
                given.rest.extend(words.cloned());
                break;
            }
            let (name, value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (body, None),
            };
            let name = name.strip_prefix('-').unwrap_or(name);
            if let Some(option) = known.iter().find(|option| option.long == name) {
                given.take(option, value, &mut words)?;
            } else if body.starts_with('-') {
                return Err(format!("Unrecognized option: {word}"));
            } else {
                given.take_letters(body, word, known, &mut words)?;
            }
        }
        Ok(given)
    }

    /// `-xyz`, where the first that takes a value has what stands behind it.
    fn take_letters<'w>(
        &mut self,
        letters: &str,
        word: &str,
        known: &[Known],
        words: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let option = known.iter().find(|option| option.short == letter);
            let option = option.ok_or_else(|| format!("Unrecognized option: {word}"))?;
            let behind = &letters[at + letter.len_utf8()..];
            if option.takes_value {
                let value = behind.strip_prefix('=').unwrap_or(behind);
                return self.take(option, Some(value).filter(|value| !value.is_empty()), words);
            }
            self.options.push((letter, None));
        }
        Ok(())
    }

    fn take<'w>(
        &mut self,
        option: &Known,
        value: Option<&str>,
        words: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), String> {
        let value = match value {
            _ if !option.takes_value => None,
            Some(value) => Some(value.to_owned()),
            None => {
                let next = words.next().ok_or_else(|| format!("Missing argument for option: {}", option.short))?;
                Some(next.clone())
            }
        };
        self.options.push((option.short, value));
        Ok(())
    }

    pub fn has(&self, short: char) -> bool {
        self.options.iter().any(|(given, _)| *given == short)
    }

    /// What was given with an option; of two, the first counts.
    pub fn value(&self, short: char) -> Option<&str> {
        self.options.iter().find(|(given, _)| *given == short)?.1.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, Known};

    const KNOWN: [Known; 3] = [
        Known { short: 'd', long: "dump", takes_value: false },
        Known { short: 'c', long: "chop", takes_value: false },
        Known { short: 'z', long: "zxid", takes_value: true },
    ];

    fn read(text: &str) -> Result<Given, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Given::read(&words, &KNOWN)
    }

    #[test]
    fn options_have_many_forms() {
        for text in
            ["-c -z 5 log", "log -cz 5", "-c -z5 log", "-cz=5 log", "--chop --zxid 5 log", "--zxid=5 -chop -- log"]
        {
            let given = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(given.has('c') && !given.has('d'), "{text}");
            assert_eq!((given.value('z'), &given.rest[..]), (Some("5"), &["log".to_owned()][..]), "{text}");
        }
        let given = read("- -- -d").expect("they are no options");
        assert_eq!((given.rest, given.options), (vec!["-".to_owned(), "-d".to_owned()], vec![]));
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        for (text, error) in [
            ("-x", "Unrecognized option: -x"),
            ("-dx log", "Unrecognized option: -dx"),
            ("--none", "Unrecognized option: --none"),
            ("-z", "Missing argument for option: z"),
            ("--zxid", "Missing argument for option: z"),
        ] {
            assert_eq!(read(text), Err(error.to_owned()), "{text}");
        }
    }
}
