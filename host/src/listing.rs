//! What `op-listener list` shows: every library of a directory, seen without running it.

use std::error::Error;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::library::{
    DiscoverError, Judge, Metadata, PanicStrategy, Reason, Sealed, Trust, TrustError, Verdict,
    discover, metadata_of, read_metadata, servable,
};
use crate::log::may_end_a_line;

/// A library, as far as can be seen without running it. As JSON: the members below, those that are
/// `None` as `null`.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The file's name.
    pub file: String,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: Option<String>,
    /// The plugin's id.
    pub plugin: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Its licence.
    pub license: Option<String>,
    /// The lowest interface version that it needs, as `major.minor`.
    pub interface: Option<String>,
    /// What it does on panic: `unwind` or `abort`.
    pub panic: Option<&'static str>,
    /// Its listeners, in the order of the export.
    pub listeners: Vec<ListedListener>,
    /// Whether the file is trusted.
    pub trusted: Option<bool>,
    /// Why it is: `permissions`, `pinned`, `signed by key …` or `off`; or why it is not.
    pub trust: Option<String>,
    /// The key that signed it, if signatures were asked for and this one is good.
    pub signed_by: Option<String>,
    /// What the signer says of it.
    pub signed_comment: Option<String>,
    /// Whether this host would load it, as far as can be seen.
    pub loads: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A listener of a library.
#[derive(Clone, Debug, Serialize)]
pub struct ListedListener {
    /// The name of the SPI.
    pub spi: String,
    /// The full path of the type, as its author wrote it.
    pub class: String,
}

/// A directory cannot be listed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListError {
    /// It cannot be read.
    Discover(DiscoverError),
    /// What its files are to be judged by cannot be used.
    Trust(TrustError),
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discover(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
        }
    }
}

impl Error for ListError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Discover(error) => error.source(),
            Self::Trust(error) => error.source(),
        }
    }
}

/// Lists a directory, and after its files those that are pinned and not there. No code of any
/// library is run.
///
/// # Errors
///
/// The directory cannot be read, or what its files are to be judged by cannot be used.
pub fn list_dir(dir: &Path, trust: &Trust) -> Result<Vec<Listed>, ListError> {
    let judge = trust.judge().map_err(ListError::Trust)?;
    let files = discover(dir).map_err(ListError::Discover)?;
    let mut listed: Vec<Listed> = files.iter().map(|file| look_at(file, &judge)).collect();
    only_first_of_an_id(&mut listed);
    let missing = judge.missing(dir, &files);
    listed.extend(missing.iter().map(|error| {
        let mut listed = Listed::named(error.file());
        listed.refused(error.reason());
        listed
    }));
    Ok(listed)
}

fn look_at(file: &Path, judge: &Judge) -> Listed {
    let mut listed = Listed::named(file);
    let sealed = match Sealed::read(file) {
        Ok(sealed) => sealed,
        Err(error) => {
            listed.refused(error.reason());
            return listed;
        }
    };
    listed.size = Some(sealed.bytes().len() as u64);
    listed.sha256 = Some(sealed.sha256().to_string());
    let verdict = judge.verdict(&sealed);
    listed.trusted = Some(verdict.is_ok());
    listed.trust = Some(match &verdict {
        Ok(verdict) => verdict.to_string(),
        Err(distrust) => distrust.to_string(),
    });
    if let Ok(Verdict::Signed { key, comment }) = &verdict {
        listed.signed_by = Some(key.to_string());
        listed.signed_comment = Some(comment.clone());
    }
    let judged = match read_metadata(sealed.bytes()) {
        Ok(metadata) => {
            listed.tell(&metadata);
            servable(sealed.bytes(), &metadata)
        }
        Err(reason) => {
            // What it is says more than that it is another machine's.
            if let Ok(metadata) = metadata_of(sealed.bytes()) {
                listed.tell(&metadata);
            }
            Err(reason)
        }
    };
    match (judged, verdict) {
        (Err(reason), _) => listed.refused(&reason),
        (Ok(()), Err(distrust)) => listed.refused(&Reason::Untrusted(Box::new(distrust))),
        (Ok(()), Ok(_)) => listed.loads = true,
    }
    listed
}

/// The host takes the first good library of an id and refuses the others.
fn only_first_of_an_id(listed: &mut [Listed]) {
    for index in 1..listed.len() {
        let (before, rest) = listed.split_at_mut(index);
        let this = &mut rest[0];
        let first = before
            .iter()
            .find(|other| this.loads && other.loads && other.plugin == this.plugin);
        if let Some(first) = first {
            let id = this.plugin.clone().unwrap_or_default();
            let first = first.file.clone().into();
            this.loads = false;
            this.refused(&Reason::Duplicate { id, first });
        }
    }
}

impl Listed {
    fn named(file: &Path) -> Self {
        Self {
            file: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            size: None,
            sha256: None,
            plugin: None,
            version: None,
            vendor: None,
            license: None,
            interface: None,
            panic: None,
            listeners: Vec::new(),
            trusted: None,
            trust: None,
            signed_by: None,
            signed_comment: None,
            loads: false,
            reason: None,
        }
    }

    fn tell(&mut self, metadata: &Metadata) {
        let told = |text: &str| Some(text.to_owned());
        self.plugin = told(&metadata.id);
        self.version = told(&metadata.version);
        self.vendor = told(&metadata.vendor);
        self.license = told(&metadata.license);
        self.interface = Some(metadata.interface.to_string());
        self.panic = Some(match metadata.panic {
            PanicStrategy::Unwind => "unwind",
            PanicStrategy::Abort => "abort",
        });
        let listeners = metadata.listeners.iter();
        self.listeners = listeners
            .map(|listener| ListedListener {
                spi: listener.spi.clone(),
                class: listener.class.clone(),
            })
            .collect();
    }

    fn refused(&mut self, reason: &Reason) {
        self.reason = Some(reason.to_string());
    }
}

/// Text from a file that nobody vouches for, made harmless for a terminal.
pub(crate) struct Harmless<'a>(pub(crate) &'a str);

/// Whether a character shows what follows in another order, so that one name looks like another
/// (Unicode Standard Annex 9, section 2).
fn turns_text(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if may_end_a_line(character) || turns_text(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Harmless(&self.file))?;
        if let (Some(id), Some(version)) = (&self.plugin, &self.version) {
            writeln!(f, "  plugin     {id} {}", Harmless(version))?;
        }
        for (name, value) in [
            ("vendor", &self.vendor),
            ("licence", &self.license),
            ("interface", &self.interface),
        ] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                writeln!(f, "  {name:<10} {}", Harmless(value))?;
            }
        }
        for listener in &self.listeners {
            let (spi, class) = (Harmless(&listener.spi), Harmless(&listener.class));
            writeln!(f, "  listener   {spi}  {class}")?;
        }
        if let Some(size) = self.size {
            writeln!(f, "  size       {size} bytes")?;
        }
        if let Some(sha256) = &self.sha256 {
            writeln!(f, "  sha256     {sha256}")?;
        }
        if let (Some(trust), Some(trusted)) = (&self.trust, self.trusted) {
            let no = if trusted { "" } else { "no: " };
            writeln!(f, "  trust      {no}{}", Harmless(trust))?;
        }
        match &self.reason {
            None => writeln!(f, "  loads      yes"),
            Some(reason) => writeln!(f, "  loads      no: {}", Harmless(reason)),
        }
    }
}
