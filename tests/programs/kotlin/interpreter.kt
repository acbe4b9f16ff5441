// A Lisp: reader, environments, closures, errors, strings, tail calls by a trampoline; and a JSON printer and reader.

sealed class Value
data class Num(val value: Long) : Value() {
    override fun toString() = value.toString()
}

data class Str(val text: String) : Value() {
    override fun toString() = "\"$text\""
}

data class Symbol(val name: String) : Value() {
    override fun toString() = name
}

data class Cons(val head: Value, val tail: Value) : Value() {
    override fun toString(): String {
        val out = StringBuilder("(").append(head)
        var rest = tail
        while (rest is Cons) {
            out.append(' ').append(rest.head)
            rest = rest.tail
        }
        if (rest != Nil) out.append(" . ").append(rest)
        return out.append(')').toString()
    }
}

data object Nil : Value() {
    override fun toString() = "()"
}

class Builtin(val name: String, val call: (List<Value>) -> Value) : Value() {
    override fun toString() = "<$name>"
}

class Closure(val params: List<Symbol>, val body: Value, val scope: Scope) : Value() {
    override fun toString() = "<lambda/${params.size}>"
}

class LispError(message: String) : Exception(message)

class Scope(private val outer: Scope?) {
    private val values = HashMap<String, Value>()

    operator fun get(name: String): Value = values[name] ?: (outer ?: throw LispError("unbound: $name"))[name]

    operator fun set(name: String, value: Value) {
        values[name] = value
    }

    fun assign(name: String, value: Value) {
        if (name in values) values[name] = value else (outer ?: throw LispError("unbound: $name")).assign(name, value)
    }
}

fun Value.items(): List<Value> = generateSequence(this as? Cons) { it.tail as? Cons }.map { it.head }.toList()
fun List<Value>.list(): Value = foldRight(Nil as Value) { head, tail -> Cons(head, tail) }
fun Value.number() = (this as? Num)?.value ?: throw LispError("not a number: $this")
fun truth(value: Boolean): Value = if (value) Symbol("t") else Nil

class Reader(text: String) {
    private val tokens = Regex("""[()']|"[^"]*"|[^\s()']+""").findAll(text).map { it.value }.iterator()

    fun all() = buildList { while (tokens.hasNext()) add(read(tokens.next())) }

    private fun read(token: String): Value = when {
        token == "(" -> {
            val items = mutableListOf<Value>()
            while (true) {
                if (!tokens.hasNext()) throw LispError("missing )")
                val next = tokens.next()
                if (next == ")") break
                items += read(next)
            }
            items.list()
        }
        token == ")" -> throw LispError("unexpected )")
        token == "'" -> listOf(Symbol("quote"), read(tokens.next())).list()
        token.startsWith('"') -> Str(token.trim('"'))
        else -> token.toLongOrNull()?.let { Num(it) } ?: Symbol(token)
    }
}

class Lisp(private val print: (String) -> Unit) {
    private val globals = Scope(null)
    var steps = 0
        private set

    init {
        fun fold(name: String, how: (Long, Long) -> Long) {
            globals[name] = Builtin(name) { args -> Num(args.map { it.number() }.reduce(how)) }
        }
        fold("+", Long::plus)
        fold("*", Long::times)
        fold("-", Long::minus)
        fold("mod") { a, b -> if (b == 0L) throw LispError("mod by zero") else a.mod(b) }
        define("<") { (a, b) -> truth(a.number() < b.number()) }
        define("=") { (a, b) -> truth(a == b) }
        define("cons") { (a, b) -> Cons(a, b) }
        define("car") { (a) -> (a as? Cons ?: throw LispError("car of $a")).head }
        define("cdr") { (a) -> (a as? Cons ?: throw LispError("cdr of $a")).tail }
        define("list") { it.list() }
        define("null") { (a) -> truth(a == Nil) }
        define("concat") { args -> Str(args.joinToString("") { (it as? Str)?.text ?: it.toString() }) }
        define("print") { args -> args.last().also { print(args.joinToString(" ") { (it as? Str)?.text ?: it.toString() }) } }
        globals["t"] = Symbol("t")
        globals["nil"] = Nil
    }

