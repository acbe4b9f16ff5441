;; A load and an addition: one run, and a memory access without a bounds check.
;;! debug = true
(module
  (memory 1)
  (func (param $address i32) (param $addend i32) (result i32)
    (i32.add (i32.load offset=8 (local.get $address)) (local.get $addend))))

;;! function u0:0(i64, i64, i32, i32) -> i32 tail {
;;!     ss0 = explicit_slot 24, align = 8
;;!     region0 = 0 "memories"
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;!                                     v4 = stack_addr.i64 ss0
;;!                                     store notrap v0, v4
;;! @001f                               v5 = stack_addr.i64 ss0+8
;;! @001f                               store notrap v2, v5
;;! @001f                               v6 = stack_addr.i64 ss0+16
;;! @001f                               store notrap v3, v6
;;! <0> @001f                           call fn0()
;;! @0021                               v7 = load.i64 notrap aligned readonly can_move v0+40
;;! @0021                               v8 = uextend.i64 v2
;;! @0021                               v9 = iadd v7, v8
;;! @0021                               v10 = load.i32 little region0 v9+8
;;! @0026                               v11 = iadd v10, v3
;;! @0027                               return v11
;;! }
