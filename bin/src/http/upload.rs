//! The body of a request on its way from the connection to the worker that takes it, piece by piece: whoever writes it down slowly
//! is sent it slowly.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::bounds::{DRAINED_BYTES_MAX, PIECES_AHEAD};
use super::places::{Departure, Place};

/// What a connection has next.
enum Piece {
    Bytes(Bytes),
    /// The body is whole. Without that it was cut off.
    End,
    Broken(io::Error),
}

/// The body, for the worker.
#[derive(Clone)]
pub struct Upload(Arc<Inner>);

struct Inner {
    pieces: Mutex<Receiver<Piece>>,
    /// What the client has said of its length, bytes.
    announced: Option<u64>,
    departure: Departure,
}

impl Upload {
    /// The body of a request on a connection with this place, and what hands it over.
    pub fn of(body: Incoming, place: &Place) -> (Upload, Pump) {
        let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
        let announced = body.size_hint().exact();
        let inner = Inner { pieces: Mutex::new(receiver), announced, departure: place.departure() };
        let upload = Upload(Arc::new(inner));
        (upload, Pump { body, pieces })
    }

    /// How long the client has said that it is, bytes. One that comes in chunks has not.
    pub fn announced(&self) -> Option<u64> {
        self.0.announced
    }

    /// The bytes that come next, for which it waits; `None` behind the last.
    pub fn next(&self) -> io::Result<Option<Bytes>> {
        let mut pieces = self.0.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            Some(Piece::Broken(error)) => Err(error),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection has ended before it was whole")),
        }
    }

    /// When the connection has ended on which it came.
    pub fn departure(&self) -> Departure {
        self.0.departure.clone()
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

/// Hands a body over.
pub struct Pump {
    body: Incoming,
    pieces: Sender<Piece>,
}

impl Pump {
    /// Until the body has ended, or nobody wants more of it. Whether it has ended.
    pub async fn run(&mut self) -> bool {
        loop {
            let piece = self.piece().await;
            let is_last = !matches!(piece, Piece::Bytes(_));
            if self.pieces.send(piece).await.is_err() || is_last {
                return is_last;
            }
        }
    }

    /// Reads on what nobody wants, up to a bound: a client that still sends when the connection is closed is told by a reset, and
    /// never sees the answer.
    pub async fn drain(&mut self) {
        let mut bytes = 0;
        while bytes < DRAINED_BYTES_MAX {
            match self.piece().await {
                Piece::Bytes(piece) => bytes += piece.len(),
                Piece::End | Piece::Broken(_) => return,
            }
        }
    }

    async fn piece(&mut self) -> Piece {
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
            match frame {
                None => return Piece::End,
                // What is no data is a trailer, which means nothing here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => return Piece::Bytes(bytes),
                    Err(_) => continue,
                },
                Some(Err(error)) => return Piece::Broken(io::Error::other(error)),
            }
        }
    }
}
