use crate::{fine, said};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, TempDir, free_port, poll_until};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

const TIMEOUT_MS: i32 = 20_000;
/// Where dpkg's own programs are, which an ordinary PATH may lack.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
pub const SERVICE: &str = "usr/lib/systemd/system/paddock.service";
pub const CONFIG: &str = "etc/paddock/zoo.cfg";
pub const DATA: &str = "var/lib/paddock";

/// Where `cargo xtask deb` puts what it makes, beside cargo's profile directories.
pub fn made() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(3).expect("target/<profile>/deps/<test>").join("deb")
}

/// The package that `cargo xtask deb` has made: `PADDOCK_DEB`, else the newest one there.
pub fn package() -> PathBuf {
    if let Some(path) = std::env::var_os("PADDOCK_DEB") {
        return path.into();
    }
    let dir = made();
    let files = fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let packages = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = packages.max_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    package.unwrap_or_else(|| panic!("there is no package in {}: run `cargo xtask deb` first", dir.display()))
}

/// A root with nothing in it but what dpkg keeps for itself. Its maintainer scripts run here, and make files there.
struct Root {
    dir: TempDir,
    port: u16,
}

impl Root {
    fn new() -> Root {
        let root = Root { dir: TempDir::new("root"), port: free_port() };
        for name in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.path("var/lib/dpkg").join(name)).expect("it is writable");
        }
        fs::write(root.path("var/lib/dpkg/status"), "").expect("it is writable");
        root
    }

    /// A path below it.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn dpkg(&self, words: &[&str], file: Option<&Path>) {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.dir.path().display()))
            .arg(format!("--log={}", self.path("dpkg.log").display()));
        dpkg.args(["--force-depends", "--force-script-chrootless", "--force-confold"]).args(words).args(file);
        fine(dpkg.env("PATH", PATH).env("DEBIAN_FRONTEND", "noninteractive"));
    }

    /// Starts what the service starts, with this root's paths, and waits until it says that it is ready.
    fn start(&self) -> Service {
        let unit = self.read(SERVICE);
        assert!(unit.contains("\nType=notify\n"), "{unit}");
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
        let here = |word: &str| word.strip_prefix('/').map_or(word.into(), |path| self.path(path));
        let mut words = line.split_whitespace().map(here);
        let address = self.path("notify");
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).current_dir(self.path(DATA)).env("NOTIFY_SOCKET", &address);
        Service::start(command, &address)
    }

    fn client(&self) -> Client {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        Client::connect(address, TIMEOUT_MS).expect("the server takes a client")
    }
}

/// What the service has started; killed with the value.
pub struct Service {
    child: Child,
    told: UnixDatagram,
}

