//! What the kernel tells of this process, for Prometheus.

use std::fs::read_to_string;

use paddock_engine::io::sys::open_descriptors;
use paddock_net::metrics::Process;
use paddock_net::status::Status;

/// At this moment. What cannot be read is 0.
pub fn process_figures(status: &Status) -> Process {
    let read = |path: &str| read_to_string(path).unwrap_or_default();
    Process {
        open_files: open_descriptors().unwrap_or(0) as f64,
        max_files: status.descriptors_max as f64,
        ..Process::parse(&read("/proc/self/stat"), &read("/proc/self/status"), &read("/proc/stat"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use paddock_net::status::Status;

    use super::process_figures;

    #[test]
    fn the_process_has_memory_threads_and_a_start() {
        let process = process_figures(&Status { descriptors_max: 1000, ..Status::default() });
        assert!(process.resident_bytes > 1e6 && process.virtual_bytes >= process.resident_bytes, "{process:?}");
        assert!(process.threads >= 1.0 && process.open_files >= 3.0 && process.max_files == 1000.0, "{process:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        assert!(process.start_seconds <= now + 1.0 && process.start_seconds > now - 86_400.0, "{process:?}");
    }
}
