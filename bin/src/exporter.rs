//! The metrics as Prometheus fetches them.

use std::collections::HashSet;

use hyper::{Method, StatusCode};

use crate::http::{Answer, Content, Request, Site, decoded};

/// The one path that is served.
const PATH: &str = "/metrics";
/// The text format of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Makes the text of all metrics as they are when it is called.
pub type Metrics = Box<dyn Fn() -> String + Send + Sync>;

/// What is served on the port of the metrics.
pub struct Exporter(pub Metrics);

impl Site for Exporter {
    fn at_once(&self, _request: &Request) -> Option<Answer> {
        None
    }

    fn answer(&self, request: &Request) -> Answer {
        if request.path != PATH {
            return Answer::text(StatusCode::NOT_FOUND, "there is nothing here; the metrics are at /metrics");
        }
        if ![Method::GET, Method::HEAD, Method::POST].contains(&request.method) {
            let mut answer = Answer::text(StatusCode::METHOD_NOT_ALLOWED, "the metrics are read by GET");
            answer.headers.push(("allow", "GET, HEAD, POST".to_owned()));
            return answer;
        }
        let headers = vec![("content-type", CONTENT_TYPE.to_owned())];
        let (text, names) = ((self.0)(), wanted(request.query.as_deref()));
        let text = if names.is_empty() { text } else { only(&text, &names) };
        Answer { status: StatusCode::OK, headers, content: Content::Whole(text.into_bytes()) }
    }
}

/// The names of samples that a query asks for, each by a `name[]`; none where it asks for all.
fn wanted(query: Option<&str>) -> HashSet<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| decoded(key, true) == "name[]").map(|(_, name)| decoded(name, true)).collect()
}

/// The samples of these names, each family with its head.
fn only(text: &str, names: &HashSet<String>) -> String {
    let (mut kept, mut head) = (String::new(), String::new());
    for line in text.lines() {
        if line.starts_with("# HELP ") {
            head.clear();
        }
        if line.starts_with('#') {
            head.extend([line, "\n"]);
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        if names.contains(name) {
            kept.push_str(&std::mem::take(&mut head));
            kept.extend([line, "\n"]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hyper::{Method, StatusCode};

    use super::{Exporter, only, wanted};
    use crate::http::{Content, Request, Site};

    #[test]
    fn metrics_are_at_one_path() {
        let exporter = Exporter(Box::new(|| "text".to_owned()));
        let answer = |method, path: &str| {
            let address = [127, 0, 0, 1].into();
            let path = path.to_owned();
            let (query, authorization, forwarded_for, host, if_none_match) = (None, None, None, None, None);
            let (origin, data) = (None, None);
            let request = Request {
                method,
                path,
                query,
                authorization,
                forwarded_for,
                host,
                if_none_match,
                origin,
                data,
                address,
                subject: None,
                upload: None,
            };
            exporter.answer(&request)
        };
        assert_eq!(answer(Method::GET, "/").status, StatusCode::NOT_FOUND);
        assert_eq!(answer(Method::PUT, "/metrics").status, StatusCode::METHOD_NOT_ALLOWED);
        let told = answer(Method::GET, "/metrics");
        assert_eq!(told.headers, [("content-type", "text/plain; version=0.0.4; charset=utf-8".to_owned())]);
        assert!(matches!(told.content, Content::Whole(text) if text == b"text"));
    }

    #[test]
    fn samples_are_chosen_by_their_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
        let queries: [(Option<&str>, &[&str]); 4] = [
            (None, &[]),
            (Some(""), &[]),
            (Some("name=a"), &[]),
            (Some("name[]=a&x=y&name%5B%5D=b_sum"), &["a", "b_sum"]),
        ];
        for (query, expected) in queries {
            assert_eq!(wanted(query), names(expected), "{query:?}");
        }
        let text = "# HELP a a\n# TYPE a gauge\na 1.0\n# HELP b b\n# TYPE b summary\nb{key=\"a\",quantile=\"0.5\",} 2.0\n\
                    b_count{key=\"a\",} 3.0\nb_sum{key=\"a\",} 4.0\nb_sum{key=\"c\",} 5.0\n";
        assert_eq!(only(text, &names(&["a"])), "# HELP a a\n# TYPE a gauge\na 1.0\n");
        let sums = "# HELP b b\n# TYPE b summary\nb_sum{key=\"a\",} 4.0\nb_sum{key=\"c\",} 5.0\n";
        assert_eq!(only(text, &names(&["b_sum", "nothing"])), sums);
    }
}
