//! Auth packets: what a client proves by them, and what becomes of one that proves nothing.

use std::ops::ControlFlow;

use paddock_engine::acl::{Ensemble, Greeting, key};
use paddock_engine::error::Code;
use paddock_engine::jute::Reader;
use paddock_engine::request::{Auth, RequestHeader};

use super::ledger::Ledger;
use super::view::ReactorView;
use crate::connection::Connection;

/// Schemes that the log of words names if authentication by them fails. Any other scheme is a text of the client's own, and
/// is not repeated there.
const SCHEMES: [&str; 6] = ["digest", "ensemble", "ip", "key", "sasl", "x509"];

/// auth: what is proven counts from the next request on. The reply comes behind those to earlier requests.
/// `Break` where the connection must be closed without one.
pub fn authenticate(
    connection: &mut Connection,
    ledger: &mut Ledger,
    view: &ReactorView,
    header: RequestHeader,
    body: &[u8],
) -> ControlFlow<()> {
    let Ok(request) = Auth::read(&mut Reader::new(body)) else { return ControlFlow::Break(()) };
    let scheme = request.scheme.unwrap_or_default();
    let settings = ledger.settings.clone();
    if let Some(ensemble) = settings.authority.ensemble.as_ref().filter(|_| scheme == "ensemble") {
        return greet(connection, ledger, ensemble, header, request.credential);
    }
    let key = || view.next_tree().get(key::PATH)?.data();
    let proven = settings.authority.authenticate(&scheme, request.credential, &connection.ids, key);
    let failure = match proven.map(|proven| connection.ids.prove(proven)) {
        Ok(Ok(())) => {
            ledger.figures.own().authentications.proven.add(1);
            ledger.answer_in_turn(connection, header.xid, &[]);
            return ControlFlow::Continue(());
        }
        Ok(Err(_)) => {
            "a client proved more identities than are kept; authentication failed and the connection was closed"
        }
        Err(_) => "authentication failed; the connection was closed",
    };
    ledger.figures.own().authentications.failed.add(1);
    let (address, session) = (connection.address, format_args!("0x{:x}", connection.session));
    let scheme = SCHEMES.into_iter().find(|known| *known == scheme).unwrap_or("unknown");
    tracing::warn!(%address, session, scheme, "{failure}");
    ledger.refuse(connection, header.xid, 0, Code::AuthFailed);
    ControlFlow::Continue(())
}

/// The scheme ensemble. A client that means another ensemble gets no answer: it is to go on to the next server that it
/// knows, while an error would end its session.
fn greet(
    connection: &mut Connection,
    ledger: &mut Ledger,
    ensemble: &Ensemble,
    header: RequestHeader,
    name: Option<&[u8]>,
) -> ControlFlow<()> {
    let counted = &ledger.figures.own().authentications;
    match ensemble.greet(name) {
        Greeting::Unasked => counted.ensemble_unasked.add(1),
        Greeting::Right => counted.ensemble_right.add(1),
        Greeting::Wrong => {
            counted.ensemble_wrong.add(1);
            tracing::warn!(
                address = %connection.address,
                session = format_args!("0x{:x}", connection.session),
                "a client named another ensemble than ensembleAuthName has; its connection was closed"
            );
            return ControlFlow::Break(());
        }
    }
    ledger.answer_in_turn(connection, header.xid, &[]);
    ControlFlow::Continue(())
}
