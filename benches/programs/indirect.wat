;; Written by hand: a tight loop of indirect calls through two tables, results in pairs, and a loop with block
;; parameters.
(module
  (type $step (func (param i32 i64) (result i32 i64)))
  (type $mix (func (param i64) (result i64)))
  (table $steps 8 8 funcref)
  (table $mixers 4 funcref)
  (elem (table $steps) (i32.const 0) func $plus $minus $times $rotate $swap $plus $rotate $times)
  (elem (table $mixers) (i32.const 0) func $square $fold $flip $square)
  (global $calls (mut i64) (i64.const 0))

  (func $plus (type $step) (i32.add (local.get 0) (i32.const 5)) (i64.add (local.get 1) (i64.const 0x1234567)))
  (func $minus (type $step) (i32.sub (local.get 0) (i32.const 3)) (i64.sub (local.get 1) (i64.const 0x89abcd)))
  (func $times (type $step) (i32.mul (local.get 0) (i32.const 31)) (i64.mul (local.get 1) (i64.const 0x5851f42d4c957f2d)))
  (func $rotate (type $step) (i32.rotl (local.get 0) (i32.const 7)) (i64.rotr (local.get 1) (i64.const 13)))
  (func $swap (type $step) (i32.wrap_i64 (local.get 1)) (i64.extend_i32_u (local.get 0)))

  (func $square (type $mix) (i64.add (i64.mul (local.get 0) (local.get 0)) (i64.const 1)))
  (func $fold (type $mix) (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 32))))
  (func $flip (type $mix)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i64.xor (local.get 0) (i64.const -1)))

  ;; n thousand turns.
  (func (export "run") (param $n i32) (result i64)
    (local $a i32) (local $b i64)
    (local.set $n (i32.mul (local.get $n) (i32.const 1000)))
    (global.set $calls (i64.const 0))
    i32.const 1
    i64.const 0x9e3779b97f4a7c15
    (loop $again (param i32 i64) (result i32 i64)
      (local.set $b)
      (local.tee $a)
      (local.get $b)
      (call_indirect $steps (type $step) (i32.and (local.get $a) (i32.const 7)))
      (local.set $b)
      (local.set $a)
      (local.set $b
        (call_indirect $mixers (type $mix) (local.get $b) (i32.and (i32.wrap_i64 (local.get $b)) (i32.const 3))))
      (i32.add (local.get $a) (i32.wrap_i64 (local.get $b)))
      (local.get $b)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $b)
    (local.set $a)
    (i64.add (i64.xor (local.get $b) (i64.extend_i32_u (local.get $a))) (global.get $calls)))
)
