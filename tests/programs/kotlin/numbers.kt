// Numbers: integers of all sizes, bits, floating point, mathematics, big integers made here, random numbers.

import kotlin.math.*
import kotlin.random.Random
import kotlin.random.nextUInt
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

data class Money(val cents: Long) {
    operator fun plus(other: Money) = Money(cents + other.cents)
    override fun toString() = "${cents / 100}.${(cents % 100).absoluteValue.toString().padStart(2, '0')}"
}

class Natural private constructor(private val digits: IntArray) : Comparable<Natural> {
    operator fun plus(other: Natural): Natural {
        val sum = IntArray(max(digits.size, other.digits.size) + 1)
        var carry = 0
        for (i in sum.indices) {
            val digit = (digits.getOrElse(i) { 0 }) + (other.digits.getOrElse(i) { 0 }) + carry
            sum[i] = digit % BASE
            carry = digit / BASE
        }
        return of(sum)
    }

    operator fun times(other: Natural): Natural {
        val product = IntArray(digits.size + other.digits.size)
        for (i in digits.indices) {
            var carry = 0L
            for (j in 0 until other.digits.size) {
                val digit = digits[i].toLong() * other.digits[j] + product[i + j] + carry
                product[i + j] = (digit % BASE).toInt()
                carry = digit / BASE
            }
            product[i + other.digits.size] = carry.toInt()
        }
        return of(product)
    }

    override fun compareTo(other: Natural): Int {
        if (digits.size != other.digits.size) return digits.size.compareTo(other.digits.size)
        val place = digits.indices.reversed().firstOrNull { digits[it] != other.digits[it] } ?: return 0
        return digits[place].compareTo(other.digits[place])
    }

    override fun toString() = digits.reversed().withIndex().joinToString("") { (place, digit) ->
        if (place == 0) digit.toString() else digit.toString().padStart(9, '0')
    }

    companion object {
        private const val BASE = 1_000_000_000

        fun of(number: Int) = Natural(intArrayOf(number))

        private fun of(digits: IntArray): Natural {
            var size = digits.size
            while (size > 1 && digits[size - 1] == 0) size--
            return Natural(digits.copyOf(size))
        }
    }
}

class Complex(val re: Double, val im: Double) {
    operator fun plus(other: Complex) = Complex(re + other.re, im + other.im)
    operator fun times(other: Complex) = Complex(re * other.re - im * other.im, re * other.im + im * other.re)
    fun norm() = re * re + im * im
}

fun mandelbrot(width: Int, height: Int) = (0 until height).joinToString("\n") { row ->
    (0 until width).joinToString("") { column ->
        val c = Complex(-2.0 + 2.5 * column / width, -1.0 + 2.0 * row / height)
        var z = Complex(0.0, 0.0)
        val steps = (0 until 60).firstOrNull { z = z * z + c; z.norm() > 4 } ?: 60
        " .:-=+*#%@"[steps * 9 / 60].toString()
    }
}

fun determinant(matrix: Array<DoubleArray>): Double {
    var result = 1.0
    val rows = matrix.map { it.copyOf() }.toMutableList()
    for (i in rows.indices) {
        val pivot = (i until rows.size).maxBy { abs(rows[it][i]) }
        if (rows[pivot][i] == 0.0) return 0.0
        if (pivot != i) {
            rows[i] = rows[pivot].also { rows[pivot] = rows[i] }
            result = -result
        }
        result *= rows[i][i]
        for (j in i + 1 until rows.size) {
            val factor = rows[j][i] / rows[i][i]
            for (k in i until rows.size) rows[j][k] -= factor * rows[i][k]
        }
    }
    return result
}

fun fixed(value: Double, places: Int): String {
    val scaled = (abs(value) * 10.0.pow(places)).roundToLong()
    val text = scaled.toString().padStart(places + 1, '0')
    return (if (value < 0) "-" else "") + text.dropLast(places) + "." + text.takeLast(places)
}

