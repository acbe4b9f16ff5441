;; A direct call, with an operand that waits beneath the arguments.
(module
  (func $callee (param i32 i32) (result i32)
    (local.get 0))
  (func (param $x i32) (result i32)
    (i32.mul (local.get $x) (call $callee (local.get $x) (i32.const 7)))))

;;! function u0:0(i64, i64, i32, i32) -> i32 tail {
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;! @0022                               return v2
;;! }
;;!
;;! function u0:1(i64, i64, i32) -> i32 tail {
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;! @0029                               v3 = iconst.i32 7
;;! @002d                               v4 = imul v2, v2
;;! @002e                               return v4
;;! }
