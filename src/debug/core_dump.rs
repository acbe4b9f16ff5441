//! Core dumps: a store as it stands still, in the format of WebAssembly's tool conventions (`Coredump.md`).
//!
//! A dump is a module of its own kind: `core` has a name, `coremodules` and `coreinstances` what there is, one `corestack` for each
//! call what its frames hold; then come memories, globals and data. The stacks are first, so that a dump that ends early has them.
//! Each section begins with its size, so each is gone through twice: once to measure it. Nothing is held of a section but the frame
//! that is being written and, for data, where it is.
//!
//! What the format doesn't have is left out: vectors and references among locals and operands are *missing*, references in globals are
//! null unless they are integers, tables and objects of the heap aren't there. Must not know who takes the bytes; whoever does may use
//! the store meanwhile. Invariant: a dump that is written to its end is well-formed.

use super::{Debuggee, Frame, FrameInfo, FrameKind};
use crate::abi::references::i31_value;
use crate::base::error::bail;
use crate::base::{
    Error, ErrorKind, Global, GlobalIndex, GlobalType, HeapType, Instance, Memory, MemoryIndex, MemoryType, RawValue,
    Result, ValType, Value, memory,
};
use crate::runtime::hold_write_signals;
use cranelift_entity::EntityRef;
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;

/// Bytes that are handed on at a time.
const AT_A_TIME: usize = 64 << 10;

/// Bytes that are written together, or not at all if they are zero: not more than a page of any system.
const GRAIN: usize = 4 << 10;

/// Numbers of sections.
const CUSTOM: u8 = 0;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const DATA: u8 = 11;

/// What begins each part of a custom section, whose format may grow.
const PLAIN: u8 = 0;

/// In the place of a value's type.
const MISSING: u8 = 0x01;

const I32_CONST: u8 = 0x41;
const I64_CONST: u8 = 0x42;
const F32_CONST: u8 = 0x43;
const F64_CONST: u8 = 0x44;
const REF_NULL: u8 = 0xd0;
const REF_I31: [u8; 2] = [0xfb, 0x1c];
const V128_CONST: [u8; 2] = [0xfd, 0x0c];
const END: u8 = 0x0b;

/// Takes the bytes of a dump, in order.
pub type Taker<'a> = dyn FnMut(&[u8]) -> Result<()> + 'a;

/// What of a store gets into a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreContents {
    /// Whether what memories hold does; their sizes do in any case.
    pub memories: bool,
}

impl Default for CoreContents {
    fn default() -> CoreContents {
        CoreContents { memories: true }
    }
}

impl Debuggee {
    /// Hands a dump of the store as it is now to `take`: of what is running, and waits for the host or is at an event, and of all calls
    /// that have paused, yielded or trapped. The calls that run are first, the newest of them first of all.
    ///
    /// Errors: `DebugDisabled`; `Limit`, before anything is written, if the data is more than a section can have; `System`; those of
    /// `take`; `StaleHandle` or `InvalidState` if that has changed what is being written.
    pub fn core_dump(&self, name: &str, contents: CoreContents, take: &mut Taker<'_>) -> Result<()> {
        let dump = Dump::new(self, name, contents)?;
        let mut out = Out::to(take)?;
        out.bytes(b"\0asm\x01\0\0\0")?;
        dump.write(&mut out)?;
        out.flush()
    }

    /// The same to a file of this path, which nobody else can read if it is made here. What was in it is gone.
    ///
    /// Errors: also `NotFound`, `System`; the file has what was written until then.
    pub fn core_dump_file(&self, name: &str, contents: CoreContents, path: &str) -> Result<()> {
        self.check_debug()?;
        let refused = |error: std::io::Error| {
            let kind =
                if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::System };
            Error::new(kind, format_args!("{path}: {error}"))
        };
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(refused)?;
        self.core_dump(name, contents, &mut |bytes| hold_write_signals(|| file.write_all(bytes)).map_err(refused))
    }
}

/// A call's stack.
struct Stack {
    name: String,
    innermost: Frame,
}

/// A part of a memory that isn't all zeros.
struct Part {
    memory: u32,
    bytes: Range<u64>,
}

/// What is written: what there was when it began.
struct Dump<'a> {
    debuggee: &'a Debuggee,
    name: &'a str,
    /// The numbers of the modules.
    modules: Vec<u64>,
    instances: Vec<Instance>,
    stacks: Vec<Stack>,
    /// Pages of each memory.
    memories: Vec<u64>,
    globals: u64,
    data: Vec<Part>,
}

