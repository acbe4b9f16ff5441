//! Effects: what the machine code of a function does for whoever may look at its frames.

use crate::abi::frame_table::Checkpoint;
use crate::base::WasmPc;

/// Something that the machine code does beside what Wasm says. Operands are counted from the bottom of the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Effect {
    /// Stores the value of a local into its home.
    StoreLocal { local: u32 },
    /// Stores an operand into so many words from this one on: all that its type takes. They are its home, or that of the
    /// operand that it becomes if a branch carries it.
    StoreOperand { words: u8, operand: u32, word: u32 },
    /// Fills the homes of these locals with zeros.
    ZeroLocals { first: u32, count: u32 },
    /// From here on the operand is what the words from this one on hold, as many as its type takes.
    ReloadOperand { operand: u32, word: u32 },
    /// From here on the variable of the local is what the local's home holds.
    ReloadLocal { local: u32 },
    /// The operator `local.get` reads the local's home, instead of its variable.
    ReadHome { local: u32 },
    /// A stop point; the number counts a function's.
    Stop { number: u32 },
    /// The state at this operator is described, without code for it. At this place of the function's checkpoints.
    Checkpoint { number: u32 },
    /// The call that follows has this state: an offset in the pool.
    Call { state: u32 },
}

/// When effects happen, relative to the operator's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Moment {
    /// On entry to the function; at the pc of its first operator.
    Entry,
    /// Before the operator.
    Before,
    /// When a call has taken its arguments.
    Call,
    /// When a call has returned, before its results are there.
    Returned,
    /// Before an operator that branches, opens a block or ends one, with its condition or index taken: also where the branch isn't
    /// taken afterwards.
    Branch,
    /// On the way that falls through to the `end` of a block; for an `if` without `else`, the one that doesn't enter it.
    Otherwise,
    /// On the way to the label at this place of the control stack, for `br_table`.
    Way(u32),
    /// On the way from the landing of a `try_table`, before its `end`, to the label of the clause at this place.
    Clause(u32),
    /// Where `local.get` reads the local.
    Read,
}

/// Effects that happen at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) struct Group {
    /// The operator.
    pub(in crate::compile) pc: WasmPc,
    pub(in crate::compile) moment: Moment,
    /// The end of its effects in [`Effects::all`].
    end: u32,
}

/// The effects of a function, in the order in which its operators are walked.
#[derive(Clone, Debug, Default)]
pub(in crate::compile) struct Effects {
    all: Vec<Effect>,
    groups: Vec<Group>,
}

impl Effects {
    /// How many there are.
    pub(in crate::compile) fn count(&self) -> usize {
        self.all.len()
    }

    /// Adds effects at this moment, after all others.
    pub(super) fn add(&mut self, pc: WasmPc, moment: Moment, effects: impl IntoIterator<Item = Effect>) {
        let before = self.all.len();
        self.all.extend(effects);
        if self.all.len() == before {
            return;
        }
        let end = self.all.len() as u32;
        match self.groups.last_mut() {
            Some(group) if group.pc == pc && group.moment == moment => group.end = end,
            _ => self.groups.push(Group { pc, moment, end }),
        }
    }
}

/// Everything that debugging adds to a function.
#[derive(Clone, Debug, Default)]
pub(in crate::compile) struct Plan {
    pub(in crate::compile) effects: Effects,
    /// The stop points, sorted by pc: the operator and the state.
    pub(in crate::compile) stops: Vec<(WasmPc, u32)>,
    /// Sorted by pc.
    pub(in crate::compile) checkpoints: Vec<Checkpoint>,
    /// The locals that are zero wherever nothing else is said, as ranges: the first and how many.
    pub(in crate::compile) zeros: Vec<(u32, u32)>,
    /// The encoded states.
    pub(in crate::compile) pool: Vec<u8>,
    /// Words of the state slot.
    pub(in crate::compile) words: u32,
    /// Locals, parameters included.
    pub(in crate::compile) locals: u32,
    /// Whether each operator has a stop point, and reads from the slot what it takes.
    pub(in crate::compile) is_exact: bool,
    /// Whether the walk came to the function's end. It doesn't where an operator isn't supported.
    pub(in crate::compile) is_complete: bool,
}

/// Reads effects group by group.
#[derive(Clone, Debug, Default)]
pub(in crate::compile) struct Cursor {
    group: usize,
    effect: usize,
}

impl Cursor {
    /// The effects at this moment, if it has any. Moments are to be asked for in the order of the walk.
    pub(in crate::compile) fn take<'a>(&mut self, effects: &'a Effects, pc: WasmPc, moment: Moment) -> &'a [Effect] {
        match effects.groups.get(self.group) {
            Some(group) if group.pc == pc && group.moment == moment => {
                let taken = &effects.all[self.effect..group.end as usize];
                self.group += 1;
                self.effect = group.end as usize;
                taken
            }
            _ => &[],
        }
    }

    /// All groups: the operator and the effects.
    pub(in crate::compile) fn groups(effects: &Effects) -> impl Iterator<Item = (WasmPc, &[Effect])> {
        let starts = std::iter::once(0).chain(effects.groups.iter().map(|group| group.end as usize));
        let groups = effects.groups.iter().zip(starts);
        groups.map(|(group, start)| (group.pc, &effects.all[start..group.end as usize]))
    }

    /// Whether effects were taken between the two.
    pub(in crate::compile) fn is_before(&self, later: &Cursor) -> bool {
        self.group < later.group
    }

    /// Whether all were taken.
    pub(in crate::compile) fn is_at_end(&self, effects: &Effects) -> bool {
        self.group == effects.groups.len()
    }
}
