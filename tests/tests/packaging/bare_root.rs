//! The package on a Debian that has nothing but what every Debian has, and no systemd that runs: what it depends on, its user and
//! its permissions are what is looked at. `deb` looks at the same in a root without any program.
use crate::deb::{CONFIG, DATA, PATH, SERVICE, Service, later, made, package};
use crate::{Said, fine, said};
use paddock_tests::server::{TempDir, free_port};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounts processes and devices, which nobody else sees and which go with the program, and becomes it: `$0` is the root, and the
/// other words are chroot's.
const ENTER: &str = "mount --rbind /proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" && exec chroot \"$@\"";
/// Where in the root the service's manager would listen.
const MANAGER: &str = "run/notify";
/// What starts the service with the machine.
const WANTED: &str = "etc/systemd/system/multi-user.target.wants/paddock.service";

/// A copy of the Debian that `cargo xtask debian` has made.
struct Root {
    dir: TempDir,
    port: u16,
}

impl Root {
    fn new() -> Root {
        let bare = made().join("debian");
        assert!(bare.is_dir(), "there is no {}: run `cargo xtask debian` first, as root", bare.display());
        let root = Root { dir: TempDir::new("debian"), port: free_port() };
        fine(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(bare.join(".")).arg(root.dir.path()));
        fs::set_permissions(root.dir.path(), Permissions::from_mode(0o755)).expect("it is the test's own");
        root
    }

    /// A path below it.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn has(&self, name: &str) -> bool {
        // A link in it leads nowhere outside of it.
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// A program in it, as `USER:GROUP`, in the place of the process that is started.
    fn inside(&self, user: &str, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER]).arg(self.dir.path());
        command.arg(format!("--userspec={user}")).arg(self.dir.path()).arg(program);
        command.env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").current_dir("/");
        command
    }

    fn dpkg(&self, words: &[&str]) {
        let mut dpkg = self.inside("root:root", "dpkg");
        dpkg.arg("--force-confold").args(words);
        fine(dpkg.env("DEBIAN_FRONTEND", "noninteractive"));
    }

    fn install(&self, package: &Path) {
        fs::copy(package, self.path("paddock.deb")).expect("it is writable");
        self.dpkg(&["--install", "/paddock.deb"]);
    }

    /// Starts what the unit says, as whom and where it says.
    fn start(&self) -> Service {
        let unit = self.read(SERVICE);
        let value = |key: &str| {
            let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.next().unwrap_or_else(|| panic!("the unit has no {key}: {unit}"))
        };
        let mut command = self.inside(&format!("{}:{}", value("User"), value("Group")), "env");
        command.arg(format!("--chdir={}", value("WorkingDirectory"))).args(value("ExecStart").split_whitespace());
        command.env("NOTIFY_SOCKET", format!("/{MANAGER}"));
        Service::start(command, &self.path(MANAGER))
    }

    /// The shell, as a user who has nothing to do with the service.
    fn zkcli(&self, words: &[&str]) -> Said {
        let mut shell = self.inside("nobody:nogroup", "zkCli.sh");
        said(shell.args(["-server", &format!("127.0.0.1:{}", self.port)]).args(words))
    }
}

#[test]
fn a_bare_debian_has_all_that_the_package_needs() {
    let (root, package) = (Root::new(), package());
    root.install(&package);
    assert!(root.has(WANTED), "the service starts with the machine");
    let config = fs::metadata(root.path(CONFIG)).expect("it is installed");
    assert_eq!(config.permissions().mode() & 0o7777, 0o640, "it may come to hold secrets");
    let version = fine(root.inside("nobody:nogroup", "paddock").arg("--version"));
    assert!(version.starts_with("paddock "), "{version}");

    let text = root.read(CONFIG);
    let own = text.replace("clientPort=2181", &format!("clientPort={}\nadmin.enableServer=false", root.port));
    assert_ne!(own, text);
    fs::write(root.path(CONFIG), &own).expect("it is writable");
    let service = root.start();
    let created = root.zkcli(&["create", "/kept", "data"]);
    assert_eq!((created.err.as_str(), created.code), ("Created /kept\n", Some(0)), "{}", created.out);
    let status = said(root.inside("root:root", "zkServer.sh").arg("status"));
    assert!(status.out.ends_with("\nMode: standalone\n") && status.code == Some(0), "{status:?}");
    assert!(service.stop().success());

    let dir = TempDir::new("later");
    root.install(&later(&package, &dir));
    assert_eq!(root.read(CONFIG), own, "what an operator has changed stays");
    let service = root.start();
    let kept = root.zkcli(&["get", "/kept"]);
    assert!(kept.out.lines().any(|line| line == "data") && kept.code == Some(0), "{kept:?}");
    assert!(service.stop().success());

    root.dpkg(&["--remove", "paddock"]);
    assert!(!root.has("usr/bin/paddock") && root.has(CONFIG) && root.has(&format!("{DATA}/paddock-1")));
    root.dpkg(&["--purge", "paddock"]);
    for gone in [DATA, "var/log/paddock", "etc/paddock", "etc/default/paddock", SERVICE, WANTED] {
        assert!(!root.has(gone), "{gone}");
    }
    assert!(root.read("etc/passwd").contains("\npaddock:"), "files elsewhere may be this user's");
}
