;; Two stores: each ends a run.
(module
  (memory 1)
  (func (param $address i32) (param $value i64)
    (i64.store (local.get $address) (local.get $value))
    (i64.store8 offset=100 (local.get $address) (i64.const 3))))

;;! function u0:0(i64, i64, i32, i64) tail {
;;!     region0 = 0 "memories"
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i64):
;;! @0022                               v4 = load.i64 notrap aligned readonly can_move v0+40
;;! @0022                               v5 = uextend.i64 v2
;;! @0022                               v6 = iadd v4, v5
;;! @0022                               store user34 little region0 v3, v6
;;! @0027                               v7 = iconst.i64 3
;;! @0029                               v8 = load.i64 notrap aligned readonly can_move v0+40
;;! @0029                               v9 = uextend.i64 v2
;;! @0029                               v10 = iadd v8, v9
;;! @0029                               istore8 little region0 v7, v10+100  ; v7 = 3
;;! @002c                               return
;;! }
