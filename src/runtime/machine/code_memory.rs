//! Code pages: how images become executable, and how stop points in them are armed.
//!
//! Trampolines, and modules of an engine without debugging, are mapped once and shared by all stores. With debugging each
//! store maps a module's image privately behind a page of its own (see [`crate::abi::thunk`]), so that what is
//! armed in one store never shows in another.
//!
//! Invariant: no page is ever writable and executable at once. Read next: [`super::code_map`].

#![expect(unsafe_code, reason = "writes code")]

use super::code_map::CodeTables;
use super::mapping::{self, Image, Mapping, page_size};
use super::store_context::StoreContext;
use super::switch;
use crate::abi::artifact::Trampolines;
use crate::abi::thunk;
use crate::base::{CodeOffset, Error, ErrorKind, Result, TrapCode, error::bail};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// A module's code as all stores share it.
pub enum SharedCode {
    /// The module has no code.
    Empty,
    /// Mapped once.
    Mapped {
        /// Where.
        mapping: Mapping,
        /// Bytes of code.
        length: usize,
    },
    /// Each store maps it.
    Image {
        /// What they map.
        image: Image,
        /// Bytes of code.
        length: usize,
    },
}

impl SharedCode {
    /// Code to be mapped once, or by each store.
    pub fn new(code: &[u8], by_store: bool) -> Result<SharedCode> {
        let length = code.len();
        if code.is_empty() {
            return Ok(SharedCode::Empty);
        }
        let image = Image::new(code)?;
        Ok(if by_store {
            SharedCode::Image { image, length }
        } else {
            SharedCode::Mapped { mapping: Mapping::of_image(&image)?, length }
        })
    }

    /// The code as it is mapped for the store of this context.
    pub fn map_for_store(&self, context: *mut StoreContext) -> Result<StoreCode> {
        let (image, length) = match self {
            SharedCode::Empty => return Ok(StoreCode::new(0, 0, None)),
            SharedCode::Mapped { mapping, length } => return Ok(StoreCode::new(mapping.base(), *length, None)),
            SharedCode::Image { image, length } => (image, *length),
        };
        let page = page_size();
        let mapping = Mapping::reserve(page + mapping::round_to_pages(length)?)?;
        mapping.make_writable(0, page)?;
        mapping.map_image(page, image)?;
        let base = mapping.base() + page;
        let write = |offset: isize, value: usize| {
            let word = base.wrapping_add_signed(offset) as *mut usize;
            // SAFETY: both words are inside the page before the image, which was just made writable.
            unsafe { word.write(value) };
        };
        write(thunk::STOP_ROUTINE, switch::stop as *const () as usize);
        write(thunk::STORE_CONTEXT, context as usize);
        mapping.make_readonly(0, page)?;
        Ok(StoreCode::new(base, length, Some(mapping)))
    }
}

/// A module's code as one store sees it.
#[derive(Debug)]
pub struct StoreCode {
    base: usize,
    length: usize,
    private: Option<Mapping>,
}

/// How stop points are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PatchMethod {
    /// By way of `/proc/self/mem`, without changing any page's protection.
    Door = 1,
    /// By making pages writable for a while.
    Protection = 2,
}

impl PatchMethod {
    /// The method to use: the door, unless it was found locked or the environment variable `PELLUCID_PATCH` is
    /// `protection`.
    pub fn preferred() -> PatchMethod {
        match PREFERRED.load(Ordering::Relaxed) {
            0 => {
                let is_forced = std::env::var_os("PELLUCID_PATCH").is_some_and(|method| method == "protection");
                let method = if is_forced { PatchMethod::Protection } else { PatchMethod::Door };
                PREFERRED.store(method as u8, Ordering::Relaxed);
                method
            }
            2 => PatchMethod::Protection,
            _ => PatchMethod::Door,
        }
    }
}

/// A [`PatchMethod`] as a number, or 0 if the environment wasn't asked yet.
static PREFERRED: AtomicU8 = AtomicU8::new(0);

/// Why patching stopped.
pub struct PatchError {
    /// What was wrong.
    pub error: Error,
    /// Whether all code can still be executed, and is as it was.
    pub usable: bool,
}

impl From<Error> for PatchError {
    fn from(error: Error) -> PatchError {
        PatchError { error, usable: true }
    }
}

impl StoreCode {
    fn new(base: usize, length: usize, private: Option<Mapping>) -> StoreCode {
        StoreCode { base, length, private }
    }

    /// Where the image is mapped.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes of code.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Arms or disarms stop points, given by return offset: all of them, or none.
    pub fn patch(&self, edits: &mut [(CodeOffset, bool)], method: PatchMethod) -> Result<(), PatchError> {
        if self.private.is_none() && !edits.is_empty() {
            return Err(Error::new(ErrorKind::DebugDisabled, "the code isn't made for debugging").into());
        }
        edits.sort_unstable_by_key(|edit| edit.0);
        let stop_length = thunk::STOP_LENGTH;
        let allowed = thunk::SIZE + stop_length..=self.length as u32;
        if let Some((offset, _)) = edits.iter().find(|(offset, _)| !allowed.contains(&offset.0)) {
            let message = format!("no stop point ends at offset {:#x} of the code", offset.0);
            return Err(Error::new(ErrorKind::OutOfRange, message).into());
        }
        // Stop points on one page, or on pages side by side, are written together, with what is between them as it is.
        let page_of = |edit: &(CodeOffset, bool)| (edit.0.0 - stop_length) as usize / page_size();
        let mut written: Vec<(usize, Vec<u8>)> = Vec::new();
        for group in edits.chunk_by(|a, b| page_of(b) - page_of(a) <= 1) {
            let start = group[0].0.0 - stop_length;
            let end = group[group.len() - 1].0.0;
            let address = self.base + start as usize;
            // SAFETY: the range is inside the image, as just checked, which is readable, and nobody writes it meanwhile.
            let present = unsafe { std::slice::from_raw_parts(address as *const u8, (end - start) as usize) };
            let before = present.to_vec();
            let mut bytes = before.clone();
            for (offset, armed) in group {
                let stop = if *armed { thunk::call_x86_64(offset.0) } else { thunk::NOP_X86_64 };
                let at = (offset.0 - stop_length - start) as usize;
                bytes[at..at + stop_length as usize].copy_from_slice(&stop);
            }
            if let Err(refused) = self.write(address, &bytes, method) {
                for (address, before) in written {
                    let undone = self.write(address, &before, method);
                    undone.map_err(|undo| PatchError { usable: false, ..undo })?;
                }
                return Err(refused);
            }
            written.push((address, before));
        }
        Ok(())
    }

