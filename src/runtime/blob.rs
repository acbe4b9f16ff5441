//! Blobs: pieces of a module's machine code with their tables, as all stores share them.
//!
//! Knows nothing of modules and stores. Immutable. Read next: [`super::mapped_blob`].

use super::machine::code_map::CodeTables;
use super::machine::code_memory::SharedCode;
use super::machine::image::Image;
use crate::abi::artifact::CompiledBlob;
use crate::base::{CodeOffset, Result, TrapCode};

/// A piece of machine code with its tables.
pub struct Blob {
    /// Its tables. The image itself is mapped, not here.
    pub(super) tables: CompiledBlob,
    pub(super) code: SharedCode,
    /// It is one function of its module.
    pub(super) is_alone: bool,
}

impl Blob {
    /// Code to be mapped once or, if it is to be debugged, by each store.
    ///
    /// Errors: `System` if there is no memory for it.
    pub(super) fn new(mut compiled: CompiledBlob, is_debug: bool) -> Result<Blob> {
        let code = SharedCode::new(&compiled.image, is_debug)?;
        // It is mapped now, and needn't be in memory twice.
        compiled.image = Vec::new();
        Ok(Blob { tables: compiled, code, is_alone: false })
    }

    /// The same with code that is an image already, of so many bytes, or has none.
    pub(super) fn of(tables: CompiledBlob, image: Option<Image>, length: usize, is_debug: bool) -> Blob {
        let code = image.map_or(SharedCode::Empty, |image| SharedCode::of(image, length, is_debug));
        Blob { tables, code, is_alone: false }
    }

    /// The same for a function that was compiled alone.
    ///
    /// Errors: `System`.
    pub(super) fn alone(compiled: CompiledBlob) -> Result<Blob> {
        Ok(Blob { is_alone: true, ..Blob::new(compiled, true)? })
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.tables.image_size() + self.tables.tables_size()
    }
}

impl CodeTables for Blob {
    fn trap_at(&self, offset: CodeOffset) -> Option<TrapCode> {
        self.tables.trap_at(offset).map(|site| site.code)
    }

    fn is_entry(&self, offset: CodeOffset) -> bool {
        let body = self.tables.body_at(offset);
        // Outside functions there is the stop thunk only, which has no frame either.
        body.is_none_or(|body| self.tables.functions[body].start == offset)
    }
}
