//! The defined types of an engine: each is there once, however many modules define it.
//!
//! A group of types that refer to each other is the same as another if both have the same structure (Wasm core spec, 3.1.5
//! "Defined Types": equality up to unrolling). Inside a group as it is registered, [`TypeRegistry::in_group`] numbers stand for the
//! group's own types. Invariant: a type's number, and what it stands for, stay as long as the registry.

use crate::abi::type_paths::{ALWAYS, CHUNK_LOG2, CHUNKS};
use crate::base::{
    CompositeType, FieldType, FuncType, HeapType, RefType, Result, StorageType, SubType, TypeId, TypeKind, ValType,
    error::bail,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// Types that a registry holds at most.
const MOST_TYPES: usize = CHUNKS << CHUNK_LOG2;

/// Marks a number that is relative to the beginning of its group.
const IN_GROUP: u32 = 1 << 31;

/// No type's number.
const NO_TYPE: u32 = u32::MAX;

/// All types of an engine.
pub struct TypeRegistry {
    types: RwLock<Types>,
    /// Where guest code looks; see [`crate::abi::type_paths`].
    chunks: Box<[AtomicUsize; CHUNKS]>,
}

#[derive(Default)]
struct Types {
    /// The first type of each group, by the group with relative numbers.
    groups: HashMap<Box<[SubType]>, TypeId>,
    /// The same for the groups of a single final function type without supertype, which are most.
    funcs: HashMap<Arc<FuncType>, TypeId>,
    all: Vec<Entry>,
    /// What `chunks` leads to.
    paths: Vec<Box<[AtomicUsize]>>,
}

/// Where the types of a group are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeGroup {
    /// The first of them; the others follow it.
    pub first: TypeId,
    /// How many they are.
    pub count: u32,
}

struct Entry {
    ty: Arc<SubType>,
    group: TypeGroup,
    /// As guest code finds it: the number of its supertypes and itself; these from the most general one on; what is never a type.
    path: Box<[u32]>,
}

impl Entry {
    fn path(&self) -> &[u32] {
        &self.path[1..][..self.path[0] as usize]
    }
}

impl Default for TypeRegistry {
    fn default() -> TypeRegistry {
        TypeRegistry { types: RwLock::default(), chunks: Box::new([const { AtomicUsize::new(0) }; CHUNKS]) }
    }
}

impl TypeRegistry {
    /// What stands for the type at `place` of the group that is being registered, in that group.
    pub fn in_group(place: usize) -> TypeId {
        TypeId(IN_GROUP | place as u32)
    }

    /// The place in the group that is being registered of the type that this number stands for, if it is such a number.
    pub fn place_in_group(id: TypeId) -> Option<usize> {
        (id.0 & IN_GROUP != 0).then_some((id.0 & !IN_GROUP) as usize)
    }

    /// The number of the first type of a group; the others follow it. The group must be valid.
    ///
    /// Errors: `Limit` if there are too many types.
    pub fn register(&self, group: Vec<SubType>) -> Result<TypeId> {
        if let [SubType { is_final: true, supertype: None, composite: CompositeType::Func(ty) }] = &group[..]
            && !refers_to_group(ty)
        {
            return self.register_func(ty);
        }
        if let Some(first) = self.types().groups.get(&group[..]) {
            return Ok(*first);
        }
        let mut types = self.types.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Somebody else may have been faster.
        if let Some(first) = types.groups.get(&group[..]) {
            return Ok(*first);
        }
        let first = types.next(group.len())?;
        let extent = TypeGroup { first, count: group.len() as u32 };
        for ty in &group {
            types.push(absolute(ty, first), extent, &self.chunks);
        }
        types.groups.insert(group.into(), first);
        Ok(first)
    }

