//! Abi.
