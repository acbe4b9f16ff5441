"""Awaiting guests: host functions that are coroutines, several calls at once, cancellation."""

import asyncio
import gc
import logging
import time
import unittest
import warnings

import pellucid
from pellucid import CallState

# That a callback of the loop's takes long says nothing on a machine that does other things, too.
logging.getLogger("asyncio").setLevel(logging.ERROR)

TEXT = """(module
  (import "m" "wait" (func $wait (param i32) (result i32)))
  (func $inner (param i32) (result i32) (call $wait (local.get 0)))
  (func $twice (export "twice") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (call $inner (local.get 0))))
  (func (export "spin") (loop (br 0))))"""


class Async(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.engine = pellucid.Engine()
        self.module = pellucid.Module(self.engine, TEXT)
        self.store = pellucid.Store(self.engine)
        self.log = []

        async def wait(number: pellucid.i32) -> pellucid.i32:
            self.log.append(("begin", number))
            await asyncio.sleep(0.01 * number)
            self.log.append(("end", number))
            return number * 10
        self.exports = self.make(wait)

    def make(self, wait, store=None):
        return pellucid.Instance(store or self.store, self.module, {"m": {"wait": wait}}).exports

    async def test_a_guest_waits(self):
        self.assertEqual(await self.exports.twice.call_async(1), 20)

    async def test_several_in_one_store(self):
        calls = [self.exports.twice.call_async(number) for number in (5, 1, 3)]
        self.assertEqual(await asyncio.gather(*calls), [100, 20, 60])
        self.assertEqual([number for what, number in self.log[:3] if what == "begin"], [5, 1, 3])
        self.assertEqual(self.log[3], ("end", 1))

    async def test_several_stores(self):
        async def wait(number):
            await asyncio.sleep(0.01)
            return number
        exports = [self.make(wait, pellucid.Store(self.engine)) for _ in range(20)]
        start = time.monotonic()
        results = await asyncio.gather(*(one.twice.call_async(number) for number, one in enumerate(exports)))
        self.assertEqual(results, [2 * number for number in range(20)])
        self.assertLess(time.monotonic() - start, 20 * 0.02)

    async def test_what_a_coroutine_raises_arrives_unchanged(self):
        raised = KeyError("x")

        async def fail(number):
            await asyncio.sleep(0)
            raise raised
        with self.assertRaises(KeyError) as caught:
            await self.make(fail).twice.call_async(1)
        self.assertIs(caught.exception, raised)
        self.assertEqual([frame.func for frame in pellucid.frames_of(raised)], ["inner", "twice"])

    async def test_wrong_results(self):
        async def wrong(number):
            return "x"
        with self.assertRaises(TypeError):
            await self.make(wrong).twice.call_async(1)

    async def test_cancelled_while_the_host_waits(self):
        task = asyncio.ensure_future(self.exports.twice.call_async(1000))
        await asyncio.sleep(0.02)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError) as caught:
            await task
        self.assertEqual(await self.exports.twice.call_async(1), 20)

    async def test_cancelled_while_the_guest_computes(self):
        task = asyncio.ensure_future(self.exports.spin.call_async())
        self.assertEqual(await self.exports.twice.call_async(1), 20)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        with self.assertRaises((asyncio.TimeoutError, TimeoutError)):
            await asyncio.wait_for(self.exports.spin.call_async(), 0.1)

    async def test_a_coroutine_that_calls_the_guest(self):
        async def wait(number: pellucid.i32) -> pellucid.i32:
            return await exports.twice.call_async(number - 1) + 1 if number else 0
        exports = self.make(wait)
        self.assertEqual(await exports.twice.call_async(3), 14)

    async def test_the_caller_of_a_coroutine(self):
        async def wait(caller: pellucid.Caller, number: pellucid.i32) -> pellucid.i32:
            await asyncio.sleep(0)
            self.assertEqual(caller.export("spin"), exports.spin)
            return 1
        exports = self.make(wait)
        self.assertEqual(await exports.twice.call_async(3), 2)

    async def test_plain_calls_cant_wait(self):
        with self.assertRaises(pellucid.CannotWait):
            self.exports.twice(1)

    async def test_references(self):
        async def swap(thing):
            await asyncio.sleep(0)
            gc.collect()
            return [thing]
        instance = pellucid.Instance(self.store, pellucid.Module(self.engine, """(module
            (import "m" "f" (func $f (param externref) (result externref)))
            (func (export "f") (param externref) (result externref) (call $f (local.get 0))))"""), {"m": {"f": swap}})
        self.assertEqual(await instance.exports.f.call_async("it"), ["it"])

    async def test_driven_by_hand(self):
        with pellucid.Call(self.exports.twice, 4) as call:
            self.assertEqual(call.state, CallState.READY)
            self.assertEqual(call.resume(), CallState.YIELDED)
            call.awaited.close()
            call.give(5)
            self.assertEqual(call.resume(), CallState.YIELDED)
            call.awaited.close()
            call.give(6)
            self.assertEqual(call.resume(), CallState.FINISHED)
            self.assertEqual(call.result(), 11)

    async def test_given_up(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pellucid.Call(self.exports.twice, 4) as call:
                call.resume()
                with self.assertRaises(pellucid.InvalidState):
                    call.result()
            with self.assertRaises(pellucid.InvalidState):
                call.resume()
        self.assertEqual(self.store._waiting, {})

    async def test_a_call_that_is_trapped(self):
        with pellucid.Call(self.exports.spin) as call:
            self.assertEqual(call.resume(timeout=0.01), CallState.PAUSED)
            call.trap("enough")
            with self.assertRaisesRegex(pellucid.Trap, "enough"):
                call.result()


if __name__ == "__main__":
    unittest.main()
