//! What the tests need of the system: Debian's packages.

use std::process::{Command, Stdio};

use crate::step::{Failure, run, section};

/// Package, and the program or file that shows that it is there.
const NEEDED: [(&str, &str); 31] = [
    ("zookeeper", "/usr/share/java/zookeeper.jar"),
    ("zookeeper-bin", "/usr/lib/zookeeper/bin/cli_mt"),
    ("libzookeeper-mt-dev", "/usr/include/zookeeper/zookeeper.h"),
    ("default-jdk-headless", "/usr/bin/javac"),
    ("libcurator-recipes-java", "/usr/share/java/curator-recipes.jar"),
    ("libnetty-java", "/usr/share/java/netty-codec.jar"),
    ("gcc", "/usr/bin/gcc"),
    ("g++", "/usr/bin/g++"),
    ("make", "make"),
    ("golang-go", "go"),
    ("iproute2", "ip"),
    ("nftables", "nft"),
    ("strace", "strace"),
    ("systemd", "systemd-sysusers"),
    ("debootstrap", "/usr/sbin/debootstrap"),
    ("shellcheck", "shellcheck"),
    ("nodejs", "node"),
    ("npm", "npm"),
    ("chromium", "/usr/bin/chromium"),
    ("python3-venv", "python3"),
    ("python3-dev", "python3-config"),
    ("curl", "curl"),
    ("jq", "jq"),
    ("netcat-openbsd", "nc"),
    ("openssl", "openssl"),
    ("krb5-kdc", "/usr/sbin/krb5kdc"),
    ("krb5-admin-server", "/usr/sbin/kadmin.local"),
    ("krb5-user", "/usr/bin/kinit"),
    ("python3-kerberos", "/usr/share/doc/python3-kerberos"),
    ("faketime", "faketime"),
    ("procps", "ps"),
];

/// Installs what is missing.
pub fn install() -> Result<(), Failure> {
    section("packages");
    let missing: Vec<&str> = NEEDED.iter().filter(|(_, sign)| !is_there(sign)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        println!("nothing is missing");
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing);
    run(install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

/// A path that exists, or a program that can be found.
fn is_there(sign: &str) -> bool {
    if sign.starts_with('/') {
        return std::path::Path::new(sign).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(sign).exists())
}
