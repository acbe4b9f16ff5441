//! Images: machine code that exists once in memory, and is seen at any number of addresses.
//!
//! Knows nothing of modules or stores. Invariants: an image never changes after it was made, in no process, as nobody can
//! write it, unless it is a part of a file of the host's, who has promised that; it keeps no descriptor. Read next: [`super::super::code_memory`].

#![expect(unsafe_code, reason = "makes files and fills pages")]

use super::mapping::{Mapping, round_to_pages, system};
use crate::base::{Error, ErrorKind, Result, error::bail};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;

/// Machine code, readable and executable.
#[derive(Debug)]
pub struct Image {
    mapping: Mapping,
}

impl Image {
    /// Makes an image of `code`, which isn't empty: from a file, or from anonymous memory where the system has none.
    ///
    /// Errors: `System` with what was said to both.
    pub fn new(code: &[u8]) -> Result<Image> {
        Image::of_file(code).or_else(|by_file| {
            log::debug!("no file for code, it is put into anonymous memory: {by_file}");
            Image::anonymous(code).map_err(|refused| {
                Error::new(ErrorKind::System, format_args!("no memory for code: {by_file}; {refused}"))
            })
        })
    }

    /// Asks the system for no change of protection.
    fn of_file(code: &[u8]) -> Result<Image> {
        Ok(Image { mapping: Mapping::of_file(&sealed_file(code)?, 0, code.len())? })
    }

    /// An image of what is in a file: `length` bytes from `offset` on, which is a whole number of pages. Whoever changes the file changes
    /// the image.
    ///
    /// Errors: `System`, also where nothing of the file's system may be executed.
    pub fn of_part(file: &File, offset: u64, length: usize) -> Result<Image> {
        Ok(Image { mapping: Mapping::of_file(file, offset, length)? })
    }

    /// Needs no file.
    fn anonymous(code: &[u8]) -> Result<Image> {
        let mapping = Mapping::shared(code.len())?;
        // SAFETY: the mapping is writable, at least as long, and nobody else knows it.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), mapping.base() as *mut u8, code.len()) };
        mapping.make_executable(0, mapping.length())?;
        Ok(Image { mapping })
    }

    /// Where the code is.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

/// An anonymous file with this contents, which nobody can change any more. To be closed soon.
///
/// Errors: `System`, also where the process's limit of file sizes would have a signal end it.
pub fn sealed_file(contents: &[u8]) -> Result<File> {
    // SAFETY: all zeroes is a limit.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: `limit` has room for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    let length = round_to_pages(contents.len())?;
    if known && limit.rlim_cur < length as u64 {
        bail!(System, "the process may not write files of {length} bytes");
    }
    let file = new_file()?;
    let written = file.write_all_at(contents, 0);
    written.map_err(|error| Error::new(ErrorKind::System, format_args!("writing code: {error}")))?;
    // Not `F_SEAL_WRITE`: before Linux 6.7 a file with it can't be mapped as shared, not even for reading.
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_FUTURE_WRITE;
    // SAFETY: changes the file only.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(system("sealing code"));
    }
    Ok(file)
}

/// An empty anonymous file whose descriptor isn't one of the standard streams', whom a guest on another thread may be
/// writing to just now.
fn new_file() -> Result<File> {
    let mut low = Vec::new();
    loop {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // Kernels before 6.3 don't know the flag that says "its mappings may be executable".
        let descriptor = [flags | libc::MFD_EXEC, flags]
            .into_iter()
            // SAFETY: the name is a C string; the call only makes a file.
            .map(|flags| unsafe { libc::memfd_create(c"pellucid-code".as_ptr(), flags) })
            .find(|descriptor| *descriptor >= 0)
            .ok_or_else(|| system("making a file for code"))?;
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(descriptor) };
        if descriptor > libc::STDERR_FILENO {
            return Ok(file);
        }
        // Kept until there is a better one, and never written.
        low.push(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};

    const CODE: [u8; 3] = [1, 2, 3];

    #[test]
    fn both_kinds_hold_the_code_and_can_be_seen_elsewhere() {
        for image in [Image::of_file(&CODE).unwrap(), Image::anonymous(&CODE).unwrap()] {
            let place = Mapping::reserve(1).unwrap();
            place.view(0, image.mapping()).unwrap();
            for mapping in [image.mapping(), &place] {
                // SAFETY: the code is readable and three bytes long.
                assert_eq!(unsafe { *(mapping.base() as *const [u8; 3]) }, CODE);
            }
        }
    }

    #[test]
    fn a_sealed_file_cannot_be_changed() {
        let mut file = sealed_file(&CODE).unwrap();
        assert_eq!(file.write(&[9]).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(file.set_len(0).is_err() && file.set_len(1 << 20).is_err());
        let mapping = Mapping::of_file(&file, 0, CODE.len()).unwrap();
        assert_eq!(mapping.make_writable(0, mapping.length()).unwrap_err().kind(), ErrorKind::System);
    }
}
