//! What the kernel knows of this process, and the names that a JVM's exporter gives to such things.

use super::exposition::Exposition;

/// Clock ticks of the kernel's figures in a second. The same on every Linux.
const TICKS: f64 = 100.0;
/// Java says this where something has no bound.
const NO_BOUND: f64 = -1.0;

/// What the kernel knows of the process at a moment. All is 0 where it does not tell.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Process {
    /// Of all threads, user and system.
    pub cpu_seconds: f64,
    /// Since 1970.
    pub start_seconds: f64,
    pub virtual_bytes: f64,
    pub resident_bytes: f64,
    /// The most that was resident.
    pub resident_bytes_max: f64,
    pub threads: f64,
    pub open_files: f64,
    pub max_files: f64,
}

impl Process {
    /// From the texts of `/proc/self/stat`, `/proc/self/status` and `/proc/stat`.
    pub fn parse(stat: &str, status: &str, machine: &str) -> Process {
        // The name, which is second, may have spaces and parentheses; what follows it is counted from the state on, the third.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, behind)| behind.split_whitespace().collect()).unwrap_or_default();
        let ticks =
            |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / TICKS;
        let line = |text: &str, key: &str| -> f64 {
            let value = text.lines().find_map(|line| line.strip_prefix(key));
            value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
        };
        let kib = |key: &str| line(status, key) * 1024.0;
        Process {
            cpu_seconds: ticks(14) + ticks(15),
            start_seconds: line(machine, "btime ") + ticks(22),
            virtual_bytes: kib("VmSize:"),
            resident_bytes: kib("VmRSS:"),
            resident_bytes_max: kib("VmHWM:"),
            threads: line(status, "Threads:"),
            open_files: 0.0,
            max_files: 0.0,
        }
    }

    /// The families of an exporter of Java's: those of the process as they are, and of a JVM those that dashboards look at. Its heap
    /// is what is resident. Nothing is collected.
    pub(super) fn render(&self, text: &mut Exposition) {
        for (name, kind, help, value) in [
            (
                "process_cpu_seconds_total",
                "counter",
                "Total user and system CPU time spent in seconds.",
                self.cpu_seconds,
            ),
            (
                "process_start_time_seconds",
                "gauge",
                "Start time of the process since unix epoch in seconds.",
                self.start_seconds,
            ),
            ("process_open_fds", "gauge", "Number of open file descriptors.", self.open_files),
            ("process_max_fds", "gauge", "Maximum number of open file descriptors.", self.max_files),
            ("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", self.virtual_bytes),
            ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", self.resident_bytes),
            ("jvm_threads_current", "gauge", "Current thread count of a JVM", self.threads),
            ("jvm_threads_daemon", "gauge", "Daemon thread count of a JVM", 0.0),
            ("jvm_threads_peak", "gauge", "Peak thread count of a JVM", self.threads),
            ("jvm_threads_started_total", "counter", "Started thread count of a JVM", self.threads),
            ("jvm_threads_deadlocked", "gauge", "Threads that wait for each other", 0.0),
            ("jvm_threads_deadlocked_monitor", "gauge", "Threads that wait for each other's monitors", 0.0),
        ] {
            text.family(name, help, kind);
            text.sample(name, &[], value);
        }
        for (name, heap) in [
            ("jvm_memory_bytes_used", self.resident_bytes),
            ("jvm_memory_bytes_committed", self.resident_bytes_max),
            ("jvm_memory_bytes_max", NO_BOUND),
            ("jvm_memory_bytes_init", 0.0),
        ] {
            text.family(name, "Bytes of a memory area of a JVM: the heap is what is resident", "gauge");
            text.sample(name, &[("area", "heap")], heap);
            text.sample(name, &[("area", "nonheap")], if heap == NO_BOUND { NO_BOUND } else { 0.0 });
        }
        for (name, value) in [
            ("jvm_memory_pool_bytes_used", self.resident_bytes),
            ("jvm_memory_pool_bytes_committed", self.resident_bytes_max),
            ("jvm_memory_pool_bytes_max", NO_BOUND),
        ] {
            text.family(name, "Bytes of a memory pool of a JVM: there is one, what is resident", "gauge");
            text.sample(name, &[("pool", "resident")], value);
        }
        let name = "jvm_gc_collection_seconds";
        text.family(name, "Time spent in a garbage collector of a JVM in seconds: there is none", "summary");
        text.sample("jvm_gc_collection_seconds_count", &[("gc", "none")], 0.0);
        text.sample("jvm_gc_collection_seconds_sum", &[("gc", "none")], 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn the_kernels_texts_are_read() {
        let stat = "7 (pad (d) ock) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 12345 1000 200";
        let status = "Name:\tpaddock\nVmSize:\t  2048 kB\nVmHWM:\t 1024 kB\nVmRSS:\t  512 kB\nThreads:\t9\n";
        let process = Process::parse(stat, status, "cpu 1 2 3\nbtime 1700000000\nprocesses 5\n");
        let expected = Process {
            cpu_seconds: 2.0,
            start_seconds: 1_700_000_123.45,
            virtual_bytes: 2_097_152.0,
            resident_bytes: 524_288.0,
            resident_bytes_max: 1_048_576.0,
            threads: 9.0,
            open_files: 0.0,
            max_files: 0.0,
        };
        assert_eq!(process, expected);
        assert_eq!(Process::parse("", "nonsense", ""), Process::default());
    }
}
