// Classes, interfaces, delegation, sealed hierarchies, enums, operators, casts.

interface Shape {
    val name: String
    fun area(): Double
    fun describe(): String = "$name of area ${(area() * 100).toInt()} / 100"
}

interface Scalable<T> {
    fun scaled(by: Double): T
}

abstract class Polygon(val corners: Int) : Shape {
    init {
        made++
    }

    override fun toString() = "$name($corners)"

    companion object {
        var made = 0
    }
}

open class Rectangle(val width: Double, val height: Double) : Polygon(4), Scalable<Rectangle> {
    override val name get() = if (width == height) "square" else "rectangle"
    override fun area() = width * height
    override fun scaled(by: Double): Rectangle = Rectangle(width * by, height * by)
}

class Triangle(val base: Double, val height: Double) : Polygon(3) {
    override val name = "triangle"
    override fun area() = base * height / 2
}

data class Circle(val radius: Double) : Shape, Scalable<Circle> {
    override val name = "circle"
    override fun area() = 3.0 * radius * radius
    override fun scaled(by: Double) = copy(radius = radius * by)
}

class Named(private val inner: Shape, override val name: String) : Shape by inner

data class Vector(val x: Int, val y: Int) : Comparable<Vector> {
    operator fun plus(other: Vector) = Vector(x + other.x, y + other.y)
    operator fun minus(other: Vector) = Vector(x - other.x, y - other.y)
    operator fun times(factor: Int) = Vector(x * factor, y * factor)
    operator fun unaryMinus() = Vector(-x, -y)
    operator fun get(index: Int) = if (index == 0) x else y
    override operator fun compareTo(other: Vector) = compareValuesBy(this, other, { it.x * it.x + it.y * it.y }, { it.x })
}

sealed interface Expression
data class Number(val value: Long) : Expression
data class Variable(val name: String) : Expression
data class Binary(val operator: Char, val left: Expression, val right: Expression) : Expression
object Nothing : Expression {
    override fun toString() = "nothing"
}

fun evaluate(expression: Expression, variables: Map<String, Long>): Long = when (expression) {
    is Number -> expression.value
    is Variable -> variables[expression.name] ?: 0
    is Binary -> {
        val left = evaluate(expression.left, variables)
        val right = evaluate(expression.right, variables)
        when (expression.operator) {
            '+' -> left + right
            '-' -> left - right
            '*' -> left * right
            else -> error("operator ${expression.operator}")
        }
    }
    Nothing -> 0
}

fun simplify(expression: Expression): Expression = when (expression) {
    is Binary -> {
        val left = simplify(expression.left)
        val right = simplify(expression.right)
        when {
            left is Number && right is Number -> Number(evaluate(Binary(expression.operator, left, right), emptyMap()))
            expression.operator == '*' && (left == Number(0) || right == Number(0)) -> Number(0)
            expression.operator == '*' && left == Number(1) -> right
            expression.operator == '+' && right == Number(0) -> left
            else -> Binary(expression.operator, left, right)
        }
    }
    else -> expression
}

enum class Planet(val mass: Int) {
    MERCURY(33), VENUS(487), EARTH(597) {
        override fun life() = "yes"
    },
    MARS(64);

    open fun life() = "no"
    val heavy get() = mass > 100
}

class Counter {
    private var count = 0

    inner class Handle(val step: Int) {
        fun next(): Int {
            count += step
            return count
        }
    }

    var log: String by Logged("start")
}

class Logged(private var value: String) {
    operator fun getValue(owner: Any?, property: kotlin.reflect.KProperty<*>): String = "${property.name}=$value"
    operator fun setValue(owner: Any?, property: kotlin.reflect.KProperty<*>, new: String) {
        value = "$value>$new"
    }
}

class Node<T : Any>(val value: T, var next: Node<T>? = null)

fun <T : Any> listOfNodes(vararg values: T): Node<T>? = values.foldRight(null as Node<T>?) { value, next -> Node(value, next) }

fun <T : Any> Node<T>?.joined(): String = if (this == null) "." else "$value ${next.joined()}"

fun kind(any: Any?): String = when (any) {
    null -> "null"
    is Int -> "int ${any + 1}"
    is Long -> "long ${any + 1}"
    is String -> "string ${any.length}"
    is IntArray -> "ints ${any.sum()}"
    is Array<*> -> "array ${any.size}"
    is List<*> -> "list ${any.size}"
    is Function0<*> -> "function ${any()}"
    is Enum<*> -> "enum ${any.name} ${any.ordinal}"
    is Comparable<*> -> "comparable"
    else -> any::class.simpleName ?: "?"
}

val lazily: String by lazy {
    println("computed once")
    "lazy"
}

fun main() {
    val shapes: List<Shape> = listOf(
        Rectangle(2.0, 3.5), Rectangle(4.0, 4.0), Triangle(3.0, 5.0), Circle(2.0), Named(Circle(1.0), "coin"),
        object : Shape {
            override val name = "point"
            override fun area() = 0.0
            override fun describe() = "just a ${super.describe()}"
        },
    )
    for (shape in shapes) println(shape.describe())
    println("${shapes[0]} ${shapes[2]} ${shapes[3]} ${Polygon.made} polygons")
    for (shape in shapes) {
        if (shape is Scalable<*>) println((shape.scaled(2.0) as Shape).describe())
    }

    val a = Vector(3, 4)
    val (x, y) = a + Vector(1, -2) * 2
    println("$x $y ${-a} ${a[1]} ${a == Vector(3, 4)} ${a === Vector(3, 4)} ${a.hashCode()} ${a > Vector(-5, 0)}")
    println(listOf(Vector(1, 1), Vector(0, 5), Vector(-1, 1), Vector(2, 0)).sorted())

    val expression = Binary('+', Binary('*', Number(1), Variable("x")), Binary('-', Number(7), Binary('+', Number(3), Number(4))))
    println(expression)
    println(simplify(expression))
    println(evaluate(expression, mapOf("x" to (1L shl 40))))
    println(Binary('*', Nothing, Variable("y")) == Binary('*', Nothing, Variable("y")))

    for (planet in Planet.entries) println("${planet.name} ${planet.heavy} ${planet.life()}")
    println("${Planet.valueOf("MARS").ordinal} ${Planet.EARTH > Planet.VENUS}")

    val counter = Counter()
    val handles = listOf(counter.Handle(1), counter.Handle(10))
    println(handles.map { it.next() } + handles.map { it.next() })
    counter.log = "a"
    counter.log = "b"
    println(counter.log)

    println(listOfNodes(1, 2, 3).joined() + listOfNodes("x", "y").joined())
    val things = listOf(
        null, 41, 41L, "four", intArrayOf(1, 2, 3), arrayOf("a"), listOf(1, 2), { "called" }, Planet.VENUS, a, Counter(), 'c',
    )
    for (thing in things) println(kind(thing))
    println("$lazily $lazily")
    val circle: Any = Circle(1.5)
    println("${(circle as? Rectangle)?.width} ${(circle as? Circle)?.radius} ${circle is Polygon}")
}
