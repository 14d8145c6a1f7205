//! Registered client metadata by client id.
