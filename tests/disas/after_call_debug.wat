;;! debug = true
;; After a call, locals are read from their homes; a loop that doesn't call takes them into variables again.
(module
  (func $callee (param i32) (result i32)
    (local.get 0))
  (func (param $x i32) (param $n i32) (result i32)
    (local $sum i32)
    (local.set $sum (call $callee (local.get $x)))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $x)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (drop (call $callee (local.get $sum)))
    (i32.add (local.get $sum) (local.get $x))))

;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 16, align = 8
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = stack_addr.i64 ss0
;;!                                     store notrap v0, v3
;;! @0020                               v4 = stack_addr.i64 ss0+8
;;! @0020                               store notrap v2, v4
;;! <0> @0020                           call fn0()
;;! @0022                               return v2
;;! }
;;!
;;! function u0:1(i64, i64, i32, i32) -> i32 tail {
;;!     ss0 = explicit_slot 40, align = 8
;;!     sig0 = () preserve_all
;;!     sig1 = (i64, i64, i32) -> i32 tail
;;!     fn0 = colocated patchable u1:0 sig0
;;!     fn1 = colocated u0:0 sig1
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32, v3: i32):
;;!                                     v4 = iconst.i32 0
;;!                                     v5 = stack_addr.i64 ss0
;;!                                     store notrap v0, v5
;;! @0027                               v6 = stack_addr.i64 ss0+8
;;! @0027                               store notrap v2, v6
;;! @0027                               v7 = stack_addr.i64 ss0+16
;;! @0027                               store notrap v3, v7
;;! <0> @0027                           call fn0()
;;! <1> @0029                           v8 = call fn1(v0, v0, v2)
;;! @002b                               v9 = stack_addr.i64 ss0+32
;;! @002b                               store notrap v8, v9
;;! <2> @002b                           call fn0()
;;! @002d                               v10 = stack_addr.i64 ss0+16
;;! @002d                               v11 = load.i32 notrap v10
;;! @002d                               v12 = stack_addr.i64 ss0+8
;;! @002d                               v13 = load.i32 notrap v12
;;!                                     v16 -> v13
;;! @002d                               v14 = stack_addr.i64 ss0+24
;;! @002d                               store notrap v8, v14
;;! @002d                               jump block1(v8, v11)
;;!
;;!                                 block1(v15: i32, v18: i32):
;;! <4> @002f                           call fn0()
;;! @0033                               v17 = iadd v15, v16
;;! @0038                               v19 = iconst.i32 1
;;! @003a                               v20 = isub v18, v19  ; v19 = 1
;;! @003d                               v21 = stack_addr.i64 ss0+24
;;! @003d                               store notrap v17, v21
;;! @003d                               v22 = stack_addr.i64 ss0+16
;;! @003d                               store notrap v20, v22
;;! @003d                               brif v20, block1(v17, v20), block2
;;!
;;!                                 block2:
;;! <3> @0042                           v23 = call fn1(v0, v0, v17)
;;! @0044                               v24 = stack_addr.i64 ss0+32
;;! @0044                               store notrap v23, v24
;;! <6> @0044                           call fn0()
;;! @0045                               v25 = stack_addr.i64 ss0+24
;;! @0045                               v26 = load.i32 notrap v25
;;! @0047                               v27 = stack_addr.i64 ss0+8
;;! @0047                               v28 = load.i32 notrap v27
;;! @0049                               v29 = iadd v26, v28
;;! @004a                               return v29
;;! }
