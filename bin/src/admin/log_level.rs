//! `log_level`: which lines the log has, told and changed while the server runs, by part of the program.
//!
//! The line that tells of a change says who asked. It stands in the log whatever the levels are, before and after.

use hyper::{Method, StatusCode};
use tracing::Level;

use super::authorization::{identities, shown};
use super::json::named;
use super::outcome::{Outcome, Refusal};
use super::source::Source;
use crate::http::{Request, parameter};
use crate::messages::{self, levels};

/// A wish that is longer is not read, bytes.
const WISH_MAX: usize = 1 << 10;

/// With POST the parameter `level` is what is wanted from now on, until the next change or the next start.
pub fn log_level(source: &Source, request: &Request) -> Result<Outcome, Refusal> {
    let former = in_force()?;
    if request.method != Method::POST {
        return Ok(Outcome::of(named([("level", former.into())])));
    }
    let wish = wish(request.query.as_deref())?;
    let whose = shown(&identities(source, request)?);
    messages::set_levels(Some(&wish)).map_err(|problem| refused(&problem))?;
    let level = in_force()?;
    let change = format!("the log goes by {level} from now on, and no more by {former}: {whose} asked for it by HTTP");
    messages::say(Level::INFO, &change);
    Ok(Outcome::of(named([("level", level.into()), ("former_level", former.into())])))
}

fn in_force() -> Result<String, Refusal> {
    messages::levels_in_force()
        .ok_or_else(|| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "there is no log at this moment; ask again"))
}

/// What the parameter says.
fn wish(query: Option<&str>) -> Result<String, Refusal> {
    match parameter(query, "level") {
        None => Err(refused("it is missing")),
        Some(wish) if wish.len() > WISH_MAX => Err(refused("it is longer than 1 KiB")),
        Some(wish) => Ok(wish),
    }
}

fn refused(problem: &str) -> Refusal {
    let error = format!("the parameter level: {problem}; it is {}; the log goes on as before", levels::EXPECTED);
    Refusal::new(StatusCode::BAD_REQUEST, error)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::{WISH_MAX, wish};

    #[test]
    fn a_wish_has_a_bound() {
        let of = |level: &str| wish(Some(&format!("level={level}"))).map_err(|refusal| refusal.status);
        assert_eq!(of("info,paddock_net%3Ddebug"), Ok("info,paddock_net=debug".to_owned()));
        let longest = "x".repeat(WISH_MAX);
        assert_eq!(of(&longest), Ok(longest.clone()));
        assert_eq!(of(&format!("{longest}x")), Err(StatusCode::BAD_REQUEST));
        for query in [None, Some(""), Some("Level=info")] {
            assert!(wish(query).is_err_and(|refusal| refusal.error.contains("it is missing")), "{query:?}");
        }
    }
}
