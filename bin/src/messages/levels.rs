//! Which lines are wanted: a level, or levels by parts of the program.

use tracing::Level;
use tracing_subscriber::filter::Targets;

/// What every line of this program is from.
const TARGETS: [&str; 4] = ["paddock", "paddock_net", "paddock_engine", "paddock_consensus"];

/// What a wish looks like.
pub const EXPECTED: &str = "a level (error, warn, info, debug, trace, off), or levels by parts of the program, as in \
                            info,paddock_net=debug";

/// Reads a wish. Errors of this program come in any case: one of them is why it ends.
///
/// # Errors
/// A clause that says what is wrong.
pub fn parse(wish: &str) -> Result<Targets, String> {
    let wish = wish.trim();
    let targets: Targets = match wish.parse() {
        Ok(_) if wish.is_empty() => return Err("the value is empty".to_owned()),
        Ok(targets) => targets,
        Err(error) => return Err(format!("this cannot be read ({error})")),
    };
    let shows = |target: &str| targets.would_enable(target, &Level::ERROR);
    let is_off = |part: &str| part.rsplit('=').next().is_some_and(|level| level.trim().eq_ignore_ascii_case("off"));
    if !wish.split(',').any(is_off) && !TARGETS.iter().any(|target| shows(target)) {
        return Err("no line of this program is chosen by this".to_owned());
    }
    // The first is the beginning of them all.
    Ok(if shows(TARGETS[0]) { targets } else { targets.with_target(TARGETS[0], Level::ERROR) })
}

/// What `RUST_LOG` wishes, which has this value, and what is to be said of a wish that cannot be met.
pub fn of_environment(wish: Option<&str>) -> (Targets, Option<String>) {
    let default = Targets::new().with_default(Level::INFO);
    let Some(wish) = wish.map(str::trim).filter(|wish| !wish.is_empty()) else { return (default, None) };
    match parse(wish) {
        Ok(targets) => (targets, None),
        Err(problem) => {
            (default, Some(format!("RUST_LOG={wish}: {problem}; the log begins at info; write {EXPECTED}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{of_environment, parse};

    #[test]
    fn wishes_that_choose_nothing_are_told_of() {
        for (wish, told) in [
            (None, false),
            (Some(""), false),
            (Some("debug"), false),
            (Some("off"), false),
            (Some("OFF"), false),
            (Some("office=debug"), true),
            (Some("paddock_net=trace"), false),
            (Some("loud"), true),
            (Some("paddock=loud"), true),
        ] {
            let (targets, hint) = of_environment(wish);
            assert_eq!(hint.is_some(), told, "{wish:?}");
            assert!(targets.would_enable("paddock", &Level::ERROR), "{wish:?}: why it ends is always told");
        }
        let (targets, _) = of_environment(Some("paddock_net=trace"));
        assert!(targets.would_enable("paddock_net::reactor", &Level::TRACE));
        assert!(!targets.would_enable("paddock::node", &Level::INFO));
        assert!(!of_environment(Some("off")).0.would_enable("paddock_net", &Level::WARN));
    }

    #[test]
    fn levels_by_parts_of_the_program() {
        let targets = parse(" info,paddock::node::peers=debug ").expect("it is well formed");
        assert!(targets.would_enable("paddock::node::peers::dial", &Level::DEBUG));
        assert!(!targets.would_enable("paddock::node::member", &Level::DEBUG));
        assert!(targets.would_enable("paddock_net", &Level::INFO));
        for wish in ["", " ", "loud", "paddock=loud"] {
            assert!(parse(wish).is_err(), "{wish:?}");
        }
    }
}
