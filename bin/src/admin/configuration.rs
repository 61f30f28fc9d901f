//! The commands that tell how the server was set up.

use std::time::UNIX_EPOCH;

use hyper::StatusCode;
use paddock_engine::io::Files;
use paddock_engine::snapshot;
use paddock_engine::txn::DIGEST_VERSION;
use paddock_net::survey::{Piece, Question};

use super::json::{Fields, Json, named};
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// `configuration`.
pub fn configuration(source: &Source) -> Result<Outcome, Refusal> {
    let conf = (source.conf)();
    let me = conf.ensemble.as_ref().map_or(0, |ensemble| ensemble.me.0);
    Ok(Outcome::of(named([
        ("client_port", conf.client_port.map_or(-1, i64::from).into()),
        ("data_dir", conf.data_dir.display().to_string().into()),
        ("data_log_dir", conf.data_log_dir.display().to_string().into()),
        ("tick_time", conf.tick_time.into()),
        ("max_client_cnxns", conf.max_client_cnxns.into()),
        ("min_session_timeout", conf.min_session_timeout.into()),
        ("max_session_timeout", conf.max_session_timeout.into()),
        ("server_id", me.into()),
        ("client_port_listen_backlog", conf.listen_backlog.into()),
    ])))
}

/// `initial_configuration`.
pub fn initial_configuration(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(named([("initial_configuration", source.initial_text.clone().into())])))
}

/// `system_properties`.
pub fn system_properties(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(source.properties.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()))
}

/// `environment`: what the word `envi` tells.
pub fn environment(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(environment_fields(&source.status.environment)))
}

fn environment_fields(envi: &str) -> Fields {
    let lines = envi.lines().filter_map(|line| line.split_once('='));
    lines.map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// `dirs`.
pub fn dirs(source: &Source) -> Result<Outcome, Refusal> {
    let conf = (source.conf)();
    let sizes = named([("datadir_size", conf.data_dir_bytes.into()), ("logdir_size", conf.data_log_dir_bytes.into())]);
    Ok(Outcome::of(sizes))
}

/// `last_snapshot`.
pub fn last_snapshot(source: &Source) -> Result<Outcome, Refusal> {
    let cannot = |error: std::io::Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let last = snapshot::list(&Files::default(), &(source.data_dir)()).map_err(cannot)?.pop();
    let (zxid, seconds) = match last {
        Some((zxid, path)) => {
            let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(cannot)?;
            (zxid.0, changed.duration_since(UNIX_EPOCH).map_or(-1, |since| since.as_secs() as i64))
        }
        None => (-1, -1),
    };
    Ok(Outcome::of(named([("zxid", format!("{zxid:x}").into()), ("timestamp", seconds.into())])))
}

/// `hash`.
pub fn hash(source: &Source) -> Result<Outcome, Refusal> {
    let mut digests = Vec::new();
    source.surveyor.ask(Question::Digests, |piece| {
        if let Piece::Digests(list) = piece {
            digests.extend(list.into_iter().map(|(zxid, digest)| {
                Json::object([
                    ("zxid", zxid.0.into()),
                    // As Java has a long.
                    ("digest", (digest as i64).into()),
                    ("digest_version", DIGEST_VERSION.into()),
                ])
            }));
        }
        true
    })?;
    Ok(Outcome::of(named([("digests", Json::Array(digests))])))
}

#[cfg(test)]
mod tests {
    use super::environment_fields;

    #[test]
    fn keys_of_the_environment_keep_their_dots() {
        let fields = environment_fields("Environment:\nzookeeper.version=3.9.5\njava.class.path=a=b\n");
        let expected = [("zookeeper.version".to_owned(), "3.9.5".into()), ("java.class.path".to_owned(), "a=b".into())];
        assert_eq!(fields, expected);
    }
}
