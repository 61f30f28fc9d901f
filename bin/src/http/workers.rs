//! The threads that make answers: a few, behind a bounded queue.

use std::io;
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::body::{LargeAnswers, Origin};
use super::bounds::{LARGE_BYTES, PIECES_AHEAD, WAITING_MAX, WORKERS};
use super::site::{Answer, Content, Request, Site};

/// An answer as its connection sends it.
pub struct Told {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub origin: Origin,
}

impl Told {
    /// One that is in memory, and small.
    pub fn small(answer: Answer) -> Told {
        let Answer { status, headers, content } = answer;
        let rest = match content {
            Content::Whole(bytes) => Bytes::from(bytes),
            Content::Pieces(_) => unreachable!("only workers make answers piece by piece"),
        };
        Told { status, headers, origin: Origin::Memory { rest, _permit: None } }
    }

    fn unavailable(why: &str) -> Told {
        Told::small(Answer::text(StatusCode::SERVICE_UNAVAILABLE, why))
    }
}

/// The way to the threads.
#[derive(Clone)]
pub struct Workers(Sender<Job>);

struct Job {
    site: Arc<dyn Site>,
    request: Request,
    told: oneshot::Sender<Told>,
}

impl Workers {
    /// Starts the threads. They end when nobody can ask any more.
    pub fn start() -> io::Result<Workers> {
        let (jobs, waiting) = bounded::<Job>(WAITING_MAX);
        let large = LargeAnswers::default();
        for number in 0..WORKERS {
            let (waiting, large) = (waiting.clone(), large.clone());
            std::thread::Builder::new().name(format!("http-worker-{number}")).spawn(move || {
                waiting.into_iter().for_each(|job| job.run(&large));
            })?;
        }
        Ok(Workers(jobs))
    }

    pub async fn answer(&self, site: Arc<dyn Site>, request: Request) -> Told {
        let (told, answer) = oneshot::channel();
        if self.0.try_send(Job { site, request, told }).is_err() {
            return Told::unavailable("too many requests wait for their answers; ask again");
        }
        let failed = || Told::small(Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made"));
        answer.await.unwrap_or_else(|_| failed())
    }
}

impl Job {
    fn run(self, large: &LargeAnswers) {
        let Job { site, request, told } = self;
        // Whoever has gone meanwhile is not answered.
        if told.is_closed() {
            return;
        }
        let Answer { status, headers, content } = site.answer(&request);
        match content {
            Content::Whole(bytes) => {
                let is_large = bytes.len() > LARGE_BYTES;
                let permit = if is_large { large.admit() } else { None };
                let _ = told.send(match permit.is_none() && is_large {
                    true => Told::unavailable("too many large answers are under way; ask again"),
                    false => {
                        let origin = Origin::Memory { rest: Bytes::from(bytes), _permit: permit };
                        Told { status, headers, origin }
                    }
                });
            }
            Content::Pieces(pieces) => {
                let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
                if told.send(Told { status, headers, origin: Origin::Worker(receiver) }).is_err() {
                    return;
                }
                // Where the connection is gone, so is the receiver.
                if let Err(error) = pieces(&mut |piece| sender.blocking_send(Ok(Bytes::from(piece))).is_ok()) {
                    let _ = sender.blocking_send(Err(error));
                }
            }
        }
    }
}
