//! One connection: its requests one after the other, each within its time.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::{Body, Origin};
use super::bounds::{DRAIN_TIME_MAX, HANDSHAKE_TIME_MAX, LOOK_INTERVAL, REQUEST_BYTES_MAX};
use super::places::Place;
use super::site::{Answer, Request, Site};
use super::upload::Upload;
use super::wire::{Tls, Wire};
use super::workers::{Told, Workers};

/// Has a browser come by TLS alone for a day, as ZooKeeper's AdminServer tells it.
const STRICT_TRANSPORT: &str = "max-age=86400; includeSubDomains";

/// What a connection is served with.
#[derive(Clone)]
pub struct Service {
    pub site: Arc<dyn Site>,
    pub workers: Workers,
    pub place: Place,
    /// Who is at the other end.
    pub address: IpAddr,
    /// The connection has TLS.
    is_secure: bool,
    /// Whose certificate was shown.
    subject: Option<String>,
}

impl Service {
    pub fn new(site: Arc<dyn Site>, workers: Workers, place: Place, address: IpAddr) -> Service {
        Service { site, workers, place, address, is_secure: false, subject: None }
    }
}

/// Serves a connection to its end, or until it has used up its time. It waits for a request as long as `wait_max`.
pub async fn serve(socket: TcpStream, tls: Option<Tls>, service: Service, wait_max: Duration) {
    let place = service.place.clone();
    // Who does not come to terms is closed; that is no matter for the log, as anybody can bring it about.
    let accepting = Wire::accept(socket, tls.as_ref(), service.address);
    let Ok(Ok(stream)) = timeout(wait_max.min(HANDSHAKE_TIME_MAX), accepting).await else { return };
    let service = Service { is_secure: stream.is_secure(), subject: stream.subject(), ..service };
    let io = TokioIo::new(Watched { stream, place: place.clone() });
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(wait_max)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    // What ends it, a client that has gone or nonsense that it has sent, is no matter for the log.
    while timeout(LOOK_INTERVAL, connection.as_mut()).await.is_err() {
        if place.is_overdue(wait_max, Instant::now()) {
            return;
        }
    }
}

impl Service {
    async fn answer(self, request: hyper::Request<Incoming>) -> Response<Body> {
        self.place.begin_work(Instant::now());
        let asked = Request { subject: self.subject.clone(), ..Request::of(&request, self.address) };
        let told = match refusal(&asked).or_else(|| self.site.at_once(&asked)) {
            Some(answer) => Told::small(answer),
            None if self.site.takes_body(&asked) => self.take(asked, request.into_body()).await,
            None => {
                // The body is not read: the connection is closed behind the answer where there is one.
                drop(request);
                self.workers.answer(self.site.clone(), asked).await
            }
        };
        match told.origin {
            Origin::Memory { .. } => self.place.begin_answer(Instant::now()),
            Origin::Worker(_) => self.place.begin_snapshot(Instant::now()),
        }
        response(told, self.is_secure, self.place)
    }
}

impl Service {
    /// Has a worker answer, which takes the body meanwhile, as far as it wants that.
    async fn take(&self, asked: Request, body: Incoming) -> Told {
        let (upload, mut pump) = Upload::of(body, &self.place);
        self.place.begin_snapshot(Instant::now());
        let asked = Request { upload: Some(upload), ..asked };
        // Whether all of the body was taken or given up, and whether it has ended.
        let (mut is_taken, mut has_ended) = (false, false);
        let told = {
            let mut pumping = pin!(pump.run());
            let mut answering = pin!(self.workers.answer(self.site.clone(), asked));
            poll_fn(|context| {
                if !is_taken && let Poll::Ready(ended) = pumping.as_mut().poll(context) {
                    (is_taken, has_ended) = (true, ended);
                    self.place.begin_work(Instant::now());
                }
                answering.as_mut().poll(context)
            })
            .await
        };
        if !has_ended {
            // Whether it came to its end is no matter for the answer.
            let _ = timeout(DRAIN_TIME_MAX, pump.drain()).await;
        }
        told
    }
}

/// TRACE tells others what a browser has sent.
fn refusal(request: &Request) -> Option<Answer> {
    (request.method == Method::TRACE).then(|| Answer::text(StatusCode::FORBIDDEN, "TRACE is not served"))
}

fn response(told: Told, is_secure: bool, place: Place) -> Response<Body> {
    let Told { status, headers, origin } = told;
    let mut response = Response::new(Body::new(origin, place));
    *response.status_mut() = status;
    if is_secure {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    for (name, value) in headers {
        // Sites write no other bytes into headers.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The stream of a connection, of which the place is told when bytes go.
struct Watched {
    stream: Wire,
    place: Place,
}

impl Watched {
    fn note(&self, has_moved: bool) {
        if has_moved {
            self.place.note_progress(Instant::now());
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.note(buffer.filled().len() > before);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note(matches!(written, Poll::Ready(Ok(count)) if count > 0));
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.note(matches!(written, Poll::Ready(Ok(count)) if count > 0));
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
