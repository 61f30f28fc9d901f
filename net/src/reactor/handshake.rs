//! One TLS handshake: how it goes, and who the client is by it.

use std::io::{self, ErrorKind};

use super::ledger::Ledger;
use crate::connection::Connection;
use crate::tls::context::NameVerdict;
use crate::tls::distinguished_name;
use crate::tls::session::TlsFailure;

/// What comes of a read from a connection that was shaking hands.
pub enum Outcome {
    /// The handshake goes on, or is over and the client may ask.
    GoesOn,
    /// The client is told why it is not served, as far as TLS tells it.
    Refused,
    /// What the client speaks is not TLS.
    NotTls,
}

/// Takes up how a read went by which the connection's handshake was to go on.
pub fn note(connection: &mut Connection, ledger: &mut Ledger, read: &io::Result<usize>) -> Outcome {
    let failure = match read {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
        Err(error) => Some(Failed::of(error)),
        Ok(0) if connection.stream.is_handshaking() => Some(Failed::Cut),
        Ok(_) => None,
    };
    if let Some(failed) = failure {
        return fail(connection, ledger, &failed);
    }
    if connection.stream.is_handshaking() {
        return Outcome::GoesOn;
    }
    end(connection, ledger);
    match identify(connection, ledger) {
        Ok(()) => Outcome::GoesOn,
        Err(problem) => {
            ledger.figures.own().handshakes.refused.add(1);
            tracing::warn!(address = %connection.address, problem, "a client's certificate was refused; its connection was closed");
            Outcome::Refused
        }
    }
}

/// The connection shakes hands no more.
pub fn end(connection: &mut Connection, ledger: &Ledger) {
    if std::mem::take(&mut connection.shakes_hands) {
        ledger.figures.status().tls_handshakes.end();
    }
}

/// A connection that shakes hands is closed before the end of that.
pub fn note_closed(connection: &mut Connection, ledger: &Ledger) {
    if connection.shakes_hands && connection.stream.is_secure() {
        count_failure(ledger);
    }
    end(connection, ledger);
}

/// Why a handshake has failed.
enum Failed<'a> {
    /// The client has closed the connection.
    Cut,
    Tls(&'a TlsFailure),
    Socket(&'a io::Error),
}

impl<'a> Failed<'a> {
    fn of(error: &'a io::Error) -> Failed<'a> {
        TlsFailure::of(error).map_or(Failed::Socket(error), Failed::Tls)
    }
}

fn fail(connection: &mut Connection, ledger: &Ledger, failed: &Failed<'_>) -> Outcome {
    let address = connection.address;
    match failed {
        Failed::Cut => tracing::debug!(%address, "a client closed its connection in the middle of the TLS handshake"),
        Failed::Tls(problem) => {
            tracing::debug!(%address, %problem, "a TLS handshake failed; the connection was closed")
        }
        Failed::Socket(error) => {
            tracing::debug!(%address, %error, "a connection broke in the middle of the TLS handshake")
        }
    }
    // Whoever has sent nothing, as a probe of the port does, has not begun one where the first byte tells.
    if connection.stream.is_secure() {
        count_failure(ledger);
    }
    end(connection, ledger);
    match failed {
        Failed::Tls(TlsFailure::NotTls) => Outcome::NotTls,
        _ => Outcome::Refused,
    }
}

fn count_failure(ledger: &Ledger) {
    let handshakes = &ledger.figures.own().handshakes;
    handshakes.failed.add(1);
    handshakes.refused.add(1);
}

/// Takes up who the client's certificate says that it is.
fn identify(connection: &mut Connection, ledger: &Ledger) -> Result<(), String> {
    let Some(tls) = &ledger.settings.tls else { return Ok(()) };
    if !tls.asks_for_certificate() {
        return Ok(());
    }
    let Some(certificates) = connection.stream.peer_certificates() else { return Ok(()) };
    let Some(certificate) = certificates.first() else { return Ok(()) };
    match tls.context().check_name(Some(certificates), connection.address) {
        NameVerdict::Good => {}
        NameVerdict::NeedsName => {
            return Err("it is not of the client's address, and names of clients are not looked up".into());
        }
        NameVerdict::Bad(mismatch) => return Err(mismatch.to_string()),
    }
    let subject = distinguished_name::of_certificate(certificate).map_err(|_| "its subject cannot be read")?;
    let ids = ledger.settings.authority.of_certificate(&subject);
    if ids.is_empty() {
        return Err("the scheme x509 is not served".into());
    }
    tracing::debug!(address = %connection.address, subject, "a client has shown who it is by a certificate");
    connection.ids.prove(ids).map_err(|_| "its subject is too long".into())
}
