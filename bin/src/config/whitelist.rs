//! Which four-letter words are answered.

/// All that ZooKeeper knows, but for the telnet interrupt.
const KNOWN: [&str; 18] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs",
];

/// Words that read a little and change nothing: what a server without any configuration answers.
const HARMLESS: [&str; 8] = ["conf", "cons", "envi", "isro", "mntr", "ruok", "srvr", "stat"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitelist {
    all: bool,
    /// Sorted.
    words: Vec<String>,
}

impl Whitelist {
    /// Reads `4lw.commands.whitelist`; `*` ends the list and allows every word. `srvr` is always in it.
    pub fn parse(list: &str) -> Self {
        let words = || list.split(',').map(super::properties::trim);
        let mut listed: Vec<String> = words().take_while(|word| *word != "*").map(str::to_owned).collect();
        listed.retain(|word| !word.is_empty());
        listed.push("srvr".to_owned());
        listed.sort();
        listed.dedup();
        Self { all: words().any(|word| word == "*"), words: listed }
    }

    /// For a server without a configuration file.
    pub fn harmless() -> Self {
        Self { all: false, words: HARMLESS.map(str::to_owned).to_vec() }
    }

    pub fn add(&mut self, word: &str) {
        if let Err(at) = self.words.binary_search_by(|known| known.as_str().cmp(word)) {
            self.words.insert(at, word.to_owned());
        }
    }

    /// Whether a four-letter word is executed. With `*` every word is, which is for the caller's own list to bound.
    pub fn allows(&self, word: &str) -> bool {
        self.all || self.words.iter().any(|known| known == word)
    }

    /// Words of the list that are no four-letter words.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str).filter(|word| !KNOWN.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (list, allowed, refused) in [
            ("", &["srvr"][..], &["stat", "ruok", "isro"][..]),
            (" stat , ruok,", &["srvr", "stat", "ruok"], &["mntr"]),
            ("*", &["srvr", "stat", "wchc"], &[]),
            ("stat,*,junk", &["srvr", "stat", "wchc"], &[]),
            ("STAT", &["srvr"], &["stat"]),
        ] {
            let whitelist = Whitelist::parse(list);
            for word in allowed {
                assert!(whitelist.allows(word), "{list:?} {word}");
            }
            for word in refused {
                assert!(!whitelist.allows(word), "{list:?} {word}");
            }
        }
    }

    #[test]
    fn without_a_file() {
        let whitelist = Whitelist::harmless();
        for word in HARMLESS {
            assert!(whitelist.allows(word), "{word}");
        }
        for word in ["wchc", "crst", "dump", "stmk"] {
            assert!(!whitelist.allows(word), "{word}");
        }
        assert!(HARMLESS.is_sorted() && KNOWN.is_sorted());
        assert_eq!(whitelist.unknown().count(), 0);
    }

    #[test]
    fn misspelt_words_are_found() {
        let whitelist = Whitelist::parse("sata,ruok,stats");
        assert_eq!(whitelist.unknown().collect::<Vec<_>>(), ["sata", "stats"]);
        assert_eq!(Whitelist::parse("*,stats").unknown().count(), 0);
    }
}
