//! All cells of a disk are measured, one after the other.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use paddock_engine::io::Files;
use paddock_engine::log::{Method, NotStarted, Started};

use super::args::FsyncArgs;
use super::cell::{Cell, Space, Way, cells, main_cell, shares};
use super::error::FsyncError;
use super::findings::Findings;
use super::place::Place;
use super::run::{Watch, measure};
use super::target::Target;
use crate::machine;
use crate::progress::{Bar, Progress};

/// As many groups as a server has under way unless its zoo.cfg says otherwise.
const IN_FLIGHT: usize = 2;

/// What is measured, with what, and how far that has come.
struct Survey<'a> {
    args: &'a FsyncArgs,
    watch: Watch<'a>,
    cells: Vec<Cell>,
    /// The part of the time that each has.
    shares: Vec<f64>,
    main: Cell,
    bar: Bar,
    findings: Findings,
}

/// Measures the disk below a directory until somebody has had enough. What was found until something failed is told in either
/// case; an error alone means that nothing could be begun.
pub fn survey(
    args: &FsyncArgs,
    place: Place,
    interrupt: &AtomicBool,
) -> Result<(Findings, Result<(), FsyncError>), FsyncError> {
    let watch = Watch { begun: Instant::now(), interrupt };
    let began_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let progress = Progress::new(!args.no_progress);
    let bar = progress.time("fsync", Duration::from_secs_f64(args.seconds));
    bar.say("the file is filled with zeros".to_owned());
    let target = first_target(args, &place)?;
    target.prepare(Space::Zeroed, &|| watch.is_enough())?;
    let (way, ring_refused) = server_way(&target)?;
    let cells = cells(target.unit as u64, ring_refused.is_none());
    let main = main_cell(&cells, way);
    let findings = Findings {
        machine: machine::description(&args.directory),
        place,
        began_ms,
        unit: target.unit as u64,
        is_direct: target.is_direct,
        file_bytes: target.bytes,
        way,
        ring_refused,
        measured: Vec::with_capacity(cells.len()),
        planned: cells.len(),
        timeline: Vec::new(),
    };
    let mut survey = Survey { args, watch, shares: shares(&cells, &main), cells, main, bar, findings };
    let ended = survey.measure_all(target);
    Ok((survey.findings, ended))
}

/// The file, as a log would have it there.
fn first_target(args: &FsyncArgs, place: &Place) -> Result<Target, FsyncError> {
    let target = Target::create(&args.directory, args.file_mib << 20, true)?;
    if !target.is_direct && !args.buffered {
        return Err(FsyncError::NoDirect { path: args.directory.clone(), kind: place.kind.clone() });
    }
    Ok(target)
}

/// The way that a log takes on this file, and why it is not io_uring if it is not. It is tried as a log tries it.
fn server_way(target: &Target) -> Result<(Way, Option<String>), FsyncError> {
    match Method::Auto.start_on(&Files::Real, IN_FLIGHT, true, &target.file, target.unit) {
        Ok(Started { ring_refused: None, .. }) => Ok((Way::RingDsync, None)),
        Ok(Started { ring_refused: Some(error), .. }) => Ok((Way::Thread, Some(error.to_string()))),
        Err(NotStarted::Ring(source) | NotStarted::Write(source)) => {
            Err(FsyncError::Start { file: target.path().to_owned(), source })
        }
    }
}

impl Survey<'_> {
    /// On the file that is there, and then on another for those cells that need it otherwise.
    fn measure_all(&mut self, first: Target) -> Result<(), FsyncError> {
        let cells = self.cells.clone();
        let mut target = first;
        let mut measured = 0;
        for together in cells.chunk_by(|one, next| one.shares_file_with(next)) {
            if measured > 0 {
                target.remove()?;
                let bytes = self.args.file_mib << 20;
                target = Target::create(&self.args.directory, bytes, together[0].way.wants_direct())?;
            }
            for cell in together {
                self.measure_one(*cell, &target, measured)?;
                measured += 1;
            }
        }
        target.remove()
    }

    fn measure_one(&mut self, cell: Cell, target: &Target, index: usize) -> Result<(), FsyncError> {
        if self.watch.is_enough() {
            return Err(FsyncError::Interrupted);
        }
        self.bar.say(cell.to_string());
        let time = Duration::from_secs_f64(self.args.seconds * self.shares[index]);
        let timeline = (cell == self.main).then_some(&mut self.findings.timeline);
        let measured = measure(cell, target, time, &self.watch, timeline)?;
        if measured.writes() > 0 {
            self.findings.measured.push(measured);
        }
        let done: f64 = self.shares[..=index].iter().sum();
        self.bar.set((done * self.args.seconds * 1000.0) as u64);
        if self.watch.is_enough() { Err(FsyncError::Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    use super::survey;
    use crate::profile::fsync::args::FsyncArgs;
    use crate::profile::fsync::error::FsyncError;
    use crate::profile::fsync::place::Place;

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-profile-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory is writable");
        dir
    }

    fn args(directory: PathBuf) -> FsyncArgs {
        FsyncArgs { directory, seconds: 0.0, file_mib: 4, buffered: true, json: None, plot: None, no_progress: true }
    }

    #[test]
    fn every_cell_is_measured_and_nothing_is_left() {
        let dir = fresh("survey");
        let args = args(dir.clone());
        let place = Place::of(&dir).expect("it is there");
        let (findings, ended) = survey(&args, place, &AtomicBool::new(false)).expect("it begins");
        ended.expect("it is measured to the end");
        assert_eq!(findings.measured.len(), findings.planned);
        assert!(findings.measured.iter().all(|measured| measured.writes() > 0 && measured.seconds > 0.0));
        assert!(!findings.timeline.is_empty());
        fs::remove_dir(&dir).expect("it is empty");
    }

    #[test]
    fn who_has_had_enough_has_what_was_found() {
        let dir = fresh("enough");
        let place = Place::of(&dir).expect("it is there");
        let (findings, ended) = survey(&args(dir.clone()), place, &AtomicBool::new(true)).expect("it begins");
        assert!(matches!(ended, Err(FsyncError::Interrupted)) && findings.measured.is_empty());
        fs::remove_dir(&dir).expect("it is empty");
    }
}
