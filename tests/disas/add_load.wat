;; A load and an addition: one run, and a memory access without a bounds check.
(module
  (memory 1)
  (func (param $address i32) (param $addend i32) (result i32)
    (i32.add (i32.load offset=8 (local.get $address)) (local.get $addend))))

;;! function u0:0(i64, i64, i32, i32) -> i32 tail {
;;!     region0 = 0 "memories"
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;! @0021                               v4 = load.i64 notrap aligned readonly can_move v0+40
;;! @0021                               v5 = uextend.i64 v2
;;! @0021                               v6 = iadd v4, v5
;;! @0021                               v7 = load.i32 little region0 v6+8
;;! @0026                               v8 = iadd v7, v3
;;! @0027                               return v8
;;! }
