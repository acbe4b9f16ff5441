//! Mistakes that tests make the model make, to see that the checker finds them. Outside tests there are none.

/// Something that the model does wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Mistake {
    /// The zeros of all types have one identity.
    OneZero,
    /// A word is taken to hold whatever it once held.
    StaleWord,
    /// A loaded value is described as the zero of its type.
    LoadIsZero,
    /// A local that a block assigns keeps its identity behind the block.
    AssignedKeeps,
    /// A local that a loop assigns keeps its identity in the loop.
    LoopKeeps,
    /// Behind a block the words hold what they held at its end.
    WordsSurviveMerge,
    /// Behind an `else` the words hold what they held at the end of the first arm.
    WordsSurviveElse,
    /// An unconditional branch stores nothing.
    BranchStoresNothing,
    /// A conditional branch stores nothing for the operands that it carries.
    CarriedNotStored,
    /// What a `br_if` stored on both ways isn't followed by a checkpoint.
    NoCheckpoint,
    /// A call's arguments are described among the operands that wait for it.
    ArgumentsWait,
    /// A local is read from its home though it was assigned since.
    StaleHome,
    /// The operands of a computed value are described in the wrong order.
    SwappedOperands,
    /// A computed value is described with the opcode of another operator.
    WrongOpcode,
    /// A value is described as computed that depends on which NaN the machine chose.
    AnyFloats,
    /// An operand that waited for a call is read again from the word beside its own.
    WrongWord,
    /// `local.tee` gives the local an identity, but leaves its home noted as up to date.
    TeeKeepsHome,
    /// A stop point that is due after an operator with an effect is left out.
    NoStop,
    /// A constant is described with its upper bits lost.
    NarrowConst,
    /// Of a wide operand, only the lower half is stored.
    HalfStored,
    /// Every operand's home has one word.
    HomesOverlap,
    /// A wide value counts as held by its words though one of them was overwritten.
    HalfOverwritten,
    /// With every value at home, `local.tee` stores nothing.
    TeeNotStored,
    /// With every value at home, operands beneath a block aren't stored before it.
    OperandsNotStored,
    /// Where an exception is caught the words hold what they held at the block's end.
    WordsSurviveThrow,
    /// Where an exception is caught, locals that the block assigns keep their identities.
    ThrowKeeps,
    /// An exception that is thrown again isn't an operand.
    NothingKept,
    /// Exceptions that are delegated get to the block around.
    DelegatedToParent,
    /// With every value at home, there is no stop point before a `throw`, at which all is stored.
    NotStoredBeforeThrow,
    /// In the exact form, operators take operands from where they were before the stop point.
    NotReadBack,
    /// In the exact form, locals are read from their variables.
    VariablesRead,
    /// In the exact form, what nothing assigns has no home.
    ZerosWithoutHomes,
}

pub(in crate::compile) use switch::makes;
#[cfg(test)]
pub(in crate::compile) use switch::with;

#[cfg(not(test))]
mod switch {
    /// Never.
    #[inline(always)]
    pub(in crate::compile) const fn makes(_mistake: super::Mistake) -> bool {
        false
    }
}

#[cfg(test)]
mod switch {
    use super::Mistake;
    use std::cell::Cell;

    thread_local! {
        static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// Whether the model is to make this mistake on this thread.
    pub(in crate::compile) fn makes(mistake: Mistake) -> bool {
        MADE.get() == Some(mistake)
    }

    /// Has the model of this thread make a mistake, for the closure's time.
    pub(in crate::compile) fn with<R>(mistake: Option<Mistake>, body: impl FnOnce() -> R) -> R {
        let before = MADE.replace(mistake);
        let result = body();
        MADE.set(before);
        result
    }
}
