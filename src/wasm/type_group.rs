//! Groups of types that the host makes: whether they are valid (Wasm core spec, 3.2.11 "Recursive Types" and 3.3.10 "Composite Types").
//!
//! Modules' groups are validated with their modules. Knows nothing of C. Read next: [`super::type_registry`].

use super::TypeRegistry;
use crate::base::{
    CompositeType, FieldType, HeapType, RefType, Result, StorageType, SubType, TypeId, TypeKind, ValType, error::bail,
};

/// How many supertypes a type has at most, as in modules.
const DEEPEST: u32 = 63;

/// A group that may be registered, with numbers as [`TypeRegistry::in_group`] makes them.
struct Group<'a> {
    registry: &'a TypeRegistry,
    types: &'a [SubType],
    /// How many supertypes each has.
    depths: Vec<u32>,
}

impl TypeRegistry {
    /// Like [`TypeRegistry::register`], for a group that nobody has validated. Its types are the same as those of a module's group that
    /// is equal.
    ///
    /// Errors: `InvalidArgument`; `Limit` if there are too many types.
    pub fn define(&self, types: Vec<SubType>) -> Result<TypeId> {
        let mut group = Group { registry: self, types: &types, depths: Vec::with_capacity(types.len()) };
        for place in 0..types.len() {
            group.check(place)?;
        }
        self.register(types)
    }
}

