//! The paths of the console, and those of the AdminServer beside it.

use hyper::{Method, StatusCode};

use super::changes::{self, Change};
use super::ensemble::Ensemble;
use super::{clients, figures, hosts, pages, stages, told, tree, visitor};
use crate::admin::outcome::Refusal;
use crate::admin::{Admin, Source};
use crate::http::{Answer, Content, Request, Site};

/// Where the console is.
const PATH: &str = "/console";
/// Where a browser asks for what it shows, below that.
const ASKED: &str = "/api/";
/// How it asks for that.
const READING: &str = "GET, HEAD";

/// What is served on the port of the AdminServer where the console is on.
pub struct Console {
    admin: Admin,
    ensemble: Ensemble,
    versions: tree::Turn,
    changes: changes::Turn,
}

impl Console {
    pub fn new(source: Source) -> Console {
        let (ensemble, versions, changes) = (Ensemble::default(), tree::Turn::default(), changes::Turn::default());
        Console { admin: Admin(source), ensemble, versions, changes }
    }

    /// What is below the console's path; `None` for what is the AdminServer's.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(PATH)?;
        // Whoever has given the commands this place, or one in it, means it.
        let commands = &*self.admin.0.settings.command_url;
        let is_command = commands.starts_with(PATH) && path.starts_with(commands);
        ((below.is_empty() || below.starts_with('/')) && !is_command).then_some(below)
    }

    fn page(&self, below: &str, request: &Request) -> Option<Answer> {
        if below.starts_with(ASKED) {
            return None;
        }
        Some(match request.method {
            Method::GET | Method::HEAD if below.is_empty() => elsewhere(),
            Method::GET | Method::HEAD => {
                let known = request.if_none_match.as_deref();
                let nothing = || {
                    Answer::text(StatusCode::NOT_FOUND, &format!("there is nothing here; the console is at {PATH}/"))
                };
                pages::answer(below, known).unwrap_or_else(nothing)
            }
            _ => other_method(READING),
        })
    }

    fn found(&self, name: &str, request: &Request) -> Result<serde_json::Value, Refusal> {
        let source = &self.admin.0;
        hosts::check(source, request)?;
        match name {
            "figures" => Ok(figures::figures(source)),
            "stages" => Ok(stages::stages(source)),
            "ensemble" => self.ensemble.tell(source),
            "znode" => tree::znode(source, &self.versions, request),
            "children" => tree::children(source, &self.versions, request),
            "search" => tree::search(source, &self.versions, request),
            "sessions" => clients::sessions(source, request),
            "ephemerals" => clients::ephemerals(source, request),
            "watches" => clients::watches(source, request),
            "visitor" => visitor::visitor(source, request),
            "log" => visitor::log(source, request),
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "the console has no such question")),
        }
    }

    fn changed(&self, change: Change, request: &Request) -> Result<serde_json::Value, Refusal> {
        let source = &self.admin.0;
        hosts::check(source, request)?;
        changes::make(source, &self.changes, change, request)
    }
}

impl Site for Console {
    fn at_once(&self, request: &Request) -> Option<Answer> {
        match self.below(&request.path) {
            Some(below) => self.page(below, request),
            None => self.admin.at_once(request),
        }
    }

    fn takes_body(&self, request: &Request) -> bool {
        self.below(&request.path).is_none() && self.admin.takes_body(request)
    }

    fn answer(&self, request: &Request) -> Answer {
        let Some(name) = self.below(&request.path).and_then(|below| below.strip_prefix(ASKED)) else {
            return self.admin.answer(request);
        };
        match (Change::of(name), &request.method) {
            (Some(change), &Method::POST) => told::answer(self.changed(change, request)),
            (Some(_), _) => other_method("POST"),
            (None, &Method::GET | &Method::HEAD) => told::answer(self.found(name, request)),
            (None, _) => other_method(READING),
        }
    }
}

/// The files are named relatively to the path with a slash at its end.
fn elsewhere() -> Answer {
    let mut headers = told::headers("text/plain; charset=utf-8", "no-cache");
    headers.push(("location", format!("{PATH}/")));
    Answer { status: StatusCode::MOVED_PERMANENTLY, headers, content: Content::Whole(Vec::new()) }
}

/// What was asked for is asked for by these methods.
fn other_method(allowed: &str) -> Answer {
    let mut answer = Answer::text(StatusCode::METHOD_NOT_ALLOWED, &format!("this is asked for by {allowed}"));
    answer.headers.push(("allow", allowed.to_owned()));
    answer
}
