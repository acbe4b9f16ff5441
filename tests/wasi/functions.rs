//! The functions on descriptors, arguments and environment, and the end of a program.

use crate::guest::{
    APPEND, BADF, CREAT, DATA, DIRECTORY, FOLDER, Guest, INVAL, ISDIR, NAMETOOLONG, NONBLOCK, NOTCAPABLE, NOTSOCK,
    NOTSUP, OUT, READ, SPIPE, SUCCESS, TRUNC, WRITE, both,
};
use pellucid::base::{ErrorKind, Value};
use pellucid::debug::{Action, CallState, Debuggee, Event, EventKind, Resume};
use pellucid::wasi::WasiConfig;
use std::cell::Cell;
use std::fs;
use std::rc::Rc;

#[test]
fn arguments_and_environment_are_what_the_host_said() {
    let mut config = WasiConfig::default();
    for arg in ["program", "", "zwei ü"] {
        config.add_arg(arg).unwrap();
    }
    config.set_env("A", "1").unwrap();
    config.set_env("B", "x=y").unwrap();
    config.set_env("A", "2").unwrap();
    for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "x\0")] {
        assert_eq!(config.set_env(name, value).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(config.add_arg("a\0b").unwrap_err().kind(), ErrorKind::InvalidArgument);
    for debug in [false, true] {
        let guest = Guest::new(debug, &config);
        let strings = |name: &str| {
            assert_eq!(guest.call(&format!("{name}_sizes_get"), &[OUT.into(), (OUT + 4).into()]), SUCCESS);
            let (count, bytes) = (guest.read_u32(OUT), guest.read_u32(OUT + 4));
            assert_eq!(guest.call(&format!("{name}_get"), &[OUT.into(), DATA.into()]), SUCCESS);
            let starts = (0..count).map(|place| guest.read_u32(OUT + place * 4));
            let string = |start: u32| {
                let rest = guest.read(start, (DATA + bytes - start) as usize);
                String::from_utf8(rest.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
            };
            let strings: Vec<_> = starts.map(string).collect();
            assert_eq!(strings.iter().map(|string| string.len() as u32 + 1).sum::<u32>(), bytes);
            strings
        };
        assert_eq!(strings("args"), ["program", "", "zwei ü"]);
        assert_eq!(strings("environ"), ["A=2", "B=x=y"]);
    }
}

#[test]
fn the_environment_can_be_inherited() {
    let mut config = WasiConfig::default();
    config.inherit_env();
    let guest = Guest::new(false, &config);
    assert_eq!(guest.call("environ_sizes_get", &[OUT.into(), (OUT + 4).into()]), SUCCESS);
    assert!(guest.read_u32(OUT) > 0);
}

#[test]
fn files_are_read_and_written_at_the_position_and_elsewhere() {
    both(|guest, place| {
        let file = guest.open("file", CREAT, READ | WRITE);
        assert_eq!(guest.try_write(file, b"0123456789"), Ok(10));
        assert_eq!(guest.seek(file, 0, 1), Ok(10));
        assert_eq!(guest.seek(file, -3, 2), Ok(7));
        assert_eq!(guest.try_read(file, 100).unwrap(), b"789");
        assert_eq!(guest.try_read(file, 100).unwrap(), b"");
        assert_eq!(guest.pread(file, 4, 2).unwrap(), b"2345");
        assert_eq!(guest.pread(file, 4, 100).unwrap(), b"");
        assert_eq!(guest.pwrite(file, b"xy", 4), Ok(2));
        assert_eq!(guest.call("fd_tell", &[file.into(), OUT.into()]), SUCCESS);
        assert_eq!(guest.read_u64(OUT), 10);
        assert_eq!(guest.seek(file, 2, 0), Ok(2));
        assert_eq!(guest.seek(file, 3, 1), Ok(5));
        assert_eq!(guest.try_read(file, 2).unwrap(), b"y6");
        for (offset, whence) in [(-1, 0), (-100, 1), (-100, 2), (i64::MIN, 0), (i64::MIN, 2), (0, 3), (0, 255)] {
            assert_eq!(guest.seek(file, offset, whence), Err(INVAL), "{offset} {whence}");
        }
        assert_eq!(guest.seek(file, 0, 1), Ok(7));
        assert_eq!(guest.pread(file, 1, -1), Err(INVAL));
        assert_eq!(guest.pwrite(file, b"x", -1), Err(INVAL));
        for name in ["fd_sync", "fd_datasync"] {
            assert_eq!(guest.call(name, &[file.into()]), SUCCESS);
            assert_eq!(guest.call(name, &[FOLDER.into()]), SUCCESS);
        }
        assert_eq!(fs::read(place.inside("file")).unwrap(), b"0123xy6789");
        assert_eq!(guest.call("fd_filestat_set_size", &[file.into(), 3]), SUCCESS);
        assert_eq!((guest.size(file), guest.try_read(file, 9)), (3, Ok(vec![])));
        assert_eq!(guest.call("fd_filestat_set_size", &[file.into(), -1]), INVAL);
        assert_eq!(guest.call("fd_allocate", &[file.into(), 1, 9]), SUCCESS);
        assert_eq!(guest.size(file), 10);
        assert_eq!(guest.call("fd_allocate", &[file.into(), 1, 0]), INVAL);
        for (offset, length) in [(-1, 5), (5, -1), (i64::MAX, i64::MAX)] {
            assert_ne!(guest.call("fd_allocate", &[file.into(), offset, length]), SUCCESS);
            assert_eq!(guest.call("fd_advise", &[file.into(), offset, length, 0]), INVAL);
        }
        for advice in 0..6 {
            assert_eq!(guest.call("fd_advise", &[file.into(), 0, 10, advice]), SUCCESS);
        }
        assert_eq!(guest.call("fd_advise", &[file.into(), 0, 10, 6]), INVAL);
        guest.close(file);
        assert_eq!(guest.try_read(file, 1), Err(BADF));
    });
}

#[test]
fn reads_and_writes_are_larger_than_what_passes_at_once() {
    both(|guest, place| {
        let bytes: Vec<u8> = (0..180_000_u32).map(|number| (number % 251) as u8).collect();
        let file = guest.open("file", CREAT, READ | WRITE);
        assert_eq!(guest.try_write(file, &bytes), Ok(180_000));
        assert_eq!(guest.pwrite(file, &bytes, 180_000), Ok(180_000));
        assert_eq!(fs::read(place.inside("file")).unwrap(), [&bytes[..], &bytes].concat());
        assert_eq!(guest.seek(file, 0, 0), Ok(0));
        assert!(guest.try_read(file, 180_000).unwrap() == bytes);
        assert!(guest.pread(file, 180_000, 1).unwrap()[..179_999] == bytes[1..]);
        // A short file ends a read.
        assert_eq!(guest.pread(file, 180_000, 260_000).unwrap().len(), 100_000);
    });
}

#[test]
fn files_may_be_larger_than_any_memory() {
    both(|guest, place| {
        const GIB: i64 = 1 << 30;
        let file = guest.open("large", CREAT, READ | WRITE);
        assert_eq!(guest.call("fd_filestat_set_size", &[file.into(), 7 * GIB]), SUCCESS);
        assert_eq!(guest.size(file), 7 << 30);
        assert_eq!(guest.seek(file, 5 * GIB, 0), Ok(5 << 30));
        assert_eq!(guest.try_write(file, b"here"), Ok(4));
        assert_eq!(guest.seek(file, 0, 1), Ok((5 << 30) + 4));
        assert_eq!(guest.pwrite(file, b"there", 6 * GIB + 1), Ok(5));
        assert_eq!(guest.pread(file, 5, 6 * GIB + 1).unwrap(), b"there");
        assert_eq!(guest.pread(file, 6, 5 * GIB - 1).unwrap(), b"\0here\0");
        assert_eq!(guest.seek(file, -GIB, 2), Ok(6 << 30));
        assert_eq!(guest.try_read(file, 3).unwrap(), b"\0th");
        assert_eq!(guest.stat("large", true).unwrap().2, 7 << 30);
        assert_eq!(fs::metadata(place.inside("large")).unwrap().len(), 7 << 30);
        // Beyond what any file can be.
        assert_eq!(guest.pwrite(file, b"x", i64::MIN), Err(INVAL));
        assert!(guest.pwrite(file, b"x", i64::MAX).is_err());
    });
}

#[test]
fn what_only_files_can_do_folders_and_streams_refuse() {
    both(|guest, _| {
        let dir = i64::from(FOLDER);
        assert_eq!(guest.try_read(FOLDER, 1), Err(ISDIR));
        assert_eq!(guest.pread(FOLDER, 1, 0), Err(ISDIR));
        assert_eq!(guest.try_write(FOLDER, b"x"), Err(BADF));
        assert_eq!(guest.pwrite(FOLDER, b"x", 0), Err(BADF));
        assert_eq!(guest.seek(FOLDER, 0, 1), Err(BADF));
        assert_eq!(guest.seek(0, 0, 1), Err(SPIPE));
        assert_eq!(guest.pread(0, 1, 0), Err(SPIPE));
        assert_eq!(guest.pwrite(1, b"x", 0), Err(SPIPE));
        assert_eq!(guest.try_read(1, 1), Err(BADF));
        assert_eq!(guest.try_write(0, b"x"), Err(BADF));
        for (name, args) in [
            ("fd_tell", vec![OUT.into()]),
            ("fd_allocate", vec![0, 1]),
            ("fd_advise", vec![0, 1, 0]),
            ("fd_filestat_set_size", vec![1]),
        ] {
            assert_eq!(guest.call(name, &[&[dir][..], &args].concat()), BADF, "{name}");
            assert_eq!(guest.call(name, &[&[0][..], &args].concat()), SPIPE, "{name}");
        }
        for fd in [4_i64, 1000, -1] {
            for (name, args) in [
                ("fd_close", vec![]),
                ("fd_sync", vec![]),
                ("fd_fdstat_get", vec![OUT.into()]),
                ("fd_filestat_get", vec![OUT.into()]),
                ("fd_fdstat_set_flags", vec![0]),
                ("fd_fdstat_set_rights", vec![0, 0]),
                ("fd_filestat_set_times", vec![0, 0, 0]),
                ("fd_prestat_get", vec![OUT.into()]),
                ("fd_readdir", vec![DATA.into(), 64, 0, OUT.into()]),
            ] {
                assert_eq!(guest.call(name, &[&[fd][..], &args].concat()), BADF, "{name}");
            }
        }
    });
}

#[test]
fn folders_of_the_host_tell_their_path() {
    both(|guest, _| {
        assert_eq!(guest.call("fd_prestat_get", &[FOLDER.into(), OUT.into()]), SUCCESS);
        assert_eq!((guest.read_u32(OUT), guest.read_u32(OUT + 4)), (0, 1));
        assert_eq!(guest.call("fd_prestat_dir_name", &[FOLDER.into(), OUT.into(), 0]), NAMETOOLONG);
        for room in [1, 10] {
            assert_eq!(guest.call("fd_prestat_dir_name", &[FOLDER.into(), OUT.into(), room]), SUCCESS);
            assert_eq!(guest.read(OUT, 1), b"/");
        }
        for fd in [0, 4] {
            assert_eq!(guest.call("fd_prestat_get", &[fd, OUT.into()]), BADF);
            assert_eq!(guest.call("fd_prestat_dir_name", &[fd, OUT.into(), 10]), BADF);
        }
        // One that the guest opened isn't the host's.
        assert_eq!(guest.open(".", DIRECTORY, 0), 4);
        assert_eq!(guest.call("fd_prestat_get", &[4, OUT.into()]), BADF);
    });
}

/// Kind, flags, rights and inheriting rights.
fn fdstat(guest: &Guest, fd: i32) -> (u8, u16, i64, i64) {
    assert_eq!(guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]), SUCCESS);
    let flags = u16::from_le_bytes(guest.read(OUT + 2, 2).try_into().unwrap());
    (guest.read(OUT, 1)[0], flags, guest.read_u64(OUT + 8) as i64, guest.read_u64(OUT + 16) as i64)
}

