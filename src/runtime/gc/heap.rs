//! The heap: what it consists of, and how room in it is found.
//!
//! Objects never move. Guest code allocates in *holes*, runs of free lines; a hole that was given out is a *span* of young
//! objects, one after the other, until the next collection. Objects that survive it are old, and keep their lines.
//!
//! Knows nothing of who uses it: roots and layouts are handed in. Invariants: no line that is occupied on the current side of
//! the [blocks](super::blocks) is in a hole; every object outside the spans that is looked into is old. Read next:
//! [`minor`](super::minor), [`major`](super::major).

use super::blocks::{BLOCK, BLOCK_LOG2, Blocks, CHUNK, Kind, LINE, LINE_LOG2, LINES};
use super::candidate::Candidate;
use super::host_marks::HostMarks;
use super::layouts::{Layouts, Shapes};
use super::mark_stack::MarkStack;
use super::pace::{Pace, Phase};
use super::space::Space;
use super::statistics::Statistics;
use super::weak::{Weak, WeakSlot};
use crate::abi::heap::{VmHeap, flags, object};
use crate::base::{Error, ErrorKind, Result, memory};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// What freed memory is filled with on request.
pub const POISON: u8 = 0xfd;
/// Objects of more bytes have blocks of their own.
pub const LARGEST_SMALL: u32 = crate::abi::heap::LARGEST_INLINE;
/// What a reservation may have at most: every offset behind an object has to be a number of 32 bits.
const MOST_ADDRESSES: u64 = (4 << 30) - CHUNK as u64;
/// What isn't halved any more if the system doesn't give so many.
const LEAST_ADDRESSES: u32 = 16 * CHUNK;
/// Bytes that a hole should have.
const LEAST_HOLE: u32 = 128;
/// Lines that a block should have free to be allocated in: less isn't worth the while as long as there is another.
const WORTHWHILE: u32 = LINES / 8;

/// How a heap is made.
#[derive(Clone, Debug)]
pub struct HeapOptions {
    /// Bytes of addresses to reserve; no more than 4 GiB are used.
    pub reservation: u64,
    /// Bytes that may be used.
    pub most_bytes: u64,
    /// Collect at every allocation, and fill what is free with a pattern; to find references that were missed.
    pub stress: bool,
}

/// Why an object couldn't be made just now.
#[derive(Debug)]
pub enum Shortage {
    /// A collection is due.
    Due,
    /// There is no room, as much as may be used is used.
    Full,
    /// The system refuses more.
    Refused(Error),
}

/// Young objects, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: u32,
    pub to: u32,
}

/// The hole of a guest that was interrupted, which is kept for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub number: u64,
    pub cursor: u32,
    pub limit: u32,
}

/// A heap.
#[derive(Debug)]
pub struct Heap {
    pub(super) vm: Rc<VmHeap>,
    pub(super) space: Space,
    pub(super) blocks: Blocks,
    layouts: Arc<Layouts>,
    pub(super) shapes: Shapes,
    pub(super) options: HeapOptions,

    /// Where the span began that is being allocated in.
    pub(super) span: u32,
    /// Where the hole ends that the limit is in; the limit itself unless everything is to be collected for.
    pub(super) hole_end: u32,
    /// Spans before that.
    pub(super) spans: Vec<Span>,
    /// The block in which holes are looked for, and the line from which on.
    pub(super) block: u32,
    pub(super) line: u32,
    /// Blocks in which spans are.
    pub(super) touched: Vec<u32>,
    /// Blocks with room that were allocated in lately, and how many of them have been taken.
    pub(super) available: Vec<u32>,
    pub(super) taken: usize,
    /// The next block to look at for room, by number.
    pub(super) next_block: u32,
    /// Whether every free line counts, as there is hardly room.
    pub(super) is_scraping: bool,
    /// Whether to grow rather than to collect.
    pub(super) must_grow: bool,
    pub(super) parked: Vec<Hole>,
    pub(super) parked_before: u64,

    /// Large objects that are young, and all others.
    pub(super) young_large: Vec<u32>,
    pub(super) large: Vec<u32>,
    pub(super) large_bytes: u64,

    /// Old objects that were written, and lines of such that are large.
    pub(super) log: Vec<u32>,
    /// What had no room in the log: everything is to be looked through.
    pub(super) log_is_incomplete: bool,

    /// Words of guests' frames that are to be looked for among the young objects.
    pub(super) candidates: Vec<Candidate>,
    /// How many values of the host's there may be references to.
    pub(super) host_values: u32,

