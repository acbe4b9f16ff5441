//! Code pages: how images become executable, and how stop points in them are armed.
//!
//! Trampolines, and modules of an engine without debugging, are seen by all stores at one address. With debugging each
//! store has a view of a module's image of its own, behind a page of its own (see [`crate::abi::thunk`]), and gets
//! private copies of just the pages that are patched, so that what is armed in one store never shows in another, nor
//! in another process.
//!
//! Invariants: no page is ever writable and executable at once; nothing of this lasts beyond the mappings. Read next:
//! [`super::code_map`].

#![expect(unsafe_code, reason = "writes code")]

use super::code_map::CodeTables;
use super::image::{Image, sealed_file};
use super::mapping::{Mapping, page_size};
use super::store_context::StoreContext;
use super::switch;
use crate::abi::artifact::Trampolines;
use crate::abi::thunk;
use crate::base::{CodeOffset, Error, ErrorKind, Result, TrapCode, error::bail};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::OnceLock;

/// A module's code as all stores share it.
pub enum SharedCode {
    /// The module has no code.
    Empty,
    /// All stores use it where it is.
    InPlace {
        /// The code.
        image: Image,
        /// Bytes of code.
        length: usize,
    },
    /// Each store has a view.
    ByStore {
        /// What they see.
        image: Image,
        /// Bytes of code.
        length: usize,
    },
}

impl SharedCode {
    /// Code to be used in place, or seen by each store.
    pub fn new(code: &[u8], by_store: bool) -> Result<SharedCode> {
        Ok(if code.is_empty() { SharedCode::Empty } else { SharedCode::of(Image::new(code)?, code.len(), by_store) })
    }

    /// The same with code that is an image already, of which so many bytes are code, at least one.
    pub fn of(image: Image, length: usize, by_store: bool) -> SharedCode {
        if by_store { SharedCode::ByStore { image, length } } else { SharedCode::InPlace { image, length } }
    }

    /// The code.
    pub fn bytes(&self) -> &[u8] {
        let (SharedCode::InPlace { image, length } | SharedCode::ByStore { image, length }) = self else { return &[] };
        // SAFETY: an image is readable, is at least as long as its code, and doesn't change as long as it is there.
        unsafe { std::slice::from_raw_parts(image.mapping().base() as *const u8, *length) }
    }

    /// The code as the store of this context has it.
    pub fn map_for_store(&self, context: *mut StoreContext) -> Result<StoreCode> {
        let (image, length) = match self {
            SharedCode::Empty => return Ok(StoreCode::new(0, 0, None)),
            SharedCode::InPlace { image, length } => return Ok(StoreCode::new(image.mapping().base(), *length, None)),
            SharedCode::ByStore { image, length } => (image, *length),
        };
        let pages = OwnPages::new(image)?;
        let base = pages.base();
        let write = |offset: isize, value: usize| {
            let word = base.wrapping_add_signed(offset) as *mut usize;
            // SAFETY: both words are inside the page before the image, which is writable.
            unsafe { word.write(value) };
        };
        write(thunk::STOP_ROUTINE, switch::stop as *const () as usize);
        write(thunk::STORE_CONTEXT, context as usize);
        pages.mapping.make_readonly(0, page_size())?;
        Ok(StoreCode::new(base, length, Some(pages)))
    }
}

/// A module's code as one store sees it.
#[derive(Debug)]
pub struct StoreCode {
    base: usize,
    length: usize,
    own: Option<OwnPages>,
}

/// How stop points are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatchMethod {
    /// By pages where the system allows, else by files.
    Any,
    /// By private copies of pages, which are made writable, and not executable, for a while.
    Pages,
    /// By new pages from sealed files, for systems that let no page that was writable become executable.
    Files,
}

impl PatchMethod {
    /// The method to use: any, unless the environment variable `PELLUCID_PATCH` was `pages` or `files` at the first call.
    pub fn preferred() -> PatchMethod {
        static PREFERRED: OnceLock<PatchMethod> = OnceLock::new();
        *PREFERRED.get_or_init(|| match std::env::var_os("PELLUCID_PATCH") {
            Some(method) if method == "pages" => PatchMethod::Pages,
            Some(method) if method == "files" => PatchMethod::Files,
            _ => PatchMethod::Any,
        })
    }
}

/// Why patching stopped.
pub struct PatchError {
    /// What was wrong.
    pub error: Error,
    /// Whether all code can still be executed, and is as it was.
    pub usable: bool,
    /// Whether all code can still be read.
    readable: bool,
}

impl From<Error> for PatchError {
    fn from(error: Error) -> PatchError {
        PatchError { error, usable: true, readable: true }
    }
}