#[test]
fn rights_are_told_and_can_only_shrink() {
    both(|guest, place| {
        fs::write(place.inside("file"), "content").unwrap();
        let (kind, flags, base, inheriting) = fdstat(guest, FOLDER);
        assert_eq!((kind, flags, base & (READ | WRITE)), (3, 0, 0));
        assert_eq!(inheriting & (READ | WRITE), READ | WRITE);
        let reading = guest.open("file", 0, READ);
        assert_eq!((fdstat(guest, reading).0, fdstat(guest, reading).2 & (READ | WRITE)), (4, READ));
        assert_eq!(guest.try_write(reading, b"x"), Err(BADF));
        let writing = guest.open("file", 0, WRITE);
        assert_eq!(fdstat(guest, writing).2 & (READ | WRITE), WRITE);
        assert_eq!(guest.try_read(writing, 1), Err(BADF));
        let neither = guest.open("file", 0, 0);
        assert_eq!((guest.try_read(neither, 1), guest.try_write(neither, b"x")), (Err(BADF), Err(BADF)));

        let both = guest.open("file", 0, READ | WRITE);
        let base = fdstat(guest, both).2;
        let set = |fd: i32, base, inheriting| guest.call("fd_fdstat_set_rights", &[fd.into(), base, inheriting]);
        assert_eq!(set(both, base & !WRITE, 0), SUCCESS);
        assert_eq!(guest.try_write(both, b"x"), Err(BADF));
        assert_eq!(set(both, base, 0), NOTCAPABLE);
        assert_eq!(set(both, READ, 1 << 40), NOTCAPABLE);
        assert_eq!(set(both, READ, 0), SUCCESS);
        assert_eq!(guest.seek(both, 0, 0), Err(NOTCAPABLE));
        assert_eq!(guest.call("fd_filestat_get", &[both.into(), OUT.into()]), NOTCAPABLE);

        // What a folder may not give, nothing in it has.
        let (_, _, base, inheriting) = fdstat(guest, FOLDER);
        assert_eq!(set(FOLDER, base & !(1 << 9), inheriting & !WRITE), SUCCESS);
        let file = guest.open("file", 0, READ | WRITE);
        assert_eq!(guest.try_write(file, b"x"), Err(BADF));
        assert_eq!(guest.on_path("path_create_directory", FOLDER, "new"), NOTCAPABLE);
        let again = guest.open(".", DIRECTORY, -1);
        assert_eq!(guest.on_path("path_create_directory", again, "new"), NOTCAPABLE);
        assert_eq!(fs::read_to_string(place.inside("file")).unwrap(), "content");
    });
}

