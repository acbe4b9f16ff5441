;; Written by hand: a splay tree whose nodes hold small trees of arrays and text. It keeps its size while nodes are inserted and removed:
;; old objects change all the time, and refer to young ones. (What V8's benchmark of the same name does.)
(module
  (type $numbers (array (mut i32)))
  (type $text (array (mut i8)))
  (type $payload (sub (struct)))
  (type $leaf (sub final $payload (struct (field (ref $numbers)) (field (ref $text)))))
  (type $inner (sub final $payload (struct (field (ref $payload)) (field (ref $payload)))))
  (type $node
    (struct
      (field $key i32)
      (field $value (ref $payload))
      (field $left (mut (ref null $node)))
      (field $right (mut (ref null $node)))))
  (data $letters "payload of the key 00000000")

  (global $root (mut (ref null $node)) (ref.null $node))
  (global $size (mut i32) (i32.const 0))
  (global $random (mut i32) (i32.const 0))
  ;; The keys that are in the tree, in the order in which they came.
  (global $keys (mut (ref null $numbers)) (ref.null $numbers))

  (func $next_random (result i32)
    (global.set $random (i32.add (i32.mul (global.get $random) (i32.const 1664525)) (i32.const 1013904223)))
    (i32.shr_u (global.get $random) (i32.const 4)))

  (func $make_leaf (param $key i32) (result (ref $payload))
    (local $numbers (ref $numbers)) (local $text (ref $text)) (local $i i32)
    (local.set $numbers (array.new $numbers (local.get $key) (i32.const 10)))
    (local.set $text (array.new_data $text $letters (i32.const 0) (i32.const 27)))
    (local.set $i (i32.const 26))
    (loop $digit
      (array.set $text (local.get $text) (local.get $i)
        (i32.add (i32.const 48) (i32.and (local.get $key) (i32.const 7))))
      (local.set $key (i32.shr_u (local.get $key) (i32.const 3)))
      (br_if $digit (i32.gt_u (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const 18))))
    (struct.new $leaf (local.get $numbers) (local.get $text)))

  (func $make_payload (param $depth i32) (param $key i32) (result (ref $payload))
    (if (result (ref $payload)) (local.get $depth)
      (then
        (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
        (struct.new $inner
          (call $make_payload (local.get $depth) (local.get $key))
          (call $make_payload (local.get $depth) (i32.add (local.get $key) (i32.const 1)))))
      (else (call $make_leaf (local.get $key)))))

  (func $sum (param $payload (ref $payload)) (result i64)
    (local $text (ref $text))
    (if (result i64) (ref.test (ref $leaf) (local.get $payload))
      (then
        (local.set $text (struct.get $leaf 1 (ref.cast (ref $leaf) (local.get $payload))))
        (i64.extend_i32_u
          (i32.add
            (array.get $numbers (struct.get $leaf 0 (ref.cast (ref $leaf) (local.get $payload))) (i32.const 7))
            (array.get_u $text (local.get $text) (i32.const 26)))))
      (else
        (i64.add
          (call $sum (struct.get $inner 0 (ref.cast (ref $inner) (local.get $payload))))
          (i64.mul (i64.const 3) (call $sum (struct.get $inner 1 (ref.cast (ref $inner) (local.get $payload)))))))))

  ;; Top-down: makes the node of the key, or one beside it, the root.
  (func $splay (param $key i32)
    (local $dummy (ref $node)) (local $left (ref $node)) (local $right (ref $node)) (local $at (ref $node)) (local $next (ref $node))
    (local.set $at (block $there (result (ref $node)) (br_on_non_null $there (global.get $root)) (return)))
    (local.set $dummy
      (struct.new $node (i32.const 0) (struct.get $node $value (local.get $at)) (ref.null $node) (ref.null $node)))
    (local.set $left (local.get $dummy))
    (local.set $right (local.get $dummy))
    (block $done
      (loop $down
        (if (i32.lt_s (local.get $key) (struct.get $node $key (local.get $at)))
          (then
            (local.set $next (br_on_null $done (struct.get $node $left (local.get $at))))
            (if (i32.lt_s (local.get $key) (struct.get $node $key (local.get $next)))
              (then
                (struct.set $node $left (local.get $at) (struct.get $node $right (local.get $next)))
                (struct.set $node $right (local.get $next) (local.get $at))
                (local.set $at (local.get $next))
                (local.set $next (br_on_null $done (struct.get $node $left (local.get $at))))))
            (struct.set $node $left (local.get $right) (local.get $at))
            (local.set $right (local.get $at))
            (local.set $at (local.get $next))
            (br $down)))
        (if (i32.gt_s (local.get $key) (struct.get $node $key (local.get $at)))
          (then
            (local.set $next (br_on_null $done (struct.get $node $right (local.get $at))))
            (if (i32.gt_s (local.get $key) (struct.get $node $key (local.get $next)))
              (then
                (struct.set $node $right (local.get $at) (struct.get $node $left (local.get $next)))
                (struct.set $node $left (local.get $next) (local.get $at))
                (local.set $at (local.get $next))
                (local.set $next (br_on_null $done (struct.get $node $right (local.get $at))))))
            (struct.set $node $right (local.get $left) (local.get $at))
            (local.set $left (local.get $at))
            (local.set $at (local.get $next))
            (br $down)))))
    (struct.set $node $right (local.get $left) (struct.get $node $left (local.get $at)))
    (struct.set $node $left (local.get $right) (struct.get $node $right (local.get $at)))
    (struct.set $node $left (local.get $at) (struct.get $node $right (local.get $dummy)))
    (struct.set $node $right (local.get $at) (struct.get $node $left (local.get $dummy)))
    (global.set $root (local.get $at)))

  ;; Whether the key was new.
  (func $insert (param $key i32) (result i32)
    (local $root (ref $node)) (local $node (ref $node))
    (call $splay (local.get $key))
    (local.set $node
      (struct.new $node (local.get $key) (call $make_payload (i32.const 3) (local.get $key)) (ref.null $node) (ref.null $node)))
    (block $empty
      (local.set $root (br_on_null $empty (global.get $root)))
      (if (i32.eq (struct.get $node $key (local.get $root)) (local.get $key)) (then (return (i32.const 0))))
      (if (i32.gt_s (local.get $key) (struct.get $node $key (local.get $root)))
        (then
          (struct.set $node $left (local.get $node) (local.get $root))
          (struct.set $node $right (local.get $node) (struct.get $node $right (local.get $root)))
          (struct.set $node $right (local.get $root) (ref.null $node)))
        (else
          (struct.set $node $right (local.get $node) (local.get $root))
          (struct.set $node $left (local.get $node) (struct.get $node $left (local.get $root)))
          (struct.set $node $left (local.get $root) (ref.null $node)))))
    (global.set $root (local.get $node))
    (i32.const 1))

  ;; What the key's payload sums up to.
  (func $remove (param $key i32) (result i64)
    (local $old (ref $node)) (local $right (ref null $node))
    (call $splay (local.get $key))
    (local.set $old (ref.as_non_null (global.get $root)))
    (if (i32.ne (struct.get $node $key (local.get $old)) (local.get $key)) (then (unreachable)))
    (local.set $right (struct.get $node $right (local.get $old)))
    (global.set $root (struct.get $node $left (local.get $old)))
    (if (ref.is_null (global.get $root))
      (then (global.set $root (local.get $right)))
      (else
        (call $splay (local.get $key))
        (struct.set $node $right (ref.as_non_null (global.get $root)) (local.get $right))))
    (call $sum (struct.get $node $value (local.get $old))))

  (func $insert_new (result i32)
    (local $key i32)
    (loop $again
      (local.set $key (call $next_random))
      (br_if $again (i32.eqz (call $insert (local.get $key)))))
    (local.get $key))

  ;; In a tree of 8000 nodes, n nodes take the place of others. Each has 15 structs and 16 arrays.
  (func (export "run") (param $n i32) (result i64)
    (local $i i32) (local $place i32) (local $sum i64)
    (global.set $random (i32.const 49734321))
    (global.set $root (ref.null $node))
    (global.set $keys (array.new $numbers (i32.const 0) (i32.const 8000)))
    (loop $fill
      (array.set $numbers (global.get $keys) (local.get $i) (call $insert_new))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8000))))
    (local.set $i (i32.const 0))
    (loop $replace
      (local.set $place (i32.rem_u (call $next_random) (i32.const 8000)))
      (local.set $sum
        (i64.add (i64.mul (local.get $sum) (i64.const 7))
          (call $remove (array.get $numbers (global.get $keys) (local.get $place)))))
      (array.set $numbers (global.get $keys) (local.get $place) (call $insert_new))
      (br_if $replace (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (global.set $root (ref.null $node))
    (local.get $sum))
)
