//! The fuel of a store whose calls may stand in the midst of runs.
//!
//! The machine has taken fuel up to the stop point where a call stands; what replay has gone on by is counted here. So what is
//! left is the same in every form. Read next: [`crate::abi::fuel`].

use super::Debuggee;
use crate::base::Result;

impl Debuggee {
    /// Fuel that is left; negative if guests have taken more than they were given.
    ///
    /// Errors: `Unsupported` if the engine counts none.
    pub fn fuel(&self) -> Result<i64> {
        Ok(self.store().fuel()? - self.passed_fuel())
    }

    /// Sets how much is left, up to 2^62 either way.
    ///
    /// Errors: as [`Debuggee::fuel`].
    pub fn set_fuel(&self, fuel: i64) -> Result<()> {
        self.store().set_fuel(fuel.saturating_add(self.passed_fuel()))
    }

    /// What it takes for the machine to come to where calls are shown.
    fn passed_fuel(&self) -> i64 {
        if !self.is_debug() {
            return 0;
        }
        let parked = self.parked.calls.borrow();
        let driven = self.current.borrow();
        let driven = driven.iter().filter(|stopped_call| stopped_call.is_inspectable.get());
        driven.chain(parked.values()).map(|stopped_call| stopped_call.passed_fuel() as i64).sum()
    }
}
