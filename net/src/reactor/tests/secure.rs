//! Clients that speak TLS, and those that do not where they should.

use std::net::SocketAddr;

use super::*;
use crate::client_tls::ClientTls;
use crate::tls::context::ClientContext;
use crate::tls::settings::ClientAuth;
use crate::tls::test_authority::TestAuthority;
use crate::transport::Transport;

/// A world whose clients speak TLS, or may.
struct Secure {
    world: World,
    authority: TestAuthority,
}

type Client = Transport<TcpStream>;

fn secure(kind: PortKind, client_auth: ClientAuth) -> Secure {
    secure_with(kind, client_auth, settings(), |tls| tls)
}

fn secure_with(
    kind: PortKind,
    client_auth: ClientAuth,
    settings: Settings,
    change: impl Fn(ClientTls) -> ClientTls,
) -> Secure {
    let authority = TestAuthority::new();
    let tls = ClientTls::new(authority.server(client_auth)).with_certificates(client_auth != ClientAuth::None);
    let settings = Settings {
        tls: Some(Arc::new(change(tls))),
        authority: Authority { x509: Some(X509::default()), ..Authority::default() },
        ..settings
    };
    Secure { world: World::at(settings, 1, kind), authority }
}

impl Secure {
    /// A client that is accepted and has not shaken hands.
    fn open(&mut self, context: &ClientContext) -> Client {
        Transport::connect(self.world.open(), context, "localhost").unwrap()
    }

    /// One that has, as far as it knows.
    fn connect(&mut self, context: &ClientContext) -> std::io::Result<Client> {
        let mut client = self.open(context);
        let began = Instant::now();
        while client.is_handshaking() {
            assert!(began.elapsed() < DEADLINE, "it comes to no end");
            match client.read(&mut [0; 1024]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => panic!("{count} bytes that nobody has asked for"),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    self.world.turn()
                }
                Err(error) => return Err(error),
            }
        }
        Ok(client)
    }

    /// What a client is told until there are so many bytes.
    fn read(&mut self, client: &mut Client, count: usize) -> Vec<u8> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        self.world.turn_until(|_| {
            match client.read(&mut buffer) {
                Ok(0) => panic!("the end after {} bytes", bytes.len()),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}");
                }
            }
            let _ = client.flush();
            bytes.len() >= count
        });
        bytes
    }

    /// The session 7 is the client's.
    fn greet(&mut self, client: &mut Client) {
        client.write_all(&hello()).unwrap();
        let mut connection = None;
        self.world.turn_until(|world| {
            let taken = world.taken();
            let mut requests = taken.iter().flat_map(|submission| &submission.requests);
            connection = requests
                .find(|request| matches!(request.kind, RequestKind::Connect { .. }))
                .map(|request| request.connection);
            connection.is_some()
        });
        self.world.answer(connection.unwrap(), AnswerKind::Connected { session: 7, timeout: 20_000 });
        assert_eq!(self.read(client, 40).len(), 40);
    }

    fn handshakes(&self) -> (u64, u64, u64) {
        let status = self.world.reactor.clients.ledger.figures.status();
        let handshakes = &status.reactors[0].handshakes;
        (status.tls_handshakes.count(), handshakes.failed.get(), handshakes.exceeded.get())
    }

    fn until_nobody_is_there(&mut self) {
        self.world.turn_until(|world| world.reactor.clients.connections.is_empty());
    }
}

#[test]
fn a_client_is_served_and_known_by_its_certificate() {
    let mut secure = secure(PortKind::Secure, ClientAuth::Need);
    let context = secure.authority.client(Some("/O=paddock/CN=someone"));
    let mut client = secure.connect(&context).unwrap();
    secure.greet(&mut client);
    let ids: Vec<String> = secure.world.connection().ids.iter().map(|id| format!("{}:{}", id.scheme, id.id)).collect();
    assert!(ids.contains(&"x509:CN=someone,O=paddock".to_owned()), "{ids:?}");
    assert!(secure.world.connection().is_secure);
    client.write_all(&[exists(1, "/a"), ping(), exists(2, "/b")].concat()).unwrap();
    assert_eq!(replies(&secure.read(&mut client, 3 * 20)).len(), 3);
    assert_eq!(secure.handshakes(), (0, 0, 0));
    client.close();
    secure.until_nobody_is_there();
}

