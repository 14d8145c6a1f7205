//! Reading files, and files that are none.

use std::error::Error;
use std::fs;

use crate::config::{Config, ConfigErrors, MAX_FILE};

fn read(
    name: &str,
    content: impl AsRef<[u8]>,
) -> (tempfile::TempDir, Result<Config, ConfigErrors>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    fs::write(&file, content).unwrap();
    let config = Config::read(file);
    (dir, config)
}

/// What is said, the directory cut off.
fn said(dir: &tempfile::TempDir, result: Result<Config, ConfigErrors>) -> String {
    let said = result.unwrap_err().to_string();
    said.replace(
        &format!("{}{}", dir.path().display(), std::path::MAIN_SEPARATOR),
        "",
    )
}

#[test]
fn relative_paths_are_those_of_the_files_directory() {
    let (dir, config) = read(
        "op.toml",
        "clients = \"clients.json\"\n[plugins]\ndir = \"p\"\n",
    );
    let config = config.unwrap();
    assert_eq!(config.clients, Some(dir.path().join("clients.json")));
    assert_eq!(config.plugins.dir, dir.path().join("p"));
    assert_eq!(config.data_dir, dir.path().join("op-listener-data"));
}

#[test]
fn absolute_paths_stay() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("clients.json");
    let (_dir, config) = read("op.toml", format!("clients = '{}'", path.display()));
    assert_eq!(config.unwrap().clients, Some(path));
}

#[test]
fn errors_name_the_file_as_it_was_given() {
    let (dir, config) = read("op.toml", "isuer = 1");
    let expected = "op.toml:1:1: unknown key `isuer`";
    assert_eq!(said(&dir, config).lines().next(), Some(expected));
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let (_dir, config) = read("op.toml", "\u{feff}issuer = \"https://op.example.com\"\n");
    assert_eq!(
        config.unwrap().issuer.as_deref(),
        Some("https://op.example.com")
    );
}

#[test]
fn a_file_that_is_not_utf8_says_where() {
    let (dir, config) = read("op.toml", b"# \xc3\xa4\nissuer = \"\xc3\xa4 \xe4\"\n");
    assert_eq!(
        said(&dir, config),
        "op.toml:2:13: the file is not UTF-8 from here on\n = save it as UTF-8"
    );
}

#[test]
fn a_utf16_file_is_not_utf8() {
    let (dir, config) = read("op.toml", b"\xff\xfei\0s\0");
    assert!(said(&dir, config).starts_with("op.toml:1:1: the file is not UTF-8"));
}

#[test]
fn a_missing_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let errors = Config::read(dir.path().join("none.toml")).unwrap_err();
    let io = errors.source().unwrap().downcast_ref::<std::io::Error>();
    assert_eq!(io.unwrap().kind(), std::io::ErrorKind::NotFound);
    let said = said(&dir, Err(errors));
    assert!(said.starts_with("none.toml: cannot be read: "), "{said}");
    assert!(
        said.ends_with("\n = without any configuration file the defaults serve"),
        "{said}"
    );
}

#[test]
fn a_directory_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("op.toml")).unwrap();
    let result = Config::read(dir.path().join("op.toml"));
    assert_eq!(
        said(&dir, result),
        "op.toml: is a directory, not a configuration file"
    );
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_says_so() {
    use std::os::unix::fs::PermissionsExt;

    let (dir, _) = read("op.toml", "");
    let file = dir.path().join("op.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&file).is_ok() {
        return; // The superuser reads everything.
    }
    let said = said(&dir, Config::read(file));
    assert!(said.starts_with("op.toml: cannot be read: "), "{said}");
    assert!(
        said.ends_with("\n = let the user who runs the host read it"),
        "{said}"
    );
}

#[test]
fn a_file_far_too_long_is_not_read_to_its_end() {
    let (dir, config) = read("op.toml", " ".repeat(MAX_FILE + 1));
    assert_eq!(
        said(&dir, config),
        "op.toml: is longer than 1 MiB, which no configuration file is"
    );
}

#[test]
fn a_file_name_cannot_act_on_the_terminal() {
    let errors = Config::from_str("a", "\u{1b}[2J.toml", ".".as_ref()).unwrap_err();
    assert!(
        errors.to_string().starts_with("\\u{1b}[2J.toml:1:2: "),
        "{errors}"
    );
}
