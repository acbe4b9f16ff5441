//! The fuel of a store's guests: what is left, and what happens when nothing is.
//!
//! Guest code counts it ([`crate::abi::fuel`]). Knows nothing of what becomes of a call that was left. Read next:
//! [`super::interrupt`].

use super::Store;
use super::epoch::LimitAction;
use crate::base::{Result, error::bail};

/// The most fuel that there may be, and the most that may be missing: so that nothing that guest code takes at once wraps.
const MOST: i64 = 1 << 62;

impl Store {
    fn check_fuel(&self) -> Result<()> {
        if !self.engine().config().fuel {
            bail!(Unsupported, "the engine was made without counting fuel");
        }
        Ok(())
    }

    /// Fuel that is left; negative if guests have taken more than they were given.
    ///
    /// Errors: `Unsupported` if the engine counts none.
    pub fn fuel(&self) -> Result<i64> {
        self.check_fuel()?;
        Ok(self.inner().context.fuel())
    }

    /// Sets how much is left, up to 2^62 either way.
    ///
    /// Errors: as [`Store::fuel`].
    pub fn set_fuel(&self, fuel: i64) -> Result<()> {
        self.check_fuel()?;
        self.inner().context.set_fuel(fuel.clamp(-MOST, MOST));
        Ok(())
    }

    /// Adds to what is left.
    ///
    /// Errors: as [`Store::fuel`].
    pub fn add_fuel(&self, more: i64) -> Result<()> {
        self.set_fuel(self.fuel()?.saturating_add(more))
    }

    /// Takes fuel for operators that no guest code has taken it for.
    pub fn take_fuel(&self, fuel: u64) {
        if fuel != 0 {
            // Without counting nothing costs anything.
            let _ = self.add_fuel(-i64::try_from(fuel).unwrap_or(i64::MAX));
        }
    }

    /// What a call does when fuel is used up: it ends, if nobody said otherwise.
    ///
    /// Errors: as [`Store::fuel`].
    pub fn set_fuel_action(&self, action: LimitAction) -> Result<()> {
        self.check_fuel()?;
        self.inner().fuel_action.set(action);
        Ok(())
    }

    /// Has what guests have taken beyond what they were given not wrap, whatever they are allowed to go on with.
    pub(super) fn bound_fuel(&self) {
        let _ = self.add_fuel(0);
    }
}
