"""Objects may go in any order, on any thread, in cycles, and at the end of the interpreter."""

import ctypes
import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import unittest
import weakref

import pellucid
from pellucid import FuncType

TEXT = """(module (import "m" "f" (func $f (param i32) (result i32))) (memory (export "memory") 1)
    (func (export "f") (param i32) (result i32) (call $f (local.get 0))) (func (export "spin") (loop (br 0))))"""


def build(function=lambda number: number + 1):
    engine = pellucid.Engine()
    module = pellucid.Module(engine, TEXT)
    store = pellucid.Store(engine)
    return [engine, module, store, pellucid.Instance(store, module, {"m": {"f": function}})]


class Lifetimes(unittest.TestCase):
    def test_any_order(self):
        for order in itertools.permutations(range(6)):
            things = build()
            function, call = things[3].exports.f, pellucid.Call(things[3].exports.f, 3)
            things += [function, call]
            for index in order[:-1]:
                things[index] = None
            last = things[order[-1]]
            if order[-1] == 4:
                self.assertEqual(last(4), 5)
            if order[-1] == 5:
                last.resume()
                self.assertEqual(last.result(), 4)

    def test_children_keep_parents(self):
        function = build()[3].exports.f
        gc.collect()
        self.assertEqual(function(1), 2)

    def test_cycles_through_host_functions_are_collected(self):
        gone = []
        for _ in range(5):
            cell = []
            things = build(lambda number: len(cell))
            cell.append(things)
            gone.append((weakref.ref(things[2]), weakref.ref(things[2]._handle)))
            self.assertEqual(things[3].exports.f(1), 1)
            del things, cell
        gc.collect()
        self.assertEqual([(store(), handle()) for store, handle in gone], [(None, None)] * 5)

    def test_calls_that_go_on_another_thread(self):
        """A call that is collected while another thread runs a guest in its store is deleted later."""
        entered, leave = threading.Event(), threading.Event()

        def wait(number):
            entered.set()
            leave.wait(10)
            return number
        store, instance = build(wait)[2:]
        calls = [pellucid.Call(instance.exports.f, number) for number in range(10)]
        thread = threading.Thread(target=instance.exports.f, args=(1,))
        thread.start()
        entered.wait(10)
        calls.clear()
        gc.collect()
        with self.assertRaises(pellucid.Busy):
            instance.exports.f(2)
        with self.assertRaises(pellucid.Busy):
            store.close()
        self.assertEqual(len(store._handle.trash), 10)
        leave.set()
        thread.join()
        self.assertEqual(pellucid.Call(instance.exports.f, 1).resume(), pellucid.CallState.FINISHED)
        self.assertLess(len(store._handle.trash), 2)

    def test_recursion_without_end(self):
        instance = build(lambda number: instance.exports.f(number + 1))[3]
        # What Python says where there is no room for a call of ctypes' own is an ArgumentError.
        with self.assertRaises((RecursionError, ctypes.ArgumentError, pellucid.Trap)):
            instance.exports.f(0)
        self.assertEqual(build()[3].exports.f(1), 2)

    def test_closing_in_a_host_function(self):
        def close(number):
            things[2].close()
            return number * 2
        things = build(close)
        self.assertEqual(things[3].exports.f(4), 8)
        # The guest goes on after that, and calls again; so it is with a call by tagged values.
        for call in (lambda function: function(), lambda function: function.call(timeout=10)):
            store, calls = pellucid.Store(things[0]), []

            def host():
                calls.append(1)
                store.close()
                gc.collect()
            again = pellucid.Instance(store, pellucid.Module(things[0], """(module (import "m" "f" (func $f))
                (func (export "f") (result i32) (call $f) (call $f) (call $f) (i32.const 7)))"""), {"m": {"f": host}}).exports.f
            self.assertEqual((call(again), len(calls)), (7, 3))
            with self.assertRaises(pellucid.InvalidState):
                again()
        with self.assertRaises(pellucid.InvalidState):
            things[3].exports.f(4)

    def test_stores_on_many_threads(self):
        engine = pellucid.Engine()
        module = pellucid.Module(engine, TEXT)
        linker = pellucid.Linker()
        linker.define("m", "f", lambda value: value + 1000)
        failures = []
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)

        def work():
            try:
                for number in range(30):
                    store = pellucid.Store(engine)
                    instance = pellucid.Instance(store, module, {"m": {"f": lambda value: value + number}})
                    for value in range(20):
                        assert instance.exports.f(value) == value + number
                    assert linker.instantiate(store, module).exports.f(1) == 1001
            except BaseException as failure:
                failures.append(failure)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_one_store_by_two_threads_at_once(self):
        """Whoever comes second is told; nobody gets the other's values."""
        instance = build(lambda number: number)[3]
        counts = [0, 0]

        def work(me):
            for number in range(2000):
                try:
                    assert instance.exports.f(number * 2 + me) == number * 2 + me
                    counts[me] += 1
                except pellucid.Busy:
                    pass
        threads = [threading.Thread(target=work, args=(me,)) for me in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(sum(counts), 0)

    def run_python(self, text, **environment):
        return subprocess.run([sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(text)], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **environment})

    def check(self, text, expected="ok\n", **environment):
        done = self.run_python(text, **environment)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, expected, ""))

    SETUP = f"""
        import gc, os, sys, threading
        import pellucid
        engine = pellucid.Engine()
        module = pellucid.Module(engine, '''{" ".join(TEXT.split())}''')
        store = pellucid.Store(engine)
        instance = pellucid.Instance(store, module, {{"m": {{"f": lambda number: number + 1}}}})
        """

    def test_the_end_of_the_interpreter(self):
        self.check(self.SETUP + """
        call = pellucid.Call(instance.exports.f, 1)
        view = instance.memory.view()
        sys.keep = [call, view, store]
        class Late:
            def __del__(self, function=instance.exports.f):
                assert function(1) == 2
        sys.late = Late()
        print("ok")
        """)

    def test_the_end_of_the_interpreter_while_a_guest_runs(self):
        self.check(self.SETUP + """
        threading.Thread(target=instance.exports.spin, daemon=True).start()
        import time; time.sleep(0.1)
        print("ok", flush=True)
        """)

    def test_fork(self):
        self.check(self.SETUP + """
        import signal, time, warnings
        warnings.simplefilter("ignore")  # A process that forks has a thread that waits for Ctrl-C.
        child = os.fork()
        if child == 0:
            assert instance.exports.f(1) == 2
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                instance.exports.spin()
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(1)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 7, status
        assert instance.exports.f(1) == 2
        print("ok")
        """)

    def test_sub_interpreters(self):
        """A sub-interpreter loads the package, runs guests and goes, beside others, on the main thread and on another."""
        self.check("""
        import sys, threading
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''if 1:
            import pellucid
            engine = pellucid.Engine()
            module = pellucid.Module(engine, \"\"\"(module (import "m" "f" (func $f (param i32) (result i32)))
                (func (export "f") (param i32) (result i32) (call $f (local.get 0))) (func (export "trap") unreachable))\"\"\")
            store = pellucid.Store(engine)
            instance = pellucid.Instance(store, module, {"m": {"f": lambda number: number + 1}})
            for number in range(100):
                assert instance.exports.f(number) == number + 1
            try:
                instance.exports.trap()
            except pellucid.Trap:
                pass
            else:
                raise AssertionError
        '''
        def run():
            for _ in range(3):
                # In 3.12 ctypes doesn't know interpreters with locks of their own.
                one = interpreters.create(**({"isolated": False} if sys.version_info < (3, 13) else {}))
                failed = interpreters.run_string(one, code)
                assert failed is None, failed
                interpreters.destroy(one)
        import pellucid
        run()
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        print("ok")
        """)


if __name__ == "__main__":
    unittest.main()
