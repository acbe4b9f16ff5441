;; The older exceptions: clauses one after the other, exceptions that are thrown again, blocks that hand on what they don't catch,
;; together with the newer ones.

(module $other
  (tag $e (export "e") (param i32))
  (func (export "throw") (param i32) (throw $e (local.get 0)))
  (func (export "throw_own") (param i32) (local i32)
    ;; One that nobody else can name.
    (throw $own (local.get 0)))
  (tag $own (param i32)))
(register "other" $other)

(module
  (import "other" "e" (tag $e (param i32)))
  (import "other" "throw" (func $throw (param i32)))
  (import "other" "throw_own" (func $throw_own (param i32)))
  (tag $f (param i64 f32 v128)) (tag $g) (tag $r (param externref funcref i32))
  (table 1 externref)
  (memory 1)
  (func $nothing)
  (func $throw_f (throw $f (i64.const 7) (f32.const 2.5) (v128.const i64x2 3 4)))
  (func $throw_r (param externref) (throw $r (local.get 0) (ref.func $nothing) (i32.const 9)))
  (elem declare func $nothing)
  (func $select (param i32)
    block block block block
      local.get 0
      br_table 0 1 2 3
    end
      (call $throw (i32.const 10))
    end
      (call $throw_own (i32.const 20))
    end
      (call $throw_f)
    end)

  (func (export "clauses") (param i32) (result i32) (local $x i32)
    (local.set $x (i32.const 100))
    i32.const 1000
    try (result i32)
      (local.set $x (i32.const 200))
      (call $select (local.get 0))
      (local.set $x (i32.const 300))
      i32.const 1
    catch $e
      (i32.add (local.get $x))
    catch $f
      drop drop drop
      (i32.add (local.get $x) (i32.const 2))
    catch_all
      (i32.add (local.get $x) (i32.const 3))
    end
    i32.add)

  ;; A local that differs between the calls, in every clause and behind the block.
  (func (export "local") (param i32) (result i32) (local $x i32)
    try (result i32)
      try (result i32)
        (local.set $x (i32.const 100))
        (if (local.get 0) (then (call $select (local.get 0))))
        (local.set $x (i32.add (local.get $x) (i32.const 100)))
        (call $select (i32.const 0))
        i32.const 1
      catch $g
        local.get $x
      catch $f
        drop drop drop
        local.get $x
      end
    catch $g
      local.get $x
    catch $e
      local.get $x
      i32.add
    catch_all
      local.get $x
    end
    (i32.add (local.get $x)))

  (func (export "values") (result i64 f32 v128)
    try (result i64 f32 v128)
      (call $throw_f)
      unreachable
    catch $f
    end)

  (func (export "references") (param externref) (result externref i32 i32)
    try (result externref i32 i32)
      (call $throw_r (local.get 0))
      unreachable
    catch $r
      (table.set 0 (i32.const 0) (local.get 0))
      (call $second)
    end)
  (func $second (param externref funcref i32) (result externref i32 i32)
    (local.get 0) (ref.is_null (local.get 1)) (local.get 2))

  ;; What is thrown in a clause isn't caught by its own block.
  (func (export "throw_in_catch") (param i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw (local.get 0))
        i32.const -1
      catch $e
        i32.const 5
        i32.add
        throw $e
      catch_all
        i32.const -2
      end
    catch $e
      i32.const 100
      i32.add
    end)

  (func (export "rethrow") (param i32) (result i32) (local $x i32)
    i32.const 1
    i32.const 2
    try (param i32) (result i32)
      local.set $x
      i32.const 30
      try (result i32)
        i32.const 3
        i32.const 4
        (call $select (local.get 0))
        i32.add
      catch_all
        (local.set $x (i32.add (local.get $x) (i32.const 40)))
        i32.const 5
        i32.const 6
        (call $nothing)
        rethrow 0
      end
      i32.add
    catch $e
      local.get $x
      i32.add
    catch_all
      local.get $x
    end
    i32.add)

  ;; The exceptions of two clauses inside each other, at the same height.
  (func (export "two") (param i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw (i32.const 1))
        unreachable
      catch $e
        drop
        try (result i32)
          (call $throw (i32.const 2))
          unreachable
        catch_all
          try (result i32)
            (call $throw (i32.const 3))
            unreachable
          catch $e
            block
              block
                block
                  block
                    local.get 0
                    br_table 0 1 2 3
                  end
                  rethrow 3
                end
                rethrow 3
              end
              rethrow 3
            end
          end
        end
      end
    catch $e
      i32.const 10
      i32.mul
    end)

  ;; What is thrown again may be caught where it was caught, further in, and by newer blocks, with references.
  (func (export "mixed") (param i32) (result i32) (local exnref)
    block $h (result i32 exnref)
      try_table (result i32 exnref) (catch_ref $e $h)
        try
          (call $throw (local.get 0))
        catch_all
          try
            rethrow 1
          catch $e
            drop
            rethrow 0
          end
        end
        unreachable
      end
    end
    local.set 1
    try (result i32)
      (throw_ref (local.get 1))
    catch $e
      i32.const 1
      i32.add
    end
    i32.add)

  (func (export "mixed_height") (param i32) (result i32) (local exnref)
    try (result i32)
      block $h (result exnref)
        i32.const 11
        try (result i32)
          (call $throw (local.get 0))
          i32.const 0
        catch $e
          block $all (result exnref)
            try_table (catch_all_ref $all)
              rethrow 2
            end
            unreachable
          end
          br $h
        end
        unreachable
      end
      throw_ref
    catch $e
      i32.const 1
      i32.add
    end)

  (func (export "delegate") (param i32) (result i32)
    try $a (result i32)
      try $b (result i32)
        try $c (result i32)
          try (result i32)
            (call $throw (local.get 0))
            i32.const 0
          delegate $a
        catch_all
          i32.const 1
        end
      catch_all
        i32.const 2
      end
    catch $e
      i32.const 300
      i32.add
    end)

  ;; From inside a clause, to its block: on to the block around.
  (func (export "delegate_to_clause") (param i32) (result i32)
    try $a (result i32)
      try $b (result i32)
        (call $throw (local.get 0))
        i32.const 0
      catch $e
        try (param i32) (result i32)
          (call $throw)
          i32.const 1
        delegate $b
      catch_all
        i32.const 2
      end
    catch_all
      i32.const 3
    end)

  ;; To blocks that catch nothing, to newer ones that do, and to the caller.
  (func $deep_delegate (param i32) (result i32)
    try
      block $b
        loop $l
          block $h (result i32)
            try_table $t (catch $e $h)
              try
                block
                  try
                    (call $throw (i32.const 50))
                  delegate 4
                end
              catch_all
                (return (i32.const -1))
              end
              try
                try
                  (if (local.get 0) (then (throw $e (i32.const 51))))
                delegate $t
              catch_all
                (return (i32.const -2))
              end
              try
                try
                  (throw $g)
                delegate $l
              catch_all
                (return (i32.const -3))
              end
            end
            unreachable
          end
          return
        end
      end
      unreachable
    delegate 0
    unreachable)
  (func (export "delegate_far") (param i32) (result i32)
    try (result i32)
      (call $deep_delegate (local.get 0))
    catch $g
      i32.const -4
    catch $e
    end)
  (func $newer (param i32) (result i32)
    try
      block $h (result i32)
        try_table $t (catch $e $h)
          try
            try
              (if (local.get 0) (then (throw $e (i32.const 51))))
              (throw $g)
            delegate $t
          catch_all
            (return (i32.const -2))
          end
        end
        unreachable
      end
      return
    delegate 0
    unreachable)
  (func (export "delegate_newer") (param i32) (result i32)
    try (result i32)
      (call $newer (local.get 0))
    catch_all
      i32.const 7
    end)

  ;; Loops around, and inside, with operands beneath.
  (func (export "loop") (param i32) (result i32) (local $sum i32)
    i32.const 10000
    loop $l (result i32)
      try
        (br_if 0 (i32.eqz (local.get 0)))
        (call $throw (local.get 0))
      catch $e
        (local.set $sum (i32.add (local.get $sum)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        br $l
      end
      local.get $sum
    end
    i32.add)
  (func (export "loop_in_catch") (param i32) (result i32) (local $sum i32)
    try
      (call $throw (local.get 0))
    catch $e
      local.set 0
      loop $l
        (local.set $sum (i32.add (local.get $sum) (local.get 0)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
      end
      try
        (br_if 1 (i32.lt_u (local.get $sum) (i32.const 10)))
        rethrow 1
      catch $e
        local.get $sum
        i32.add
        return
      end
    end
    local.get $sum)

  ;; Ways out of clauses that carry values.
  (func (export "carried") (param i32) (result i32)
    block $out (result i32)
      i32.const 77
      try $t (result i32)
        (call $select (local.get 0))
        i32.const 1
      catch $e
        i32.const 2
        i32.add
        (br_if $t (local.get 0))
        br $out
      catch_all
        block
          (br_if 0 (i32.eq (local.get 0) (i32.const 1)))
          (br $out (i32.const 6))
        end
        i32.const 7
      end
      i32.add
    end)

  ;; Clauses that nothing gets to, and code behind them.
  (func (export "nothing_throws") (param i32) (result i32)
    try (result i32)
      local.get 0
    catch $e
      try (param i32)
        drop
        rethrow 1
      catch_all
        rethrow 1
      end
      unreachable
    catch_all
      i32.const 9
    end
    try
      (br_if 0 (local.get 0))
      (return (i32.const 8))
      try
        nop
      catch $e
        drop
        rethrow 0
      end
    delegate 0
    i32.const 1
    i32.add)

  (func $tail (param i32) (result i32) (call $throw (local.get 0)) (i32.const 0))
  (func (export "tail") (param i32) (result i32)
    try (result i32)
      (call $in_tail (local.get 0))
    catch $e
      i32.const 2
      i32.mul
    end)
  (func $in_tail (param i32) (result i32)
    try (result i32)
      (call $throw (local.get 0))
      unreachable
    catch $e
      i32.const 1
      i32.add
      return_call $tail
    end)

  ;; Many operands beneath, of all widths.
  (func (export "many") (param i32) (result i32)
    i32.const 1 v128.const i64x2 1 2 i32.const 2 f64.const 3 i32.const 3 i64.const 4 i32.const 5 i32.const 6 i32.const 7 i32.const 8
    i32.const 9 i32.const 10
    try (result i32)
      i32.const 11 i32.const 12 v128.const i64x2 5 6 i32.const 13
      (call $throw (local.get 0))
      unreachable
    catch $e
      i32.const 20 v128.const i64x2 5 6 i32.const 21
      block (result i32)
        try (result i32)
          rethrow 2
        catch $e
        end
      end
      i32.add
      local.set 0
      drop drop
      local.get 0
      i32.add
    end
    i32.add i32.add i32.add i32.add i32.add i32.add
    local.set 0
    drop
    local.get 0
    i32.add
    local.set 0
    drop
    local.get 0
    i32.add
    local.set 0
    drop
    local.get 0
    i32.add)
)

(assert_return (invoke "clauses" (i32.const 0)) (i32.const 1210))
(assert_return (invoke "clauses" (i32.const 1)) (i32.const 1203))
(assert_return (invoke "clauses" (i32.const 2)) (i32.const 1202))
(assert_return (invoke "clauses" (i32.const 3)) (i32.const 1001))
(assert_return (invoke "local" (i32.const 0)) (i32.const 410))
(assert_return (invoke "local" (i32.const 1)) (i32.const 200))
(assert_return (invoke "local" (i32.const 2)) (i32.const 200))
(assert_return (invoke "values") (i64.const 7) (f32.const 2.5) (v128.const i64x2 3 4))
(assert_return (invoke "references" (ref.extern 5)) (ref.extern 5) (i32.const 0) (i32.const 9))
(assert_return (invoke "throw_in_catch" (i32.const 7)) (i32.const 112))
(assert_return (invoke "rethrow" (i32.const 0)) (i32.const 53))
(assert_return (invoke "rethrow" (i32.const 1)) (i32.const 43))
(assert_return (invoke "rethrow" (i32.const 3)) (i32.const 38))
(assert_return (invoke "two" (i32.const 0)) (i32.const 30))
(assert_return (invoke "two" (i32.const 1)) (i32.const 20))
(assert_return (invoke "two" (i32.const 2)) (i32.const 10))
(assert_return (invoke "mixed" (i32.const 8)) (i32.const 17))
(assert_return (invoke "mixed_height" (i32.const 8)) (i32.const 9))
(assert_return (invoke "delegate" (i32.const 9)) (i32.const 309))
(assert_return (invoke "delegate_to_clause" (i32.const 9)) (i32.const 3))
(assert_return (invoke "delegate_far" (i32.const 0)) (i32.const 50))
(assert_return (invoke "delegate_newer" (i32.const 1)) (i32.const 51))
(assert_return (invoke "delegate_newer" (i32.const 0)) (i32.const 7))
(assert_return (invoke "loop" (i32.const 4)) (i32.const 10010))
(assert_return (invoke "loop_in_catch" (i32.const 3)) (i32.const 6))
(assert_return (invoke "loop_in_catch" (i32.const 4)) (i32.const 14))
(assert_return (invoke "carried" (i32.const 0)) (i32.const 12))
(assert_return (invoke "carried" (i32.const 1)) (i32.const 84))
(assert_return (invoke "carried" (i32.const 2)) (i32.const 6))
(assert_return (invoke "carried" (i32.const 3)) (i32.const 78))
(assert_return (invoke "nothing_throws" (i32.const 5)) (i32.const 6))
(assert_return (invoke "tail" (i32.const 5)) (i32.const 12))
(assert_return (invoke "many" (i32.const 5)) (i32.const 82))

(assert_invalid (module (tag (param i32)) (func try catch 0 end)) "type mismatch")
(assert_invalid (module (tag) (func try rethrow 0 catch 0 end)) "invalid rethrow label")
(assert_invalid (module (func try delegate 1)) "unknown label")