#[test]
fn flags_can_be_set_when_opening_and_later() {
    both(|guest, place| {
        fs::write(place.inside("file"), "0123").unwrap();
        let file = guest.try_open("file", true, 0, READ | WRITE, APPEND).unwrap();
        assert_eq!(fdstat(guest, file).1, APPEND as u16);
        assert_eq!(guest.try_write(file, b"45"), Ok(2));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[file.into(), 0]), SUCCESS);
        assert_eq!(guest.seek(file, 0, 0), Ok(0));
        assert_eq!(guest.try_write(file, b"x"), Ok(1));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[file.into(), (APPEND | NONBLOCK).into()]), SUCCESS);
        assert_eq!(guest.try_write(file, b"y"), Ok(1));
        assert_eq!(fs::read_to_string(place.inside("file")).unwrap(), "x12345y");
        assert_eq!(fdstat(guest, file).1, (APPEND | NONBLOCK) as u16);
        assert_eq!(guest.call("fd_fdstat_set_flags", &[file.into(), 32]), INVAL);
        // Whether writes are synchronous is decided when a file is opened.
        assert_eq!(guest.call("fd_fdstat_set_flags", &[file.into(), 16]), NOTSUP);
        let synced = guest.try_open("file", true, TRUNC, WRITE, 2 | 8 | 16).unwrap();
        assert_eq!((fdstat(guest, synced).1, guest.try_write(synced, b"s")), (26, Ok(1)));
        assert_eq!(guest.try_open("file", true, 0, READ, 32), Err(INVAL));
    });
}