    /// The number of a function type that is final and has no supertype.
    ///
    /// Errors: `Limit` if there are too many types.
    pub fn register_func(&self, ty: &FuncType) -> Result<TypeId> {
        if let Some(id) = self.types().funcs.get(ty) {
            return Ok(*id);
        }
        let mut types = self.types.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(id) = types.funcs.get(ty) {
            return Ok(*id);
        }
        let id = types.next(1)?;
        let ty = Arc::new(ty.clone());
        let composite = CompositeType::Func(ty.clone());
        let group = TypeGroup { first: id, count: 1 };
        types.push(SubType { is_final: true, supertype: None, composite }, group, &self.chunks);
        types.funcs.insert(ty, id);
        Ok(id)
    }

    /// How many types there are.
    pub fn count(&self) -> usize {
        self.types().all.len()
    }

    /// The type of this number.
    ///
    /// Panics if the number isn't this registry's.
    pub fn get(&self, id: TypeId) -> Arc<SubType> {
        self.types().all[id.0 as usize].ty.clone()
    }

    /// The same, for a number that may not be this registry's.
    pub fn find(&self, id: TypeId) -> Option<Arc<SubType>> {
        self.types().all.get(id.0 as usize).map(|entry| entry.ty.clone())
    }

    /// Whether a type is one of functions that means the same in all registries: final, without supertype, and of no types that are
    /// defined.
    pub fn is_plain_func(&self, id: TypeId) -> bool {
        let ty = self.get(id);
        let CompositeType::Func(ty) = &ty.composite else { return false };
        let is_defined = |ty: &ValType| matches!(ty, ValType::Ref(RefType { heap: HeapType::Defined(..), .. }));
        self.types().funcs.get(ty) == Some(&id) && !ty.params.iter().chain(&ty.results).any(is_defined)
    }

    /// The function type of this number.
    ///
    /// Panics if the number isn't this registry's, or not a function type's.
    pub fn func_type(&self, id: TypeId) -> Arc<FuncType> {
        match &self.types().all[id.0 as usize].ty.composite {
            CompositeType::Func(ty) => ty.clone(),
            other => panic!("{id:?} is a {:?}", other.kind()),
        }
    }

    /// Whether a defined type is another, or declared to be a subtype of it.
    pub fn is_subtype(&self, ty: TypeId, of: TypeId) -> bool {
        ty == of || {
            let types = self.types();
            let depth = types.all[of.0 as usize].path().len() - 1;
            types.all[ty.0 as usize].path().get(depth) == Some(&{ of.0 })
        }
    }

    /// The group that a type is of.
    pub fn group(&self, id: TypeId) -> TypeGroup {
        self.types().all[id.0 as usize].group
    }

    /// The first place at which two groups of as many types differ.
    pub fn difference(&self, group: TypeGroup, other: TypeGroup) -> Option<u32> {
        let type_at = |group: TypeGroup, place| {
            let is_inside = |id: TypeId| (group.first.0..group.first.0 + group.count).contains(&{ id.0 });
            let relative = |id: TypeId| {
                if is_inside(id) { TypeRegistry::in_group((id.0 - group.first.0) as usize) } else { id }
            };
            renumbered(&self.get(TypeId(group.first.0 + place)), &relative)
        };
        (0..group.count).find(|place| type_at(group, *place) != type_at(other, *place))
    }

    /// How many supertypes a type has.
    pub fn depth(&self, id: TypeId) -> u32 {
        self.types().all[id.0 as usize].path[0] - 1
    }

    /// Where guest code finds the supertypes of each type; see [`crate::abi::type_paths`]. It stays there as long as the registry.
    pub fn paths(&self) -> usize {
        self.chunks.as_ptr().addr()
    }

    /// Whether a heap type matches another (Wasm core spec, 3.3.3 "Heap Types").
    pub fn heap_matches(&self, ty: HeapType, of: HeapType) -> bool {
        use HeapType::*;
        match (ty, of) {
            (Defined(_, ty), Defined(_, of)) => self.is_subtype(ty, of),
            (NoFunc, Func | Defined(TypeKind::Func, _)) | (Defined(TypeKind::Func, _), Func) => true,
            (NoExtern, Extern) | (NoExn, Exn) => true,
            (None, _) => of.top() == Any,
            (_, Any) => ty.top() == Any,
            (I31 | Struct | Array | Defined(TypeKind::Struct | TypeKind::Array, _), Eq) => true,
            (Defined(TypeKind::Struct, _), Struct) | (Defined(TypeKind::Array, _), Array) => true,
            _ => ty == of,
        }
    }

