//! `op-listener queue`: what an operator does with the delivery queues, on a running host as on a
//! stopped one.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use op_listener_host::config::Config;
use op_listener_host::delivery::admin::{Admin, MessageState, QueueState, Selection};
use op_listener_host::delivery::view::{View, queues_json, queues_table};
use op_listener_host::delivery::{StoreError, open_queues};

use crate::ask;
use crate::exit::{Exit, print, tell};
use crate::interrupt::Interruption;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Show all queues: what waits, dead letters, counts
    List(List),
    /// Show messages of a queue, or some of them with their payload
    Show(Show),
    /// Try messages again, now: dead letters, unless others are named
    Retry(Retry),
    /// Drop messages for good, after asking
    Purge(Purge),
    /// Hold what waits in a queue until `resume`
    Pause(OfQueue),
    /// Let a queue go on, whoever has paused it
    Resume(OfQueue),
}

#[derive(clap::Args)]
pub(crate) struct Store {
    /// The configuration file that says where the store is; without one the defaults serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store, in place of the configuration's [default: op-listener-data/queue.db]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    store: Store,
    /// As JSON: an object with `store`, `host` and `queues`
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// The queue's name
    queue: String,
    /// The numbers of messages to be shown with their payload
    numbers: Vec<i64>,
    /// The dead letters, in place of what waits
    #[arg(long, conflicts_with = "numbers")]
    dead: bool,
    /// How many messages
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        conflicts_with = "numbers"
    )]
    limit: usize,
    /// Only messages with larger numbers
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        conflicts_with = "numbers"
    )]
    after: i64,
    /// With the payload of each
    #[arg(long)]
    payload: bool,
    /// As JSON: an array with an object for each message
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
pub(crate) struct Retry {
    /// The queue's name
    queue: String,
    /// The numbers of the messages; default: all dead letters
    numbers: Vec<i64>,
    /// What waits for its next attempt, in place of the dead letters
    #[arg(long, conflicts_with = "numbers")]
    waiting: bool,
    /// As JSON: an object with `retried` and `interrupted`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Purge {
    /// The queue's name
    queue: String,
    /// The numbers of the messages
    #[arg(required_unless_present_any = ["dead", "waiting"])]
    numbers: Vec<i64>,
    /// All dead letters
    #[arg(long, conflicts_with = "numbers")]
    dead: bool,
    /// All that waits
    #[arg(long, conflicts_with = "numbers")]
    waiting: bool,
    /// Without asking
    #[arg(long)]
    yes: bool,
    /// As JSON: an object with `purged` and `interrupted`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
pub(crate) struct OfQueue {
    /// The queue's name
    queue: String,
    /// As JSON: an object of the queue as it is then
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

/// Progress is told this often.
const OFTEN: Duration = Duration::from_secs(1);

pub(crate) fn queue(command: Command) -> Exit {
    let outcome = match command {
        Command::List(arguments) => list(&arguments),
        Command::Show(arguments) => show(arguments),
        Command::Retry(arguments) => retry(arguments),
        Command::Purge(arguments) => purge(arguments),
        Command::Pause(arguments) => switch(&arguments, Admin::pause),
        Command::Resume(arguments) => switch(&arguments, Admin::resume),
    };
    outcome.unwrap_or_else(|exit| exit)
}

/// How a command went; the error was told by then.
type Outcome = Result<Exit, Exit>;

fn failed(error: StoreError) -> Exit {
    use op_listener_host::delivery::StoreErrorKind as Kind;

    match error.kind() {
        Kind::Missing | Kind::Newer(..) | Kind::Foreign => Exit::Usage.because(error),
        Kind::Damaged => Exit::Internal.because(format_args!(
            "{error}: a host that is started with it sets it aside and saves what is whole"
        )),
        _ => Exit::Internal.because(error),
    }
}

struct Opened {
    path: PathBuf,
    config: Config,
    admin: Admin,
}

fn open(store: &Store) -> Result<Opened, Exit> {
    let config = match &store.config {
        None => Config::default(),
        Some(file) => Config::read(file).map_err(|errors| Exit::Usage.because(errors))?,
    };
    let path = store.store.clone().unwrap_or_else(|| config.queue_path());
    let admin = Admin::open(&path).map_err(failed)?;
    Ok(Opened {
        path,
        config,
        admin,
    })
}

impl Opened {
    fn queue(&self, name: &str) -> Result<QueueState, Exit> {
        if let Some(queue) = self.admin.queue(name).map_err(failed)? {
            return Ok(queue);
        }
        let names: Vec<_> = (self.admin.queues().map_err(failed)?.into_iter())
            .map(|queue| queue.name)
            .collect();
        let there = match names.as_slice() {
            [] => "there are none".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        Err(Exit::Usage.because(format_args!("there is no queue {name:?}; {there}")))
    }
}

fn json(value: &impl serde::Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(json) => print(format_args!("{json}\n")),
        Err(error) => Exit::Internal.because(error),
    }
}

fn list(arguments: &List) -> Outcome {
    let opened = open(&arguments.store)?;
    let queues = opened.admin.queues().map_err(failed)?;
    let host = opened.admin.holder();
    let open = open_queues(&opened.path);
    if arguments.json {
        let queues = queues_json(&opened.path, host, open.as_deref(), &queues);
        return Ok(json(&queues));
    }
    Ok(print(queues_table(host, open.as_deref(), &queues)))
}

fn show(arguments: Show) -> Outcome {
    let opened = open(&arguments.store)?;
    let queue = opened.queue(&arguments.queue)?;
    let with_payload = arguments.payload || !arguments.numbers.is_empty();
    let which = if arguments.dead {
        Selection::Dead
    } else {
        Selection::Waiting
    };
    let (which, most) = if arguments.numbers.is_empty() {
        (which, arguments.limit)
    } else {
        let most = arguments.numbers.len();
        (Selection::Numbers(arguments.numbers), most)
    };
    let messages = opened.admin.messages(&queue, &which, arguments.after, most);
    let messages = messages.map_err(failed)?;
    let view = View {
        mask: &opened.config.delivery.mask,
        with_payload,
    };
    let shown = if arguments.json {
        let messages: Vec<_> = messages.iter().map(|message| view.json(message)).collect();
        json(&messages)
    } else {
        print(
            messages
                .iter()
                .map(|message| view.text(message))
                .collect::<String>(),
        )
    };
    if let Selection::Numbers(numbers) = which
        && shown == Exit::Well
    {
        return missing(&numbers, &messages);
    }
    Ok(shown)
}

fn missing(numbers: &[i64], messages: &[MessageState]) -> Outcome {
    let there = |number: &&i64| messages.iter().any(|message| message.number == **number);
    let missing: Vec<_> = numbers.iter().filter(|number| !there(number)).collect();
    if missing.is_empty() {
        return Ok(Exit::Well);
    }
    Err(Exit::Usage.because(format_args!(
        "not in the queue, or delivered meanwhile: {missing:?}"
    )))
}

/// Long work, which tells how far it has come, and which SIGINT and SIGTERM end between two steps.
struct Work {
    told: Instant,
    interruption: Interruption,
}

impl Work {
    fn begin() -> Result<Self, Exit> {
        Ok(Self {
            told: Instant::now(),
            interruption: Interruption::catch().map_err(|error| Exit::Internal.because(error))?,
        })
    }

