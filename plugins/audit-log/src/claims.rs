//! Which claims of a token are recorded, and which of those with a mask in place of their value.

use op_listener_api::JsonObject;

use crate::config::{ConfigError, Names};
use crate::record::json::Members;

/// What stands in a record in place of a masked value. It is the same for every value, so it tells
/// neither type nor length, nor which values are equal.
pub const MASK: &str = "***";

/// Selects and masks the top-level claims of a claims set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsFilter {
    keep: Option<Names>,
    mask: Option<Names>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    Record,
    Mask,
    LeaveOut,
}

impl ClaimsFilter {
    /// A filter from the settings `claims` and `mask`.
    ///
    /// # Errors
    ///
    /// A name stands in both.
    pub fn new(keep: Option<Names>, mask: Option<Names>) -> Result<Self, ConfigError> {
        if let (Some(keep), Some(mask)) = (&keep, &mask)
            && let Some(both) = keep
                .iter()
                .find(|name| mask.iter().any(|masked| masked == *name))
        {
            return Err(ConfigError::KeptAndMasked(both.to_owned()));
        }
        Ok(Self { keep, mask })
    }

    /// The mask is looked at first, so that a translation of a masked claim stays masked.
    fn treatment(&self, name: &str) -> Treatment {
        if self.mask.as_ref().is_some_and(|mask| mask.contains(name)) {
            return Treatment::Mask;
        }
        match &self.keep {
            None => Treatment::Record,
            Some(keep) if keep.contains(name) => Treatment::Record,
            Some(_) if self.mask.is_none() => Treatment::Mask,
            Some(_) => Treatment::LeaveOut,
        }
    }

    /// Whether a claim's value may show.
    pub fn shows(&self, name: &str) -> bool {
        self.treatment(name) == Treatment::Record
    }

    /// Writes the claims set as the member `name` of a record.
    pub(crate) fn write(&self, claims: &JsonObject<'_>, name: &str, record: &mut Members<'_>) {
        if self.keep.is_none() && self.mask.is_none() {
            record.raw(name, claims.json());
            return;
        }
        record.object(name, |members| {
            for (name, value) in claims.iter() {
                match self.treatment(name) {
                    Treatment::Record => members.raw(name, value.get()),
                    Treatment::Mask => members.string_named(name, MASK),
                    Treatment::LeaveOut => {}
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = r#"{"sub":"alice","iat":1523304728,"email":"a@example.com","name#ja":"アリス","n":123456789012345678901234567890.10,"sub":"bob"}"#;

    fn filtered(keep: Option<&str>, mask: Option<&str>) -> String {
        let names = |json: &str| serde_json::from_str(json).unwrap();
        let filter = ClaimsFilter::new(keep.map(names), mask.map(names)).unwrap();
        let mut out = Vec::new();
        let mut members = Members::open(&mut out);
        filter.write(&JsonObject::parse(CLAIMS).unwrap(), "c", &mut members);
        members.close();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_settings_all_is_recorded_as_it_came() {
        assert_eq!(filtered(None, None), format!(r#"{{"c":{CLAIMS}}}"#));
    }

    #[test]
    fn the_rest_is_masked_where_only_the_kept_are_named() {
        assert_eq!(
            filtered(Some(r#""sub,n""#), None),
            r#"{"c":{"iat":"***","email":"***","name#ja":"***","n":123456789012345678901234567890.10,"sub":"bob"}}"#
        );
    }

    #[test]
    fn the_rest_is_left_out_where_the_masked_are_named_too() {
        assert_eq!(
            filtered(Some(r#""sub iat""#), Some(r#"["email"]"#)),
            r#"{"c":{"iat":1523304728,"email":"***","sub":"bob"}}"#
        );
        assert_eq!(
            filtered(Some(r#""sub iat""#), Some("[]")),
            r#"{"c":{"iat":1523304728,"sub":"bob"}}"#
        );
    }

    #[test]
    fn the_masked_alone_are_masked_where_only_they_are_named() {
        assert_eq!(
            filtered(None, Some(r#""email name""#)),
            r#"{"c":{"iat":1523304728,"email":"***","name#ja":"***","n":123456789012345678901234567890.10,"sub":"bob"}}"#
        );
    }

    #[test]
    fn a_value_given_twice_does_not_slip_past_the_mask() {
        assert!(!filtered(None, Some(r#""sub""#)).contains("alice"));
    }
}
