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
;;! @0029                               v8 = load.i64 notrap aligned readonly can_move v0+32
;;! @0029                               v9 = uload8.i32 notrap aligned v8
;;! @0029                               brif v9, block1, block2
;;!
;;!                                 block2:
;;! @0029                               jump block3(v2)
;;!
;;!                                 block1 cold:
;;! <1> @0029                           v11 = call fn1(v0, v0, v2)
;;! @0029                               jump block3(v11)
;;!
;;!                                 block3(v10: i32):
;;! @002b                               v12 = stack_addr.i64 ss0+32
;;! @002b                               store notrap v10, v12
;;! <2> @002b                           call fn0()
;;! @002d                               v13 = stack_addr.i64 ss0+16
;;! @002d                               v14 = load.i32 notrap v13
;;! @002d                               v15 = stack_addr.i64 ss0+8
;;! @002d                               v16 = load.i32 notrap v15
;;!                                     v19 -> v16
;;! @002d                               v17 = stack_addr.i64 ss0+24
;;! @002d                               store notrap v10, v17
;;! @002d                               jump block4(v10, v14)
;;!
;;!                                 block4(v18: i32, v21: i32):
;;! <4> @002f                           call fn0()
;;! @0033                               v20 = iadd v18, v19
;;! @0038                               v22 = iconst.i32 1
;;! @003a                               v23 = isub v21, v22  ; v22 = 1
;;! @003d                               v24 = stack_addr.i64 ss0+24
;;! @003d                               store notrap v20, v24
;;! @003d                               v25 = stack_addr.i64 ss0+16
;;! @003d                               store notrap v23, v25
;;! @003d                               brif v23, block4(v20, v23), block5
;;!
;;!                                 block5:
;;! @0042                               v26 = load.i64 notrap aligned readonly can_move v0+32
;;! @0042                               v27 = uload8.i32 notrap aligned v26
;;! @0042                               brif v27, block6, block7
;;!
;;!                                 block7:
;;! @0042                               jump block8(v20)
;;!
;;!                                 block6 cold:
;;! <3> @0042                           v29 = call fn1(v0, v0, v20)
;;! @0042                               jump block8(v29)
;;!
;;!                                 block8(v28: i32):
;;! @0044                               v30 = stack_addr.i64 ss0+32
;;! @0044                               store notrap v28, v30
;;! <6> @0044                           call fn0()
;;! @0045                               v31 = stack_addr.i64 ss0+24
;;! @0045                               v32 = load.i32 notrap v31
;;! @0047                               v33 = stack_addr.i64 ss0+8
;;! @0047                               v34 = load.i32 notrap v33
;;! @0049                               v35 = iadd v32, v34
;;! @004a                               return v35
;;! }
