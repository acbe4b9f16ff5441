;; Written by hand: binary trees. One is kept while many small ones are made, counted and forgotten.
(module
  (type $tree (struct (field (ref null $tree)) (field (ref null $tree))))
  (global $kept (mut (ref null $tree)) (ref.null $tree))

  (func $make (param $depth i32) (result (ref $tree))
    (if (result (ref $tree)) (local.get $depth)
      (then
        (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
        (struct.new $tree (call $make (local.get $depth)) (call $make (local.get $depth))))
      (else (struct.new_default $tree))))

  (func $count (param $tree (ref null $tree)) (result i32)
    (if (result i32) (ref.is_null (local.get $tree))
      (then (i32.const 0))
      (else
        (i32.add (i32.const 1)
          (i32.add
            (call $count (struct.get $tree 0 (local.get $tree)))
            (call $count (struct.get $tree 1 (local.get $tree))))))))

  ;; A tree of the depth n, and beside it all those of other depths: of each as many as have the same number of nodes.
  (func (export "run") (param $n i32) (result i64)
    (local $depth i32) (local $times i32) (local $sum i64)
    (global.set $kept (call $make (local.get $n)))
    (local.set $depth (i32.const 4))
    (loop $depths
      (local.set $times (i32.shl (i32.const 4) (i32.sub (local.get $n) (local.get $depth))))
      (loop $next
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $count (call $make (local.get $depth))))))
        (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (local.set $sum (i64.mul (local.get $sum) (i64.const 31)))
      (br_if $depths (i32.le_u (local.tee $depth (i32.add (local.get $depth) (i32.const 4))) (local.get $n))))
    (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $count (global.get $kept)))))
    (global.set $kept (ref.null $tree))
    (local.get $sum))
)
