//! What a command has found out, and the answer that is made of it.

use hyper::StatusCode;
use paddock_net::surveyor::Unanswered;

use super::json::{Fields, Json};
use crate::http::{Answer, Content, Pieces};

/// A text that is longer is not told, bytes: whoever asks is sent elsewhere.
pub const TEXT_MAX: usize = 64 << 20;

/// What a command has found out.
pub struct Outcome {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    /// In their order. A field `error` among them is the error of the answer.
    pub data: Fields,
    /// What is sent in the place of JSON.
    pub stream: Option<Pieces>,
}

impl Outcome {
    pub fn of(data: Fields) -> Outcome {
        Outcome { status: StatusCode::OK, headers: Vec::new(), data, stream: None }
    }

    /// Without data.
    pub fn nothing() -> Outcome {
        Outcome::of(Vec::new())
    }

    /// As ZooKeeper has it where it says no more than the status.
    pub fn status(status: StatusCode) -> Outcome {
        Outcome { status, ..Outcome::nothing() }
    }
}

/// Why a command is not executed, or has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub error: String,
}

impl Refusal {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into() }
    }

    /// There is more to be told than is told.
    pub fn too_much() -> Refusal {
        let error = "the answer would be longer than 64 MiB, or take more than 128 MiB to make; ask for a summary, or for one of \
                     the four-letter words";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, unanswered.to_string())
    }
}

/// The answer to a command by this name.
pub fn answer(name: &str, outcome: Result<Outcome, Refusal>) -> Answer {
    match outcome {
        Ok(Outcome { status, mut headers, stream: Some(pieces), .. }) => {
            headers.push(("content-type", "application/octet-stream".to_owned()));
            Answer { status, headers, content: Content::Pieces(pieces) }
        }
        Ok(Outcome { status, headers, mut data, stream: None }) => {
            let has_error = data.iter().any(|(key, _)| key == "error");
            data.push(("command".to_owned(), name.into()));
            if !has_error {
                data.push(("error".to_owned(), Json::Null));
            }
            in_json(status, headers, data)
        }
        Err(Refusal { status, error }) => {
            let data = vec![("command".to_owned(), name.into()), ("error".to_owned(), error.into())];
            in_json(status, Vec::new(), data)
        }
    }
}

fn in_json(status: StatusCode, mut headers: Vec<(&'static str, String)>, data: Fields) -> Answer {
    headers.push(("content-type", "application/json".to_owned()));
    Answer { status, headers, content: Content::Whole(Json::Object(data).print().into_bytes()) }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::super::json::named;
    use super::{Outcome, Refusal, answer};
    use crate::http::Content;

    fn body(outcome: Result<Outcome, Refusal>) -> String {
        match answer("leader", outcome).content {
            Content::Whole(bytes) => String::from_utf8(bytes).expect("JSON is UTF-8"),
            Content::Pieces(_) => panic!("it is whole"),
        }
    }

    #[test]
    fn command_and_error_end_the_data() {
        let data = named([("is_leader", true.into())]);
        let expected = "{\n  \"is_leader\" : true,\n  \"command\" : \"leader\",\n  \"error\" : null\n}";
        assert_eq!(body(Ok(Outcome::of(data))), expected);
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "Not authorized");
        assert_eq!(body(Err(refusal)), "{\n  \"command\" : \"leader\",\n  \"error\" : \"Not authorized\"\n}");
    }

    #[test]
    fn an_error_among_the_data_stands_where_it_is() {
        let data = named([("error", "server is not initialized".into())]);
        let expected = "{\n  \"error\" : \"server is not initialized\",\n  \"command\" : \"leader\"\n}";
        assert_eq!(body(Ok(Outcome::of(data))), expected);
    }
}