    /// So many are done.
    fn on(&mut self, done: u64) -> ControlFlow<()> {
        if self.told.elapsed() > OFTEN {
            self.told = Instant::now();
            tell(format_args!("{done} so far"));
        }
        if self.interruption.came() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Tells what was done, and if that is not all, why.
    fn end(&self, done: u64, member: &str, words: &str, as_json: bool) -> Exit {
        let interrupted = self.interruption.came();
        let exit = if as_json {
            json(&serde_json::json!({ member: done, "interrupted": interrupted }))
        } else {
            print(format_args!("{done} messages {words}\n"))
        };
        if interrupted {
            tell("interrupted: what else was meant may be as it was");
            self.interruption.end_by_it();
        }
        exit
    }
}

fn retry(arguments: Retry) -> Outcome {
    let opened = open(&arguments.store)?;
    let queue = opened.queue(&arguments.queue)?;
    let which = match (arguments.numbers, arguments.waiting) {
        (numbers, false) if numbers.is_empty() => Selection::Dead,
        (_, true) => Selection::Waiting,
        (numbers, false) => Selection::Numbers(numbers),
    };
    let mut work = Work::begin()?;
    let done = opened
        .admin
        .retry(&queue, &which, &mut |done| work.on(done));
    let done = done.map_err(failed)?;
    Ok(work.end(done, "retried", "are tried again", arguments.json))
}

fn purge(arguments: Purge) -> Outcome {
    let opened = open(&arguments.store)?;
    let queue = opened.queue(&arguments.queue)?;
    let mut which = Vec::new();
    let mut words = Vec::new();
    if arguments.dead {
        which.push(Selection::Dead);
        words.push(format!("{} dead letters", queue.dead));
    }
    if arguments.waiting {
        which.push(Selection::Waiting);
        words.push(format!("{} messages that wait", queue.waiting));
    }
    if !arguments.numbers.is_empty() {
        words.push(format!("{} messages", arguments.numbers.len()));
        which.push(Selection::Numbers(arguments.numbers));
    }
    let what = format!("{} of the queue '{}'", words.join(" and "), queue.name);
    if !arguments.yes {
        if !ask::is_possible() {
            return Err(Exit::Usage.because(format_args!(
                "nothing was dropped, since there is no terminal to ask on: agree to dropping {what} with `--yes`"
            )));
        }
        if !ask::agreed(&format!("Drop {what}, for good? [y/N] ")) {
            return Err(Exit::Usage.because("nothing was dropped"));
        }
    }
    let mut work = Work::begin()?;
    let mut done = 0;
    for which in &which {
        let on = &mut |more| work.on(done + more);
        let dropped = opened.admin.purge(&queue, which, on);
        done += dropped.map_err(failed)?;
        if work.interruption.came() {
            break;
        }
    }
    Ok(work.end(done, "purged", "were dropped", arguments.json))
}

fn switch(arguments: &OfQueue, how: fn(&Admin, &QueueState) -> Result<(), StoreError>) -> Outcome {
    let opened = open(&arguments.store)?;
    let queue = opened.queue(&arguments.queue)?;
    how(&opened.admin, &queue).map_err(failed)?;
    let queue = opened.queue(&arguments.queue)?;
    if arguments.json {
        return Ok(json(&queue));
    }
    let open = open_queues(&opened.path);
    let host = opened.admin.holder();
    Ok(print(queues_table(host, open.as_deref(), &[queue])))
}
