//! The lines of an exported subtree. The file is text, one JSON object a line:
//!
//! ```text
//! {"paddock-export":1,"path":"/app"}                                       first: the format, and whose subtree it is
//! {"path":"/","data":"text","acl":[{"scheme":"digest","id":"me:...","perms":"cdrwa"}]}
//! {"path":"/config","base64":"/wA="}                                       data that is no UTF-8
//! {"path":"/locks","ephemeral":true}                                       no data at all; a session held it
//! {"znodes":3}                                                             last: without it the file is cut
//! ```
//!
//! Paths begin at the subtree: `/` is its root. A znode comes after its parent. Where there is no `acl`, it is everything for
//! `world:anyone`. Of what ZooKeeper does not show to clients nothing is said: containers and znodes with a time to live are
//! like any other. What is not named here is passed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paddock_engine::acl::{Entry, Id};
use serde_json::{Map, Value, json};

use super::acl_text;

const FORMAT: &str = "paddock-export";
const VERSION: u64 = 1;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Znode {
    pub path: String,
    pub data: Option<Vec<u8>>,
    pub acl: Vec<Entry>,
    pub is_ephemeral: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// The path of the subtree.
    First(String),
    Znode(Znode),
    /// How many there were.
    Last(u64),
}

impl Line {
    pub fn text(&self) -> String {
        match self {
            Line::First(path) => json!({(FORMAT): VERSION, "path": path}).to_string(),
            Line::Znode(znode) => znode.object().to_string(),
            Line::Last(znodes) => json!({"znodes": znodes}).to_string(),
        }
    }

    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Line, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let object = value.as_object().ok_or("it is no object")?;
        if let Some(version) = object.get(FORMAT) {
            return match version.as_u64() {
                Some(VERSION) => Ok(Line::First(text_of(object, "path")?.to_owned())),
                _ => Err(format!("its format is {version}, and {VERSION} is known here")),
            };
        }
        if let Some(znodes) = object.get("znodes") {
            return znodes.as_u64().map(Line::Last).ok_or_else(|| "znodes is no number".to_owned());
        }
        Ok(Line::Znode(Znode::of(object)?))
    }
}

impl Znode {
    fn object(&self) -> Value {
        let mut object = json!({"path": self.path});
        match self.data.as_deref().map(|data| (data, std::str::from_utf8(data))) {
            Some((_, Ok(text))) => object["data"] = text.into(),
            Some((data, Err(_))) => object["base64"] = STANDARD.encode(data).into(),
            None => {}
        }
        if self.acl != acl_text::open() {
            object["acl"] = acl_text::object(&self.acl);
        }
        if self.is_ephemeral {
            object["ephemeral"] = true.into();
        }
        object
    }

    fn of(object: &Map<String, Value>) -> Result<Znode, String> {
        let path = text_of(object, "path")?.to_owned();
        let data = match (object.get("data"), object.get("base64")) {
            (Some(Value::String(text)), None) => Some(text.clone().into_bytes()),
            (None, Some(Value::String(text))) => {
                Some(STANDARD.decode(text).map_err(|error| format!("base64: {error}"))?)
            }
            (None, None) => None,
            _ => return Err("data and base64 are texts, and there is one of them at most".into()),
        };
        let acl = match object.get("acl") {
            None => acl_text::open(),
            Some(entries) => {
                let entries =
                    entries.as_array().filter(|entries| !entries.is_empty()).ok_or("acl is no list of entries")?;
                entries.iter().map(entry).collect::<Result<_, _>>()?
            }
        };
        let is_ephemeral = object.get("ephemeral").and_then(Value::as_bool).unwrap_or(false);
        Ok(Znode { path, data, acl, is_ephemeral })
    }
}

fn entry(value: &Value) -> Result<Entry, String> {
    let object = value.as_object().ok_or("an entry of acl is no object")?;
    let (perms, unknown) = acl_text::bits(text_of(object, "perms")?);
    if let Some(letter) = unknown.first() {
        return Err(format!("{letter} is no permission"));
    }
    Ok(Entry { perms, id: Id { scheme: text_of(object, "scheme")?.into(), id: text_of(object, "id")?.into() } })
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    object.get(key).and_then(Value::as_str).ok_or_else(|| format!("it has no {key} that is a text"))
}

#[cfg(test)]
mod tests {
    use super::{Line, Znode};
    use crate::shell::acl_text;

    fn znode(path: &str) -> Znode {
        Znode { path: path.into(), data: Some(b"text".to_vec()), acl: acl_text::open(), is_ephemeral: false }
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let (acl, _) = acl_text::parse("digest:me:hash:rw,world:anyone:r");
        for line in [
            Line::First("/app".into()),
            Line::Znode(znode("/")),
            Line::Znode(Znode { data: None, is_ephemeral: true, ..znode("/e") }),
            Line::Znode(Znode { data: Some(vec![0xff, 0]), acl, ..znode("/b") }),
            Line::Znode(Znode { data: Some(Vec::new()), ..znode("/empty\"") }),
            Line::Last(4),
        ] {
            assert_eq!(Line::parse(&line.text()), Ok(line.clone()), "{}", line.text());
            assert_eq!(line.text().lines().count(), 1);
        }
        assert_eq!(Line::Znode(znode("/a")).text(), r#"{"data":"text","path":"/a"}"#);
    }

    #[test]
    fn what_is_no_line_is_told() {
        for (text, why) in [
            ("{", "it is no JSON"),
            ("7", "it is no object"),
            (r#"{"paddock-export":2,"path":"/"}"#, "its format is 2"),
            (r#"{"data":"x"}"#, "it has no path"),
            (r#"{"path":"/a","data":"x","base64":"eA=="}"#, "there is one of them at most"),
            (r#"{"path":"/a","base64":"*"}"#, "base64: "),
            (r#"{"path":"/a","acl":[]}"#, "acl is no list of entries"),
            (r#"{"path":"/a","acl":[{"scheme":"x","id":"","perms":"z"}]}"#, "z is no permission"),
            (r#"{"znodes":"x"}"#, "znodes is no number"),
        ] {
            let told = Line::parse(text).expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
