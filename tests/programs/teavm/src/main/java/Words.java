import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.teavm.interop.Import;
import org.teavm.jso.JSExport;

/** Objects, collections, exceptions and text, compiled by TeaVM. */
public class Words {
    interface Shape {
        double area();
    }

    record Square(double side) implements Shape {
        public double area() {
            return side * side;
        }
    }

    record Circle(double radius) implements Shape {
        public double area() {
            return 3 * radius * radius;
        }
    }

    static class Failure extends RuntimeException {
        final int code;

        Failure(int code, Throwable cause) {
            super("failure " + code, cause);
            this.code = code;
        }
    }

    static int unwound;

    static int deep(int depth) {
        try {
            if (depth == 0) {
                throw new Failure(7, new IllegalStateException("at the bottom"));
            }
            return deep(depth - 1) + 1;
        } finally {
            unwound++;
        }
    }

    static String text() {
        StringBuilder out = new StringBuilder();
        Map<String, Integer> counts = new TreeMap<>();
        for (String word : "the cat and the dog and the bird".split(" ")) {
            counts.merge(word, 1, Integer::sum);
        }
        out.append(counts).append('\n');
        List<Shape> shapes = new ArrayList<>(List.of(new Square(2), new Circle(1), new Square(0.5)));
        shapes.sort(Comparator.comparingDouble(Shape::area));
        out.append(shapes).append('\n');
        try {
            deep(50);
        } catch (Failure failure) {
            out.append(failure.getMessage()).append(' ').append(failure.getCause().getMessage()).append(' ').append(failure.code + unwound);
        }
        out.append('\n');
        Object[] things = {1, "two", 3L, 'c', 4.5, null, new int[] {1, 2}};
        for (Object thing : things) {
            try {
                out.append(((Number) thing).intValue()).append(',');
            } catch (ClassCastException e) {
                out.append("cast,");
            } catch (NullPointerException e) {
                out.append("null,");
            }
        }
        try {
            ((int[]) things[6])[2]++;
        } catch (ArrayIndexOutOfBoundsException e) {
            out.append("bounds\n");
        }
        Function<Integer, Function<Integer, Integer>> add = a -> b -> a + b;
        Deque<Integer> queue = new ArrayDeque<>();
        for (int i = 0; i < 20; i++) {
            if (i % 3 == 0) {
                queue.addFirst(add.apply(i).apply(100));
            } else {
                queue.addLast(i);
            }
        }
        out.append(queue).append('\n');
        BitSet primes = new BitSet();
        primes.set(2, 200);
        for (int i = 2; i * i < 200; i++) {
            if (primes.get(i)) {
                for (int j = i * i; j < 200; j += i) {
                    primes.clear(j);
                }
            }
        }
        out.append(primes.cardinality()).append(' ').append(primes.stream().sum()).append('\n');
        Map<Integer, String> many = new HashMap<>();
        int random = 5;
        for (int i = 0; i < 100_000; i++) {
            random = random * 1664525 + 1013904223;
            many.put((random >>> 8) % 5000, "value " + i);
        }
        long sum = 0;
        for (Map.Entry<Integer, String> entry : many.entrySet()) {
            sum += entry.getKey() * (long) entry.getValue().hashCode();
        }
        out.append(many.size()).append(' ').append(sum).append('\n');
        out.append(String.join("/", "a", "b")).append("x".repeat(5)).append(Long.toHexString(sum)).append('\n');
        return out.toString();
    }

    /** For a host that has no JavaScript. */
    @JSExport
    public static void run() {
        String text = text();
        for (int i = 0; i < text.length(); i++) {
            print(text.charAt(i));
        }
    }

    @Import(module = "host", name = "print")
    private static native void print(int character);

    public static void main(String[] args) {
        run();
    }
}
