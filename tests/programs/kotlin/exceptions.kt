// Exceptions: nested handlers, finally in all its ways, causes, custom ones, those of the library, deep throws.

open class AppException(message: String, cause: Throwable? = null) : Exception(message, cause)
class ParseException(val at: Int, message: String) : AppException("$message at $at")
class LimitException(val limit: Int) : RuntimeException()

val log = mutableListOf<String>()

fun note(text: String) {
    log += text
}

fun flush(name: String) {
    println("$name: ${log.joinToString(" ")}")
    log.clear()
}

class Resource(val name: String, val failsToClose: Boolean = false) : AutoCloseable {
    init {
        note("+$name")
    }

    override fun close() {
        note("-$name")
        if (failsToClose) throw IllegalStateException("close $name")
    }
}

class Parser(private val text: String) {
    private var at = 0

    fun parse(): Int {
        val value = sum()
        if (at < text.length) throw ParseException(at, "unexpected '${text[at]}'")
        return value
    }

    private fun sum(): Int {
        var value = product()
        while (at < text.length && text[at] in "+-") value = if (text[at++] == '+') value + product() else value - product()
        return value
    }

    private fun product(): Int {
        var value = atom()
        while (at < text.length && text[at] in "*/") {
            val operator = text[at++]
            val right = atom()
            if (operator == '/' && right == 0) throw ArithmeticException("division by zero")
            value = if (operator == '*') value * right else value / right
        }
        return value
    }

    private fun atom(): Int {
        if (at == text.length) throw ParseException(at, "unexpected end")
        if (text[at] == '(') {
            at++
            return sum().also { if (text.getOrNull(at++) != ')') throw ParseException(at - 1, "expected ')'") }
        }
        val start = at
        while (at < text.length && text[at].isDigit()) at++
        if (at == start) throw ParseException(at, "unexpected '${text[at]}'")
        return text.substring(start, at).toInt()
    }
}

fun calculate(text: String): String = try {
    Parser(text).parse().toString()
} catch (exception: ParseException) {
    "parse: ${exception.message} (${exception.at})"
} catch (exception: NumberFormatException) {
    "number"
} catch (exception: RuntimeException) {
    "${exception::class.simpleName}: ${exception.message}"
}

fun flow(how: Int): Int {
    try {
        note("try$how")
        try {
            when (how) {
                1 -> return 10
                2 -> throw ParseException(2, "two")
                3 -> throw LimitException(3)
                4 -> error("four")
            }
            note("through")
        } catch (exception: AppException) {
            note("app")
            if (how == 2) throw AppException("wrapped", exception)
        } finally {
            note("inner")
        }
    } catch (exception: LimitException) {
        note("limit${exception.limit}")
        return 30
    } finally {
        note("outer")
        if (how == 4) return 40
    }
    return 0
}

fun loops(): Int {
    var sum = 0
    outer@ for (i in 0 until 6) {
        for (j in 0 until 6) {
            try {
                if (j == 2) continue
                if (j == 4) continue@outer
                if (i == 4) break@outer
                if ((i + j) % 5 == 4) throw LimitException(i)
                sum += i * j
            } catch (exception: LimitException) {
                sum += 1000 * exception.limit
            } finally {
                sum += 1
            }
        }
    }
    return sum
}

fun deep(depth: Int, limit: Int): Int {
    if (depth == limit) throw LimitException(depth)
    return try {
        deep(depth + 1, limit) + 1
    } finally {
        if (depth % 100 == 0) note("$depth")
    }
}

fun handlers(depth: Int): Int = if (depth == 0) throw AppException("bottom") else try {
    handlers(depth - 1)
} catch (exception: LimitException) {
    -1
}

fun rethrow(times: Int): Int {
    var caught = 0
    fun go(left: Int) {
        try {
            if (left == 0) throw AppException("x") else go(left - 1)
        } catch (exception: AppException) {
            caught++
            throw exception
        }
    }
    try {
        go(times)
    } catch (exception: Exception) {
        caught += 1000
    }
    return caught
}

inline fun <reified T : Throwable> expect(block: () -> Unit): String = try {
    block()
    "nothing"
} catch (throwable: Throwable) {
    if (throwable is T) T::class.simpleName!! else "other ${throwable::class.simpleName}"
}

fun chain(throwable: Throwable): String =
    generateSequence(throwable) { it.cause }.joinToString(" <- ") { "${it::class.simpleName}(${it.message})" }

fun main() {
    for (text in listOf("1+2*3", "(1+2)*3", "7/(3-3)", "2*(3+", "4)5", "", "12a", "99999999999", "((((5))))-1")) {
        println("$text = ${calculate(text)}")
    }
    for (how in 0..4) {
        val result = try {
            flow(how).toString()
        } catch (exception: AppException) {
            chain(exception)
        }
        flush("flow $how gives $result")
    }
    println(loops())
    println(try { deep(0, 1000) } catch (exception: LimitException) { exception.limit })
    flush("deep")
    println(try { handlers(500) } catch (exception: AppException) { exception.message })
    println(rethrow(20))

    try {
        Resource("a").use { a ->
            Resource("b", failsToClose = true).use { b ->
                note(a.name + b.name)
                throw AppException("body")
            }
        }
    } catch (exception: Exception) {
        flush("${exception.message}, suppressed ${exception.suppressedExceptions.map { it.message }}")
    }
    try {
        Resource("c", failsToClose = true).use { note("fine") }
    } catch (exception: IllegalStateException) {
        flush(exception.message ?: "?")
    }

    val nothing: String? = log.firstOrNull()
    val anything: Any = "text"
    println(listOf(
        expect<NullPointerException> { nothing!!.length },
        expect<ClassCastException> { println(anything as Int) },
        expect<IndexOutOfBoundsException> { listOf(1, 2)[2] },
        expect<IndexOutOfBoundsException> { println(IntArray(3)[log.size + 3]) },
        expect<NoSuchElementException> { emptyList<Int>().first() },
        expect<IllegalArgumentException> { require(log.size > 5) { "too few" } },
        expect<IllegalStateException> { check(log.size > 5) },
        expect<NumberFormatException> { "4x".toInt() },
        expect<ConcurrentModificationException> { mutableListOf(1, 2, 3).let { for (i in it) it.add(i) } },
        expect<UnsupportedOperationException> { (buildList { add(1) } as MutableList<Int>).add(2) },
        expect<NotImplementedError> { TODO() },
        expect<AppException> { },
        expect<AppException> { throw LimitException(1) },
        expect<AppException> { throw ParseException(1, "is one") },
    ))
    println(chain(AppException("top", IllegalStateException("middle", Exception("root")))))
    val outcomes = listOf("1", "x", "3").map { runCatching { it.toInt() } }
    println(outcomes.map { it.getOrElse { -1 } } + outcomes.map { it.isFailure } + outcomes.mapNotNull { it.exceptionOrNull()?.let { "failed" } })
    println(runCatching { 5 }.mapCatching { if (it > 3) throw LimitException(it) else it }.recover { (it as LimitException).limit * 2 }.getOrThrow())
    var thrown = 0L
    for (i in 0 until 20_000) {
        try {
            if (i % 3 == 0) throw ParseException(i, "often") else thrown -= 1
        } catch (exception: AppException) {
            thrown += (exception as ParseException).at
        }
    }
    println(thrown)
}
