//! The peers: Python packages and an npm package, in exactly the versions that are written down.

use std::path::PathBuf;

use op_listener_tests::Unavailable;
use op_listener_tests::peers::{assert_locked, assert_pinned, npm_packages, python_packages};

use crate::here;

/// The Python interpreter of an environment that has the packages of `requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, Unavailable> {
    python_packages("python", &here().join("requirements.txt"))
}

/// The folder whose `node_modules` has the packages of `package-lock.json`.
pub(crate) fn node_folder() -> Result<PathBuf, Unavailable> {
    npm_packages("npm", &here())
}

#[test]
fn all_that_is_installed_is_pinned_and_no_registry_is_named() {
    assert_pinned(&here().join("requirements.txt"));
    assert_locked(&here().join("package-lock.json"));
}
