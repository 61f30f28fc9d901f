//! Which four-letter words are answered.

use paddock_net::four_letter::{HARMLESS, KNOWN, TELNET_CLOSE};

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

    /// For a server without a configuration file: words that read a little and change nothing.
    pub fn harmless() -> Self {
        Self { all: false, words: HARMLESS.map(str::to_owned).to_vec() }
    }

    pub fn add(&mut self, word: &str) {
        if let Err(at) = self.words.binary_search_by(|known| known.as_str().cmp(word)) {
            self.words.insert(at, word.to_owned());
        }
    }

    pub fn allows(&self, word: &str) -> bool {
        self.all || self.words.iter().any(|known| known == word)
    }

    /// Every four-letter word that is allowed, and what telnet sends when it is interrupted, which ZooKeeper counts among them.
    pub fn allowed(&self) -> Vec<&'static str> {
        KNOWN.into_iter().chain([TELNET_CLOSE]).filter(|word| self.allows(word)).collect()
    }

    /// Words of the list that are no four-letter words.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str).filter(|word| !KNOWN.contains(word) && *word != TELNET_CLOSE)
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
    fn every_word_that_is_listed_and_known_is_allowed() {
        let all = Whitelist::parse("*").allowed();
        assert_eq!((&all[..KNOWN.len()], &all[KNOWN.len()..]), (&KNOWN[..], &[TELNET_CLOSE][..]));
        assert_eq!(Whitelist::parse("wchs,nonsense,dump").allowed(), ["dump", "srvr", "wchs"]);
    }

    #[test]
    fn without_a_file() {
        let whitelist = Whitelist::harmless();
        assert_eq!(whitelist.allowed(), HARMLESS);
        assert_eq!(whitelist.unknown().count(), 0);
    }

    #[test]
    fn misspelt_words_are_found() {
        let whitelist = Whitelist::parse("sata,ruok,stats");
        assert_eq!(whitelist.unknown().collect::<Vec<_>>(), ["sata", "stats"]);
        assert_eq!(Whitelist::parse("*,stats").unknown().count(), 0);
    }
}
