//! `paddock serve`.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use crossbeam::channel::bounded;
use paddock_engine::io::advice;
use paddock_net::sasl::gssapi_library::use_krb5_conf;
use signal_hook::consts::SIGTERM;
use signal_hook::low_level;

use crate::exit::fail;
use crate::node::Ended;
use crate::signals::Signals;
use crate::{config, messages, node};

/// What ZooKeeper's exit codes call a bad configuration.
const EXIT_CONFIG: u8 = 2;

/// The file that this process was started from, whatever its name is by now.
const OWN_PROGRAM: &str = "/proc/self/exe";

#[derive(Args)]
pub struct ServeArgs {
    /// A system property as ZooKeeper has it: -Dzookeeper.snapCount=5000 or -DsnapCount=5000.
    #[arg(short = 'D', value_name = "name=value")]
    properties: Vec<String>,
    /// Stop, as on SIGTERM, when the standard input ends: it does when whoever started the server has ended, in whatever way.
    #[arg(long)]
    until_stdin_ends: bool,
    /// A zoo.cfg.
    file: Option<PathBuf>,
}

pub fn run(arguments: &ServeArgs) -> ExitCode {
    let code = match set_up(arguments) {
        Ok(signals) => serve(arguments, &signals),
        Err(error) => fail(&format_args!("the process cannot be set up: {error}; {}", advice(&error)), 1),
    };
    messages::flush();
    code
}

fn set_up(arguments: &ServeArgs) -> io::Result<Signals> {
    let signals = Signals::take()?;
    messages::start()?;
    if arguments.until_stdin_ends {
        std::thread::Builder::new().name("stdin-watcher".into()).spawn(stop_with_stdin)?;
    }
    Ok(signals)
}

/// Waits for the end of the standard input, whatever comes before it.
fn stop_with_stdin() {
    // One that cannot be read has ended too.
    drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
    if let Err(error) = low_level::raise(SIGTERM) {
        tracing::error!("the standard input has ended, and the server cannot be told to stop: {error}");
    }
}

fn serve(arguments: &ServeArgs, signals: &Signals) -> ExitCode {
    let properties = properties(arguments);
    let loaded = config::load(arguments.file.as_deref(), &properties, &config::flags_of_environment());
    if let Ok(loaded) = &loaded {
        let log = &loaded.config.log;
        if let Err(error) = messages::configure(log) {
            let file = log.file.as_ref().map_or_else(String::new, |file| file.path.display().to_string());
            let advice = advice(&error);
            return end(
                &format_args!("{file}: the log cannot be opened: {error}; {advice}; paddock.log.file names another"),
                1,
            );
        }
        heed_hangups(arguments, signals, log.levels.clone());
    }
    let warnings = match &loaded {
        Ok(loaded) => &loaded.warnings,
        Err(failure) => &failure.warnings,
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let Ok(loaded) = &loaded
        && let Some(path) = &loaded.config.sasl.krb5_conf
    {
        use_krb5_conf(path);
    }
    match loaded {
        Ok(loaded) => match node::serve(&loaded.config, signals) {
            Ok(Ended::Stopped) => ExitCode::SUCCESS,
            Ok(Ended::BeginsAnew) => begin_anew(),
            Err(error) => end(&error, error.exit_code()),
        },
        Err(failure) => end(&failure.error, EXIT_CONFIG),
    }
}

/// The same program takes the place of this one, with the same process number, for which whoever has started it goes on looking: this
/// very file, also where another has taken its name. Only where that cannot be does it return.
fn begin_anew() -> ExitCode {
    messages::flush();
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let error = Command::new(OWN_PROGRAM).arg0(name).args(arguments).exec();
    end(&format_args!("the server cannot begin anew with the state that is in place: {error}; start it"), 1)
}

fn properties(arguments: &ServeArgs) -> Vec<config::Property> {
    arguments.properties.iter().map(|text| config::Property::split(text)).collect()
}

/// On SIGHUP the file of the log is opened anew, and `levels` are those that the configuration says by then. Where it still
/// says the same they stay, whatever has changed them since. A thread of its own reads the configuration: a file system that
/// hangs must not keep the one from other signals.
fn heed_hangups(arguments: &ServeArgs, signals: &Signals, mut levels: Option<String>) {
    let (file, properties) = (arguments.file.clone(), properties(arguments));
    let read = move || read_levels(file.as_deref(), &properties, &mut levels);
    let told = match told_apart("log-levels", read) {
        Ok(told) => Some(told),
        Err(error) => {
            tracing::warn!("SIGHUP will not read paddock.log.level: {error}; {}", advice(&error));
            None
        }
    };
    signals.on_hangup(Box::new(move || {
        messages::reopen();
        tracing::info!("SIGHUP: the files of the logs are opened anew");
        told.iter().for_each(|told| told());
    }));
}

/// A thread that does something each time that it is told to, which waits for nobody: what is returned tells it. What is told
/// while it has one before it comes to the same.
fn told_apart(name: &str, mut work: impl FnMut() + Send + 'static) -> io::Result<Box<dyn Fn() + Send>> {
    let (tell, told) = bounded(1);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || told.iter().for_each(|()| work()))?;
    Ok(Box::new(move || {
        // Where one is told already, that comes to the same.
        let _ = tell.try_send(());
    }))
}

fn read_levels(file: Option<&Path>, properties: &[config::Property], levels: &mut Option<String>) {
    let flags = config::flags_of_environment();
    match config::log_levels(file, properties, &flags) {
        Ok(wish) if wish == *levels => {}
        Ok(wish) => match messages::set_levels(wish.as_deref()) {
            Ok(()) => {
                let shown = wish.as_deref().unwrap_or("not set any more");
                tracing::info!("SIGHUP: paddock.log.level is {shown}, and the log goes by that from now on");
                *levels = wish;
            }
            Err(problem) => tracing::warn!("SIGHUP: paddock.log.level: {problem}; the log goes on as before"),
        },
        Err(error) => tracing::warn!("SIGHUP: {error}; the log has the levels that it had"),
    }
}

/// The last line of the log says why there are no more; numbers of lines that were held back come before it.
fn end(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    messages::flush();
    tracing::error!("{error}");
    messages::tell_starter(&error.to_string());
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::bounded;

    use super::told_apart;

    #[test]
    fn who_tells_waits_for_nobody_and_the_last_word_counts() {
        let ((begun, begins), (go, goes)) = (bounded(1), bounded::<()>(0));
        let told = told_apart("told", move || {
            begun.send(()).expect("the test waits for it");
            let _ = goes.recv();
        });
        let told = told.expect("there are threads");
        told();
        begins.recv().expect("it works");
        // It hangs now, and these come to one.
        (0..100).for_each(|_| told());
        go.send(()).expect("it waits for that");
        begins.recv().expect("it works once more, since it was told meanwhile");
        drop((told, go));
        assert!(begins.recv().is_err(), "and not again");
    }
}
