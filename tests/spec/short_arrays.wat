;; Put together by `short_arrays.rs`, which replaces what is in capital letters.
(module
  (type $box (struct (field i32)))
  (type $a (array (mut STORAGE)))
  ;; Different values of different numbers, and whether two are the same.
  (func $of (param $i i32) (result VALUE) OF)
  (func $same (param $a VALUE) (param $b VALUE) (result i32) SAME)

  ;; An array of n elements, numbered from one on.
  (func $numbered (param $n i32) (param $first i32) (result (ref $a))
    (local $a (ref $a)) (local $i i32)
    (local.set $a (array.new_default $a (local.get $n)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (array.set $a (local.get $a) (local.get $i) (call $of (i32.add (local.get $first) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $a))

  ;; Whether all elements are right: from..to are numbered from `inside` on, all others as if the first were `outside`.
  (func $is_right
    (param $a (ref $a)) (param $from i32) (param $to i32) (param $inside i32) (param $outside i32) (result i32)
    (local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (array.len (local.get $a))))
        (if (i32.eqz (call $same (GET $a (local.get $a) (local.get $i)) (call $of
              (if (result i32) (i32.and (i32.ge_u (local.get $i) (local.get $from)) (i32.lt_u (local.get $i) (local.get $to)))
                (then (i32.add (local.get $inside) (i32.sub (local.get $i) (local.get $from))))
                (else (i32.add (local.get $outside) (local.get $i)))))))
          (then (return (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 1))

  ;; Whether there are n elements with this value.
  (func $is_all (param $a (ref $a)) (param $n i32) (param $value VALUE) (result i32)
    (local $i i32)
    (if (i32.ne (array.len (local.get $a)) (local.get $n)) (then (return (i32.const 0))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (if (i32.eqz (call $same (GET $a (local.get $a) (local.get $i)) (local.get $value)))
          (then (return (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 1))

  ;; Whether those are right which were made one after the other.
  (func $are_right
    (param $before (ref $a)) (param $filled (ref $a)) (param $zeroes (ref $a)) (param $behind (ref $a)) (param $n i32)
    (result i32)
    (i32.and
      (i32.and
        (call $is_all (local.get $filled) (local.get $n) (call $of (i32.const 77)))
        (call $is_all (local.get $zeroes) (local.get $n) ZERO))
      (i32.and
        (call $is_right (local.get $before) (i32.const 0) (i32.const 3) (i32.const 1) (i32.const 0))
        (call $is_right (local.get $behind) (i32.const 0) (i32.const 3) (i32.const 5) (i32.const 0)))))

  ;; So much that memory is used again, and isn't zero then.
  (func (export "use") (param $times i32)
    (local $n i32)
    (loop $next
      (drop (array.new $a (call $of (i32.const 99)) (i32.const MANY)))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $times)))))

  ;; Makes arrays of all lengths from one to another; answers the first that is wrong, or what comes behind.
  (func (export "made") (param $n i32) (param $most i32) (result i32)
    (block $wrong
      (loop $next
        (br_if $wrong (i32.eqz (call $are_right
          (call $numbered (i32.const 3) (i32.const 1))
          (array.new $a (call $of (i32.const 77)) (local.get $n))
          (array.new_default $a (local.get $n))
          (call $numbered (i32.const 3) (i32.const 5))
          (local.get $n))))
        (br_if $next (i32.le_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $most)))))
    (local.get $n))

  ;; The same with lengths that are known; answers one that is wrong.
  (func (export "made_known") (result i32)
MADE_KNOWN
    (i32.const -1))

  (func $copy (param $to (ref null $a)) (param $at i32) (param $from (ref null $a)) (param $source i32) (param $n i32)
    (array.copy $a $a (local.get $to) (local.get $at) (local.get $from) (local.get $source) (local.get $n)))
  (func $fill (param $a (ref null $a)) (param $at i32) (param $number i32) (param $n i32)
    (array.fill $a (local.get $a) (local.get $at) (call $of (local.get $number)) (local.get $n)))

COPY_KNOWN
  (type $copies (func (param (ref null $a) i32 (ref null $a) i32 i32)))
  (type $fills (func (param (ref null $a) i32 i32 i32)))
  (table funcref (elem $copy COPIES))
  (table $fills funcref (elem $fill FILLS))

  ;; Copies n elements, between two arrays and inside of one, and fills as many; answers whether all is right.
  (func $moves (param $which i32) (param $n i32) (result i32)
    (local $at i32) (local $source i32) (local $a (ref $a)) (local $b (ref $a)) (local $end i32)
    (local.set $source (i32.const 4))
    (loop $next
      (local.set $end (i32.add (local.get $at) (local.get $n)))
      (local.set $a (call $numbered (i32.const LENGTH) (i32.const 1)))
      (local.set $b (call $numbered (i32.const LENGTH) (i32.const 101)))
      (call_indirect (type $copies)
        (local.get $b) (local.get $at) (local.get $a) (local.get $source) (local.get $n) (local.get $which))
      (if (i32.eqz (call $is_right (local.get $b) (local.get $at) (local.get $end)
            (i32.add (local.get $source) (i32.const 1)) (i32.const 101)))
        (then (return (i32.const 0))))
      (call_indirect (type $copies)
        (local.get $a) (local.get $at) (local.get $a) (local.get $source) (local.get $n) (local.get $which))
      (if (i32.eqz (call $is_right (local.get $a) (local.get $at) (local.get $end)
            (i32.add (local.get $source) (i32.const 1)) (i32.const 1)))
        (then (return (i32.const 0))))
      (local.set $a (array.new $a (call $of (i32.const 50)) (i32.const LENGTH)))
      (call_indirect $fills (type $fills)
        (local.get $a) (local.get $at) (i32.const 60) (local.get $n) (local.get $which))
      (call $copy (local.get $b) (i32.const 0) (local.get $a) (i32.const 0) (i32.const LENGTH))
      (array.fill $a (local.get $a) (local.get $at) (call $of (i32.const 50)) (local.get $n))
      (if (i32.eqz (call $is_all (local.get $a) (i32.const LENGTH) (call $of (i32.const 50))))
        (then (return (i32.const 0))))
      (local.set $a (array.new $a (call $of (i32.const 60)) (local.get $n)))
      (array.copy $a $a (local.get $a) (i32.const 0) (local.get $b) (local.get $at) (local.get $n))
      (if (i32.eqz (call $is_all (local.get $a) (local.get $n) (call $of (i32.const 60))))
        (then (return (i32.const 0))))
      (call $copy (local.get $b) (local.get $at) (array.new $a (call $of (i32.const 50)) (local.get $n)) (i32.const 0) (local.get $n))
      (if (i32.eqz (call $is_all (local.get $b) (i32.const LENGTH) (call $of (i32.const 50))))
        (then (return (i32.const 0))))
      ;; Down by four, up by two, up by one, and to where they are.
      (local.set $source (i32.rem_u (i32.add (local.get $source) (i32.const 3)) (i32.const 7)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 8))))
    (i32.const 1))

  ;; Answers how many lengths up to one are right.
  (func (export "moved") (param $most i32) (result i32)
    (local $n i32)
    (block $wrong
      (loop $next
        (br_if $wrong (i32.eqz (call $moves (i32.const 0) (local.get $n))))
        (br_if $next (i32.le_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $most)))))
    (local.get $n))

  ;; With lengths that are known; answers one that is wrong.
  (func (export "moved_known") (result i32)
MOVED_KNOWN
    (i32.const -1))

  ;; What traps, and changes nothing.
  (global $twenty (mut (ref null $a)) (ref.null $a))
  (global $others (mut (ref null $a)) (ref.null $a))
  (func (export "begin")
    (global.set $twenty (call $numbered (i32.const 20) (i32.const 1)))
    (global.set $others (call $numbered (i32.const 40) (i32.const 101))))
  (func (export "are_as_before") (result i32)
    (i32.and
      (call $is_right (ref.as_non_null (global.get $twenty)) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1))
      (call $is_right (ref.as_non_null (global.get $others)) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 101))))
  (func (export "copy") (param $at i32) (param $source i32) (param $n i32)
    (array.copy $a $a
      (global.get $twenty) (local.get $at) (global.get $others) (local.get $source) (local.get $n)))
  (func (export "copy_back") (param $at i32) (param $source i32) (param $n i32)
    (array.copy $a $a
      (global.get $others) (local.get $at) (global.get $twenty) (local.get $source) (local.get $n)))
  (func (export "fill") (param $at i32) (param $n i32)
    (array.fill $a (global.get $twenty) (local.get $at) (call $of (i32.const 9)) (local.get $n)))
  (func (export "copy_two") (param $at i32) (param $source i32)
    (array.copy $a $a (global.get $twenty) (local.get $at) (global.get $others) (local.get $source) (i32.const 2)))
  (func (export "fill_two") (param $at i32)
    (array.fill $a (global.get $twenty) (local.get $at) (call $of (i32.const 9)) (i32.const 2)))
  (func (export "copy_to_null") (param $n i32)
    (array.copy $a $a (ref.null $a) (i32.const 0) (global.get $twenty) (i32.const 0) (local.get $n)))
  (func (export "copy_from_null") (param $n i32)
    (array.copy $a $a (global.get $twenty) (i32.const 0) (ref.null $a) (i32.const 0) (local.get $n)))
  (func (export "fill_null") (param $n i32)
    (array.fill $a (ref.null $a) (i32.const 0) (call $of (i32.const 9)) (local.get $n)))
  (func (export "new") (param $n i32) (result i32) (array.len (array.new $a (call $of (i32.const 9)) (local.get $n))))
  (func (export "new_default") (param $n i32) (result i32) (array.len (array.new_default $a (local.get $n))))
  (func (export "new_known") (result i32) (array.len (array.new_default $a (i32.const -1))))
)
