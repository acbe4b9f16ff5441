//! A thread that has guests left at their time, where no signals are to be sent.
//!
//! It sleeps until the first appointment, and asks for the guest to be left. There is one for the process, made when it is first
//! needed; a forked child, which has no other threads, makes its own. Knows nothing of clocks but time itself. Invariant: once an
//! appointment is dropped nobody is asked any more. Read next: [`super::alarms`].

#![expect(unsafe_code, reason = "keeps signals from the thread")]

use crate::base::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What it does at a time: has a guest left.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// When, and a number.
type Place = (Instant, u64);

struct Thread {
    /// The process that it is in.
    process: u32,
    appointments: Mutex<Appointments>,
    /// There is a new first one.
    changed: Condvar,
}

#[derive(Default)]
struct Appointments {
    by_time: BTreeMap<Place, Ring>,
    next: u64,
}

/// A time at which a guest is asked for, unless this is dropped before.
pub struct Appointment {
    thread: &'static Thread,
    place: Place,
    ring: Ring,
}

static THREAD: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// Makes an appointment, so many nanoseconds from now.
pub fn make(ring: Ring, nanoseconds: u64) -> Result<Appointment> {
    let thread = thread()?;
    let place = thread.add(&ring, nanoseconds);
    Ok(Appointment { thread, place, ring })
}

impl Appointment {
    /// Has it be so many nanoseconds from now, whether it is over or not.
    pub fn renew(&mut self, nanoseconds: u64) {
        if self.thread.is_here() {
            self.thread.remove(self.place);
            self.place = self.thread.add(&self.ring, nanoseconds);
        }
    }
}

impl Drop for Appointment {
    fn drop(&mut self) {
        if self.thread.is_here() {
            self.thread.remove(self.place);
        }
    }
}

impl Thread {
    /// Whether it wasn't left behind by a fork. Then its lock may be held by somebody who isn't there.
    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }

    fn appointments(&self) -> MutexGuard<'_, Appointments> {
        self.appointments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, ring: &Ring, nanoseconds: u64) -> Place {
        /// Nobody waits for longer than that.
        const AGES: Duration = Duration::from_secs(100 * 365 * 86400);
        let mut appointments = self.appointments();
        appointments.next += 1;
        let place = (Instant::now() + Duration::from_nanos(nanoseconds).min(AGES), appointments.next);
        appointments.by_time.insert(place, ring.clone());
        let is_first = appointments.by_time.first_key_value().is_some_and(|(first, _)| *first == place);
        drop(appointments);
        if is_first {
            self.changed.notify_one();
        }
        place
    }

    fn remove(&self, place: Place) {
        let removed = self.appointments().by_time.remove(&place);
        // Not under the lock, if it is the last of its kind.
        drop(removed);
    }

    fn run(&self) -> ! {
        let mut appointments = self.appointments();
        loop {
            let Some((place, _)) = appointments.by_time.first_key_value() else {
                appointments = self.changed.wait(appointments).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = place.0.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let waited = self.changed.wait_timeout(appointments, left);
                appointments = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if let Some((_, ring)) = appointments.by_time.pop_first() {
                // Before anybody can drop the appointment.
                ring();
            }
        }
    }
}

fn thread() -> Result<&'static Thread> {
    let before = THREAD.load(Ordering::Acquire);
    // SAFETY: what was stored is never freed.
    if let Some(thread) = unsafe { before.as_ref() }.filter(|thread| thread.is_here()) {
        return Ok(thread);
    }
    // It stays as long as the process, as the thread does; also if another one was made at the same time, which is as good.
    let (process, appointments, changed) = (std::process::id(), Mutex::default(), Condvar::new());
    let thread: &'static Thread = Box::leak(Box::new(Thread { process, appointments, changed }));
    begin(thread)?;
    let _ = THREAD.compare_exchange(before, ptr::from_ref(thread).cast_mut(), Ordering::AcqRel, Ordering::Acquire);
    Ok(thread)
}

/// Begins the thread, to which no signals are delivered: they are for the host's.
fn begin(thread: &'static Thread) -> Result<()> {
    // SAFETY: the sets are complete; the calls change this thread's mask only, and can't fail. A new thread has its maker's mask.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let builder = std::thread::Builder::new().name("pellucid-alarms".into()).stack_size(64 << 10);
        let begun = builder.spawn(|| thread.run());
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        let refused = |error| Error::new(ErrorKind::System, format_args!("beginning a thread for alarms: {error}"));
        begun.map(|_| ()).map_err(refused)
    }
}
