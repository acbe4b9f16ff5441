//! What a store does about being interrupted: who asks, what is heard, what was given time.
//!
//! Knows nothing of what becomes of a call that was left. Read next: [`super::machine::interrupts`].

#![expect(unsafe_code, reason = "sets alarms, names routines to be called again")]

use super::Store;
use super::epoch::LimitAction;
use super::machine::alarms::{self, Alarm, AlarmClock, AlarmMeans, has_any_gone_off};
use super::machine::interrupt_signals;
use super::machine::interrupts::{Interrupter, unsupported};
use super::machine::store_context::{Again, InterruptWord, ask, due};
use super::machine::switch;
use super::machine::thread::{self, ReadyThread};
use super::machine::traps;
use crate::base::Result;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What was asked for when guest code was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interrupts {
    /// To end the call.
    pub trap: bool,
    /// To let the call pause, or end it where that can't be.
    pub pause: bool,
    /// To tell the host's handler.
    pub event: bool,
    /// Whether an alarm has gone off.
    pub alarm: bool,
    /// That the store's deadline in the epochs is reached, and what is to be done then.
    pub epoch: Option<LimitAction>,
    /// That whoever drives the call wants to look at what was changed while the guest stood still, see [`Store::look_soon`].
    pub look: bool,
    /// That the store's fuel is used up, and what is to be done then.
    pub fuel: Option<LimitAction>,
    /// With that: whether it was found before an operator that costs by its size, to which the guest needn't run on.
    pub is_within: bool,
}

impl Interrupts {
    /// Whether a call that can't pause is to end.
    pub fn is_to_end(&self) -> bool {
        let is_over = self.epoch.is_some_and(|action| action != LimitAction::Tell);
        // Nobody is told who could give more.
        self.trap || self.pause || self.alarm || is_over || self.fuel.is_some()
    }

    fn asked(&self) -> u32 {
        let bit = |is_set: bool, bit| if is_set { bit } else { 0 };
        bit(self.trap, ask::TRAP)
            | bit(self.pause, ask::PAUSE)
            | bit(self.event, ask::EVENT)
            | bit(self.epoch.is_some(), ask::EPOCH)
    }
}

/// An alarm as whoever runs a guest sees it.
#[derive(Clone, Copy)]
pub struct AlarmView<'a>(&'a Alarm);

impl AlarmView<'_> {
    /// Whether it has gone off.
    pub fn has_gone_off(self) -> bool {
        self.0.has_gone_off()
    }
}

/// How long a guest of an engine without the signal of interrupts waits before it looks whether it is to be left, in nanoseconds.
const SLICE: u64 = 10_000_000;

impl Store {
    /// Something to interrupt the store's guests with.
    ///
    /// Errors: `Unsupported` for an engine with neither signal handlers nor checks; `System`.
    pub fn interrupter(&self) -> Result<Interrupter> {
        self.inner().context.interrupter(self.interrupt_signal()?)
    }

    /// The signal that interrupts the store's guests; none if they look by themselves.
    fn interrupt_signal(&self) -> Result<Option<i32>> {
        let config = self.engine().config();
        if config.interrupt_checks {
            return Ok(None);
        }
        if !config.signal_handlers {
            return Err(unsupported());
        }
        Ok(Some(config.interrupt_signal.unwrap_or_else(interrupt_signals::default_signal)))
    }

    /// Makes this thread ready for guests, and known as the one that runs them.
    #[cold]
    pub(super) fn ready_thread(&self) -> Result<ReadyThread> {
        let inner = self.inner();
        let (ready, known) = ReadyThread::get(inner.thread_side)?;
        inner.known_thread.set(known);
        inner.context.set_thread(thread::system_number());
        if let Some(signal) = inner.context.signal() {
            interrupt_signals::unblock(signal);
        }
        Ok(ready)
    }

    /// Takes what was asked for. `is_new` says that no call that began before is running: then what a call that was ended has left
    /// for those that it ran under is out of date.
    pub fn take_interrupts(&self, is_new: bool) -> Interrupts {
        let word = self.inner().context.word();
        let (asked, found) = (word.asked.swap(0, Ordering::SeqCst), word.due.swap(0, Ordering::SeqCst));
        if found & due::ALARM != 0 && self.engine().config().interrupt_checks {
            // Where no signal has come nobody has looked yet which it was. After it was taken: one that comes between would be lost.
            alarms::look_without_signal();
        }
        let found = if is_new { found & !due::OUTER } else { found };
        if found & (due::FUEL | due::FUEL_WITHIN) != 0 {
            self.bound_fuel();
        }
        Interrupts {
            trap: asked & ask::TRAP != 0 || found & due::OUTER_TRAP != 0,
            pause: asked & ask::PAUSE != 0 || found & due::OUTER_PAUSE != 0,
            event: asked & ask::EVENT != 0,
            alarm: found & due::ALARM != 0,
            epoch: (asked & ask::EPOCH != 0 || found & due::OUTER_EPOCH != 0).then(|| self.inner().epoch_action.get()),
            fuel: (found & (due::FUEL | due::FUEL_WITHIN) != 0).then(|| self.inner().fuel_action.get()),
            look: found & due::LOOK != 0,
            is_within: found & due::FUEL_WITHIN != 0,
        }
    }

