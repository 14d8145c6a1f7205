//! Moments as text: RFC 3339 in records, the basic format of ISO 8601 in file names.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in UTC, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    micros: u64,
}

struct Date {
    year: u64,
    month: u64,
    day: u64,
}

impl Moment {
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    pub(crate) const fn millis(self) -> u64 {
        self.micros / 1_000
    }

    const fn seconds(self) -> u64 {
        self.micros / 1_000_000
    }

    /// Of the Gregorian calendar. Years are counted from the first of March of the year 0, so that
    /// the leap day is the last of its year and the months before it have a regular pattern.
    const fn date(self) -> Date {
        const DAYS_TO_EPOCH: u64 = 719_468;
        const DAYS_IN_400_YEARS: u64 = 146_097;
        let days = self.seconds() / 86_400 + DAYS_TO_EPOCH;
        let era = days / DAYS_IN_400_YEARS;
        let day_of_era = days % DAYS_IN_400_YEARS;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let (month, next_year) = if month_from_march < 10 {
            (month_from_march + 3, 0)
        } else {
            (month_from_march - 9, 1)
        };
        Date {
            year: era * 400 + year_of_era + next_year,
            month,
            day,
        }
    }

    const fn time_of_day(self) -> (u64, u64, u64) {
        let second = self.seconds() % 86_400;
        (second / 3_600, second / 60 % 60, second % 60)
    }

    /// As seconds since the epoch, with as many decimals as it needs.
    pub(crate) fn unix_seconds(self) -> String {
        let (seconds, micros) = (self.seconds(), self.micros % 1_000_000);
        if micros == 0 {
            return seconds.to_string();
        }
        let text = format!("{seconds}.{micros:06}");
        text.trim_end_matches('0').to_owned()
    }
}

/// RFC 3339, always with six decimals and in UTC, so that it sorts as text.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date();
        let (hour, minute, second) = self.time_of_day();
        let micros = self.micros % 1_000_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

/// `20261121T190000Z`, for file names. A clock before 1970 counts as 1970.
pub(crate) fn basic(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = Moment::from_micros(since.as_secs().saturating_mul(1_000_000));
    let Date { year, month, day } = moment.date();
    let (hour, minute, second) = moment.time_of_day();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_calendars_have_them() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (951_868_800_000_000, "2000-03-01T00:00:00.000000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000000Z"),
            (1_795_291_073_677_000, "2026-11-21T19:57:53.677000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Moment::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn each_day_of_four_centuries_follows_the_one_before() {
        let days_in = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..146_097 {
            let date = Moment::from_micros(number * 86_400_000_000).date();
            assert_eq!((date.year, date.month, date.day), (year, month, day));
            day += 1;
            if day > days_in(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn seconds_have_the_decimals_they_need() {
        let seconds = |micros| Moment::from_micros(micros).unix_seconds();
        assert_eq!(seconds(1_523_304_728_000_000), "1523304728");
        assert_eq!(seconds(1_795_291_073_677_000), "1795291073.677");
        assert_eq!(seconds(10_000_001), "10.000001");
    }
}
