"""Ending guests: Ctrl-C, timeouts, other threads, epochs."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
import unittest.mock

import pellucid
from pellucid import TrapCode

from test_core import Base

SPIN = """(module (import "m" "f" (func $f)) (func $spin (export "spin") (loop (br 0))) (func (export "short"))
    (func (export "host") (loop (call $f) (br 0))))"""


def control_c(after=0.2):
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


class Interrupts(Base):
    def setUp(self):
        super().setUp()
        self.calls = []
        self.exports = self.instance(SPIN, {"m": {"f": lambda: self.calls.append(1)}}).exports

    def test_control_c(self):
        for _ in range(3):
            timer = control_c()
            with self.assertRaises(KeyboardInterrupt):
                self.exports.spin()
            timer.join()
            self.exports.short()

    def test_control_c_where_the_host_is_called(self):
        # Python reports what it raises right where a host function begins, before that can catch it.
        self.addCleanup(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = lambda report: None
        control_c()
        with self.assertRaises(KeyboardInterrupt):
            self.exports.host()
        self.exports.short()

    def test_control_c_through_stores(self):
        inner = pellucid.Instance(pellucid.Store(self.engine), pellucid.Module(self.engine, SPIN), {"m": {"f": print}})
        outer = self.instance(SPIN, {"m": {"f": lambda: inner.exports.spin()}})
        control_c()
        with self.assertRaises(KeyboardInterrupt):
            outer.exports.host()
        inner.exports.short()
        outer.exports.short()

    def test_control_c_comes_where_no_guest_runs(self):
        with self.assertRaises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        time.sleep(0.05)
        self.exports.short()

    def test_it_can_be_refused(self):
        self.addCleanup(pellucid.watch)
        pellucid.watch(False)
        pellucid.Engine()
        start = time.monotonic()
        control_c(0.1)
        with self.assertRaises(KeyboardInterrupt):
            self.exports.spin.call(timeout=0.6)
        self.assertGreater(time.monotonic() - start, 0.5)
        pellucid.watch()
        control_c(0.1)
        start = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            self.exports.spin.call(timeout=20)
        self.assertLess(time.monotonic() - start, 10)

    def test_sub_interpreters_leave_no_descriptors(self):
        def descriptors():
            return len(os.listdir("/proc/self/fd"))
        pellucid.Engine()
        before = descriptors()
        for _ in range(5):
            pellucid.Engine()
        self.assertEqual(descriptors(), before)
        with unittest.mock.patch("signal.set_wakeup_fd", side_effect=ValueError), \
                unittest.mock.patch.object(pellucid.interrupts.main, "is_watching", False):
            pellucid.Engine()
        self.assertEqual(descriptors(), before)

    def test_who_had_the_wakeup_descriptor_still_gets_signals(self):
        code = textwrap.dedent(f"""
            import os, signal, threading
            read, write = os.pipe()
            os.set_blocking(write, False)
            signal.set_wakeup_fd(write)
            import pellucid
            engine = pellucid.Engine()
            store = pellucid.Store(engine)
            instance = pellucid.Instance(store, pellucid.Module(engine, '(module (func (export "spin") (loop (br 0))))'))
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                instance.exports.spin()
            except KeyboardInterrupt:
                print(os.read(read, 1)[0] == signal.SIGINT)
            """)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("True\n", ""))

    def test_from_another_thread(self):
        interrupter = self.store.interrupter
        threading.Timer(0.1, interrupter.request).start()
        with self.assertRaises(pellucid.Interrupted) as caught:
            self.exports.spin()
        self.assertEqual((caught.exception.code, caught.exception.frames[0].func), (TrapCode.INTERRUPTED, "spin"))
        interrupter.request()
        interrupter.withdraw()
        self.exports.short()

    def test_a_guest_on_another_thread_doesnt_mind_control_c(self):
        interrupter, outcome = self.store.interrupter, []

        def work():
            try:
                self.exports.spin()
            except BaseException as raised:
                outcome.append(raised)
        thread = threading.Thread(target=work)
        thread.start()
        control_c(0.1)
        with self.assertRaises(KeyboardInterrupt):
            time.sleep(5)
        time.sleep(0.1)
        self.assertTrue(thread.is_alive())
        interrupter.request()
        thread.join()
        self.assertIsInstance(outcome[0], pellucid.Interrupted)

    def test_timeouts(self):
        start = time.monotonic()
        with self.assertRaises(pellucid.TimedOut) as caught:
            self.exports.spin.call(timeout=0.1)
        self.assertIsInstance(caught.exception, TimeoutError)
        self.assertLess(time.monotonic() - start, 5)
        self.assertIsNone(self.exports.short.call(timeout=10))
        self.assertIsNone(self.exports.short.call())

    def test_epochs(self):
        self.store.set_epoch_deadline(2)
        threading.Timer(0.1, lambda: [self.engine.increment_epoch() for _ in range(2)]).start()
        with self.assertRaises(pellucid.TimedOut):
            self.exports.spin()
        self.store.set_epoch_deadline(None)
        self.exports.short()

    def test_other_threads_run_while_a_guest_does(self):
        ticks = []

        def tick():
            for _ in range(5):
                time.sleep(0.01)
                ticks.append(1)
            interrupter.request()
        interrupter = self.store.interrupter
        threading.Thread(target=tick).start()
        with self.assertRaises(pellucid.Interrupted):
            self.exports.spin()
        self.assertEqual(len(ticks), 5)


if __name__ == "__main__":
    unittest.main()
