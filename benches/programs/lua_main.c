/* Lua 5.4 with a script: recursion, tables, closures, metatables, string building, patterns, sorting. Errors end the guest:
 * there is no setjmp. */
#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

#include <stdint.h>

static const char script[] =
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local Point = {}\n"
    "Point.__index = Point\n"
    "Point.__add = function(a, b) return Point.new(a.x + b.x, a.y + b.y) end\n"
    "function Point.new(x, y) return setmetatable({x = x, y = y}, Point) end\n"
    "function Point:norm() return self.x * self.x + self.y * self.y end\n"
    "local function sieve(n)\n"
    "  local composite, count = {}, 0\n"
    "  for i = 2, n do\n"
    "    if not composite[i] then count = count + 1 for j = i * i, n, i do composite[j] = true end end\n"
    "  end\n"
    "  return count\n"
    "end\n"
    "local function words(n)\n"
    "  local parts = {}\n"
    "  for i = 1, n do parts[#parts + 1] = string.format('%s-%d', ({'ab', 'cde', 'f'})[i % 3 + 1], i * 7919 % 101) end\n"
    "  local text, counts = table.concat(parts, ' '), {}\n"
    "  for word in text:gmatch('%a+') do counts[word] = (counts[word] or 0) + 1 end\n"
    "  table.sort(parts, function(a, b) return a < b end)\n"
    "  return #text + counts.ab * 3 + counts.cde + #text:gsub('%d+', '#'), parts[n // 2]\n"
    "end\n"
    "local function counter() local n = 0 return function(by) n = n + by return n end end\n"
    "function work(n)\n"
    "  local result = 0\n"
    "  for round = 1, n do\n"
    "    result = result + fib(14) + sieve(1500)\n"
    "    local sum, add = Point.new(0, 0), counter()\n"
    "    for i = 1, 300 do sum = sum + Point.new(i % 7, round % 5) add(i) end\n"
    "    result = (result * 31 + sum:norm() + add(0)) % 1000000007\n"
    "    local length, middle = words(150)\n"
    "    result = result + length + #middle\n"
    "    local x = 0.5\n"
    "    for i = 1, 500 do x = 3.7 * x * (1 - x) end\n"
    "    result = result + math.floor(x * 1000)\n"
    "  end\n"
    "  return result\n"
    "end\n";

__attribute__((visibility("default"))) int64_t run(int n) {
    lua_State *lua = luaL_newstate();
    if (!lua) return -1;
    luaL_requiref(lua, "_G", luaopen_base, 1);
    luaL_requiref(lua, "string", luaopen_string, 1);
    luaL_requiref(lua, "table", luaopen_table, 1);
    luaL_requiref(lua, "math", luaopen_math, 1);
    lua_settop(lua, 0);
    if (luaL_loadstring(lua, script) != LUA_OK) return -2;
    lua_call(lua, 0, 0);
    lua_getglobal(lua, "work");
    lua_pushinteger(lua, n);
    lua_call(lua, 1, 1);
    int64_t result = lua_tointeger(lua, -1);
    lua_close(lua);
    return result;
}