    private fun define(name: String, call: (List<Value>) -> Value) {
        globals[name] = Builtin(name, call)
    }

    fun run(text: String): Value = Reader(text).all().fold(Nil as Value) { _, form -> evaluate(form, globals) }

    private fun evaluate(form: Value, scope: Scope): Value {
        var at = form
        var here = scope
        while (true) {
            steps++
            when (val now = at) {
                is Symbol -> return here[now.name]
                is Cons -> {
                    val args = now.tail.items()
                    when ((now.head as? Symbol)?.name) {
                        "quote" -> return args[0]
                        "if" -> {
                            at = if (evaluate(args[0], here) != Nil) args[1] else args.getOrElse(2) { Nil }
                            continue
                        }
                        "define" -> {
                            val value = evaluate(args[1], here)
                            here[(args[0] as Symbol).name] = value
                            return value
                        }
                        "set" -> return evaluate(args[1], here).also { here.assign((args[0] as Symbol).name, it) }
                        "lambda" -> return Closure(args[0].items().map { it as Symbol }, args[1], here)
                        "try" -> return try {
                            evaluate(args[0], here)
                        } catch (error: LispError) {
                            apply(evaluate(args[1], here), listOf(Str(error.message!!)))
                        }
                        "do" -> {
                            args.dropLast(1).forEach { evaluate(it, here) }
                            at = args.last()
                            continue
                        }
                    }
                    val function = evaluate(now.head, here)
                    val values = args.map { evaluate(it, here) }
                    if (function is Closure) {
                        here = enter(function, values)
                        at = function.body
                    } else {
                        return apply(function, values)
                    }
                }
                else -> return now
            }
        }
    }

    private fun enter(closure: Closure, values: List<Value>): Scope {
        if (closure.params.size != values.size) throw LispError("${closure.params.size} arguments wanted, not ${values.size}")
        return Scope(closure.scope).also { scope -> closure.params.zip(values) { param, value -> scope[param.name] = value } }
    }

    private fun apply(function: Value, values: List<Value>): Value = when (function) {
        is Builtin -> function.call(values)
        is Closure -> evaluate(function.body, enter(function, values))
        else -> throw LispError("not a function: $function")
    }
}

const val PROGRAM = """
(define map (lambda (f l) (if (null l) nil (cons (f (car l)) (map f (cdr l))))))
(define fold (lambda (f a l) (if (null l) a (fold f (f a (car l)) (cdr l)))))
(define range (lambda (a b) (if (< a b) (cons a (range (+ a 1) b)) nil)))
(define filter (lambda (p l) (if (null l) nil (if (p (car l)) (cons (car l) (filter p (cdr l))) (filter p (cdr l))))))
(define append (lambda (a b) (if (null a) b (cons (car a) (append (cdr a) b)))))
(define sort (lambda (l) (if (null l) nil
  (append (sort (filter (lambda (x) (< x (car l))) (cdr l)))
    (cons (car l) (sort (filter (lambda (x) (if (< x (car l)) nil t)) (cdr l))))))))
(define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
(define counter (lambda (n) (lambda () (set n (+ n 1)))))
(print "squares" (map (lambda (x) (* x x)) (range 1 11)))
(print "sum" (fold + 0 (range 0 200)))
(print "sorted" (sort (map (lambda (x) (mod (* x 37) 101)) (range 0 40))))
(print "fib" (fib 17))
(define c (counter 5))
(print (list (c) (c) (c)))
(print "quoted" '(a (b . c) "d" 4) map car)
(define loop (lambda (n a) (if (= n 0) a (loop (- n 1) (+ a n)))))
(print "loop" (loop 20000 0))
(print (try (car 5) (lambda (e) (concat "caught " e))))
(print (try (do (print "inside") (map (lambda (x) (mod 10 x)) (list 3 2 0 1))) (lambda (e) (concat e "!"))))
(print (try (fib 1 2) (lambda (e) e)))
(print (try (try nothing (lambda (e) (car e))) (lambda (e) (concat "outer " e))))
(fib 15)
"""