#[test]
fn whoever_may_not_enter_is_closed_and_counted() {
    let mut secure = secure(PortKind::Secure, ClientAuth::Need);
    let nobody = secure.authority.client(None);
    if let Ok(mut client) = secure.connect(&nobody) {
        let mut told = None;
        secure.world.turn_until(|_| {
            told = client.read(&mut [0; 100]).err().filter(|error| error.kind() != ErrorKind::WouldBlock);
            told.is_some()
        });
        assert!(told.unwrap().to_string().contains("ertificate"), "it is told why");
    }
    secure.until_nobody_is_there();
    assert_eq!(secure.handshakes(), (0, 1, 0));
}

#[test]
fn a_certificate_that_may_be_left_out_may_be() {
    for client_auth in [ClientAuth::Want, ClientAuth::None] {
        let mut secure = secure(PortKind::Secure, client_auth);
        let (nobody, someone) = (secure.authority.client(None), secure.authority.client(Some("/CN=someone")));
        for (context, ids) in [(nobody, 1), (someone, 1 + usize::from(client_auth == ClientAuth::Want))] {
            let mut client = secure.connect(&context).unwrap();
            secure.greet(&mut client);
            assert_eq!(secure.world.connection().ids.len(), ids, "{client_auth:?}");
            drop(client);
            secure.until_nobody_is_there();
        }
    }
}

#[test]
fn whoever_does_not_speak_tls_where_it_is_spoken_is_closed_at_once() {
    let mut secure = secure(PortKind::Secure, ClientAuth::None);
    for said in [b"ruok".to_vec(), hello(), vec![0x15; 7]] {
        let mut client = secure.world.open();
        client.write_all(&said).unwrap();
        let told = read_to_end(&mut secure.world, client);
        assert!(told.is_err() || told.is_ok_and(|told| told.is_empty()), "it is told nothing");
        secure.until_nobody_is_there();
    }
    assert_eq!(secure.handshakes(), (0, 3, 0));
    // The reverse.
    let mut plain = World::new(settings());
    let mut client = Transport::connect(plain.open(), &secure.authority.client(None), "localhost").unwrap();
    client.flush().unwrap();
    plain.turn_until(|world| world.reactor.clients.connections.is_empty());
}

#[test]
fn one_port_takes_both() {
    let mut secure = secure(PortKind::Unified, ClientAuth::None);
    let mut word = secure.world.open();
    word.write_all(b"ruok").unwrap();
    assert_eq!(read_to_end(&mut secure.world, word).unwrap(), b"imok");
    let context = secure.authority.client(None);
    let mut client = secure.connect(&context).unwrap();
    client.write_all(b"ruok").unwrap();
    assert_eq!(secure.read(&mut client, 4), b"imok");
    drop(client);
    secure.until_nobody_is_there();
    assert_eq!(secure.handshakes(), (0, 0, 0));
    let mut plain = secure.world.greet(1);
    plain.write_all(&ping()).unwrap();
    assert!(!secure.world.told(&mut plain, 1).is_empty());
    assert!(!secure.world.connection().is_secure, "it came to the plain port");
}

#[test]
fn no_more_handshakes_are_under_way_than_may_be() {
    let limited = |tls: ClientTls| tls.with_handshakes_max(Some(2));
    let mut secure = secure_with(PortKind::Secure, ClientAuth::None, settings(), limited);
    let context = secure.authority.client(None);
    let (one, other) = (secure.world.open(), secure.world.open());
    assert_eq!(secure.handshakes().0, 2);
    let third = TcpStream::connect(secure.world.address).unwrap();
    third.set_nonblocking(true).unwrap();
    let _ = read_to_end(&mut secure.world, third);
    assert_eq!(secure.handshakes(), (2, 0, 1));
    // One is closed by its client, one by its deadline.
    drop(one);
    secure.world.turn_until(|world| world.reactor.clients.connections.len() == 1);
    secure.world.shorten_the_deadline();
    secure.until_nobody_is_there();
    assert_eq!(secure.handshakes(), (0, 2, 1));
    drop(other);
    assert!(secure.connect(&context).is_ok());
}