    pub(super) minor_stack: MarkStack,
    pub(super) major_stack: MarkStack,
    pub(super) phase: Phase,
    /// Blocks that were looked at since the last major collection for memory to give back.
    pub(super) trimmed: u32,
    /// Bytes of those that keep theirs.
    pub(super) trim_kept: u64,
    /// The host's values that were met by the major collection in progress, and by the last that was through.
    pub(super) hosts: HostMarks,
    pub(super) met: HostMarks,
    pub(super) weak: Weak,
    pub(super) pace: Pace,
    pub(super) statistics: Statistics,
}

impl Heap {
    /// An empty heap. It takes no memory before something is allocated.
    ///
    /// Errors: `System` if there are no addresses.
    pub fn new(layouts: Arc<Layouts>, options: HeapOptions) -> Result<Heap> {
        let bytes = options.reservation.min(MOST_ADDRESSES) & !u64::from(CHUNK - 1);
        let mut bytes = (bytes as u32).max(CHUNK);
        let space = loop {
            match Space::reserve(bytes) {
                Ok(space) => break space,
                Err(error) if bytes <= LEAST_ADDRESSES => return Err(error),
                // Where addresses are short, a smaller heap is better than none.
                Err(_) => bytes = (bytes / 2) & !(CHUNK - 1),
            }
        };
        memory::ask_for_several()?;
        let vm = VmHeap { base: Cell::new(space.base()), cursor: Cell::new(0), limit: Cell::new(0) };
        Ok(Heap {
            vm: Rc::new(vm),
            space,
            blocks: Blocks::default(),
            layouts,
            shapes: Shapes::default(),
            options,
            span: 0,
            hole_end: 0,
            spans: Vec::new(),
            block: 0,
            line: LINES,
            touched: Vec::new(),
            available: Vec::new(),
            taken: 0,
            next_block: 0,
            is_scraping: false,
            must_grow: false,
            parked: Vec::new(),
            parked_before: 0,
            young_large: Vec::new(),
            large: Vec::new(),
            large_bytes: 0,
            log: Vec::new(),
            log_is_incomplete: false,
            candidates: Vec::new(),
            host_values: 0,
            minor_stack: MarkStack::default(),
            major_stack: MarkStack::default(),
            phase: Phase::Idle,
            trimmed: 0,
            trim_kept: 0,
            hosts: HostMarks::default(),
            met: HostMarks::default(),
            weak: Weak::default(),
            pace: Pace::default(),
            statistics: Statistics::default(),
        })
    }

    /// What guest code reads. It stays where it is as long as it is held.
    pub fn vm(&self) -> &Rc<VmHeap> {
        &self.vm
    }

    /// What happened so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Learns the layouts that were added.
    ///
    /// Errors: `System`.
    pub fn refresh(&mut self) -> Result<()> {
        self.shapes.refresh(&self.layouts)
    }

    /// Says how many values of the host's there may be references to: to those numbers below this.
    pub fn set_host_values(&mut self, count: u32) {
        self.host_values = count;
    }

    /// Changes how many bytes may be used; what is used already stays.
    pub fn set_most_bytes(&mut self, bytes: u64) {
        self.options.most_bytes = bytes;
    }

    /// Bytes of blocks that hold objects, or may.
    pub fn used_bytes(&self) -> u64 {
        u64::from(self.blocks.small()) * u64::from(BLOCK) + self.large_bytes
    }

    /// A reference that doesn't keep its object.
    ///
    /// Errors: `System`.
    pub fn add_weak(&mut self, reference: u32) -> Result<WeakSlot> {
        self.weak.add(reference)
    }

    /// What a weak reference refers to, null if that is gone; nothing if the weak reference has ended.
    pub fn weak(&self, slot: WeakSlot) -> Option<u32> {
        self.weak.get(slot)
    }

    /// Ends a weak reference; whether it hadn't ended before.
    pub fn remove_weak(&mut self, slot: WeakSlot) -> bool {
        self.weak.remove(slot)
    }

    /// Whether the last major collection that is through has met the host's value of this number. If it hasn't, and the value was
    /// there when that was through (see [`Statistics::major`]), nobody refers to it but the host itself.
    pub fn has_met(&self, number: u32) -> bool {
        self.met.has(number)
    }

    /// Makes an object with zeroes in it, if there is room. The length is that of an array.
    pub(super) fn try_allocate(&mut self, type_number: u32, length: u32) -> std::result::Result<u32, Shortage> {
        if type_number as usize >= self.shapes.count() {
            self.refresh().map_err(Shortage::Refused)?;
        }
        let Some((kind, size)) = self.shapes.new_object(type_number, length) else {
            let error = Error::new(ErrorKind::InvalidArgument, format_args!("there is no type {type_number}"));
            return Err(Shortage::Refused(error));
        };
        if size > u64::from(LARGEST_SMALL) {
            return self.allocate_large(type_number, kind, length, size);
        }
        let size = size as u32;
        let mut at = self.vm.cursor.get();
        if u64::from(at) + u64::from(size) > u64::from(self.hole_end) {
            self.find_hole(size)?;
            at = self.vm.cursor.get();
        }
        self.space.fill(at, size, 0);
        self.write_header(at, type_number, kind, length);
        self.vm.cursor.set(at + size);
        self.vm.limit.set(if self.options.stress { at + size } else { self.hole_end });
        Ok(at)
    }

