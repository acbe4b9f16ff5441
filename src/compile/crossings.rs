//! Which locals have a value that a call came after.
//!
//! Around a call every local is in its home in the state slot, since the frame may be looked at. Whoever reads it from there
//! afterwards spares the register allocator to keep it a second time: in a spill slot, or in a register that the function
//! has to save. Knows nothing of homes. It is a guess in the order of the code, made for speed alone: whether a local is
//! read from its home or from its variable makes no other difference.

use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// When the locals got their values, and when functions were called, in the order of the code.
pub(super) struct Crossings {
    now: u32,
    last_call: u32,
    /// Of each local.
    since: Vec<u32>,
    /// Of each local: the value that was read from its home, and the stretch of code where it holds.
    read: Vec<Option<(u32, Value)>>,
    /// The number of the stretch that the code is in, which a call or another block ends.
    stretch: u32,
    block: Option<Block>,
    /// Loads whose values may turn out to be needed by nobody.
    early: Vec<Inst>,
}

impl Crossings {
    pub(super) fn new(locals: usize) -> Crossings {
        Crossings {
            now: 0,
            last_call: 0,
            since: vec![0; locals],
            read: vec![None; locals],
            stretch: 0,
            block: None,
            early: Vec::new(),
        }
    }

    /// The local has a new value, or a new variable for it.
    pub(super) fn set(&mut self, local: u32) {
        self.now += 1;
        self.since[local as usize] = self.now;
        self.read[local as usize] = None;
    }

    /// A function was called.
    pub(super) fn call(&mut self) {
        self.now += 1;
        self.last_call = self.now;
        self.stretch += 1;
    }

    /// Whether a call came after the local got its value.
    pub(super) fn is_crossed(&self, local: u32) -> bool {
        self.since[local as usize] < self.last_call
    }

    /// What was read from the local's home in this block.
    pub(super) fn read_in(&mut self, block: Option<Block>, local: u32) -> Option<Value> {
        if self.block != block {
            self.block = block;
            self.stretch += 1;
        }
        self.read[local as usize].filter(|read| read.0 == self.stretch).map(|read| read.1)
    }

    /// Notes what was read, in the block that [`Crossings::read_in`] was asked about.
    pub(super) fn note_read(&mut self, local: u32, value: Value) {
        self.read[local as usize] = Some((self.stretch, value));
    }

    /// Notes a load that was made early; [`Crossings::sweep`] removes it if nobody needs it.
    pub(super) fn note_early(&mut self, load: Inst) {
        self.early.push(load);
    }

    /// The ways out of a block merge. If it calls, what it assigns may be crossed on one of them.
    pub(super) fn leave(&mut self, assigned: &[u32], calls: bool) {
        for local in assigned {
            self.since[*local as usize] = if calls { 0 } else { self.now };
        }
    }

    /// A loop begins. If it calls, what it doesn't assign is crossed.
    pub(super) fn enter_loop(&mut self, assigned: &[u32], calls: bool) {
        self.now += 1;
        if calls {
            self.since.fill(0);
            self.last_call = self.last_call.max(1);
        }
        for local in assigned {
            self.since[*local as usize] = self.now;
        }
    }

    pub(super) fn snapshot(&self) -> Vec<u32> {
        self.since.clone()
    }

    /// Goes back to an earlier place of the function.
    pub(super) fn restore(&mut self, since: Vec<u32>) {
        self.since = since;
    }

    /// Removes loads whose values nobody needs.
    pub(super) fn sweep(&self, func: &mut Function) {
        if self.early.is_empty() {
            return;
        }
        let mut needed = vec![false; func.dfg.num_values()];
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst) {
                    needed[func.dfg.resolve_aliases(value).as_u32() as usize] = true;
                }
            }
        }
        for load in &self.early {
            if !needed[func.dfg.first_result(*load).as_u32() as usize] {
                func.layout.remove_inst(*load);
            }
        }
    }
}
