//! DIGEST-MD5 (RFC 2831) as Java's `com.sun.security.sasl.digest` speaks it: quality of protection `auth` alone, UTF-8, one
//! realm, which is the server's name. What Java refuses is refused.
//!
//! The server's nonce is new for every negotiation and good for one answer, so that no answer can be given twice.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Authorize, Negotiation, SaslError, Service, Step, shown};
use crate::tls::secret::Secret;

/// A longer answer is none, bytes; Java has the same bound.
const RESPONSE_MAX: usize = 4096;
/// A longer challenge is none, bytes; Java has the same bound.
const CHALLENGE_MAX: usize = 2048;
/// Random bytes of a nonce.
const NONCE_BYTES: usize = 30;
/// How often a nonce of the server has been answered: once.
const NONCE_COUNT: u32 = 1;
/// How many bytes the other side may send at once under a protection that is never agreed on; Java says it all the same.
const BUFFER_MAX: u32 = 65536;

/// The names and passwords that a server knows.
pub struct Users {
    passwords: HashMap<String, Secret>,
    /// What stands for the password of a name that is not known, so that such a name takes as long as any.
    nobody: Secret,
}

impl Users {
    pub fn new(passwords: HashMap<String, Secret>) -> Users {
        Users { passwords, nobody: Secret::new(nonce().unwrap_or_default().into_bytes()) }
    }

    pub fn len(&self) -> usize {
        self.passwords.len()
    }

    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }
}

/// The server's side of one negotiation.
pub struct Server {
    users: Arc<Users>,
    service: Service,
    authorize: Arc<dyn Authorize>,
    state: ServerState,
}

enum ServerState {
    Begins,
    /// The nonce that the client is to answer.
    Challenged(String),
    /// Nothing may come any more.
    Over,
}

impl Server {
    pub fn new(users: Arc<Users>, service: Service, authorize: Arc<dyn Authorize>) -> Server {
        Server { users, service, authorize, state: ServerState::Begins }
    }

    fn take(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        if token.len() > RESPONSE_MAX {
            return Err(SaslError::new(format!("a token of {} bytes is longer than any answer", token.len())));
        }
        match std::mem::replace(&mut self.state, ServerState::Over) {
            // Java takes any first token for the empty one.
            ServerState::Begins => {
                let nonce = nonce()?;
                let realm = quoted(self.service.server_name);
                let challenge = format!("realm=\"{realm}\",nonce=\"{nonce}\",charset=utf-8,algorithm=md5-sess");
                self.state = ServerState::Challenged(nonce);
                Ok(Step::Continue(challenge.into_bytes()))
            }
            ServerState::Challenged(nonce) => self.verify(&nonce, token),
            ServerState::Over => Err(SaslError::new("a token came after the end of a negotiation")),
        }
    }

    fn verify(&self, nonce: &str, token: &[u8]) -> Result<Step, SaslError> {
        let directives = Directives::parse(token, &RESPONSE_DIRECTIVES)?;
        let text = |name| directives.get(name).map(String::from_utf8_lossy);
        let demand =
            |name: &str| directives.get(name).ok_or_else(|| SaslError::new(format!("the answer has no {name}")));
        let username = String::from_utf8_lossy(demand("username")?);
        let refuse =
            |what: &str, value: &str| Err(SaslError::new(format!("the answer has the {what} {}", shown(value))));
        if let Some(charset) = text("charset").filter(|charset| charset != "utf-8") {
            return refuse("charset", &charset);
        }
        let realm = text("realm").unwrap_or_default();
        if realm != self.service.server_name {
            return refuse("realm", &realm);
        }
        if demand("nonce")? != nonce.as_bytes() {
            return Err(SaslError::new("the answer is to another challenge than this negotiation's"));
        }
        let cnonce = demand("cnonce")?;
        if let Some(count) = text("nc").filter(|count| u32::from_str_radix(count, 16) != Ok(NONCE_COUNT)) {
            return refuse("nonce count", &count);
        }
        if let Some(qop) = text("qop").filter(|qop| qop != "auth") {
            return refuse("quality of protection", &qop);
        }
        let digest_uri = text("digest-uri").unwrap_or_default();
        if !digest_uri.eq_ignore_ascii_case(&uri_of(self.service)) {
            return refuse("digest-uri", &digest_uri);
        }
        let response = demand("response")?;
        let authorization_id = text("authzid").unwrap_or_else(|| username.clone());

        let known = self.users.passwords.get(&*username);
        let proof = Proof {
            username: &username,
            realm: &realm,
            password: known.unwrap_or(&self.users.nobody),
            nonce: nonce.as_bytes(),
            cnonce,
            authorization_id: directives.get("authzid"),
            digest_uri: &digest_uri,
        };
        let is_right = response.ct_eq(proof.of_client().as_bytes()) & subtle::Choice::from(u8::from(known.is_some()));
        if !bool::from(is_right) {
            // The log tells of which name, and nobody whether there is one.
            return Err(SaslError::new(format!("the name {} and the password do not go together", shown(&username))));
        }
        let rspauth = format!("rspauth={}", proof.of_server()).into_bytes();
        match self.authorize.authorize(&username, &authorization_id) {
            Some(authorization_id) => Ok(Step::Done { token: Some(rspauth), authorization_id }),
            None => Err(SaslError::new(format!("{} may not act as {}", shown(&username), shown(&authorization_id)))),
        }
    }
}

