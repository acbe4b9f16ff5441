//! Mappings of memory: the platform's side of memories, guest stacks and code.
//!
//! Knows nothing of what is mapped. The only file that asks the system for pages. Invariants: no page is ever
//! writable and executable at once; a mapping is unmapped when it is dropped, and has no holes before. Read next:
//! [`super::image`].

#![expect(unsafe_code, reason = "asks the system for pages and gives them back")]

#[cfg(not(target_os = "linux"))]
compile_error!("mappings are written for Linux only");

use crate::base::{Error, ErrorKind, Result, memory};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::OnceLock;

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
        .ok_or_else(|| Error::new(ErrorKind::Limit, format_args!("{bytes} bytes are more than an address can count")))
}

/// Whether so many bytes of memory can be had just now. They aren't taken.
pub fn is_available(bytes: u64) -> bool {
    // Where glibc can't reserve addresses for a thread's small blocks, in steps of this, each of them takes a page.
    const STEP: usize = 128 << 20;
    let Ok(bytes) = usize::try_from(bytes) else { return false };
    // SAFETY: all zeroes is a limit.
    let mut addresses: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: `addresses` has room for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut addresses) } == 0;
    let has_limit = known && addresses.rlim_cur != libc::RLIM_INFINITY;
    // The first mapping is there until the second was tried.
    let taken = Mapping::private(bytes);
    taken.is_ok() && (!has_limit || Mapping::reserve(STEP).is_ok())
}

/// The error for what the system just refused.
pub(super) fn system(what: impl fmt::Display) -> Error {
    let refused = io::Error::last_os_error();
    // The system's text for it is copied.
    if memory::ask(256).is_err() {
        return Error::no_memory();
    }
    Error::new(ErrorKind::System, format_args!("{what}: {refused}"))
}

/// A range of pages that belongs to its owner alone.
#[derive(Debug)]
pub struct Mapping {
    base: usize,
    length: usize,
}

const EXECUTABLE: i32 = libc::PROT_READ | libc::PROT_EXEC;
const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;

impl Mapping {
    /// Reserves addresses. Nothing can be accessed yet and nothing is paid for.
    pub fn reserve(length: usize) -> Result<Mapping> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        Mapping::of_none("reserving", length, libc::PROT_NONE, flags)
    }

    /// Writable zeroes that no other process sees.
    pub fn private(length: usize) -> Result<Mapping> {
        Mapping::of_none("allocating", length, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)
    }

    /// Writable zeroes that can be seen by other mappings, see [`Mapping::view`].
    pub fn shared(length: usize) -> Result<Mapping> {
        Mapping::of_none("allocating", length, WRITABLE, libc::MAP_SHARED | libc::MAP_ANONYMOUS)
    }

    /// `length` bytes of a file from `offset` on, which is a whole number of pages, executable. The file may be closed. Other mappings can
    /// see it too.
    pub fn of_file(file: &File, offset: u64, length: usize) -> Result<Mapping> {
        Mapping::anywhere("mapping", length, EXECUTABLE, libc::MAP_SHARED, file.as_raw_fd(), offset)
    }

    /// The first `length` bytes of a file, to be read, and soon. The file may be closed.
    pub fn to_read(file: &File, length: usize) -> Result<Mapping> {
        Mapping::anywhere(
            "mapping",
            length,
            libc::PROT_READ,
            libc::MAP_SHARED | libc::MAP_POPULATE,
            file.as_raw_fd(),
            0,
        )
    }

    fn of_none(what: &str, length: usize, protection: i32, flags: i32) -> Result<Mapping> {
        Mapping::anywhere(what, length, protection, flags, -1, 0)
    }

    fn anywhere(
        what: &str,
        length: usize,
        protection: i32,
        flags: i32,
        descriptor: i32,
        offset: u64,
    ) -> Result<Mapping> {
        let length = round_to_pages(length.max(1))?;
        // SAFETY: a new mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, descriptor, offset as libc::off_t) };
        if base == libc::MAP_FAILED {
            return Err(system(format_args!("{what} {length} bytes")));
        }
        Ok(Mapping { base: base as usize, length })
    }

    /// The first address.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes, in whole pages.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether `address` is inside.
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.length
    }

    /// Makes whole pages of the mapping readable and writable, and not executable.
    pub fn make_writable(&self, offset: usize, length: usize) -> Result<()> {
        self.protect(offset, length, WRITABLE)
    }

    /// Makes whole pages of the mapping readable only.
    pub fn make_readonly(&self, offset: usize, length: usize) -> Result<()> {
        self.protect(offset, length, libc::PROT_READ)
    }

    /// Makes whole pages of the mapping readable and executable, and not writable.
    pub fn make_executable(&self, offset: usize, length: usize) -> Result<()> {
        self.protect(offset, length, EXECUTABLE)
    }

    fn protect(&self, offset: usize, length: usize, protection: i32) -> Result<()> {
        self.check_pages(offset, length);
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the range is inside this mapping, as just checked; what runs or reads there is for its owner to know.
        let result = unsafe { libc::mprotect((self.base + offset) as *mut _, length, protection) };
        if result == 0 { Ok(()) } else { Err(system(format_args!("changing the protection of {length} bytes"))) }
    }

    /// Replaces the pages from `offset` on by a view of all of `other`, which must be [shared](Mapping::shared) or
    /// [of a file](Mapping::of_file): the same memory at a second address, as it is protected there. On failure the pages
    /// can't be accessed.
    pub fn view(&self, offset: usize, other: &Mapping) -> Result<()> {
        self.check_pages(offset, other.length);
        // SAFETY: the range that is replaced is inside this mapping, as just checked, and its owner wants it replaced. An
        // old length of 0 leaves the other mapping as it is.
        self.replaced(offset, other.length, unsafe {
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
            libc::mremap(other.base as *mut _, 0, other.length, flags, self.base + offset)
        })
    }

    /// Replaces the pages from `offset` on by those of `other`, which move here. On failure the pages can't be accessed.
    pub fn take(&self, offset: usize, other: Mapping) -> Result<()> {
        self.check_pages(offset, other.length);
        // SAFETY: as for `view`; the addresses of `other` are given up with it.
        let taken = self.replaced(offset, other.length, unsafe {
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
            libc::mremap(other.base as *mut _, other.length, other.length, flags, self.base + offset)
        });
        if taken.is_ok() {
            // Nothing is there any more.
            std::mem::forget(other);
        }
        taken
    }

    /// Replaces the pages from `offset` on by the first `length` bytes of a file, executable. On failure the pages can't
    /// be accessed.
    pub fn take_file(&self, offset: usize, file: &File, length: usize) -> Result<()> {
        self.check_pages(offset, length);
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: as for `view`.
        self.replaced(offset, length, unsafe {
            libc::mmap((self.base + offset) as *mut _, length, EXECUTABLE, flags, file.as_raw_fd(), 0)
        })
    }

    fn replaced(&self, offset: usize, length: usize, answer: *mut libc::c_void) -> Result<()> {
        if answer != libc::MAP_FAILED {
            debug_assert_eq!(answer as usize, self.base + offset);
            return Ok(());
        }
        let refused = system(format_args!("mapping {length} bytes"));
        // The system may have unmapped what was there before it found out that it can't. Nobody else may get these addresses.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the range is inside this mapping (the callers checked it), and its owner gave up what was there.
        unsafe { libc::mmap((self.base + offset) as *mut _, length, libc::PROT_NONE, flags, -1, 0) };
        Err(refused)
    }

    fn check_pages(&self, offset: usize, length: usize) {
        assert!(offset.is_multiple_of(page_size()));
        assert!(offset.checked_add(length).is_some_and(|end| end <= self.length));
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages are this mapping's own, and its owner keeps it at least as long as anything points there.
        let result = unsafe { libc::munmap(self.base as *mut _, self.length) };
        debug_assert_eq!(result, 0);
    }
}

