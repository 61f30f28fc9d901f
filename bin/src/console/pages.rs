//! The files that a browser loads: all of the console is in them, and they are in the program.

use hyper::StatusCode;

use super::told::headers;
use crate::http::{Answer, Content};

/// A file by its name below the console's path.
struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const fn file(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> File {
    File { name, content_type, bytes }
}

static FILES: [File; 14] = [
    file("/", HTML, include_bytes!("pages/console.html")),
    file("/console.css", CSS, include_bytes!("pages/console.css")),
    file("/console.js", SCRIPT, include_bytes!("pages/console.js")),
    file("/page.js", SCRIPT, include_bytes!("pages/page.js")),
    file("/server.js", SCRIPT, include_bytes!("pages/server.js")),
    file("/plots.js", SCRIPT, include_bytes!("pages/plots.js")),
    file("/samples.js", SCRIPT, include_bytes!("pages/samples.js")),
    file("/ensemble.js", SCRIPT, include_bytes!("pages/ensemble.js")),
    file("/stages.js", SCRIPT, include_bytes!("pages/stages.js")),
    file("/tree.js", SCRIPT, include_bytes!("pages/tree.js")),
    file("/changes.js", SCRIPT, include_bytes!("pages/changes.js")),
    file("/clients.js", SCRIPT, include_bytes!("pages/clients.js")),
    file("/log.js", SCRIPT, include_bytes!("pages/log.js")),
    file("/icon.svg", "image/svg+xml", include_bytes!("pages/icon.svg")),
];

/// The file at a path below the console's, which begins with a slash. A browser that has it already gets no bytes.
pub fn answer(path: &str, if_none_match: Option<&str>) -> Option<Answer> {
    let File { content_type, bytes, .. } = FILES.iter().find(|file| file.name == path)?;
    let tag = format!("\"{:08x}\"", crc32c::crc32c(bytes));
    let is_known = if_none_match.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut headers = headers(content_type, "no-cache");
    headers.push(("etag", tag));
    let (status, body) = match is_known {
        true => (StatusCode::NOT_MODIFIED, Vec::new()),
        false => (StatusCode::OK, bytes.to_vec()),
    };
    Some(Answer { status, headers, content: Content::Whole(body) })
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::{FILES, answer};
    use crate::http::Content;
    use crate::http::bounds::LARGE_BYTES;

    #[test]
    fn every_file_is_small_and_has_its_headers() {
        for file in &FILES {
            let told = answer(file.name, None).expect("it is there");
            let header =
                |name: &str| told.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
            assert!(header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'self'")));
            assert_eq!((header("x-content-type-options"), header("x-frame-options")), (Some("nosniff"), Some("DENY")));
            assert!(matches!(&told.content, Content::Whole(bytes) if bytes == file.bytes && bytes.len() < LARGE_BYTES));
        }
        assert!(answer("/other.js", None).is_none() && answer("", None).is_none());
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let told = answer("/", None).expect("it is there");
        let (_, tag) = told.headers.iter().find(|(key, _)| *key == "etag").expect("it has one").clone();
        let again = answer("/", Some(&format!("\"x\", {tag}"))).expect("it is there");
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert!(matches!(again.content, Content::Whole(bytes) if bytes.is_empty()));
        assert_eq!(answer("/", Some("\"x\"")).map(|told| told.status), Some(StatusCode::OK));
    }

    /// A page of a machine that reaches nothing else works, and nobody else hears that it was opened. The name of SVG's
    /// elements is no address that is loaded.
    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for file in &FILES {
            let text = std::str::from_utf8(file.bytes).expect("it is text");
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for sign in
                ["http:", "https:", "src=\"//", "url(//", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("]
            {
                assert!(!text.contains(sign), "{}: {sign}", file.name);
            }
        }
    }
}
