//! Points in time as events carry them: JSON numbers of Unix seconds, read and written exactly.
//! Whose time is used for what is decided elsewhere.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// A point in time: microseconds since the Unix epoch, before the year 10000.
///
/// It is displayed and parsed as a JSON number of Unix seconds (`1795291073.677`), with only the
/// fraction digits that are needed. Digits beyond microseconds are cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Unix seconds of the first moment that is too late: the start of the year 10000.
    pub const END_SECONDS: u64 = 253_402_300_800;
    /// The latest point in time: a microsecond before [`Timestamp::END_SECONDS`].
    pub const MAX: Self = Self(Self::END_SECONDS * MICROS_PER_SECOND - 1);

    /// From microseconds since the Unix epoch; `None` beyond [`Timestamp::MAX`].
    pub const fn from_micros(micros: u64) -> Option<Self> {
        if micros <= Self::MAX.0 {
            Some(Self(micros))
        } else {
            None
        }
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time of the system's clock, held within what a timestamp can say.
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch become the epoch, times after [`Timestamp::MAX`] become that.
    fn from(time: SystemTime) -> Self {
        let micros = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        u64::try_from(micros)
            .ok()
            .and_then(Self::from_micros)
            .unwrap_or(Self::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, mut fraction) = (self.0 / MICROS_PER_SECOND, self.0 % MICROS_PER_SECOND);
        if fraction == 0 {
            return write!(f, "{seconds}");
        }
        let mut digits = 6;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{seconds}.{fraction:0digits$}")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let micros = match Scaled::parse(text).ok_or(TimeError::NotANumber)? {
            Scaled::Negative => return Err(TimeError::Negative),
            Scaled::Micros(micros) => micros,
            Scaled::Huge => return Err(TimeError::TooLate),
        };
        if let Some(time) = u64::try_from(micros).ok().and_then(Self::from_micros) {
            return Ok(time);
        }
        let end = u128::from(Self::MAX.0);
        Err(if micros / 1_000 <= end {
            TimeError::Finer("milliseconds", 1_000)
        } else if micros / 1_000_000 <= end {
            TimeError::Finer("microseconds", 1_000_000)
        } else if micros / 1_000_000_000 <= end {
            TimeError::Finer("nanoseconds", 1_000_000_000)
        } else {
            TimeError::TooLate
        })
    }
}

/// Why a text is no [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// Not a number as JSON (RFC 8259, section 6) has it.
    NotANumber,
    /// Before the Unix epoch.
    Negative,
    /// In the year 10000 or later, whatever the unit.
    TooLate,
    /// Too late for seconds, plausible in this finer unit; the second value is how many of them
    /// make a second.
    Finer(&'static str, u64),
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("not a number"),
            Self::Negative => f.write_str("it is negative"),
            Self::TooLate => f.write_str("it is after the year 9999"),
            Self::Finer(unit, factor) => {
                write!(f, "it looks like {unit}: divide it by {factor}")
            }
        }
    }
}

impl std::error::Error for TimeError {}

/// The moment from which on something has expired. Unlike a [`Timestamp`] it may be any number of
/// Unix seconds: what is before the epoch or past the year 9999 compares as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(u64);

impl Deadline {
    /// So many seconds after `time`.
    pub const fn after(time: Timestamp, seconds: u32) -> Self {
        Self(time.0 + seconds as u64 * MICROS_PER_SECOND)
    }

    /// From a JSON number of Unix seconds; `None` when the text is no JSON number.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(match Scaled::parse(text)? {
            Scaled::Negative => 0,
            Scaled::Micros(micros) => u64::try_from(micros).unwrap_or(u64::MAX),
            Scaled::Huge => u64::MAX,
        }))
    }

    /// From what [`Deadline::as_micros`] gave.
    #[cfg(feature = "redis")]
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch; the greatest number for what is later than that.
    #[cfg(feature = "redis")]
    pub(crate) const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whether it has come at `time`: `time` is not before it.
    pub const fn has_come(self, time: Timestamp) -> bool {
        time.0 >= self.0
    }
}

/// A JSON number times a million, cut to a whole number.
enum Scaled {
    Negative,
    Micros(u128),
    /// 10³⁶ or more.
    Huge,
}

impl Scaled {
    /// `None` when the text is no JSON number. Works on the decimal digits, since a 64-bit float
    /// would not give back every microsecond.
    fn parse(text: &str) -> Option<Self> {
        match Self::parse_plain(text.as_bytes()) {
            Some(micros) => Some(Self::Micros(micros.into())),
            None => Self::parse_any(text),
        }
    }

