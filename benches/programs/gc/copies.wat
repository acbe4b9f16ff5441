;; Written by hand: parts of arrays copied to others, to the same one where they overlap, and filled.
(module
  (type $bytes (array (mut i8)))
  (type $longs (array (mut i64)))
  (func $bytes (param $n i32) (result i64)
    (local $from (ref $bytes)) (local $to (ref $bytes)) (local $i i32)
    (local.set $from (array.new $bytes (i32.const 1) (i32.const 262144)))
    (local.set $to (array.new_default $bytes (i32.const 262144)))
    (loop $next
      (array.set $bytes (local.get $from) (i32.and (local.get $n) (i32.const 262143)) (local.get $n))
      (array.copy $bytes $bytes (local.get $to) (i32.const 0) (local.get $from) (i32.const 0) (i32.const 262144))
      (array.copy $bytes $bytes (local.get $to) (i32.const 5) (local.get $to) (i32.const 0) (i32.const 262139))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.extend_i32_u
      (i32.add (array.get_u $bytes (local.get $to) (i32.const 6)) (array.get_s $bytes (local.get $to) (i32.const 262143)))))

  (func $longs (param $n i32) (result i64)
    (local $from (ref $longs)) (local $to (ref $longs))
    (local.set $from (array.new $longs (i64.const 3) (i32.const 32768)))
    (local.set $to (array.new_default $longs (i32.const 32768)))
    (loop $next
      (array.set $longs (local.get $from) (i32.and (local.get $n) (i32.const 32767)) (i64.extend_i32_u (local.get $n)))
      (array.copy $longs $longs (local.get $to) (i32.const 1) (local.get $from) (i32.const 0) (i32.const 32767))
      (array.fill $longs (local.get $to) (i32.const 16384) (i64.extend_i32_u (local.get $n)) (i32.const 16384))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.add (array.get $longs (local.get $to) (i32.const 2)) (array.get $longs (local.get $to) (i32.const 32767))))

  ;; n times: 768 KiB are copied and 128 KiB filled.
  (func (export "run") (param $n i32) (result i64)
    (i64.add (call $bytes (local.get $n)) (call $longs (local.get $n))))
)
