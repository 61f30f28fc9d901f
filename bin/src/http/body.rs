//! The body of an answer on its way to the client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::{Bytes, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use super::bounds::{LARGE_ANSWERS_MAX, PIECE_BYTES};
use super::places::Place;

/// Where the bytes come from.
pub enum Origin {
    /// The rest of what is in memory. A large one has its [`Permit`].
    Memory { rest: Bytes, _permit: Option<Permit> },
    /// A worker that makes them.
    Worker(Receiver<io::Result<Bytes>>),
}

/// Counts the large answers in memory.
#[derive(Clone, Default)]
pub struct LargeAnswers(Arc<AtomicUsize>);

impl LargeAnswers {
    /// The permit for one more.
    pub fn admit(&self) -> Option<Permit> {
        let more = |count| (count < LARGE_ANSWERS_MAX).then_some(count + 1);
        let admitted = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        admitted.is_ok().then(|| Permit(self.0.clone()))
    }
}

/// That a large answer may be in memory, until this is dropped.
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body, which the connection takes a piece at a time.
pub struct Body {
    origin: Origin,
    place: Place,
}

impl Body {
    pub fn new(origin: Origin, place: Place) -> Body {
        Body { origin, place }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.get_mut().origin {
            Origin::Memory { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Origin::Memory { rest, .. } => {
                let piece = rest.split_to(rest.len().min(PIECE_BYTES));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Origin::Worker(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.origin, Origin::Memory { rest, .. } if rest.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.origin {
            Origin::Memory { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Origin::Worker(_) => SizeHint::default(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.place.wait(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::bounds::LARGE_ANSWERS_MAX;
    use super::LargeAnswers;

    #[test]
    fn large_answers_are_few() {
        let large = LargeAnswers::default();
        let mut permits: Vec<_> = (0..LARGE_ANSWERS_MAX).map(|_| large.admit().expect("there is room")).collect();
        assert!(large.admit().is_none());
        permits.pop();
        assert!(large.admit().is_some());
    }
}
