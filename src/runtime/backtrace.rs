//! Backtraces for people: frames by module, function and operator.

use super::{Activation, Store};
use crate::base::BacktraceFrame;

impl Store {
    /// The backtrace of an activation, innermost frame first.
    pub fn backtrace(&self, _activation: &Activation) -> Vec<BacktraceFrame> {
        todo!()
    }
}
