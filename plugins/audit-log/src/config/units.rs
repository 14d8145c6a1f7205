//! Sizes and lengths of time, written as a number or as a number with a unit.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A size in bytes: `10485760`, `"10 MiB"`, `"10MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A length of time: seconds as a number, or `"1d"`, `"12h"`, `"30m"`, `"5s"`, `"250ms"`, `"2w"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

const SIZES: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// In milliseconds.
const SPANS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// A whole number, then a unit from the list, whatever its case.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

struct Quantity {
    expecting: &'static str,
    units: &'static [(&'static str, u64)],
    /// What a bare number counts, in the smallest unit.
    bare: u64,
}

impl Visitor<'_> for Quantity {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        number
            .checked_mul(self.bare)
            .ok_or_else(|| E::custom(format_args!("{number} is too large")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format_args!(
                "{number} is negative: expected {}",
                self.expecting
            ))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        parse(text, self.units).ok_or_else(|| {
            E::custom(format_args!(
                "\"{text}\" cannot be read: expected {}",
                self.expecting
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quantity = Quantity {
            expecting: "a size: bytes as a number, or a whole number with B, kB, MB, GB, KiB, MiB \
                        or GiB, such as \"10 MiB\"",
            units: &SIZES,
            bare: 1,
        };
        deserializer.deserialize_any(quantity).map(Self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quantity = Quantity {
            expecting: "a length of time: seconds as a number, or a whole number with ms, s, m, h, \
                        d or w, such as \"1d\"",
            units: &SPANS,
            bare: 1_000,
        };
        let milliseconds = deserializer.deserialize_any(quantity)?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (json, bytes) in [
            ("4096", 4096),
            (r#""4096""#, 4096),
            (r#""10 MiB""#, 10 << 20),
            (r#""10MB""#, 10_000_000),
            (r#"" 1 gib ""#, 1 << 30),
            (r#""512kB""#, 512_000),
        ] {
            assert_eq!(
                serde_json::from_str::<Size>(json).unwrap(),
                Size(bytes),
                "{json}"
            );
        }
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        for (json, milliseconds) in [
            ("90", 90_000),
            (r#""1d""#, 86_400_000),
            (r#""12 h""#, 43_200_000),
            (r#""250ms""#, 250),
            (r#""2w""#, 1_209_600_000),
            (r#""1m""#, 60_000),
        ] {
            let span: Span = serde_json::from_str(json).unwrap();
            assert_eq!(span.0.as_millis(), milliseconds, "{json}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for wrong in [
            r#""""#,
            r#""MiB""#,
            r#""-1 MiB""#,
            r#""1.5 MiB""#,
            r#""1 d""#,
            "-1",
            "true",
            r#""99999999999 GiB""#,
            "1.5",
        ] {
            assert!(serde_json::from_str::<Size>(wrong).is_err(), "{wrong}");
        }
        for wrong in [r#""10""#, r#""1 month""#, "18446744073709551615"] {
            assert!(serde_json::from_str::<Span>(wrong).is_err(), "{wrong}");
        }
    }
}
