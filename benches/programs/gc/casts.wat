;; Written by hand: objects of classes four levels deep, in an array of the topmost type. They are told apart by tests, casts and branches on
;; casts, and called through tables of methods, as compilers of object-oriented languages do.
(module
  (rec
    (type $method (func (param (ref $any) i64) (result i64)))
    (type $methods (sub (struct (field $first (ref $method)) (field $second (ref $method)))))
    (type $any (sub (struct (field $methods (ref $methods)))))
    (type $a (sub $any (struct (field (ref $methods)) (field $a i64))))
    (type $b (sub $a (struct (field (ref $methods)) (field i64) (field $b i64))))
    (type $c (sub final $b (struct (field (ref $methods)) (field i64) (field i64) (field $c i64))))
    (type $d (sub final $a (struct (field (ref $methods)) (field i64) (field $d f64))))
    (type $e (sub final $any (struct (field (ref $methods)) (field $e i32)))))
  (type $objects (array (mut anyref)))
  (elem declare func $first_a $first_d $first_e $second_a $second_e)

  (global $of_a (ref $methods) (struct.new $methods (ref.func $first_a) (ref.func $second_a)))
  (global $of_d (ref $methods) (struct.new $methods (ref.func $first_d) (ref.func $second_a)))
  (global $of_e (ref $methods) (struct.new $methods (ref.func $first_e) (ref.func $second_e)))

  (func $first_a (type $method) (i64.add (local.get 1) (struct.get $a $a (ref.cast (ref $a) (local.get 0)))))
  (func $first_d (type $method)
    (i64.add (local.get 1) (i64.trunc_sat_f64_s (struct.get $d $d (ref.cast (ref $d) (local.get 0))))))
  (func $first_e (type $method) (i64.sub (local.get 1) (i64.extend_i32_s (struct.get $e $e (ref.cast (ref $e) (local.get 0))))))
  (func $second_a (type $method) (i64.xor (local.get 1) (struct.get $a $a (ref.cast (ref $a) (local.get 0)))))
  (func $second_e (type $method) (i64.rotl (local.get 1) (i64.const 3)))

  (func $make (param $i i32) (result anyref)
    (local $long i64)
    (local.set $long (i64.extend_i32_u (local.get $i)))
    (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
      (br_table $0 $1 $2 $3 $4 $5 (i32.rem_u (local.get $i) (i32.const 7))))
      (return (struct.new $a (global.get $of_a) (local.get $long))))
      (return (struct.new $b (global.get $of_a) (local.get $long) (i64.const 5))))
      (return (struct.new $c (global.get $of_a) (local.get $long) (i64.const 6) (i64.const 7))))
      (return (struct.new $d (global.get $of_d) (local.get $long) (f64.const 1.5))))
      (return (struct.new $e (global.get $of_e) (local.get $i))))
    (ref.i31 (local.get $i)))

  (func $called (param $objects (ref $objects)) (param $sum i64) (result i64)
    (local $i i32) (local $object (ref $any)) (local $other anyref)
    (local.set $i (array.len (local.get $objects)))
    (loop $next
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (block $number
        (local.set $object
          (block $is (result (ref $any))
            (local.set $other (br_on_cast $is anyref (ref $any) (array.get $objects (local.get $objects) (local.get $i))))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (i31.get_s (ref.cast i31ref (local.get $other))))))
            (br $number)))
        (local.set $sum
          (call_ref $method (local.get $object) (local.get $sum)
            (struct.get $methods $first (struct.get $any $methods (local.get $object)))))
        (local.set $sum
          (call_ref $method (local.get $object) (local.get $sum)
            (struct.get $methods $second (struct.get $any $methods (local.get $object))))))
      (br_if $next (local.get $i)))
    (local.get $sum))

  ;; A chain of questions, the narrowest first.
  (func $kind (param $object anyref) (result i64)
    (local $c (ref $c)) (local $d (ref $d))
    (block $is_not_c (result anyref)
      (local.set $c (br_on_cast_fail $is_not_c anyref (ref $c) (local.get $object)))
      (return (struct.get $c $c (local.get $c))))
    (block $is_not_d (param anyref) (result anyref)
      (local.set $d (br_on_cast_fail $is_not_d anyref (ref $d)))
      (return (i64.trunc_sat_f64_s (struct.get $d $d (local.get $d)))))
    (drop)
    (if (ref.test (ref $b) (local.get $object)) (then (return (struct.get $b $b (ref.cast (ref $b) (local.get $object))))))
    (if (ref.test (ref $a) (local.get $object)) (then (return (struct.get $a $a (ref.cast (ref $a) (local.get $object))))))
    (if (ref.test i31ref (local.get $object)) (then (return (i64.const 1))))
    (select (i64.const 2) (i64.const 3) (ref.test structref (local.get $object))))

  (func $asked (param $objects (ref $objects)) (param $sum i64) (result i64)
    (local $i i32)
    (local.set $i (array.len (local.get $objects)))
    (loop $next
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (local.set $sum
        (i64.add (i64.mul (local.get $sum) (i64.const 3))
          (call $kind (array.get $objects (local.get $objects) (local.get $i)))))
      (br_if $next (local.get $i)))
    (local.get $sum))

  ;; n times, among a thousand objects.
  (func (export "run") (param $n i32) (result i64)
    (local $objects (ref $objects)) (local $i i32) (local $sum i64)
    (local.set $objects (array.new_default $objects (i32.const 1000)))
    (loop $fill
      (array.set $objects (local.get $objects) (local.get $i) (call $make (i32.mul (local.get $i) (i32.const 7919))))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (loop $next
      (local.set $sum (call $called (local.get $objects) (local.get $sum)))
      (local.set $sum (call $asked (local.get $objects) (local.get $sum)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
)
