//! What the host can be told: the typed settings and their defaults. How they are read stands in
//! `read`, how they are written back in `show`.

use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use super::delivery::DeliveryConfig;
use super::listener::ListenerConfig;
use super::log_filter::LogFilter;
use crate::library::Trust;
use crate::log::Format;
use crate::signing::Algorithm;

/// The configuration of a host. All paths are absolute, unless the current directory is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The issuer of events that name none.
    pub issuer: Option<String>,
    /// A file with the registered client metadata, a JSON array.
    pub clients: Option<PathBuf>,
    /// To what relative paths in listeners' own settings relate: the directory of the file.
    pub base_dir: PathBuf,
    /// Where each listener instance gets a directory of its own, see [`Config::instance_dir`].
    pub data_dir: PathBuf,
    /// Where listeners come from.
    pub plugins: PluginsConfig,
    /// With which key tokens are signed for listeners.
    pub signing: SigningConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Limits on what is read.
    pub intake: IntakeConfig,
    /// The flow rule's limits.
    pub flow: FlowConfig,
    /// How listeners are called.
    pub dispatch: DispatchConfig,
    /// How what listeners push is kept and delivered.
    pub delivery: DeliveryConfig,
    /// The `[[listener]]` entries, in their order in the file. No two have the same name.
    pub listeners: Vec<ListenerConfig>,
}

/// The `[plugins]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginsConfig {
    /// The directory in which plugins are looked for.
    pub dir: PathBuf,
    /// Which files may be loaded.
    pub trust: Trust,
    /// What happens when one cannot be loaded.
    pub on_failure: OnFailure,
    /// How libraries are tried before they are loaded.
    pub probe: ProbeConfig,
}

/// How libraries are tried before they are loaded: the keys `probe…` of `[plugins]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// Whether they are.
    pub enabled: bool,
    /// How long a library may take.
    pub timeout: Duration,
    /// How much address space it may use, the process around it included, in MiB.
    pub memory_mb: u32,
}

/// What happens at start when a plugin or listener cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The host does not start.
    Abort,
    /// The host starts without it, unless it is marked as required.
    Skip,
}

/// The `[signing]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningConfig {
    /// A JWK set or PEM file. Without one the host makes a key that lives as long as it does.
    pub keys: Option<PathBuf>,
    /// The algorithm of signatures.
    pub algorithm: Algorithm,
    /// Which key of the set signs.
    pub kid: Option<String>,
}

/// The `[log]` section.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: Format,
    /// What is logged.
    pub level: LogFilter,
}

/// The `[intake]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeConfig {
    /// The longest line of an event stream, in bytes without its end.
    pub max_line: usize,
    /// The most levels of objects and arrays in an event, the event itself being the first.
    pub max_depth: usize,
}

/// The `[flow]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// How many authorisations may wait for their code to be exchanged.
    pub max_pending: usize,
    /// How long a code lives whose fact does not say.
    pub code_lifetime: Duration,
}

/// The `[dispatch]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchConfig {
    /// Whether the time of each call is measured.
    pub measure: bool,
    /// How long a listener may take for one event before that is logged.
    pub budget: Duration,
}

impl Config {
    /// What holds without a file, relative paths being those of `base_dir`.
    pub fn defaults(base_dir: &Path) -> Self {
        Self {
            issuer: None,
            clients: None,
            base_dir: resolve(base_dir, ""),
            data_dir: resolve(base_dir, "op-listener-data"),
            plugins: PluginsConfig {
                dir: resolve(base_dir, "plugins"),
                trust: Trust::Permissions,
                on_failure: OnFailure::Abort,
                probe: ProbeConfig {
                    enabled: true,
                    timeout: Duration::from_secs(10),
                    memory_mb: 1024,
                },
            },
            signing: SigningConfig {
                keys: None,
                algorithm: Algorithm::Rs256,
                kid: None,
            },
            log: LogConfig {
                format: Format::Text,
                level: LogFilter::default(),
            },
            intake: IntakeConfig {
                max_line: 1 << 20,
                max_depth: 128,
            },
            flow: FlowConfig {
                max_pending: 100_000,
                code_lifetime: Duration::from_mins(10),
            },
            dispatch: DispatchConfig {
                measure: true,
                budget: Duration::from_millis(5),
            },
            delivery: DeliveryConfig::default(),
            listeners: Vec::new(),
        }
    }

    /// The file of the queues' store.
    pub fn queue_path(&self) -> PathBuf {
        let path = &self.delivery.path;
        path.clone()
            .unwrap_or_else(|| self.data_dir.join("queue.db"))
    }

    /// Where the lock file of pinned plugins is, unless `pins` under `[plugins]` says otherwise.
    pub fn default_pins(&self) -> PathBuf {
        super::trust::default_pins(&self.base_dir)
    }

    /// The data directory of the listener instance of that name.
    pub fn instance_dir(&self, instance: &str) -> PathBuf {
        self.data_dir.join(instance)
    }
}

impl Default for Config {
    /// What holds without a file, relative paths being those of the current directory.
    fn default() -> Self {
        Self::defaults(Path::new(""))
    }
}

/// `path` as seen from `base_dir`, absolute where the current directory is known.
pub(super) fn resolve(base_dir: &Path, path: &str) -> PathBuf {
    let path = base_dir.join(path);
    absolute(&path).unwrap_or(path)
}
