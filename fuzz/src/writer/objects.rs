//! What the generator writes of structures and arrays: their types, how they are made, read, changed, told apart and passed on.

use super::Writer;
use crate::case::Allowed;
use crate::random::Random;
use wasm_encoder::{
    AbstractHeapType, ArrayType, CompositeInnerType, CompositeType, ConstExpr, Elements, FieldType, HeapType,
    Instruction as I, RefType, StorageType, StructType, SubType, ValType,
};

const PAIR: u32 = 0;
/// A subtype of that one.
const MORE: u32 = 1;
/// References to the first.
const LIST: u32 = 2;
const BYTES: u32 = 3;
const LONGS: u32 = 4;
const WIDES: u32 = 5;
const ANYS: u32 = 6;
/// Whose fields never change.
const FIXED: u32 = 7;
/// How many types there are.
pub const COUNT: u32 = 8;

/// Elements that a new array has, but one.
const MOST: i32 = 7;

const fn abstract_type(ty: AbstractHeapType) -> HeapType {
    HeapType::Abstract { shared: false, ty }
}

const fn to(ty: u32, nullable: bool) -> ValType {
    ValType::Ref(RefType { nullable, heap_type: HeapType::Concrete(ty) })
}

pub const ANY: ValType = ValType::Ref(RefType::ANYREF);
const EQ: ValType = ValType::Ref(RefType::EQREF);
const I31: ValType = ValType::Ref(RefType::I31REF);
const STRUCT: ValType = ValType::Ref(RefType { nullable: true, heap_type: abstract_type(AbstractHeapType::Struct) });
const ARRAY: ValType = ValType::Ref(RefType::ARRAYREF);

/// Types of values.
pub const TYPES: [ValType; 15] = [
    ANY,
    ANY,
    EQ,
    I31,
    STRUCT,
    ARRAY,
    to(PAIR, true),
    to(PAIR, false),
    to(MORE, true),
    to(MORE, false),
    to(LIST, true),
    to(BYTES, true),
    to(LONGS, true),
    to(WIDES, false),
    to(FIXED, true),
];

/// The types of objects, which refer to each other.
pub fn types(allowed: Allowed) -> Vec<SubType> {
    use StorageType::{I8, I16, Val};
    let field = |element_type| FieldType { element_type, mutable: true };
    let sub_type = |is_final, supertype: Option<u32>, inner| {
        let composite_type = CompositeType { inner, shared: false, descriptor: None, describes: None };
        SubType { is_final, supertype_idxs: supertype.into_iter().collect(), composite_type }
    };
    let structure =
        |fields: &[FieldType]| CompositeInnerType::Struct(StructType { fields: fields.to_vec().into_boxed_slice() });
    let array = |element| sub_type(true, None, CompositeInnerType::Array(ArrayType(field(element))));
    let pair = [ValType::I32, ANY, to(PAIR, true)].map(|ty| field(Val(ty)));
    let further = [
        Val(ValType::I64),
        I8,
        Val(allowed.or_less(ValType::V128)),
        I16,
        Val(to(LIST, true)),
        Val(ValType::F64),
        Val(ValType::EXTERNREF),
        Val(ValType::FUNCREF),
    ];
    let more: Vec<_> = pair.into_iter().chain(further.map(field)).collect();
    let fixed = [I16, Val(ValType::F32), Val(EQ)].map(|element_type| FieldType { element_type, mutable: false });
    vec![
        sub_type(false, None, structure(&pair)),
        sub_type(false, Some(PAIR), structure(&more)),
        array(Val(to(PAIR, true))),
        array(I8),
        array(Val(ValType::I64)),
        array(Val(allowed.or_less(ValType::V128))),
        array(Val(ANY)),
        sub_type(true, None, structure(&fixed)),
    ]
}

