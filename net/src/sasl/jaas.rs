//! JAAS files: which modules log a program in, and with what.
//!
//! A file is read as Java's `ConfigFile` reads it, to the letter: what Java refuses is refused, since two readings of one
//! file would be two sets of users.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

use zeroize::{Zeroize, Zeroizing};

use crate::tls::secret::Secret;

/// A longer file is none that an operator has written, bytes.
const FILE_MAX: u64 = 1 << 20;

/// The property of this name, for `${name}` in a value.
pub type Properties<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The sections of a file.
#[derive(Clone, Debug, Default)]
pub struct Jaas {
    sections: Vec<Section>,
}

/// What logs one program in: `name { modules };`
#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub modules: Vec<Module>,
}

/// One line of a section: `class flag option=value ... ;`
#[derive(Clone, Debug)]
pub struct Module {
    pub class: String,
    pub flag: Flag,
    options: HashMap<String, Secret>,
}

/// What a module's failure means to the login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    Required,
    Requisite,
    Sufficient,
    Optional,
}

/// Why a file is no JAAS file.
#[derive(Debug)]
pub enum JaasError {
    Unreadable(io::Error),
    /// The line, from 1, and what is wrong there. The text has nothing of a value: any may be a password.
    Malformed {
        line: u32,
        problem: String,
    },
}

impl fmt::Display for JaasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JaasError::Unreadable(error) => write!(f, "cannot be read: {error}"),
            JaasError::Malformed { line, problem } => write!(f, "line {line}: {problem}"),
        }
    }
}

impl std::error::Error for JaasError {}

impl Jaas {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no text of UTF-8, or is not well formed.
    pub fn read(path: &Path, properties: Properties) -> Result<Jaas, JaasError> {
        // So much room at once: growing would leave copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::new());
        let file = File::open(path).map_err(JaasError::Unreadable)?;
        let length = file.metadata().map_err(JaasError::Unreadable)?.len();
        bytes.reserve_exact(length.min(FILE_MAX) as usize + 1);
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(JaasError::Unreadable)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(JaasError::Unreadable(io::ErrorKind::FileTooLarge.into()));
        }
        let text = str::from_utf8(&bytes).map_err(|_| JaasError::Unreadable(io::ErrorKind::InvalidData.into()))?;
        Jaas::parse(text, properties)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is not well formed.
    pub fn parse(text: &str, properties: Properties) -> Result<Jaas, JaasError> {
        let mut parser = Parser { tokens: Tokens::new(text), properties, lookahead: Token::End };
        parser.advance();
        let mut sections: Vec<Section> = Vec::new();
        while let Some(section) = parser.section()? {
            if sections.iter().any(|earlier| earlier.name == section.name) {
                return Err(parser.problem(format!("there is a second section {:?}", section.name)));
            }
            sections.push(section);
        }
        Ok(Jaas { sections })
    }

    /// In the order of the file.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Module {
    /// The class without its package.
    pub fn class_name(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.secret(name).and_then(|value| str::from_utf8(value.bytes()).ok())
    }

    /// The same as what it may be: a password.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.options.get(name)
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn options(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.options.iter().map(|(name, value)| (&name[..], value))
    }
}

/// What a file consists of.
#[derive(PartialEq, Eq)]
enum Token {
    /// A bare word, or a text in quotation marks.
    Word(Zeroizing<String>),
    /// One of `{ } ; = ,`, or what has no meaning here.
    Sign(char),
    /// A number, which is no word; the files have no place for one outside of quotation marks.
    Number,
    End,
}

/// The tokens of a text, as Java's `StreamTokenizer` makes them with `ConfigFile`'s table.
struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
    /// The line, from 1.
    line: u32,
}

