//! The log callback: the library's messages for people, by the `log` crate.
//!
//! Knows nothing of what is logged. Invariant: the host's callback is called without any lock held, so that it may
//! log, or change the callback, itself.

use super::bytes::pellucid_str_t;
use super::callback::{Userdata, pellucid_finalizer_t};
use super::entry::entry;
use super::status::pellucid_status_t;
use crate::base::error::bail;
use log::{LevelFilter, Log, Metadata, Record};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, PoisonError, RwLock};

/// How grave a log message is: one of `enum pellucid_log_level`.
///
/// Since: 0.1.
pub type pellucid_log_level_t = u32;

/// Values of `pellucid_log_level_t`. A level includes those before it.
#[repr(C)]
pub enum pellucid_log_level {
    /// No messages.
    PELLUCID_LOG_OFF = 0,
    /// Something failed that no status can report.
    PELLUCID_LOG_ERROR = 1,
    /// Something is probably not as intended.
    PELLUCID_LOG_WARN = 2,
    /// What happens, in large.
    PELLUCID_LOG_INFO = 3,
    /// What happens, for people who look for a fault.
    PELLUCID_LOG_DEBUG = 4,
    /// Everything.
    PELLUCID_LOG_TRACE = 5,
}

/// Takes a log message. It may be called from any thread, also from several at once.
///
/// - `userdata`: as registered.
/// - `level`: how grave it is.
/// - `target`: the part of the library that logs. Valid until the callback returns.
/// - `message`: one line or more, without a line end. Valid until the callback returns.
///
/// It may call functions whose context is `any thread`, and no others.
///
/// Since: 0.1.
pub type pellucid_log_cb_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        level: pellucid_log_level_t,
        target: *const pellucid_str_t,
        message: *const pellucid_str_t,
    ),
>;

struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, u32, *const pellucid_str_t, *const pellucid_str_t),
    userdata: Userdata,
}

struct Logger(RwLock<Option<Arc<Sink>>>);

static LOGGER: Logger = Logger(RwLock::new(None));

impl Logger {
    fn sink(&self) -> Option<Arc<Sink>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, sink: Option<Arc<Sink>>) {
        let before = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), sink);
        // The finalizer runs here if nobody is logging, without the lock.
        drop(before);
    }
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let Some(sink) = self.sink() else { return };
        let message = record.args().to_string();
        let (target, message) = (pellucid_str_t::new(record.target()), pellucid_str_t::new(&message));
        // SAFETY: the host gave the function for this userdata (header: `pellucid_log_cb_t`); both strings outlive the call.
        unsafe { (sink.callback)(sink.userdata.pointer(), record.level() as u32, &target, &message) };
    }

    fn flush(&self) {}
}

/// Sets where the library's log messages go, for the whole process, instead of where they went before.
///
/// - `max_level`: one of `enum pellucid_log_level`; graver messages are delivered too.
/// - `userdata`: for `cb`; may be NULL.
/// - `cb`: takes the messages.
/// - `finalizer`: frees `userdata` when the callback has been replaced or cleared and runs nowhere; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown level; `PELLUCID_ERR_INVALID_STATE` if a
/// program written in Rust has already chosen another logger.
///
/// Owns: the library owns `userdata` until the finalizer runs.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_log_set(
    max_level: pellucid_log_level_t,
    userdata: *mut c_void,
    cb: pellucid_log_cb_t,
    finalizer: pellucid_finalizer_t,
) -> pellucid_status_t {
    let userdata = Userdata::new(userdata, finalizer);
    entry!(status null_mut(); callback cb => {
        let Some(filter) = LevelFilter::iter().find(|filter| *filter as u32 == max_level) else {
            bail!(InvalidArgument, "{max_level} isn't a log level");
        };
        if log::set_logger(&LOGGER).is_err() && !is_ours(log::logger()) {
            bail!(InvalidState, "the program already has another logger");
        }
        LOGGER.replace(Some(Arc::new(Sink { callback: cb, userdata })));
        log::set_max_level(filter);
        Ok(())
    })
}

fn is_ours(logger: &'static dyn Log) -> bool {
    std::ptr::addr_eq(logger, &raw const LOGGER)
}

/// Ends the delivery of log messages.
///
/// Returns `PELLUCID_OK`, also if there was no callback.
///
/// Owns: the library gives up the callback's `userdata` and runs its finalizer.
/// Context: any thread.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_log_clear() -> pellucid_status_t {
    entry!(status null_mut(); => {
        if LOGGER.sink().is_some() {
            log::set_max_level(LevelFilter::Off);
            LOGGER.replace(None);
        }
        Ok(())
    })
}
