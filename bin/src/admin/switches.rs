//! The commands that tell or change a single thing.

use std::sync::atomic::Ordering;

use super::json::named;
use super::outcome::{Outcome, Refusal};
use super::source::Source;
use crate::http::{Request, parameter};

/// `ruok`: that there is an answer says it.
pub fn ruok(_source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::nothing())
}

/// `is_read_only`.
pub fn is_read_only(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(named([("read_only", source.is_read_only().into())])))
}

/// `get_trace_mask`.
pub fn get_trace_mask(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(named([("tracemask", source.status.trace_mask.0.load(Ordering::Relaxed).into())])))
}

/// `set_trace_mask`. This server logs by its own levels, and only tells the mask again.
pub fn set_trace_mask(source: &Source, request: &Request) -> Result<Outcome, Refusal> {
    let data = match mask(parameter(request.query.as_deref(), "traceMask")) {
        Ok(mask) => {
            source.status.trace_mask.0.store(mask, Ordering::Relaxed);
            named([("tracemask", mask.into())])
        }
        Err(error) => named([("error", error.into())]),
    };
    Ok(Outcome::of(data))
}

fn mask(asked: Option<String>) -> Result<i64, String> {
    const NEEDS: &str = "setTraceMask requires long traceMask argument";
    let asked = asked.ok_or_else(|| NEEDS.to_owned())?;
    asked.parse().map_err(|_| format!("{NEEDS}, got {asked}"))
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn masks_are_whole_numbers() {
        assert_eq!(mask(Some("306".into())), Ok(306));
        assert_eq!(mask(Some("-1".into())), Ok(-1));
        assert_eq!(mask(None), Err("setTraceMask requires long traceMask argument".into()));
        assert_eq!(mask(Some("x".into())), Err("setTraceMask requires long traceMask argument, got x".into()));
    }
}
