;;! debug = true
(module
  (memory 1)
  (func $get (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (param i32) (result i32)
    (i32.add (call $get (local.get 0)) (i32.const 1))))
;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 16, align = 8
;;!     region0 = 0 "memories"
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
;;! @0021                               v8 = load.i32 little region0 v7+4
;;! @0024                               return v8
;;! }
;;!
;;! function u0:1(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 24, align = 8
;;!     region0 = 1 "memory definitions"
;;!     region1 = 0 "memories"
;;!     sig0 = () preserve_all
;;!     sig1 = (i64, i64, i32) -> i32 tail
;;!     fn0 = colocated patchable u1:0 sig0
;;!     fn1 = colocated u0:0 sig1
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = stack_addr.i64 ss0
;;!                                     store notrap v0, v3
;;! @0027                               v4 = stack_addr.i64 ss0+8
;;! @0027                               store notrap v2, v4
;;! <0> @0027                           call fn0()
;;! @0029                               v5 = load.i64 notrap aligned readonly can_move v0+32
;;! @0029                               v6 = uload8.i32 notrap aligned v5
;;! @0029                               brif v6, block1, block2
;;!
;;!                                 block2:
;;! @003f                               v8 = load.i64 notrap aligned readonly can_move v0+40
;;! @003f                               v9 = uextend.i64 v2
;;! @003f                               v10 = load.i64 notrap aligned readonly can_move v0+48
;;! @003f                               v11 = load.i64 notrap aligned region0 v10+8
;;! @003f                               v12 = iconst.i64 8
;;! @003f                               v13 = iadd v9, v12  ; v12 = 8
;;! @003f                               v14 = icmp ugt v13, v11
;;! @003f                               brif v14, block1, block4
;;!
;;!                                 block4:
;;! @003f                               v15 = iadd.i64 v8, v9
;;! @003f                               v16 = load.i32 notrap little region1 v15+4
;;! @0029                               jump block3(v16)
;;!
;;!                                 block1 cold:
;;! <1> @0029                           v17 = call fn1(v0, v0, v2)
;;! @0029                               jump block3(v17)
;;!
;;!                                 block3(v7: i32):
;;! @002b                               v18 = stack_addr.i64 ss0+16
;;! @002b                               store notrap v7, v18
;;! <2> @002b                           call fn0()
;;! @002b                               v19 = iconst.i32 1
;;! @002d                               v20 = iadd v7, v19  ; v19 = 1
;;! @002e                               return v20
;;! }
