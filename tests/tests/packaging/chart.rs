use crate::packaging;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CHART: &str = "helm/paddock";

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of values.yaml that stand at the beginning of a line.
fn values() -> BTreeSet<String> {
    let text = read(&packaging(CHART).join("values.yaml"));
    let keys = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    keys.filter_map(|line| line.split_once(':')).map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn every_value_has_a_default_and_a_schema_and_is_used() {
    let schema: Value = serde_json::from_str(&read(&packaging(CHART).join("values.schema.json"))).expect("JSON");
    let of_schema = schema["properties"].as_object().expect("an object").keys().filter(|key| *key != "global");
    let of_schema: BTreeSet<String> = of_schema.cloned().collect();
    let values = values();
    assert_eq!(values, of_schema);
    let mut used = BTreeSet::new();
    for template in fs::read_dir(packaging(CHART).join("templates")).expect("it is there") {
        let text = read(&template.expect("it can be listed").path());
        for (at, word) in text.match_indices(".Values.") {
            let name = text[at + word.len()..].split(|c: char| !c.is_ascii_alphanumeric()).next();
            used.insert(name.expect("there is a first piece").to_owned());
        }
    }
    assert_eq!(used, values);
}

/// The lines of a template that belong to the key at the beginning of one, which is alone on its line, deeper than it.
fn below<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim() != format!("{key}:"));
    let first = lines.next().unwrap_or_else(|| panic!("there is no {key}"));
    lines.take_while(|line| depth(line) > depth(first)).map(str::trim).collect()
}

#[test]
fn probes_ask_the_admin_server_and_start_no_program() {
    let text = read(&packaging(CHART).join("templates/statefulset.yaml"));
    let live = ["httpGet: &live", "path: /health/live", "port: admin"];
    let ready = ["httpGet:", "path: /health/ready", "port: admin"];
    for (probe, expected) in
        [("startupProbe", &live[..]), ("livenessProbe", &["httpGet: *live"]), ("readinessProbe", &ready)]
    {
        let lines = below(&text, probe);
        assert_eq!(&lines[..expected.len()], expected, "{probe}");
        assert!(lines.iter().all(|line| !line.starts_with("exec")), "{probe}");
    }
    let ports = below(&text, "ports");
    let port = ports.iter().position(|line| *line == "- name: admin").expect("the probes name a port");
    assert_eq!(ports[port + 1], r#"containerPort: {{ include "paddock.adminPort" . }}"#);
}

#[test]
fn nothing_of_the_chart_switches_the_admin_server_off() {
    let schema: Value = serde_json::from_str(&read(&packaging(CHART).join("values.schema.json"))).expect("JSON");
    let config = &schema["properties"]["config"];
    assert_eq!(config["properties"]["admin.enableServer"]["enum"], serde_json::json!([true, "true"]));
    let refused = config["propertyNames"]["not"]["pattern"].as_str().expect("a pattern");
    for key in [r"admin\.serverAddress$", r"admin\.forceHttps$"] {
        assert!(refused.contains(key), "{key}");
    }
    let values = read(&packaging(CHART).join("values.yaml"));
    assert!(!values.contains("\n  admin.enableServer: false"));
}

#[test]
fn the_chart_is_of_this_version() {
    let text = read(&packaging(CHART).join("Chart.yaml"));
    let version = env!("CARGO_PKG_VERSION");
    for key in ["version", "appVersion"] {
        assert!(text.contains(&format!("\n{key}: {version}\n")), "{key} is not {version}");
    }
}
