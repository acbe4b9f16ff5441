;; Nested blocks before a `br_table`, as in an interpreter's switch: opening them costs nothing.
;;! debug = true
(module
  (func (param $which i32) (result i32)
    (block $default
      (block $one
        (block $zero
          (br_table $zero $one $default (local.get $which)))
        (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30)))

;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!     ss0 = explicit_slot 16, align = 8
;;!     sig0 = () preserve_all
;;!     fn0 = colocated patchable u1:0 sig0
;;!
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;!                                     v3 = stack_addr.i64 ss0
;;!                                     store notrap v0, v3
;;! @0019                               v4 = stack_addr.i64 ss0+8
;;! @0019                               store notrap v2, v4
;;! <0> @0019                           call fn0()
;;! @0021                               br_table v2, block3, [block1, block2]
;;!
;;!                                 block1:
;;! <2> @0027                           call fn0()
;;! @0027                               v5 = iconst.i32 10
;;! @0029                               return v5  ; v5 = 10
;;!
;;!                                 block2:
;;! <4> @002b                           call fn0()
;;! @002b                               v6 = iconst.i32 20
;;! @002d                               return v6  ; v6 = 20
;;!
;;!                                 block3:
;;! <6> @002f                           call fn0()
;;! @002f                               v7 = iconst.i32 30
;;! @0031                               return v7  ; v7 = 30
;;! }