sealed interface Json {
    data class Text(val text: String) : Json
    data class Number(val value: Double) : Json
    data class Flag(val value: Boolean) : Json
    data object Null : Json
    data class Items(val items: List<Json>) : Json
    data class Fields(val fields: Map<String, Json>) : Json
}

class JsonReader(private val text: String) {
    private var at = 0

    fun read(): Json = value().also { blank(); if (at != text.length) fail("end expected") }

    private fun fail(what: String): Nothing = throw IllegalArgumentException("$what at $at")

    private fun blank() {
        while (at < text.length && text[at].isWhitespace()) at++
    }

    private fun accept(char: Char): Boolean {
        blank()
        return (text.getOrNull(at) == char).also { if (it) at++ }
    }

    private fun <T> series(end: Char, item: () -> T): List<T> = buildList {
        if (accept(end)) return@buildList
        do add(item()) while (accept(','))
        if (!accept(end)) fail("'$end' expected")
    }

    private fun value(): Json {
        if (accept('{')) return Json.Fields(series('}') {
            val key = value() as? Json.Text ?: fail("name expected")
            if (!accept(':')) fail("':' expected")
            key.text to value()
        }.toMap())
        if (accept('[')) return Json.Items(series(']') { value() })
        if (accept('"')) return Json.Text(buildString {
            while (true) {
                when (val char = text.getOrNull(at++) ?: fail("text ends")) {
                    '"' -> break
                    '\\' -> when (val escaped = text[at++]) {
                        'n' -> append('\n')
                        'u' -> append(text.substring(at, at + 4).toInt(16).toChar()).also { at += 4 }
                        else -> append(escaped)
                    }
                    else -> append(char)
                }
            }
        })
        val word = text.substring(at).takeWhile { it.isLetterOrDigit() || it in "+-." }
        at += word.length
        return when (word) {
            "true", "false" -> Json.Flag(word == "true")
            "null" -> Json.Null
            else -> Json.Number(word.toDoubleOrNull() ?: fail("'$word'"))
        }
    }
}

fun write(json: Json, out: StringBuilder, indent: String = "\n") {
    fun <T> series(items: Collection<T>, brackets: String, write: (T) -> Unit) {
        out.append(brackets[0])
        items.forEachIndexed { index, item ->
            out.append(if (index > 0) "," else "").append("$indent  ")
            write(item)
        }
        if (items.isNotEmpty()) out.append(indent)
        out.append(brackets[1])
    }
    fun quoted(text: String) = out.append('"').append(text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n")).append('"')
    when (json) {
        is Json.Text -> quoted(json.text)
        is Json.Number -> if (json.value % 1.0 == 0.0) out.append(json.value.toLong()) else out.append(json.value)
        is Json.Flag -> out.append(json.value)
        Json.Null -> out.append("null")
        is Json.Items -> series(json.items, "[]") { write(it, out, "$indent  ") }
        is Json.Fields -> series(json.fields.entries, "{}") { (key, value) ->
            quoted(key).append(": ")
            write(value, out, "$indent  ")
        }
    }
}

fun main() {
    val lisp = Lisp(::println)
    println("${lisp.run(PROGRAM)} in ${lisp.steps} steps")
    for (wrong in listOf("(car", ")", "(undefined 1)", "(1 2)")) {
        println(try { lisp.run(wrong) } catch (error: LispError) { error.message })
    }

    val text = """{"name": "pellucid \"x\"\n", "tags": ["a", "é\u0041", []], "size": 12.5, "ok": true, "none": null, "deep": {"a": {"b": [1, -2e3]}}}"""
    val json = JsonReader(text).read()
    val out = StringBuilder()
    write(json, out)
    println(out)
    println(JsonReader(out.toString()).read() == json)
    for (wrong in listOf("[1, 2", "{\"a\" 1}", "[x]", "1 2", "\"abc")) {
        println(runCatching { JsonReader(wrong).read() }.exceptionOrNull()?.message)
    }
    val nested = (1..200).fold("0") { inner, _ -> "[$inner]" }
    var depth = 0
    var at = JsonReader(nested).read()
    while (at is Json.Items) {
        depth++
        at = at.items[0]
    }
    println(depth)
}
