// C++ and its library: virtual calls, templates, strings, ordered and hashed maps, std::function, std::sort.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual void grow(double by) = 0;
    virtual int kind() const { return 0; }
};

struct Circle final : Shape {
    double radius;
    explicit Circle(double radius) : radius(radius) {}
    double area() const override { return 3.25 * radius * radius; }
    void grow(double by) override { radius += by; }
};

struct Box : Shape {
    double width, height;
    Box(double width, double height) : width(width), height(height) {}
    double area() const override { return width * height; }
    void grow(double by) override { width += by, height += by / 2; }
    int kind() const override { return 1; }
};

struct Hollow final : Box {
    using Box::Box;
    double area() const override { return Box::area() * 0.75; }
    int kind() const override { return 2; }
};

class Random {
    uint64_t state;

public:
    explicit Random(uint64_t seed) : state(seed) {}
    uint32_t operator()() {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return uint32_t(state >> 33);
    }
};

double shapes(Random &random, int count) {
    std::vector<std::unique_ptr<Shape>> all;
    for (int i = 0; i < count; i++) {
        double size = random() % 100;
        switch (random() % 3) {
        case 0: all.push_back(std::make_unique<Circle>(size)); break;
        case 1: all.push_back(std::make_unique<Box>(size, size + 1)); break;
        default: all.push_back(std::make_unique<Hollow>(size + 2, size)); break;
        }
    }
    double total = 0;
    for (int turn = 0; turn < 20; turn++)
        for (auto &shape : all) {
            shape->grow(0.5 * (turn & 3));
            total += shape->kind() == 1 ? -shape->area() : shape->area();
        }
    std::sort(all.begin(), all.end(), [](auto &a, auto &b) { return a->area() < b->area(); });
    return total + all[all.size() / 2]->area();
}

uint64_t names(Random &random, int count) {
    std::map<std::string, int> ordered;
    std::unordered_map<std::string, uint64_t> hashed;
    for (int i = 0; i < count; i++) {
        std::string name = "item-" + std::to_string(random() % 500);
        if (i % 3 == 0) name += " with a tail that needs the heap";
        ordered[name] += i;
        hashed[name] ^= random();
    }
    uint64_t result = 0;
    for (auto &[name, value] : ordered) result = result * 131 + uint64_t(value) + hashed[name] + name.size();
    return result;
}

uint64_t pipeline(Random &random, int count) {
    std::vector<std::function<uint32_t(uint32_t)>> stages;
    for (int i = 0; i < 16; i++) {
        uint32_t key = random();
        if (i % 2 == 0) stages.emplace_back([key](uint32_t x) { return x ^ key; });
        else stages.emplace_back([key, i](uint32_t x) { return (x << (i % 7 + 1) | x >> (31 - i % 7)) + key; });
    }
    uint64_t result = 0;
    for (int i = 0; i < count; i++) {
        uint32_t value = uint32_t(i);
        for (auto &stage : stages) value = stage(value);
        result += value;
    }
    return result;
}

} // namespace

extern "C" __attribute__((visibility("default"))) int64_t run(int n) {
    Random random(42);
    uint64_t result = 0;
    for (int round = 0; round < n; round++) {
        result = result * 3 + uint64_t(int64_t(shapes(random, 500)));
        result ^= names(random, 1000);
        result += pipeline(random, 2000);
    }
    return int64_t(result >> 1);
}
