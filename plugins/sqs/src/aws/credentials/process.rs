//! Credentials that a program prints (`credential_process` of a profile).

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Credentials, CredentialsError, reply};

const PLACE: &str = "`credential_process`";
/// How long the program may run.
const LIMIT: Duration = Duration::from_mins(1);
/// What it prints is shorter.
const LONGEST: u64 = 64 << 10;

pub(super) fn credentials(command: &str) -> Result<Credentials, CredentialsError> {
    run(command, LIMIT).and_then(|printed| {
        let version = |json: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(json).ok()?;
            value.get("Version")?.as_u64()
        };
        if version(&printed) == Some(1) {
            reply::read(&printed, PLACE)
        } else {
            let why = "it is no JSON with `\"Version\": 1`".to_owned();
            Err(CredentialsError::NotUnderstood(PLACE, why))
        }
    })
}

fn run(command: &str, limit: Duration) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
    let failed = |why: String| CredentialsError::Process(why);
    let words = words(command).ok_or_else(|| failed("has an open quotation mark".to_owned()))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("is empty".to_owned()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // May say anything; an operator sees it by running the program by hand.
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let printed = printed_within(&mut child, limit);
    if printed.is_none() {
        // Fails only where it has ended by itself.
        let _ = child.kill();
    }
    let ended = child.wait();
    match (printed, ended) {
        (None, _) => Err(failed(format!(
            "did not end within {} seconds",
            limit.as_secs()
        ))),
        (Some(_), Err(error)) => Err(failed(format!("cannot be waited for: {error}"))),
        (Some(_), Ok(status)) if !status.success() => Err(failed(format!(
            "failed ({status}): run it by hand to see why"
        ))),
        (Some(printed), Ok(_)) => Ok(printed),
    }
}

/// All that a program prints, if it closes its output in time.
fn printed_within(child: &mut Child, limit: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // Reads on a thread of its own, since a pipe has no time limit. Ends with the program.
    let reader = thread::Builder::new().name("credential-process".to_owned());
    reader
        .spawn(move || {
            let mut printed = Zeroizing::new(Vec::new());
            if output.take(LONGEST).read_to_end(&mut printed).is_ok() {
                // Nobody listens any more once the time is over.
                let _ = sender.send(printed);
            }
        })
        .ok()?;
    receiver.recv_timeout(limit).ok()
}

/// The words of a command: separated by spaces, held together by quotation marks. No shell sees it.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(c) = characters.next() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_ascii_whitespace() => words.extend(word.take()),
            // On Windows it separates the parts of paths.
            Some('"') | None if c == '\\' && cfg!(unix) => {
                word.get_or_insert_default().push(characters.next()?);
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_would() {
        let split = |command| words(command);
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(split(" a  b\tc "), some(&["a", "b", "c"]));
        assert_eq!(split("'a b'\"c d\" \"\""), some(&["a bc d", ""]));
        assert_eq!(split("a $HOME;rm"), some(&["a", "$HOME;rm"]));
        assert_eq!(split("\"a"), None);
        assert_eq!(split(""), some(&[]));
        #[cfg(unix)]
        assert_eq!(
            split(r#"a\ b "c\"d" 'e\f'"#),
            some(&["a b", "c\"d", "e\\f"])
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_program_prints_credentials_or_says_how_it_failed() {
        let json = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2099-01-01T00:00:00Z"}"#;
        let credentials = credentials(&format!("printf %s '{json}'")).unwrap();
        assert_eq!(credentials.access_key_id, "A");
        assert_eq!(credentials.session_token.as_ref().unwrap().as_str(), "T");
        assert!(credentials.expires.is_some());
        for (command, said) in [
            ("false", "failed (exit status: 1)"),
            ("/nowhere/at/all", "cannot be run"),
            ("printf {}", "Version"),
            ("  ", "is empty"),
            ("'", "open quotation mark"),
        ] {
            let error = super::credentials(command).unwrap_err().to_string();
            assert!(error.contains(said), "{command}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended() {
        let error = run("sleep 600", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