    /// As clocks write it: up to twelve digits, and perhaps a point with up to six more.
    #[inline]
    fn parse_plain(text: &[u8]) -> Option<u64> {
        /// What a digit in the last place is worth, by the digits behind the point.
        const SCALE: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        // No more than fits.
        if text.len() > 12 + 1 + 6 {
            return None;
        }
        let (mut value, mut point) = (0_u64, None);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        let whole = point.unwrap_or(text.len());
        let written = point.map_or(0, |point| text.len() - point - 1);
        if !(1..=12).contains(&whole)
            || (text[0] == b'0' && whole > 1)
            || (point.is_some() && !(1..=6).contains(&written))
        {
            return None;
        }
        Some(value * SCALE[written])
    }

    fn parse_any(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let digits = || whole.bytes().chain(fraction.bytes());
        if !digits().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let zeros = digits().take_while(|digit| *digit == b'0').count();
        let total = whole.len() + fraction.len();
        if zeros == total {
            return Some(Self::Micros(0));
        }
        if negative {
            return Some(Self::Negative);
        }
        // How many digits, from the first that is not zero, stand before the scaled point.
        let whole_digits = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        let kept = whole_digits.saturating_add(exponent).saturating_add(6);
        Some(match usize::try_from(kept) {
            Err(_) => Self::Micros(0),
            Ok(kept) if kept > 36 => Self::Huge,
            Ok(kept) => Self::Micros(
                digits()
                    .skip(zeros)
                    .chain(std::iter::repeat(b'0'))
                    .take(kept)
                    .fold(0, |value, digit| value * 10 + u128::from(digit - b'0')),
            ),
        })
    }
}

/// The signed digits of an exponent; beyond the range of `i32` it is as good as that range's end.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0_i64, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(i64::from(i32::MAX))
    });
    Some(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(text: &str) -> Result<u64, TimeError> {
        text.parse::<Timestamp>().map(Timestamp::as_micros)
    }

    #[test]
    fn numbers_are_read_exactly_however_they_are_written() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0e5", 0),
            ("1795291073.677", 1_795_291_073_677_000),
            ("1795291073.123456", 1_795_291_073_123_456),
            ("1795291073.1234569", 1_795_291_073_123_456),
            ("1.795291073677e9", 1_795_291_073_677_000),
            ("1795291073677E-3", 1_795_291_073_677_000),
            ("0.000001e+6", 1_000_000),
            ("0.0000009", 0),
            ("1e-400", 0),
            ("1e-99999999999999999999", 0),
            ("253402300799.999999", Timestamp::MAX.as_micros()),
            ("253402300799.9999999", Timestamp::MAX.as_micros()),
        ] {
            assert_eq!(micros(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for text in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "NaN", "1 ", "1_0", "1.2.3",
            "Infinity", "--1", "1e1.5", "٣",
        ] {
            assert_eq!(micros(text), Err(TimeError::NotANumber), "{text}");
            assert_eq!(Deadline::parse(text), None, "{text}");
        }
    }

    #[test]
    fn out_of_range_says_what_it_looks_like() {
        assert_eq!(micros("-1"), Err(TimeError::Negative));
        assert_eq!(micros("-0.0000001"), Err(TimeError::Negative));
        assert_eq!(
            micros("253402300800"),
            Err(TimeError::Finer("milliseconds", 1_000))
        );
        assert_eq!(
            micros("1795291073677"),
            Err(TimeError::Finer("milliseconds", 1_000))
        );
        assert_eq!(
            micros("1795291073677000"),
            Err(TimeError::Finer("microseconds", 1_000_000))
        );
        assert_eq!(
            micros("1795291073677000000"),
            Err(TimeError::Finer("nanoseconds", 1_000_000_000))
        );
        assert_eq!(micros("1e400"), Err(TimeError::TooLate));
        assert_eq!(micros("1e25"), Err(TimeError::TooLate));
        assert_eq!(micros("1e99999999999999999999"), Err(TimeError::TooLate));
    }

    #[test]
    fn only_the_fraction_digits_that_are_needed_are_written() {
        for text in ["0", "1", "10", "0.1", "0.000001", "1795291073.677", "5.05"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("1.500".parse::<Timestamp>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn a_deadline_has_come_from_its_very_moment_on() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let deadline = Deadline::parse("100.5").unwrap();
        assert!(!deadline.has_come(at("100.499999")));
        assert!(deadline.has_come(at("100.5")));
        assert!(Deadline::parse("-5").unwrap().has_come(at("0")));
        assert!(!Deadline::parse("1e300").unwrap().has_come(Timestamp::MAX));
        assert!(Deadline::after(at("1"), 600).has_come(at("601")));
        assert!(!Deadline::after(at("1"), 600).has_come(at("600.999999")));
    }

    proptest! {
        #[test]
        fn every_timestamp_survives_its_text(micros in 0..=Timestamp::MAX.as_micros()) {
            let time = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.eE]{0,40}") {
            let _ = text.parse::<Timestamp>();
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(Deadline::parse(&text).is_some(), is_json);
        }
    }
}