impl Negotiation for Server {
    fn step(&mut self, token: &[u8]) -> Step {
        self.take(token).unwrap_or_else(|error| {
            self.state = ServerState::Over;
            Step::Failed(error)
        })
    }
}

/// The client's side of one negotiation.
pub struct Client {
    username: String,
    password: Secret,
    service: Service,
    state: ClientState,
}

enum ClientState {
    Begins,
    /// Has nothing to say before the server's challenge.
    Greeted,
    /// What the server must show, since it knows the password too.
    Answered(Zeroizing<String>),
    Over,
}

impl Client {
    pub fn new(username: String, password: Secret, service: Service) -> Client {
        Client { username, password, service, state: ClientState::Begins }
    }

    fn take(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        match std::mem::replace(&mut self.state, ClientState::Over) {
            ClientState::Begins => {
                self.state = ClientState::Greeted;
                Ok(Step::Continue(Vec::new()))
            }
            ClientState::Greeted => self.answer(token, nonce()?),
            ClientState::Answered(expected) => {
                let directives = Directives::parse(token, &["rspauth"])?;
                let shown = directives.get("rspauth").unwrap_or_default();
                match bool::from(shown.ct_eq(expected.as_bytes())) {
                    true => Ok(Step::Done { token: None, authorization_id: self.username.clone() }),
                    false => Err(SaslError::new("the server has not shown that it knows the password")),
                }
            }
            ClientState::Over => Err(SaslError::new("a token came after the end of a negotiation")),
        }
    }

    fn answer(&mut self, challenge: &[u8], cnonce: String) -> Result<Step, SaslError> {
        if challenge.len() > CHALLENGE_MAX {
            return Err(SaslError::new(format!("a token of {} bytes is longer than any challenge", challenge.len())));
        }
        let directives = Directives::parse(challenge, &CHALLENGE_DIRECTIVES)?;
        let nonce = directives.get("nonce").ok_or_else(|| SaslError::new("the challenge has no nonce"))?;
        let nonce = String::from_utf8_lossy(nonce);
        if directives.get("algorithm") != Some(b"md5-sess") {
            return Err(SaslError::new("the challenge does not ask for the algorithm md5-sess"));
        }
        let qops = directives.get("qop").map(String::from_utf8_lossy).unwrap_or("auth".into());
        if !qops.split([',', ' ']).any(|qop| qop == "auth") {
            return Err(SaslError::new(format!(
                "the server asks for the quality of protection {}, not auth",
                shown(&qops)
            )));
        }
        let realm = directives.get("realm").map(String::from_utf8_lossy).unwrap_or_default();
        let digest_uri = uri_of(self.service);
        let proof = Proof {
            username: &self.username,
            realm: &realm,
            password: &self.password,
            nonce: nonce.as_bytes(),
            cnonce: cnonce.as_bytes(),
            authorization_id: Some(self.username.as_bytes()),
            digest_uri: &digest_uri,
        };
        let username = quoted(&self.username);
        let answer = format!(
            "charset=utf-8,username=\"{username}\",realm=\"{}\",nonce=\"{}\",nc={NONCE_COUNT:08x},cnonce=\"{cnonce}\",\
             digest-uri=\"{digest_uri}\",maxbuf={BUFFER_MAX},response={},qop=auth,authzid=\"{username}\"",
            quoted(&realm),
            quoted(&nonce),
            proof.of_client(),
        );
        self.state = ClientState::Answered(Zeroizing::new(proof.of_server()));
        Ok(Step::Continue(answer.into_bytes()))
    }
}

