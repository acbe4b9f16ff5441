//! The operators of the proposal for threads: what each one does, with how many bytes.
//!
//! All of them end their run ([`super::operators`]): another thread may see what they do, and what they see is what others do.

use crate::base::ValType;
use wasmparser::{MemArg, Operator};

/// An operator that accesses a memory atomically, or waits for others that do.
#[derive(Clone, Copy, Debug)]
pub struct AtomicOperator {
    /// What it does.
    pub action: Action,
    /// The type of what it stores, loads or compares.
    pub ty: ValType,
    /// How many bytes of the memory that is, to which the address is aligned.
    pub bytes: u32,
    /// Where.
    pub memarg: MemArg,
}

/// What an atomic operator does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Loads, and extends with zeros.
    Load,
    /// Stores.
    Store,
    /// Stores what is computed from what it loads, and gives that.
    Update(Update),
    /// Stores if it loads what is expected, and gives that.
    Exchange,
    /// Waits if it loads what is expected.
    Wait,
    /// Wakes those that wait.
    Notify,
}

/// What is computed from what was there and an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// The sum.
    Add,
    /// The difference.
    Sub,
    /// The bits of both.
    And,
    /// The bits of any.
    Or,
    /// The bits of one of them.
    Xor,
    /// The operand.
    Xchg,
}

impl AtomicOperator {
    /// How many operands it takes, the address among them.
    pub fn pops(&self) -> u32 {
        match self.action {
            Action::Load => 1,
            Action::Store | Action::Update(_) | Action::Notify => 2,
            Action::Exchange | Action::Wait => 3,
        }
    }

    /// The type of the operand that it leaves, if it does.
    pub fn pushes(&self) -> Option<ValType> {
        match self.action {
            Action::Store => None,
            Action::Wait | Action::Notify => Some(ValType::I32),
            Action::Load | Action::Update(_) | Action::Exchange => Some(self.ty),
        }
    }
}