#[test]
fn descriptors_are_renumbered_and_numbers_used_again() {
    both(|guest, place| {
        fs::write(place.inside("a"), "a").unwrap();
        fs::write(place.inside("b"), "b").unwrap();
        let (a, b) = (guest.open("a", 0, READ), guest.open("b", 0, READ));
        assert_eq!((a, b), (4, 5));
        let renumber = |from: i32, to: i32| guest.call("fd_renumber", &[from.into(), to.into()]);
        assert_eq!(renumber(b, b), SUCCESS);
        assert_eq!(renumber(b, a), SUCCESS);
        assert_eq!(guest.try_read(a, 9).unwrap(), b"b");
        assert_eq!(guest.try_read(b, 9), Err(BADF));
        assert_eq!((renumber(b, a), renumber(a, b), renumber(a, -1), renumber(-1, a)), (BADF, BADF, BADF, BADF));
        assert_eq!(guest.open("a", 0, READ), 5);
        // Also the host's own may go.
        assert_eq!(renumber(5, 1), SUCCESS);
        assert_eq!(guest.try_read(1, 9).unwrap(), b"a");
        assert_eq!(renumber(FOLDER, 0), SUCCESS);
        assert_eq!(guest.call("fd_prestat_get", &[0, OUT.into()]), SUCCESS);
        assert_eq!(guest.try_open_in(0, "a", true, 0, READ, 0), Ok(3));
    });
}

