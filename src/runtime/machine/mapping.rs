//! Mappings of memory: the platform's side of memories, guest stacks and code.
//!
//! Knows nothing of what is mapped. The only file that asks the system for pages. Invariants: no page is ever
//! writable and executable at once; a mapping is unmapped when it is dropped. Read next: [`super::code_memory`].

#![expect(unsafe_code, reason = "asks the system for pages and gives them back")]

#[cfg(not(target_os = "linux"))]
compile_error!("mappings are written for Linux only");

use crate::base::{Error, ErrorKind, Result};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::{Mutex, OnceLock};

/// Bytes of a page of this machine.
pub fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    // SAFETY: asks for a number only.
    *SIZE.get_or_init(|| unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize)
}

/// `bytes` rounded up to whole pages; `Limit` if that overflows.
pub fn round_to_pages(bytes: usize) -> Result<usize> {
    bytes
        .checked_next_multiple_of(page_size())
        .ok_or_else(|| Error::new(ErrorKind::Limit, format!("{bytes} bytes are more than an address can count")))
}

fn system(what: &str) -> Error {
    Error::new(ErrorKind::System, format!("{what}: {}", io::Error::last_os_error()))
}

/// A range of pages that belongs to its owner alone.
#[derive(Debug)]
pub struct Mapping {
    base: usize,
    length: usize,
}

