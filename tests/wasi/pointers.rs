//! Bad pointers and lengths, in every function that takes any: an error number, and never more.

use crate::guest::{DATA, FAULT, FUNCTIONS, Guest, INVAL, MEMORY, OUT, Place, READ, WRITE, both, text};
use pellucid::wasi::WasiConfig;
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// An argument of a call that would succeed.
#[derive(Clone, Copy)]
enum Arg {
    /// A number.
    Is(i64),
    /// An address, to be replaced by bad ones.
    At(u32),
    /// A length or count that belongs to an address, to be replaced by bad ones.
    Length(u32),
}

use Arg::{At, Is, Length};

/// A vector that is all right.
const VECTORS: u32 = 64;
const NAME: u32 = 256;

/// Every function that takes an address, with arguments whose addresses are the only thing that can be wrong.
fn calls(file: i64) -> Vec<(&'static str, Vec<Arg>)> {
    let folder = Is(3);
    let path = [At(NAME), Length(4)];
    let [at, length] = path;
    vec![
        ("args_get", vec![At(OUT), At(OUT)]),
        ("args_sizes_get", vec![At(OUT), At(OUT)]),
        ("clock_res_get", vec![Is(0), At(OUT)]),
        ("clock_time_get", vec![Is(0), Is(0), At(OUT)]),
        ("environ_get", vec![At(OUT), At(OUT)]),
        ("environ_sizes_get", vec![At(OUT), At(OUT)]),
        ("fd_fdstat_get", vec![Is(0), At(OUT)]),
        ("fd_filestat_get", vec![folder, At(OUT)]),
        ("fd_pread", vec![Is(file), At(VECTORS), Length(1), Is(0), At(OUT)]),
        ("fd_prestat_dir_name", vec![folder, At(OUT), Length(1)]),
        ("fd_prestat_get", vec![folder, At(OUT)]),
        ("fd_pwrite", vec![Is(file), At(VECTORS), Length(1), Is(0), At(OUT)]),
        ("fd_read", vec![Is(file), At(VECTORS), Length(1), At(OUT)]),
        ("fd_readdir", vec![folder, At(DATA), Length(64), Is(0), At(OUT)]),
        ("fd_seek", vec![Is(file), Is(0), Is(0), At(OUT)]),
        ("fd_tell", vec![Is(file), At(OUT)]),
        ("fd_write", vec![Is(file), At(VECTORS), Length(1), At(OUT)]),
        ("path_create_directory", vec![folder, at, length]),
        ("path_filestat_get", vec![folder, Is(1), at, length, At(OUT)]),
        ("path_filestat_set_times", vec![folder, Is(1), at, length, Is(0), Is(0), Is(10)]),
        ("path_link", vec![folder, Is(0), at, length, folder, at, length]),
        ("path_open", vec![folder, Is(1), at, length, Is(0), Is(READ), Is(0), Is(0), At(OUT)]),
        ("path_readlink", vec![folder, at, length, At(DATA), Length(64), At(OUT)]),
        ("path_remove_directory", vec![folder, at, length]),
        ("path_rename", vec![folder, at, length, folder, at, length]),
        ("path_symlink", vec![at, length, folder, at, length]),
        ("path_unlink_file", vec![folder, at, length]),
        ("poll_oneoff", vec![At(DATA), At(OUT), Length(1), At(OUT)]),
        ("random_get", vec![At(DATA), Length(8)]),
        ("sock_accept", vec![Is(5), Is(0), At(OUT)]),
        ("sock_recv", vec![Is(4), At(VECTORS), Length(1), Is(0), At(OUT), At(OUT)]),
        ("sock_send", vec![Is(4), At(VECTORS), Length(1), Is(0), At(OUT)]),
    ]
}

const BAD_ADDRESSES: [u32; 4] = [MEMORY, MEMORY + 1, u32::MAX - 3, u32::MAX];
/// The last of these don't overflow 32 bits when an element's size is multiplied in, but pass the memory's end.
const BAD_LENGTHS: [u32; 4] = [u32::MAX, 1 << 31, 0x2000_0001, MEMORY];

fn numbers(args: &[Arg]) -> Vec<i64> {
    let number = |arg: &Arg| match *arg {
        Is(number) => number,
        At(number) | Length(number) => i64::from(number),
    };
    args.iter().map(number).collect()
}

#[test]
fn every_bad_address_and_length_is_a_fault_without_effect() {
    for debug in [false, true] {
        let place = Place::new();
        let mut config = place.config(false);
        config.add_arg("program").unwrap();
        config.set_env("name", "value").unwrap();
        // Nothing comes there: what isn't refused at once waits for ever.
        let (socket, mut other) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        config.add_socket(socket.as_fd()).unwrap();
        config.add_socket(listener.as_fd()).unwrap();
        let guest = Guest::new(debug, &config);
        std::fs::write(place.inside("file"), "0123456789").unwrap();
        let file = i64::from(guest.open("file", 0, READ | WRITE));
        for (name, args) in calls(file) {
            for (place, arg) in args.iter().enumerate() {
                let bad = match arg {
                    Is(_) => continue,
                    At(_) => BAD_ADDRESSES,
                    Length(_) => BAD_LENGTHS,
                };
                for bad in bad {
                    guest.write(NAME, b"file");
                    guest.write(VECTORS, &DATA.to_le_bytes());
                    guest.write(VECTORS + 4, &4_u32.to_le_bytes());
                    let mut numbers = numbers(&args);
                    numbers[place] = i64::from(bad);
                    assert_eq!(guest.call(name, &numbers), FAULT, "{name}: argument {place} is {bad:#x}");
                }
            }
        }
        assert_eq!(std::fs::read_to_string(place.inside("file")).unwrap(), "0123456789");
        assert_eq!(guest.seek(file as i32, 0, 1), Ok(0));
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(std::fs::read_dir(place.inside("")).unwrap().count(), 1);
    }
}

