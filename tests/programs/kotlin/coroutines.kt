// Coroutines of the language alone: a scheduler with tasks, channels and delays; generators; exceptions across suspensions.

import kotlin.coroutines.*
import kotlin.coroutines.intrinsics.*

class Scheduler {
    private val ready = ArrayDeque<() -> Unit>()
    private val sleeping = mutableListOf<Pair<Int, () -> Unit>>()
    var time = 0
        private set

    fun post(action: () -> Unit) {
        ready.addLast(action)
    }

    fun after(delay: Int, action: () -> Unit) {
        val at = time + delay
        val place = sleeping.indexOfFirst { it.first > at }.let { if (it < 0) sleeping.size else it }
        sleeping.add(place, at to action)
    }

    fun run() {
        while (true) {
            val action = ready.removeFirstOrNull()
            if (action != null) {
                action()
            } else if (sleeping.isNotEmpty()) {
                val (at, next) = sleeping.removeAt(0)
                time = at
                next()
            } else {
                return
            }
        }
    }

    fun <T> launch(name: String, body: suspend () -> T): Task<T> {
        val task = Task<T>(this, name)
        post { body.startCoroutine(task) }
        return task
    }

    suspend fun delay(ticks: Int): Unit = suspendCoroutine { continuation -> after(ticks) { continuation.resume(Unit) } }

    suspend fun pass(): Unit = suspendCoroutine { continuation -> post { continuation.resume(Unit) } }
}

class Name(val text: String) : AbstractCoroutineContextElement(Name) {
    companion object : CoroutineContext.Key<Name>
}

suspend fun name() = coroutineContext[Name]?.text ?: "nobody"

class Task<T>(private val scheduler: Scheduler, name: String) : Continuation<T> {
    override val context: CoroutineContext = Name(name)
    private var result: Result<T>? = null
    private val waiting = mutableListOf<Continuation<T>>()

    override fun resumeWith(result: Result<T>) {
        this.result = result
        waiting.forEach { continuation -> scheduler.post { continuation.resumeWith(result) } }
    }

    suspend fun await(): T = suspendCoroutine { continuation ->
        val known = result
        if (known == null) waiting += continuation else scheduler.post { continuation.resumeWith(known) }
    }
}

class Channel<T>(private val scheduler: Scheduler, private val capacity: Int) {
    private val items = ArrayDeque<T>()
    private val receivers = ArrayDeque<Continuation<T?>>()
    private val senders = ArrayDeque<Pair<T, Continuation<Unit>>>()
    private var closed = false

    suspend fun send(item: T) {
        val receiver = receivers.removeFirstOrNull()
        when {
            receiver != null -> scheduler.post { receiver.resume(item) }
            items.size < capacity -> items.addLast(item)
            else -> suspendCoroutine { continuation -> senders.addLast(item to continuation) }
        }
    }

    suspend fun receive(): T? {
        if (items.isNotEmpty()) {
            return items.removeFirst().also {
                senders.removeFirstOrNull()?.let { (item, sender) ->
                    items.addLast(item)
                    scheduler.post { sender.resume(Unit) }
                }
            }
        }
        val sender = senders.removeFirstOrNull()
        if (sender != null) {
            scheduler.post { sender.second.resume(Unit) }
            return sender.first
        }
        return if (closed) null else suspendCoroutine { receivers.addLast(it) }
    }

    fun close() {
        closed = true
        receivers.forEach { receiver -> scheduler.post { receiver.resume(null) } }
    }
}

// A generator that is given values as well.
class Generator<In, Out>(body: suspend Generator<In, Out>.() -> Unit) {
    private var next: Continuation<In>? = null
    private var start: Continuation<Unit>? = null
    private var out: Result<Out?> = Result.success(null)

    init {
        start = body.createCoroutine(this, Continuation(EmptyCoroutineContext) { result -> out = result.map { null } })
    }

    suspend fun exchange(value: Out): In = suspendCoroutineUninterceptedOrReturn { continuation ->
        out = Result.success(value)
        next = continuation
        COROUTINE_SUSPENDED
    }

    fun first(): Out? {
        start!!.resume(Unit)
        return out.getOrThrow()
    }

    fun give(value: In): Out? {
        next!!.also { next = null }.resume(value)
        return out.getOrThrow()
    }

    fun fail(exception: Throwable): Out? {
        next!!.resumeWithException(exception)
        return out.getOrThrow()
    }
}

