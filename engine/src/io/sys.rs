//! Safe wrappers over the few calls that `std` lacks.
#![allow(unsafe_code)] // Each is one call into libc with memory of this frame.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What one write is aligned and padded to where the file system does not say.
pub const WRITE_UNIT: usize = 4096;

/// The smallest sector of any disk.
pub const WRITE_UNIT_MIN: usize = 512;

/// Larger units are not used, even if a device asks for them; O_DIRECT is then given up.
pub const WRITE_UNIT_MAX: usize = 65536;

/// A counter that wakes an event loop: non-blocking, closed on exec.
pub fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call returned a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Milliseconds of the kernel's monotonic clock, which is what a JVM on Linux tells as `System.nanoTime`.
pub fn monotonic_millis() -> u64 {
    let mut now = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `now` is valid for writes of its type.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, now.as_mut_ptr()) };
    assert_eq!(result, 0, "Linux always has this clock");
    // SAFETY: the call succeeded, so it has filled the structure.
    let now = unsafe { now.assume_init() };
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

/// The number of a network interface of this machine.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the name ends with a NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// Raises the limit of open files as far as this process may, as a JVM does, and returns what it is then. A limit of any
/// height costs nothing: descriptors take memory when they are opened.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writes of its type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: `raised` is valid for reads of its type.
    let may = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0;
    Ok(if may { raised.rlim_cur } else { limit.rlim_cur })
}

/// Its size is how many there are.
const DESCRIPTORS: &str = "/proc/self/fd";

/// The descriptors that this process has open.
pub fn open_descriptors() -> io::Result<u64> {
    match std::fs::metadata(DESCRIPTORS)?.len() {
        // A kernel before 6.2 does not tell. One is that of the listing itself.
        0 => Ok((std::fs::read_dir(DESCRIPTORS)?.count() as u64).saturating_sub(1)),
        count => Ok(count),
    }
}

/// The cores this process may run on, ascending. Never empty.
pub fn cores() -> Vec<usize> {
    // SAFETY: an all-zero set is a valid (empty) `cpu_set_t`.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: `set` is valid for writes of the size that is passed.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    let limit = usize::try_from(libc::CPU_SETSIZE).expect("a small constant");
    // SAFETY: `CPU_ISSET` reads bits below CPU_SETSIZE of a valid set.
    let found: Vec<usize> = (0..limit).filter(|core| result == 0 && unsafe { libc::CPU_ISSET(*core, &set) }).collect();
    if found.is_empty() { vec![0] } else { found }
}

/// Keeps the calling thread on one core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= usize::try_from(libc::CPU_SETSIZE).expect("a small constant") {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: an all-zero set is a valid (empty) `cpu_set_t`.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the core is below CPU_SETSIZE, and the set is valid.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is valid for reads of the size that is passed; thread 0 is the caller.
    match unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether nobody else has the file open or mapped, in this process or another. A file that others may still open by a
/// name is not asked about. `false` also where it cannot be told: not the owner's process, no file system with leases.
pub fn is_only_user(file: &File) -> bool {
    // SAFETY: takes no pointers. The lease is given back at once: without a name nobody can come after this.
    unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) == 0
            && libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) == 0
    }
}

/// Bytes that an unprivileged process may still write to the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a NUL, and `stat` is valid for writes of its type.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has filled the structure.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The number by which the file system of `path` says what kind it is (`f_type` of statfs), in 32 bits.
pub fn file_system_magic(path: &Path) -> io::Result<u32> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with a NUL, and `stat` is valid for writes of its type.
    if unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has filled the structure.
    let stat = unsafe { stat.assume_init() };
    // The type differs between machines, and a sign may have been carried into the upper half.
    Ok(stat.f_type as u32)
}

/// What writes to a file opened with O_DIRECT are aligned and padded to, in bytes: the larger of what the file system
/// asks for and the device's physical block, so that no write touches a block that an earlier one made durable.
/// `None` if the file system says that it has no direct I/O.
pub fn write_unit(file: &File) -> Option<usize> {
    let asked = match direct_alignment(file) {
        Some(0) => return None,
        Some(bytes) => bytes,
        None => WRITE_UNIT,
    };
    let unit = asked.max(physical_block(file).unwrap_or(WRITE_UNIT)).max(WRITE_UNIT_MIN);
    (unit.is_power_of_two() && unit <= WRITE_UNIT_MAX).then_some(unit)
}

