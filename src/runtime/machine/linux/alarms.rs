//! Alarms: a thread that runs a guest is to be interrupted after some time.
//!
//! Each thread that needs one has a timer, whose signal is that of interrupts. Whoever sets an alarm keeps it where it is; the
//! alarms of a thread are chained, newest first, and the timer is set for the first to go off. Time that the thread has
//! computed passes no faster than time itself, so an alarm for it is looked at when it may be due at the earliest, and set again.
//! What was armed for an alarm that is gone comes for nothing.
//!
//! Where no signal is to be sent a thread of the library's own ([`super::alarm_thread`]) asks for the guest to be left instead, and
//! whoever finds that looks which alarm it was.
//!
//! Invariants: an alarm is in its thread's chain from [`Alarm::set`] until its guard is dropped, and stays at its address; the
//! signal handler reads the chain at any moment, so each step leaves it whole. Read next:
//! `interrupt_signals.rs`.

#![expect(unsafe_code, reason = "timers, and a chain that a signal handler follows")]

use super::super::store_context::{StoreContext, due};
use super::alarm_thread::{self, Appointment, Ring};
use super::clock::time_of;
use super::thread;
use crate::base::{Error, ErrorKind, Result};
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{Ordering, compiler_fence};

/// Its address marks the signals that are ours.
static MARK: u8 = 0;

/// What signals that are ours carry.
pub(super) fn mark() -> usize {
    (&raw const MARK).addr()
}

/// What time is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlarmClock {
    /// What passes for everybody.
    Wall,
    /// What the thread has computed.
    ThreadCpu,
}

impl AlarmClock {
    fn id(self) -> libc::clockid_t {
        match self {
            AlarmClock::Wall => libc::CLOCK_MONOTONIC,
            AlarmClock::ThreadCpu => libc::CLOCK_THREAD_CPUTIME_ID,
        }
    }

    /// In nanoseconds; never 0.
    pub fn now(self) -> u64 {
        time_of(self.id())
    }
}

/// How a thread hears of its alarms.
pub enum AlarmMeans {
    /// By this signal.
    Signal(i32),
    /// From another thread, which does this: it has the guest left.
    Thread(Ring),
}

/// An alarm of the thread that sets it.
pub struct Alarm {
    outer: Cell<*const Alarm>,
    /// The store to be interrupted.
    context: *mut StoreContext,
    clock: AlarmClock,
    /// Whether it ends the time of a call.
    is_deadline: bool,
    /// On its clock.
    goes_off_at: Cell<u64>,
    has_gone_off: Cell<bool>,
    /// Who hears of it, where no signal is sent, and when.
    appointment: RefCell<Option<Appointment>>,
}

impl Alarm {
    /// One that isn't set. The context must be there as long as it is.
    pub(in super::super::super) fn new(context: *mut StoreContext, clock: AlarmClock, is_deadline: bool) -> Alarm {
        let (outer, goes_off_at, has_gone_off) = (Cell::new(ptr::null()), Cell::new(0), Cell::new(false));
        let appointment = RefCell::new(None);
        Alarm { outer, context, clock, is_deadline, goes_off_at, has_gone_off, appointment }
    }

    /// Sets it: after so many nanoseconds the store is interrupted.
    ///
    /// # Safety
    ///
    /// The guard must be dropped on this thread, before the alarm, and before its context is gone. The signal must be handled.
    pub(in super::super::super) unsafe fn set(&self, nanoseconds: u64, means: AlarmMeans) -> Result<SetAlarm<'_>> {
        match means {
            AlarmMeans::Signal(signal) => ensure_timer(signal)?,
            AlarmMeans::Thread(ring) => {
                *self.appointment.borrow_mut() = Some(alarm_thread::make(ring, nanoseconds)?);
            }
        }
        self.goes_off_at.set(self.clock.now().saturating_add(nanoseconds));
        self.has_gone_off.set(false);
        let first = newest();
        self.outer.set(first.get());
        compiler_fence(Ordering::SeqCst);
        first.set(self);
        let set = SetAlarm { alarm: self, thread: PhantomData };
        compiler_fence(Ordering::SeqCst);
        if !arm() {
            let error = std::io::Error::last_os_error();
            return Err(Error::new(ErrorKind::System, format_args!("setting a timer: {error}")));
        }
        Ok(set)
    }

    /// Whether its thread hears of it by another.
    fn is_by_thread(&self) -> bool {
        // A signal's handler may ask while it is borrowed, which it is for those alone.
        self.appointment.try_borrow().map_or(true, |appointment| appointment.is_some())
    }

    /// Whether it has gone off since it was set.
    pub fn has_gone_off(&self) -> bool {
        self.has_gone_off.get()
    }
}

/// An alarm that is set, until this is dropped.
pub struct SetAlarm<'a> {
    alarm: &'a Alarm,
    /// It belongs to the thread.
    thread: PhantomData<*const ()>,
}