class Tree(val value: Int, val left: Tree? = null, val right: Tree? = null) {
    fun walk(): Iterator<Int> = iterator {
        left?.let { yieldAll(it.walk()) }
        yield(value)
        right?.let { yieldAll(it.walk()) }
    }
}

fun tree(values: IntRange): Tree? {
    if (values.isEmpty()) return null
    val middle = (values.first + values.last) / 2
    return Tree(middle, tree(values.first until middle), tree(middle + 1..values.last))
}

suspend fun fibonacci(scheduler: Scheduler, n: Int): Int {
    if (n < 2) return n
    if (n % 5 == 0) scheduler.pass()
    return fibonacci(scheduler, n - 1) + fibonacci(scheduler, n - 2)
}

suspend fun deep(scheduler: Scheduler, depth: Int): Int =
    if (depth == 0) 0.also { scheduler.pass() } else deep(scheduler, depth - 1) + 1

fun main() {
    val scheduler = Scheduler()
    val log = mutableListOf<String>()
    suspend fun note(text: Any?) {
        log += "${scheduler.time}:${name()}:$text"
    }
    fun flush() {
        scheduler.run()
        println(log.joinToString(" "))
        log.clear()
    }

    for ((name, ticks) in listOf("slow" to 30, "quick" to 10, "medium" to 20)) {
        scheduler.launch(name) {
            for (round in 1..3) {
                scheduler.delay(ticks)
                note(round)
            }
        }
    }
    flush()

    val channel = Channel<Int>(scheduler, 2)
    val producer = scheduler.launch("producer") {
        var sent = 0
        for (i in 1..8) {
            channel.send(i * i)
            sent += i
            note("sent$i")
        }
        channel.close()
        sent
    }
    for (consumer in listOf("x", "y")) {
        scheduler.launch(consumer) {
            while (true) {
                val item = channel.receive() ?: break
                note(item)
                scheduler.delay(if (consumer == "x") 5 else 8)
            }
            note("done ${producer.await()}")
        }
    }
    flush()

    val failing = scheduler.launch("failing") {
        try {
            scheduler.delay(3)
            check(scheduler.time < 0) { "too late" }
            "never"
        } finally {
            scheduler.delay(4)
            note("cleaned")
        }
    }
    for (waiter in 1..2) {
        scheduler.launch("waiter$waiter") {
            try {
                note(failing.await())
            } catch (exception: IllegalStateException) {
                note(exception.message)
                scheduler.pass()
                note("after")
            }
        }
    }
    flush()

    val sums = (1..4).map { part -> scheduler.launch("sum$part") { fibonacci(scheduler, 10 + part) } }
    scheduler.launch("all") { note(sums.map { it.await() }) }
    scheduler.launch("deep") { note(deep(scheduler, 300)) }
    flush()

    val averager = Generator<Int, String> {
        var sum = 0
        var count = 0
        while (count < 4) {
            try {
                sum += exchange("$sum/$count")
                count++
            } catch (exception: IllegalArgumentException) {
                sum = -exchange(exception.message!!)
            }
        }
    }
    println(listOf(averager.first(), averager.give(10), averager.give(20)))
    println(listOf(averager.fail(IllegalArgumentException("reset")), averager.give(7), averager.give(1), averager.give(2)))
    val broken = Generator<Int, Int> { exchange(1 / exchange(1).also { if (it == 0) throw ArithmeticException("zero") }) }
    println("${broken.first()} ${runCatching { broken.give(0) }.exceptionOrNull()?.message}")

    println(tree(1..40)!!.walk().asSequence().joinToString(","))
    val merged = sequence {
        val iterators = listOf(tree(1..5)!!.walk(), tree(3..9)!!.walk(), tree(0..0)!!.walk()).filter { it.hasNext() }.toMutableList()
        val heads = iterators.map { it.next() }.toMutableList()
        while (heads.isNotEmpty()) {
            val least = heads.indices.minBy { heads[it] }
            yield(heads[least])
            if (iterators[least].hasNext()) {
                heads[least] = iterators[least].next()
            } else {
                heads.removeAt(least)
                iterators.removeAt(least)
            }
        }
    }
    println(merged.toList())
    val many = List(2000) { id -> scheduler.launch("t$id") { var sum = 0; repeat(5) { scheduler.pass(); sum += id }; sum } }
    scheduler.launch("total") { note(many.sumOf { it.await() }) }
    flush()
}
