//! Types of values and of what modules import and export (Wasm core spec, 2.3 "Types").

use std::fmt;
use std::sync::Arc;

/// The number of a defined type in its engine: equal types have equal numbers (Wasm core spec, 3.1 "Defined Types").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
// So that a value type has at most 8 bytes and not 16: there is one for each value of a frame.
#[repr(C, packed)]
pub struct TypeId(pub u32);

/// What values of a defined type are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TypeKind {
    /// Functions.
    Func,
    /// Structures.
    Struct,
    /// Arrays.
    Array,
}

/// What a reference refers to (Wasm core spec, 2.3.5 "Heap Types").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeapType {
    /// A function of any type.
    Func,
    /// Nothing that is a function.
    NoFunc,
    /// A value of the host's.
    Extern,
    /// Nothing that is the host's.
    NoExtern,
    /// Anything that the guest makes but functions and exceptions.
    Any,
    /// What can be compared.
    Eq,
    /// An integer of 31 bits.
    I31,
    /// A structure of any type.
    Struct,
    /// An array of any type.
    Array,
    /// Nothing of what `Any` has.
    None,
    /// An exception.
    Exn,
    /// Nothing that is an exception.
    NoExn,
    /// What a defined type has.
    Defined(TypeKind, TypeId),
}

impl HeapType {
    /// The largest type of its hierarchy. Values of one hierarchy have one representation.
    pub fn top(self) -> HeapType {
        use HeapType::*;
        match self {
            Func | NoFunc | Defined(TypeKind::Func, _) => Func,
            Extern | NoExtern => Extern,
            Any | Eq | I31 | Struct | Array | None | Defined(TypeKind::Struct | TypeKind::Array, _) => Any,
            Exn | NoExn => Exn,
        }
    }
}

/// The type of a reference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    /// Whether it may be null.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`
    pub const FUNC: RefType = RefType::null(HeapType::Func);
    /// `externref`
    pub const EXTERN: RefType = RefType::null(HeapType::Extern);

    /// A reference that may be null.
    pub const fn null(heap: HeapType) -> RefType {
        RefType { nullable: true, heap }
    }

    /// The largest type of its hierarchy.
    pub fn top(self) -> RefType {
        RefType::null(self.heap.top())
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use HeapType::*;
        let name = match self.heap {
            Func => "func",
            NoFunc => "nofunc",
            Extern => "extern",
            NoExtern => "noextern",
            Any => "any",
            Eq => "eq",
            I31 => "i31",
            Struct => "struct",
            Array => "array",
            None => "none",
            Exn => "exn",
            NoExn => "noexn",
            Defined(kind, TypeId(id)) => {
                let null = if self.nullable { "null " } else { "" };
                let kind = match kind {
                    TypeKind::Func => "func",
                    TypeKind::Struct => "struct",
                    TypeKind::Array => "array",
                };
                return write!(f, "(ref {null}{kind} type {id})");
            }
        };
        match (self.nullable, self.heap) {
            (false, _) => write!(f, "(ref {name})"),
            (true, NoFunc | NoExtern | None | NoExn) => write!(f, "null{}ref", name.strip_prefix("no").unwrap_or("")),
            (true, _) => write!(f, "{name}ref"),
        }
    }
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

const _: () = assert!(size_of::<ValType>() <= 8);

impl ValType {
    /// A nullable function reference.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNC);
    /// A nullable host reference.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERN);
    /// A nullable reference to what the guest makes.
    pub const ANYREF: ValType = ValType::Ref(RefType::null(HeapType::Any));
    /// A nullable exception reference.
    pub const EXNREF: ValType = ValType::Ref(RefType::null(HeapType::Exn));

    /// The type as machine code and frames know it: all references of one hierarchy are alike there.
    pub fn top(self) -> ValType {
        match self {
            ValType::Ref(ty) => ValType::Ref(ty.top()),
            number => number,
        }
    }

    /// The byte that the frame table uses for this type, or for the largest one of its hierarchy.
    pub fn to_u8(self) -> u8 {
        match self {
            ValType::I32 => 0,
            ValType::I64 => 1,
            ValType::F32 => 2,
            ValType::F64 => 3,
            ValType::V128 => 4,
            ValType::Ref(ty) => match ty.heap.top() {
                HeapType::Func => 5,
                HeapType::Extern => 6,
                HeapType::Any => 7,
                _ => 8,
            },
        }
    }

    /// The inverse of [`ValType::to_u8`], for types that are the largest of their hierarchies.
    pub fn from_u8(byte: u8) -> Option<ValType> {
        Some(match byte {
            0 => ValType::I32,
            1 => ValType::I64,
            2 => ValType::F32,
            3 => ValType::F64,
            4 => ValType::V128,
            5 => ValType::FUNCREF,
            6 => ValType::EXTERNREF,
            7 => ValType::ANYREF,
            8 => ValType::EXNREF,
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
            ValType::Ref(ty) => return ty.fmt(f),
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

    /// The type as machine code knows it; see [`ValType::top`].
    pub fn top(&self) -> FuncType {
        let top = |types: &[ValType]| types.iter().map(|ty| ty.top()).collect::<Box<[_]>>();
        FuncType { params: top(&self.params), results: top(&self.results) }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "[{}] -> [{}]", list(&self.params), list(&self.results))
    }
}

/// What a field of a structure, or each element of an array, holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StorageType {
    /// 8 bits of an `i32`.
    I8,
    /// 16 bits of an `i32`.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the value that is read from it, or stored into it.
    pub fn unpacked(self) -> ValType {
        match self {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(ty) => ty,
        }
    }
}

/// A field of a structure, or the elements of an array.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldType {
    /// What it holds.
    pub storage: StorageType,
    /// Whether it can be set.
    pub mutable: bool,
}

/// What a defined type is made of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CompositeType {
    /// A function's type.
    Func(Arc<FuncType>),
    /// A structure's fields.
    Struct(Box<[FieldType]>),
    /// An array's elements.
    Array(FieldType),
}

impl CompositeType {
    /// Which of these it is.
    pub fn kind(&self) -> TypeKind {
        match self {
            CompositeType::Func(_) => TypeKind::Func,
            CompositeType::Struct(_) => TypeKind::Struct,
            CompositeType::Array(_) => TypeKind::Array,
        }
    }
}

/// A defined type (Wasm core spec, 2.3.9 "Recursive Types").
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SubType {
    /// Whether it has no subtypes.
    pub is_final: bool,
    /// The type that it declares to be a subtype of.
    pub supertype: Option<TypeId>,
    /// What it is made of.
    pub composite: CompositeType,
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
    /// A tag, by the type of a function that takes what its exceptions carry and gives nothing.
    Tag(FuncType),
}
