//! Values between their tagged and their raw form.

use super::Store;
use crate::base::{RawValue, Result, ValType, Value};

impl Store {
    /// The raw form of a value. `WrongStore` or `OutOfRange` for a bad reference, `InvalidArgument` for
    /// [`Value::Unavailable`].
    pub fn to_raw(&self, _value: &Value) -> Result<RawValue> {
        todo!()
    }

    /// The tagged form of a value. Bits that are no reference of this store become [`Value::Unavailable`].
    pub fn from_raw(&self, _ty: ValType, _raw: RawValue) -> Value {
        todo!()
    }
}