/// Whether a word goes on with it.
fn is_of_word(c: char) -> bool {
    begins_word(c) || is_of_number(c)
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '$' | '_' | '*') || c >= '\u{a0}'
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '-')
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Tokens<'a> {
        Tokens { chars: text.chars().peekable(), line: 1 }
    }

    fn read(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' || (c == '\r' && self.chars.peek() != Some(&'\n')) {
            self.line += 1;
        }
        Some(c)
    }

    fn next(&mut self) -> Token {
        loop {
            let Some(&c) = self.chars.peek() else { return Token::End };
            match c {
                c if begins_word(c) => return self.word(),
                c if is_of_number(c) => return self.number(),
                '"' => return self.text(),
                '/' => self.comment(),
                c if c > ' ' => {
                    self.read();
                    return Token::Sign(c);
                }
                _ => {
                    self.read();
                }
            }
        }
    }

    fn word(&mut self) -> Token {
        // What may hold secrets does not grow, which would leave copies behind.
        let room = self.chars.clone().take_while(|c| is_of_word(*c)).map(char::len_utf8).sum();
        let mut word = Zeroizing::new(String::with_capacity(room));
        while let Some(&c) = self.chars.peek()
            && is_of_word(c)
        {
            word.push(c);
            self.chars.next();
        }
        Token::Word(word)
    }

    /// How long a text is that begins here, or longer, bytes.
    fn text_room(&self) -> usize {
        let (mut room, mut is_escaped) = (0, false);
        for c in self.chars.clone() {
            if !is_escaped && matches!(c, '\n' | '\r' | '"') {
                break;
            }
            is_escaped = c == '\\' && !is_escaped;
            room += c.len_utf8().max(2);
        }
        room
    }

    /// A sign, unless a digit or a point comes behind it, is a sign.
    fn number(&mut self) -> Token {
        if self.chars.peek() == Some(&'-') {
            self.chars.next();
            if !self.chars.peek().is_some_and(|c| c.is_ascii_digit() || *c == '.') {
                return Token::Sign('-');
            }
        }
        while self.chars.peek().is_some_and(|c| c.is_ascii_digit() || *c == '.') {
            self.chars.next();
        }
        Token::Number
    }

    /// Up to the other quotation mark, or to the end of the line.
    fn text(&mut self) -> Token {
        self.chars.next();
        let mut text = Zeroizing::new(String::with_capacity(self.text_room()));
        while let Some(&c) = self.chars.peek()
            && !matches!(c, '\n' | '\r')
        {
            self.chars.next();
            match c {
                '"' => break,
                '\\' => {
                    if let Some(meant) = self.escaped() {
                        text.push(meant);
                    }
                }
                c => text.push(c),
            }
        }
        Token::Word(text)
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Option<char> {
        let c = self.read()?;
        Some(match c {
            '0'..='7' => self.octal(c),
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            c => c,
        })
    }

    /// Three digits at most, and two if the first is above 3.
    fn octal(&mut self, first: char) -> char {
        let digits = if first <= '3' { 3 } else { 2 };
        let mut value = first.to_digit(8).unwrap_or_default();
        for _ in 1..digits {
            let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8)) else { break };
            self.chars.next();
            value = value * 8 + digit;
        }
        char::from_u32(value).unwrap_or_default()
    }

    /// A slash begins a comment, to the end of the line unless it is `/*`.
    fn comment(&mut self) {
        self.chars.next();
        if self.chars.peek() != Some(&'*') {
            while self.chars.peek().is_some_and(|c| !matches!(c, '\n' | '\r')) {
                self.chars.next();
            }
            return;
        }
        self.chars.next();
        let mut before = ' ';
        while let Some(c) = self.read() {
            if before == '*' && c == '/' {
                return;
            }
            before = c;
        }
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    properties: Properties<'a>,
    lookahead: Token,
}

