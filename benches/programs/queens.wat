;; Written by hand: the n queens problem by recursion on bit sets, with locals that live across the calls, and the
;; Takeuchi function.
(module
  (func $queens (param $columns i32) (param $left i32) (param $right i32) (param $all i32) (result i64)
    (local $free i32) (local $place i32) (local $found i64)
    (if (i32.eq (local.get $columns) (local.get $all)) (then (return (i64.const 1))))
    (local.set $free
      (i32.and
        (i32.xor (i32.or (local.get $columns) (i32.or (local.get $left) (local.get $right))) (i32.const -1))
        (local.get $all)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $free)))
        (local.set $place (i32.and (local.get $free) (i32.sub (i32.const 0) (local.get $free))))
        (local.set $free (i32.xor (local.get $free) (local.get $place)))
        (local.set $found
          (i64.add
            (local.get $found)
            (call $queens
              (i32.or (local.get $columns) (local.get $place))
              (i32.shl (i32.or (local.get $left) (local.get $place)) (i32.const 1))
              (i32.shr_u (i32.or (local.get $right) (local.get $place)) (i32.const 1))
              (local.get $all))))
        (br $next)))
    (local.get $found))

  (func $tak (param $x i32) (param $y i32) (param $z i32) (result i32)
    (if (result i32) (i32.ge_s (local.get $y) (local.get $x))
      (then (local.get $z))
      (else
        (call $tak
          (call $tak (i32.sub (local.get $x) (i32.const 1)) (local.get $y) (local.get $z))
          (call $tak (i32.sub (local.get $y) (i32.const 1)) (local.get $z) (local.get $x))
          (call $tak (i32.sub (local.get $z) (i32.const 1)) (local.get $x) (local.get $y))))))

  ;; n times.
  (func (export "run") (param $n i32) (result i64)
    (local $result i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $result
          (i64.add
            (i64.mul (local.get $result) (i64.const 3))
            (i64.add
              (call $queens (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 255))
              (i64.extend_i32_s (call $tak (i32.const 12) (i32.const 8) (i32.const 4))))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $result))
)