impl Negotiation for Client {
    fn step(&mut self, token: &[u8]) -> Step {
        self.take(token).unwrap_or_else(|error| {
            self.state = ClientState::Over;
            Step::Failed(error)
        })
    }
}

/// What both sides compute with.
struct Proof<'a> {
    username: &'a str,
    realm: &'a str,
    password: &'a Secret,
    nonce: &'a [u8],
    cnonce: &'a [u8],
    authorization_id: Option<&'a [u8]>,
    digest_uri: &'a str,
}

impl Proof<'_> {
    fn of_client(&self) -> String {
        self.response("AUTHENTICATE")
    }

    fn of_server(&self) -> String {
        self.response("")
    }

    fn response(&self, verb: &str) -> String {
        let a1 = hex(&self.a1());
        let a2 = hex(&hash(&[verb.as_bytes(), b":", self.digest_uri.as_bytes()]));
        let count = format!("{NONCE_COUNT:08x}");
        let parts: [&[u8]; 8] = [a1.as_bytes(), b":", self.nonce, b":", count.as_bytes(), b":", self.cnonce, b":auth:"];
        hex(&hash(&[&parts[..], &[a2.as_bytes()]].concat()))
    }

    fn a1(&self) -> [u8; 16] {
        let password = Zeroizing::new(latin(str::from_utf8(self.password.bytes()).unwrap_or_default()));
        let key = hash(&[&latin(self.username), b":", &latin(self.realm), b":", &password]);
        let mut parts: Vec<&[u8]> = vec![&key, b":", self.nonce, b":", self.cnonce];
        if let Some(authorization_id) = self.authorization_id {
            parts.extend([b":", authorization_id]);
        }
        hash(&parts)
    }
}

fn uri_of(service: Service) -> String {
    format!("{}/{}", service.protocol, service.server_name)
}

/// A number that nobody can guess.
fn nonce() -> Result<String, SaslError> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| SaslError::new(format!("the system gives no random numbers: {error}")))?;
    Ok(STANDARD.encode(bytes))
}

fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text in ISO 8859-1 if it has no other characters, and in UTF-8 if it has: so names and passwords are hashed.
fn latin(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// A text as it stands in quotation marks.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The directives of a client's answer.
const RESPONSE_DIRECTIVES: [&str; 12] = [
    "username",
    "realm",
    "nonce",
    "cnonce",
    "nc",
    "qop",
    "digest-uri",
    "response",
    "maxbuf",
    "charset",
    "cipher",
    "authzid",
];
/// The directives of a server's challenge. Of `realm` the first counts.
const CHALLENGE_DIRECTIVES: [&str; 7] = ["realm", "nonce", "qop", "charset", "algorithm", "maxbuf", "cipher"];

/// The directives of a token that have a meaning here; others are passed over.
struct Directives(Vec<(&'static str, Vec<u8>)>);

impl Directives {
    fn parse(token: &[u8], known: &[&'static str]) -> Result<Directives, SaslError> {
        let mut directives = Directives(Vec::new());
        let (mut rest, is_response) = (token, known.contains(&"response"));
        loop {
            rest = without_separators(rest);
            if rest.is_empty() {
                return Ok(directives);
            }
            let (key, behind) = key(rest)?;
            let (value, behind) = value(behind)?;
            rest = behind;
            let Some(known) = known.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(key)) else { continue };
            if directives.get(known).is_none() {
                directives.0.push((known, value));
            } else if *known != "realm" || is_response {
                return Err(SaslError::new(format!("the token has the directive {known} twice")));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &value[..])
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn without_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| is_space(**byte)).count();
    &bytes[spaces..]
}

fn without_separators(bytes: &[u8]) -> &[u8] {
    let separators = bytes.iter().take_while(|byte| is_space(**byte) || **byte == b',').count();
    &bytes[separators..]
}

/// The key that a directive begins with, and what is behind the `=`.
fn key(bytes: &[u8]) -> Result<(&[u8], &[u8]), SaslError> {
    let end = bytes.iter().position(|byte| matches!(*byte, b'=' | b',') || is_space(*byte)).unwrap_or(bytes.len());
    let behind = without_spaces(&bytes[end..]);
    match behind.split_first() {
        Some((b'=', behind)) if end > 0 => Ok((&bytes[..end], without_spaces(behind))),
        _ => Err(SaslError::new("the token has a directive without a name or a value")),
    }
}

/// The value that bytes begin with, and what is behind it.
fn value(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), SaslError> {
    let Some((b'"', mut rest)) = bytes.split_first() else {
        if bytes.is_empty() {
            return Err(SaslError::new("the token has a directive without a value"));
        }
        let end = bytes.iter().position(|byte| *byte == b',' || is_space(*byte)).unwrap_or(bytes.len());
        return Ok((bytes[..end].to_vec(), &bytes[end..]));
    };
    let mut value = Vec::new();
    loop {
        match rest {
            [b'\\', byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
            [b'"', behind @ ..] => {
                let is_separated = behind.first().is_none_or(|byte| *byte == b',' || is_space(*byte));
                return match is_separated {
                    true => Ok((value, behind)),
                    false => Err(SaslError::new("the token has something behind a quotation mark that is no comma")),
                };
            }
            [b'\\'] | [] => return Err(SaslError::new("the token has a quotation mark without another")),
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::kerberos_name::KerberosNames;

    fn login(users: &[(&str, &str)]) -> Server {
        let passwords =
            users.iter().map(|(name, password)| ((*name).to_owned(), Secret::new(password.as_bytes().to_vec())));
        let names = KerberosNames::new("DEFAULT", "", false, false).expect("rules");
        Server::new(Arc::new(Users::new(passwords.collect())), Service::CLIENTS, Arc::new(names))
    }

    /// A server that has sent this nonce.
    fn challenged(users: &[(&str, &str)], nonce: &str) -> Server {
        Server { state: ServerState::Challenged(nonce.to_owned()), ..login(users) }
    }

    fn done(step: Step) -> (String, String) {
        match step {
            Step::Done { token, authorization_id } => {
                (String::from_utf8(token.unwrap_or_default()).expect("text"), authorization_id)
            }
            step => panic!("{step:?}"),
        }
    }

    fn failed(step: Step) -> String {
        match step {
            Step::Failed(error) => error.to_string(),
            step => panic!("{step:?}"),
        }
    }

    fn token(step: Step) -> String {
        match step {
            Step::Continue(token) => String::from_utf8(token).expect("text"),
            step => panic!("{step:?}"),
        }
    }

    const NONCE: &str = "HowEwIgHsBlcqkb26rAMSmGD/JJxFMGHCcdE1zPQ";
    /// What a client of Java 17 has answered to this nonce, of the user bob with the password bobsecret.
    const OF_JAVA: &str = "charset=utf-8,username=\"bob\",realm=\"zk-sasl-md5\",\
        nonce=\"HowEwIgHsBlcqkb26rAMSmGD/JJxFMGHCcdE1zPQ\",nc=00000001,cnonce=\"NZjgX4J/bkQKKobTlFmK//hpAotMXFwrZ2DXJqWV\",\
        digest-uri=\"zookeeper/zk-sasl-md5\",maxbuf=65536,response=fffafc71c5534cbb4aa088e4c4d50313,qop=auth,authzid=\"bob\"";
    /// What a server of Java 17 said to that.
    const TO_JAVA: &str = "rspauth=2f3fb31a187c5c25fc99f78fc08e6236";

    #[test]
    fn a_client_of_java_is_known() {
        let mut server = challenged(&[("bob", "bobsecret")], NONCE);
        assert_eq!(done(server.step(OF_JAVA.as_bytes())), (TO_JAVA.to_owned(), "bob".to_owned()));
        assert_eq!(failed(server.step(OF_JAVA.as_bytes())), "a token came after the end of a negotiation");
    }

    #[test]
    fn names_and_passwords_of_any_characters() {
        for (user, password, nonce, cnonce, response, rspauth) in [
            (
                "b\"o\\b",
                "p\u{e4}ss",
                "1CeQZE/G/LnIGF4euZKAuU+ozFEQX9zKdcDPQ4BO",
                "NXkVL/QS55rx1IuSTxB2+w9EIs12n2iIBFK1Slbi",
                "619093cca8a47bb7c6017a3cc8bbd9e3",
                "0d49543657bc774ece5b6eb3cad31f22",
            ),
            (
                "\u{fc}ser",
                "p\u{20ac}ss",
                "ioYCASwMmqg1ucnI+nQ3KWSl/jTdYZ0hZl/M0iDO",
                "W9yiXOp3cVi20zxJQq6nl7+jBETqx8Y3aIucDD6K",
                "2f2e2aa34419f550f4e867d81c21bb71",
                "33cc77e7b8cefdc095f9ae851320f2ad",
            ),
            (
                "\u{20ac}user",
                "x",
                "R9j5yymknTUDFZz2tXpwUqTUVBmjtssBHHRcA5pR",
                "ascYUPNwvVNkrlt4M9/q9SniHvFApLV9yyxnF9Qj",
                "8b990306ac0389df392ee2c324dcefcc",
                "5049ed2dcb119a303171fdba74510e29",
            ),
        ] {
            // Word for word what Java's client and server have said.
            let of_java = format!(
                "charset=utf-8,username=\"{0}\",realm=\"zk-sasl-md5\",nonce=\"{nonce}\",nc=00000001,cnonce=\"{cnonce}\",\
                 digest-uri=\"zookeeper/zk-sasl-md5\",maxbuf=65536,response={response},qop=auth,authzid=\"{0}\"",
                quoted(user)
            );
            let (to_java, id) = done(challenged(&[(user, password)], nonce).step(of_java.as_bytes()));
            assert_eq!((to_java, &id[..]), (format!("rspauth={rspauth}"), user));

            let mut client = Client::new(user.to_owned(), Secret::new(password.as_bytes().to_vec()), Service::CLIENTS);
            let challenge = format!("realm=\"zk-sasl-md5\",nonce=\"{nonce}\",charset=utf-8,algorithm=md5-sess");
            let answer = client.answer(challenge.as_bytes(), cnonce.to_owned()).expect("a challenge");
            assert_eq!(token(answer), of_java);
            assert_eq!(done(client.step(format!("rspauth={rspauth}").as_bytes())), (String::new(), user.to_owned()));
        }
    }

    #[test]
    fn both_sides_know_each_other() {
        let mut client = Client::new("bob".to_owned(), Secret::new(b"bobsecret".to_vec()), Service::CLIENTS);
        let mut server = login(&[("bob", "bobsecret")]);
        assert_eq!(token(client.step(b"")), "", "the client has nothing to say first");
        let challenge = token(server.step(b""));
        assert!(challenge.starts_with("realm=\"zk-sasl-md5\",nonce=\""), "{challenge}");
        assert!(challenge.ends_with("\",charset=utf-8,algorithm=md5-sess"), "{challenge}");
        assert_eq!(challenge.len(), "realm=\"zk-sasl-md5\",nonce=\"\",charset=utf-8,algorithm=md5-sess".len() + 40);
        let (rspauth, id) = done(server.step(token(client.step(challenge.as_bytes())).as_bytes()));
        assert_eq!(id, "bob");
        let mut deceived = client;
        assert_eq!(done(deceived.step(rspauth.as_bytes())).1, "bob");

        let mut client = Client::new("bob".to_owned(), Secret::new(b"bobsecret".to_vec()), Service::CLIENTS);
        client.step(b"");
        client.step(challenge.as_bytes());
        assert_eq!(failed(client.step(TO_JAVA.as_bytes())), "the server has not shown that it knows the password");
    }

    #[test]
    fn a_challenge_is_answered_once() {
        let mut other = login(&[("bob", "bobsecret")]);
        other.step(b"");
        assert_eq!(
            failed(other.step(OF_JAVA.as_bytes())),
            "the answer is to another challenge than this negotiation's"
        );
        assert!(token(login(&[]).step(OF_JAVA.as_bytes())).starts_with("realm="), "any first token is answered so");
    }

    #[test]
    fn a_name_that_is_not_known_is_told_as_a_wrong_password() {
        let known = failed(challenged(&[("bob", "other")], NONCE).step(OF_JAVA.as_bytes()));
        let unknown = failed(challenged(&[("alice", "bobsecret")], NONCE).step(OF_JAVA.as_bytes()));
        assert_eq!(known, unknown);
        assert_eq!(known, "the name \"bob\" and the password do not go together");
        // Not even who guesses what stands for its password gets in.
        let mut nobody = challenged(&[("alice", "x")], NONCE);
        Arc::get_mut(&mut nobody.users).unwrap().nobody = Secret::new(b"bobsecret".to_vec());
        assert_eq!(failed(nobody.step(OF_JAVA.as_bytes())), known);
    }

    #[test]
    fn answers_that_java_refuses() {
        let with = |from: &str, to: &str| {
            assert!(OF_JAVA.contains(from), "{from}");
            failed(challenged(&[("bob", "bobsecret")], NONCE).step(OF_JAVA.replace(from, to).as_bytes()))
        };
        for (from, to, expected) in [
            ("charset=utf-8", "charset=latin1", "the answer has the charset \"latin1\""),
            ("realm=\"zk-sasl-md5\"", "realm=\"other\"", "the answer has the realm \"other\""),
            ("realm=\"zk-sasl-md5\",", "", "the answer has the realm \"\""),
            ("username=\"bob\",", "", "the answer has no username"),
            ("nonce=\"How", "nonce=\"how", "the answer is to another challenge than this negotiation's"),
            (",cnonce=\"NZjgX4J/bkQKKobTlFmK//hpAotMXFwrZ2DXJqWV\"", "", "the answer has no cnonce"),
            ("nc=00000001", "nc=00000002", "the answer has the nonce count \"00000002\""),
            ("nc=00000001", "nc=x", "the answer has the nonce count \"x\""),
            ("qop=auth", "qop=auth-conf", "the answer has the quality of protection \"auth-conf\""),
            ("zookeeper/zk-sasl-md5", "hbase/zk-sasl-md5", "the answer has the digest-uri \"hbase/zk-sasl-md5\""),
            (",response=fffafc71c5534cbb4aa088e4c4d50313", "", "the answer has no response"),
            ("response=ff", "response=fe", "the name \"bob\" and the password do not go together"),
            ("authzid=\"bob\"", "authzid=\"super\"", "the name \"bob\" and the password do not go together"),
            ("qop=auth", "qop=auth,username=\"bob\"", "the token has the directive username twice"),
            ("qop=auth", "qop=auth,Realm=\"zk-sasl-md5\"", "the token has the directive realm twice"),
            (
                "username=\"bob\"",
                "username=\"bob\"x",
                "the token has something behind a quotation mark that is no comma",
            ),
            ("authzid=\"bob\"", "authzid=\"bob", "the token has a quotation mark without another"),
            ("authzid=\"bob\"", "authzid=\"bob\\", "the token has a quotation mark without another"),
            ("authzid=\"bob\"", "authzid=", "the token has a directive without a value"),
            ("authzid=\"bob\"", "authzid", "the token has a directive without a name or a value"),
            ("qop=auth", "=auth", "the token has a directive without a name or a value"),
        ] {
            assert_eq!(with(from, to), expected, "{from} {to}");
        }
        let long = format!("{OF_JAVA}{}", ",".repeat(RESPONSE_MAX));
        assert!(failed(challenged(&[], NONCE).step(long.as_bytes())).contains("is longer than any answer"));
    }

    #[test]
    fn answers_that_java_takes() {
        for (from, to) in [
            (",maxbuf=65536", " , ,maxbuf = 65536\r\n,"),
            ("charset=utf-8,", "charset=\"utf-8\",x=y,"),
            ("nc=00000001,", ""),
            ("qop=auth,", "QOP=\"auth\","),
            ("zookeeper/zk", "ZooKeeper/zk"),
        ] {
            assert!(OF_JAVA.contains(from), "{from}");
            let step = challenged(&[("bob", "bobsecret")], NONCE).step(OF_JAVA.replace(from, to).as_bytes());
            match from.contains("zookeeper") {
                // The proof is computed with the uri as the client writes it.
                true => assert_eq!(failed(step), "the name \"bob\" and the password do not go together"),
                false => assert_eq!(done(step).1, "bob", "{from}"),
            }
        }
    }

    #[test]
    fn challenges_that_are_none() {
        for (challenge, expected) in [
            ("", "the challenge has no nonce"),
            ("nonce=\"x\"", "the challenge does not ask for the algorithm md5-sess"),
            (
                "nonce=\"x\",algorithm=md5-sess,qop=\"auth-conf\"",
                "the server asks for the quality of protection \"auth-conf\", not auth",
            ),
            ("nonce=\"x\",nonce=\"y\"", "the token has the directive nonce twice"),
        ] {
            let mut client = Client::new("bob".to_owned(), Secret::default(), Service::CLIENTS);
            client.step(b"");
            assert_eq!(failed(client.step(challenge.as_bytes())), expected);
            assert!(failed(client.step(b"")).contains("after the end"));
        }
        let mut client = Client::new("bob".to_owned(), Secret::default(), Service::CLIENTS);
        client.step(b"");
        token(client.step(b"realm=\"a\",realm=\"b\",nonce=\"x\",algorithm=md5-sess,qop=\"auth-int,auth\""));
    }
}
