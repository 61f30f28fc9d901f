//! SASL's mechanism GSSAPI (RFC 4752) with Kerberos, as Java's `com.sun.security.sasl.gsskerb` speaks it.
//!
//! First the library's tokens go back and forth until each side knows who the other is. Then the server offers what may
//! protect the bytes that follow, and the client chooses: nothing, which is all that a server of ZooKeeper offers and a
//! client takes. With its choice the client says as whom it wants to act.

use std::sync::Arc;

use super::gssapi_library::{Context, Credential, GssapiError, GssapiLibrary, TOKEN_MAX};
use super::kerberos_name::KerberosName;
use super::{Authorize, Negotiation, SaslError, Step, shown};

/// The layer that protects nothing, in an offer or a choice.
const NO_LAYER: u8 = 1;
/// What the server offers: no layer; and how many bytes it would take at once, 65,536, which Java says although it means
/// nothing without a layer.
const OFFER: [u8; 4] = [NO_LAYER, 1, 0, 0];
/// What our client chooses: no layer, and so no bytes at once.
const CHOICE: [u8; 4] = [NO_LAYER, 0, 0, 0];
/// The library's tokens go back and forth no more often than this. Kerberos needs one of each side.
const ROUNDS_MAX: usize = 8;

fn check_length(token: &[u8]) -> Result<(), SaslError> {
    match token.len() <= TOKEN_MAX {
        true => Ok(()),
        false => Err(SaslError::new(format!("a token of {} bytes is longer than any of Kerberos", token.len()))),
    }
}

/// The server's side of one negotiation.
pub struct Acceptor {
    credential: Arc<Credential>,
    authorize: Arc<dyn Authorize>,
    context: Context,
    state: AcceptorState,
}

enum AcceptorState {
    /// So many tokens have been taken.
    Accepting(usize),
    /// The peer is known, and has the last token of the library.
    Offering {
        peer: String,
    },
    /// Has offered, and waits for the choice.
    Choosing {
        peer: String,
    },
    Over,
}

impl Acceptor {
    pub fn new(library: GssapiLibrary, credential: Arc<Credential>, authorize: Arc<dyn Authorize>) -> Acceptor {
        Acceptor { credential, authorize, context: Context::new(library), state: AcceptorState::Accepting(0) }
    }

    fn take(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        check_length(token)?;
        match std::mem::replace(&mut self.state, AcceptorState::Over) {
            AcceptorState::Accepting(rounds) if rounds < ROUNDS_MAX => self.accept(token, rounds),
            AcceptorState::Offering { peer } if token.is_empty() => self.offer(peer),
            AcceptorState::Choosing { peer } => self.choose(&peer, token),
            AcceptorState::Accepting(_) => Err(SaslError::new("there is no end to the client's tokens")),
            AcceptorState::Offering { .. } => Err(SaslError::new("a token came where the client has nothing to say")),
            AcceptorState::Over => Err(SaslError::new("a token came after the end of a negotiation")),
        }
    }

    fn accept(&mut self, token: &[u8], rounds: usize) -> Result<Step, SaslError> {
        let established = self
            .context
            .accept(&self.credential, token)
            .map_err(|error| SaslError::new(format!("the client's ticket was not accepted: {error}")))?;
        match established.peer {
            // A client that does not want to know who the server is gets no token of the library.
            Some(peer) if established.token.is_empty() => return self.offer(peer),
            Some(peer) => self.state = AcceptorState::Offering { peer },
            None => self.state = AcceptorState::Accepting(rounds + 1),
        }
        Ok(Step::Continue(established.token))
    }

    fn offer(&mut self, peer: String) -> Result<Step, SaslError> {
        let offer = self.context.wrap(&OFFER).map_err(unprotected)?;
        self.state = AcceptorState::Choosing { peer };
        Ok(Step::Continue(offer))
    }

    fn choose(&mut self, peer: &str, token: &[u8]) -> Result<Step, SaslError> {
        let choice = self.context.unwrap(token).map_err(unprotected)?;
        let Some((layer, authorization_id)) = choice.split_first_chunk::<4>() else {
            return Err(SaslError::new("the client's choice of a layer is too short"));
        };
        if layer[0] & NO_LAYER == 0 {
            return Err(SaslError::new(format!("the client wants the layer {}, which was not offered", layer[0])));
        }
        let asked = match authorization_id.is_empty() {
            true => peer.into(),
            false => String::from_utf8_lossy(authorization_id),
        };
        match self.authorize.authorize(peer, &asked) {
            Some(authorization_id) => Ok(Step::Done { token: None, authorization_id }),
            None => Err(SaslError::new(format!("{} may not act as {}", shown(peer), shown(&asked)))),
        }
    }
}

