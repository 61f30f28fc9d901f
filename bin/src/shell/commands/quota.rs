//! setquota, listquota, delquota. A quota is two znodes, which zkCli writes itself: what may be used, and what is.

use serde_json::{Value, json};

use crate::client::code;
use crate::client::failure::Failure;
use crate::client::handle::Client;
use crate::client::operations::Creation;
use crate::client::request::ANY_VERSION;
use crate::shell::acl_text;
use crate::shell::complaint::Complaint;
use crate::shell::flags::Given;
use crate::shell::number;
use crate::shell::stage::Stage;
use crate::shell::stats_track::{BYTE_HARD_LIMIT, BYTES, COUNT, COUNT_HARD_LIMIT, StatsTrack};
use crate::shell::syntax::{DEL_QUOTA, NONE, SET_QUOTA};
use crate::shell::walk::Walk;

const RESERVED: &str = "/zookeeper";
const QUOTAS: &str = "/zookeeper/quota";
const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

/// The flags and what they limit.
const KEYS: [(&str, &str); 4] = [("n", COUNT), ("b", BYTES), ("N", COUNT_HARD_LIMIT), ("B", BYTE_HARD_LIMIT)];

fn quota_path(path: &str) -> String {
    format!("{QUOTAS}{path}")
}

fn limits_path(path: &str) -> String {
    format!("{QUOTAS}{path}/{LIMITS}")
}

fn stats_path(path: &str) -> String {
    format!("{QUOTAS}{path}/{STATS}")
}

/// A znode's text; none where it has no data.
fn track_at(client: &Client, path: &str) -> Result<StatsTrack, Failure> {
    let (data, _) = client.get_data(path, false)?;
    Ok(StatsTrack::parse(&data.unwrap_or_default()))
}

pub fn list_quota(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 1)?;
    let path = &given.words[1];
    stage.output.remark(&format!("absolute path is {}", limits_path(path)));
    let tracks = track_at(&stage.client, &limits_path(path))
        .and_then(|limits| Ok((limits, track_at(&stage.client, &stats_path(path))?)));
    match tracks {
        Ok((limits, stats)) => {
            stage.say(&format!("Output quota for {path} {limits}"));
            stage.say(&format!("Output stat for {path} {stats}"));
            stage.output.object(&json!({"path": path, "quota": object(&limits), "stat": object(&stats)}));
            Ok(())
        }
        Err(failure) if failure.is_no_node() => {
            stage.output.remark(&format!("quota for {path} does not exist."));
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn object(track: &StatsTrack) -> Value {
    KEYS.iter().map(|(_, key)| ((*key).to_owned(), Value::from(track.get(key)))).collect()
}

pub fn del_quota(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&DEL_QUOTA, words, 1)?;
    let path = &given.words[1];
    match delete(stage, path, &given) {
        Err(failure) if failure.is_no_node() => {
            stage.output.remark(&format!("quota for {path} does not exist."));
            Ok(())
        }
        deleted => Ok(deleted?),
    }
}

fn delete(stage: &Stage, path: &str, given: &Given) -> Result<(), Failure> {
    let client = &stage.client;
    let limits = limits_path(path);
    if client.exists(&limits, false)?.is_none() {
        stage.say(&format!("Quota does not exist for {path}"));
        return Ok(());
    }
    let mut track = track_at(client, &limits)?;
    if let Some((_, key)) = KEYS.iter().find(|(flag, _)| given.has(flag)) {
        track.set(key, -1);
        return client.set_data(&limits, track.to_string().as_bytes(), ANY_VERSION).map(drop);
    }
    let quota = quota_path(path);
    for name in client.get_children(&quota, false)?.0 {
        client.delete(&format!("{quota}/{name}"), ANY_VERSION)?;
    }
    trim(client, &quota)
}

/// Removes the path of a quota as far up as nothing else is below it.
fn trim(client: &Client, quota: &str) -> Result<(), Failure> {
    let mut path = quota;
    while path != QUOTAS {
        if !client.get_children(path, false)?.0.is_empty() {
            return Ok(());
        }
        client.delete(path, ANY_VERSION)?;
        path = path.rsplit_once('/').map_or(QUOTAS, |(parent, _)| parent);
    }
    Ok(())
}

pub fn set_quota(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&SET_QUOTA, words, 1)?;
    let path = &given.words[1];
    if path.starts_with(QUOTAS) {
        stage.output.remark(&format!("cannot set a quota under the path: {QUOTAS}"));
        return Ok(());
    }
    match wanted(&given) {
        Ok((key, value)) => Ok(set(stage, path, key, value)?),
        // zkCli takes that for no failure.
        Err(remark) => {
            stage.output.remark(remark);
            Ok(())
        }
    }
}

