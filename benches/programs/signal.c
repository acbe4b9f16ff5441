/* Floating point: a fast Fourier transform, a filter in single precision, LU decomposition, polynomial roots. */
#define EXPORT __attribute__((visibility("default"), noinline))
#define NOINLINE __attribute__((noinline))

enum { SIZE = 1024, ORDER = 48 };

static double re[SIZE], im[SIZE], cosines[SIZE / 2], sines[SIZE / 2];
static float samples[SIZE * 4], filtered[SIZE * 4];
static double matrix[ORDER][ORDER];

/* Enough terms for |x| <= pi. */
static double sine(double x) {
    double term = x, sum = x;
    for (int i = 1; i < 14; i++) sum += term *= -x * x / ((2 * i) * (2 * i + 1));
    return sum;
}

static void prepare(void) {
    const double pi = 3.141592653589793;
    for (int i = 0; i < SIZE / 2; i++) {
        double angle = 2 * pi * i / SIZE;
        sines[i] = -sine(angle);
        cosines[i] = sine(pi / 2 - angle);
    }
}

NOINLINE static void transform(void) {
    for (unsigned i = 1, j = 0; i < SIZE; i++) {
        unsigned bit = SIZE >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            double swap = re[i]; re[i] = re[j]; re[j] = swap;
            swap = im[i]; im[i] = im[j]; im[j] = swap;
        }
    }
    for (int length = 2; length <= SIZE; length *= 2) {
        int half = length / 2, stride = SIZE / length;
        for (int start = 0; start < SIZE; start += length)
            for (int k = 0; k < half; k++) {
                double c = cosines[k * stride], s = sines[k * stride];
                double x = re[start + k + half] * c - im[start + k + half] * s;
                double y = re[start + k + half] * s + im[start + k + half] * c;
                re[start + k + half] = re[start + k] - x;
                im[start + k + half] = im[start + k] - y;
                re[start + k] += x;
                im[start + k] += y;
            }
    }
}

NOINLINE static float filter(void) {
    float a = 0, b = 0, sum = 0;
    for (int i = 0; i < SIZE * 4; i++) {
        float next = samples[i] * 0.25f + a * 1.5f - b * 0.625f;
        b = a;
        a = next < -8.0f ? -8.0f : next > 8.0f ? 8.0f : next;
        filtered[i] = a;
    }
    for (int i = 8; i < SIZE * 4; i++) {
        float mean = 0;
        for (int k = 0; k < 8; k++) mean += filtered[i - k];
        sum += mean * 0.125f;
    }
    return sum;
}

NOINLINE static double decompose(void) {
    double determinant = 1;
    for (int pivot = 0; pivot < ORDER; pivot++) {
        determinant *= matrix[pivot][pivot] * 0.03125;
        for (int row = pivot + 1; row < ORDER; row++) {
            double factor = matrix[row][pivot] / matrix[pivot][pivot];
            matrix[row][pivot] = factor;
            for (int column = pivot + 1; column < ORDER; column++) matrix[row][column] -= factor * matrix[pivot][column];
        }
    }
    return determinant;
}

NOINLINE static double root(double of) {
    double x = of > 1 ? of : 1;
    for (int i = 0; i < 40; i++) {
        double next = 0.5 * (x + of / x);
        if (next == x) break;
        x = next;
    }
    return x + __builtin_sqrt(of) + __builtin_floor(x);
}

EXPORT long long run(int n) {
    prepare();
    double result = 0;
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < SIZE; i++) re[i] = (i * 37 + round) % 101, im[i] = i % 7;
        transform();
        result += re[round % SIZE] + im[(round * 3) % SIZE] * 0.5;
        for (int i = 0; i < SIZE * 4; i++) samples[i] = (float)re[i % SIZE] * 0.01f;
        result += (double)filter();
        for (int row = 0; row < ORDER; row++)
            for (int column = 0; column < ORDER; column++)
                matrix[row][column] = row == column ? 40 + round % 5 : (row * 7 + column * 3) % 11 * 0.125;
        result += decompose();
        for (int i = 1; i < 500; i++) result += root(i * 3.5);
    }
    return (long long)result;
}
