//! Zig and its library: hash functions, a hash map, sorting with a comptime comparison, optionals and tagged unions.

const std = @import("std");

var arena_bytes: [4 << 20]u8 = undefined;

const Token = union(enum) {
    number: i64,
    plus,
    minus,
    times,
    open,
    close,
};

const Parser = struct {
    text: []const u8,
    at: usize = 0,

    fn next(self: *Parser) ?Token {
        while (self.at < self.text.len and self.text[self.at] == ' ') self.at += 1;
        if (self.at == self.text.len) return null;
        const start = self.at;
        self.at += 1;
        switch (self.text[start]) {
            '+' => return .plus,
            '-' => return .minus,
            '*' => return .times,
            '(' => return .open,
            ')' => return .close,
            else => {
                while (self.at < self.text.len and self.text[self.at] >= '0' and self.text[self.at] <= '9') self.at += 1;
                var value: i64 = 0;
                for (self.text[start..self.at]) |digit| value = value *% 10 +% (digit - '0');
                return .{ .number = value };
            },
        }
    }

    fn peek(self: *Parser) ?Token {
        const at = self.at;
        defer self.at = at;
        return self.next();
    }

    fn factor(self: *Parser) error{Syntax}!i64 {
        const token = self.next() orelse return error.Syntax;
        switch (token) {
            .number => |value| return value,
            .minus => return 0 -% try self.factor(),
            .open => {
                const value = try self.sum();
                if (self.next()) |end| if (end == .close) return value;
                return error.Syntax;
            },
            else => return error.Syntax,
        }
    }

    fn product(self: *Parser) error{Syntax}!i64 {
        var value = try self.factor();
        while (self.peek()) |token| {
            if (token != .times) break;
            _ = self.next();
            value *%= try self.factor();
        }
        return value;
    }

    fn sum(self: *Parser) error{Syntax}!i64 {
        var value = try self.product();
        while (self.peek()) |token| {
            switch (token) {
                .plus => {
                    _ = self.next();
                    value +%= try self.product();
                },
                .minus => {
                    _ = self.next();
                    value -%= try self.product();
                },
                else => break,
            }
        }
        return value;
    }
};

const Pair = struct { key: u64, weight: u32 };

fn lighter(_: void, left: Pair, right: Pair) bool {
    return if (left.weight != right.weight) left.weight < right.weight else left.key < right.key;
}

fn round(number: u32) !u64 {
    var buffer = std.heap.FixedBufferAllocator.init(&arena_bytes);
    const allocator = buffer.allocator();
    const bytes = try allocator.alloc(u8, 4096);
    for (bytes, 0..) |*byte, i| byte.* = @truncate(i *% 31 +% number);

    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(bytes, &digest, .{});
    var result = std.mem.readInt(u64, digest[0..8], .little);
    std.crypto.hash.Blake3.hash(bytes, &digest, .{});
    result ^= std.mem.readInt(u64, digest[8..16], .little);
    result +%= std.hash.Crc32.hash(bytes);
    result ^= std.hash.Wyhash.hash(number, bytes);
    result ^= std.hash.XxHash64.hash(number, bytes[0..1000]);

    var map = std.AutoHashMap(u64, u32).init(allocator);
    var random = number;
    for (0..1500) |_| {
        random = random *% 1664525 +% 1013904223;
        const entry = try map.getOrPut((random >> 12) % 700);
        entry.value_ptr.* = if (entry.found_existing) entry.value_ptr.* +% random else 1;
    }
    const pairs = try allocator.alloc(Pair, map.count());
    var entries = map.iterator();
    for (pairs) |*pair| {
        const entry = entries.next().?;
        pair.* = .{ .key = entry.key_ptr.*, .weight = entry.value_ptr.* };
    }
    std.mem.sort(Pair, pairs, {}, lighter);
    for (pairs) |pair| result = result *% 31 +% pair.key;

    var parser = Parser{ .text = "(12 + 7) * (3 - 11 * (2 + 5)) - -4 * (99 * (1 + 2 * (3 + 4 * (5 + 6))))" };
    for (0..20) |_| {
        parser.at = 0;
        result +%= @bitCast(parser.sum() catch 0);
    }
    return result;
}

export fn run(n: i32) i64 {
    var result: u64 = 0;
    for (0..@intCast(n)) |number| result = result *% 7 +% (round(@intCast(number)) catch 1);
    return @bitCast(result >> 1);
}
