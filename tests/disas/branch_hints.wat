(module
  (func (param i32) (result i32)
    (@metadata.code.branch_hint "\00")
    (if (local.get 0) (then (unreachable)))
    (block
      (@metadata.code.branch_hint "\01")
      (br_if 0 (local.get 0))
      (return (i32.const 1)))
    (@metadata.code.branch_hint "\00")
    (br_if 0 (i32.const 2) (local.get 0))
    (drop)
    (i32.const 3)))
;;! function u0:0(i64, i64, i32) -> i32 tail {
;;!                                 block0(v0: i64, v1: i64, v2: i32):
;;! @0043                               brif v2, block1, block2
;;!
;;!                                 block1 cold:
;;! @0045                               trap user1
;;!
;;!                                 block2:
;;! @004b                               brif.i32 v2, block4, block3
;;!
;;!                                 block3 cold:
;;! @004d                               v3 = iconst.i32 1
;;! @004f                               return v3  ; v3 = 1
;;!
;;!                                 block4:
;;! @0051                               v4 = iconst.i32 2
;;! @0055                               brif.i32 v2, block6, block5
;;!
;;!                                 block6 cold:
;;! @0055                               return v4  ; v4 = 2
;;!
;;!                                 block5:
;;! @0058                               v5 = iconst.i32 3
;;! @005a                               return v5  ; v5 = 3
;;! }