    pub(super) fn write_header(&self, at: u32, type_number: u32, kind: u32, length: u32) {
        self.space.write(at + object::TYPE as u32, type_number);
        self.space.write(at + object::FLAGS as u32, kind);
        if kind == flags::ARRAY {
            self.space.write(at + object::BODY as u32, length);
        }
    }

    /// Ends the span that is being allocated in. There is no room then.
    pub(super) fn end_span(&mut self) {
        let to = self.vm.cursor.get();
        if to > self.span {
            // There is room: `find_hole` sees to it.
            self.spans.push(Span { from: self.span, to });
        }
        self.span = 0;
        self.hole_end = 0;
        self.vm.cursor.set(0);
        self.vm.limit.set(0);
    }

    /// The spans of young objects.
    pub(super) fn young_spans(&self) -> impl Iterator<Item = Span> {
        let current = Span { from: self.span, to: self.vm.cursor.get() };
        self.spans.iter().copied().chain((current.to > current.from).then_some(current))
    }

    /// Makes the next hole with room for so many bytes the one to allocate in.
    fn find_hole(&mut self, bytes: u32) -> std::result::Result<(), Shortage> {
        if self.pace.is_minor_due() && !self.must_grow {
            return Err(Shortage::Due);
        }
        // For this span and the next, and the block that is touched.
        memory::reserve(&mut self.spans, 2).map_err(Shortage::Refused)?;
        memory::reserve(&mut self.touched, 1).map_err(Shortage::Refused)?;
        self.end_span();
        loop {
            if let Some((from, to)) = self.next_hole(bytes) {
                self.check_poison(from, to - from);
                self.span = from;
                self.hole_end = to;
                self.vm.cursor.set(from);
                self.vm.limit.set(to);
                self.pace.note_given(to - from);
                self.statistics.given_bytes += u64::from(to - from);
                return Ok(());
            }
            self.block = self.next_block_with_room()?;
            self.line = 0;
            self.touched.push(self.block);
        }
    }

    /// The next hole of this block with so many bytes.
    fn next_hole(&mut self, bytes: u32) -> Option<(u32, u32)> {
        let least = if self.is_scraping { bytes } else { bytes.max(LEAST_HOLE) };
        while self.line < LINES {
            let (from, to) = self.blocks.free_run(self.block, self.line)?;
            self.line = to;
            if to - from >= least.div_ceil(LINE) {
                return Some((self.block + (from << LINE_LOG2), self.block + (to << LINE_LOG2)));
            }
        }
        None
    }

    /// A block that has room, as far as is known.
    fn next_block_with_room(&mut self) -> std::result::Result<u32, Shortage> {
        if let Some(block) = self.available.get(self.taken) {
            self.taken += 1;
            return Ok(*block);
        }
        while self.next_block < self.blocks.count() {
            let at = self.next_block << BLOCK_LOG2;
            self.next_block += 1;
            if self.blocks.kind(at) == Kind::Small
                && self.blocks.free_lines(at) >= if self.is_scraping { 1 } else { WORTHWHILE }
                && !self.blocks.is_touched(at)
            {
                self.blocks.set_touched(at);
                return Ok(at);
            }
        }
        let at = self.take_blocks(1, Kind::Small)?;
        self.blocks.set_touched(at);
        self.blocks.set_dirty(at, true);
        Ok(at)
    }

    /// Blocks that aren't used.
    pub(super) fn take_blocks(&mut self, count: u32, kind: Kind) -> std::result::Result<u32, Shortage> {
        let more = u64::from(count) * u64::from(BLOCK);
        if self.used_bytes() + more > self.options.most_bytes {
            return Err(Shortage::Full);
        }
        loop {
            if let Some(at) = self.blocks.take(count, kind) {
                return Ok(at);
            }
            if self.pace.is_overdue(self.used_bytes() + more) && !self.must_grow {
                return Err(Shortage::Due);
            }
            let grown = self.blocks.grow(&mut self.space);
            if let Err(error) = grown {
                return Err(if error.kind() == ErrorKind::Limit { Shortage::Full } else { Shortage::Refused(error) });
            }
            if self.options.stress {
                let (at, bytes) = self.blocks.last_chunk();
                self.space.fill(at, bytes, POISON);
            }
        }
    }
}
