//! Misdeeds of `init`.

use std::fs::File;
use std::sync::atomic::Ordering;

use op_listener_api::{Error, InitContext};
use serde::Deserialize;

use crate::does;
use crate::listener::{ENDED, chatter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    path: Option<String>,
    enable: Option<bool>,
}

#[derive(Deserialize)]
struct Lenient {}

/// Reads the configuration; whether events are wanted.
pub(crate) fn read(context: &InitContext<'_>) -> Result<bool, Error> {
    if does("init-panic") {
        panic!("init has had enough");
    }
    if does("init-panic-when-empty") {
        assert_ne!(context.config_json(), "{}", "nothing is configured");
    }
    if does("init-refuse") {
        return Err(Error::config("a `path` is needed"));
    }
    if does("init-refuse-silently") {
        return Err(Error::new(""));
    }
    if does("init-abort") {
        std::process::abort();
    }
    if does("init-lenient") {
        context.config::<Lenient>()?;
        return Ok(true);
    }
    if does("init-unwrap") {
        return Ok(context
            .config::<Config>()
            .expect("it can be read")
            .enable
            .unwrap_or(true));
    }
    let config = context.config::<Config>()?;
    if does("init-need-path") && context.config_json() != "{}" {
        assert!(config.path.is_some(), "there is always a path");
    }
    if does("init-odd-path")
        && let Some(path) = &config.path
    {
        assert!(!path.contains('\0'), "nobody writes that");
    }
    if does("disabled-by-default") {
        return Ok(config.enable.unwrap_or(false));
    }
    Ok(config.enable.unwrap_or(true))
}

/// What an instance does as it begins.
pub(crate) fn begin(context: &InitContext<'_>) -> Result<(), Error> {
    if does("init-unwrap-data-dir") {
        context.data_dir().expect("there is always a directory");
    }
    if does("lock") {
        // Removed at the end: see `listener`.
        let lock = context.data_dir()?.join("lock");
        File::create_new(&lock).map_err(|error| Error::new(format_args!("{lock:?}: {error}")))?;
    }
    if does("share-state") {
        ENDED.store(false, Ordering::Relaxed);
    }
    if does("leak-instance") {
        std::mem::forget(vec![1_u8; 4096]);
    }
    if does("write-stray") {
        std::fs::write("stray.txt", "x")?;
    }
    if does("write-data") {
        std::fs::write(context.data_dir()?.join("mine.txt"), "x")?;
    }
    if does("write-temporary") {
        std::fs::write(std::env::temp_dir().join("stray.txt"), "x")?;
    }
    if does("write-elsewhere") {
        std::mem::forget(File::create("/var/tmp/op-listener-mischief")?);
    }
    if does("change-directory") {
        std::env::set_current_dir("/")?;
    }
    if does("change-environment") {
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { std::env::set_var("MISCHIEF_WAS_HERE", "1") };
    }
    if does("print") {
        println!("hello");
    }
    if does("print-error") {
        eprintln!("hello");
    }
    if does("leave-thread") {
        let sleep = || std::thread::sleep(std::time::Duration::from_secs(3600));
        std::thread::Builder::new()
            .name("left-behind".to_owned())
            .spawn(sleep)?;
    }
    if does("leave-descriptor") {
        std::mem::forget(File::open("/dev/null")?);
    }
    if does("leave-descriptor-once") {
        static ONCE: std::sync::Once = std::sync::Once::new();
        let open = || std::mem::forget(File::open("/dev/null").expect("it is there"));
        ONCE.call_once(open);
    }
    if does("leave-process") {
        std::process::Command::new("sleep").arg("3600").spawn()?;
    }
    if does("leave-other-process") {
        std::process::Command::new("sleep").arg("3601").spawn()?;
    }
    if does("chatter") {
        chatter(context.logger())?;
    }
    Ok(())
}
