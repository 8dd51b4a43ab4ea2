/**
 * Names, tags and values that try to be something else: what ends a word, a line or a record in one wire format or another.
 */
import { int, uint } from "../../Measurement.js"

const characters = [
  ..."\n\r\0\t:|@#,= \"\\{};<>&'%$*?!~/.()[]^`",
  "\r\n",
  "\u001b[31m",
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u200f",
  "\u2028",
  "\ufeff",
  "\ud800",
  "\udc00",
  "é",
  "e\u0301",
  "שלום",
  "🚀"
]

/** Would be a record of its own, were it taken for one. No mark has its value. */
const forged = "666"

const records = [
  `x\nforged ${forged} 1700000000`,
  `x\nforged value=${forged} 1700000000000000000`,
  `x value=1\nforged,host=x value=${forged}`,
  `x 1\r\nput forged 1700000000 ${forged} host=x`,
  `x:1|c\nforged:${forged}|c`,
  `x:1|c|#forged:${forged}`,
  `x,forged=${forged}`,
  `x 1 1700000000\nforged;host=x ${forged} 1700000000`,
  `x=1,forged=${forged}`,
  `x"} ${forged}\nforged{a="b`,
  `","value":${forged},"name":"forged`,
  `"}\n{"name":"forged","value":${forged}}`,
  `x\\`,
  `x\\\nforged ${forged}`,
  `</script><script>forged(${forged})</script>`,
  "'; DROP DATABASE forged; --",
  "../../forged",
  "__proto__",
  "constructor",
  "toString"
]

export const words: ReadonlyArray<string> = [
  "",
  ...characters.flatMap((character) => [`a${character}b`, `${character}a`, `a${character}`]),
  ...records,
  "l".repeat(1000),
  "l".repeat(7000),
  "\n".repeat(1000),
  "l".repeat(1_000_000)
]

/** Not all of them are numbers: what is untyped may give them. */
export const values: ReadonlyArray<unknown> = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  1e21,
  -1e21,
  5e-324,
  1.7976931348623157e308,
  1 / 3,
  -1e-7,
  2 ** 53 + 2,
  2n ** 53n + 1n,
  -(2n ** 63n),
  2n ** 63n,
  2n ** 64n,
  10n ** 40n,
  int(2 ** 53),
  int(1.5),
  uint(2n ** 64n - 1n),
  uint(-1),
  true,
  "1",
  "NaN",
  "",
  null,
  undefined,
  new Date(0),
  [1],
  { value: 1 },
  Symbol("s"),
  () => 1
]

/** Milliseconds; bigints are nanoseconds. */
export const times: ReadonlyArray<number | bigint | Date> = [
  0,
  -1,
  -1.5,
  1.5,
  1_700_000_000,
  1_700_000_000_000.25,
  253_402_300_800_000,
  8.64e15,
  Number.MAX_SAFE_INTEGER,
  1e300,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  2n ** 63n,
  -(2n ** 63n),
  10n ** 40n,
  new Date(Number.NaN)
]