    /// Asks again for what was taken and not done: the next guest to run, or to run on, hears it. That fuel is used up it finds itself.
    pub fn put_back_interrupts(&self, interrupts: Interrupts) {
        let word = self.inner().context.word();
        word.asked.fetch_or(interrupts.asked(), Ordering::SeqCst);
        let alarm = if interrupts.alarm { due::ALARM } else { 0 };
        word.due.fetch_or(alarm | if interrupts.look { due::LOOK } else { 0 }, Ordering::SeqCst);
    }

    /// Has the guest left as soon as it runs, see [`Interrupts::look`].
    pub fn look_soon(&self) {
        self.inner().context.word().due.fetch_or(due::LOOK, Ordering::SeqCst);
    }

    /// Leaves what a call was ended by for those that it runs under.
    pub fn leave_interrupts_to_outer(&self, interrupts: Interrupts) {
        let bit = |is_set: bool, bit| if is_set { bit } else { 0 };
        let bits = bit(interrupts.trap, due::OUTER_TRAP)
            | bit(interrupts.pause, due::OUTER_PAUSE)
            | bit(interrupts.epoch.is_some(), due::OUTER_EPOCH)
            | bit(interrupts.alarm, due::ALARM);
        self.inner().context.word().due.fetch_or(bits, Ordering::SeqCst);
    }

    /// Has guests left when their engine's epoch has gone on this often, and again in every epoch after that.
    ///
    /// Errors: as [`Store::interrupter`].
    pub fn set_epoch_deadline(&self, ticks: u64, action: LimitAction) -> Result<()> {
        let (inner, interrupter) = (self.inner(), self.interrupter()?);
        inner.epoch_action.set(action);
        inner.epoch.set(Some(self.engine().epochs().set(inner.epoch.take(), inner.id, ticks, interrupter)));
        Ok(())
    }

    /// Takes the deadline away.
    pub fn clear_epoch_deadline(&self) {
        if let Some(deadline) = self.inner().epoch.take() {
            self.engine().epochs().remove(deadline);
        }
    }

    /// Whether any time is used up that a running call of this store was given.
    pub fn is_time_used_up(&self) -> bool {
        has_any_gone_off(self.inner().context.get())
    }

    /// What says whether somebody wants the guest to be left.
    pub(super) fn interrupt_word(&self) -> &InterruptWord {
        self.inner().context.word()
    }

    /// Whether somebody wants the guest to be left: for host functions that wait.
    pub fn is_interrupted(&self) -> bool {
        self.inner().context.word().is_set()
    }

