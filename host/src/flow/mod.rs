//! The flow rule: which subject event is due when.