/// What is limited, and to what.
fn wanted(given: &Given) -> Result<(&'static str, i64), &'static str> {
    const NO_NUMBER: &str = "NumberFormatException happens when parsing the option value";
    let (flag, key) = KEYS.iter().find(|(flag, _)| given.has(flag)).copied().unwrap_or(KEYS[0]);
    let text = given.value(flag).unwrap_or_default();
    if matches!(flag, "n" | "N") {
        return match number::int(text).map_err(|_| NO_NUMBER)? {
            count if count > 0 => Ok((key, count.into())),
            _ => Err("the num quota must be greater than zero"),
        };
    }
    match number::long(text).map_err(|_| NO_NUMBER)? {
        bytes if bytes >= 0 => Ok((key, bytes)),
        _ => Err("the bytes quota must be greater than or equal to zero"),
    }
}

fn set(stage: &Stage, path: &str, key: &str, value: i64) -> Result<(), Failure> {
    let client = &stage.client;
    if client.exists(path, false)?.is_none() {
        return Err(Failure::Argument(format!("{path} does not exist.")));
    }
    check_below(client, path)?;
    check_above(client, path)?;
    if client.exists(QUOTAS, false)?.is_none() {
        make(client, RESERVED, None)?;
        make(client, QUOTAS, None)?;
    }
    let mut quota = QUOTAS.to_owned();
    for name in names(path) {
        quota = format!("{quota}/{name}");
        if client.exists(&quota, false)?.is_none() {
            make(client, &quota, None)?;
        }
    }
    let (limits, stats) = (format!("{quota}/{LIMITS}"), format!("{quota}/{STATS}"));
    if client.exists(&limits, false)?.is_none() {
        let mut track = StatsTrack::default();
        KEYS.iter().for_each(|(_, key)| track.set(key, -1));
        track.set(key, value);
        let none = StatsTrack::parse(b"count=0,bytes=0");
        create(client, &limits, Some(track.to_string().as_bytes()))?;
        create(client, &stats, Some(none.to_string().as_bytes()))?;
        warn(stage, &track_at(client, &limits)?, &track_at(client, &stats)?);
        return Ok(());
    }
    let mut track = track_at(client, &limits)?;
    track.set(key, value);
    warn(stage, &track, &track_at(client, &stats)?);
    client.set_data(&limits, track.to_string().as_bytes(), ANY_VERSION).map(drop)
}

/// The names in a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

fn create(client: &Client, path: &str, data: Option<&[u8]>) -> Result<(), Failure> {
    client.create(&Creation { path, data, acl: &acl_text::open(), flags: 0, ttl: None }).map(drop)
}

/// The same of a znode that somebody else may have made meanwhile.
fn make(client: &Client, path: &str, data: Option<&[u8]>) -> Result<(), Failure> {
    match create(client, path, data) {
        Err(failure) if failure.code() == Some(code::NODE_EXISTS) => Ok(()),
        made => made,
    }
}

/// Of two quotas neither may be above the other.
fn check_below(client: &Client, path: &str) -> Result<(), Failure> {
    let quota = quota_path(path);
    let mut walk = Walk::new(client, &quota, false);
    loop {
        let visited = match walk.visit() {
            Ok(Some(visited)) => visited,
            Ok(None) => return Ok(()),
            Err(failure) if failure.is_no_node() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if visited.path != quota && walk.names().any(|name| name == LIMITS) {
            let below = &visited.path[QUOTAS.len()..];
            return Err(Failure::Argument(format!("{path} has a child {below} which has a quota")));
        }
    }
}

fn check_above(client: &Client, path: &str) -> Result<(), Failure> {
    let mut quota = QUOTAS.to_owned();
    let names: Vec<&str> = names(path).collect();
    for name in &names[..names.len().saturating_sub(1)] {
        quota = format!("{quota}/{name}");
        let children = match client.get_children(&quota, false) {
            Ok((children, _)) => children,
            Err(failure) if failure.is_no_node() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        if children.is_empty() {
            return Ok(());
        }
        if children.iter().any(|child| child == LIMITS) {
            let above = &quota[QUOTAS.len()..];
            return Err(Failure::Argument(format!("{path} has a parent {above} which has a quota")));
        }
    }
    Ok(())
}

/// Says so where there is more already than may be.
fn warn(stage: &Stage, limits: &StatsTrack, stats: &StatsTrack) {
    warnings(limits, stats).iter().for_each(|warning| stage.say(warning));
}

fn warnings(limits: &StatsTrack, stats: &StatsTrack) -> Vec<String> {
    let kinds = [("count", COUNT, COUNT_HARD_LIMIT), ("bytes", BYTES, BYTE_HARD_LIMIT)];
    let exceeded = kinds.iter().filter(|(_, soft, hard)| {
        let is_less = |key: &str| limits.get(key) > -1 && limits.get(key) < stats.get(soft);
        is_less(soft) || is_less(hard)
    });
    let warning = |(word, key, _): &(&str, &str, &str)| {
        format!("[Warning]: the {word} quota you create is less than the existing {word}:{}", stats.get(key))
    };
    exceeded.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::{StatsTrack, wanted, warnings};
    use crate::shell::flags::parse;
    use crate::shell::syntax::SET_QUOTA;

    #[test]
    fn one_thing_is_limited() {
        let wanted = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            wanted(&parse(&SET_QUOTA, &words).expect(line))
        };
        assert_eq!(wanted("setquota -n 5 /a"), Ok(("count", 5)));
        assert_eq!(wanted("setquota -B 0 /a"), Ok(("byteHardLimit", 0)));
        assert_eq!(wanted("setquota -n 0 /a"), Err("the num quota must be greater than zero"));
        assert_eq!(wanted("setquota -b -1 /a"), Err("the bytes quota must be greater than or equal to zero"));
        assert_eq!(
            wanted("setquota -N 9999999999 /a"),
            Err("NumberFormatException happens when parsing the option value")
        );
    }

    #[test]
    fn what_is_exceeded_already_is_told() {
        let stats = StatsTrack::parse(b"count=5,bytes=100");
        let limits = StatsTrack::parse(b"count=5,bytes=-1=;byteHardLimit=99;countHardLimit=-1");
        assert_eq!(
            warnings(&limits, &stats),
            ["[Warning]: the bytes quota you create is less than the existing bytes:100"]
        );
    }
}
