(module
  ;; Counts down from $n: a loop of ten operators.
  (func $count (export "count") (param $n i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; $depth frames, each with five locals; the last one goes $n times through a loop.
  (func $descend (export "descend") (param $depth i32) (param $n i32) (result i32)
    (local $triple i32) (local $both i64) (local $half f64)
    (local.set $triple (i32.mul (local.get $depth) (i32.const 3)))
    (local.set $both (i64.or
      (i64.shl (i64.extend_i32_u (local.get $depth)) (i64.const 32))
      (i64.extend_i32_u (local.get $n))))
    (local.set $half (f64.mul (f64.convert_i32_s (local.get $depth)) (f64.const 0.5)))
    (if (i32.gt_s (local.get $depth) (i32.const 1))
      (then
        (drop (call $descend (i32.sub (local.get $depth) (i32.const 1)) (local.get $n)))
        (return (i32.add (local.get $triple) (i32.trunc_f64_s (local.get $half))))))
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (i32.wrap_i64 (local.get $both)))

  (memory (export "memory") 2)

  ;; $depth frames.
  (func $deep (param $depth i32) (result i32)
    (if (result i32) (i32.gt_s (local.get $depth) (i32.const 1))
      (then (i32.add (call $deep (i32.sub (local.get $depth) (i32.const 1))) (i32.const 1)))
      (else (i32.const 1))))

  ;; Calls that $times times.
  (func $over (export "over") (param $depth i32) (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $deep (local.get $depth))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum))

  ;; Stores $n times.
  (func $store (export "store") (param $n i32) (param $address i32)
    (loop $again
      (i32.store (local.get $address) (local.get $n))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
)
