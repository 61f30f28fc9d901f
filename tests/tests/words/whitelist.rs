//! Words that are not allowed, and that those which are allowed are answered.
use crate::{ask, setup};
use paddock_tests::server::Kind;

/// Words that change something or cost much.
const OTHERS: [&str; 10] = ["crst", "dirs", "dump", "gtmk", "hash", "srst", "stmk", "wchc", "wchp", "wchs"];

fn refusal(word: &str) -> String {
    format!("{word} is not executed because it is not in the whitelist.\n")
}

#[test]
fn a_word_that_is_not_allowed_is_refused_as_zookeeper_refuses_it() {
    let server = setup().config("4lw.commands.whitelist", "ruok").start();
    for word in OTHERS.iter().chain(&["conf", "cons", "envi", "isro", "mntr", "stat"]) {
        assert_eq!(ask(&server, word), refusal(word));
    }
    assert_eq!(ask(&server, "ruok"), "imok");
    assert!(ask(&server, "srvr").contains("Mode: "), "srvr is always allowed");
}

/// What the operator has allowed is never said not to be, whichever way it was allowed.
#[test]
fn an_allowed_word_is_never_said_to_be_missing_from_the_whitelist() {
    if Kind::under_test() != Kind::Paddock {
        return;
    }
    let every = OTHERS.join(",");
    let mixed = format!("ruok, {every} ,stat");
    let ways = [
        setup().config("4lw.commands.whitelist", &every),
        setup().config("4lw.commands.whitelist", &mixed),
        setup().config("4lw.commands.whitelist", "*"),
        setup().config("4lw.commands.whitelist", "stat,*,nonsense"),
        setup().without("4lw.commands.whitelist").property("zookeeper.4lw.commands.whitelist", &every),
    ];
    for way in ways {
        let told = format!("{way:?}");
        let server = way.start();
        for word in OTHERS {
            let answer = ask(&server, word);
            // There is no digest yet, and no mask behind the word.
            assert_eq!(answer.is_empty(), ["hash", "stmk"].contains(&word), "{told}: {word}: {answer}");
            assert!(!answer.contains("whitelist"), "{told}: {answer}");
        }
    }
}
