//! `op-listener generate`: man pages and shell completions, for packagers. Both are made from the
//! definition of the command line, so they are those of this very version.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use op_listener_host::config::REFERENCE;

use time::OffsetDateTime;

use crate::exit::{Exit, print};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Write the man pages: one for each command, and op-listener.toml(5)
    Man(Pages),
    /// Print the completions for a shell
    Completions(Completions),
}

#[derive(clap::Args)]
#[command(
    after_help = "The pages have today's date, or that of SOURCE_DATE_EPOCH (seconds since 1970) \
    where that is set, so that a package can be built again as it was."
)]
pub(crate) struct Pages {
    /// The directory to write them to; made if it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// The name of the command.
const NAME: &str = "op-listener";
/// At the foot and at the head of each page.
const SOURCE: &str = concat!("op-listener ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "op-listener manual";

pub(crate) fn generate(command: &Command) -> Exit {
    match command {
        Command::Man(Pages { dir }) => match pages(dir) {
            Ok(()) => Exit::Well,
            Err(error) => Exit::Usage.because(format_args!(
                "the man pages cannot be written to {dir:?}: {error}"
            )),
        },
        Command::Completions(Completions { shell }) => print(completions(*shell)),
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        // clap_complete 4.6.11 has two names for what follows a program with a hyphen in its own
        // name, one where it goes there and another where it is; so nothing would be completed
        // behind the first word.
        Shell::Bash => script.replace("op__subcmd__listener", "op__listener"),
        _ => script.into_owned(),
    }
}

/// The command line without the commands that only the program itself uses.
fn definition() -> clap::Command {
    let whole = crate::Arguments::command().name(NAME);
    let (hidden, shown): (Vec<_>, Vec<_>) = whole
        .get_subcommands()
        .cloned()
        .partition(clap::Command::is_hide_set);
    if hidden.is_empty() {
        return whole;
    }
    let mut bare = clap::Command::new(NAME)
        .arg_required_else_help(true)
        .propagate_version(true)
        .version(env!("CARGO_PKG_VERSION"));
    if let Some(about) = whole.get_about() {
        bare = bare.about(about.clone());
    }
    if let Some(about) = whole.get_long_about() {
        bare = bare.long_about(about.clone());
    }
    if let Some(help) = whole.get_after_help() {
        bare = bare.after_help(help.clone());
    }
    bare.subcommands(shown)
}

fn pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut definition = definition().disable_help_subcommand(true);
    definition.build();
    let date = date()?;
    page_of(&definition, &date, dir)?;
    let mut file = File::create(dir.join(format!("{NAME}.toml.5")))?;
    configuration(&date).to_writer(&mut file)?;
    file.flush()
}

/// The date of the pages, `YYYY-MM-DD`.
fn date() -> io::Result<String> {
    let time = match env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Some(OffsetDateTime::now_utc()),
        Ok(seconds) => seconds
            .parse()
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()),
    };
    let time = time.ok_or_else(|| {
        io::Error::other("SOURCE_DATE_EPOCH is set and is no number of seconds since 1970")
    })?;
    Ok(time.date().to_string())
}

/// Writes the page of a command, and those of the commands below it.
fn page_of(command: &clap::Command, date: &str, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        page_of(below, date, dir)?;
    }
    let name = command.get_display_name().unwrap_or(NAME);
    Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date)
        .source(SOURCE)
        .manual(MANUAL)
        .generate_to(dir)
        .map(drop)
}

/// op-listener.toml(5).
fn configuration(date: &str) -> Roff {
    let mut page = Roff::new();
    page.control("TH", ["OP-LISTENER.TOML", "5", date, SOURCE, MANUAL]);
    page.control("SH", ["NAME"]);
    page.text([roman(
        "op-listener.toml - configuration of the op-listener host",
    )]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([
        roman("The file that "),
        bold("op-listener"),
        roman(" reads with "),
        bold("--config"),
        roman(" "),
        italic("FILE"),
        roman(
            ", in TOML. Everything works without one. Relative paths are relative to the file. \
             Unknown keys are errors; ",
        ),
        bold("op-listener config check"),
        roman(" says everything that is wrong with a file at once, and "),
        bold("op-listener config show"),
        roman(" prints what is in force, defaults included."),
    ]);
    page.control("SH", ["KEYS"]);
    page.text([roman("With their defaults, where they have one:")]);
    page.control("PP", []);
    page.control("EX", []);
    for line in REFERENCE.lines() {
        match line {
            "" => page.control("sp", []),
            line => page.text([roman(line)]),
        };
    }
    page.control("EE", []);
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("op-listener"),
        roman("(1), "),
        bold("op-listener-config"),
        roman("(1)"),
    ]);
    page
}
