;; A loop whose head is a merge: debugging puts one stop point there.
(module
  (func (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = iconst.i32 0
;;! @001b                               jump block1(v3, v2)  ; v3 = 0
;;!
;;!                                 block1(v4: i32, v5: i32):
;;! @0021                               v6 = iadd v4, v5
;;! @0026                               v7 = iconst.i32 1
;;! @0028                               v8 = isub v5, v7  ; v7 = 1
;;! @002b                               brif v8, block1(v6, v8), block2
;;!
;;!                                 block2:
;;! @0030                               return v6
;;! }
