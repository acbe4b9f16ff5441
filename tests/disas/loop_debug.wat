;; A loop whose head is a merge: debugging puts one stop point there.
;;! debug = true
(module
  (func (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 24, align = 8
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = iconst.i32 0
;;!                                     v4 = stack_addr.i64 ss0
;;!                                     store notrap v0, v4
;;! @001b                               v5 = stack_addr.i64 ss0+8
;;! @001b                               store notrap v2, v5
;;! <0> @001b                           call fn0()
;;! @001b                               v6 = stack_addr.i64 ss0+16
;;! @001b                               store notrap v3, v6  ; v3 = 0
;;! @001b                               jump block1(v3, v2)  ; v3 = 0
;;!
;;!                                 block1(v7: i32, v8: i32):
;;! <2> @001d                           call fn0()
;;! @0021                               v9 = iadd v7, v8
;;! @0026                               v10 = iconst.i32 1
;;! @0028                               v11 = isub v8, v10  ; v10 = 1
;;! @002b                               v12 = stack_addr.i64 ss0+16
;;! @002b                               store notrap v9, v12
;;! @002b                               v13 = stack_addr.i64 ss0+8
;;! @002b                               store notrap v11, v13
;;! @002b                               brif v11, block1(v9, v11), block2
;;!
;;!                                 block2:
;;! @0030                               return v9
;;! }
