//! Files that are read where the system has them, rather than copied.
//!
//! Knows nothing of what is in them. Invariant: what is read and what is executed is the file that was opened, whatever becomes of its
//! path.

#![expect(unsafe_code, reason = "reads what is mapped")]

use super::image::Image;
use super::mapping::{Mapping, page_size};
use crate::base::{Error, ErrorKind, Result, error::bail};
use std::fs::File;
use std::io;
use std::ops::Range;

/// A file that is open.
pub struct MappedFile(File);

/// Its bytes, as whoever changes it makes them: the host promises that nobody does.
pub struct MappedBytes {
    mapping: Mapping,
    length: usize,
}

impl MappedFile {
    /// Opens a file, and maps its bytes.
    ///
    /// Errors: `NotFound`; `InvalidArgument` if it isn't a regular file; `System`.
    pub fn open(path: &str) -> Result<(MappedFile, MappedBytes)> {
        let refused = |error: io::Error| {
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let kind = if is_missing { ErrorKind::NotFound } else { ErrorKind::System };
            Error::new(kind, format_args!("{path}: {error}"))
        };
        // A pipe that nobody writes would be waited for.
        let about = std::fs::metadata(path).map_err(refused)?;
        if !about.is_file() {
            bail!(InvalidArgument, "{path} isn't a file");
        }
        let file = File::open(path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len() as usize;
        let mapping = Mapping::to_read(&file, length)?;
        Ok((MappedFile(file), MappedBytes { mapping, length }))
    }

    /// The image that a part of it is, if that begins with a page and the system lets it be executed.
    pub fn image(&self, part: &Range<usize>) -> Option<Image> {
        if !part.start.is_multiple_of(page_size()) {
            return None;
        }
        let image = Image::of_part(&self.0, part.start as u64, part.len());
        image.inspect_err(|refused| log::debug!("a file's code can't be executed where it is: {refused}")).ok()
    }
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping is readable and at least as long, and is there as long as this is. That nobody writes the file or cuts it
        // off is the promise of the host (header: `pellucid_module_deserialize_file`).
        unsafe { std::slice::from_raw_parts(self.mapping.base() as *const u8, self.length) }
    }
}