impl Group<'_> {
    fn check(&mut self, place: usize) -> Result<()> {
        let ty = &self.types[place];
        match &ty.composite {
            CompositeType::Func(ty) => ty.params.iter().chain(&ty.results).try_for_each(|ty| self.check_value(*ty))?,
            CompositeType::Struct(fields) => fields.iter().try_for_each(|field| self.check_field(field))?,
            CompositeType::Array(element) => self.check_field(element)?,
        }
        let depth = match ty.supertype {
            Some(id) => self.check_supertype(place, ty, id)?,
            None => 0,
        };
        self.depths.push(depth);
        Ok(())
    }

    /// Checks the supertype of a type; answers how many the type has.
    fn check_supertype(&self, place: usize, ty: &SubType, id: TypeId) -> Result<u32> {
        if TypeRegistry::place_in_group(id).is_some_and(|supertype| supertype >= place) {
            bail!(InvalidArgument, "the supertype of type {place} must come before it");
        }
        self.kind(id)?;
        let (supertype, depth) = match TypeRegistry::place_in_group(id) {
            Some(place) => (self.types[place].clone(), self.depths[place] + 1),
            None => ((*self.registry.get(id)).clone(), self.registry.depth(id) + 1),
        };
        if supertype.is_final {
            bail!(InvalidArgument, "the supertype of type {place} is final");
        }
        if !self.composite_matches(&ty.composite, &supertype.composite) {
            bail!(InvalidArgument, "type {place} doesn't match its supertype");
        }
        if depth > DEEPEST {
            bail!(InvalidArgument, "type {place} has more than {DEEPEST} supertypes");
        }
        Ok(depth)
    }

    fn check_field(&self, field: &FieldType) -> Result<()> {
        match field.storage {
            StorageType::Val(ty) => self.check_value(ty),
            StorageType::I8 | StorageType::I16 => Ok(()),
        }
    }

    fn check_value(&self, ty: ValType) -> Result<()> {
        if let ValType::Ref(RefType { heap: HeapType::Defined(kind, id), .. }) = ty
            && self.kind(id)? != kind
        {
            bail!(InvalidArgument, "a reference says that its type is of another kind");
        }
        Ok(())
    }

    /// What a type that is referred to is of.
    fn kind(&self, id: TypeId) -> Result<TypeKind> {
        match TypeRegistry::place_in_group(id) {
            Some(place) if place >= self.types.len() => bail!(InvalidArgument, "the group has no type {place}"),
            Some(place) => Ok(self.types[place].composite.kind()),
            None => match self.registry.find(id) {
                Some(ty) => Ok(ty.composite.kind()),
                None => bail!(InvalidArgument, "the engine has no type {}", { id.0 }),
            },
        }
    }

    fn composite_matches(&self, ty: &CompositeType, of: &CompositeType) -> bool {
        use CompositeType::*;
        match (ty, of) {
            (Func(ty), Func(of)) => self.all_match(&of.params, &ty.params) && self.all_match(&ty.results, &of.results),
            (Struct(ty), Struct(of)) => {
                ty.len() >= of.len() && ty.iter().zip(of).all(|(ty, of)| self.field_matches(ty, of))
            }
            (Array(ty), Array(of)) => self.field_matches(ty, of),
            _ => false,
        }
    }

    fn all_match(&self, types: &[ValType], of: &[ValType]) -> bool {
        types.len() == of.len() && types.iter().zip(of).all(|(ty, of)| self.val_matches(*ty, *of))
    }

    fn field_matches(&self, ty: &FieldType, of: &FieldType) -> bool {
        ty.mutable == of.mutable
            && match (ty.storage, of.storage) {
                (StorageType::Val(storage), StorageType::Val(of)) if !ty.mutable => self.val_matches(storage, of),
                // What can be set must be of the same type.
                (storage, of) => storage == of,
            }
    }

    fn val_matches(&self, ty: ValType, of: ValType) -> bool {
        match (ty, of) {
            (ValType::Ref(ty), ValType::Ref(of)) => {
                (of.nullable || !ty.nullable) && self.heap_matches(ty.heap, of.heap)
            }
            _ => ty == of,
        }
    }

    fn heap_matches(&self, ty: HeapType, of: HeapType) -> bool {
        match (ty, of) {
            (HeapType::Defined(_, ty), HeapType::Defined(_, of)) => self.is_subtype(ty, of),
            // Which type it is doesn't matter then, so that the registry needn't know it.
            _ => self.registry.heap_matches(ty, of),
        }
    }

    fn is_subtype(&self, ty: TypeId, of: TypeId) -> bool {
        let mut next = Some(ty);
        while let Some(id) = next {
            if id == of {
                return true;
            }
            let Some(place) = TypeRegistry::place_in_group(id) else {
                return TypeRegistry::place_in_group(of).is_none() && self.registry.is_subtype(id, of);
            };
            // A type that comes later isn't checked yet: its supertype may be itself.
            next = self.types[place]
                .supertype
                .filter(|id| TypeRegistry::place_in_group(*id).is_none_or(|next| next < place));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ErrorKind, FuncType};
    use std::sync::Arc;

    fn open(supertype: Option<TypeId>, composite: CompositeType) -> SubType {
        SubType { is_final: false, supertype, composite }
    }

    fn structure(fields: &[(ValType, bool)]) -> CompositeType {
        let field = |(ty, mutable): &(ValType, bool)| FieldType { storage: StorageType::Val(*ty), mutable: *mutable };
        CompositeType::Struct(fields.iter().map(field).collect())
    }

    fn reference(id: TypeId, nullable: bool) -> ValType {
        ValType::Ref(RefType { nullable, heap: HeapType::Defined(TypeKind::Struct, id) })
    }

    #[test]
    fn groups_are_checked_as_modules_are() {
        let registry = TypeRegistry::default();
        let own = TypeRegistry::in_group;
        let refused = |group: Vec<SubType>, part: &str| {
            let error = registry.define(group).unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidArgument && error.to_string().contains(part), "{error}");
        };
        let base =
            registry.define(vec![open(None, structure(&[(ValType::I32, true), (ValType::ANYREF, false)]))]).unwrap();
        let more = structure(&[(ValType::I32, true), (reference(own(0), false), false), (ValType::F64, false)]);
        let leaf = registry.define(vec![open(Some(base), more)]).unwrap();
        assert!(registry.is_subtype(leaf, base));
        // Fewer fields; a mutable field of a smaller type; another mutability; another kind.
        refused(vec![open(Some(base), structure(&[(ValType::I32, true)]))], "doesn't match");
        refused(vec![open(Some(base), structure(&[(ValType::I64, true), (ValType::ANYREF, false)]))], "doesn't match");
        refused(vec![open(Some(base), structure(&[(ValType::I32, false), (ValType::ANYREF, false)]))], "doesn't match");
        refused(vec![open(Some(base), CompositeType::Func(Arc::default()))], "doesn't match");
        let settable = registry.define(vec![open(None, structure(&[(ValType::ANYREF, true)]))]).unwrap();
        refused(vec![open(Some(settable), structure(&[(reference(base, true), true)]))], "doesn't match");
        let last = registry.define(vec![SubType { is_final: true, ..open(None, structure(&[])) }]).unwrap();
        refused(vec![open(Some(last), structure(&[]))], "final");
        // Supertypes come before, and numbers are known and of the kind that they say.
        refused(vec![open(Some(own(0)), structure(&[]))], "before");
        refused(vec![open(Some(own(1)), structure(&[])), open(None, structure(&[]))], "before");
        refused(vec![open(None, structure(&[(reference(own(1), true), true)]))], "no type 1");
        refused(vec![open(None, structure(&[(reference(TypeId(4000), true), true)]))], "no type 4000");
        refused(vec![open(Some(TypeId(4000)), structure(&[]))], "no type 4000");
        let wrong = ValType::Ref(RefType::null(HeapType::Defined(TypeKind::Func, base)));
        refused(vec![open(None, structure(&[(wrong, true)]))], "another kind");
        // Parameters of subtypes are larger, results smaller; types of the group that come later count too.
        let func = |param, result| CompositeType::Func(Arc::new(FuncType::new([param], [result])));
        let small = |place| reference(own(place), false);
        let group = |first, second| {
            vec![
                open(None, func(small(3), small(2))),
                open(Some(own(0)), func(first, second)),
                open(None, structure(&[(ValType::I32, false)])),
                open(Some(own(2)), structure(&[(ValType::I32, false)])),
            ]
        };
        registry.define(group(small(2), small(3))).unwrap();
        registry.define(group(small(3), small(2))).unwrap();
        refused(group(small(3), ValType::ANYREF), "doesn't match");
        let mut crossed = group(small(3), small(3));
        crossed[0] = open(None, func(small(2), small(2)));
        refused(crossed, "doesn't match");
        // So deep and no deeper, as modules.
        let mut id = base;
        for depth in 1..=DEEPEST + 1 {
            let ty = open(Some(id), structure(&[(ValType::I32, true), (ValType::ANYREF, false)]));
            match registry.define(vec![ty]) {
                Ok(next) => id = next,
                Err(error) => assert!(depth > DEEPEST && error.kind() == ErrorKind::InvalidArgument),
            }
        }
        assert_eq!(registry.depth(id), DEEPEST);
    }
}