impl Parser<'_> {
    fn advance(&mut self) -> Token {
        let next = self.tokens.next();
        std::mem::replace(&mut self.lookahead, next)
    }

    fn problem(&self, problem: String) -> JaasError {
        JaasError::Malformed { line: self.tokens.line, problem }
    }

    fn expected(&self, what: &str) -> JaasError {
        let found = match &self.lookahead {
            Token::Word(_) => "a word".to_owned(),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::Number => "a number; write it in quotation marks".to_owned(),
            Token::End => "the end of the file".to_owned(),
        };
        self.problem(format!("{what} is expected here, not {found}"))
    }

    fn word(&mut self, what: &str) -> Result<Zeroizing<String>, JaasError> {
        if !matches!(self.lookahead, Token::Word(_)) {
            return Err(self.expected(what));
        }
        match self.advance() {
            Token::Word(word) => Ok(word),
            _ => Err(self.expected(what)),
        }
    }

    fn sign(&mut self, sign: char) -> Result<(), JaasError> {
        if self.lookahead != Token::Sign(sign) {
            return Err(self.expected(&format!("{sign:?}")));
        }
        self.advance();
        Ok(())
    }

    /// The next section; `None` at the end.
    fn section(&mut self) -> Result<Option<Section>, JaasError> {
        if self.lookahead == Token::End {
            return Ok(None);
        }
        let name = self.word("the name of a section")?.to_string();
        self.sign('{')?;
        let mut modules = Vec::new();
        while self.lookahead != Token::Sign('}') {
            modules.push(self.module()?);
        }
        self.sign('}')?;
        self.sign(';')?;
        Ok(Some(Section { name, modules }))
    }

    fn module(&mut self) -> Result<Module, JaasError> {
        let class = self.word("the class of a login module")?.to_string();
        let flag = match &self.word("a flag")?.to_ascii_lowercase()[..] {
            "required" => Flag::Required,
            "requisite" => Flag::Requisite,
            "sufficient" => Flag::Sufficient,
            "optional" => Flag::Optional,
            _ => return Err(self.problem("a module's flag is required, requisite, sufficient or optional".to_owned())),
        };
        let mut options = HashMap::new();
        while self.lookahead != Token::Sign(';') {
            let name = self.word("an option, or ';'")?.to_string();
            self.sign('=')?;
            let value = self.word("the value of an option")?;
            options.insert(name, self.expand(value)?);
        }
        self.advance();
        Ok(Module { class, flag, options })
    }

    fn expand(&self, value: Zeroizing<String>) -> Result<Secret, JaasError> {
        if !value.contains("${") {
            return Ok(Secret::new(value.as_bytes().to_vec()));
        }
        let mut expanded = expand(&value, self.properties)
            .map_err(|name| self.problem(format!("the property {name:?}, which a value asks for, is not set")))?;
        if expanded.is_empty() {
            return Err(self.problem("what a value asks for is empty".to_owned()));
        }
        let secret = Secret::new(expanded.as_bytes().to_vec());
        expanded.zeroize();
        Ok(secret)
    }
}

