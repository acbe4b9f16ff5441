//! What the collector begins with: whatever refers to objects from outside the heap.
//!
//! Guests' stacks are searched word by word, from where each guest was left: objects don't move, so it does no harm that a word may look
//! like a reference and be none. All else is known exactly. Read next: [`super::gc`].

#![expect(unsafe_code, reason = "reads guest stacks")]

use super::Store;
use super::gc::{Roots, Visitor};
use super::machine::guest_stack::GuestStack;
use super::machine::switch;
use crate::abi::object_layout::is_traced;
use crate::base::{StorageType, ValType};

/// The roots of a store.
pub(super) struct StoreRoots<'a> {
    store: &'a Store,
    /// Words that are nowhere else.
    kept: &'a [u128],
}

impl<'a> StoreRoots<'a> {
    /// All of the store's, and what is among these words.
    pub(super) fn new(store: &'a Store, kept: &'a [u128]) -> StoreRoots<'a> {
        StoreRoots { store, kept }
    }

    fn visit_stacks(&self, visitor: &mut Visitor<'_>) {
        let inner = self.store.inner();
        // SAFETY: the context is this store's; guest code isn't running.
        let exit_frame = unsafe { (*inner.context.get()).exit_frame };
        let mut running = Vec::new();
        // SAFETY: guest code isn't running, so each call that runs waits for the host.
        unsafe { inner.calls.each_waiting(exit_frame, |stack, frame| running.push((stack, frame))) };
        inner.stacks.each(|stack| {
            let waiting = running.iter().find(|(other, _)| std::ptr::eq(*other, stack));
            let (from, until) = match waiting {
                Some((_, frame)) => (*frame - switch::STUB_REGISTERS, 0),
                None => stack.used(),
            };
            for address in (from..stack.high).step_by(8) {
                let word = word_at(stack, address);
                if address < until { visitor.word(word) } else { visitor.maybe(word) }
            }
        });
    }
}

/// A word of a stack, on which nothing runs now.
fn word_at(stack: &GuestStack, address: usize) -> u64 {
    debug_assert!(address >= stack.accessible_from() && address + 8 <= stack.high && address.is_multiple_of(8));
    // SAFETY: the word is in the usable part of the stack, as the caller has seen to.
    unsafe { (address as *const u64).read() }
}

/// Whether values of this type are shown to the collector.
fn is_shown(ty: ValType) -> bool {
    is_traced(StorageType::Val(ty))
}

impl Roots for StoreRoots<'_> {
    fn visit(&mut self, visitor: &mut Visitor<'_>) {
        let inner = self.store.inner();
        self.visit_stacks(visitor);
        for global in inner.globals.borrow().iter().filter(|global| is_shown(global.ty.value)) {
            // SAFETY: cells are there as long as the store; guest code isn't running.
            visitor.reference(unsafe { (*global.cell).lo } as u32);
        }
        for table in inner.tables.borrow().iter().filter(|table| is_shown(ValType::Ref(table.ty().element))) {
            (0..table.length() as u64).for_each(|place| visitor.reference(table.get(place).unwrap_or(0) as u32));
        }
        for instance in inner.instances.borrow().iter() {
            for elements in instance.elements.borrow().iter().flatten() {
                elements.iter().for_each(|element| visitor.maybe(*element));
            }
        }
        inner.host_roots.borrow().each(|object| visitor.reference(object));
        inner.holds.each(|object| visitor.reference(object));
        for word in self.kept {
            visitor.maybe(*word as u64);
        }
    }
}