    fn write(&self, address: usize, bytes: &[u8], method: PatchMethod) -> Result<(), PatchError> {
        if method == PatchMethod::Door {
            // SAFETY: `patch` made sure that the range is inside this store's private image. Its code is executed by the
            // thread that uses the store only, which is here.
            match unsafe { mapping::write_readonly(address, bytes) } {
                Ok(()) => return Ok(()),
                Err(error) => {
                    log::warn!("/proc/self/mem can't be written, code is patched by protection: {error}");
                    PREFERRED.store(PatchMethod::Protection as u8, Ordering::Relaxed);
                }
            }
        }
        // SAFETY: as above.
        let written = unsafe { mapping::write_by_protection(address, bytes) };
        written.map_err(|refused| PatchError { error: refused.error, usable: refused.executable })
    }
}

/// The trampolines of a function type, mapped.
#[derive(Debug)]
pub struct TrampolineCode {
    mapping: Mapping,
    code: Trampolines,
    length: usize,
}

impl TrampolineCode {
    /// Maps trampolines.
    pub fn new(mut code: Trampolines) -> Result<TrampolineCode> {
        if code.image.is_empty() {
            bail!(InvalidArgument, "trampolines have no code");
        }
        let mapping = Mapping::of_image(&Image::new(&code.image)?)?;
        let length = std::mem::take(&mut code.image).len();
        Ok(TrampolineCode { mapping, code, length })
    }

    /// Where the code is.
    pub fn range(&self) -> Range<usize> {
        self.mapping.base()..self.mapping.base() + self.length
    }

    /// Host → guest.
    pub fn enter(&self) -> usize {
        self.mapping.base() + self.code.enter.0 as usize
    }

    /// Guest → host.
    pub fn host_call(&self) -> usize {
        self.mapping.base() + self.code.host_call.0 as usize
    }
}

impl CodeTables for TrampolineCode {
    fn trap_at(&self, offset: CodeOffset) -> Option<TrapCode> {
        let found = self.code.traps.binary_search_by_key(&offset, |trap| trap.0).ok()?;
        Some(self.code.traps[found].1)
    }

    fn is_entry(&self, offset: CodeOffset) -> bool {
        offset == self.code.enter || offset == self.code.host_call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(code: &StoreCode, offset: usize) -> [u8; 5] {
        // SAFETY: the tests read inside the image only.
        unsafe { *((code.base() + offset) as *const [u8; 5]) }
    }

    #[test]
    fn stop_points_are_armed_in_one_store_only() {
        for method in [PatchMethod::Door, PatchMethod::Protection] {
            let mut image = vec![0x90; 3 * page_size()];
            image[..16].copy_from_slice(&thunk::X86_64);
            // One in the middle of a page, one right after it, one across two pages.
            let stops = [100, 105, page_size() + 2];
            for stop in stops {
                image[stop - 5..stop].copy_from_slice(&thunk::NOP_X86_64);
            }
            let shared = SharedCode::new(&image, true).unwrap();
            let ours = shared.map_for_store(std::ptr::null_mut()).unwrap();
            let other = shared.map_for_store(std::ptr::null_mut()).unwrap();
            let edits = |armed: bool| stops.map(|stop| (CodeOffset(stop as u32), armed));
            assert!(ours.patch(&mut edits(true), method).is_ok());
            for stop in stops {
                assert_eq!(bytes(&ours, stop - 5), thunk::call_x86_64(stop as u32), "{method:?}");
                assert_eq!(bytes(&other, stop - 5), thunk::NOP_X86_64);
            }
            assert_eq!(bytes(&ours, 105), [0x90; 5]);
            assert!(ours.patch(&mut edits(false), method).is_ok());
            for stop in stops {
                assert_eq!(bytes(&ours, stop - 5), thunk::NOP_X86_64);
            }
        }
    }

    #[test]
    fn edits_outside_the_image_are_refused() {
        let shared = SharedCode::new(&[0x90; 64], true).unwrap();
        let code = shared.map_for_store(std::ptr::null_mut()).unwrap();
        for offset in [0, 20, 65, u32::MAX] {
            let refused = code.patch(&mut [(CodeOffset(offset), true)], PatchMethod::Door).err().unwrap();
            assert_eq!(refused.error.kind(), ErrorKind::OutOfRange);
            assert!(refused.usable);
        }
    }

    #[test]
    fn shared_code_is_never_patched() {
        let shared = SharedCode::new(&[0x90; 64], false).unwrap();
        let code = shared.map_for_store(std::ptr::null_mut()).unwrap();
        let refused = code.patch(&mut [(CodeOffset(64), true)], PatchMethod::Door).err().unwrap();
        assert_eq!(refused.error.kind(), ErrorKind::DebugDisabled);
    }
}
