//! The files of the results. They are written after each row, so that a row that fails takes none of those before it along.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::VersusArgs;
use super::chart;
use super::error::VersusError;
use super::outcome::Outcome;
use super::plot;
use super::report::Comparison;

pub struct Results {
    directory: PathBuf,
    name: String,
}

impl Results {
    /// Makes the directory. Whether files can be written there is known before anything is measured.
    pub fn prepare(args: &VersusArgs) -> Result<Results, VersusError> {
        let results = Results { directory: args.results.clone(), name: args.name.clone() };
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| VersusError::File { path, source }
        };
        fs::create_dir_all(&results.directory).map_err(wrong(&results.directory))?;
        let new = results.new_file("json");
        fs::write(&new, "").and_then(|()| fs::remove_file(&new)).map_err(wrong(&new))?;
        Ok(results)
    }

    pub fn write(&self, comparison: &Comparison<'_>, outcomes: &[Outcome]) -> Result<(), VersusError> {
        let names = [0, 1].map(|side: usize| comparison.sides[side].name.as_str());
        self.put("json", &format!("{:#}\n", comparison.json(outcomes)))?;
        self.put("md", &comparison.markdown(outcomes))?;
        let picture = plot::svg(&self.name, names, outcomes);
        self.put("svg", &picture.unwrap_or_else(|| chart::svg(&self.name, names, outcomes)))
    }

    pub fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    fn new_file(&self, extension: &str) -> PathBuf {
        self.directory.join(format!(".{}.{extension}.new", self.name))
    }

    /// What was there before stays until all of the new text is written.
    fn put(&self, extension: &str, text: &str) -> Result<(), VersusError> {
        let (path, new) = (self.path(extension), self.new_file(extension));
        let written: io::Result<()> = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| VersusError::File { path, source })
    }
}