impl Drop for SetAlarm<'_> {
    fn drop(&mut self) {
        let mut place = newest();
        while !ptr::eq(place.get(), self.alarm) {
            // SAFETY: what is in the chain is there; see the invariants.
            match unsafe { place.get().as_ref() } {
                Some(alarm) => place = &alarm.outer,
                None => return,
            }
        }
        place.set(self.alarm.outer.get());
        compiler_fence(Ordering::SeqCst);
        let is_by_thread = self.alarm.appointment.take().is_some();
        if is_by_thread || self.alarm.has_gone_off.get() {
            // SAFETY: the context is there as long as the alarm is set.
            let word = unsafe { &(*self.alarm.context).interrupt.due };
            // Before those around it are looked at: one that goes off meanwhile is heard.
            word.fetch_and(!due::ALARM, Ordering::SeqCst);
            if is_by_thread {
                // It may have been asked for, whether anybody has looked or not. Those around it are asked for again.
                look_without_signal();
            }
            if has_any_gone_off(self.alarm.context) {
                word.fetch_or(due::ALARM, Ordering::SeqCst);
            }
        }
    }
}

/// The newest alarm of this thread.
fn newest() -> &'static Cell<*const Alarm> {
    // SAFETY: the thread keeps it as a pointer to something.
    unsafe { &*ptr::from_ref(thread::alarms()).cast() }
}

/// The alarms of this thread that are set, newest first.
fn chain() -> impl Iterator<Item = &'static Alarm> {
    let mut next = newest().get();
    std::iter::from_fn(move || {
        // SAFETY: what is in the chain is there; see the invariants.
        let alarm = unsafe { next.as_ref() }?;
        next = alarm.outer.get();
        Some(alarm)
    })
}

/// Whether an alarm of this thread has gone off that ends the time of a call of a store.
pub fn has_any_gone_off(context: *const StoreContext) -> bool {
    chain().any(|alarm| alarm.is_deadline && ptr::eq(alarm.context, context) && alarm.has_gone_off.get())
}

/// Lets those go off that are due. For the signal handler.
pub(super) fn look() {
    let mut is_one_left = false;
    for alarm in chain().filter(|alarm| !alarm.has_gone_off.get()) {
        if alarm.clock.now() >= alarm.goes_off_at.get() {
            alarm.has_gone_off.set(true);
            // SAFETY: the context is there as long as the alarm is set.
            unsafe { (*alarm.context).interrupt.due.fetch_or(due::ALARM, Ordering::SeqCst) };
        } else {
            is_one_left |= !alarm.is_by_thread();
        }
    }
    if is_one_left {
        arm();
    }
}

/// The same where no signal has come; makes new appointments for alarms that aren't due though it was time to look.
#[cold]
pub fn look_without_signal() {
    look();
    for alarm in chain().filter(|alarm| !alarm.has_gone_off.get()) {
        if let Some(appointment) = &mut *alarm.appointment.borrow_mut() {
            appointment.renew(alarm.goes_off_at.get().saturating_sub(alarm.clock.now()));
        }
    }
}

/// Sets the timer for the first alarm that hasn't gone off; answers whether that could be done.
fn arm() -> bool {
    let waiting = chain().filter(|alarm| !alarm.has_gone_off.get() && !alarm.is_by_thread());
    let left = waiting.map(|alarm| alarm.goes_off_at.get().saturating_sub(alarm.clock.now())).min();
    let Some(left) = left else { return true };
    // Zero would mean never.
    let left = left.max(1);
    let it_value = libc::timespec { tv_sec: (left / 1_000_000_000) as i64, tv_nsec: (left % 1_000_000_000) as i64 };
    let time = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
    let Some(timer) = thread::timer().get() else { return false };
    // SAFETY: the timer is this thread's, and exists as long as the thread.
    unsafe { libc::timer_settime(timer, 0, &time, ptr::null_mut()) == 0 }
}

/// Deletes a thread's timer with the thread.
struct Deleted(libc::timer_t);

impl Drop for Deleted {
    fn drop(&mut self) {
        // A forked child doesn't have it.
        if thread::timer().take().is_some() {
            // SAFETY: the timer is this thread's, which uses it no more.
            unsafe { libc::timer_delete(self.0) };
        }
    }
}

thread_local! {
    static TIMER: RefCell<Option<Deleted>> = const { RefCell::new(None) };
}

fn ensure_timer(signal: i32) -> Result<()> {
    if thread::timer().get().is_some() {
        return Ok(());
    }
    // SAFETY: all zeroes is a valid description, of which all that is used is filled in.
    let timer = unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_value.sival_ptr = ptr::without_provenance_mut(mark());
        event.sigev_notify_thread_id = thread::system_number();
        let mut timer: libc::timer_t = std::mem::zeroed();
        if libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) != 0 {
            let error = std::io::Error::last_os_error();
            return Err(Error::new(ErrorKind::System, format_args!("making a timer: {error}")));
        }
        timer
    };
    thread::timer().set(Some(timer));
    // At the end of the thread there is nobody any more who would delete it.
    let _ = TIMER.try_with(|kept| std::mem::forget(kept.replace(Some(Deleted(timer)))));
    Ok(())
}
