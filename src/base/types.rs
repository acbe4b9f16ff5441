//! Types of values and of what modules import and export (Wasm core spec, 2.3 "Types").

use std::fmt;

/// The type of a reference. All are nullable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefType {
    /// A function of any type.
    Func,
    /// A value of the host's.
    Extern,
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
// With a tag of its own, which is quicker to tell than one that shares its byte.
#[repr(u8)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A vector of 128 bits.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// A nullable function reference.
    pub const FUNCREF: ValType = ValType::Ref(RefType::Func);
    /// A nullable host reference.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::Extern);

    /// The byte that the frame table uses for this type.
    pub fn to_u8(self) -> u8 {
        match self {
            ValType::I32 => 0,
            ValType::I64 => 1,
            ValType::F32 => 2,
            ValType::F64 => 3,
            ValType::V128 => 4,
            ValType::Ref(RefType::Func) => 5,
            ValType::Ref(RefType::Extern) => 6,
        }
    }

    /// The inverse of [`ValType::to_u8`].
    pub fn from_u8(byte: u8) -> Option<ValType> {
        Some(match byte {
            0 => ValType::I32,
            1 => ValType::I64,
            2 => ValType::F32,
            3 => ValType::F64,
            4 => ValType::V128,
            5 => ValType::FUNCREF,
            6 => ValType::EXTERNREF,
            _ => return None,
        })
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(RefType::Func) => "funcref",
            ValType::Ref(RefType::Extern) => "externref",
        })
    }
}

/// Parameters and results of a function.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    /// Types of the parameters.
    pub params: Box<[ValType]>,
    /// Types of the results.
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// A function type.
    pub fn new(params: impl Into<Box<[ValType]>>, results: impl Into<Box<[ValType]>>) -> FuncType {
        FuncType { params: params.into(), results: results.into() }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "[{}] -> [{}]", list(&self.params), list(&self.results))
    }
}

/// A memory's limits, in pages, and how it is addressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// Pages at creation.
    pub minimum: u64,
    /// Pages that it may grow to, if limited.
    pub maximum: Option<u64>,
    /// Whether addresses and sizes are `i64`, and not `i32`.
    pub is_64: bool,
    /// The logarithm to base 2 of the bytes of a page.
    pub page_size_log2: u8,
    /// Whether stores on several threads may have it at the same time; then it has a maximum.
    pub is_shared: bool,
}

impl MemoryType {
    /// What [`MemoryType::page_size_log2`] is unless a module says otherwise: pages of 64 KiB.
    pub const USUAL_PAGE_SIZE_LOG2: u8 = 16;

    /// A memory that is addressed by 32 bits, in pages of 64 KiB.
    pub fn new(minimum: u64, maximum: Option<u64>) -> MemoryType {
        let page_size_log2 = MemoryType::USUAL_PAGE_SIZE_LOG2;
        MemoryType { minimum, maximum, is_64: false, page_size_log2, is_shared: false }
    }

    /// The type of its addresses and sizes.
    pub fn index_type(&self) -> ValType {
        index_type(self.is_64)
    }

    /// Pages that such a memory can have: as many as addresses reach, and as its size can count.
    pub fn most_pages(&self) -> u64 {
        let (addresses, count) = if self.is_64 { (1 << 64, u64::MAX) } else { (1_u128 << 32, u32::MAX.into()) };
        u64::try_from(addresses >> self.page_size_log2).unwrap_or(u64::MAX).min(count)
    }

    /// The bytes of so many of its pages; `None` if they are more than 64 bits can count.
    pub fn bytes(&self, pages: u64) -> Option<u64> {
        pages.checked_mul(1 << self.page_size_log2)
    }
}

fn index_type(is_64: bool) -> ValType {
    if is_64 { ValType::I64 } else { ValType::I32 }
}

/// A table's element type and limits, in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// The type of the elements.
    pub element: RefType,
    /// Elements at creation.
    pub minimum: u64,
    /// Elements that it may grow to, if limited.
    pub maximum: Option<u64>,
    /// Whether indices and sizes are `i64`, and not `i32`.
    pub is_64: bool,
}

impl TableType {
    /// A table that is addressed by 32 bits.
    pub fn new(element: RefType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType { element, minimum, maximum, is_64: false }
    }

    /// The type of its indices and sizes.
    pub fn index_type(&self) -> ValType {
        index_type(self.is_64)
    }

    /// Elements that such a table can have.
    pub fn most_elements(&self) -> u64 {
        if self.is_64 { u64::MAX } else { u64::from(u32::MAX) }
    }
}

/// A global's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// The type of its value.
    pub value: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

/// The type of an import or export.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}