/// A value with its `${name}` replaced, as Java's `PropertyExpander` does it; `Err`: the name of a property that is not set.
fn expand(value: &str, properties: Properties) -> Result<String, String> {
    let (mut expanded, mut rest) = (String::with_capacity(value.len()), value);
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        rest = &rest[start..];
        let inner = &rest[2..];
        if inner.starts_with('{') {
            // `${{...}}` stays as it is.
            let Some(end) = inner.find("}}").filter(|end| end + 2 < inner.len()) else { break };
            expanded.push_str(&rest[..end + 4]);
            rest = &rest[end + 4..];
            continue;
        }
        let Some(end) = inner.find('}') else { break };
        match &inner[..end] {
            "/" => expanded.push('/'),
            name => expanded.push_str(&properties(name).ok_or_else(|| name.to_owned())?),
        }
        rest = &inner[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn parse(text: &str) -> Jaas {
        Jaas::parse(text, &none).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn refused(text: &str) -> String {
        Jaas::parse(text, &none).expect_err(text).to_string()
    }

    #[test]
    fn sections_modules_and_options() {
        let jaas = parse(
            "/* users */ Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  user_super=\"adminsecret\" \
             // hers\n  user_bob = \"bob\\\"s \\\\ \\101\"; };\n\n\
             Client { com.sun.security.auth.module.Krb5LoginModule REQUISITE useKeyTab=true keyTab=\"/etc/zk.keytab\"\n\
             principal=\"zookeeper/host@REALM\"; a.B optional; };\nEmpty {};",
        );
        let server = jaas.section("Server").expect("it is there");
        assert_eq!(server.modules.len(), 1);
        let module = &server.modules[0];
        assert_eq!((module.class_name(), module.flag), ("DigestLoginModule", Flag::Required));
        assert_eq!(module.option("user_super"), Some("adminsecret"));
        assert_eq!(module.option("user_bob"), Some("bob\"s \\ A"));
        assert_eq!(module.options().count(), 2);
        let client = jaas.section("Client").expect("it is there");
        assert_eq!(
            client.modules.iter().map(|module| module.flag).collect::<Vec<_>>(),
            [Flag::Requisite, Flag::Optional]
        );
        assert!(client.modules[0].is_true("useKeyTab") && !client.modules[0].is_true("storeKey"));
        assert_eq!(client.modules[0].option("keyTab"), Some("/etc/zk.keytab"));
        assert_eq!(jaas.section("Empty").expect("it is there").modules.len(), 0);
        assert!(jaas.section("server").is_none(), "names are told apart by case");
    }

    #[test]
    fn words_are_what_java_takes_for_words() {
        let module = &parse("S { a.b.C required x_1=a-b.c$d*e y=été z=\"1\" x_1=later; };").sections[0].modules[0];
        assert_eq!(module.option("x_1"), Some("later"), "the last of a name counts");
        assert_eq!((module.option("y"), module.option("z")), (Some("été"), Some("1")));
        // A slash begins a comment, and so a bare path ends there.
        assert!(refused("S { C required keyTab=/etc/x; };").contains("the value of an option is expected here"));
        // A text ends with its line.
        assert_eq!(parse("S { C required x=\"open\n; };").sections[0].modules[0].option("x"), Some("open"));
    }

    #[test]
    fn what_is_refused_says_where() {
        for (text, expected) in [
            (
                "S { C required x=1; };",
                "line 1: the value of an option is expected here, not a number; write it in quotation marks",
            ),
            ("\n\nS {", "line 3: the class of a login module is expected here, not the end of the file"),
            ("S { C required; }", "line 1: ';' is expected here, not the end of the file"),
            ("S { C needed; };", "line 1: a module's flag is required, requisite, sufficient or optional"),
            ("S {};\nS {};", "line 2: there is a second section \"S\""),
            ("S { C required x; };", "line 1: '=' is expected here, not ';'"),
            ("S { C required 'x'=y; };", "line 1: an option, or ';' is expected here, not '\\''"),
            ("S { C required x=a@b; };", "line 1: an option, or ';' is expected here, not '@'"),
            ("{", "line 1: the name of a section is expected here, not '{'"),
            ("/* S {};", ""),
        ] {
            match Jaas::parse(text, &none) {
                Ok(jaas) => assert_eq!((expected, jaas.sections.len()), ("", 0), "{text:?}"),
                Err(error) => assert_eq!(error.to_string(), expected),
            }
        }
    }

    #[test]
    fn properties_are_expanded() {
        let properties = |name: &str| match name {
            "user.home" => Some("/home/zk".to_owned()),
            "empty" => Some(String::new()),
            _ => None,
        };
        let value = |value: &str| {
            let jaas = Jaas::parse(&format!("S {{ C required x=\"{value}\"; }};"), &properties);
            jaas.map(|jaas| jaas.sections[0].modules[0].option("x").map(str::to_owned))
                .map_err(|error| error.to_string())
        };
        for (written, expanded) in [
            ("${user.home}/zk.keytab", "/home/zk/zk.keytab"),
            ("a${/}b${user.home}", "a/b/home/zk"),
            ("${{user.home}} x", "${{user.home}} x"),
            ("${{user.home}}", "${{user.home}}"),
            ("${user.home", "${user.home"),
            ("$user", "$user"),
            ("", ""),
        ] {
            assert_eq!(value(written), Ok(Some(expanded.to_owned())));
        }
        assert_eq!(
            value("${nobody}").unwrap_err(),
            "line 1: the property \"nobody\", which a value asks for, is not set"
        );
        assert_eq!(value("${empty}").unwrap_err(), "line 1: what a value asks for is empty");
    }

    #[test]
    fn no_text_is_too_much() {
        for text in
            ["S{", "\"", "/", "//", "/*", "\\", "-", "S{C required x=\"\\", "\"${{\"", "S{C required x=\"\\777\";};"]
        {
            let _ = Jaas::parse(text, &none);
            let _ = Jaas::parse(&text.repeat(1000), &none);
        }
    }

    #[test]
    fn nothing_of_a_password_is_shown() {
        let jaas = parse("Server { C required user_bob=\"hush\"; };");
        assert!(!format!("{jaas:?}").contains("hush"));
        assert!(!refused("Server { C required user_bob=\"hush\" hush; };").contains("hush"));
    }
}
