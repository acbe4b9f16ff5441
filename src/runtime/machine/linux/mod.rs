//! What differs by system: Linux. Another system has a folder beside this one, with files of the same names that offer the same.
//!
//! | File | What it asks the system for |
//! |---|---|
//! | [`alarms`] | A signal after some time |
//! | [`barrier`] | A memory barrier in all threads |
//! | [`clock`] | What time it is, roughly |
//! | [`futex`] | Sleeping until a word changes |
//! | [`image`] | Code that exists once in memory |
//! | [`interrupt_signals`] | A signal for the thread that runs a guest |
//! | [`mapped_file`] | A file, to be read where the system has it |
//! | [`mapping`] | Addresses and pages, and what may be done with them |
//! | [`own_stack`] | How much is left of a thread's own stack, and another where that is too little |
//! | [`thread`] | What running guests needs of a thread: its alternate signal stack, its variables |
//! | [`touched`] | Which pages anybody has touched |
//! | [`traps`] | Faults of guest code, by signals |
//! | [`write_signals`] | Writing without a signal's ending the process |
//!
//! A signal handler sees the registers of a processor, and so does a thread's variable: those lines are for x86-64, and the
//! files that have them say so.

mod alarm_thread;
pub mod alarms;
pub mod barrier;
pub mod clock;
pub mod futex;
pub mod image;
pub mod interrupt_signals;
pub mod mapped_file;
pub mod mapping;
pub mod own_stack;
pub mod thread;
pub mod touched;
pub mod traps;
pub mod write_signals;
