(module
  (memory 1)
  (func $get (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (param i32) (result i32)
    (i32.add (call $get (local.get 0)) (i32.const 1))))
;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     region0 = 0 "memories"
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;! @0021                               v3 = load.i64 notrap aligned readonly can_move v0+40
;;! @0021                               v4 = uextend.i64 v2
;;! @0021                               v5 = iadd v3, v4
;;! @0021                               v6 = load.i32 little region0 v5+4
;;! @0024                               return v6
;;! }
;;!
;;! function u0:1(i64, i64, i32) -> i32 tail {
;;!     region0 = 0 "memories"
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;! @003f                               v3 = load.i64 notrap aligned readonly can_move v0+40
;;! @003f                               v4 = uextend.i64 v2
;;! @003f                               v5 = iadd v3, v4
;;! @003f                               v6 = load.i32 little region0 v5+4
;;! @002b                               v7 = iconst.i32 1
;;! @002d                               v8 = iadd v6, v7  ; v7 = 1
;;! @002e                               return v8
;;! }
