//! What the collector must not miss on guests' stacks, with a collection at each allocation.

use crate::World;
use pellucid::base::{Config, FuncType, StoreLimits, Value};
use pellucid::runtime::Extern;

const MODULE: &str = r#"(module
    (type $t (struct (field (ref null $t)) (field (ref null $t)) (field i32)))
    (import "" "again" (func $again))
    (tag $thrown (param (ref $t)))
    (global $kept (mut (ref null $t)) (ref.null $t))
    (func $leaf (param i32) (result (ref $t)) (struct.new $t (ref.null $t) (ref.null $t) (local.get 0)))
    (func $value (param (ref null $t)) (result i32) (struct.get $t 2 (local.get 0)))
    (func $throws (param (ref $t)) (drop (call $leaf (i32.const 90))) (throw $thrown (local.get 0)))

    ;; An operand, while the next one is made.
    (func (export "operand") (result i32) (local $x (ref null $t))
        (local.set $x (struct.new $t (call $leaf (i32.const 1)) (call $leaf (i32.const 2)) (i32.const 90)))
        (i32.add (call $value (struct.get $t 0 (local.get $x))) (call $value (struct.get $t 1 (local.get $x)))))
    ;; A local, which the callee leaves in the register that it is in.
    (func (export "local") (result i32) (local $x (ref null $t)) (local $y (ref null $t))
        (local.set $x (call $leaf (i32.const 1)))
        (local.set $y (call $leaf (i32.const 2)))
        (i32.add (call $value (local.get $x)) (call $value (local.get $y))))
    (func $take (param $x (ref $t)) (result i32)
        (drop (call $leaf (i32.const 90)))
        (i32.add (call $value (local.get $x)) (call $value (call $leaf (i32.const 2)))))
    (func (export "param") (result i32) (call $take (call $leaf (i32.const 1))))
    ;; More than there are registers.
    (func (export "spilled") (result i32)
        (local $a (ref null $t)) (local $b (ref null $t)) (local $c (ref null $t)) (local $d (ref null $t))
        (local $e (ref null $t)) (local $f (ref null $t)) (local $g (ref null $t)) (local $h (ref null $t))
        (local.set $a (call $leaf (i32.const 1))) (local.set $b (call $leaf (i32.const 0)))
        (local.set $c (call $leaf (i32.const 1))) (local.set $d (call $leaf (i32.const 0)))
        (local.set $e (call $leaf (i32.const 1))) (local.set $f (call $leaf (i32.const 0)))
        (local.set $g (call $leaf (i32.const 0))) (local.set $h (call $leaf (i32.const 0)))
        (i32.add (i32.add (i32.add (call $value (local.get $a)) (call $value (local.get $b)))
                          (i32.add (call $value (local.get $c)) (call $value (local.get $d))))
                 (i32.add (i32.add (call $value (local.get $e)) (call $value (local.get $f)))
                          (i32.add (call $value (local.get $g)) (call $value (local.get $h))))))
    (func (export "selected") (result i32) (local $x (ref null $t))
        (local.set $x
            (select (result (ref null $t)) (call $leaf (i32.const 3)) (call $leaf (i32.const 90))
                (call $value (call $leaf (i32.const 1)))))
        (drop (call $leaf (i32.const 90)))
        (call $value (local.get $x)))
    ;; While a host function calls the guest again.
    (func (export "host") (result i32) (local $x (ref null $t))
        (local.set $x (call $leaf (i32.const 3)))
        (call $again)
        (call $value (local.get $x)))
    (func (export "make") (drop (struct.new $t (call $leaf (i32.const 90)) (call $leaf (i32.const 90)) (i32.const 90))))
    ;; In a frame that catches, and as what is caught.
    (func (export "caught") (result i32) (local $x (ref null $t)) (local $y (ref null $t))
        (local.set $x (call $leaf (i32.const 1)))
        (local.set $y
            (block $caught (result (ref $t))
                (try_table (catch $thrown $caught) (call $throws (call $leaf (i32.const 2))))
                (unreachable)))
        (drop (call $leaf (i32.const 90)))
        (i32.add (call $value (local.get $x)) (call $value (local.get $y))))
    ;; In a global alone.
    (func (export "global") (result i32)
        (global.set $kept (call $leaf (i32.const 3)))
        (drop (call $leaf (i32.const 90)))
        (call $value (global.get $kept))))"#;

#[test]
fn what_a_guest_may_still_use_survives_collections() {
    for stress_heap in [false, true] {
        for (debug, exact, signal_handlers) in
            [(false, false, true), (false, false, false), (true, false, true), (true, true, true)]
        {
            let config =
                Config { debug, exact, signal_handlers, stress_heap, poison_stacks: true, ..Config::default() };
            let world = World::with(config, StoreLimits::default());
            let again = |caller: pellucid::runtime::Caller<'_>, _: &[Value], _: &mut [Value]| {
                let Some(Extern::Func(make)) = caller.export("make") else { panic!("no function `make`") };
                caller.store().call(make, &[]).map(drop)
            };
            let again = world.store.func_new(FuncType::new([], []), Box::new(again)).unwrap();
            let instance = world.instance(MODULE, &[Extern::Func(again)]);
            for name in ["operand", "local", "param", "spilled", "selected", "host", "caught", "global"] {
                let Extern::Func(func) = world.export(instance, name) else { panic!("`{name}` is no function") };
                for _ in 0..3 {
                    let results = world.store.call(func, &[]).unwrap();
                    assert_eq!(results[..], [Value::I32(3)], "{name}, debugging {debug}, stress {stress_heap}");
                }
            }
        }
    }
}