impl Service {
    /// Starts it, and waits until it says at this address that it is ready.
    pub fn start(mut command: Command, address: &Path) -> Service {
        drop(fs::remove_file(address));
        let told = UnixDatagram::bind(address).expect("it is a short path");
        // It may run as a user of its own.
        fs::set_permissions(address, fs::Permissions::from_mode(0o666)).expect("it is the test's own");
        told.set_read_timeout(Some(DEADLINE)).expect("a time that is not zero");
        command.stdin(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let service = Service { child, told };
        assert_eq!(service.hear().lines().next(), Some("READY=1"));
        service
    }

    /// What the service's manager is told next.
    fn hear(&self) -> String {
        let mut bytes = [0; 512];
        let count = self.told.recv(&mut bytes).expect("the manager is told");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    pub fn stop(mut self) -> ExitStatus {
        fine(Command::new("kill").arg(self.child.id().to_string()));
        assert_eq!(self.hear(), "STOPPING=1");
        let ended = poll_until(DEADLINE, || self.child.try_wait().expect("a child can be waited for"));
        ended.expect("SIGTERM ends it")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The same package, of a later version whose zoo.cfg is another.
pub fn later(package: &Path, dir: &TempDir) -> PathBuf {
    let (tree, file) = (dir.path().join("tree"), dir.path().join("later.deb"));
    fine(Command::new("dpkg-deb").arg("-R").arg(package).arg(&tree));
    let change = |name: &str, change: &dyn Fn(String) -> String| {
        let path = tree.join(name);
        let text = fs::read_to_string(&path).expect("it is there");
        fs::write(&path, change(text)).expect("it is writable");
    };
    change("DEBIAN/control", &|text| text.replacen("\nVersion: ", "\nVersion: 1:", 1));
    change(CONFIG, &|text| text + "\n# a later remark\n");
    fine(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&file));
    file
}

#[test]
fn the_package_is_installed_started_upgraded_and_purged() {
    let (root, package) = (Root::new(), package());
    root.dpkg(&["--install"], Some(&package));
    for (name, mode) in [("usr/bin/paddock", 0o755), ("usr/bin/zkServer.sh", 0o755), (CONFIG, 0o644), (DATA, 0o750)] {
        let found = fs::metadata(root.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{name}");
    }
    let line = root.read("etc/passwd").lines().find(|line| line.starts_with("paddock:")).map(str::to_owned);
    let line = line.expect("the package makes its user");
    let user: u32 = line.split(':').nth(2).and_then(|number| number.parse().ok()).expect("a number");
    assert_eq!(fs::metadata(root.path(DATA)).expect("it is made").uid(), user);

    let text = root.read(CONFIG);
    let own = text.replace("dataDir=/", &format!("dataDir={}/", root.dir.path().display()));
    let own = own.replace("clientPort=2181", &format!("clientPort={}\nadmin.enableServer=false", root.port));
    assert!(own.contains("clientPortAddress=127.0.0.1") && own != text, "{own}");
    fs::write(root.path(CONFIG), &own).expect("it is writable");
    let service = root.start();
    root.client().ok(&Request::create("/kept", b"data", flags::PERSISTENT));
    assert!(service.stop().success());

    let dir = TempDir::new("later");
    root.dpkg(&["--install"], Some(&later(&package, &dir)));
    assert_eq!(root.read(CONFIG), own, "what an operator has changed stays");
    assert!(root.read(&format!("{CONFIG}.dpkg-dist")).ends_with("# a later remark\n"));
    let service = root.start();
    root.client().ok(&Request::exists("/kept", false));
    assert!(service.stop().success());

    root.dpkg(&["--remove", "paddock"], None);
    assert!(!root.path("usr/bin/paddock").exists() && root.path(CONFIG).exists() && root.path(DATA).exists());
    root.dpkg(&["--purge", "paddock"], None);
    for gone in [DATA, "var/log/paddock", "etc/paddock", "usr/share/doc/paddock", SERVICE] {
        assert!(!root.path(gone).exists(), "{gone}");
    }
}

#[test]
fn the_package_has_all_that_it_tells_of() {
    let package = package();
    let list = fine(Command::new("dpkg-deb").arg("--contents").arg(&package));
    for file in [
        "/usr/share/man/man1/paddock.1.gz",
        "/usr/share/man/man1/paddock-serve.1.gz",
        "/usr/share/man/man1/zkServer.sh.1.gz",
        "/usr/share/bash-completion/completions/paddock",
        "/usr/share/zsh/vendor-completions/_paddock",
        "/usr/share/fish/vendor_completions.d/paddock.fish",
        "/usr/share/doc/paddock/changelog.gz",
        "/usr/lib/systemd/system/paddock.service",
        "/etc/logrotate.d/paddock",
    ] {
        assert!(list.lines().any(|line| line.ends_with(&format!(" .{file}"))), "{file} is not in {list}");
    }
    assert!(list.lines().all(|line| line.contains(" root/root ")), "{list}");
    let field = |name: &str| fine(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name));
    assert!(field("Depends").starts_with("libc6 (>= 2."), "{}", field("Depends"));
    let control = fine(Command::new("dpkg-deb").arg("--field").arg(&package));
    let mut others = control.lines().filter(|line| !line.starts_with("Maintainer: "));
    assert!(others.all(|line| !line.contains('@')), "everything is filled in: {control}");
    let conffiles = fine(Command::new("dpkg-deb").arg("--info").arg(&package).arg("conffiles"));
    assert!(conffiles.lines().any(|line| line == "/etc/paddock/zoo.cfg"), "{conffiles}");
}

/// What systemd itself makes of the unit. It looks for the program too, which is not there.
#[test]
fn the_unit_is_one_that_systemd_reads() {
    let verified = said(
        Command::new("systemd-analyze").args(["--man=no", "verify"]).arg(crate::packaging("debian/paddock.service")),
    );
    let wrong: Vec<&str> = verified.err.lines().filter(|line| line.contains("paddock.service:")).collect();
    let wrong: Vec<&&str> = wrong.iter().filter(|line| !line.contains("/usr/bin/paddock is not executable")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
