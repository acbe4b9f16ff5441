;; Two stores: each ends a run.
;;! debug = true
(module
  (memory 1)
  (func (param $address i32) (param $value i64)
    (i64.store (local.get $address) (local.get $value))
    (i64.store8 offset=100 (local.get $address) (i64.const 3))))

;;! function u0:0(i64, i64, i32, i64) tail {
;;!     ss0 = explicit_slot 24, align = 8
;;!     region0 = 0 "memories"
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i64):
;;!                                     v4 = stack_addr.i64 ss0
;;!                                     store notrap v0, v4
;;! @001e                               v5 = stack_addr.i64 ss0+8
;;! @001e                               store notrap v2, v5
;;! @001e                               v6 = stack_addr.i64 ss0+16
;;! @001e                               store notrap v3, v6
;;! <0> @001e                           call fn0()
;;! @0022                               v7 = load.i64 notrap aligned readonly can_move v0+40
;;! @0022                               v8 = uextend.i64 v2
;;! @0022                               v9 = iadd v7, v8
;;! @0022                               store user34 little region0 v3, v9
;;! <2> @0025                           call fn0()
;;! @0027                               v10 = iconst.i64 3
;;! @0029                               v11 = load.i64 notrap aligned readonly can_move v0+40
;;! @0029                               v12 = uextend.i64 v2
;;! @0029                               v13 = iadd v11, v12
;;! @0029                               istore8 little region0 v10, v13+100  ; v10 = 3
;;! <4> @002c                           call fn0()
;;! @002c                               return
;;! }
