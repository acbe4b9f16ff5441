//! Which locals have a value that a call came after.
//!
//! Around a call every local is in its home in the state slot, since the frame may be looked at. Whoever reads it from there
//! afterwards spares the register allocator to keep it a second time: in a spill slot, or in a register that the function
//! has to save. Knows nothing of homes. It is a guess in the order of the code, made for speed alone: whether a local is
//! read from its home or from its variable makes no other difference.

/// When the locals got their values, and when functions were called, in the order of the code.
#[derive(Debug)]
pub(super) struct Crossings {
    now: u32,
    last_call: u32,
    /// Of each local.
    since: Vec<u32>,
}

impl Crossings {
    pub(super) fn new(locals: usize) -> Crossings {
        Crossings { now: 0, last_call: 0, since: vec![0; locals] }
    }

    /// The local has a new value, or a new variable for it.
    pub(super) fn set(&mut self, local: u32) {
        self.now += 1;
        self.since[local as usize] = self.now;
    }

    /// A function was called.
    pub(super) fn call(&mut self) {
        self.now += 1;
        self.last_call = self.now;
    }

    /// Whether a call came after the local got its value.
    pub(super) fn is_crossed(&self, local: u32) -> bool {
        self.since[local as usize] < self.last_call
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
}
