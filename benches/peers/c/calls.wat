;; What the rows about calls from and to C run.
(module
  (import "host" "tagged" (func $tagged (param i32) (result i32)))
  (import "host" "raw" (func $raw (param i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "call_tagged") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $tagged (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))
  (func (export "call_raw") (param $n i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value (call $raw (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))
)
