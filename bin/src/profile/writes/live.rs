//! The servers are asked again each second, until the time is over or a person has enough; on a terminal it is shown what was
//! counted since the last time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paddock_consensus::config::HostPort;
use serde_json::Value;

use super::course::{Course, writes};
use super::error::{Another, WritesError};
use super::question;
use super::report::{headline, table};
use super::sample::Sample;
use super::whose::is_of;
use crate::security::Security;
use crate::terminal::{self, Input, Line, Size, Terminal};

/// Between two questions to one server.
const INTERVAL: Duration = Duration::from_secs(1);
/// A signal is heard after this time.
const LOOK: Duration = Duration::from_millis(50);

/// The AdminServer of each server, with where its commands are.
pub struct Questions {
    pub admins: Vec<HostPort>,
    pub command_url: String,
    /// Whatever server it is that the AdminServer is of.
    pub takes_any: bool,
    /// With TLS or without.
    pub security: Security,
}

impl Questions {
    /// Asks all of them at once, since some may not answer. An AdminServer that is another server's is none.
    fn ask(&self, courses: &mut [Course], began: Instant) -> Result<(), Another> {
        let told: Vec<io::Result<Sample>> = thread::scope(|scope| {
            let asking: Vec<_> = self
                .admins
                .iter()
                .zip(courses.iter())
                .map(|(admin, course)| {
                    let path = format!("{}/stages?{}", self.command_url, course.query());
                    scope.spawn(move || ask(admin, &self.security, &path))
                })
                .collect();
            asking.into_iter().map(|asking| asking.join().expect("a question does not panic")).collect()
        });
        let now = began.elapsed();
        for ((admin, course), told) in self.admins.iter().zip(courses).zip(told) {
            let known = told.as_ref().map_or(Ok(()), |sample| self.know(admin, course, sample));
            let told = match known {
                Ok(()) => told,
                // It has answered, and now somebody else does: what it has told is not lost for that.
                Err(another) if course.last().is_some() => Err(io::Error::other(another.to_string())),
                Err(another) => return Err(another),
            };
            course.hear(told, now);
        }
        Ok(())
    }

    /// Whether it is the server that was asked for. One whose process has told that goes on being it.
    fn know(&self, admin: &HostPort, course: &Course, sample: &Sample) -> Result<(), Another> {
        let is_known = course.last().is_some_and(|last| last.began == sample.began && last.client == sample.client);
        if self.takes_any || is_known || is_of(&course.target.address, &sample.client) {
            return Ok(());
        }
        Err(Another { asked: course.target.clone(), admin: admin.clone(), told: sample.client.clone() })
    }
}

fn ask(admin: &HostPort, security: &Security, path: &str) -> io::Result<Sample> {
    let body = question::get(admin, security, path)?;
    let told: Option<Value> = serde_json::from_slice(&body).ok();
    told.as_ref().and_then(Sample::of).ok_or_else(|| {
        io::Error::other(
            "it does not tell stages, clients and beginnings as this version does: profile it with its own version",
        )
    })
}

/// Asks for so long; without an end, until a person has enough.
pub fn watch(
    questions: &Questions,
    courses: &mut [Course],
    seconds: Option<Duration>,
    interrupt: &Arc<AtomicBool>,
    shows: bool,
) -> Result<(), WritesError> {
    let mut terminal = if shows { Some(Terminal::open().map_err(WritesError::Terminal)?) } else { None };
    let began = Instant::now();
    loop {
        questions.ask(courses, began).map_err(WritesError::Another)?;
        if courses.iter().all(|course| course.last().is_none()) {
            return Ok(());
        }
        let asked = Instant::now();
        let next = seconds.map_or(asked + INTERVAL, |seconds| (began + seconds).min(asked + INTERVAL));
        let is_last = seconds.is_some_and(|seconds| began.elapsed() >= seconds);
        if is_last || !goes_on(terminal.as_mut(), courses, next, interrupt)? {
            return Ok(());
        }
    }
}

/// Waits until it is time to ask again; `false`: it is enough.
fn goes_on(
    mut terminal: Option<&mut Terminal>,
    courses: &[Course],
    next: Instant,
    interrupt: &Arc<AtomicBool>,
) -> Result<bool, WritesError> {
    loop {
        if interrupt.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let left = next.saturating_duration_since(Instant::now()).min(LOOK);
        match &mut terminal {
            Some(terminal) => {
                if !show(terminal, courses, left).map_err(WritesError::Terminal)? {
                    return Ok(false);
                }
            }
            None => thread::sleep(left),
        }
        if Instant::now() >= next {
            return Ok(true);
        }
    }
}

/// Shows what was counted last, and hears what a person does within this time; `false`: it is enough.
fn show(terminal: &mut Terminal, courses: &[Course], patience: Duration) -> io::Result<bool> {
    let lines = lines(courses, terminal.size()?);
    terminal.show(lines)?;
    match terminal::read_within(patience)? {
        Some(Input::Key('q' | 'Q') | Input::Interrupt) => return Ok(false),
        Some(Input::Resize) => terminal.forget()?,
        Some(Input::Key(_)) | None => {}
    }
    Ok(true)
}

/// What is shown on a screen of this size, at most as many lines as it has.
fn lines(courses: &[Course], size: Size) -> Vec<Line> {
    let mut lines = Vec::new();
    for course in courses {
        lines.push(Line::bold(headline(course).trim_end().to_owned()));
        if let Some((recent, seconds)) = course.recent() {
            let per_second = writes(recent) as f64 / seconds.max(1e-6);
            lines.push(Line::dim(format!("{per_second:.0} writes a second")));
            lines.extend(table(recent).lines().map(|line| Line::normal(line.to_owned())));
        }
        lines.push(Line::normal(String::new()));
    }
    lines.truncate(size.height.saturating_sub(1));
    lines.push(Line::dim("q end, and draw the picture".to_owned()));
    lines.truncate(size.height);
    for line in &mut lines {
        line.text = line.text.chars().take(size.width).collect();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::course::tests::course;
    use super::lines;
    use crate::terminal::Size;

    #[test]
    fn every_screen_is_filled_at_most() {
        for (width, height) in [(0, 0), (1, 1), (20, 5), (80, 24), (200, 80)] {
            let lines = lines(&[course(), course()], Size { width, height });
            assert!(lines.len() <= height, "{width} x {height}");
            assert!(lines.iter().all(|line| line.text.chars().count() <= width), "{width} x {height}");
        }
        let lines = lines(&[course()], Size { width: 120, height: 60 });
        assert_eq!(lines[0].text, "zk1:2181 (leader, 3.9.5): 2.0 s");
        assert_eq!(lines[1].text, "100 writes a second");
        assert!(lines.iter().any(|line| line.text.starts_with("synced ")));
        assert_eq!(lines.last().map(|line| line.text.as_str()), Some("q end, and draw the picture"));
    }
}