    /// Whether a reference type matches another (Wasm core spec, 3.3.4 "Reference Types").
    pub fn ref_matches(&self, ty: RefType, of: RefType) -> bool {
        (of.nullable || !ty.nullable) && self.heap_matches(ty.heap, of.heap)
    }

    /// Whether a value type matches another (Wasm core spec, 3.3.5 "Value Types").
    pub fn val_matches(&self, ty: ValType, of: ValType) -> bool {
        match (ty, of) {
            (ValType::Ref(ty), ValType::Ref(of)) => self.ref_matches(ty, of),
            _ => ty == of,
        }
    }

    fn types(&self) -> RwLockReadGuard<'_, Types> {
        self.types.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Types {
    /// The number of the next type, if there is room for so many.
    fn next(&self, count: usize) -> Result<TypeId> {
        let present = self.all.len();
        if count > MOST_TYPES - present {
            bail!(Limit, "an engine can't have more than {MOST_TYPES} different types");
        }
        Ok(TypeId(present as u32))
    }

    fn push(&mut self, ty: SubType, group: TypeGroup, chunks: &[AtomicUsize; CHUNKS]) {
        let number = self.all.len();
        let supertypes = ty.supertype.map_or(&[][..], |id| self.all[id.0 as usize].path());
        let mut path = vec![supertypes.len() as u32 + 1];
        path.extend(supertypes);
        path.push(number as u32);
        path.resize(path.len().max(1 + ALWAYS), NO_TYPE);
        let (chunk, place) = (number >> CHUNK_LOG2, number & ((1 << CHUNK_LOG2) - 1));
        if chunk == self.paths.len() {
            let paths: Box<[AtomicUsize]> = (0..1 << CHUNK_LOG2).map(|_| AtomicUsize::new(0)).collect();
            chunks[chunk].store(paths.as_ptr().addr(), Ordering::Release);
            self.paths.push(paths);
        }
        let path: Box<[u32]> = path.into();
        // Whoever has a value of the type has got its number from here, after this.
        self.paths[chunk][place].store(path.as_ptr().addr(), Ordering::Release);
        self.all.push(Entry { ty: Arc::new(ty), group, path });
    }
}

fn refers_to_group(ty: &FuncType) -> bool {
    let is_relative = |ty: &ValType| matches!(ty, ValType::Ref(RefType { heap: HeapType::Defined(_, id), .. }) if id.0 & IN_GROUP != 0);
    ty.params.iter().chain(&ty.results).any(is_relative)
}

/// A type of a group whose first type has this number, with the numbers that it refers to.
fn absolute(ty: &SubType, first: TypeId) -> SubType {
    renumbered(ty, &|id| if id.0 & IN_GROUP == 0 { id } else { TypeId(first.0 + (id.0 & !IN_GROUP)) })
}

/// A type with other numbers for those that it refers to.
fn renumbered(ty: &SubType, id: &dyn Fn(TypeId) -> TypeId) -> SubType {
    let val = |ty: ValType| match ty {
        ValType::Ref(RefType { nullable, heap: HeapType::Defined(kind, of) }) => {
            ValType::Ref(RefType { nullable, heap: HeapType::Defined(kind, id(of)) })
        }
        other => other,
    };
    let vals = |types: &[ValType]| types.iter().map(|ty| val(*ty)).collect::<Box<[_]>>();
    let field = |field: &FieldType| match field.storage {
        StorageType::Val(ty) => FieldType { storage: StorageType::Val(val(ty)), ..*field },
        _ => *field,
    };
    let composite = match &ty.composite {
        CompositeType::Func(ty) => CompositeType::Func(Arc::new(FuncType::new(vals(&ty.params), vals(&ty.results)))),
        CompositeType::Struct(fields) => CompositeType::Struct(fields.iter().map(field).collect()),
        CompositeType::Array(elements) => CompositeType::Array(field(elements)),
    };
    SubType { is_final: ty.is_final, supertype: ty.supertype.map(id), composite }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(kind: TypeKind, id: TypeId) -> ValType {
        ValType::Ref(RefType::null(HeapType::Defined(kind, id)))
    }

    fn node(id: TypeId, supertype: Option<TypeId>) -> SubType {
        let next = FieldType { storage: StorageType::Val(reference(TypeKind::Struct, id)), mutable: true };
        SubType { is_final: false, supertype, composite: CompositeType::Struct(Box::new([next])) }
    }

    #[test]
    fn groups_of_one_structure_are_one() {
        let registry = TypeRegistry::default();
        let own = TypeRegistry::in_group;
        let list = registry.register(vec![node(own(0), None)]).unwrap();
        assert_eq!(registry.register(vec![node(own(0), None)]).unwrap(), list);
        // Of the same shape when unrolled, but not recursive itself.
        let unrolled = registry.register(vec![node(list, None)]).unwrap();
        assert_ne!(unrolled, list);
        let pair = registry.register(vec![node(own(1), None), node(own(0), None)]).unwrap();
        assert_ne!(pair, list);
        assert_eq!(registry.register(vec![node(own(1), None), node(own(0), None)]).unwrap(), pair);
        assert_eq!(registry.get(pair).composite, node(TypeId(pair.0 + 1), None).composite);
        let ty = FuncType::new([ValType::I32], []);
        let single = SubType { is_final: true, supertype: None, composite: CompositeType::Func(Arc::new(ty.clone())) };
        assert_eq!(registry.register(vec![single.clone()]).unwrap(), registry.register_func(&ty).unwrap());
        let open = registry.register(vec![SubType { is_final: false, ..single }]).unwrap();
        assert_ne!(open, registry.register_func(&ty).unwrap());
    }

    #[test]
    fn subtypes_are_those_that_are_declared() {
        let registry = TypeRegistry::default();
        let own = TypeRegistry::in_group;
        let base = registry.register(vec![node(own(0), None)]).unwrap();
        let middle = registry.register(vec![node(base, Some(base))]).unwrap();
        let leaf = registry.register(vec![node(base, Some(middle))]).unwrap();
        let other = registry.register(vec![node(base, None)]).unwrap();
        assert!(
            registry.is_subtype(leaf, base) && registry.is_subtype(leaf, middle) && registry.is_subtype(base, base)
        );
        assert!(!registry.is_subtype(base, leaf) && !registry.is_subtype(leaf, other));
        use HeapType::{Any, Array, Eq, Exn, Func, I31, NoExn, NoFunc, Struct};
        let bottom = HeapType::None;
        let defined = |id| HeapType::Defined(TypeKind::Struct, id);
        for (ty, of, expected) in [
            (defined(leaf), defined(base), true),
            (defined(base), defined(leaf), false),
            (defined(leaf), Struct, true),
            (defined(leaf), Array, false),
            (defined(leaf), Eq, true),
            (bottom, defined(leaf), true),
            (bottom, I31, true),
            (NoFunc, Func, true),
            (NoFunc, Any, false),
            (I31, Eq, true),
            (Eq, Any, true),
            (Any, Eq, false),
            (Func, Any, false),
            (NoExn, Exn, true),
        ] {
            assert_eq!(registry.heap_matches(ty, of), expected, "{ty:?} matches {of:?}");
        }
        let not_null = RefType { nullable: false, heap: Struct };
        assert!(registry.ref_matches(not_null, RefType::null(Eq)));
        assert!(!registry.ref_matches(RefType::null(Struct), not_null));
    }
}
