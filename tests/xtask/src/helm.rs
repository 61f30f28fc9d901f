//! The chart below `bin/packaging/helm`, as Helm reads it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::deb::packaging;
use crate::step::{Failure, run, said, section};
use crate::target_dir;

/// What is built where there is a Go, and no helm.
const MODULE: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// What is set, and what has to be in the objects then.
const RENDERED: [(&[&str], &[&str]); 4] = [
    (
        &[],
        &[
            "server.3=x-paddock-2.x-paddock-servers.n.svc.cluster.local:2888:3888",
            "publishNotReadyAddresses: true",
            "kind: PodDisruptionBudget",
            "4lw.commands.whitelist=srvr,mntr",
            "podManagementPolicy: Parallel",
            "containerPort: 8080\n",
            "path: /health/ready",
        ],
    ),
    (&["replicas=1", "autocreate=false", "config.snapCount=1000000"], &["db.autocreate=false", "snapCount=1000000\n"]),
    (
        &["config.admin\\.serverPort=18080"],
        &["admin.serverPort=18080\n", "containerPort: 18080\n", "path: /health/live"],
    ),
    (&["replicas=5", "dataLog.enabled=true"], &["server.5=", "dataLogDir=/datalog", "mountPath: /datalog"]),
];
/// What the schema refuses.
const REFUSED: [&str; 7] = [
    "replicas=0",
    "config.dataDir=/x",
    "config.admin\\.enableServer=false",
    "config.admin\\.serverPort=2181",
    "config.admin\\.serverAddress=127.0.0.1",
    "nothing=1",
    "persistence.size=much",
];

/// Whether a helm that is missing is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Build,
    LeaveOut,
}

/// Lints the chart, renders it, and sees that what cannot be meant is refused.
pub fn check(missing: Missing) -> Result<(), Failure> {
    section("chart");
    let Some(helm) = find(missing)? else {
        println!("left out: helm is not there; cargo xtask helm builds it where there is a Go");
        return Ok(());
    };
    let chart = packaging("helm/paddock");
    run(Command::new(&helm).args(["lint", "--strict"]).arg(&chart))?;
    let template = |set: &[&str]| {
        let mut template = Command::new(&helm);
        template.args(["template", "x", "--namespace", "n"]).arg(&chart);
        template.args(set.iter().flat_map(|set| ["--set", *set]));
        template
    };
    for (set, expected) in RENDERED {
        let rendered = said(&mut template(set))?;
        if let Some(lacking) = expected.iter().find(|text| !rendered.contains(**text)) {
            return Err(Failure(format!("with {set:?} the chart has no {lacking:?}:\n{rendered}")));
        }
    }
    for set in REFUSED {
        let done = template(&[set]).stdin(Stdio::null()).output();
        if done.is_ok_and(|done| done.status.success()) {
            return Err(Failure(format!("the chart takes {set}, which its schema should refuse")));
        }
    }
    println!("{} renderings are right, and {} settings are refused", RENDERED.len(), REFUSED.len());
    Ok(())
}

/// The one that is installed, or was built here, or is.
fn find(missing: Missing) -> Result<Option<PathBuf>, Failure> {
    let bin = target_dir().join("helm");
    let built = bin.join("helm");
    for helm in [PathBuf::from("helm"), built.clone()] {
        if Command::new(&helm).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok() {
            return Ok(Some(helm));
        }
    }
    if missing == Missing::LeaveOut {
        return Ok(None);
    }
    run(Command::new("go").args(["install", MODULE]).env("GOBIN", &bin))?;
    Ok(Some(built))
}
