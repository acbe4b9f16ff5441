;; Written by hand: small structs that are forgotten at once, and now and then one that is kept for a while. Nothing but allocation.
(module
  (type $pair (struct (field (mut i32)) (field (mut (ref null $pair)))))
  (func $chain (param $n i32) (result i64)
    (local $i i32) (local $last (ref null $pair)) (local $sum i64)
    (local.set $i (local.get $n))
    (loop $next
      ;; A chain of four, then a new one.
      (local.set $last
        (struct.new $pair (local.get $i)
          (if (result (ref null $pair)) (i32.and (local.get $i) (i32.const 3))
            (then (local.get $last))
            (else (ref.null $pair)))))
      (local.set $sum
        (i64.add (i64.mul (local.get $sum) (i64.const 3)) (i64.extend_i32_u (struct.get $pair 0 (local.get $last)))))
      (br_if $next (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $sum))

  ;; n times a thousand structs of 16 bytes beside their headers.
  (func (export "run") (param $n i32) (result i64)
    (call $chain (i32.mul (local.get $n) (i32.const 1000))))
)