impl Negotiation for Acceptor {
    fn step(&mut self, token: &[u8]) -> Step {
        self.take(token).unwrap_or_else(Step::Failed)
    }
}

fn unprotected(error: GssapiError) -> SaslError {
    SaslError::new(format!("what was agreed on cannot be protected: {error}"))
}

/// Where an initiator has its tickets from.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// Whose they are; without it, of whom the cache is.
    pub principal: Option<String>,
    /// A cache of tickets, and the library's default one without.
    pub cache: Option<String>,
    /// The keys by which the KDC gives a ticket, into the cache. Where there are none there must be a ticket already.
    pub keytab: Option<String>,
}

impl Tickets {
    /// A ticket that is good now. The library has a new one from the KDC where the keys are there and the old one is past
    /// half of its time.
    fn acquire(&self, library: GssapiLibrary) -> Result<Credential, GssapiError> {
        let mut store = Vec::new();
        store.extend(self.cache.as_deref().map(|cache| ("ccache", cache)));
        store.extend(self.keytab.as_deref().map(|keytab| ("client_keytab", keytab)));
        library.initiator(self.principal.as_deref(), &store)
    }
}

/// The client's side of one negotiation.
pub struct Initiator {
    library: GssapiLibrary,
    tickets: Arc<Tickets>,
    /// The server's principal, with or without its realm.
    server: String,
    context: Context,
    state: InitiatorState,
}

enum InitiatorState {
    Begins,
    Initiating {
        credential: Credential,
        principal: String,
        target: String,
        rounds: usize,
    },
    /// The server is known, and is to offer layers.
    Offered {
        principal: String,
    },
    Over,
}

impl Initiator {
    pub fn new(library: GssapiLibrary, tickets: Arc<Tickets>, server: String) -> Initiator {
        Initiator { library, tickets, server, context: Context::new(library), state: InitiatorState::Begins }
    }

    fn take(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        check_length(token)?;
        match std::mem::replace(&mut self.state, InitiatorState::Over) {
            InitiatorState::Begins => {
                let acquired = self.tickets.acquire(self.library).and_then(|credential| {
                    let (principal, _) = credential.inquire()?;
                    Ok((credential, principal))
                });
                let (credential, principal) =
                    acquired.map_err(|error| SaslError::new(format!("there is no ticket to begin with: {error}")))?;
                let target = target(&self.server, &principal);
                self.initiate(credential, principal, target, token, 0)
            }
            InitiatorState::Initiating { credential, principal, target, rounds } if rounds < ROUNDS_MAX => {
                self.initiate(credential, principal, target, token, rounds)
            }
            InitiatorState::Offered { principal } => self.choose(principal, token),
            InitiatorState::Initiating { .. } => Err(SaslError::new("there is no end to the server's tokens")),
            InitiatorState::Over => Err(SaslError::new("a token came after the end of a negotiation")),
        }
    }

    fn initiate(
        &mut self,
        credential: Credential,
        principal: String,
        target: String,
        token: &[u8],
        rounds: usize,
    ) -> Result<Step, SaslError> {
        let established = self.context.initiate(&credential, &target, token).map_err(|error| {
            SaslError::new(format!("{} cannot be asked as {}: {error}", shown(&target), shown(&principal)))
        })?;
        self.state = match established.peer {
            Some(_) => InitiatorState::Offered { principal },
            None => InitiatorState::Initiating { credential, principal, target, rounds: rounds + 1 },
        };
        Ok(Step::Continue(established.token))
    }

    fn choose(&mut self, principal: String, token: &[u8]) -> Result<Step, SaslError> {
        let offer = self.context.unwrap(token).map_err(unprotected)?;
        if offer.len() != OFFER.len() || offer[0] & NO_LAYER == 0 {
            return Err(SaslError::new(
                "the server insists on a layer of protection, which ZooKeeper's clients have not",
            ));
        }
        let choice = self.context.wrap(&[&CHOICE, principal.as_bytes()].concat()).map_err(unprotected)?;
        Ok(Step::Done { token: Some(choice), authorization_id: principal })
    }
}

impl Negotiation for Initiator {
    fn step(&mut self, token: &[u8]) -> Step {
        self.take(token).unwrap_or_else(Step::Failed)
    }
}

/// The server's principal with a realm: that of the client if it has none of its own.
fn target(server: &str, client: &str) -> String {
    let realm = KerberosName::parse(client).and_then(|name| name.realm);
    match realm {
        Some(realm) if !server.contains('@') => format!("{server}@{realm}"),
        _ => server.to_owned(),
    }
}
