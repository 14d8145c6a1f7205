//! The shared files of AWS's tools: `~/.aws/config` and `~/.aws/credentials` (AWS SDKs and Tools
//! Reference Guide, "Using shared config and credentials files").

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Environment;

/// The settings of a profile, by their names in lower case; nested ones as `outer.inner`.
pub(super) type Profile = BTreeMap<String, String>;

/// What both files say.
#[derive(Default)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Profile>,
    /// The sections `[services …]`.
    services: BTreeMap<String, Profile>,
}

/// Why they cannot be read.
#[derive(Debug)]
pub(crate) enum ProfilesError {
    File(PathBuf, io::Error),
    /// A line that is none: its number.
    Line(PathBuf, usize),
}

impl fmt::Display for ProfilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, error) => write!(f, "{} cannot be read: {error}", file.display()),
            // Its text may be half of a key.
            Self::Line(file, line) => write!(
                f,
                "{}, line {line}: neither a section `[…]` nor a setting `name = value`",
                file.display()
            ),
        }
    }
}

impl std::error::Error for ProfilesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            Self::Line(..) => None,
        }
    }
}

/// The profile that is used where none is configured, and whether somebody asked for it by name.
pub(super) fn chosen(environment: &Environment) -> (String, bool) {
    match environment.get("AWS_PROFILE") {
        Some(name) => (name, true),
        None => ("default".to_owned(), false),
    }
}

impl Profiles {
    /// Reads both files. One that is not there is empty; where both have a setting, that in the file of
    /// credentials counts.
    pub(super) fn read(environment: &Environment) -> Result<Self, ProfilesError> {
        let mut profiles = Self::default();
        for (variable, name, is_config) in [
            ("AWS_CONFIG_FILE", "config", true),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false),
        ] {
            let file = match environment.get(variable) {
                Some(path) => environment.path(&path),
                None => match environment.home() {
                    Some(home) => home.join(".aws").join(name),
                    None => continue,
                },
            };
            match std::fs::read_to_string(&file) {
                Ok(text) => profiles.add(&text, is_config, &file)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ProfilesError::File(file, error)),
            }
        }
        Ok(profiles)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// What a profile says of where a service is: for that service, or for all.
    pub(super) fn endpoint_url(&self, profile: &str, service: &str) -> Option<&str> {
        let profile = self.get(profile)?;
        let of_service = profile
            .get("services")
            .and_then(|name| self.services.get(name))
            .and_then(|services| services.get(&format!("{service}.endpoint_url")));
        let url = of_service.or_else(|| profile.get("endpoint_url"))?;
        Some(url)
    }

    fn add(&mut self, text: &str, is_config: bool, file: &Path) -> Result<(), ProfilesError> {
        // Of sections that are of no matter here, such as `[sso-session …]`, settings are dropped.
        let mut section: Option<&mut Profile> = None;
        let mut outer = String::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
            let wrong = || ProfilesError::Line(file.to_owned(), number + 1);
            let nested = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[').filter(|_| !nested) {
                let (name, _) = rest.split_once(']').ok_or_else(wrong)?;
                section = self.section(name.trim(), is_config);
                outer.clear();
                continue;
            }
            let setting = line.split_once('=');
            if nested && outer.is_empty() {
                // The next line of a value of several; none of those that matter has any.
                continue;
            }
            let (name, value) = setting.ok_or_else(wrong)?;
            let (name, value) = (name.trim().to_ascii_lowercase(), without_comment(value));
            let name = if nested {
                format!("{outer}.{name}")
            } else {
                outer = if value.is_empty() {
                    name.clone()
                } else {
                    String::new()
                };
                name
            };
            if let Some(section) = &mut section
                && !value.is_empty()
            {
                section.insert(name, value.to_owned());
            }
        }
        Ok(())
    }

    fn section(&mut self, name: &str, is_config: bool) -> Option<&mut Profile> {
        if !is_config || name == "default" {
            return Some(self.profiles.entry(name.to_owned()).or_default());
        }
        let (kind, name) = name.split_once([' ', '\t'])?;
        let sections = match kind {
            "profile" => &mut self.profiles,
            "services" => &mut self.services,
            _ => return None,
        };
        Some(sections.entry(name.trim().to_owned()).or_default())
    }
}

/// A value up to a comment, which begins after a space.
fn without_comment(value: &str) -> &str {
    let mut end = value.len();
    for sign in [" #", "\t#", " ;", "\t;"] {
        end = end.min(value.find(sign).unwrap_or(end));
    }
    value[..end].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\u{FEFF}# a comment
[default]
region = eu-central-1   # where we are
output=json
s3 =
  max_concurrent_requests = 20
  endpoint_url = http://s3.example.com

[profile dev]
Region=us-west-2
services = local
endpoint_url = http://all.example.com
aws_access_key_id = from-config
aws_secret_access_key = from-config
ca_bundle =
[profile plain]
endpoint_url = http://all.example.com
[other]
region = ignored
[sso-session x]
sso_region = us-east-1
[services local]
sqs =
  endpoint_url = http://sqs.example.com
";
    const CREDENTIALS: &str =
        "[dev]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key=a#b;c=\n";

    fn both() -> Profiles {
        let mut profiles = Profiles::default();
        profiles.add(CONFIG, true, Path::new("config")).unwrap();
        profiles
            .add(CREDENTIALS, false, Path::new("credentials"))
            .unwrap();
        profiles
    }

    #[test]
    fn both_files_make_a_profile_and_credentials_come_first() {
        let profiles = both();
        assert_eq!(profiles.get("default").unwrap()["region"], "eu-central-1");
        let dev = profiles.get("dev").unwrap();
        assert_eq!(dev["region"], "us-west-2");
        assert_eq!(dev["aws_access_key_id"], "AKIDEXAMPLE");
        assert_eq!(dev["aws_secret_access_key"], "a#b;c=");
        assert!(!dev.contains_key("ca_bundle"));
        assert!(profiles.get("other").is_none() && profiles.get("x").is_none());
    }

    #[test]
    fn endpoints_are_of_a_service_or_of_all() {
        let profiles = both();
        assert_eq!(
            profiles.endpoint_url("dev", "sqs"),
            Some("http://sqs.example.com")
        );
        assert_eq!(
            profiles.endpoint_url("dev", "sts"),
            Some("http://all.example.com")
        );
        assert_eq!(
            profiles.endpoint_url("plain", "sqs"),
            Some("http://all.example.com")
        );
        assert_eq!(profiles.endpoint_url("default", "sqs"), None);
    }

    #[test]
    fn a_broken_line_is_named_but_not_shown() {
        for text in ["[a\nx = y", "[default]\naws_secret_access_key SECRET\n"] {
            let error = Profiles::default()
                .add(text, true, Path::new("f"))
                .unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains("f, line ") && !said.contains("SECRET"),
                "{said}"
            );
        }
    }

    #[test]
    fn files_that_are_not_there_are_empty() {
        let environment =
            Environment::of([("HOME", "/nowhere"), ("AWS_CONFIG_FILE", "/nowhere/x")]);
        assert!(
            Profiles::read(&environment)
                .unwrap()
                .get("default")
                .is_none()
        );
    }
}