impl<'a> Dump<'a> {
    fn new(debuggee: &'a Debuggee, name: &'a str, contents: CoreContents) -> Result<Dump<'a>> {
        let (instances, store) = (debuggee.instances()?, debuggee.store());
        let modules = debuggee.modules()?.iter().map(|module| module.id()).collect();
        let mut dump = Dump {
            debuggee,
            name,
            modules,
            instances,
            stacks: Dump::stacks(debuggee)?,
            memories: Vec::new(),
            globals: store.globals(),
            data: Vec::new(),
        };
        memory::reserve(&mut dump.memories, store.memories() as usize)?;
        for index in 0..store.memories() {
            let memory = Memory { store: store.id(), index };
            dump.memories.push(store.memory_size(memory)?);
            if contents.memories {
                dump.find_data(memory)?;
            }
        }
        // Nothing is written if this can't be.
        size_of_section(DATA, &|out| dump.data(out))?;
        Ok(dump)
    }

    /// The calls that stand still, and have frames.
    fn stacks(debuggee: &Debuggee) -> Result<Vec<Stack>> {
        let mut calls = debuggee.stopped_calls();
        let parked = calls.len();
        calls.extend(debuggee.parked.calls.borrow().values().cloned());
        calls[parked..].sort_by_key(|stopped_call| stopped_call.call.get());
        let mut stacks = Vec::new();
        for stopped_call in calls {
            let Some(innermost) = debuggee.innermost(&stopped_call) else { continue };
            let what = match (stopped_call.ended.get(), debuggee.frame_info(&innermost)?.kind) {
                (Some(code), _) => code.message(),
                (None, FrameKind::Calling) => "in a host function",
                (None, _) => "stopped",
            };
            let name = memory::displayed(format_args!("call {}: {what}", innermost.call))?;
            memory::reserve(&mut stacks, 1)?;
            stacks.push(Stack { name, innermost });
        }
        Ok(stacks)
    }

    /// Finds the parts of a memory that aren't zero. Those that nobody has touched aren't looked at.
    fn find_data(&mut self, memory: Memory) -> Result<()> {
        let store = self.debuggee.store();
        let length = store.memory_type(memory)?.bytes(store.memory_size(memory)?).unwrap_or(u64::MAX);
        let mut bytes = room(AT_A_TIME)?;
        let (data, index) = (&mut self.data, memory.index as u32);
        store.memory_touched(memory, length, &mut |touched| {
            for start in touched.clone().step_by(AT_A_TIME) {
                let bytes = &mut bytes[..(touched.end - start).min(AT_A_TIME as u64) as usize];
                store.memory_read(memory, start, bytes)?;
                for (place, grain) in bytes.chunks(GRAIN).enumerate() {
                    if grain.iter().all(|byte| *byte == 0) {
                        continue;
                    }
                    let from = start + (place * GRAIN) as u64;
                    let until = from + grain.len() as u64;
                    match data.last_mut() {
                        Some(last) if last.memory == index && last.bytes.end == from => last.bytes.end = until,
                        _ => {
                            memory::reserve(data, 1)?;
                            data.push(Part { memory: index, bytes: from..until });
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn write(&self, out: &mut Out<'_, '_>) -> Result<()> {
        custom(out, "core", &|out| {
            out.byte(PLAIN)?;
            out.text(self.name)
        })?;
        custom(out, "coremodules", &|out| self.modules(out))?;
        custom(out, "coreinstances", &|out| self.instances(out))?;
        for stack in &self.stacks {
            custom(out, "corestack", &|out| self.stack(stack, out))?;
        }
        section(out, MEMORY, &|out| self.memories(out))?;
        section(out, GLOBAL, &|out| self.globals(out))?;
        section(out, DATA, &|out| self.data(out))
    }

    fn modules(&self, out: &mut Out<'_, '_>) -> Result<()> {
        out.unsigned(self.modules.len() as u64)?;
        for module in self.debuggee.modules()?.iter().take(self.modules.len()) {
            out.byte(PLAIN)?;
            out.text(module.name().unwrap_or(""))?;
        }
        Ok(())
    }

    fn instances(&self, out: &mut Out<'_, '_>) -> Result<()> {
        out.unsigned(self.instances.len() as u64)?;
        for instance in &self.instances {
            let module = self.debuggee.instance_module(*instance)?;
            let spaces = self.debuggee.instance_spaces(*instance)?;
            let place = self.modules.iter().position(|known| *known == module.id());
            out.byte(PLAIN)?;
            out.unsigned(place.expect("a store has the modules of its instances") as u64)?;
            // Numbers in the store are numbers in the dump.
            out.unsigned(spaces.memories.into())?;
            for index in 0..spaces.memories {
                out.unsigned(self.debuggee.instance_memory(*instance, MemoryIndex::from_u32(index))?.index)?;
            }
            out.unsigned(spaces.globals.into())?;
            for index in 0..spaces.globals {
                out.unsigned(self.debuggee.instance_global(*instance, GlobalIndex::from_u32(index))?.index)?;
            }
        }
        Ok(())
    }

    fn stack(&self, stack: &Stack, out: &mut Out<'_, '_>) -> Result<()> {
        out.byte(PLAIN)?;
        out.text(&stack.name)?;
        let (mut frames, mut at) = (1_u64, stack.innermost);
        while let Some(caller) = self.debuggee.frame_caller(&at)? {
            (frames, at) = (frames + 1, caller);
        }
        out.unsigned(frames)?;
        let (mut at, mut values) = (Some(stack.innermost), Vec::new());
        while let Some(frame) = at {
            let info = self.debuggee.frame_info(&frame)?;
            out.byte(PLAIN)?;
            out.unsigned(self.instance_of(&info)?)?;
            out.unsigned(info.func_index.index() as u64)?;
            out.unsigned(info.func_offset.into())?;
            for (count, are_locals) in [(info.n_locals, true), (info.n_operands, false)] {
                out.unsigned(count.into())?;
                self.read_values(&frame, count, are_locals, &mut values)?;
                // Whoever takes it may use the store, so nothing of the frame is borrowed now.
                out.bytes(&values)?;
            }
            at = self.debuggee.frame_caller(&frame)?;
        }
        Ok(())
    }

    /// The place of the instance that a frame runs in. For one that isn't complete, where that isn't known, it is the module's first.
    fn instance_of(&self, info: &FrameInfo) -> Result<u64> {
        if let Some(instance) = info.instance {
            return Ok(instance.index);
        }
        for instance in &self.instances {
            if self.debuggee.instance_module(*instance)?.id() == info.module_id {
                return Ok(instance.index);
            }
        }
        bail!(InvalidState, "the frame's module has no instance")
    }

    /// Makes `bytes` what a dump has of a frame's locals or operands.
    fn read_values(&self, frame: &Frame, count: u32, are_locals: bool, bytes: &mut Vec<u8>) -> Result<()> {
        const LONGEST: usize = 11;
        let (debuggee, store) = (self.debuggee, self.debuggee.store());
        bytes.clear();
        memory::reserve(bytes, count as usize * LONGEST)?;
        // References are given to nobody.
        let scope = store.open_scope()?;
        let put = |_, value| put_value(bytes, value);
        let read = match are_locals {
            true => debuggee.frame_locals(frame, 0, count as usize, put),
            false => debuggee.frame_operands(frame, 0, count as usize, put),
        };
        store.close_scope(scope)?;
        read.map(|_| ())
    }

    fn memories(&self, out: &mut Out<'_, '_>) -> Result<()> {
        let store = self.debuggee.store();
        out.unsigned(self.memories.len() as u64)?;
        for (index, pages) in self.memories.iter().enumerate() {
            let MemoryType { minimum: _, maximum, is_64, page_size_log2, is_shared } =
                store.memory_type(Memory { store: store.id(), index: index as u64 })?;
            let has_own_pages = page_size_log2 != MemoryType::USUAL_PAGE_SIZE_LOG2;
            let flags = [maximum.is_some(), is_shared, is_64, has_own_pages];
            out.byte((0..).zip(flags).map(|(bit, flag)| u8::from(flag) << bit).sum())?;
            out.unsigned(*pages)?;
            maximum.map_or(Ok(()), |maximum| out.unsigned(maximum))?;
            if has_own_pages {
                out.unsigned(page_size_log2.into())?;
            }
        }
        Ok(())
    }

    fn globals(&self, out: &mut Out<'_, '_>) -> Result<()> {
        let store = self.debuggee.store();
        out.unsigned(self.globals)?;
        for index in 0..self.globals {
            let global = Global { store: store.id(), index };
            let GlobalType { value: ty, mutable: _ } = store.global_type(global)?;
            put_global(out, ty, store.global_raw(global)?)?;
        }
        Ok(())
    }

    fn data(&self, out: &mut Out<'_, '_>) -> Result<()> {
        let store = self.debuggee.store();
        out.unsigned(self.data.len() as u64)?;
        for Part { memory: index, bytes } in &self.data {
            let memory = Memory { store: store.id(), index: (*index).into() };
            match index {
                0 => out.byte(0)?,
                _ => {
                    out.byte(2)?;
                    out.unsigned((*index).into())?;
                }
            }
            match store.memory_type(memory)?.is_64 {
                true => {
                    out.byte(I64_CONST)?;
                    out.signed(bytes.start as i64)?;
                }
                false => {
                    out.byte(I32_CONST)?;
                    out.signed((bytes.start as i32).into())?;
                }
            }
            out.byte(END)?;
            out.unsigned(bytes.end - bytes.start)?;
            out.of_memory(self.debuggee, memory, bytes.clone())?;
        }
        Ok(())
    }
}

/// Adds a value of a frame. There is room for it.
fn put_value(bytes: &mut Vec<u8>, value: Value) {
    match value {
        Value::I32(value) => {
            bytes.push(0x7f);
            signed(value.into(), |byte| bytes.push(byte));
        }
        Value::I64(value) => {
            bytes.push(0x7e);
            signed(value, |byte| bytes.push(byte));
        }
        Value::F32(bits) => {
            bytes.push(0x7d);
            bytes.extend(bits.to_le_bytes());
        }
        Value::F64(bits) => {
            bytes.push(0x7c);
            bytes.extend(bits.to_le_bytes());
        }
        Value::V128(_)
        | Value::FuncRef(_)
        | Value::ExternRef(_)
        | Value::ExnRef(_)
        | Value::AnyRef(_)
        | Value::Unavailable => bytes.push(MISSING),
    }
}

/// Writes a global as a constant.
fn put_global(out: &mut Out<'_, '_>, ty: ValType, raw: RawValue) -> Result<()> {
    const IMMUTABLE: u8 = 0;
    let ty_byte = match ty {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        ValType::V128 => 0x7b,
        ValType::Ref(ty) => match ty.heap.top() {
            HeapType::Func => 0x70,
            HeapType::Extern => 0x6f,
            HeapType::Exn => 0x69,
            _ => 0x6e,
        },
    };
    out.bytes(&[ty_byte, IMMUTABLE])?;
    match ty {
        ValType::I32 => {
            out.byte(I32_CONST)?;
            out.signed((raw.lo as i32).into())?;
        }
        ValType::I64 => {
            out.byte(I64_CONST)?;
            out.signed(raw.lo as i64)?;
        }
        ValType::F32 => {
            out.byte(F32_CONST)?;
            out.bytes(&(raw.lo as u32).to_le_bytes())?;
        }
        ValType::F64 => {
            out.byte(F64_CONST)?;
            out.bytes(&raw.lo.to_le_bytes())?;
        }
        ValType::V128 => {
            out.bytes(&V128_CONST)?;
            out.bytes(&raw.bits().to_le_bytes())?;
        }
        ValType::Ref(ty) => match i31_value(raw.lo as u32) {
            Some(value) if ty.heap.top() == HeapType::Any => {
                out.byte(I32_CONST)?;
                out.signed(value.into())?;
                out.bytes(&REF_I31)?;
            }
            _ => out.bytes(&[REF_NULL, ty_byte])?,
        },
    }
    out.byte(END)
}

/// What writes a section's contents.
type Contents<'a> = &'a dyn Fn(&mut Out<'_, '_>) -> Result<()>;

fn custom(out: &mut Out<'_, '_>, name: &str, contents: Contents<'_>) -> Result<()> {
    section(out, CUSTOM, &|out| {
        out.text(name)?;
        contents(out)
    })
}

fn size_of_section(id: u8, contents: Contents<'_>) -> Result<u32> {
    let mut measure = Out { take: None, buffer: Vec::new(), count: 0 };
    contents(&mut measure)?;
    let count = measure.count;
    match u32::try_from(count) {
        Ok(size) => Ok(size),
        Err(_) => bail!(Limit, "section {id} of the core dump would have {count} bytes, which can't be said"),
    }
}

fn section(out: &mut Out<'_, '_>, id: u8, contents: Contents<'_>) -> Result<()> {
    let size = size_of_section(id, contents)?;
    out.byte(id)?;
    out.unsigned(size.into())?;
    let start = out.count;
    contents(out)?;
    if out.count - start != size.into() {
        bail!(InvalidState, "the store has changed while its core dump was written");
    }
    Ok(())
}

fn room(bytes: usize) -> Result<Vec<u8>> {
    let mut room = Vec::new();
    memory::reserve(&mut room, bytes)?;
    room.resize(bytes, 0);
    Ok(room)
}

/// Where a dump goes.
struct Out<'a, 'b> {
    /// Without one it is only measured.
    take: Option<&'a mut Taker<'b>>,
    buffer: Vec<u8>,
    count: u64,
}

impl<'a, 'b> Out<'a, 'b> {
    fn to(take: &'a mut Taker<'b>) -> Result<Out<'a, 'b>> {
        let mut buffer = Vec::new();
        memory::reserve(&mut buffer, AT_A_TIME)?;
        Ok(Out { take: Some(take), buffer, count: 0 })
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.count += bytes.len() as u64;
        if self.take.is_some() {
            for part in bytes.chunks(AT_A_TIME) {
                if self.buffer.len() + part.len() > AT_A_TIME {
                    self.flush()?;
                }
                self.buffer.extend_from_slice(part);
            }
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<()> {
        self.bytes(&[byte])
    }

    fn unsigned(&mut self, mut value: u64) -> Result<()> {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80)?;
            value >>= 7;
        }
        self.byte(value as u8)
    }

    fn signed(&mut self, value: i64) -> Result<()> {
        let (mut bytes, mut n) = ([0; 10], 0);
        signed(value, |byte| {
            bytes[n] = byte;
            n += 1;
        });
        self.bytes(&bytes[..n])
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.unsigned(text.len() as u64)?;
        self.bytes(text.as_bytes())
    }

    /// Bytes of a memory, which are only counted where the dump is measured.
    fn of_memory(&mut self, debuggee: &Debuggee, memory: Memory, mut bytes: Range<u64>) -> Result<()> {
        if self.take.is_none() {
            self.count += bytes.end - bytes.start;
            return Ok(());
        }
        while !bytes.is_empty() {
            if self.buffer.len() == AT_A_TIME {
                self.flush()?;
            }
            let (start, n) = (self.buffer.len(), (bytes.end - bytes.start).min(AT_A_TIME as u64) as usize);
            let n = n.min(AT_A_TIME - start);
            self.buffer.resize(start + n, 0);
            debuggee.store().memory_read(memory, bytes.start, &mut self.buffer[start..])?;
            bytes.start += n as u64;
            self.count += n as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(take) = &mut self.take
            && !self.buffer.is_empty()
        {
            take(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

fn signed(mut value: i64, mut put: impl FnMut(u8)) {
    while !(-0x40..0x40).contains(&value) {
        put(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    put(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Config, StoreLimits};
    use crate::runtime::Engine;

    #[test]
    fn more_than_a_section_can_have_is_refused() {
        let engine = Engine::new(Config { debug: true, ..Config::default() }).unwrap();
        let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
        debuggee.store().memory_new(MemoryType { is_64: true, ..MemoryType::new(0, None) }).unwrap();
        let mut dump = Dump::new(&debuggee, "", CoreContents::default()).unwrap();
        // The number of parts, one part's memory, place and size, and its bytes.
        dump.data.push(Part { memory: 0, bytes: 0..u64::from(u32::MAX) - 10 });
        assert_eq!(size_of_section(DATA, &|out| dump.data(out)).unwrap(), u32::MAX);
        dump.data[0].bytes.end += 1;
        let error = size_of_section(DATA, &|out| dump.data(out)).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Limit, "section 11 of the core dump would have 4294967296 bytes, which can't be said")
        );
    }

    #[test]
    fn numbers_are_as_long_as_they_must_be() {
        for (value, expected) in [
            (0, &[0][..]),
            (63, &[63]),
            (64, &[0xc0, 0]),
            (-64, &[0x40]),
            (-65, &[0xbf, 0x7f]),
            (i64::MIN, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]),
        ] {
            let mut bytes = Vec::new();
            signed(value, |byte| bytes.push(byte));
            assert_eq!(bytes, expected, "{value}");
        }
    }
}