/// The alignment of offset, length and memory in direct I/O; `Some(0)`: there is none; `None`: the kernel does not say.
fn direct_alignment(file: &File) -> Option<usize> {
    let stat = statx(file, libc::STATX_DIOALIGN).ok()?;
    let told = stat.stx_mask & libc::STATX_DIOALIGN != 0;
    told.then(|| stat.stx_dio_offset_align.max(stat.stx_dio_mem_align) as usize)
}

/// How many names an open file has. Only that is asked for: whoever asks for a file's times (`fstat` does) has Linux 6.13
/// and later give the next write a time of its own, which costs a durable write half as much again.
pub fn link_count(file: &File) -> io::Result<u32> {
    statx(file, libc::STATX_NLINK).map(|stat| stat.stx_nlink)
}

/// What tells an open file from all others of this machine: device and number.
pub fn identity(file: &File) -> io::Result<(u32, u32, u64)> {
    statx(file, libc::STATX_INO).map(|stat| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
}

/// The same of the file at a path.
pub fn identity_at(path: &Path) -> io::Result<(u32, u32, u64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let stat = statx_at(libc::AT_FDCWD, &path, 0, libc::STATX_INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
}

fn statx(file: &File, mask: u32) -> io::Result<libc::statx> {
    statx_at(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH, mask)
}

fn statx_at(directory: RawFd, path: &CStr, flags: i32, mask: u32) -> io::Result<libc::statx> {
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is a C string, and `stat` is valid for writes of its type.
    let result = unsafe { libc::statx(directory, path.as_ptr(), flags, mask, stat.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the structure holds integers only and was zeroed, so it is valid whatever the call has filled.
    Ok(unsafe { stat.assume_init() })
}

/// The physical block of the device below a file, in bytes; `None` if there is no such device.
fn physical_block(file: &File) -> Option<usize> {
    let device = file.metadata().ok()?.dev();
    let node = format!("/sys/dev/block/{}:{}", libc::major(device), libc::minor(device));
    // A partition has its queue in the directory of the whole disk, one up.
    let texts = ["queue", "../queue"].iter().map(|queue| format!("{node}/{queue}/physical_block_size"));
    let text = texts.into_iter().find_map(|path| std::fs::read_to_string(path).ok())?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        cores, event_fd, file_system_magic, free_bytes, interface_index, monotonic_millis, open_descriptors,
        pin_to_core, raise_descriptor_limit, write_unit,
    };
    use std::path::Path;

    #[test]
    fn a_thread_can_be_pinned_to_each_of_its_cores() {
        let all = cores();
        for core in &all {
            let core = *core;
            std::thread::spawn(move || {
                pin_to_core(core).unwrap();
                assert_eq!(cores(), [core]);
            })
            .join()
            .unwrap();
        }
        assert!(pin_to_core(usize::MAX).is_err());
    }

    #[test]
    fn interfaces_have_numbers() {
        assert!(interface_index("lo").unwrap() > 0);
        assert!(interface_index("nosuch0").is_err() && interface_index("l\0o").is_err());
    }

    #[test]
    fn the_monotonic_clock_goes_on() {
        let first = monotonic_millis();
        assert!(first > 0 && monotonic_millis() >= first);
    }

    #[test]
    fn there_are_as_many_descriptors_as_the_limit_says_at_most() {
        let limit = raise_descriptor_limit().unwrap();
        assert_eq!(raise_descriptor_limit().unwrap(), limit, "it cannot be raised further");
        // Other tests open and close some meanwhile.
        assert!((3..limit).contains(&open_descriptors().unwrap()));
    }

    #[test]
    fn the_file_system_answers() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/no/such/directory")).is_err());
        assert_eq!(file_system_magic(Path::new("/proc")).unwrap(), 0x9fa0, "every proc says so");
        assert!(file_system_magic(Path::new("/no/such/directory")).is_err());
        let unit = write_unit(&std::fs::File::open(std::env::current_exe().unwrap()).unwrap());
        assert!(unit.is_none_or(|unit| unit.is_power_of_two() && unit >= 512));
        event_fd().unwrap();
    }
}
