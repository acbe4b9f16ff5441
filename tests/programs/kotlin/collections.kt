// Collections of the library, and some made here: generics, sorting, maps, grouping, iterators.

import kotlin.random.Random

class Heap<T>(private val comparator: Comparator<in T>) : AbstractMutableCollection<T>() {
    private val items = ArrayList<T>()
    override val size get() = items.size

    override fun iterator() = items.iterator()

    override fun add(element: T): Boolean {
        items.add(element)
        var at = items.lastIndex
        while (at > 0 && comparator.compare(items[at], items[(at - 1) / 2]) < 0) {
            swap(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
        return true
    }

    fun pop(): T {
        swap(0, items.lastIndex)
        val least = items.removeAt(items.lastIndex)
        var at = 0
        while (true) {
            val child = (2 * at + 1..2 * at + 2).filter { it < size }.minWithOrNull { a, b -> comparator.compare(items[a], items[b]) }
            if (child == null || comparator.compare(items[at], items[child]) <= 0) return least
            swap(at, child)
            at = child
        }
    }

    private fun swap(a: Int, b: Int) {
        items[a] = items[b].also { items[b] = items[a] }
    }
}

class Graph<K : Any> {
    private val edges = mutableMapOf<K, MutableList<Pair<K, Int>>>()

    fun edge(from: K, to: K, length: Int) {
        edges.getOrPut(from) { mutableListOf() } += to to length
        edges.getOrPut(to) { mutableListOf() } += from to length
    }

    fun shortest(from: K): Map<K, Int> {
        val found = linkedMapOf<K, Int>()
        val next = Heap<Pair<K, Int>>(compareBy({ it.second }, { it.first.toString() }))
        next.add(from to 0)
        while (next.isNotEmpty()) {
            val (node, length) = next.pop()
            if (node in found) continue
            found[node] = length
            edges[node].orEmpty().forEach { (to, more) -> if (to !in found) next.add(to to length + more) }
        }
        return found
    }
}

class Cache<K, V>(private val most: Int) {
    private val map = LinkedHashMap<K, V>()
    var misses = 0
        private set

    fun get(key: K, make: (K) -> V): V {
        val value = map.remove(key) ?: make(key).also { misses++ }
        map[key] = value
        if (map.size > most) map.remove(map.keys.first())
        return value
    }

    override fun toString() = map.toString()
}

data class Person(val name: String, val born: Int, val city: String)

class Fibonacci(private val count: Int) : Iterable<Long> {
    override fun iterator() = object : Iterator<Long> {
        private var left = count
        private var pair = 0L to 1L
        override fun hasNext() = left > 0
        override fun next(): Long {
            if (left-- <= 0) throw NoSuchElementException("no more")
            return pair.first.also { pair = pair.second to pair.first + pair.second }
        }
    }
}

inline fun <reified T> Iterable<*>.only(): List<T> = filterIsInstance<T>()

fun main() {
    val random = Random(2026)
    val numbers = List(2000) { random.nextInt(10_000) }
    val sorted = numbers.sorted()
    println("${numbers.take(5)} ${sorted.take(5)} ${sorted.zipWithNext().all { (a, b) -> a <= b }} ${numbers.toSet().size}")
    val heap = Heap<Int>(naturalOrder())
    numbers.forEach { heap.add(it) }
    println(generateSequence { if (heap.isEmpty()) null else heap.pop() }.toList() == sorted)
    println(numbers.sortedByDescending { it % 100 }.take(4) == numbers.sortedWith { a, b -> b % 100 - a % 100 }.take(4))
    val ints = numbers.toIntArray()
    ints.sort(100, 1500)
    println("${ints.sum()} ${ints.average()} ${ints[100]} ${ints.asList().subList(100, 1500).binarySearch(ints[700]) >= 0}")

    val people = listOf(
        Person("Ada", 1815, "London"), Person("Grace", 1906, "New York"), Person("Alan", 1912, "London"),
        Person("Barbara", 1939, "Los Angeles"), Person("Edsger", 1930, "Rotterdam"), Person("Tony", 1934, "Colombo"),
    )
    println(people.groupBy { it.city }.mapValues { (_, group) -> group.map(Person::name) })
    println(people.partition { it.born < 1920 }.toList().map { it.size })
    println(people.associateBy({ it.name.first() }, { it.born }))
    println(people.sortedWith(compareBy<Person> { it.city }.thenByDescending { it.born }).map { it.name })
    println("${people.minBy { it.born }.name} ${people.maxOf { it.name.length }} ${people.sumOf { it.born }} ${people.any { it.born > 2000 }}")
    println(people.map { it.born / 100 }.distinct() + people.indexOfFirst { it.city == "Rotterdam" })

    val words = "the cat and the dog and the bird".split(' ')
    val counts = sortedCounts(words)
    println(counts)
    val map = HashMap<String, Int>()
    for (i in 0 until 5000) map.merge("key${i % 777}", i) { a, b -> a xor b }
    for (i in 0 until 777 step 2) map.remove("key$i")
    println("${map.size} ${map.values.sum()} ${map["key1"]} ${"key2" in map} ${map.entries.sumOf { it.key.length * it.value.toLong() }}")
    val sets = (1..20).filter { it % 2 == 0 }.toSet() to (1..20).filter { it % 3 == 0 }.toSet()
    println("${sets.first intersect sets.second} ${sets.first subtract sets.second} ${(sets.first union sets.second).size}")

    val deque = ArrayDeque<Int>()
    for (i in 0 until 50) {
        if (i % 2 == 0) deque.addLast(i) else deque.addFirst(i)
        if (i % 7 == 0) deque.removeLast()
    }
    println("$deque")
    val list = mutableListOf(1, 2, 3, 4, 5, 6)
    list.removeAll { it % 3 == 0 }
    list.addAll(2, listOf(70, 80))
    val iterator = list.listIterator()
    while (iterator.hasNext()) {
        val value = iterator.next()
        if (value > 50) iterator.set(value / 10) else if (value == 2) iterator.remove()
    }
    println("$list ${list.asReversed()} ${list.foldIndexed(0) { i, sum, value -> sum + i * value }} ${list.chunked(2)}")
    println("${Fibonacci(12).toList()} ${Fibonacci(90).last()} ${Fibonacci(5).withIndex().map { (i, f) -> i * f }}")
    println(listOf(1, "two", 3.0, 'c', listOf("five"), "six", null).let { it.only<String>() + it.only<List<*>>() + it.only<Comparable<*>>().size })

    val graph = Graph<String>()
    for (line in "a-b:7 a-c:9 a-f:14 b-c:10 b-d:15 c-d:11 c-f:2 d-e:6 e-f:9 x-y:1".split(' ')) {
        val (from, to, length) = line.split('-', ':')
        graph.edge(from, to, length.toInt())
    }
    println(graph.shortest("a"))
    val cache = Cache<Int, String>(3)
    for (key in listOf(1, 2, 3, 1, 4, 2, 1)) cache.get(key) { "v$it" }
    println("$cache ${cache.misses}")
    val grid = Array(5) { row -> IntArray(5) { column -> (row * 5 + column) * 7 % 11 } }
    println(grid.joinToString("/") { it.joinToString("") { value -> value.toString(16) } } + " " + grid.maxOf { it.max() })
    println(grid.copyOfRange(1, 3).map { it.copyInto(IntArray(7), 1).contentToString() })
    println(buildMap { put("x", 1); putAll(listOf("y" to 2)) }.toString() + emptyList<Int>() + listOfNotNull(null, 1))
    println((1..4).flatMap { a -> (a..4).map { b -> a * b } }.zip('a'..'z').unzip())
}

fun sortedCounts(words: List<String>) = words.groupingBy { it }.eachCount().entries
    .sortedWith(compareByDescending<Map.Entry<String, Int>> { it.value }.thenBy { it.key }).map { "${it.key}:${it.value}" }

fun <K> HashMap<K, Int>.merge(key: K, value: Int, how: (Int, Int) -> Int) {
    val old = this[key]
    this[key] = if (old == null) value else how(old, value)
}
