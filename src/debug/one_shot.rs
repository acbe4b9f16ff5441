//! One-shot calls of a store with a debugger: from arguments to results, with events on the way.
//!
//! If a call stops or traps, a session drives it from there on. A call that does neither costs nothing more than without a
//! debugger. Read next: `session.rs`.

use super::interruption::{Budget, BudgetView};
use super::session::{Outcome, Session};
use super::{Debuggee, EventKind};
use crate::base::{Func, Instance, RawValue, Result, Value};
use crate::runtime::{Call, Convert, Exit, Extern, Linker, Module, SlowPath};

/// Stands for a call that has no number yet.
const NEW_CALL: u64 = 0;

/// Running the guest; all of it works without debugging too.
impl Debuggee {
    /// Instantiates a module and runs its start function.
    pub fn instantiate(&self, module: &Module, imports: &[Extern]) -> Result<Instance> {
        let (instance, start) = self.telling_of_new(|store| store.instantiate(module, imports))?;
        self.start(instance, start)
    }

    /// Instantiates a module with imports from `linker` and runs its start function.
    pub fn link(&self, linker: &Linker, module: &Module) -> Result<Instance> {
        let (instance, start) = self.telling_of_new(|store| linker.instantiate(store, module))?;
        self.start(instance, start)
    }

    fn start(&self, instance: Instance, start: Option<Func>) -> Result<Instance> {
        if let Some(start) = start {
            self.call_raw(start, &mut [])?;
        }
        Ok(instance)
    }

    /// Calls a function and runs it to its end.
    pub fn call(&self, func: Func, args: &[Value]) -> Result<Vec<Value>> {
        let ty = self.store().func_type(func)?;
        let mut results: Vec<_> = ty.results.iter().map(|ty| Value::default_of(*ty)).collect();
        self.call_into(func, args, &mut results)?;
        Ok(results)
    }

    /// Calls a function and runs it to its end; `results` has as many values as the function has results.
    pub fn call_into(&self, func: Func, args: &[Value], results: &mut [Value]) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_with(func, args, results, |call, exit| self.drive_one_shot(call, exit))
    }

    /// The same with values of another form.
    #[inline(always)]
    pub fn call_converted(&self, func: Func, values: impl Convert) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_converted(func, values, |call, exit| self.drive_one_shot(call, exit))
    }

    /// Calls a function with untagged values: arguments in, results out, as many as the longer of the two.
    #[inline(always)]
    pub fn call_raw(&self, func: Func, values: &mut [RawValue]) -> Result<()> {
        self.before_one_shot(func)?;
        self.store().call_raw_with(func, values, |call, exit| self.drive_one_shot(call, exit))
    }

    /// Calls a function with values of a form of the caller's, with no more time than this.
    ///
    /// Errors: also `InvalidArgument` for a budget that pauses; `Unsupported`; `System`.
    pub fn call_for(&self, func: Func, values: impl Convert, budget: Budget) -> Result<()> {
        budget.check_one_shot()?;
        self.before_one_shot(func)?;
        Budget::spend(Some(budget), self.store(), |view| {
            self.store().call_converted(func, values, |call, exit| self.drive_under(call, exit, view))
        })
    }

    /// Makes quick calls possible, see [`Store::quick_call`](crate::runtime::Store::quick_call), if nothing steps.
    pub fn enable_quick_calls(&self) {
        if !self.steps_into_calls() {
            self.store().enable_quick_calls();
        }
    }

    /// Goes on with a quick call, if it didn't finish.
    pub fn after_quick_call(&self, call: SlowPath<'_>) -> Result<()> {
        call.drive(|call, exit| self.drive_one_shot(call, exit))
    }

    /// Arms the function that a call enters, or disarms what was armed for a step that is over; looks at what is watched. Whose
    /// end is to be told of is left at once, so that it is driven.
    #[inline(always)]
    fn before_one_shot(&self, func: Func) -> Result<()> {
        if self.steps_into_calls() { self.rearm_for_one_shot(func) } else { Ok(()) }
    }

    #[inline(always)]
    fn steps_into_calls(&self) -> bool {
        // Both are off without debugging too.
        self.single_step.get() || self.armed.any() || self.watching.any() || self.is_wanted(EventKind::CallFinished)
    }

    #[cold]
    fn rearm_for_one_shot(&self, func: Func) -> Result<()> {
        if self.is_wanted(EventKind::CallFinished) && !self.is_silent() {
            // Its end is heard of by who drives it.
            self.store().look_soon();
        }
        if self.watching.any() && self.look_before_running()? {
            self.store().look_soon();
        }
        if !self.is_silent() && self.steps(NEW_CALL) {
            return self.function_to_step(func).map_or(Ok(()), |function| self.arm_function(function));
        }
        self.before_running()
    }

    fn drive_one_shot(&self, call: &Call, exit: Exit) -> Result<()> {
        self.drive_under(call, exit, None)
    }

    #[cold]
    fn drive_under(&self, call: &Call, exit: Exit, budget: Option<BudgetView<'_>>) -> Result<()> {
        let driving = self.enter();
        let session = Session::new(self, call, &driving.stopped_call, false, budget);
        let outcome = session.handle_first_exit(&exit)?;
        session.tell_of_end_of_call(&outcome);
        match outcome {
            Outcome::Finished => Ok(()),
            Outcome::Trapped(_, error) | Outcome::Exited(error) => Err(error),
            Outcome::Paused(_) | Outcome::Yielded => unreachable!("a one-shot call doesn't pause"),
        }
    }
}