#[test]
fn others_are_served_while_many_shake_hands() {
    const CLIENTS: usize = 100;
    let mut secure = secure(PortKind::Unified, ClientAuth::None);
    let context = secure.authority.client(None);
    let mut served = secure.world.greet(1);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| secure.open(&context)).collect();
    clients.iter_mut().for_each(|client| client.flush().unwrap());
    // Nobody knows how many a turn takes. But for the first, the list is worked on no longer than the rest of the turn took.
    let mut turns = 0;
    let is_through = |client: &mut Client| {
        let _ = client.read(&mut [0; 1024]);
        !client.is_handshaking()
    };
    served.write_all(&ping()).unwrap();
    secure.world.turn();
    let mut told = [0; 100];
    assert!(served.read(&mut told).is_ok(), "the first turn answers who is there already");
    secure.world.turn_until(|_| {
        turns += 1;
        clients.iter_mut().filter_map(|client| is_through(client).then_some(())).count() == CLIENTS
    });
    assert!(turns > 1, "{turns}");
    secure.world.turn_until(|world| world.reactor.clients.ledger.figures.status().tls_handshakes.count() == 0);
    assert_eq!(secure.handshakes(), (0, 0, 0));
}

#[test]
fn what_is_not_read_counts_and_is_bounded() {
    const PINGS: usize = 200_000;
    let mut secure = secure(PortKind::Secure, ClientAuth::None);
    let context = secure.authority.client(None);
    let mut client = secure.connect(&context).unwrap();
    secure.greet(&mut client);
    let pings = ping().repeat(PINGS);
    let mut sent = 0;
    // Until the server takes no more, since nobody reads what it says.
    for _ in 0..2000 {
        match client.write(&pings[sent..]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        secure.world.turn();
        let connection = secure.world.connection();
        assert!(connection.unwritten() < 3 << 20, "{}", connection.unwritten());
        assert!(connection.memory() >= connection.stream.unwritten());
        assert_eq!(connection.account.counted(), connection.memory());
    }
    // All of it comes when somebody reads.
    let mut got = 0;
    let mut buffer = vec![0; 64 << 10];
    secure.world.turn_until(|_| {
        if sent < pings.len()
            && let Ok(count) = client.write(&pings[sent..])
        {
            sent += count;
        }
        let _ = client.flush();
        if let Ok(count) = client.read(&mut buffer) {
            got += count;
        }
        got == PINGS * 20
    });
}

#[test]
fn new_connections_go_by_the_new_stores() {
    let mut secure = secure(PortKind::Secure, ClientAuth::None);
    let other = TestAuthority::new();
    let (former, now) = (secure.authority.client(None), other.client(None));
    let mut stays = secure.connect(&former).unwrap();
    secure.greet(&mut stays);
    assert!(secure.connect(&now).is_err(), "nobody knows the authority");
    secure.world.turn_until(|world| world.reactor.clients.connections.len() == 1);
    let tls = secure.world.reactor.clients.ledger.settings.tls.clone().unwrap();
    tls.replace(other.server(ClientAuth::None));
    let _new = secure.connect(&now).unwrap();
    assert!(secure.connect(&former).is_err());
    stays.write_all(&ping()).unwrap();
    assert_eq!(secure.read(&mut stays, 20).len(), 20, "what is connected stays");
}

#[test]
fn the_reactor_of_a_member_keeps_its_secure_port_where_the_other_one_moves() {
    let mut secure = secure(PortKind::Secure, ClientAuth::None);
    let taken = std::net::TcpListener::bind("127.0.0.11:0").unwrap();
    let address: SocketAddr = taken.local_addr().unwrap();
    drop(taken);
    assert!(secure.world.exchange.errands.push(Errand::Listen { address, backlog: 0 }).is_ok());
    secure.world.exchange.reactor_bell.ring();
    secure.world.turn_until(|_| TcpStream::connect(address).is_ok());
    let context = secure.authority.client(None);
    assert!(secure.connect(&context).is_ok());
}
