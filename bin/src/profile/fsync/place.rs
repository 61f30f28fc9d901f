//! Where a directory is: on which file system, mounted how, on which device.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use paddock_engine::io::sys;

use super::file_system::{FileSystem, Medium};
use crate::machine;

/// See the module.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    pub directory: PathBuf,
    /// What is known of this kind; `None` for one that is not known here.
    pub file_system: Option<FileSystem>,
    /// The kind as the mount tells it.
    pub kind: String,
    pub options: Vec<String>,
    /// `None` where the file system has no device of its own, or does not tell.
    pub device: Option<Device>,
}

/// A block device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    pub name: String,
    pub is_rotational: Option<bool>,
    /// Whether what it has been given is in a cache until it is told to flush that; `None` where nobody says.
    pub has_write_cache: Option<bool>,
}

/// Mount options with which a sync does not reach the device.
const WITHOUT_BARRIERS: [&str; 2] = ["nobarrier", "barrier=0"];

impl Place {
    /// Of a directory that is there.
    pub fn of(directory: &Path) -> io::Result<Place> {
        let file_system = FileSystem::of(sys::file_system_magic(directory)?);
        let mount = machine::mount(directory).ok();
        let name = file_system.map_or("unknown", |system| system.name);
        let (kind, options) = mount.map_or((name.to_owned(), Vec::new()), |mount| (mount.kind, mount.options));
        Ok(Place { directory: directory.to_owned(), file_system, kind, options, device: Device::of(directory) })
    }

    /// Whether nothing there survives the end of the machine, by the file system or by the device below it.
    pub fn is_memory(&self) -> bool {
        let is_ram = |device: &Device| ["ram", "zram", "pmem"].iter().any(|name| device.name.starts_with(name));
        self.medium() == Medium::Memory || self.device.as_ref().is_some_and(is_ram)
    }

    pub fn medium(&self) -> Medium {
        self.file_system.map_or(Medium::Device, |system| system.medium)
    }

    /// The mount option that keeps syncs from the device, if there is one.
    pub fn without_barriers(&self) -> Option<&str> {
        self.options.iter().map(String::as_str).find(|option| WITHOUT_BARRIERS.contains(option))
    }

    /// For people.
    pub fn words(&self) -> String {
        let device = self.device.as_ref().map(|device| format!(" on {}", device.words())).unwrap_or_default();
        format!("{}: {}{device}", self.directory.display(), self.kind)
    }
}

impl Device {
    fn of(directory: &Path) -> Option<Device> {
        let (major, minor, _) = sys::identity_at(directory).ok()?;
        let node = format!("/sys/dev/block/{major}:{minor}");
        let uevent = fs::read_to_string(format!("{node}/uevent")).ok()?;
        // A partition has its queue in the directory of the whole disk, one up.
        let queue = |name: &str| {
            let texts = ["queue", "../queue"].iter().map(|queue| format!("{node}/{queue}/{name}"));
            texts.into_iter().find_map(|path| fs::read_to_string(path).ok())
        };
        Device::of_texts(&uevent, queue("rotational").as_deref(), queue("write_cache").as_deref())
    }

    fn of_texts(uevent: &str, rotational: Option<&str>, write_cache: Option<&str>) -> Option<Device> {
        let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="))?.to_owned();
        let is_rotational = match rotational.map(str::trim) {
            Some("0") => Some(false),
            Some("1") => Some(true),
            _ => None,
        };
        let has_write_cache = match write_cache.map(str::trim) {
            Some("write back") => Some(true),
            Some("write through") => Some(false),
            _ => None,
        };
        Some(Device { name, is_rotational, has_write_cache })
    }

    fn words(&self) -> String {
        let kind = if self.is_rotational == Some(true) { ", turning" } else { "" };
        let cache = match self.has_write_cache {
            Some(true) => ", with a write cache",
            Some(false) => ", without a write cache",
            None => "",
        };
        format!("{}{kind}{cache}", self.name)
    }
}

#[cfg(test)]
pub mod tests {
    use std::path::{Path, PathBuf};

    use super::{Device, Place};
    use crate::profile::fsync::file_system::FileSystem;

    /// A directory on ext4 on an NVMe disk.
    pub fn on_disk() -> Place {
        Place {
            directory: PathBuf::from("/data"),
            file_system: FileSystem::of(0xef53),
            kind: "ext4".to_owned(),
            options: vec!["rw".to_owned(), "relatime".to_owned()],
            device: Some(Device {
                name: "nvme0n1p2".to_owned(),
                is_rotational: Some(false),
                has_write_cache: Some(true),
            }),
        }
    }

    #[test]
    fn a_device_is_what_the_kernel_says() {
        let uevent = "MAJOR=8\nMINOR=1\nDEVNAME=sda1\nDEVTYPE=partition\n";
        let device = Device::of_texts(uevent, Some("1\n"), Some("write back\n")).expect("it has a name");
        assert_eq!(device.words(), "sda1, turning, with a write cache");
        let device = Device::of_texts(uevent, Some("0\n"), Some("write through\n")).expect("it has a name");
        assert_eq!(device.words(), "sda1, without a write cache");
        let device = Device::of_texts(uevent, Some("?"), None).expect("it has a name");
        assert_eq!(device, Device { name: "sda1".to_owned(), is_rotational: None, has_write_cache: None });
        assert_eq!(Device::of_texts("MAJOR=8\n", Some("0"), None), None);
    }

    #[test]
    fn memory_and_mounts_without_barriers_are_seen() {
        let mut place = on_disk();
        assert!(!place.is_memory() && place.without_barriers().is_none());
        assert_eq!(place.words(), "/data: ext4 on nvme0n1p2, with a write cache");
        place.options.push("nobarrier".to_owned());
        assert_eq!(place.without_barriers(), Some("nobarrier"));
        place.device = Some(Device { name: "zram0".to_owned(), is_rotational: None, has_write_cache: None });
        assert!(place.is_memory());
        place = Place { file_system: FileSystem::of(0x0102_1994), device: None, ..on_disk() };
        assert!(place.is_memory());
    }

    #[test]
    fn every_directory_is_somewhere() {
        assert!(!Place::of(Path::new("/")).expect("it is there").kind.is_empty());
        assert!(Place::of(Path::new("/no/such/directory")).is_err());
    }
}
