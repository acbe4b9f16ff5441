//! A program with threads; its first argument says what they do.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Many threads count under a lock, send what they have done, and print.
fn count(n: u32) {
    let sum = Arc::new(Mutex::new(0_u64));
    let (sender, receiver) = mpsc::channel();
    let barrier = Arc::new(Barrier::new(n as usize));
    let threads: Vec<_> = (0..n)
        .map(|number| {
            let (sum, sender, barrier) = (sum.clone(), sender.clone(), barrier.clone());
            thread::spawn(move || {
                // All are there at once.
                barrier.wait();
                for _ in 0..1000 {
                    *sum.lock().unwrap() += 1;
                }
                thread::sleep(Duration::from_millis(2));
                sender.send(number).unwrap();
                number * number
            })
        })
        .collect();
    drop(sender);
    let sent: u32 = receiver.iter().sum();
    let squares: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("counted {}, sent {sent}, squares {squares}", sum.lock().unwrap());
}

/// Starts threads until there may be no more, has them go, and does it again.
fn limit() {
    for _ in 0..2 {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let mut threads = Vec::new();
        loop {
            let gate = gate.clone();
            let wait = move || drop(gate.1.wait_while(gate.0.lock().unwrap(), |is_open| !*is_open).unwrap());
            match thread::Builder::new().spawn(wait) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    println!("{} threads, then {:?}", threads.len(), error.kind());
                    break;
                }
            }
        }
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // The host is told of a thread's end a moment later than the guest.
        thread::sleep(Duration::from_millis(100));
    }
}

/// Threads that never end by themselves: one computes, one sleeps, one waits for another, one reads.
fn start_endless() {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    static COUNTED: AtomicU32 = AtomicU32::new(0);
    let bodies: [fn(); 4] = [
        || loop {
            COUNTED.fetch_add(1, Ordering::Relaxed);
        },
        || thread::sleep(Duration::from_secs(3600)),
        || thread::park(),
        || drop(std::io::stdin().read_line(&mut String::new())),
    ];
    for body in bodies {
        thread::spawn(move || {
            STARTED.fetch_add(1, Ordering::Relaxed);
            body();
        });
    }
    while STARTED.load(Ordering::Relaxed) < 4 {
        thread::yield_now();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "count" => count(args[2].parse().unwrap()),
        "limit" => limit(),
        "outlived" => {
            start_endless();
            println!("main is done");
        }
        "main exits" => {
            start_endless();
            std::process::exit(3);
        }
        "exits" => {
            start_endless();
            let _ = thread::spawn(|| std::process::exit(7)).join();
        }
        "traps" => {
            start_endless();
            let _ = thread::spawn(|| core::arch::wasm32::unreachable()).join();
        }
        other => panic!("{other}"),
    }
}
