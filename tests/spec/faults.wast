;; Directives that the runner must judge: those marked with F at the end of the line are wrong.

(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "nan") (result f32) (f32.const nan:0x200001))
  (func (export "t") unreachable)
  (func (export "r") (call 3))
  (func (export "e") (param externref) (result externref) (local.get 0)))
(assert_return (invoke "f" (i32.const 1)) (i32.const 2))
(assert_return (invoke "f" (i32.const 1)) (i32.const 3)) ;; F
(assert_return (invoke "nan") (f32.const nan:canonical)) ;; F
(assert_return (invoke "nan") (f32.const nan:arithmetic)) ;; F
(assert_return (invoke "nan") (f32.const nan:0x200001))
(assert_trap (invoke "t") "unreachable")
(assert_trap (invoke "t") "integer overflow") ;; F
(assert_trap (invoke "f" (i32.const 1)) "unreachable") ;; F
(assert_exhaustion (invoke "r") "call stack exhausted")
(assert_exhaustion (invoke "t") "call stack exhausted") ;; F
(assert_return (invoke "e" (ref.extern 5)) (ref.extern 5))
(assert_return (invoke "e" (ref.extern 5)) (ref.extern 6)) ;; F
(assert_return (invoke "e" (ref.null extern)) (ref.null extern))
(assert_return (invoke "e" (ref.null extern)) (ref.extern)) ;; F
(assert_return (invoke "f" (i32.const 1)) (either (i32.const 2) (i32.const 9)))
(assert_return (invoke "f" (i32.const 1)) (either (i32.const 3) (i32.const 9))) ;; F
(assert_return (invoke "nope")) ;; F
(assert_return (invoke "f" (i64.const 1)) (i32.const 2)) ;; F
(assert_return (invoke "f") (i32.const 2)) ;; F
(assert_invalid (module (func (result i32))) "type mismatch")
(assert_invalid (module (func (result i32) i32.const 1)) "type mismatch") ;; F
(assert_malformed (module quote "(func") "x")
(assert_malformed (module quote "(func)") "x") ;; F
(assert_malformed (module binary "\00asm\01\00\00\00") "x") ;; F
(assert_unlinkable (module (import "a" "b" (func))) "unknown import")
(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import") ;; F
(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible")
(assert_trap (module (func $m unreachable) (start $m)) "unreachable")
(assert_trap (module (func $m) (start $m)) "unreachable") ;; F
(module definition $d (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 4)) (func (export "i") (global.set 0 (i32.add (global.get 0) (i32.const 1)))))
(module instance $i1 $d)
(module instance $i2 $d)
(invoke $i1 "i")
(assert_return (get $i1 "g") (i32.const 5))
(assert_return (get $i2 "g") (i32.const 4))
(register "one" $i1)
(module (import "one" "g" (global (mut i32))) (export "x" (global 0)))
(assert_return (get "x") (i32.const 5))
(module (func (export "v") (result v128) (v128.const f32x4 1 nan:0x200001 3 4))
  (func (export "n") (result v128) (v128.const f64x2 nan:0x8000000000001 -0)))
(assert_return (invoke "v") (v128.const f32x4 1 nan:0x200001 3 4))
(assert_return (invoke "v") (v128.const f32x4 1 nan:arithmetic 3 4)) ;; F
(assert_return (invoke "v") (v128.const f32x4 1 nan:0x200001 3 5)) ;; F
(assert_return (invoke "v") (v128.const i16x8 0 0x3f80 1 0x7fa0 0 0x4040 0 0x4081)) ;; F
(assert_return (invoke "n") (v128.const f64x2 nan:arithmetic -0))
(assert_return (invoke "n") (v128.const f64x2 nan:canonical -0)) ;; F
(assert_return (invoke "n") (v128.const f64x2 nan:arithmetic 0)) ;; F
(assert_return (invoke "n") (i32.const 0)) ;; F
(module (tag $t) (func (export "throws") (throw $t)) (func (export "f")))
(assert_exception (invoke "throws"))
(assert_exception (invoke "f")) ;; F
(assert_return (invoke "throws")) ;; F
(assert_trap (invoke "throws") "unreachable") ;; F
;; A module that the list has no right to leave out: it needs stack switching.
(module (func (param contref))) ;; F
(assert_return (invoke "f" (i32.const 1)) (i32.const 2)) ;; F
