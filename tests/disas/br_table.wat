;; Nested blocks before a `br_table`, as in an interpreter's switch: opening them costs nothing.
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
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;! @0021                               br_table v2, block3, [block1, block2]
;;!
;;!                                 block1:
;;! @0027                               v3 = iconst.i32 10
;;! @0029                               return v3  ; v3 = 10
;;!
;;!                                 block2:
;;! @002b                               v4 = iconst.i32 20
;;! @002d                               return v4  ; v4 = 20
;;!
;;!                                 block3:
;;! @002f                               v5 = iconst.i32 30
;;! @0031                               return v5  ; v5 = 30
;;! }
