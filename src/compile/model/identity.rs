//! Identities: two locals or operands with the same one hold the same value, of the same type.

use crate::abi::frame_table::Place;
use crate::abi::operators::numeric_operands;
use crate::base::ValType;

/// The identity of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ValueId(pub(super) u32);

/// No value's.
pub(super) const NOTHING: ValueId = ValueId(u32::MAX);

/// What is known of a value beyond where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// Nothing.
    Unknown,
    /// It is these bits.
    Const(u64),
    /// It is the constant at this place of those that don't fit there.
    WideConst(u32),
    /// It is what a numeric operator gives; with one operand, that is there twice.
    Computed { opcode: u8, operands: [ValueId; 2] },
}

/// The types whose zeros have identities, which are the first ones.
const TYPES: [ValType; TYPES_WITH_ZEROS] = [
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::V128,
    ValType::FUNCREF,
    ValType::EXTERNREF,
    ValType::ANYREF,
    ValType::EXNREF,
];

/// The number of identities that zeros have.
pub(super) const TYPES_WITH_ZEROS: usize = 9;

/// All identities of a function.
#[derive(Debug)]
pub(super) struct Identities {
    origins: Vec<Origin>,
    wide_constants: Vec<u128>,
}

impl Identities {
    pub(super) fn new() -> Identities {
        Identities { origins: TYPES.map(|_| Origin::Const(0)).to_vec(), wide_constants: Vec::new() }
    }

    /// The default value of a local of this type. Each type has a zero of its own: words hold values in their width, so
    /// the zero of a narrow type in a word isn't that of a wide one.
    pub(super) fn zero(ty: ValType) -> ValueId {
        ValueId(TYPES.iter().position(|other| *other == ty).expect("all types are listed") as u32)
    }

    pub(super) fn add(&mut self, origin: Origin) -> ValueId {
        self.origins.push(origin);
        ValueId(self.origins.len() as u32 - 1)
    }

    /// What is known of a constant.
    pub(super) fn constant(&mut self, bits: u128) -> Origin {
        u64::try_from(bits).map(Origin::Const).unwrap_or_else(|_| {
            self.wide_constants.push(bits);
            Origin::WideConst(self.wide_constants.len() as u32 - 1)
        })
    }

    pub(super) fn origin(&self, id: ValueId) -> Origin {
        self.origins[id.0 as usize]
    }

    pub(super) fn is_const(&self, id: ValueId) -> bool {
        matches!(self.origin(id), Origin::Const(_) | Origin::WideConst(_))
    }

    /// Where a value is that can be found: a constant, in the word that `word` says, or computed from such.
    pub(super) fn place(&self, id: ValueId, word: &impl Fn(ValueId) -> Option<u32>) -> Place {
        match self.origin(id) {
            Origin::Const(bits) => return Place::Const(bits.into()),
            Origin::WideConst(place) => return Place::Const(self.wide_constants[place as usize]),
            _ => {}
        }
        if let Some(word) = word(id) {
            return Place::Word(word);
        }
        match self.origin(id) {
            Origin::Computed { opcode, operands } => {
                let count = numeric_operands(opcode).expect("a numeric operator").count;
                let operands = operands[..count].iter().map(|id| self.place(*id, word)).collect();
                Place::Computed { opcode, operands }
            }
            _ => unreachable!("a value that isn't in a word was described"),
        }
    }
}