/// The element type of an array.
fn element(ty: u32, allowed: Allowed) -> ValType {
    match ty {
        LIST => to(PAIR, true),
        BYTES => ValType::I32,
        LONGS => ValType::I64,
        WIDES => allowed.or_less(ValType::V128),
        _ => ANY,
    }
}

/// The types of a structure's fields, and how to read them.
fn fields(ty: u32, allowed: Allowed) -> Vec<ValType> {
    use ValType::{F32, F64, I32, I64};
    let pair = [I32, ANY, to(PAIR, true)];
    match ty {
        PAIR => pair.to_vec(),
        MORE => {
            let wide = allowed.or_less(ValType::V128);
            let further = [I64, I32, wide, I32, to(LIST, true), F64, ValType::EXTERNREF, ValType::FUNCREF];
            pair.into_iter().chain(further).collect()
        }
        _ => vec![I32, F32, EQ],
    }
}

fn is_packed(ty: u32, field: u32) -> bool {
    matches!((ty, field), (MORE, 4 | 6) | (FIXED, 0))
}

/// Whether it is the type of what guests make.
pub fn is_of_guest(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(_)) && !matches!(ty, ValType::FUNCREF | ValType::EXTERNREF | ValType::EXNREF)
}

/// Whether locals of a type must be set before they are read.
pub fn is_never_null(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(RefType { nullable: false, .. }))
}

fn heap(ty: ValType) -> HeapType {
    match ty {
        ValType::Ref(ty) => ty.heap_type,
        _ => unreachable!("a reference"),
    }
}

/// What a global is at first.
pub fn initial(random: &mut Random, ty: ValType) -> ConstExpr {
    let number = random.word() as i32;
    let object = match heap(ty) {
        HeapType::Concrete(object) if is_never_null(ty) || random.chance(60) => object,
        _ if ty == ANY && random.chance(50) => return ConstExpr::extended([I::I32Const(number), I::RefI31]),
        heap => return ConstExpr::ref_null(heap),
    };
    match object {
        PAIR if random.chance(50) => ConstExpr::extended([
            I::I32Const(number),
            I::I32Const(-7),
            I::RefI31,
            I::StructNewDefault(MORE),
            I::StructNew(PAIR),
        ]),
        PAIR => ConstExpr::extended([I::StructNewDefault(MORE)]),
        MORE | FIXED => ConstExpr::extended([I::StructNewDefault(object)]),
        LIST => ConstExpr::extended([
            I::StructNewDefault(MORE),
            I::StructNewDefault(PAIR),
            I::ArrayNewFixed { array_type_index: LIST, array_size: 2 },
        ]),
        LONGS => ConstExpr::extended([I::I64Const(number.into()), I::I32Const(4), I::ArrayNew(LONGS)]),
        array => ConstExpr::extended([I::I32Const(number & MOST), I::ArrayNewDefault(array)]),
    }
}

/// A segment of references to structures.
pub fn elements(random: &mut Random) -> Elements<'static> {
    let all: Vec<_> = (0..8).map(|_| initial(random, to(PAIR, true))).collect();
    Elements::Expressions(RefType { nullable: true, heap_type: HeapType::Concrete(PAIR) }, all.into())
}

