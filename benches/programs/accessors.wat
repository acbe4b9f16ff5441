;; Written by hand: small functions that are called everywhere, as compilers leave them that don't look across functions. A matrix by
;; its accessors, a generator of numbers, a set of bits, a hash of rotations.
(module
  (memory (export "memory") 4)
  (global $seed (mut i64) (i64.const 1))

  (func $at (param $row i32) (param $column i32) (result i32)
    (i32.shl (i32.add (i32.shl (local.get $row) (i32.const 5)) (local.get $column)) (i32.const 3)))
  (func $get (param $matrix i32) (param $row i32) (param $column i32) (result f64)
    (f64.load (i32.add (local.get $matrix) (call $at (local.get $row) (local.get $column)))))
  (func $set (param $matrix i32) (param $row i32) (param $column i32) (param $value f64)
    (f64.store (i32.add (local.get $matrix) (call $at (local.get $row) (local.get $column))) (local.get $value)))

  (func $random (result i64)
    (global.set $seed
      (i64.add (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
    (i64.shr_u (global.get $seed) (i64.const 33)))
  (func $clamp (param $value i32) (param $low i32) (param $high i32) (result i32)
    (if (i32.lt_s (local.get $value) (local.get $low)) (then (return (local.get $low))))
    (select (local.get $high) (local.get $value) (i32.gt_s (local.get $value) (local.get $high))))

  (func $byte_of (param $bit i32) (result i32) (i32.add (i32.const 65536) (i32.shr_u (local.get $bit) (i32.const 3))))
  (func $mask_of (param $bit i32) (result i32) (i32.shl (i32.const 1) (i32.and (local.get $bit) (i32.const 7))))
  (func $has (param $byte i32) (param $mask i32) (result i32)
    (i32.ne (i32.and (i32.load8_u (local.get $byte)) (local.get $mask)) (i32.const 0)))
  (func $add (param $byte i32) (param $mask i32)
    (i32.store8 (local.get $byte) (i32.or (i32.load8_u (local.get $byte)) (local.get $mask))))

  (func $mix (param $hash i64) (param $word i64) (result i64)
    (i64.mul (i64.rotl (i64.xor (local.get $hash) (local.get $word)) (i64.const 27)) (i64.const 0x9e3779b185ebca87)))

  (func $fill (param $matrix i32)
    (local $row i32) (local $column i32)
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (call $set (local.get $matrix) (local.get $row) (local.get $column)
          (f64.convert_i32_s
            (call $clamp (i32.wrap_i64 (call $random)) (i32.const -1000) (i32.const 1000))))
        (br_if $columns (i32.lt_u (local.tee $column (i32.add (local.get $column) (i32.const 1))) (i32.const 32))))
      (br_if $rows (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (i32.const 32)))))

  (func $product (param $left i32) (param $right i32) (param $into i32)
    (local $row i32) (local $column i32) (local $place i32) (local $sum f64)
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $place (i32.const 0))
        (local.set $sum (f64.const 0))
        (loop $places
          (local.set $sum
            (f64.add (local.get $sum)
              (f64.mul
                (call $get (local.get $left) (local.get $row) (local.get $place))
                (call $get (local.get $right) (local.get $place) (local.get $column)))))
          (br_if $places (i32.lt_u (local.tee $place (i32.add (local.get $place) (i32.const 1))) (i32.const 32))))
        (call $set (local.get $into) (local.get $row) (local.get $column) (local.get $sum))
        (br_if $columns (i32.lt_u (local.tee $column (i32.add (local.get $column) (i32.const 1))) (i32.const 32))))
      (br_if $rows (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (i32.const 32)))))

  ;; How many of so many random bits are new.
  (func $bits (param $count i32) (result i64)
    (local $bit i32) (local $byte i32) (local $mask i32) (local $new i64)
    (loop $next
      (local.set $bit (i32.and (i32.wrap_i64 (call $random)) (i32.const 0xffff)))
      (local.set $byte (call $byte_of (local.get $bit)))
      (local.set $mask (call $mask_of (local.get $bit)))
      (if (i32.eqz (call $has (local.get $byte) (local.get $mask)))
        (then
          (call $add (local.get $byte) (local.get $mask))
          (local.set $new (i64.add (local.get $new) (i64.const 1)))))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $new))

  (func $hash (result i64)
    (local $at i32) (local $hash i64)
    (loop $next
      (local.set $hash (call $mix (local.get $hash) (i64.load (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 0x16000))))
    (local.get $hash))

  ;; n times.
  (func (export "run") (param $n i32) (result i64)
    (local $result i64)
    (global.set $seed (i64.const 1))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x20000))
    (loop $next
      (call $fill (i32.const 0))
      (call $fill (i32.const 8192))
      (call $product (i32.const 0) (i32.const 8192) (i32.const 16384))
      (local.set $result (call $mix (local.get $result) (call $bits (i32.const 20000))))
      (local.set $result (call $mix (local.get $result) (call $hash)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $result)))
