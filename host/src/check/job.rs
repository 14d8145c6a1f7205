//! What a check's process is told, and what it answers. Both are files: the listener has the
//! process's standard streams, and may do with them what it likes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Check;
use super::outcome::Outcome;

/// One check of one file.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) check: Check,
    /// The copy of the library that all checks of a run look at.
    pub(super) file: PathBuf,
    /// The listener's own settings, if there are any.
    pub(super) config: Option<Map<String, Value>>,
    /// Where the process lives: see the constants.
    pub(super) home: PathBuf,
    /// When it is ended.
    pub(super) limit: Duration,
}

/// Below [`Job::home`]: the current directory, `HOME`, the place for temporary files, what stands
/// for the configuration file's directory, and the instances' data directories.
pub(super) const CWD: &str = "cwd";
pub(super) const HOME: &str = "home";
pub(super) const TMP: &str = "tmp";
pub(super) const BASE: &str = "base";
pub(super) const DATA: &str = "data";
/// Files that are the check's own.
const JOB: &str = "job.json";
const OUTCOME: &str = "outcome.json";
pub(super) const STDOUT: &str = "stdout";
pub(super) const STDERR: &str = "stderr";

impl Job {
    /// Lays out the directory, and the job in it. The path is for [`Job::read`].
    pub(super) fn write(&self) -> io::Result<PathBuf> {
        fs::create_dir(&self.home)?;
        for dir in [CWD, HOME, TMP, BASE, DATA] {
            fs::create_dir(self.home.join(dir))?;
        }
        let file = self.home.join(JOB);
        fs::write(&file, serde_json::to_vec(self)?)?;
        Ok(file)
    }

    pub(super) fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(file)?)?)
    }

    /// Tells the outcome.
    pub(super) fn answer(&self, outcome: &Outcome) -> io::Result<()> {
        fs::write(self.home.join(OUTCOME), serde_json::to_vec(outcome)?)
    }

    /// What the process told, if it came to it.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let told = fs::read(self.home.join(OUTCOME)).ok()?;
        serde_json::from_slice(&told).ok()
    }

    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}
