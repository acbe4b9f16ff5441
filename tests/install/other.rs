//! A static library of somebody else's, with a standard library of its own.

use std::sync::{Mutex, mpsc};

static TOTAL: Mutex<u64> = Mutex::new(0);

/// Uses threads, memory and panics, which the other library has, too.
#[unsafe(no_mangle)]
pub extern "C" fn other_work(n: u64) -> u64 {
    let (sender, receiver) = mpsc::channel();
    let threads = (0..n).map(|number| {
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(number.to_string()).unwrap())
    });
    threads.for_each(|thread| thread.join().unwrap());
    drop(sender);
    *TOTAL.lock().unwrap() += receiver.iter().map(|text| text.parse::<u64>().unwrap()).sum::<u64>();
    std::panic::set_hook(Box::new(|_| ()));
    let caught = std::panic::catch_unwind(|| panic!("{n}"));
    *TOTAL.lock().unwrap() + u64::from(caught.is_err())
}