impl Mapping {
    /// Reserves addresses. Nothing can be accessed yet and nothing is paid for.
    pub fn reserve(length: usize) -> Result<Mapping> {
        let length = round_to_pages(length.max(1))?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(system(&format!("reserving {length} bytes")));
        }
        Ok(Mapping { base: base as usize, length })
    }

    /// The first address.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Whether `address` is inside.
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.length
    }

    /// Makes whole pages of the mapping readable and writable.
    pub fn make_writable(&self, offset: usize, length: usize) -> Result<()> {
        self.protect(offset, length, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Makes whole pages of the mapping readable only.
    pub fn make_readonly(&self, offset: usize, length: usize) -> Result<()> {
        self.protect(offset, length, libc::PROT_READ)
    }

    fn protect(&self, offset: usize, length: usize, protection: i32) -> Result<()> {
        assert!(offset.checked_add(length).is_some_and(|end| end <= self.length));
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the range is inside this mapping, as just asserted, and executable pages are never passed: the
        // mappings that hold code are changed by `map_image` and by the code memory's own protection changes only.
        let result = unsafe { libc::mprotect((self.base + offset) as *mut _, length, protection) };
        if result == 0 { Ok(()) } else { Err(system(&format!("making {length} bytes accessible"))) }
    }

    /// Replaces the pages from `offset` on by a private, copy-on-write view of `image`, readable and executable.
    pub fn map_image(&self, offset: usize, image: &Image) -> Result<()> {
        self.replace(offset, image, libc::MAP_PRIVATE)
    }

    /// A view of `image` that is shared, readable and executable.
    pub fn of_image(image: &Image) -> Result<Mapping> {
        let mapping = Mapping::reserve(image.length)?;
        mapping.replace(0, image, libc::MAP_SHARED)?;
        Ok(mapping)
    }

    fn replace(&self, offset: usize, image: &Image, sharing: i32) -> Result<()> {
        let length = round_to_pages(image.length)?;
        assert!(offset.is_multiple_of(page_size()) && offset + length <= self.length);
        let protection = libc::PROT_READ | libc::PROT_EXEC;
        let address = (self.base + offset) as *mut _;
        // SAFETY: the range that is replaced is inside this mapping, as just asserted, and nothing uses it yet.
        let result =
            unsafe { libc::mmap(address, length, protection, sharing | libc::MAP_FIXED, image.file.as_raw_fd(), 0) };
        if result == libc::MAP_FAILED { Err(system(&format!("mapping {length} bytes of code"))) } else { Ok(()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages are this mapping's own, and its owner keeps it at least as long as anything points there.
        let result = unsafe { libc::munmap(self.base as *mut _, self.length) };
        debug_assert_eq!(result, 0);
    }
}

/// Machine code in an anonymous file, to be mapped any number of times.
#[derive(Debug)]
pub struct Image {
    file: File,
    length: usize,
}

impl Image {
    /// Puts `code`, which isn't empty, into a file of its own.
    pub fn new(code: &[u8]) -> Result<Image> {
        // Kernels before 6.3 don't know the flag that says "its mappings may be executable".
        let fd = [libc::MFD_CLOEXEC | libc::MFD_EXEC, libc::MFD_CLOEXEC]
            .into_iter()
            // SAFETY: the name is a C string; the call only makes a file.
            .map(|flags| unsafe { libc::memfd_create(c"pellucid-code".as_ptr(), flags) })
            .find(|fd| *fd >= 0)
            .ok_or_else(|| system("making a file for code"))?;
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(fd) };
        // If the host has no stdio, its numbers are free, and a guest may be writing to one of them.
        let file = rustix::io::fcntl_dupfd_cloexec(&file, libc::STDERR_FILENO + 1);
        let file = File::from(
            file.map_err(|error| Error::new(ErrorKind::System, format!("making a file for code: {error}")))?,
        );
        let written = file.write_all_at(code, 0);
        written.map_err(|error| Error::new(ErrorKind::System, format!("writing code: {error}")))?;
        Ok(Image { file, length: code.len() })
    }
}

/// Writes to pages of this process that it can't write itself, through the system's door for debuggers. A private page
/// is copied first.
///
/// # Safety
///
/// `address..address + bytes.len()` must be private pages of code that no thread is executing, and remain so.
pub unsafe fn write_readonly(address: usize, bytes: &[u8]) -> io::Result<()> {
    // A descriptor that a forked child inherits writes the parent's memory, so it is kept by process.
    static DOOR: Mutex<Option<(u32, File)>> = Mutex::new(None);
    let process = std::process::id();
    let mut door = DOOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let file = match &mut *door {
        Some((owner, file)) if *owner == process => file,
        other => &mut other.insert((process, File::options().write(true).open("/proc/self/mem")?)).1,
    };
    file.write_all_at(bytes, address as u64)
}

/// Writes to pages of code by making them writable for a while, never executable at the same time.
///
/// # Safety
///
/// As for [`write_readonly`].
pub unsafe fn write_by_protection(address: usize, bytes: &[u8]) -> Result<(), ProtectionError> {
    let (start, length) = (address as *const u8, bytes.len());
    let refused =
        |error: region::Error| Error::new(ErrorKind::System, format!("changing the protection of code: {error}"));
    // SAFETY: the pages hold code that isn't executed meanwhile; they stay readable.
    unsafe { region::protect(start, length, region::Protection::READ_WRITE) }
        .map_err(|error| ProtectionError { error: refused(error), executable: true })?;
    // SAFETY: the pages are writable now, and no reference into code exists.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, length) };
    // SAFETY: as above; this is the protection that they had.
    unsafe { region::protect(start, length, region::Protection::READ_EXECUTE) }
        .map_err(|error| ProtectionError { error: refused(error), executable: false })
}

/// Why [`write_by_protection`] stopped.
pub struct ProtectionError {
    /// What the system said.
    pub error: Error,
    /// Whether the pages can still be executed.
    pub executable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_reservations_are_refused() {
        assert_eq!(Mapping::reserve(1 << 60).unwrap_err().kind(), ErrorKind::System);
        assert_eq!(Mapping::reserve(usize::MAX).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn a_private_view_is_copied_on_write() {
        let image = Image::new(&[1, 2, 3]).unwrap();
        let shared = Mapping::of_image(&image).unwrap();
        let private = Mapping::reserve(1).unwrap();
        private.map_image(0, &image).unwrap();
        // SAFETY: nobody executes these bytes.
        unsafe { write_readonly(private.base() + 1, &[9]) }.unwrap();
        // SAFETY: both views are readable and three bytes long.
        let read = |mapping: &Mapping| unsafe { *(mapping.base() as *const [u8; 3]) };
        assert_eq!(read(&private), [1, 9, 3]);
        assert_eq!(read(&shared), [1, 2, 3]);
    }
}
