//! The paths of the AdminServer.

use hyper::{Method, StatusCode};

use super::commands::{OWN_COMMANDS, commands, execute, takes_body};
use super::health;
use super::source::Source;
use crate::http::{Answer, Content, Request, Site, decoded};

/// What is served on the port of the AdminServer.
pub struct Admin(pub Source);

impl Site for Admin {
    fn at_once(&self, request: &Request) -> Option<Answer> {
        health::answer(&self.0, &request.path)
    }

    fn takes_body(&self, request: &Request) -> bool {
        let name = command_of(&self.0.settings.command_url, &request.path);
        request.method == Method::POST && name.is_some_and(|name| takes_body(&name))
    }

    fn answer(&self, request: &Request) -> Answer {
        let url = &self.0.settings.command_url;
        let Some(name) = command_of(url, &request.path) else {
            return Answer::text(StatusCode::NOT_FOUND, &format!("there is nothing here; the commands are at {url}"));
        };
        match request.method {
            Method::GET | Method::HEAD | Method::POST if name.is_empty() => index(url),
            Method::GET | Method::HEAD | Method::POST => execute(&self.0, &name, request),
            Method::OPTIONS => with_methods(StatusCode::OK),
            _ => with_methods(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

/// The name of the command at a path below the address of all commands; empty for that address itself.
fn command_of(url: &str, path: &str) -> Option<String> {
    let behind = path.strip_prefix(url)?;
    match behind.strip_prefix('/') {
        Some(name) => Some(decoded(name, false)),
        None => behind.is_empty().then(String::new),
    }
}

/// Links to all commands of ZooKeeper's. As ZooKeeper's page, it does not say what it is.
fn index(url: &str) -> Answer {
    let listed = commands().into_iter().filter(|command| !OWN_COMMANDS.contains(&command.name));
    let links = listed.map(|command| format!("<a href=\"{url}/{0}\">{0}</a>\n<br/>\n", command.name));
    Answer {
        status: StatusCode::OK,
        headers: Vec::new(),
        content: Content::Whole(links.collect::<String>().into_bytes()),
    }
}

fn with_methods(status: StatusCode) -> Answer {
    let headers = vec![("allow", "GET, HEAD, POST, OPTIONS".to_owned())];
    Answer { status, headers, content: Content::Whole(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::{command_of, index};
    use crate::http::Content;

    #[test]
    fn names_stand_behind_the_address_of_all_commands() {
        for (path, name) in [
            ("/commands", Some("")),
            ("/commands/", Some("")),
            ("/commands/ruok", Some("ruok")),
            ("/commands/ruok/x", Some("ruok/x")),
            ("/commands/a%20b", Some("a b")),
            ("/commandsx", None),
            ("/", None),
        ] {
            assert_eq!(command_of("/commands", path).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn the_index_links_to_all_commands() {
        let Content::Whole(page) = index("/c").content else { panic!("it is whole") };
        let page = String::from_utf8(page).expect("it is text");
        assert!(page.starts_with("<a href=\"/c/configuration\">configuration</a>\n<br/>\n"), "{page}");
        assert!(page.ends_with("<a href=\"/c/zabstate\">zabstate</a>\n<br/>\n"));
        assert_eq!(page.lines().count(), 2 * 28);
    }
}
