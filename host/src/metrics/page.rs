//! A page of samples, and how it is written. What stands on it is for its sources to tell.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::{Kind, Metric};

/// Samples by their families, as they are at one moment.
#[derive(Debug, Default)]
pub struct Page {
    /// In the order in which they were first told of.
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

/// The value of a sample; each kind of family has one of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a counter of seconds.
    Seconds(f64),
    /// Of a gauge.
    Level(f64),
    /// Of a histogram.
    Times(Buckets),
    /// Of an info: there is nothing but the labels.
    Text,
}

/// A histogram of durations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// All of them together, in seconds.
    pub sum: f64,
    /// Upper bounds in seconds, ascending, each with how many lie up to it and above the one
    /// before. The last bound is [`f64::INFINITY`].
    pub counts: Vec<(f64, u64)>,
}

impl Value {
    fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Count(_) | Self::Seconds(_), Kind::Counter)
                | (Self::Level(_), Kind::Gauge)
                | (Self::Times(_), Kind::Histogram)
                | (Self::Text, Kind::Info)
        )
    }

    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (Self::Seconds(seconds), Self::Seconds(more)) => *seconds += more,
            (Self::Level(level), Self::Level(other)) => *level = level.max(other),
            (Self::Times(times), Self::Times(more)) => {
                times.sum += more.sum;
                for ((_, count), (_, more)) in times.counts.iter_mut().zip(more.counts) {
                    *count += more;
                }
            }
            _ => {}
        }
    }
}

impl Page {
    /// Puts a sample on the page, with the values of the family's labels in their order.
    ///
    /// Where there is one with these values already, the two are told as one: counts are added up,
    /// and of levels the higher one stands. A page with the same series twice would be refused as a
    /// whole by whoever reads it.
    ///
    /// # Panics
    ///
    /// Only in builds with debug assertions: the value or the labels do not fit the family.
    pub fn put(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert!(value.fits(metric.kind), "{metric:?} has no {value:?}");
        debug_assert_eq!(metric.labels.len(), labels.len(), "{metric:?}");
        let known = self
            .families
            .iter()
            .position(|family| family.metric == metric);
        let place = known.unwrap_or_else(|| {
            self.families.push(Family {
                metric,
                samples: Vec::new(),
            });
            self.families.len() - 1
        });
        let samples = &mut self.families[place].samples;
        let same = samples.iter_mut().find(|sample| {
            let values = sample.labels.iter().map(|(_, value)| value.as_str());
            values.eq(labels.iter().copied())
        });
        if let Some(sample) = same {
            sample.value.add(value);
            return;
        }
        let names = metric.labels.iter().copied();
        let values = labels.iter().map(|value| (*value).to_owned());
        samples.push(Sample {
            labels: names.zip(values).collect(),
            value,
        });
    }

    /// A count.
    pub fn count(&mut self, metric: &'static Metric, labels: &[&str], count: u64) {
        self.put(metric, labels, Value::Count(count));
    }

    /// A level that is a whole number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no other numbers, and nothing here has 2^53 of anything"
    )]
    pub fn level(&mut self, metric: &'static Metric, labels: &[&str], level: u64) {
        self.put(metric, labels, Value::Level(level as f64));
    }

    /// The page as text, to its end.
    pub(super) fn into_text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a `String` does not fail");
        text
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { metric, samples } in &self.families {
            // The encoder puts the unit behind the name itself.
            let unit = metric.unit();
            let name = match unit {
                Some(unit) => metric.name.trim_end_matches(unit).trim_end_matches('_'),
                None => metric.name,
            };
            let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
                Kind::Info => MetricType::Info,
            };
            let mut family = encoder.encode_descriptor(name, metric.help, unit.as_ref(), kind)?;
            for Sample { labels, value } in samples {
                match value {
                    Value::Text => family.encode_info(labels)?,
                    value if labels.is_empty() => write(&mut family, value)?,
                    value => write(&mut family.encode_family(labels)?, value)?,
                }
            }
        }
        Ok(())
    }
}

fn write(one: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

    match value {
        Value::Count(count) => one.encode_counter(count, NO_EXEMPLAR),
        Value::Seconds(seconds) => one.encode_counter(seconds, NO_EXEMPLAR),
        Value::Level(level) => one.encode_gauge(level),
        Value::Times(times) => {
            let all = times.counts.iter().map(|(_, count)| count).sum();
            one.encode_histogram::<NoLabelSet>(times.sum, all, &times.counts, None)
        }
        // Of this kind the labels are the value.
        Value::Text => Ok(()),
    }
}
