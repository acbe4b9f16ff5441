;; A reference that outlasts a call of a function which makes objects: in a register that callees keep, on the stack, in no state slot.
(module
  (type $t (struct (field (ref null $t)) (field (ref null $t)) (field i32)))
  (func $leaf (param i32) (result (ref $t)) (struct.new $t (ref.null $t) (ref.null $t) (local.get 0)))
  (func (export "operand") (result i32) (local $x (ref null $t))
    (local.set $x (struct.new $t (call $leaf (i32.const 1)) (call $leaf (i32.const 2)) (i32.const 3)))
    (i32.add (struct.get $t 2 (struct.get $t 0 (local.get $x))) (struct.get $t 2 (struct.get $t 1 (local.get $x)))))
  (func (export "local") (result i32) (local $x (ref null $t)) (local $y (ref null $t))
    (local.set $x (call $leaf (i32.const 1)))
    (local.set $y (call $leaf (i32.const 2)))
    (i32.add (struct.get $t 2 (local.get $x)) (struct.get $t 2 (local.get $y))))
  ;; Across a select, and where a call may throw.
  (tag $e)
  (func $throws (param i32) (drop (call $leaf (i32.const 9))) (if (local.get 0) (then (throw $e))))
  (func (export "chosen") (param i32) (result i32) (local $x (ref null $t)) (local $y (ref null $t))
    (local.set $x (call $leaf (i32.const 1)))
    (local.set $y (call $leaf (i32.const 2)))
    (local.set $x (select (result (ref null $t)) (local.get $x) (local.get $y) (local.get 0)))
    (drop (call $leaf (i32.const 3)))
    (struct.get $t 2 (local.get $x)))
  (func (export "caught") (param i32) (result i32) (local $x (ref null $t))
    (local.set $x (call $leaf (i32.const 7)))
    (block $caught
      (try_table (catch $e $caught) (call $throws (local.get 0)))
      (drop (call $leaf (i32.const 8)))
      (return (struct.get $t 2 (local.get $x))))
    (drop (call $leaf (i32.const 8)))
    (i32.add (struct.get $t 2 (local.get $x)) (i32.const 100)))
  ;; Fields and elements that are read before and after others are made.
  (type $a (array (mut (ref null $t))))
  (func (export "elements") (result i32) (local $a (ref null $a)) (local $i i32) (local $sum i32)
    (local.set $a (array.new_default $a (i32.const 50)))
    (loop $again
      (array.set $a (local.get $a) (local.get $i) (call $leaf (local.get $i)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $t 2 (array.get $a (local.get $a) (i32.const 0)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
    (local.set $i (i32.const 0))
    (array.copy $a $a (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 49))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (struct.get $t 2 (array.get $a (local.get $a) (local.get $i)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
    (local.get $sum)))
(assert_return (invoke "operand") (i32.const 3))
(assert_return (invoke "local") (i32.const 3))
(assert_return (invoke "chosen" (i32.const 1)) (i32.const 1))
(assert_return (invoke "chosen" (i32.const 0)) (i32.const 2))
(assert_return (invoke "caught" (i32.const 0)) (i32.const 7))
(assert_return (invoke "caught" (i32.const 1)) (i32.const 107))
(assert_return (invoke "elements") (i32.const 1176))

;; More fields than are set to zero one by one, in memory that was used before; and more objects than one function makes by itself.
(module
  (type $many (struct (field (mut i32)) (field (mut i8)) (field (mut i64)) (field (mut (ref null $many))) (field (mut f32)) (field (mut i16)) (field (mut v128)) (field (mut funcref)) (field (mut i32)) (field (mut i8)) (field (mut i64)) (field (mut (ref null $many))) (field (mut f32)) (field (mut i16)) (field (mut v128)) (field (mut funcref)) (field (mut i32)) (field (mut i8)) (field (mut i64)) (field (mut (ref null $many))) (field (mut f32)) (field (mut i16)) (field (mut v128)) (field (mut funcref)) (field (mut i32)) (field (mut i8)) (field (mut i64)) (field (mut (ref null $many))) (field (mut f32)) (field (mut i16)) (field (mut v128)) (field (mut funcref)) (field (mut i32)) (field (mut i8)) (field (mut i64)) (field (mut (ref null $many))) (field (mut f32)) (field (mut i16)) (field (mut v128)) (field (mut funcref))))
  (type $bytes (array (mut i8)))
  (type $node (struct (field i32) (field (ref null $node))))
  (type $one (struct (field (mut i32))))
  (func (export "use") (local $i i32)
    (loop $again
      (drop (array.new $bytes (i32.const 99) (i32.const 15000)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000)))))
  ;; How many fields of so many objects aren't zero.
  (func (export "defaults") (result i32) (local $i i32) (local $wrong i32) (local $x (ref null $many))
    (loop $again
      (local.set $x (struct.new_default $many))
      (if (struct.get $many 0 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 1 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i64.ne (struct.get $many 2 (local.get $x)) (i64.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 3 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (f32.ne (struct.get $many 4 (local.get $x)) (f32.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 5 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (v128.any_true (struct.get $many 6 (local.get $x))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 7 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get $many 8 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 9 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i64.ne (struct.get $many 10 (local.get $x)) (i64.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 11 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (f32.ne (struct.get $many 12 (local.get $x)) (f32.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 13 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (v128.any_true (struct.get $many 14 (local.get $x))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 15 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get $many 16 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 17 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i64.ne (struct.get $many 18 (local.get $x)) (i64.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 19 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (f32.ne (struct.get $many 20 (local.get $x)) (f32.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 21 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (v128.any_true (struct.get $many 22 (local.get $x))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 23 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get $many 24 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 25 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i64.ne (struct.get $many 26 (local.get $x)) (i64.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 27 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (f32.ne (struct.get $many 28 (local.get $x)) (f32.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 29 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (v128.any_true (struct.get $many 30 (local.get $x))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 31 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get $many 32 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 33 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i64.ne (struct.get $many 34 (local.get $x)) (i64.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 35 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (f32.ne (struct.get $many 36 (local.get $x)) (f32.const 0)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (struct.get_u $many 37 (local.get $x)) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (v128.any_true (struct.get $many 38 (local.get $x))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (if (i32.eqz (ref.is_null (struct.get $many 39 (local.get $x)))) (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
    (local.get $wrong))
  (func (export "many") (result i32) (local $sum i32) (local $x (ref null $one))
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one struct.new_default $one drop drop drop drop drop drop drop drop drop drop
    i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.add i32.add i32.add local.get $sum i32.add local.set $sum
    i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.add i32.add i32.add local.get $sum i32.add local.set $sum
    i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.add i32.add i32.add local.get $sum i32.add local.set $sum
    i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.add i32.add i32.add local.get $sum i32.add local.set $sum
    i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.const 1 struct.new $one struct.get $one 0 i32.add i32.add i32.add local.get $sum i32.add local.set $sum
    i32.const 7 array.new_fixed $bytes 1 i32.const 0 array.get_u $bytes local.get $sum i32.add))
(assert_return (invoke "defaults") (i32.const 0))
(assert_return (invoke "use"))
(assert_return (invoke "defaults") (i32.const 0))
(assert_return (invoke "many") (i32.const 27))
