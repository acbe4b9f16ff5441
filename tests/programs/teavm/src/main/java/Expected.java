/** Prints on the JVM what the program prints. */
public class Expected {
    public static void main(String[] args) {
        System.out.print(Words.text());
    }
}
