;; A direct call, with an operand that waits beneath the arguments.
;;! debug = true
(module
  (func $callee (param i32 i32) (result i32)
    (local.get 0))
  (func (param $x i32) (result i32)
    (i32.mul (local.get $x) (call $callee (local.get $x) (i32.const 7)))))

;;! function u0:0(i64, i64, i32, i32) -> i32 tail {
;;!     ss0 = explicit_slot 24, align = 8
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;!                                     v4 = stack_addr.i64 ss0
;;!                                     store notrap v0, v4
;;! @0020                               v5 = stack_addr.i64 ss0+8
;;! @0020                               store notrap v2, v5
;;! @0020                               v6 = stack_addr.i64 ss0+16
;;! @0020                               store notrap v3, v6
;;! <0> @0020                           call fn0()
;;! @0022                               return v2
;;! }
;;!
;;! function u0:1(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 32, align = 8
;;!     sig0 = () preserve_all
;;!     sig1 = (i64, i64, i32, i32) -> i32 tail
;;!     fn0 = colocated patchable u1:0 sig0
;;!     fn1 = colocated u0:0 sig1
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = stack_addr.i64 ss0
;;!                                     store notrap v0, v3
;;! @0025                               v4 = stack_addr.i64 ss0+8
;;! @0025                               store notrap v2, v4
;;! <0> @0025                           call fn0()
;;! @0029                               v5 = iconst.i32 7
;;! @002b                               v6 = load.i64 notrap aligned readonly can_move v0+32
;;! @002b                               v7 = uload8.i32 notrap aligned v6
;;! @002b                               brif v7, block1, block2
;;!
;;!                                 block2:
;;! @002b                               jump block3(v2)
;;!
;;!                                 block1 cold:
;;! <1> @002b                           v9 = call fn1(v0, v0, v2, v5)  ; v5 = 7
;;! @002b                               jump block3(v9)
;;!
;;!                                 block3(v8: i32):
;;! @002b                               v10 = stack_addr.i64 ss0+8
;;! @002b                               v11 = load.i32 notrap v10
;;! @002d                               v12 = stack_addr.i64 ss0+24
;;! @002d                               store notrap v8, v12
;;! <2> @002d                           call fn0()
;;! @002d                               v13 = imul v11, v8
;;! @002e                               return v13
;;! }