impl Writer<'_> {
    /// Null, or the least that there is.
    pub(super) fn no_object(&mut self, ty: ValType) {
        match heap(ty) {
            HeapType::Concrete(object) if is_never_null(ty) => self.default_object(object),
            heap => self.emit(I::RefNull(heap)),
        }
    }

    fn default_object(&mut self, ty: u32) {
        if matches!(ty, PAIR | MORE | FIXED) {
            return self.emit(I::StructNewDefault(ty));
        }
        let count = self.random.below(6) as i32;
        self.all(&[I::I32Const(count), I::ArrayNewDefault(ty)]);
    }

    /// A value that needs no other.
    pub(super) fn new_object(&mut self, ty: ValType) {
        if !is_never_null(ty) && self.random.chance(25) {
            return self.no_object(ty);
        }
        let random = &mut self.random;
        let object = match ty {
            ANY | EQ | I31 if ty == I31 || random.chance(40) => {
                let value = random.pick(&[0, 1, -1, 0x3fff_ffff, 0x4000_0000, 77]);
                return self.all(&[I::I32Const(value), I::RefI31]);
            }
            ANY | EQ => random.below(COUNT as usize) as u32,
            STRUCT => random.pick(&[PAIR, MORE, FIXED]),
            ARRAY => random.pick(&[LIST, BYTES, LONGS, WIDES, ANYS]),
            _ => match heap(ty) {
                HeapType::Concrete(PAIR) => random.pick(&[PAIR, MORE]),
                HeapType::Concrete(object) => object,
                _ => unreachable!("no others are used"),
            },
        };
        self.default_object(object);
    }

    /// A reference that is mostly not null; its type says that it never is.
    fn present(&mut self, ty: u32, depth: u32) {
        match self.random.below(10) {
            0..3 => self.make(ty, depth),
            3..8 => {
                self.open(I::Block, &[], &[to(ty, false)]);
                self.expression(to(ty, true), depth);
                self.emit(I::BrOnNonNull(0));
                self.default_object(ty);
                self.close();
            }
            8 => {
                self.expression(to(ty, true), depth);
                self.emit(I::RefAsNonNull);
            }
            _ => self.expression(to(ty, true), depth),
        }
    }

    /// A new object.
    fn make(&mut self, ty: u32, depth: u32) {
        if matches!(ty, PAIR | MORE | FIXED) {
            for field in fields(ty, self.allowed) {
                self.expression(field, depth);
            }
            return self.emit(I::StructNew(ty));
        }
        let of = element(ty, self.allowed);
        match self.random.below(5) {
            0 => {
                self.expression(of, depth);
                self.count(depth);
                self.emit(I::ArrayNew(ty));
            }
            1 if ty == LIST => {
                self.segment_part();
                self.emit(I::ArrayNewElem { array_type_index: ty, array_elem_index: 1 });
            }
            1 if matches!(ty, BYTES | LONGS | WIDES) => {
                self.segment_part();
                self.emit(I::ArrayNewData { array_type_index: ty, array_data_index: 1 });
            }
            2 => {
                self.count(depth);
                self.emit(I::ArrayNewDefault(ty));
            }
            _ => {
                let count = self.random.below(5) as u32;
                for _ in 0..count {
                    self.expression(of, depth);
                }
                self.emit(I::ArrayNewFixed { array_type_index: ty, array_size: count });
            }
        }
    }

    /// A small number of elements.
    fn count(&mut self, depth: u32) {
        if self.random.chance(3) {
            // More than fits into a block of the heap.
            return self.emit(I::I32Const(9000));
        }
        self.expression(ValType::I32, depth);
        self.all(&[I::I32Const(MOST), I::I32And]);
    }

    /// An element's place, mostly inside.
    fn index(&mut self, depth: u32) {
        self.expression(ValType::I32, depth);
        self.all(&[I::I32Const(3), I::I32And]);
    }

    /// A part of a segment.
    fn segment_part(&mut self) {
        let (start, count) = (self.random.below(4) as i32, self.random.below(5) as i32);
        self.all(&[I::I32Const(start), I::I32Const(count)]);
    }

    /// An array of one of these types beneath, and a place that mostly is inside: the array is made longer if it is short.
    fn array_and_place(&mut self, ty: u32, depth: u32) {
        if self.random.chance(70) {
            let count = 4 + self.random.below(3) as i32;
            let of = element(ty, self.allowed);
            self.expression(of, depth);
            self.all(&[I::I32Const(count), I::ArrayNew(ty)]);
        } else {
            self.present(ty, depth);
        }
        self.index(depth);
    }

    /// A value of any type that comes from an object, or is one.
    pub(super) fn object(&mut self, ty: ValType, depth: u32) {
        match ty {
            ValType::I32 => match self.random.below(7) {
                0 => {
                    self.expressions(&[EQ, EQ], depth);
                    self.emit(I::RefEq);
                }
                1 => {
                    self.expression(ANY, depth);
                    let to = heap(self.random.pick(&TYPES));
                    let nullable = self.random.chance(50);
                    self.emit(if nullable { I::RefTestNullable(to) } else { I::RefTestNonNull(to) });
                }
                2 => {
                    self.expression(ValType::I32, depth);
                    let read = if self.random.chance(50) { I::I31GetS } else { I::I31GetU };
                    self.all(&[I::RefI31, read]);
                }
                3 => {
                    let ty = self.random.pick(&[LIST, BYTES, LONGS, WIDES, ANYS]);
                    self.present(ty, depth);
                    self.emit(I::ArrayLen);
                }
                4 => {
                    self.array_and_place(BYTES, depth);
                    let read = if self.random.chance(50) { I::ArrayGetS(BYTES) } else { I::ArrayGetU(BYTES) };
                    self.emit(read);
                }
                _ => self.field(ty, depth),
            },
            ValType::I64 if self.random.chance(50) => self.element_of(LONGS, depth),
            ValType::V128 if self.random.chance(50) => self.element_of(WIDES, depth),
            ValType::F32 | ValType::F64 | ValType::I64 | ValType::V128 | ValType::FUNCREF => self.field(ty, depth),
            ValType::EXTERNREF => {
                self.expression(ANY, depth);
                self.emit(I::ExternConvertAny);
            }
            ANY => match self.random.below(6) {
                0 => {
                    self.expression(ValType::EXTERNREF, depth);
                    self.emit(I::AnyConvertExtern);
                }
                1 => self.field(ty, depth),
                2 => self.element_of(ANYS, depth),
                3 => {
                    self.expression(ValType::I32, depth);
                    self.emit(I::RefI31);
                }
                _ => {
                    let ty = self.random.pick(&TYPES);
                    self.expression(ty, depth);
                }
            },
            EQ | I31 if ty == I31 || self.random.chance(30) => {
                self.expression(ValType::I32, depth);
                self.emit(I::RefI31);
            }
            EQ | STRUCT => {
                let object = self.random.pick(&[PAIR, MORE, FIXED]);
                self.expression(to(object, true), depth);
            }
            ARRAY => {
                let object = self.random.pick(&[LIST, BYTES, LONGS]);
                self.expression(to(object, true), depth);
            }
            _ => {
                let HeapType::Concrete(object) = heap(ty) else { return self.new_object(ty) };
                self.concrete(object, is_never_null(ty), depth);
            }
        }
    }

    /// A reference of one type of objects.
    fn concrete(&mut self, object: u32, is_never_null: bool, depth: u32) {
        let ty = to(object, !is_never_null);
        match self.random.below(8) {
            0 if object == PAIR => self.expression(to(MORE, !is_never_null), depth),
            1 if object == PAIR && !is_never_null => self.element_of(LIST, depth),
            2 if matches!(object, PAIR | LIST) && !is_never_null => self.field(ty, depth),
            3 => {
                // What else it may be is thrown away.
                self.open(I::Block, &[], &[ty]);
                let (from, target) = (RefType::ANYREF, RefType { nullable: !is_never_null, heap_type: heap(ty) });
                self.expression(ANY, depth);
                self.emit(I::BrOnCast { relative_depth: 0, from_ref_type: from, to_ref_type: target });
                self.emit(I::Drop);
                self.make(object, depth);
                self.close();
            }
            4 => {
                let target = RefType { nullable: !is_never_null, heap_type: heap(ty) };
                self.open(I::Block, &[], &[ANY]);
                self.expression(ANY, depth);
                self.emit(I::BrOnCastFail { relative_depth: 0, from_ref_type: RefType::ANYREF, to_ref_type: target });
                // It is one: the same again, by a cast that doesn't fail.
                self.close();
                self.emit(I::Drop);
                self.expression(ty, depth);
                self.emit(if is_never_null { I::RefCastNonNull(heap(ty)) } else { I::RefCastNullable(heap(ty)) });
            }
            5 if self.random.chance(8) => {
                self.expression(ANY, depth);
                self.emit(if is_never_null { I::RefCastNonNull(heap(ty)) } else { I::RefCastNullable(heap(ty)) });
            }
            6 if is_never_null => {
                // Null leaves the block.
                self.open(I::Block, &[], &[]);
                self.expression(to(object, true), depth);
                self.emit(I::BrOnNull(0));
                self.emit(I::Drop);
                self.statements(depth);
                self.close();
                self.make(object, depth);
            }
            _ => self.make(object, depth),
        }
    }

    /// A field of this type.
    fn field(&mut self, ty: ValType, depth: u32) {
        let mut all = Vec::new();
        for structure in [PAIR, MORE, FIXED] {
            let fields = fields(structure, self.allowed).into_iter().enumerate();
            all.extend(fields.filter(|(_, field)| *field == ty).map(|(place, _)| (structure, place as u32)));
        }
        if all.is_empty() {
            return self.constant(ty);
        }
        let (struct_type_index, field_index) = self.random.pick(&all);
        self.present(struct_type_index, depth);
        let is_signed = self.random.chance(50);
        self.emit(match (is_packed(struct_type_index, field_index), is_signed) {
            (false, _) => I::StructGet { struct_type_index, field_index },
            (true, true) => I::StructGetS { struct_type_index, field_index },
            (true, false) => I::StructGetU { struct_type_index, field_index },
        });
    }

    fn element_of(&mut self, ty: u32, depth: u32) {
        self.array_and_place(ty, depth);
        self.emit(I::ArrayGet(ty));
    }

    /// A statement that changes an object, a table of references, or where a reference goes.
    pub(super) fn change_object(&mut self, depth: u32) {
        let array = self.random.pick(&[LIST, BYTES, LONGS, WIDES, ANYS]);
        let of = element(array, self.allowed);
        match self.random.below(12) {
            0..4 => {
                let structure = self.random.pick(&[PAIR, MORE]);
                let fields = fields(structure, self.allowed);
                let field = self.random.below(fields.len());
                self.present(structure, depth);
                self.expression(fields[field], depth);
                self.emit(I::StructSet { struct_type_index: structure, field_index: field as u32 });
            }
            4 | 5 => {
                self.array_and_place(array, depth);
                self.expression(of, depth);
                self.emit(I::ArraySet(array));
            }
            6 => {
                self.array_and_place(array, depth);
                self.expression(of, depth);
                self.all(&[I::I32Const(1), I::ArrayFill(array)]);
            }
            7 => {
                self.array_and_place(array, depth);
                self.array_and_place(array, depth);
                self.all(&[I::I32Const(1), I::ArrayCopy { array_type_index_dst: array, array_type_index_src: array }]);
            }
            8 => {
                let is_list = self.random.chance(50);
                let array = if is_list { LIST } else { self.random.pick(&[BYTES, LONGS]) };
                self.array_and_place(array, depth);
                let start = self.random.below(4) as i32;
                self.all(&[I::I32Const(start), I::I32Const(1)]);
                self.emit(if is_list {
                    I::ArrayInitElem { array_type_index: array, array_elem_index: 1 }
                } else {
                    I::ArrayInitData { array_type_index: array, array_data_index: 1 }
                });
            }
            9 => {
                self.element(depth);
                self.expression(ANY, depth);
                self.small(self.table64, 3);
                self.emit(I::TableFill(2));
            }
            10 => {
                self.expression(ANY, depth);
                self.small(self.table64, 1);
                self.all(&[I::TableGrow(2), I::Drop]);
            }
            _ => {
                // Garbage.
                let ty = self.random.pick(&TYPES);
                self.expression(ty, depth);
                self.emit(I::Drop);
            }
        }
    }
}