fun main() {
    println(listOf(Int.MAX_VALUE + 1, Int.MIN_VALUE / -1, -7 / 2, -7 % 2, (-7).mod(2), (-7).floorDiv(2), 7 shl 33, -1 ushr 28, -16 shr 2))
    println(listOf(Long.MAX_VALUE + 1, 1L shl 65, -1L ushr 60, 0x7fffffffffffL * 0x10001L, (-9L).mod(4), -9L / 4))
    println(listOf(200.toByte(), 70000.toShort(), 3_000_000_000L.toInt(), 'a' + 1, 'z' - 'a', 300.toUByte(), (-1).toUInt(), (-1L).toULong()))
    println(listOf(4_000_000_000u / 3u, 4_000_000_000u % 7u, ULong.MAX_VALUE / 10uL, 5u - 3u, 250.toUByte() + 10.toUByte(), 3_000_000_000u > 1u))
    println(listOf(40.countOneBits(), 40.countTrailingZeroBits(), 40.countLeadingZeroBits(), 40.takeHighestOneBit(), 1.rotateRight(1), 0x0f0f.inv() and 0xffff, 6 xor 3))
    println(listOf(1e20.toInt(), Double.NaN.toInt(), (-1e20).toLong(), 3.99.toInt(), (-3.99).toLong(), 1e10.toFloat().toLong(), 65.7.toInt().toChar()))

    // Where the platforms agree how to write them; otherwise by their bits.
    println(listOf(0.1 + 0.2, 1e308 * 10, -1e308 * 10, 100.0, 1e6, 1234567.8, 0.001, 2.5e3))
    println(listOf(1e16 + 1, 5e-324, 1e-3 / 10, 4.0e100, 1.0.ulp, 2.0.pow(100), 1.0.nextUp() - 1.0).map { it.toBits().toString(16) })
    println(listOf(0.1f, 1f / 3, 16777217f.toInt(), 3.4e38f * 10, 1e-45f.toBits(), 0.1f.toDouble() == 0.1, 7.5f % 2))
    println(listOf(round(2.5), round(-0.5), round(3.5), 2.5.roundToInt(), (-2.5).roundToInt(), floor(-1.5), ceil(1.2), truncate(-1.7), 1.9.toInt()))
    println(listOf(sqrt(2.0), hypot(3.0, 4.0), cbrt(27.0), 2.0.pow(0.5), abs(-3), sign(-2.5), 7.0.rem(3.0), (-7.0).mod(3.0)))
    println(listOf(sin(1.0), cos(1.0), atan2(1.0, -1.0), exp(1.0), ln(10.0), log2(1024.0), tan(0.5)).map { fixed(it, 10) })
    println(listOf(0.0 == -0.0, 0.0.equals(-0.0), Double.NaN == Double.NaN, Double.NaN.equals(Double.NaN), listOf(Double.NaN, 1.0, -0.0, 0.0).sorted(), minOf(0.0, -0.0)))
    println(listOf(1.5.toBits(), Double.fromBits(0x4009_21fb_5444_2d18), 1.5f.toRawBits(), (-1.0).withSign(2.0)))
    println(listOf(Money(1999) + Money(1), Money(-5) + Money(-250), 3.coerceIn(5, 10), 1.5.coerceAtMost(1.0), 10 downTo 1 step 3, (1..9).step(4).sum()))

    var factorial = Natural.of(1)
    for (i in 2..60) factorial *= Natural.of(i)
    println(factorial)
    var pair = Natural.of(0) to Natural.of(1)
    repeat(400) { pair = pair.second to pair.first + pair.second }
    println("${pair.first} ${pair.first < factorial}")

    println(mandelbrot(60, 16))
    println(fixed(determinant(Array(6) { i -> DoubleArray(6) { j -> ((i * 7 + j * j * 3) % 11).toDouble() } }), 6))
    val random = Random(42)
    println(List(5) { random.nextInt() } + List(3) { random.nextInt(-5, 5) })
    println(listOf(random.nextLong(), random.nextLong(1_000_000_000_000), random.nextDouble(), random.nextFloat(), random.nextBoolean(), random.nextUInt()))
    println((1..12).shuffled(random) + random.nextBytes(4).toList() + listOf("a", "b", "c").random(random))
    println(listOf(1500.milliseconds, 90.seconds, 90_061.seconds, 1.seconds / 3, (2.seconds - 3500.milliseconds).inWholeMilliseconds))
    println(listOf(1, 1L, 1.0, 1f, 1.toShort(), 'a', true, 1u, "1").map { it.hashCode() })
    var crc = -1
    for (byte in "123456789".encodeToByteArray()) {
        crc = crc xor byte.toInt()
        repeat(8) { crc = if (crc and 1 != 0) (crc ushr 1) xor 0xEDB88320.toInt() else crc ushr 1 }
    }
    println(crc.inv().toUInt().toString(16))
}
