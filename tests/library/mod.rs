//! Where the libraries are that tests link with.

use std::path::PathBuf;

/// The directory in which Cargo leaves the library that the running test was built with: the test's own.
pub fn directory() -> PathBuf {
    let test = std::env::current_exe().expect("the system knows");
    test.parent().expect("it is in a directory").to_path_buf()
}

/// The shared library.
pub fn shared() -> PathBuf {
    let path = directory().join("libpellucid.so");
    assert!(path.exists(), "{} isn't there", path.display());
    path
}
