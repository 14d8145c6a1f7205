//! Signing keys and signatures.
