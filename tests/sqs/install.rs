//! The servers: a Python environment with moto and botocore, and the npm package fauxqs, in exactly the
//! versions that are written down.

use std::path::{Path, PathBuf};

use op_listener_tests::Unavailable;
use op_listener_tests::peers::{assert_locked, assert_pinned, npm_packages, python_packages};

/// Where these tests are.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sqs")
}

/// The interpreter of an environment with moto and botocore.
pub(crate) fn python() -> Result<PathBuf, Unavailable> {
    python_packages("sqs-python", &here().join("requirements.txt"))
}

/// The folder with fauxqs.
pub(crate) fn node_folder() -> Result<PathBuf, Unavailable> {
    npm_packages("sqs-npm", &here())
}

#[test]
fn all_that_is_installed_is_pinned_and_no_registry_is_named() {
    assert_pinned(&here().join("requirements.txt"));
    assert_locked(&here().join("package-lock.json"));
}
