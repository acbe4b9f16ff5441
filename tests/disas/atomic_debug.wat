;;! debug = true
;; What reads a shared memory, or its size, ends a run, and whatever is atomic does.
(module
  (memory 1 2 shared)
  (func (param $address i32) (result i32)
    (i32.add
      (i32.load (local.get $address))
      (i32.add (memory.size) (i32.atomic.rmw16.add_u offset=6 (local.get $address) (i32.const 1))))))
;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 40, align = 8
;;!     region0 = 0 "memories"
;;!     region1 = 1 "memory definitions"
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = stack_addr.i64 ss0
;;!                                     store notrap v0, v3
;;! @001f                               v4 = stack_addr.i64 ss0+8
;;! @001f                               store notrap v2, v4
;;! <0> @001f                           call fn0()
;;! @0021                               v5 = load.i64 notrap aligned readonly can_move v0+40
;;! @0021                               v6 = uextend.i64 v2
;;! @0021                               v7 = iadd v5, v6
;;! @0021                               v8 = load.i32 little region0 v7
;;! @0024                               v9 = stack_addr.i64 ss0+16
;;! @0024                               store notrap v8, v9
;;! <2> @0024                           call fn0()
;;! @0024                               v10 = load.i64 notrap aligned readonly can_move v0+48
;;! @0024                               v11 = iconst.i64 8
;;! @0024                               v12 = iadd v10, v11  ; v11 = 8
;;! @0024                               v13 = atomic_load.i64 notrap aligned region1 v12
;;! @0024                               v14 = iconst.i64 16
;;! @0024                               v15 = ushr v13, v14  ; v14 = 16
;;! @0024                               v16 = ireduce.i32 v15
;;! @0026                               v17 = stack_addr.i64 ss0+24
;;! @0026                               store notrap v16, v17
;;! <4> @0026                           call fn0()
;;! @0028                               v18 = iconst.i32 1
;;! @002a                               v19 = ireduce.i16 v18  ; v18 = 1
;;! @002a                               v20 = uextend.i64 v2
;;! @002a                               v21 = iconst.i64 1
;;! @002a                               v22 = band v20, v21  ; v21 = 1
;;! @002a                               trapnz v22, user15
;;! @002a                               v23 = load.i64 notrap aligned readonly can_move v0+40
;;! @002a                               v24 = iadd v23, v20
;;! @002a                               v25 = iconst.i64 6
;;! @002a                               v26 = iadd v24, v25  ; v25 = 6
;;! @002a                               v27 = atomic_rmw.i16 add v26, v19
;;! @002a                               v28 = uextend.i32 v27
;;! @002e                               v29 = stack_addr.i64 ss0+32
;;! @002e                               store notrap v28, v29
;;! <6> @002e                           call fn0()
;;! @002e                               v30 = iadd v16, v28
;;! @002f                               v31 = iadd v8, v30
;;! @0030                               return v31
;;! }
