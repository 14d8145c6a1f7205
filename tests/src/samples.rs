//! Reads what is counted, as OpenMetrics text has it.

#![allow(
    clippy::missing_panics_doc,
    reason = "a page that cannot be read fails the test"
)]

use std::collections::BTreeMap;

/// The samples of a page by their names and labels.
pub fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut samples = BTreeMap::new();
    for line in lines {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let known = samples.insert(series, value.parse().expect("a value is a number"));
        assert_eq!(known, None, "twice: {line}");
    }
    samples
}
