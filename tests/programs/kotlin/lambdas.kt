// Functions as values: closures, composition, sequences, receivers, builders, tail recursion.

fun counter(): () -> Int {
    var count = 0
    return { ++count }
}

infix fun <A, B, C> ((A) -> B).then(next: (B) -> C): (A) -> C = { next(this(it)) }

fun <A, B, C> curried(function: (A, B) -> C): (A) -> (B) -> C = { a -> { b -> function(a, b) } }

fun <A : Any, B> memoized(function: (A, (A) -> B) -> B): (A) -> B {
    val known = mutableMapOf<A, B>()
    fun call(argument: A): B = known[argument] ?: function(argument, ::call).also { known[argument] = it }
    return ::call
}

fun <T> fix(function: ((T) -> T) -> (T) -> T): (T) -> T = { function(fix(function))(it) }

tailrec fun collatz(number: Long, steps: Int = 0): Int = when {
    number == 1L -> steps
    number % 2 == 0L -> collatz(number / 2, steps + 1)
    else -> collatz(3 * number + 1, steps + 1)
}

class Html {
    private val parts = StringBuilder()
    private var depth = 0

    fun tag(name: String, vararg attributes: Pair<String, Any>, body: Html.() -> Unit = {}) {
        val all = attributes.joinToString("") { (key, value) -> " $key=\"$value\"" }
        line("<$name$all>")
        depth++
        body()
        depth--
        line("</$name>")
    }

    operator fun String.unaryPlus() = line(this)

    private fun line(text: String) {
        parts.append("  ".repeat(depth)).append(text).append('\n')
    }

    override fun toString() = parts.toString()
}

fun html(body: Html.() -> Unit) = Html().apply(body)

fun primes(): Sequence<Int> = sequence {
    var candidates = generateSequence(2) { it + 1 }
    while (true) {
        val prime = candidates.first()
        yield(prime)
        candidates = candidates.drop(1).filter { it % prime != 0 }
    }
}

fun <T> permutations(items: List<T>): Sequence<List<T>> = sequence {
    if (items.isEmpty()) yield(emptyList())
    for ((index, item) in items.withIndex()) {
        yieldAll(permutations(items.filterIndexed { other, _ -> other != index }).map { listOf(item) + it })
    }
}


inline fun firstOver(numbers: List<Int>, limit: Int, log: (Int) -> Unit): Int? {
    numbers.forEach {
        log(it)
        if (it > limit) return it
    }
    return null
}

fun labelled(rows: List<List<Int>>): Int {
    var sum = 0
    rows.forEach rows@{ row ->
        row.forEach { value ->
            if (value < 0) return@rows
            sum += value
        }
        sum *= 2
    }
    return sum
}

fun interface Transform {
    fun apply(value: Int): Int
}

fun main() {
    val one = counter()
    val other = counter()
    println(listOf(one(), one(), other(), one(), other()))
    val shared = mutableListOf<() -> Int>()
    for (i in 1..3) {
        var own = i * 10
        shared += { own += i; own }
    }
    println(shared.map { it() } + shared.map { it() })

    val both = { x: Int -> x + 1 } then { it * 2.5 } then Double::toString then { "<$it>" }
    println("${both(3)} ${curried { a: Int, b: Int -> a - b }(10)(4)} ${curried(String::plus)("a")("b")}")
    val fibonacci = memoized<Int, Long> { n, self -> if (n < 2) n.toLong() else self(n - 1) + self(n - 2) }
    println("${fibonacci(80)} ${fix<Int> { self -> { if (it == 0) 1 else it * self(it - 1) } }(10)}")
    println((1L..30L).map { collatz(it) }.withIndex().maxBy { it.value })
    println(collatz(837799))

    println(html {
        tag("ul", "class" to "list", "size" to 2) {
            for (item in listOf("first", "second")) tag("li") { +item.uppercase() }
        }
        tag("hr")
    })

    println(primes().take(25).joinToString(" "))
    println(permutations(listOf(1, 2, 3)).toList())
    println(permutations("abcdefg".toList()).map { it.joinToString("") }.filter { it.first() < it.last() }.count())
    println(generateSequence(1) { if (it < 1000) it * 3 else null }.zipWithNext { a, b -> b - a }.toList())
    val log = mutableListOf<String>()
    val lazy = (1..10).asSequence().onEach { log += "s$it" }.map { it * it }.filter { it % 2 == 0 }.takeWhile { it < 40 }
    println("${log.size} ${lazy.toList()} ${log.size} ${lazy.first()} ${log.size} $log")
    println(sequenceOf(3, 1, 2).sorted().plus(9).chunked(2).flatten().windowed(3).map { it.sum() }.toList())
    println(sequence { yieldAll(1..3); yieldAll(sequenceOf(7)); yield(0) }.runningFold(100) { sum, value -> sum - value }.toList())

    val seen = StringBuilder()
    println("${firstOver(listOf(1, 5, 20, 3), 10) { seen.append(it).append(' ') }} $seen${firstOver(listOf(1), 1) {}}")
    println(labelled(listOf(listOf(1, 2), listOf(3, -1, 100), listOf(5))))
    val transforms = listOf(Transform { it + 1 }, Transform { it * it }, Transform(Int::inv))
    println(transforms.fold(5) { value, transform -> transform.apply(value) })
    val many: (Int, String, Long, Double, Char, Boolean) -> String = { a, b, c, d, e, f -> "$a$b$c$d$e$f" }
    println(many(1, "b", 3L, 4.5, 'e', true))
    println(with(StringBuilder()) { append(1).also { append(2) }.run { length } }.let { it to 5.takeIf { n -> n > it } })
    val table = mapOf<String, (Double, Double) -> Double>("+" to Double::plus, "-" to { a, b -> a - b }, "max" to ::maxOf)
    println(table.map { (name, function) -> name + function(7.5, 2.25) })
}
