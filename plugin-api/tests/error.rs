//! The error of listener code.

#![forbid(unsafe_code)]

use std::fmt;

use op_listener_api::Error;

#[derive(Debug)]
struct Layer(&'static str, Option<Box<Layer>>);

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Layer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

fn layers(texts: &[&'static str]) -> Layer {
    let (first, rest) = texts.split_first().expect("there is one");
    Layer(first, (!rest.is_empty()).then(|| Box::new(layers(rest))))
}

#[test]
fn an_error_tells_of_all_its_sources() {
    let error = Error::from(layers(&[
        "sending failed",
        "connection refused",
        "port closed",
    ]));
    assert_eq!(
        error.to_string(),
        "sending failed: connection refused: port closed"
    );
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[test]
fn a_source_that_the_error_repeats_is_told_once() {
    let error = Error::from(layers(&["sending failed: refused", "refused", "by peer"]));
    assert_eq!(error.to_string(), "sending failed: refused: by peer");
}

#[test]
fn a_boxed_error_keeps_its_sources_too() {
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(layers(&["outer", "inner"]));
    assert_eq!(Error::from(&*boxed).to_string(), "outer: inner");
}

#[test]
fn context_stands_before_the_message_and_leaves_the_kind() {
    let error = Error::config("`path` is missing")
        .context("sink")
        .context("init");
    assert_eq!(error.to_string(), "init: sink: `path` is missing");
    assert!(error.is_config());
    assert!(!Error::new("x").context("y").is_config());
}

#[test]
fn the_question_mark_takes_any_error_and_leaves_ours_as_it_is() {
    fn parse(text: &str) -> Result<u16, Error> {
        Ok(text.parse::<u16>()?)
    }
    fn outer() -> Result<(), Error> {
        Err(Error::config("ours"))?
    }
    assert_eq!(
        parse("x").map_err(|error| error.to_string()),
        Err("invalid digit found in string".to_owned())
    );
    assert!(outer().is_err_and(|error| error.is_config()));
}
