//! `op-listener-audit-verify`: verifies audit logs. All judgement is left to the library.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use op_listener_audit_log::chain::{Hash, Link};
use op_listener_audit_log::verify::{self, Report, VerifyError};
use serde_json::json;

const HELP: &str = "\
Verifies the hash chain of audit logs and names the first record that was changed, removed,
inserted or reordered.

Usage: op-listener-audit-verify [OPTIONS] PATH...

PATH is a log's file (its rotated files are found beside it), a directory with logs in it, or
several: all files of one log.

Options:
  --expect SEQ:HASH  a record that must be there, as noted from an earlier verification: finds
                     also that the end was cut off; may be given several times, for one log
  --json             print the result as JSON
  -h, --help         print this help
  -V, --version      print the version

Exit codes: 0 all is intact; 1 something is wrong; 2 wrong usage, a file cannot be read, or all
logs of a directory are empty.
";

struct Options {
    paths: Vec<PathBuf>,
    expected: Vec<Link>,
    json: bool,
}

enum Wish {
    Verify(Options),
    Print(String),
}

fn main() -> ExitCode {
    let options = match parse(env::args_os().skip(1)) {
        Ok(Wish::Verify(options)) => options,
        Ok(Wish::Print(text)) => return print(&text, 0),
        Err(message) => return fail(&message),
    };
    match reports(&options) {
        Ok(reports) => {
            let intact = reports.iter().all(|report| report.intact);
            let text = if options.json {
                format!("{}\n", json!({ "intact": intact, "logs": reports }))
            } else {
                reports.iter().map(describe).collect()
            };
            print(&text, u8::from(!intact))
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Wish, String> {
    let mut options = Options {
        paths: Vec::new(),
        expected: Vec::new(),
        json: false,
    };
    let mut arguments = arguments;
    let mut only_paths = false;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            _ if only_paths => options.paths.push(argument.into()),
            Some("--") => only_paths = true,
            Some("--json") => options.json = true,
            Some("-h" | "--help") => return Ok(Wish::Print(HELP.to_owned())),
            Some("-V" | "--version") => {
                let version = env!("CARGO_PKG_VERSION");
                return Ok(Wish::Print(format!("op-listener-audit-verify {version}\n")));
            }
            Some("--expect") => {
                let link = arguments
                    .next()
                    .ok_or("`--expect` needs a SEQ:HASH after it")?;
                options.expected.push(link_of(&link.to_string_lossy())?);
            }
            Some(option) if option.starts_with("--expect=") => {
                options
                    .expected
                    .push(link_of(&option["--expect=".len()..])?);
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option `{option}`; see --help"));
            }
            _ => options.paths.push(argument.into()),
        }
    }
    if options.paths.is_empty() {
        return Err("name a log, a directory, or all files of a log; see --help".to_owned());
    }
    Ok(Wish::Verify(options))
}

fn link_of(text: &str) -> Result<Link, String> {
    let link = text.split_once(':').and_then(|(seq, hash)| {
        Some(Link {
            seq: seq.parse().ok()?,
            hash: Hash::from_hex(hash.as_bytes())?,
        })
    });
    link.ok_or_else(|| {
        format!("`{text}` is not SEQ:HASH: a record's number and its hash of 64 hexadecimal digits")
    })
}

fn reports(options: &Options) -> Result<Vec<Report>, VerifyError> {
    let sets = verify::find(&options.paths)?;
    sets.iter()
        .map(|set| verify::verify(set, &options.expected))
        .collect()
}

fn describe(report: &Report) -> String {
    let log = report.log.display();
    let files = match report.files.len() {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    let records = report.records;
    let result = match (&report.finding, &report.first, &report.head) {
        (Some(finding), ..) => {
            format!("BROKEN {log}: {finding} ({records} records before it are intact, {files})")
        }
        (None, Some(first), Some(head)) => format!(
            "intact {log}: {records} records ({} to {}) in {files}, head {}:{}",
            first.seq, head.seq, head.seq, head.hash
        ),
        (None, ..) => format!("empty {log}: no records in {files}"),
    };
    let notes = report.notes.iter().map(|note| format!("note: {note}"));
    let lines: Vec<String> = notes.chain([result, String::new()]).collect();
    lines.join("\n")
}

fn print(text: &str, code: u8) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        // Whoever read it went away early, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(error) => fail(&format!("cannot print: {error}")),
    }
}

fn fail(message: &str) -> ExitCode {
    // Where even this cannot be said, the exit code says it.
    let _ = writeln!(io::stderr(), "op-listener-audit-verify: {message}");
    ExitCode::from(2)
}
