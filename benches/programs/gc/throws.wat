;; Written by hand: exceptions whose payload is an object, thrown across ten frames, past handlers that don't take them; caught, looked at, thrown
;; on, caught again.
(module
  (type $error (struct (field $code i32) (field $cause (ref null $error))))
  (tag $error (param (ref $error)))
  (tag $other (param i32))

  (func $deep (param $depth i32) (param $code i32) (result i32)
    (if (i32.eqz (local.get $depth))
      (then (throw $error (struct.new $error (local.get $code) (ref.null $error)))))
    (i32.add (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $code)) (i32.const 1)))

  (func $wrapping (param $code i32) (result i32)
    (local $error (ref $error))
    (local.set $error
      (block $caught (result (ref $error))
        (return (try_table (result i32) (catch $error $caught) (call $deep (i32.const 4) (local.get $code))))))
    (throw $error (struct.new $error (i32.const 7) (local.get $error))))

  (func $other (param $code i32) (result i32)
    (block $caught (result i32)
      (return (try_table (result i32) (catch $other $caught) (call $wrapping (local.get $code))))))

  (func $finally (param $code i32) (result i32)
    (local $exception exnref)
    (local.set $exception
      (block $caught (result exnref)
        (return (try_table (result i32) (catch_all_ref $caught) (call $other (local.get $code))))))
    (throw_ref (local.get $exception)))

  ;; n thousand times.
  (func (export "run") (param $n i32) (result i64)
    (local $sum i64) (local $error (ref $error))
    (local.set $n (i32.mul (local.get $n) (i32.const 1000)))
    (loop $next
      (local.set $error
        (block $caught (result (ref $error))
          (local.set $sum
            (i64.add (local.get $sum)
              (i64.extend_i32_u (try_table (result i32) (catch $error $caught) (call $finally (local.get $n))))))
          (unreachable)))
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 3))
          (i64.extend_i32_u (struct.get $error $code (ref.as_non_null (struct.get $error $cause (local.get $error)))))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
)