/// What an operator of the proposal for threads does; `None` for all others, and for `atomic.fence`, which accesses nothing.
pub fn atomic_operator(operator: &Operator<'_>) -> Option<AtomicOperator> {
    use Operator::*;
    use ValType::{I32, I64};
    let (action, ty, bytes, memarg) = match operator {
        MemoryAtomicNotify { memarg } => (Action::Notify, I32, 4, memarg),
        MemoryAtomicWait32 { memarg } => (Action::Wait, I32, 4, memarg),
        MemoryAtomicWait64 { memarg } => (Action::Wait, I64, 8, memarg),
        I32AtomicLoad { memarg } => (Action::Load, I32, 4, memarg),
        I32AtomicLoad8U { memarg } => (Action::Load, I32, 1, memarg),
        I32AtomicLoad16U { memarg } => (Action::Load, I32, 2, memarg),
        I32AtomicStore { memarg } => (Action::Store, I32, 4, memarg),
        I32AtomicStore8 { memarg } => (Action::Store, I32, 1, memarg),
        I32AtomicStore16 { memarg } => (Action::Store, I32, 2, memarg),
        I32AtomicRmwAdd { memarg } => (Action::Update(Update::Add), I32, 4, memarg),
        I32AtomicRmw8AddU { memarg } => (Action::Update(Update::Add), I32, 1, memarg),
        I32AtomicRmw16AddU { memarg } => (Action::Update(Update::Add), I32, 2, memarg),
        I32AtomicRmwSub { memarg } => (Action::Update(Update::Sub), I32, 4, memarg),
        I32AtomicRmw8SubU { memarg } => (Action::Update(Update::Sub), I32, 1, memarg),
        I32AtomicRmw16SubU { memarg } => (Action::Update(Update::Sub), I32, 2, memarg),
        I32AtomicRmwAnd { memarg } => (Action::Update(Update::And), I32, 4, memarg),
        I32AtomicRmw8AndU { memarg } => (Action::Update(Update::And), I32, 1, memarg),
        I32AtomicRmw16AndU { memarg } => (Action::Update(Update::And), I32, 2, memarg),
        I32AtomicRmwOr { memarg } => (Action::Update(Update::Or), I32, 4, memarg),
        I32AtomicRmw8OrU { memarg } => (Action::Update(Update::Or), I32, 1, memarg),
        I32AtomicRmw16OrU { memarg } => (Action::Update(Update::Or), I32, 2, memarg),
        I32AtomicRmwXor { memarg } => (Action::Update(Update::Xor), I32, 4, memarg),
        I32AtomicRmw8XorU { memarg } => (Action::Update(Update::Xor), I32, 1, memarg),
        I32AtomicRmw16XorU { memarg } => (Action::Update(Update::Xor), I32, 2, memarg),
        I32AtomicRmwXchg { memarg } => (Action::Update(Update::Xchg), I32, 4, memarg),
        I32AtomicRmw8XchgU { memarg } => (Action::Update(Update::Xchg), I32, 1, memarg),
        I32AtomicRmw16XchgU { memarg } => (Action::Update(Update::Xchg), I32, 2, memarg),
        I32AtomicRmwCmpxchg { memarg } => (Action::Exchange, I32, 4, memarg),
        I32AtomicRmw8CmpxchgU { memarg } => (Action::Exchange, I32, 1, memarg),
        I32AtomicRmw16CmpxchgU { memarg } => (Action::Exchange, I32, 2, memarg),
        I64AtomicLoad { memarg } => (Action::Load, I64, 8, memarg),
        I64AtomicLoad8U { memarg } => (Action::Load, I64, 1, memarg),
        I64AtomicLoad16U { memarg } => (Action::Load, I64, 2, memarg),
        I64AtomicLoad32U { memarg } => (Action::Load, I64, 4, memarg),
        I64AtomicStore { memarg } => (Action::Store, I64, 8, memarg),
        I64AtomicStore8 { memarg } => (Action::Store, I64, 1, memarg),
        I64AtomicStore16 { memarg } => (Action::Store, I64, 2, memarg),
        I64AtomicStore32 { memarg } => (Action::Store, I64, 4, memarg),
        I64AtomicRmwAdd { memarg } => (Action::Update(Update::Add), I64, 8, memarg),
        I64AtomicRmw8AddU { memarg } => (Action::Update(Update::Add), I64, 1, memarg),
        I64AtomicRmw16AddU { memarg } => (Action::Update(Update::Add), I64, 2, memarg),
        I64AtomicRmw32AddU { memarg } => (Action::Update(Update::Add), I64, 4, memarg),
        I64AtomicRmwSub { memarg } => (Action::Update(Update::Sub), I64, 8, memarg),
        I64AtomicRmw8SubU { memarg } => (Action::Update(Update::Sub), I64, 1, memarg),
        I64AtomicRmw16SubU { memarg } => (Action::Update(Update::Sub), I64, 2, memarg),
        I64AtomicRmw32SubU { memarg } => (Action::Update(Update::Sub), I64, 4, memarg),
        I64AtomicRmwAnd { memarg } => (Action::Update(Update::And), I64, 8, memarg),
        I64AtomicRmw8AndU { memarg } => (Action::Update(Update::And), I64, 1, memarg),
        I64AtomicRmw16AndU { memarg } => (Action::Update(Update::And), I64, 2, memarg),
        I64AtomicRmw32AndU { memarg } => (Action::Update(Update::And), I64, 4, memarg),
        I64AtomicRmwOr { memarg } => (Action::Update(Update::Or), I64, 8, memarg),
        I64AtomicRmw8OrU { memarg } => (Action::Update(Update::Or), I64, 1, memarg),
        I64AtomicRmw16OrU { memarg } => (Action::Update(Update::Or), I64, 2, memarg),
        I64AtomicRmw32OrU { memarg } => (Action::Update(Update::Or), I64, 4, memarg),
        I64AtomicRmwXor { memarg } => (Action::Update(Update::Xor), I64, 8, memarg),
        I64AtomicRmw8XorU { memarg } => (Action::Update(Update::Xor), I64, 1, memarg),
        I64AtomicRmw16XorU { memarg } => (Action::Update(Update::Xor), I64, 2, memarg),
        I64AtomicRmw32XorU { memarg } => (Action::Update(Update::Xor), I64, 4, memarg),
        I64AtomicRmwXchg { memarg } => (Action::Update(Update::Xchg), I64, 8, memarg),
        I64AtomicRmw8XchgU { memarg } => (Action::Update(Update::Xchg), I64, 1, memarg),
        I64AtomicRmw16XchgU { memarg } => (Action::Update(Update::Xchg), I64, 2, memarg),
        I64AtomicRmw32XchgU { memarg } => (Action::Update(Update::Xchg), I64, 4, memarg),
        I64AtomicRmwCmpxchg { memarg } => (Action::Exchange, I64, 8, memarg),
        I64AtomicRmw8CmpxchgU { memarg } => (Action::Exchange, I64, 1, memarg),
        I64AtomicRmw16CmpxchgU { memarg } => (Action::Exchange, I64, 2, memarg),
        I64AtomicRmw32CmpxchgU { memarg } => (Action::Exchange, I64, 4, memarg),
        _ => return None,
    };
    Some(AtomicOperator { action, ty, bytes, memarg: *memarg })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::operators::ends_run;
    use wasmparser::{BinaryReader, OperatorsReader};

    #[test]
    fn every_operator_of_the_proposal_is_known() {
        let mut known = 0;
        for number in 0..=0x4e_u8 {
            // An alignment and an offset, or what `atomic.fence` has.
            let bytes = [0xfe, number, 0, 0];
            let Ok(operator) = OperatorsReader::new(BinaryReader::new(&bytes, 0)).read() else { continue };
            assert!(ends_run(&operator), "{operator:?}");
            match operator {
                // Another proposal's.
                Operator::Pause => continue,
                Operator::AtomicFence { .. } => assert!(atomic_operator(&operator).is_none()),
                _ => assert!(atomic_operator(&operator).is_some(), "{operator:?}"),
            }
            known += 1;
        }
        assert_eq!(known, 67);
    }
}
