//! What a port serves: requests, and their answers.

use std::io;
use std::net::IpAddr;

use hyper::{Method, StatusCode, header};

use super::upload::Upload;

/// A request. Of its body there is something only where the site [takes](Site::takes_body) that.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// As it was sent, from the first slash on, without the query.
    pub path: String,
    /// As it was sent, behind the question mark.
    pub query: Option<String>,
    /// What the header `Authorization` says.
    pub authorization: Option<String>,
    /// What the header `X-Forwarded-For` says.
    pub forwarded_for: Option<String>,
    /// What the header `Host` says.
    pub host: Option<String>,
    /// What the header `If-None-Match` says.
    pub if_none_match: Option<String>,
    /// What the header `Origin` says: whose page asks.
    pub origin: Option<String>,
    /// What the header `X-Paddock-Data` says: the data of a znode in base 64, from the console.
    pub data: Option<String>,
    /// Whose connection it came on.
    pub address: IpAddr,
    /// Whose certificate the client has shown, as Java writes its subject.
    pub subject: Option<String>,
    pub upload: Option<Upload>,
}

impl Request {
    /// What stands in the head of a request that came from this address.
    pub fn of<B>(request: &hyper::Request<B>, address: IpAddr) -> Request {
        let header = |name: &str| {
            request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Request {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            authorization: header(header::AUTHORIZATION.as_str()),
            forwarded_for: header("x-forwarded-for"),
            host: header(header::HOST.as_str()),
            if_none_match: header(header::IF_NONE_MATCH.as_str()),
            origin: header(header::ORIGIN.as_str()),
            data: header("x-paddock-data"),
            address,
            subject: None,
            upload: None,
        }
    }
}

/// Makes the body of an answer piece by piece: it hands each to the function it is called with, for as long as that wants more.
/// An error cuts the answer off, and the client sees that it is not whole.
pub type Pieces = Box<dyn FnOnce(&mut dyn FnMut(Vec<u8>) -> bool) -> io::Result<()> + Send>;

/// The body of an answer.
pub enum Content {
    Whole(Vec<u8>),
    /// It takes the worker that makes it as long as the client takes it.
    Pieces(Pieces),
}

/// What a request is answered.
pub struct Answer {
    pub status: StatusCode,
    /// Names in lower case, with values that a header may have.
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
}

impl Answer {
    /// A line of plain text.
    pub fn text(status: StatusCode, text: &str) -> Answer {
        let headers = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
        Answer { status, headers, content: Content::Whole(format!("{text}\n").into_bytes()) }
    }
}

/// What is served on a port.
pub trait Site: Send + Sync {
    /// The answer to what costs next to nothing, on the thread of all connections; `None` for anything else.
    fn at_once(&self, request: &Request) -> Option<Answer>;

    /// Whether the body of a request is taken, piece by piece. The body of another request is not read, and its connection ends behind
    /// the answer.
    fn takes_body(&self, _request: &Request) -> bool {
        false
    }

    /// The answer, which may take its time.
    fn answer(&self, request: &Request) -> Answer;
}