#[test]
fn what_is_no_socket_isnt_used_as_one_and_there_are_no_signals() {
    both(|guest, _| {
        let file = guest.open("file", CREAT, WRITE);
        for (fd, errno) in [(FOLDER, NOTSOCK), (0, NOTSOCK), (1, NOTSOCK), (file, NOTSOCK), (77, BADF), (-1, BADF)] {
            let fd = i64::from(fd);
            assert_eq!(guest.call("sock_accept", &[fd, 0, OUT.into()]), errno);
            assert_eq!(guest.call("sock_recv", &[fd, 0, 0, 0, OUT.into(), OUT.into()]), errno);
            assert_eq!(guest.call("sock_send", &[fd, 0, 0, 0, OUT.into()]), errno);
            assert_eq!(guest.call("sock_shutdown", &[fd, 1]), errno);
        }
        assert_eq!(guest.call("proc_raise", &[6]), NOTSUP);
        assert_eq!(guest.call("sched_yield", &[]), SUCCESS);
    });
}

#[test]
fn the_older_dialect_differs_in_places() {
    for debug in [false, true] {
        let place = crate::guest::Place::new();
        fs::write(place.inside("file"), "0123456789").unwrap();
        let guest = Guest::importing(debug, &place.config(false), "wasi_unstable");
        let file = guest.open("file", 0, READ);
        // Its numbers for where to seek from are others.
        assert_eq!((guest.seek(file, 4, 2), guest.seek(file, 1, 0), guest.seek(file, -1, 1)), (Ok(4), Ok(5), Ok(9)));
        // A file's status is shorter.
        guest.write(OUT, &[0xff; 64]);
        assert_eq!(guest.call("fd_filestat_get", &[file.into(), OUT.into()]), SUCCESS);
        assert_eq!((guest.read(OUT + 16, 1)[0], guest.read_u32(OUT + 20), guest.read_u64(OUT + 24)), (4, 1, 10));
        assert_eq!(guest.read(OUT + 56, 8), [0xff; 8]);
        // A clock has one more member in front.
        guest.write(DATA, &[0; 56]);
        guest.write(DATA, &[7]);
        guest.write(DATA + 24, &[1]);
        guest.write(DATA + 32, &[9]);
        assert_eq!(guest.call("poll_oneoff", &[DATA.into(), OUT.into(), 1, (OUT + 64).into()]), SUCCESS);
        assert_eq!((guest.read_u32(OUT + 64), guest.read_u64(OUT)), (1, 7));
    }
}

#[test]
fn an_exit_ends_the_call_with_its_code_and_is_no_trap() {
    both(|guest, _| {
        let seen = Rc::new(Cell::new(0));
        if guest.debuggee.is_debug() {
            let seen = seen.clone();
            let mask = EventKind::HostError.bit() | EventKind::Trap.bit();
            let handler = Box::new(move |_: &Debuggee, _: &Event| {
                seen.set(seen.get() + 1);
                Action::Continue
            });
            guest.debuggee.set_event_handler(mask, handler).unwrap();
        }
        let exit = guest.func("proc_exit");
        for code in [0, 1, 255, u32::MAX] {
            let error = guest.debuggee.call(exit, &[Value::I32(code as i32)]).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Exit, Some(code)));
            assert_eq!((error.trap_code(), error.backtrace().len()), (None, 0));
        }
        let call = guest.debuggee.call_begin(exit, &[Value::I32(3)]).unwrap();
        assert_eq!(call.resume(&guest.debuggee, Resume::Continue).unwrap(), CallState::Exited);
        assert_eq!(call.error().unwrap().exit_code(), Some(3));
        assert!(call.event().is_none());
        if guest.debuggee.is_debug() {
            assert!(call.frame(&guest.debuggee).unwrap().is_none());
        }
        let again = call.resume(&guest.debuggee, Resume::Continue).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::InvalidState);
        assert_eq!(seen.get(), 0);
        // The store goes on.
        assert_eq!(guest.call("sched_yield", &[]), SUCCESS);
    });
}

#[test]
fn names_are_defined_all_or_none() {
    let guest = Guest::new(false, &WasiConfig::default());
    let store = guest.debuggee.store();
    let mut linker = pellucid::runtime::Linker::new(store.engine());
    let item = guest.linker.get(store, "wasi_unstable", "fd_read").unwrap();
    linker.define(store, "wasi_unstable", "fd_read", item).unwrap();
    let refused = pellucid::wasi::define(&mut linker, store, &WasiConfig::default()).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Link);
    assert!(linker.get(store, "wasi_snapshot_preview1", "args_get").is_none());
    linker.allow_shadowing(true);
    pellucid::wasi::define(&mut linker, store, &WasiConfig::default()).unwrap();
}
