//! Engines: what compiles modules, shared by any number of threads.
//!
//! Knows nothing of stores. Invariant: an engine is immutable.

use super::config::pellucid_config_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::status::pellucid_status_t;
use crate::base::Config;
use crate::runtime::Engine;
use std::ptr::null_mut;

/// Compiles modules, with options that are fixed when it is made. An owned object; most programs have one.
///
///     pellucid_engine_t *engine;
///     pellucid_engine_new(NULL, &engine, NULL);
///     ...
///     pellucid_engine_delete(engine);
///
/// Any thread may use it, also several at once.
///
/// Since: 0.1.
pub struct pellucid_engine_t {
    engine: Engine,
}

impl pellucid_engine_t {
    /// The engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// Makes an engine.
///
/// - `config`: its options, which are copied; may be NULL for the default options.
/// - `out_engine`: gets the engine.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_UNSUPPORTED` if this machine can't run what the engine compiles;
/// `PELLUCID_ERR_INVALID_ARGUMENT` if options contradict each other; `PELLUCID_ERR_SYSTEM`.
///
/// Owns: the caller owns `*out_engine` and `*out_error`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_new(
    config: *const pellucid_config_t,
    out_engine: *mut *mut pellucid_engine_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; room small, opt config, out out_engine => {
        let config = config.map_or_else(Config::default, pellucid_config_t::snapshot);
        out_engine.give(pellucid_engine_t { engine: Engine::new(config)? })
    })
}

/// Deletes an engine. Modules and stores made from it stay usable.
///
/// - `engine`: the engine; NULL is fine.
///
/// Owns: takes `engine`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_delete(engine: *mut pellucid_engine_t) {
    entry!(delete engine)
}

/// Makes another reference to the same engine, to be deleted on its own.
///
/// - `engine`: the engine.
/// - `out_engine`: gets the reference.
///
/// Returns `PELLUCID_OK`.
///
/// Owns: the caller owns `*out_engine`.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_clone(
    engine: *const pellucid_engine_t,
    out_engine: *mut *mut pellucid_engine_t,
) -> pellucid_status_t {
    entry!(status null_mut(); ref engine, out out_engine => {
        out_engine.give(pellucid_engine_t { engine: engine.engine.clone() })
    })
}

/// Whether guests of this engine can be debugged.
///
/// - `engine`: the engine.
///
/// Returns what `pellucid_config_set_debug` chose; false if `engine` is NULL.
///
/// Owns: nothing.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_is_debug(engine: *const pellucid_engine_t) -> bool {
    entry!(value false; ref engine => engine.engine.is_debug())
}

/// Begins the next epoch of an engine: a number that the host counts up, by a clock of its own. Guests are left whose store has a
/// deadline that is reached (`pellucid_store_set_epoch_deadline`), on whatever threads they run.
///
/// - `engine`: the engine.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_NULL_ARGUMENT`.
///
/// Owns: nothing.
/// Context: any thread, but not a signal handler; there `pellucid_interrupt_request` may be called.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_engine_increment_epoch(engine: *const pellucid_engine_t) -> pellucid_status_t {
    entry!(status null_mut(); ref engine => {
        engine.engine().advance_epoch();
        Ok(())
    })
}
