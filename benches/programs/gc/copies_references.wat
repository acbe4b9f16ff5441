;; Written by hand: references copied between arrays, old ones and new ones, within one array and after growing: lists that grow at
;; their end and are inserted into.
(module
  (type $item (struct (field i32)))
  (type $items (array (mut (ref null $item))))

  (func $grown (param $items (ref $items)) (param $used i32) (param $size i32) (result (ref $items))
    (local $new (ref $items))
    (local.set $new (array.new_default $items (local.get $size)))
    (array.copy $items $items (local.get $new) (i32.const 0) (local.get $items) (i32.const 0) (local.get $used))
    (local.get $new))

  (func $list (param $n i32) (result i64)
    (local $items (ref $items)) (local $size i32) (local $sum i64)
    (local.set $items (array.new_default $items (i32.const 4)))
    (loop $append
      (if (i32.eq (local.get $size) (array.len (local.get $items)))
        (then (local.set $items (call $grown (local.get $items) (local.get $size) (i32.mul (local.get $size) (i32.const 2))))))
      (array.set $items (local.get $items) (local.get $size) (struct.new $item (local.get $size)))
      (br_if $append (i32.lt_u (local.tee $size (i32.add (local.get $size) (i32.const 1))) (local.get $n))))
    ;; Room is made in the middle again and again.
    (local.set $n (i32.const 200))
    (local.set $items (call $grown (local.get $items) (local.get $size) (i32.add (local.get $size) (i32.const 200))))
    (loop $insert
      (array.copy $items $items
        (local.get $items) (i32.const 1001) (local.get $items) (i32.const 1000) (i32.sub (local.get $size) (i32.const 1000)))
      (array.set $items (local.get $items) (i32.const 1000) (struct.new $item (local.get $n)))
      (local.set $size (i32.add (local.get $size) (i32.const 1)))
      (br_if $insert (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (loop $add
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 3))
          (i64.extend_i32_u (struct.get $item 0 (array.get $items (local.get $items) (local.get $size))))))
      (br_if $add (local.get $size)))
    (local.get $sum))

  ;; n lists of 20000 items.
  (func (export "run") (param $n i32) (result i64)
    (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (call $list (i32.const 20000))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
)