impl StoreCode {
    fn new(base: usize, length: usize, own: Option<OwnPages>) -> StoreCode {
        StoreCode { base, length, own }
    }

    /// Where the image is mapped.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes of code.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether the stop point with this return offset is armed.
    pub fn is_armed(&self, stop: CodeOffset) -> bool {
        let start = (stop.0 - thunk::STOP_LENGTH) as usize;
        self.own.as_ref().is_some_and(|own| own.read(start..stop.0 as usize) != thunk::NOP_X86_64)
    }

    /// Arms or disarms stop points, given by return offset: all of them, or none.
    pub fn patch(&self, edits: &mut [(CodeOffset, bool)], method: PatchMethod) -> Result<(), PatchError> {
        if edits.is_empty() {
            return Ok(());
        }
        let Some(own) = &self.own else {
            return Err(Error::new(ErrorKind::DebugDisabled, "the code isn't made for debugging").into());
        };
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
            let before = own.read(start as usize..end as usize).to_vec();
            let mut bytes = before.clone();
            for (offset, armed) in group {
                let stop = if *armed { thunk::call_x86_64(offset.0) } else { thunk::NOP_X86_64 };
                let at = (offset.0 - stop_length - start) as usize;
                bytes[at..at + stop_length as usize].copy_from_slice(&stop);
            }
            if let Err(refused) = own.write(start as usize, &bytes, method) {
                for (start, before) in written {
                    let undone = own.write(start, &before, method);
                    undone.map_err(|undo| PatchError { usable: false, ..undo })?;
                }
                return Err(refused);
            }
            written.push((start as usize, before));
        }
        Ok(())
    }
}

/// One store's view of an image, behind a page of the store's own. Pages that are written are private to the store.
#[derive(Debug)]
struct OwnPages {
    mapping: Mapping,
    /// Where each page of the image comes from. Empty until one is replaced.
    sources: RefCell<Vec<Source>>,
    /// How often pages were replaced, which divides the mapping.
    pieces: Cell<usize>,
}

/// Where a page comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// The image.
    Image,
    /// Private memory, which can be written when it is made writable.
    Memory,
    /// A file, which can be replaced only.
    File,
}

/// With so many pieces the rest is copied too, as a process may have 65,530 of them altogether.
const MOST_PIECES: usize = 64;

impl OwnPages {
    /// A view of the image, with the page before it writable.
    fn new(image: &Image) -> Result<OwnPages> {
        let (page, image) = (page_size(), image.mapping());
        let mapping = Mapping::reserve(page + image.length())?;
        mapping.make_writable(0, page)?;
        let viewed = mapping.view(page, image);
        let own = OwnPages { mapping, sources: RefCell::default(), pieces: Cell::new(0) };
        if let Err(refused) = viewed {
            log::debug!("code can't be seen at two addresses, it is copied: {refused}");
            // SAFETY: an image is readable, and doesn't change.
            let code = unsafe { std::slice::from_raw_parts(image.base() as *const u8, image.length()) };
            own.replace_by_memory(0, code).map_err(|refused| refused.error)?;
        }
        Ok(own)
    }

    fn base(&self) -> usize {
        self.mapping.base() + page_size()
    }

    fn length(&self) -> usize {
        self.mapping.length() - page_size()
    }

    /// The present bytes of the image.
    fn read(&self, range: Range<usize>) -> &[u8] {
        assert!(range.start <= range.end && range.end <= self.length());
        // SAFETY: the range is inside the image, which is readable whatever its pages come from. They are written by
        // `write` only, at whose time no such slice lives: its callers are `patch`, which copied it, and `write` itself.
        unsafe { std::slice::from_raw_parts((self.base() + range.start) as *const u8, range.len()) }
    }

    fn source(&self, page: usize) -> Source {
        self.sources.borrow().get(page).copied().unwrap_or(Source::Image)
    }

    fn set_sources(&self, pages: Range<usize>, source: Source) {
        let mut sources = self.sources.borrow_mut();
        sources.resize(self.length() / page_size(), Source::Image);
        sources[pages].fill(source);
    }

