;; Written by hand: strings as arrays of bytes, put together in a builder that grows, cut out, compared, and counted in a hash table.
(module
  (type $string (array (mut i8)))
  (type $builder (struct (field $bytes (mut (ref $string))) (field $size (mut i32))))
  (type $entry (struct (field $key (ref $string)) (field $hash i32) (field $count (mut i32)) (field $next (ref null $entry))))
  (type $table (array (mut (ref null $entry))))
  (data $words "the quick brown fox jumps over a lazy dog and runs ")

  (func $reserve (param $builder (ref $builder)) (param $more i32)
    (local $needed i32) (local $new (ref $string))
    (local.set $needed (i32.add (struct.get $builder $size (local.get $builder)) (local.get $more)))
    (if (i32.gt_u (local.get $needed) (array.len (struct.get $builder $bytes (local.get $builder))))
      (then
        (local.set $new (array.new_default $string (i32.mul (local.get $needed) (i32.const 2))))
        (array.copy $string $string (local.get $new) (i32.const 0)
          (struct.get $builder $bytes (local.get $builder)) (i32.const 0) (struct.get $builder $size (local.get $builder)))
        (struct.set $builder $bytes (local.get $builder) (local.get $new)))))

  (func $append (param $builder (ref $builder)) (param $text (ref $string))
    (local $length i32)
    (local.set $length (array.len (local.get $text)))
    (call $reserve (local.get $builder) (local.get $length))
    (array.copy $string $string
      (struct.get $builder $bytes (local.get $builder)) (struct.get $builder $size (local.get $builder))
      (local.get $text) (i32.const 0) (local.get $length))
    (struct.set $builder $size (local.get $builder)
      (i32.add (struct.get $builder $size (local.get $builder)) (local.get $length))))

  (func $append_byte (param $builder (ref $builder)) (param $byte i32)
    (call $reserve (local.get $builder) (i32.const 1))
    (array.set $string
      (struct.get $builder $bytes (local.get $builder)) (struct.get $builder $size (local.get $builder)) (local.get $byte))
    (struct.set $builder $size (local.get $builder) (i32.add (struct.get $builder $size (local.get $builder)) (i32.const 1))))

  (func $part (param $text (ref $string)) (param $from i32) (param $to i32) (result (ref $string))
    (local $part (ref $string))
    (local.set $part (array.new_default $string (i32.sub (local.get $to) (local.get $from))))
    (array.copy $string $string (local.get $part) (i32.const 0)
      (local.get $text) (local.get $from) (i32.sub (local.get $to) (local.get $from)))
    (local.get $part))

  (func $decimal (param $number i32) (result (ref $string))
    (local $text (ref $string)) (local $at i32)
    (local.set $text (array.new_default $string (i32.const 10)))
    (local.set $at (i32.const 10))
    (loop $digit
      (array.set $string (local.get $text) (local.tee $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (br_if $digit (local.tee $number (i32.div_u (local.get $number) (i32.const 10)))))
    (call $part (local.get $text) (local.get $at) (i32.const 10)))

  (func $hash (param $text (ref $string)) (result i32)
    (local $hash i32) (local $i i32) (local $length i32)
    (local.set $hash (i32.const 0x811c9dc5))
    (local.set $length (array.len (local.get $text)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (local.set $hash
          (i32.mul (i32.xor (local.get $hash) (array.get_u $string (local.get $text) (local.get $i))) (i32.const 0x01000193)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $hash))

  (func $equal (param $a (ref $string)) (param $b (ref $string)) (result i32)
    (local $i i32)
    (if (i32.ne (array.len (local.get $a)) (array.len (local.get $b))) (then (return (i32.const 0))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (array.len (local.get $a))))
        (if (i32.ne (array.get_u $string (local.get $a) (local.get $i)) (array.get_u $string (local.get $b) (local.get $i)))
          (then (return (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 1))

  (func $count (param $table (ref $table)) (param $key (ref $string))
    (local $hash i32) (local $slot i32) (local $entry (ref null $entry)) (local $found (ref $entry))
    (local.set $hash (call $hash (local.get $key)))
    (local.set $slot (i32.and (local.get $hash) (i32.const 1023)))
    (local.set $entry (array.get $table (local.get $table) (local.get $slot)))
    (block $missing
      (loop $next
        (local.set $found (br_on_null $missing (local.get $entry)))
        (if (i32.eq (struct.get $entry $hash (local.get $found)) (local.get $hash))
          (then
            (if (call $equal (struct.get $entry $key (local.get $found)) (local.get $key))
              (then
                (struct.set $entry $count (local.get $found)
                  (i32.add (struct.get $entry $count (local.get $found)) (i32.const 1)))
                (return)))))
        (local.set $entry (struct.get $entry $next (local.get $found)))
        (br $next)))
    (array.set $table (local.get $table) (local.get $slot)
      (struct.new $entry (local.get $key) (local.get $hash) (i32.const 1) (array.get $table (local.get $table) (local.get $slot)))))

  ;; A text of words with numbers behind them, whose words are counted.
  (func $round (param $seed i32) (result i64)
    (local $builder (ref $builder)) (local $words (ref $string)) (local $text (ref $string)) (local $table (ref $table))
    (local $i i32) (local $from i32) (local $entry (ref null $entry)) (local $sum i64)
    (local.set $words (array.new_data $string $words (i32.const 0) (i32.const 51)))
    (local.set $builder (struct.new $builder (array.new_default $string (i32.const 16)) (i32.const 0)))
    (loop $build
      (local.set $seed (i32.add (i32.mul (local.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
      ;; Some part of the words, and a small number.
      (local.set $from (i32.rem_u (i32.shr_u (local.get $seed) (i32.const 8)) (i32.const 40)))
      (call $append (local.get $builder) (call $part (local.get $words) (local.get $from) (i32.add (local.get $from) (i32.const 11))))
      (call $append (local.get $builder) (call $decimal (i32.and (i32.shr_u (local.get $seed) (i32.const 16)) (i32.const 255))))
      (call $append_byte (local.get $builder) (i32.const 32))
      (br_if $build (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (local.set $text
      (call $part (struct.get $builder $bytes (local.get $builder)) (i32.const 0) (struct.get $builder $size (local.get $builder))))
    (local.set $table (array.new_default $table (i32.const 1024)))
    (local.set $i (i32.const 0))
    (local.set $from (i32.const 0))
    (loop $words_of
      (if (i32.eq (array.get_u $string (local.get $text) (local.get $i)) (i32.const 32))
        (then
          (if (i32.gt_u (local.get $i) (local.get $from))
            (then (call $count (local.get $table) (call $part (local.get $text) (local.get $from) (local.get $i)))))
          (local.set $from (i32.add (local.get $i) (i32.const 1)))))
      (br_if $words_of (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (local.get $text)))))
    (local.set $i (i32.const 0))
    (loop $slots
      (local.set $entry (array.get $table (local.get $table) (local.get $i)))
      (block $end
        (loop $entries
          (br_if $end (ref.is_null (local.get $entry)))
          (local.set $sum
            (i64.add (local.get $sum)
              (i64.mul
                (i64.extend_i32_u (struct.get $entry $hash (local.get $entry)))
                (i64.extend_i32_u (i32.mul (struct.get $entry $count (local.get $entry)) (struct.get $entry $count (local.get $entry)))))))
          (local.set $entry (struct.get $entry $next (local.get $entry)))
          (br $entries)))
      (br_if $slots (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (local.get $sum))

  ;; n texts of 2000 parts.
  (func (export "run") (param $n i32) (result i64)
    (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 5)) (call $round (local.get $n))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
)