    /// Runs something with an alarm that is set: after so many nanoseconds guest code of this store is left. `is_deadline` says
    /// whether that is for [`Store::is_time_used_up`].
    ///
    /// Errors: `Unsupported`; `System`; those of `run`.
    pub fn with_alarm<R>(
        &self,
        nanoseconds: u64,
        clock: AlarmClock,
        is_deadline: bool,
        run: impl FnOnce(AlarmView<'_>) -> Result<R>,
    ) -> Result<R> {
        let inner = self.inner();
        let means = match inner.context.signal() {
            Some(signal) => AlarmMeans::Signal(signal),
            None => {
                let interrupter = self.interrupter()?;
                let by_thread = AlarmMeans::Thread(Arc::new(move || interrupter.raise_alarm()));
                self.interrupt_signal()?.map_or(by_thread, AlarmMeans::Signal)
            }
        };
        let alarm = Alarm::new(inner.context.get(), clock, is_deadline);
        // SAFETY: the guard is dropped here, before the alarm; the store, which has the context, is borrowed meanwhile.
        let set = unsafe { alarm.set(nanoseconds, means) }?;
        let result = run(AlarmView(&alarm));
        drop(set);
        result
    }

    /// Has a routine called again when the guest runs on that it is about to return to.
    ///
    /// # Safety
    ///
    /// To be called by a routine that guest code has called by way of the stub at `pc`, with these arguments, which are still good.
    pub(super) unsafe fn call_again(&self, pc: usize, args: [usize; 6]) {
        let inner = self.inner();
        // SAFETY: the context is this store's; guest code isn't running.
        unsafe { (*inner.context.get()).again = Again { pc, args } };
        inner.context.word().due.fetch_or(due::AGAIN, Ordering::SeqCst);
    }

    /// Waits as `poll` does, with a timeout in nanoseconds: until something has happened, a signal came, or the guest is to be
    /// left. Answers whether something has happened.
    pub fn poll(&self, fds: &mut [libc::pollfd], timeout: Option<u64>) -> std::io::Result<bool> {
        let context = &self.inner().context;
        match context.signal() {
            // What is there already is had without a look at anything else.
            Some(signal) if timeout != Some(0) => {
                interrupt_signals::poll_unless_interrupted(context.word(), signal, fds, timeout)
            }
            None if timeout != Some(0) && self.engine().config().interrupt_checks => self.poll_in_slices(fds, timeout),
            _ => interrupt_signals::poll(fds, timeout, None),
        }
    }

    /// The same where no signal ends the wait: looks again and again whether the guest is to be left.
    fn poll_in_slices(&self, fds: &mut [libc::pollfd], timeout: Option<u64>) -> std::io::Result<bool> {
        let until = timeout.map(|timeout| AlarmClock::Wall.now().saturating_add(timeout));
        loop {
            if self.is_interrupted() {
                return Ok(false);
            }
            let left = until.map(|until| until.saturating_sub(AlarmClock::Wall.now()));
            let is_last = left.is_some_and(|left| left <= SLICE);
            let before = AlarmClock::Wall.now();
            let has_happened = interrupt_signals::poll(fds, Some(left.unwrap_or(SLICE).min(SLICE)), None)?;
            // A signal of the host's that comes early ends the wait, as always.
            if has_happened || is_last || AlarmClock::Wall.now() - before < SLICE / 2 {
                return Ok(has_happened);
            }
        }
    }

    /// How long the system may keep the thread in one wait of a guest's, in nanoseconds, if no signal ends it.
    pub(super) fn longest_wait(&self) -> Option<u64> {
        self.engine().config().interrupt_checks.then_some(SLICE)
    }

    /// Waits for a file where no signal ends the system's own waiting in a read or write. Answers whether that can go on.
    fn may_go_on(&self, file: &File, events: libc::c_short) -> std::io::Result<bool> {
        if !self.engine().config().interrupt_checks {
            return Ok(true);
        }
        self.poll(&mut [libc::pollfd { fd: file.as_raw_fd(), events, revents: 0 }], None)
    }

    /// Reads from a file, once, as long as the guest isn't to be left: that, and any signal, is an interruption.
    pub fn read(&self, file: &File, out: &mut [u8]) -> std::io::Result<usize> {
        if !self.may_go_on(file, libc::POLLIN)? {
            return Err(std::io::Error::from_raw_os_error(libc::EINTR));
        }
        // SAFETY: the system writes as many bytes as there is room for.
        unsafe { self.call_on_file(libc::SYS_read, file, out.as_mut_ptr().addr(), out.len()) }
    }

    /// Writes to a file, likewise.
    pub fn write(&self, file: &File, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.may_go_on(file, libc::POLLOUT)? {
            return Err(std::io::Error::from_raw_os_error(libc::EINTR));
        }
        // What can be written to takes so much at once; more would wait without an end.
        let is_cut = self.engine().config().interrupt_checks && !file.metadata().is_ok_and(|data| data.is_file());
        let bytes = if is_cut { &bytes[..bytes.len().min(libc::PIPE_BUF)] } else { bytes };
        // SAFETY: the system reads as many bytes as there are.
        unsafe { self.call_on_file(libc::SYS_write, file, bytes.as_ptr().addr(), bytes.len()) }
    }

    /// # Safety
    ///
    /// As for the system call.
    unsafe fn call_on_file(
        &self,
        number: libc::c_long,
        file: &File,
        address: usize,
        length: usize,
    ) -> std::io::Result<usize> {
        let (word, fd) = (ptr::from_ref(self.inner().context.word()), file.as_raw_fd() as usize);
        // SAFETY: the word is the store's; the caller's promise.
        let result = unsafe { switch::interruptible_call(word, number, fd, address, length, 0) };
        usize::try_from(result).map_err(|_| std::io::Error::from_raw_os_error(-result as i32))
    }
}

/// Handles a signal if it is a guest's; see [`traps::claim`] and [`interrupt_signals::claim`].
///
/// # Safety
///
/// As for these.
pub unsafe fn claim_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { traps::claim(signal, info, context) || interrupt_signals::claim(signal, info, context) }
}