    /// Changes bytes of the image, whose thread this is: nobody executes them meanwhile.
    fn write(&self, start: usize, bytes: &[u8], method: PatchMethod) -> Result<(), PatchError> {
        let page = page_size();
        let pages = start / page..(start + bytes.len()).div_ceil(page);
        let mut refused: Option<PatchError> = None;
        if method != PatchMethod::Files && pages.clone().all(|page| self.source(page) == Source::Memory) {
            match self.write_in_place(start, bytes) {
                Ok(()) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        } else if method != PatchMethod::Files {
            match self.write_by_memory(pages.clone(), start, bytes) {
                Ok(()) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(refused) if method == PatchMethod::Pages || !refused.readable => Err(refused),
            refused => self.write_by_file(pages, start, bytes).map_err(|by_file| match refused {
                // What was refused first says more, and what is unusable stays so.
                Some(first) => PatchError { usable: first.usable && by_file.usable, ..first },
                None => by_file,
            }),
        }
    }

    fn write_in_place(&self, start: usize, bytes: &[u8]) -> Result<(), PatchError> {
        let page = page_size();
        let first = start / page * page;
        let length = (start + bytes.len()).next_multiple_of(page) - first;
        // The image begins one page into the mapping.
        let offset = page + first;
        if let Err(error) = self.mapping.make_writable(offset, length) {
            // It may have come through half of the pages.
            let usable = self.mapping.make_executable(offset, length).is_ok();
            return Err(PatchError { error, usable, readable: true });
        }
        let address = (self.base() + start) as *mut u8;
        // SAFETY: the pages are private to this store and writable now, and no reference into code lives (see `read`).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address, bytes.len()) };
        let executable = self.mapping.make_executable(offset, length);
        executable.map_err(|error| PatchError { error, usable: false, readable: true })
    }

    fn write_by_memory(&self, pages: Range<usize>, start: usize, bytes: &[u8]) -> Result<(), PatchError> {
        if self.pieces.get() >= MOST_PIECES {
            let all = 0..self.length() / page_size();
            match self
                .contents(all, start, bytes)
                .map_err(PatchError::from)
                .and_then(|all| self.replace_by_memory(0, &all))
            {
                // There may be room for a part.
                Err(refused) if refused.usable => log::debug!("no copy of all code: {}", refused.error),
                written => return written,
            }
        }
        self.replace_by_memory(pages.start, &self.contents(pages, start, bytes)?)
    }

    fn write_by_file(&self, pages: Range<usize>, start: usize, bytes: &[u8]) -> Result<(), PatchError> {
        self.replace_by_file(pages.start, &self.contents(pages, start, bytes)?)
    }

    /// The contents of some pages, with some bytes changed.
    fn contents(&self, pages: Range<usize>, start: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        let first = pages.start * page_size();
        let present = self.read(first..pages.end * page_size());
        let mut contents = Vec::new();
        if contents.try_reserve_exact(present.len()).is_err() {
            bail!(System, "no memory for a copy of {} bytes of code", present.len());
        }
        contents.extend_from_slice(present);
        contents[start - first..][..bytes.len()].copy_from_slice(bytes);
        Ok(contents)
    }

    /// Puts private pages into the place of those from `page` on.
    fn replace_by_memory(&self, page: usize, contents: &[u8]) -> Result<(), PatchError> {
        let memory = Mapping::private(contents.len())?;
        // SAFETY: the mapping is writable, at least as long, and nobody else knows it.
        unsafe { std::ptr::copy_nonoverlapping(contents.as_ptr(), memory.base() as *mut u8, contents.len()) };
        memory.make_executable(0, memory.length())?;
        let pages = page..page + memory.length() / page_size();
        let taken = self.mapping.take((page + 1) * page_size(), memory);
        self.replaced(pages, Source::Memory, taken)
    }

    /// Puts pages of a file into the place of those from `page` on.
    fn replace_by_file(&self, page: usize, contents: &[u8]) -> Result<(), PatchError> {
        let file = sealed_file(contents)?;
        let taken = self.mapping.take_file((page + 1) * page_size(), &file, contents.len());
        self.replaced(page..page + contents.len() / page_size(), Source::File, taken)
    }

    fn replaced(&self, pages: Range<usize>, source: Source, taken: Result<()>) -> Result<(), PatchError> {
        taken.map_err(|error| PatchError { error, usable: false, readable: false })?;
        let is_all = pages.len() == self.length() / page_size();
        self.pieces.set(if is_all { 1 } else { self.pieces.get() + 1 });
        self.set_sources(pages, source);
        Ok(())
    }
}

/// The trampolines of a function type, mapped.
#[derive(Debug)]
pub struct TrampolineCode {
    image: Image,
    code: Trampolines,
    length: usize,
}

impl TrampolineCode {
    /// Maps trampolines.
    pub fn new(mut code: Trampolines) -> Result<TrampolineCode> {
        if code.image.is_empty() {
            bail!(InvalidArgument, "trampolines have no code");
        }
        let image = Image::new(&code.image)?;
        let length = std::mem::take(&mut code.image).len();
        Ok(TrampolineCode { image, code, length })
    }

    fn base(&self) -> usize {
        self.image.mapping().base()
    }

    /// Where the code is.
    pub fn range(&self) -> Range<usize> {
        self.base()..self.base() + self.length
    }

    /// Host → guest.
    pub fn enter(&self) -> usize {
        self.base() + self.code.enter.0 as usize
    }

    /// Guest → host.
    pub fn host_call(&self) -> usize {
        self.base() + self.code.host_call.0 as usize
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

    const METHODS: [PatchMethod; 3] = [PatchMethod::Any, PatchMethod::Pages, PatchMethod::Files];

    /// An image with disarmed stop points that end at these offsets.
    fn image(pages: usize, stops: &[usize]) -> Vec<u8> {
        let mut image = vec![0x90; pages * page_size()];
        image[..16].copy_from_slice(&thunk::X86_64);
        for stop in stops {
            image[stop - 5..*stop].copy_from_slice(&thunk::NOP_X86_64);
        }
        image
    }

    fn code_of(image: &[u8]) -> (SharedCode, StoreCode) {
        let shared = SharedCode::new(image, true).unwrap();
        let code = shared.map_for_store(std::ptr::null_mut()).unwrap();
        (shared, code)
    }

    fn patch(code: &StoreCode, stops: &[usize], armed: bool, method: PatchMethod) {
        let mut edits: Vec<_> = stops.iter().map(|stop| (CodeOffset(*stop as u32), armed)).collect();
        assert!(code.patch(&mut edits, method).is_ok(), "{method:?}");
    }

    fn is_armed(code: &StoreCode, stop: usize) -> bool {
        let present = bytes(code, stop - 5);
        assert!(present == thunk::NOP_X86_64 || present == thunk::call_x86_64(stop as u32));
        present != thunk::NOP_X86_64
    }

    #[test]
    fn stop_points_are_armed_in_one_store_only() {
        // One in the middle of a page, one right after it, one across two pages.
        let stops = [100, 105, page_size() + 2];
        for method in METHODS {
            let (shared, ours) = code_of(&image(3, &stops));
            let other = shared.map_for_store(std::ptr::null_mut()).unwrap();
            // The image may go before its views.
            drop(shared);
            for _ in 0..3 {
                patch(&ours, &stops, true, method);
                assert!(stops.iter().all(|stop| is_armed(&ours, *stop) && !is_armed(&other, *stop)), "{method:?}");
                assert_eq!(bytes(&ours, 105), [0x90; 5]);
                patch(&ours, &stops, false, method);
                assert!(stops.iter().all(|stop| !is_armed(&ours, *stop)), "{method:?}");
            }
        }
    }

    #[test]
    fn methods_can_follow_each_other() {
        let stops = [100, page_size() + 100, page_size() + 200];
        let (_shared, code) = code_of(&image(2, &stops));
        for before in METHODS {
            for after in METHODS {
                patch(&code, &stops[..2], true, before);
                patch(&code, &stops[1..], true, after);
                assert!(stops.iter().all(|stop| is_armed(&code, *stop)), "{before:?}, {after:?}");
                patch(&code, &stops, false, before);
                assert!(!stops.iter().any(|stop| is_armed(&code, *stop)), "{before:?}, {after:?}");
            }
        }
    }

    #[test]
    fn code_is_not_divided_without_end() {
        let pages = 4 * MOST_PIECES;
        let stops: Vec<_> = (0..pages / 2).map(|piece| 2 * piece * page_size() + 100).collect();
        let (_shared, code) = code_of(&image(pages, &stops));
        for (done, stop) in stops.iter().enumerate() {
            patch(&code, &[*stop], true, PatchMethod::Any);
            assert!(stops.iter().enumerate().all(|(place, stop)| is_armed(&code, *stop) == (place <= done)));
        }
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let range = code.base()..code.base() + code.length();
        let starts = maps.lines().map(|line| usize::from_str_radix(&line[..line.find('-').unwrap()], 16).unwrap());
        assert!(starts.filter(|start| range.contains(start)).count() <= 2 * MOST_PIECES + 1);
    }

    #[test]
    fn edits_outside_the_image_are_refused() {
        let shared = SharedCode::new(&[0x90; 64], true).unwrap();
        let code = shared.map_for_store(std::ptr::null_mut()).unwrap();
        for offset in [0, 20, 65, u32::MAX] {
            let refused = code.patch(&mut [(CodeOffset(offset), true)], PatchMethod::Any).err().unwrap();
            assert_eq!(refused.error.kind(), ErrorKind::OutOfRange);
            assert!(refused.usable);
        }
    }

    #[test]
    fn shared_code_is_never_patched() {
        let shared = SharedCode::new(&[0x90; 64], false).unwrap();
        let code = shared.map_for_store(std::ptr::null_mut()).unwrap();
        let refused = code.patch(&mut [(CodeOffset(64), true)], PatchMethod::Any).err().unwrap();
        assert_eq!(refused.error.kind(), ErrorKind::DebugDisabled);
    }
}