#[test]
fn structures_that_only_just_dont_fit_are_faults() {
    both(|guest, _| {
        for (name, size) in [("fd_fdstat_get", 24), ("fd_filestat_get", 64), ("fd_prestat_get", 8)] {
            let last = i64::from(MEMORY - size);
            assert_eq!(guest.call(name, &[3, last]), 0, "{name}");
            assert_eq!(guest.call(name, &[3, last + 1]), FAULT, "{name}");
        }
        assert_eq!(guest.call("random_get", &[i64::from(MEMORY), 0]), 0);
        assert_eq!(guest.call("random_get", &[i64::from(MEMORY) + 1, 0]), FAULT);
    });
}

#[test]
fn bad_vectors_are_faults_before_anything_is_read_or_written() {
    both(|guest, place| {
        std::fs::write(place.inside("file"), "0123456789").unwrap();
        let file = i64::from(guest.open("file", 0, READ | WRITE));
        let vector = |place: u32, address: u32, length: u32| {
            guest.write(VECTORS + place * 8, &address.to_le_bytes());
            guest.write(VECTORS + place * 8 + 4, &length.to_le_bytes());
        };
        vector(0, DATA, 4);
        for (address, length) in [(MEMORY, 1), (MEMORY - 1, 2), (DATA, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
            vector(1, address, length);
            for name in ["fd_read", "fd_write"] {
                let args = [file, VECTORS.into(), 2, OUT.into()];
                assert_eq!(guest.call(name, &args), FAULT, "{name} {address:#x} {length:#x}");
            }
            for name in ["fd_pread", "fd_pwrite"] {
                let args = [file, VECTORS.into(), 2, 0, OUT.into()];
                assert_eq!(guest.call(name, &args), FAULT, "{name} {address:#x} {length:#x}");
            }
        }
        assert_eq!(guest.seek(file as i32, 0, 1), Ok(0));
        assert_eq!(std::fs::read_to_string(place.inside("file")).unwrap(), "0123456789");
        // A vector at the end of memory is none, if it is empty.
        vector(1, MEMORY, 0);
        assert_eq!(guest.call("fd_read", &[file, VECTORS.into(), 2, OUT.into()]), 0);
        assert_eq!(guest.read_u32(OUT), 4);
        // More vectors than anybody takes.
        for place in 0..1025 {
            guest.write(DATA + place * 8, &[0; 8]);
        }
        assert_eq!(guest.call("fd_read", &[file, DATA.into(), 1025, OUT.into()]), INVAL);
        assert_eq!(guest.call("fd_read", &[file, DATA.into(), 1024, OUT.into()]), 0);
    });
}

#[test]
fn vectors_may_overlap_and_may_sum_up_to_too_much() {
    both(|guest, place| {
        std::fs::write(place.inside("file"), "0123456789").unwrap();
        let file = i64::from(guest.open("file", 0, READ));
        for place in 0..4 {
            guest.write(VECTORS + place * 8, &DATA.to_le_bytes());
            guest.write(VECTORS + place * 8 + 4, &3_u32.to_le_bytes());
        }
        assert_eq!(guest.call("fd_read", &[file, VECTORS.into(), 4, OUT.into()]), 0);
        assert_eq!((guest.read_u32(OUT), guest.read(DATA, 3)), (10, b"978".to_vec()));
    });
}

#[test]
fn without_a_memory_every_address_is_a_fault() {
    for debug in [false, true] {
        for memory in ["", "(memory 1)", "(global (export \"memory\") i32 (i32.const 0))"] {
            let place = Place::new();
            let bytes = wat::parse_str(text("wasi_snapshot_preview1", memory)).unwrap();
            let mut config = place.config(false);
            let (socket, _other) = UnixStream::pair().unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            config.add_socket(socket.as_fd()).unwrap();
            config.add_socket(listener.as_fd()).unwrap();
            let guest = Guest::with_module(debug, &config, &bytes);
            for (name, args) in calls(1) {
                // Without a position, these would fail for another reason.
                if !matches!(name, "fd_seek" | "fd_tell") {
                    assert_eq!(guest.call(name, &numbers(&args)), FAULT, "{name}, memory: {memory}");
                }
            }
        }
    }
}

#[test]
fn functions_that_the_host_calls_itself_have_no_memory() {
    let guest = Guest::new(false, &WasiConfig::default());
    let store = guest.debuggee.store();
    let Some(pellucid::runtime::Extern::Func(func)) = guest.linker.get(store, "wasi_snapshot_preview1", "random_get")
    else {
        panic!("it is defined");
    };
    use pellucid::base::Value;
    assert_eq!(guest.debuggee.call(func, &[Value::I32(0), Value::I32(8)]).unwrap(), [Value::I32(FAULT)]);
}

#[test]
fn every_function_is_in_one_of_these_tests() {
    let with_address: Vec<_> = calls(0).into_iter().map(|(name, _)| name).collect();
    let without = [
        "fd_advise",
        "fd_allocate",
        "fd_close",
        "fd_datasync",
        "fd_fdstat_set_flags",
        "fd_fdstat_set_rights",
        "fd_filestat_set_size",
        "fd_filestat_set_times",
        "fd_renumber",
        "fd_sync",
        "proc_raise",
        "sched_yield",
        "sock_shutdown",
    ];
    for (name, _) in FUNCTIONS {
        assert!(with_address.contains(&name) != without.contains(&name), "{name}");
    }
}
