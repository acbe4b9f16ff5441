// Text: builders, characters beyond the BMP, splitting, regular expressions, numbers as text.

import kotlin.io.encoding.Base64
import kotlin.io.encoding.ExperimentalEncodingApi

fun caesar(text: String, by: Int) = text.map {
    when (it) {
        in 'a'..'z' -> 'a' + (it - 'a' + by).mod(26)
        in 'A'..'Z' -> 'A' + (it - 'A' + by).mod(26)
        else -> it
    }
}.joinToString("")

fun distance(a: String, b: String): Int {
    var row = IntArray(b.length + 1) { it }
    for (i in 1..a.length) {
        val next = IntArray(b.length + 1)
        next[0] = i
        for (j in 1..b.length) {
            next[j] = minOf(next[j - 1] + 1, row[j] + 1, row[j - 1] + if (a[i - 1] == b[j - 1]) 0 else 1)
        }
        row = next
    }
    return row[b.length]
}

fun roman(number: Int): String {
    val digits = listOf(
        1000 to "M", 900 to "CM", 500 to "D", 400 to "CD", 100 to "C", 90 to "XC", 50 to "L", 40 to "XL", 10 to "X", 9 to "IX",
        5 to "V", 4 to "IV", 1 to "I",
    )
    return buildString {
        var rest = number
        for ((value, letters) in digits) {
            while (rest >= value) {
                append(letters)
                rest -= value
            }
        }
    }
}

fun table(rows: List<List<Any>>): String {
    val widths = rows[0].indices.map { column -> rows.maxOf { it[column].toString().length } }
    return rows.joinToString("\n") { row ->
        row.withIndex().joinToString(" | ") { (column, cell) ->
            val text = cell.toString()
            if (cell is Number) text.padStart(widths[column]) else text.padEnd(widths[column])
        }
    }
}

// FNV-1a.
fun hash(text: String) = text.encodeToByteArray().fold(0xcbf29ce484222325uL) { hash, byte ->
    (hash xor byte.toUByte().toULong()) * 0x100000001b3uL
}

@OptIn(ExperimentalEncodingApi::class)
fun main() {
    val text = "The quick brown fox jumps over the lazy dog"
    println(text.uppercase() + "/" + text.reversed().lowercase())
    println(caesar(text, 3) + "/" + caesar(caesar(text, -5), 5))
    println(text.split(" ").sortedWith(compareBy({ it.length }, { it })).joinToString(","))
    println(text.groupingBy { it }.eachCount().toList().sortedByDescending { it.second }.take(3))
    println("${distance("kitten", "sitting")} ${distance("", "abc")} ${distance(text, text.reversed())}")
    println((listOf(1, 4, 9, 14, 40, 90, 400, 1994, 2026, 3999)).joinToString { roman(it) })
    println(table(listOf(listOf("name", "born"), listOf("Ada", 1815), listOf("Grace Hopper", 1906), listOf("Ünïcödé", 7))))

    val mixed = "aé€😀z"
    println("${mixed.length} ${mixed.encodeToByteArray().size} ${mixed.encodeToByteArray().decodeToString() == mixed}")
    println(mixed.map { it.code.toString(16) })
    println("${mixed.hashCode()} ${"".hashCode()} ${text.hashCode()} ${hash(text)}")
    println("${mixed < "b"} ${"a".compareTo("b", ignoreCase = true)} ${"STRASSE".equals("strasse", true)}")
    println(byteArrayOf(0x41, 0xC3.toByte(), 0x28).decodeToString().map { it.code })

    println("  trim me\t\n".trim() + "|" + "--x--".trim('-') + "|" + "prefix-body".removePrefix("prefix-"))
    println("a,b;;c".split(',', ';') + "key=value=x".split("=", limit = 2))
    println("one\ntwo\r\nthree".lines())
    println("""
        |raw ${"text"} \n
        |  indented
    """.trimMargin())
    println("banana".replace("an", "AN") + "banana".replaceFirst('a', 'o') + "banana".indexOf("na", 3) + "banana".substringAfterLast("n"))
    println("abc".repeat(3).chunked(4) + "abcdef".windowed(3, 2))
    println("x".padStart(5, '.') + "x".padEnd(5, '.') + "|")

    println(listOf(255.toString(16), (-255).toString(2), Long.MIN_VALUE.toString(36), "zz".toInt(36), "-0077".toLong()))
    println(listOf("12x".toIntOrNull(), "99999999999".toIntOrNull(), "1e3".toDouble(), "-0.5".toDoubleOrNull(), "x".toDoubleOrNull()))
    println(listOf(Int.MIN_VALUE, Long.MAX_VALUE, UInt.MAX_VALUE, ULong.MAX_VALUE, Byte.MIN_VALUE, 'x'.code, true, null))
    println(listOf(0.0, -0.0, 1.0, 0.1, 1.0 / 3, 123456.789, 1e6, 0.0015, Double.NaN, Double.NEGATIVE_INFINITY))

    val regex = Regex("""(\w+)@(\w+)\.(com|org)""")
    val mails = "ada@example.com, nobody@nowhere, grace@navy.org"
    println(regex.findAll(mails).map { it.groupValues }.toList())
    println(regex.replace(mails) { "<${it.groupValues[1].uppercase()}>" })
    println(Regex("[,;]\\s*").split("a, b;c;   d") + Regex("a+b?").matches("aaab") + Regex("^\\d{3}$").containsMatchIn("1234"))

    val encoded = Base64.encode("any carnal pleas€".encodeToByteArray())
    println("$encoded ${Base64.decode(encoded).decodeToString()}")

    val builder = StringBuilder()
    for (i in 0 until 2000) builder.append(i).append(if (i % 3 == 0) "!" else ",")
    builder.insert(0, "start").deleteRange(5, 9).reverse()
    println("${builder.length} ${hash(builder.toString())} ${builder.take(20)}")
    var grown = ""
    for (i in 0 until 500) grown = grown + ('a' + i % 26) + grown.take(2)
    println("${grown.length} ${grown.hashCode()}")
}
