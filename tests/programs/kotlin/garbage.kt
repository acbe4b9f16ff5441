// Much that is made and forgotten: trees, a splay tree, lists in cycles, strings, arrays of arrays. `Random` is the library's.

import kotlin.random.Random

class Tree(val left: Tree?, val right: Tree?) {
    fun count(): Int = 1 + (left?.count() ?: 0) + (right?.count() ?: 0)
}

fun tree(depth: Int): Tree = if (depth == 0) Tree(null, null) else Tree(tree(depth - 1), tree(depth - 1))

fun trees(depth: Int) {
    val kept = tree(depth)
    for (small in 4..depth step 4) {
        val times = 1 shl (depth - small + 4)
        var sum = 0
        repeat(times) { sum += tree(small).count() }
        println("$times trees of depth $small: $sum")
    }
    println("kept: ${kept.count()}")
}

class Splay<V : Any> {
    private class Node<V>(val key: Int, var value: V) {
        var left: Node<V>? = null
        var right: Node<V>? = null
    }

    private var root: Node<V>? = null
    var size = 0
        private set

    private fun splay(key: Int) {
        var at = root ?: return
        val sides = Node(0, at.value)
        var left = sides
        var right = sides
        while (true) {
            if (key < at.key) {
                var next = at.left ?: break
                if (key < next.key) {
                    at.left = next.right
                    next.right = at
                    at = next
                    next = at.left ?: break
                }
                right.left = at
                right = at
                at = next
            } else if (key > at.key) {
                var next = at.right ?: break
                if (key > next.key) {
                    at.right = next.left
                    next.left = at
                    at = next
                    next = at.right ?: break
                }
                left.right = at
                left = at
                at = next
            } else {
                break
            }
        }
        left.right = at.left
        right.left = at.right
        at.left = sides.right
        at.right = sides.left
        root = at
    }

    fun put(key: Int, value: V) {
        splay(key)
        val old = root
        if (old?.key == key) {
            old.value = value
            return
        }
        val node = Node(key, value)
        if (old != null) {
            if (key > old.key) {
                node.left = old
                node.right = old.right
                old.right = null
            } else {
                node.right = old
                node.left = old.left
                old.left = null
            }
        }
        root = node
        size++
    }

    fun get(key: Int): V? {
        splay(key)
        return root?.takeIf { it.key == key }?.value
    }

    fun remove(key: Int) {
        splay(key)
        val old = root ?: return
        if (old.key != key) return
        size--
        val right = old.right
        root = old.left
        if (root == null) {
            root = right
        } else {
            splay(key)
            root!!.right = right
        }
    }
}

class Payload(val text: String, val numbers: IntArray, val other: Any?)

fun splay(random: Random) {
    val tree = Splay<Payload>()
    val keys = ArrayDeque<Int>()
    var found = 0L
    for (round in 0 until 60_000) {
        val key = random.nextInt(1_000_000)
        if (tree.get(key) == null) keys.addLast(key)
        tree.put(key, Payload("payload $key", IntArray(10) { it * key }, tree.get(keys[keys.size / 2])))
        if (keys.size > 4000) tree.remove(keys.removeFirst())
        if (round % 100 == 0) found += tree.get(keys.random(random))?.let { it.numbers[7].toLong() + it.text.length } ?: -1
    }
    println("splay: ${tree.size} $found")
}

class Ring(val name: Int) {
    var next = this
    var back: Any? = null
}

fun rings() {
    var kept: Ring? = null
    var sum = 0L
    for (round in 0 until 2000) {
        val first = Ring(round)
        var last = first
        for (i in 1 until 50) {
            val ring = Ring(round * 50 + i)
            ring.next = first
            ring.back = last
            last.next = ring
            last = ring
        }
        if (round % 500 == 499) {
            first.back = kept
            kept = first
        }
    }
    while (kept != null) {
        var at = kept.next
        while (at !== kept) {
            sum += at.name
            at = at.next
        }
        kept = kept.back as Ring?
    }
    println("rings: $sum")
}

fun arrays(random: Random) {
    val rows = arrayOfNulls<Array<IntArray?>>(64)
    repeat(20_000) {
        rows[random.nextInt(64)] = Array(random.nextInt(20)) { if (it % 3 == 0) null else IntArray(it) { at -> at * it } }
    }
    println("arrays: ${rows.sumOf { row -> row?.sumOf { it?.sum() ?: 1 } ?: 0 }}")
    val large = Array(10) { IntArray(100_000) { at -> at } }
    repeat(100) { large[it % 10] = large[(it * 7) % 10].copyOf().also { copy -> copy[it] = -it } }
    println("large: ${large.sumOf { it.fold(0L) { sum, value -> sum * 3 + value } }}")
}

fun texts() {
    val lengths = HashMap<String, MutableList<Any>>()
    for (i in 0 until 30_000) {
        val text = "key ${i % 1000}"
        val list = lengths.getOrPut(text) { mutableListOf() }
        list.add(if (i % 2 == 0) i else "$text/$i")
        if (list.size > 10) list.clear()
    }
    println("texts: ${lengths.size} ${lengths.values.sumOf { list -> list.sumOf { if (it is Int) it else (it as String).length } }}")
}

fun main() {
    trees(14)
    splay(Random(7))
    rings()
    arrays(Random(8))
    texts()
}
