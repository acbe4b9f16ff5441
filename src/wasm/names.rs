//! The name section (Wasm core spec, appendix "Custom Sections").

use crate::base::FuncIndex;
use std::collections::HashMap;
use wasmparser::{Name, NameMap, NameSectionReader};

/// Names from a module's name section. A malformed section ends the reading; what came before it counts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The module's name.
    pub module: Option<String>,
    /// Functions' names.
    pub functions: HashMap<FuncIndex, String>,
    /// Locals' names, by function and local index.
    pub locals: HashMap<(FuncIndex, u32), String>,
}

impl Names {
    pub(super) fn read(&mut self, section: NameSectionReader<'_>) {
        for name in section {
            let ended = match name {
                Ok(Name::Module { name, .. }) => {
                    self.module = Some(name.to_string());
                    Some(())
                }
                Ok(Name::Function(map)) => each(map, |index, name| {
                    self.functions.insert(FuncIndex::from_u32(index), name.to_string());
                }),
                Ok(Name::Local(maps)) => maps.into_iter().try_for_each(|map| {
                    let map = map.ok()?;
                    let function = FuncIndex::from_u32(map.index);
                    each(map.names, |index, name| {
                        self.locals.insert((function, index), name.to_string());
                    })
                }),
                Ok(_) => Some(()),
                Err(_) => None,
            };
            if ended.is_none() {
                log::debug!("the name section is malformed; the names before the fault are used");
                return;
            }
        }
    }
}

fn each(map: NameMap<'_>, mut take: impl FnMut(u32, &str)) -> Option<()> {
    map.into_iter().try_for_each(|naming| {
        let naming = naming.ok()?;
        // An index that no entity can have would collide with the reserved one.
        if naming.index != u32::MAX {
            take(naming.index, naming.name);
        }
        Some(())
    })
}