/// Gives the memory of whole pages back to the system: they are there as before, and are zero.
///
/// # Safety
///
/// The pages must be writable ones of a mapping that nobody else can see, and nobody may need what is in them.
pub unsafe fn give_back(address: usize, length: usize) {
    // SAFETY: the caller's promise. What the system doesn't take stays.
    unsafe { libc::madvise(address as *mut _, length, libc::MADV_DONTNEED) };
}

/// Makes whole pages accessible, or not; answers whether that worked. For signal handlers too.
///
/// # Safety
///
/// The pages must be part of a mapping that nobody unmaps meanwhile, hold no code, and not be used by anybody whom it matters
/// to whether they are accessible.
pub unsafe fn set_accessible(address: usize, length: usize, is_accessible: bool) -> bool {
    let protection = if is_accessible { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
    // SAFETY: the caller's promise.
    unsafe { libc::mprotect(address as *mut _, length, protection) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a readable mapping.
    fn bytes(mapping: &Mapping, offset: usize) -> [u8; 3] {
        // SAFETY: the tests read inside pages that are readable.
        unsafe { *((mapping.base() + offset) as *const [u8; 3]) }
    }

    fn filled(mapping: Mapping, with: [u8; 3]) -> Mapping {
        // SAFETY: the tests fill pages that are writable.
        unsafe { *(mapping.base() as *mut [u8; 3]) = with };
        mapping
    }

    #[test]
    fn impossible_reservations_are_refused() {
        assert_eq!(Mapping::reserve(1 << 60).unwrap_err().kind(), ErrorKind::System);
        assert_eq!(Mapping::reserve(usize::MAX).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn memory_that_is_asked_for_is_not_taken() {
        for _ in 0..1000 {
            assert!(is_available(1 << 30));
        }
        assert!(!is_available(1 << 60) && !is_available(u64::MAX));
    }

    #[test]
    fn a_view_shows_the_same_memory_and_outlives_the_other() {
        let page = page_size();
        let shared = filled(Mapping::shared(1).unwrap(), [1, 2, 3]);
        let place = Mapping::reserve(3 * page).unwrap();
        place.view(page, &shared).unwrap();
        assert_eq!(bytes(&place, page), [1, 2, 3]);
        let shared = filled(shared, [4, 5, 6]);
        assert_eq!(bytes(&place, page), [4, 5, 6]);
        drop(shared);
        assert_eq!(bytes(&place, page), [4, 5, 6]);
    }

    #[test]
    fn what_no_other_process_sees_has_no_views() {
        let place = Mapping::reserve(1).unwrap();
        let private = Mapping::private(1).unwrap();
        assert_eq!(place.view(0, &private).unwrap_err().kind(), ErrorKind::System);
        // It is still a mapping.
        place.make_writable(0, page_size()).unwrap();
        assert_eq!(bytes(&place, 0), [0; 3]);
    }

    #[test]
    fn pages_move_into_a_mapping() {
        let page = page_size();
        let place = filled(Mapping::private(2 * page).unwrap(), [1, 2, 3]);
        place.take(page, filled(Mapping::private(1).unwrap(), [7, 8, 9])).unwrap();
        assert_eq!((bytes(&place, 0), bytes(&place, page)), ([1, 2, 3], [7, 8, 9]));
    }

    #[test]
    #[should_panic]
    fn nothing_outside_is_replaced() {
        let place = Mapping::reserve(1).unwrap();
        let _ = place.take(page_size(), Mapping::private(1).unwrap());
    }
}
