import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Statvent from "../../src/encoding/statvent.js"
import { fault, keyOf } from "../../src/encoding/statventNames.js"
import { read, splitKey } from "../../src/encoding/statventReader.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Tag } from "../../src/recording/measurement.js"
import { RecentHistogram } from "../../src/recording/recent.js"
import { finite, madeOf, tagsOf, unicode } from "./arbitraries.js"
import { counter, defaults, distribution, encode, gauge, lines } from "./statvent.js"

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

/** The readings of one distribution, by label. */
const readings = (recent: ReadonlyArray<number>, dialect: Partial<Statvent.Dialect> = {}) =>
  Object.fromEntries(
    lines([distribution("x", recent)], { totals: false, ...dialect }).map((line) => [
      line.slice(2, line.indexOf(":")),
      line.slice(line.indexOf(":") + 2)
    ])
  )

describe("statvent's text", () => {
  it("has a line for each number, which any reader of statvent's can split at the last colon", () => {
    assert.deepStrictEqual(lines([counter("a.b.c.d", 42), gauge("My Nice Stat", 123.45), gauge("another[one]", 0)]), [
      "a.b.c.d: 42",
      "My Nice Stat: 123.450000",
      "another[one]: 0"
    ])
    assert.deepStrictEqual(lines([gauge("a: b", 2), gauge("x->y::z", -5)]), ["a: b: 2", "x->y::z: -5"])
  })

  it("says first how many counters, gauges and readings follow, in this order", () => {
    const { text } = encode([gauge("g", 1), distribution("d", [1]), counter("c", 2), distribution("e", [2])])
    assert.strictEqual(
      text,
      "effect_metrics.pipe.counters: 5\neffect_metrics.pipe.gauges: 1\neffect_metrics.pipe.readings: 10\n" +
        "d.count: 1\nd.sum: 1\nc: 2\ne.count: 1\ne.sum: 2\ng: 1\n" +
        "d.median: 1\nd.95th: 1\nd.99th: 1\nd.100th: 1\nd.mean: 1\n" +
        "e.median: 2\ne.95th: 2\ne.99th: 2\ne.100th: 2\ne.mean: 2\n"
    )
    assert.isTrue(read(text).isWhole)
    assert.strictEqual(encode([]).text.split("\n").length, 4)
  })

  it("has what was told to have fallen with the gauges from then on: another process's counters start anew", () => {
    const encoder = Statvent.make(defaults)
    const [c, d] = [counter("c", 0), distribution("d", [1])]
    const kinds = (value: number, sum: number) => {
      const taken = encoder.take([
        { ...c, value },
        { ...d, histogram: { count: 1, sum } }
      ])
      while (taken.write(1));
      const { isWhole, stats } = read(new TextDecoder().decode(taken.text()))
      assert.isTrue(isWhole)
      return Object.fromEntries(
        stats.filter(({ key }) => ["c", "d.count", "d.sum"].includes(key)).map(({ key, kind }) => [key, kind])
      )
    }
    assert.deepStrictEqual(kinds(-5, 2), { c: "counter", "d.count": "counter", "d.sum": "counter" })
    assert.deepStrictEqual(kinds(-5, 3), { c: "counter", "d.count": "counter", "d.sum": "counter" })
    assert.deepStrictEqual(kinds(-6, 4), { c: "gauge", "d.count": "counter", "d.sum": "counter" })
    assert.deepStrictEqual(kinds(9, 1), { c: "gauge", "d.count": "counter", "d.sum": "gauge" })
  })

  it("has tags behind the name, with quotes, backslashes and line feeds escaped", () => {
    const tags: ReadonlyArray<Tag> = [
      ["a=b", '1"2'],
      ["route", "/users\n\\"]
    ]
    const [line = ""] = lines([counter("http.requests", 1, { tags })])
    assert.strictEqual(line, String.raw`http.requests{a\=b="1\"2",route="/users\n\\"}: 1`)
    assert.deepStrictEqual(splitKey(line.slice(0, -3)), { name: "http.requests", tags })
  })

  it("tells whole numbers in full, and others with six decimals", () => {
    const written = (value: number | bigint) => lines([gauge("x", value)])[0]!.slice(3)
    for (const [value, text] of [
      [9007199254740993n, "9007199254740993"],
      [2 ** 53, "9007199254740992"],
      [1e21, "1000000000000000000000"],
      [-(2 ** 70), "-1180591620717411303424"],
      [1e-7, "0.000000"],
      [-1e-7, "-0.000000"],
      [-0, "-0.000000"],
      [NaN, "nan"],
      [Infinity, "inf"],
      [-Infinity, "-inf"],
      [0.5, "0.500000"],
      [4_000_000.25, "4000000.250000"],
      [0.9999999, "1.000000"]
    ] as const) {
      assert.strictEqual(written(value), text)
    }
  })

  it("rounds a tie to the even digit, as Python does", () => {
    const written = (value: number) => lines([gauge("x", value)])[0]!.slice(3)
    assert.strictEqual(written(1 / 128), "0.007812")
    assert.strictEqual(written(-3 / 128), "-0.023438")
    assert.strictEqual(written(5 / 128), "0.039062")
    assert.strictEqual(written(2 ** 45 + 1 / 128), "35184372088832.007812")
  })

  it("rounds to the nearest, by the exact value", () => {
    const exact = (value: number): bigint => {
      // Every double is a number of 2^-1074ths, which is too long; these are of 2^-60ths.
      const parts = BigInt(value * 2 ** 60) * 2_000_000n
      const one = 2n ** 61n
      const half = 2n ** 60n
      const below = parts / one
      const rest = parts % one
      return rest > half || (rest === half && below % 2n === 1n) ? below + 1n : below
    }
    const some = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 50 }).map((i) => i / 2 ** 30),
      fc.integer({ min: 0, max: 2 ** 45 }).map((i) => i / 2 ** 8),
      fc.integer({ min: 0, max: 10 ** 12 }).map((i) => Math.floor(((i + 0.5) / 1e6) * 2 ** 20) / 2 ** 20)
    )
    fc.assert(
      fc.property(some, (value) => {
        const [text = ""] = lines([gauge("x", value)], { integers: "declared" })
        assert.strictEqual(BigInt(text.slice(3).replace(".", "")), exact(value), String(value))
      })
    )
  })

  it("tells a number from its neighbours where that is asked for, and floats from integers", () => {
    const written = (value: number, integers: "whole" | "declared") =>
      lines([gauge("x", value)], { floats: "shortest", integers })[0]!.slice(3)
    for (const [value, text] of [
      [1e-7, "1e-7"],
      [0.1, "0.1"],
      [-0, "-0.0"],
      [123.45, "123.45"]
    ] as const) {
      assert.strictEqual(written(value, "whole"), text)
    }
    assert.strictEqual(written(3, "whole"), "3")
    assert.strictEqual(written(3, "declared"), "3.0")
    assert.strictEqual(written(1e21, "declared"), "1e+21")
  })

  it("keeps the types that were declared, where that is asked for", () => {
    const int = { valueType: "int" } as const
    assert.deepStrictEqual(
      lines([counter("f", 1), counter("i", 1, int), distribution("d", [1, 2], int)], { integers: "declared" }),
      [
        "f: 1.000000",
        "i: 1",
        "d.count: 2",
        "d.sum: 3",
        "d.median: 1",
        "d.95th: 1",
        "d.99th: 1",
        "d.100th: 2",
        "d.mean: 1.500000"
      ]
    )
  })
})

describe("the readings of a distribution", () => {
  it("are by statvent's ranks", () => {
    for (const [count, ranks] of [
      [1, [0, 0, 0, 0]],
      [4, [1, 2, 2, 3]],
      [10, [4, 8, 8, 9]],
      [20, [9, 18, 18, 19]],
      [100, [49, 94, 98, 99]]
    ] as const) {
      // Recorded in whatever order.
      const values = upTo(count).map((i) => (i * 7) % count)
      const { "95th": p95, "99th": p99, "100th": max, median } = readings(values)
      const found = [median, p95, p99, max].map(Number)
      assert.deepStrictEqual(found, [...ranks])
    }
  })

  it("have a mean that is not cut", () => {
    assert.deepStrictEqual(readings([1, 2]), {
      median: "1",
      "95th": "1",
      "99th": "1",
      "100th": "2",
      mean: "1.500000"
    })
  })

  it("are named by the function that is given, as its count and sum are", () => {
    assert.deepStrictEqual(
      lines([distribution("cap", upTo(150).slice(-100))], {
        formatName: (name, label) => `${name}<${label}>`,
        integers: "declared"
      }),
      [
        "cap<count>: 100",
        "cap<sum>: 9950.000000",
        "cap<median>: 99.000000",
        "cap<95th>: 144.000000",
        "cap<99th>: 148.000000",
        "cap<100th>: 149.000000",
        "cap<mean>: 99.500000"
      ]
    )
    assert.include(lines([distribution("lat.{0}", [1])]), "lat.median: 1")
  })

  it("are left out where no value is known, and count and sum where they are not wanted", () => {
    assert.deepStrictEqual(lines([distribution("x", [], { count: 7, sum: 3 })]), ["x.count: 7", "x.sum: 3"])
    assert.lengthOf(lines([distribution("x", [1])], { totals: false }), 5)
  })

  it("are those of the moment at which the state was taken, however slowly they are written", () => {
    const encoder = Statvent.make(defaults)
    const histogram = new RecentHistogram(3)
    const record = (values: ReadonlyArray<number>): void => values.forEach((value) => histogram.record(value))
    record([0, 3, 1, 2])
    const taken = encoder.take(
      ["a", "b", "c"].map((name) => ({ ...distribution(name, histogram.recent()), histogram }))
    )
    record([100, 100, 100])
    assert.isTrue(taken.write(1))
    assert.isTrue(taken.write(1))
    assert.isFalse(taken.write(1))
    const { isWhole, stats } = read(Buffer.from(taken.text()).toString())
    assert.isTrue(isWhole)
    for (const name of "abc") {
      assert.strictEqual(stats.find(({ key }) => key === `${name}.100th`)?.value, 3)
      assert.strictEqual(stats.find(({ key }) => key === `${name}.count`)?.value, 4)
    }
  })
})

describe("what a line cannot carry", () => {
  const refusal = (name: string, tags: ReadonlyArray<Tag> = []): string => {
    const { refused, text } = encode([counter(name, 1, { tags }), counter("good", 1)])
    // Nothing of it is there.
    assert.strictEqual(text.split("\n").length, 5)
    assert.include(text, "\ngood: 1\n")
    assert.lengthOf(refused, 1)
    return refused[0]!
  }

  it("is a name that would end a line, or move the cursor of a terminal", () => {
    for (const char of ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]) {
      assert.match(refusal(`a${char}b`), /^its name [^]* has a control character, a line break or half a character$/)
    }
    assert.match(refusal("a\ud800"), /half a character/)
  })

  it("is a tag with a control character other than a line feed", () => {
    assert.match(refusal("a", [["k", "1\r2"]]), /^its value of the tag "k" has a control character/)
    assert.match(refusal("a", [["k\x1b", "1"]]), /^its tag key "k\\u001b" has a control character/)
    assert.deepStrictEqual(encode([counter("a", 1, { tags: [["k", "1\n2"]] })]).refused, [])
  })

  it("is a name that is read as another", () => {
    assert.match(refusal(" a"), /^its name " a" has a blank at an end/)
    assert.match(refusal("a\u00a0"), /has a blank at an end/)
    assert.match(refusal('a{k="v"}'), /^its name .* would be read as another name with tags$/)
    assert.match(refusal("effect_metrics.pipe.gauges"), /is one of the text's own$/)
    // Behind which tags stand, or of which only a part looks like them.
    const { refused } = encode([counter("a ", 1, { tags: [["k", "v"]] }), counter("a{}", 1), counter('{k="v"}', 1)])
    assert.deepStrictEqual(refused, [])
  })

  it("is a name that another instrument's line has already", () => {
    const { refused, text } = encode([distribution("a", [1]), counter("a.count", 5), gauge("a.100", 1)])
    assert.deepStrictEqual(refused, ['its name "a.count" is that of another instrument\'s line already'])
    assert.lengthOf(text.match(/^a\.count:/gm) ?? [], 1)
    assert.lengthOf(encode([counter("a.count", 5), distribution("a", [1])]).refused, 1)
  })

  it("is a distribution whose numbers get no name, or one for several", () => {
    for (const [formatName, reason] of [
      [(name: string) => name, /give two numbers one name/],
      [() => "", /is empty$/],
      [(_: string, label: string) => `${label}\n`, /line break/],
      [
        () => {
          throw new Error("no")
        },
        /makes formatName throw/
      ],
      // Callers without types may give anything.
      [() => 1 as unknown as string, /give what is no text/]
    ] as const) {
      const { refused, text } = encode([distribution("a", [1])], { formatName })
      assert.lengthOf(refused, 1)
      assert.match(refused[0]!, reason)
      assert.strictEqual(text.split("\n").length, 4)
    }
  })

  it("is the same each time, and known before it is asked for its numbers", () => {
    const encoder = Statvent.make(defaults)
    const [bad, first, second] = [counter("a\n", 1), counter("a.count", 1), distribution("a", [1])]
    for (let i = 0; i < 2; i++) {
      assert.match(encoder.faultOf(bad.series) ?? "", /line break/)
      assert.isUndefined(encoder.faultOf(first.series))
      assert.match(encoder.faultOf(second.series) ?? "", /another instrument's/)
      assert.deepStrictEqual(
        encoder.take([second, first, bad]).refused.map(({ series }) => series),
        [second.series, bad.series]
      )
    }
    assert.isUndefined(encoder.faultOf({ ...second.series, name: 'b{k="v"}', encoded: undefined }))
  })
})

describe("any series", () => {
  const special = ' ab:{}=,"\\\n\r\t\u2028\ufeff1'
  const text = (least: number) =>
    fc.oneof(madeOf(special, { minLength: least, maxLength: 8 }), unicode({ minLength: least, maxLength: 6 }))
  const value = fc.oneof(finite, fc.constantFrom(NaN, Infinity, -Infinity, -0), fc.bigInt())
  const described = fc.record({ tags: tagsOf(text(1), text(0)) })
  const total: fc.Arbitrary<Statvent.Told> = fc.oneof(
    fc.tuple(text(1), value, described).map(([name, value, given]) => counter(name, value, given)),
    fc.tuple(text(1), value, described).map(([name, value, given]) => gauge(name, value, given)),
    fc
      .tuple(text(1), fc.array(finite, { maxLength: 20 }), described)
      .map(([name, recent, given]) => distribution(name, recent, given))
  )

  it("is read back with its names, tags, kinds and values, or is refused as a whole", () => {
    fc.assert(
      fc.property(fc.array(total, { maxLength: 6 }), (totals) => {
        const { refused, text } = encode(totals, { floats: "shortest" })
        const { isWhole, malformed, stats } = read(text)
        assert.strictEqual(malformed, 0)
        assert.isTrue(isWhole)
        const expected: Array<readonly [string, string, ReadonlyArray<Tag>, unknown]> = []
        const owners = new Map<string, string>()
        let isRefused = 0
        for (const told of totals) {
          const { name, tags } = told.series
          const names =
            told._tag === "distribution" ? Statvent.labels.map((label) => defaults.formatName(name, label)) : [name]
          const owner = `${told._tag === "distribution"} ${name}`
          if (
            names.some((one) => fault(one, tags) !== undefined || (owners.get(one) ?? owner) !== owner) ||
            new Set(names).size < names.length
          ) {
            isRefused++
            continue
          }
          for (const one of names) owners.set(one, owner)
          if (told._tag !== "distribution") {
            expected.push([told._tag === "count" ? "counter" : "gauge", name, tags, told.value])
            continue
          }
          expected.push(
            ["counter", names[0]!, tags, told.histogram.count],
            ["counter", names[1]!, tags, told.histogram.sum]
          )
          if (told.recent.length === 0) continue
          const sorted = Float64Array.from(told.recent).sort()
          const mean = sorted.reduce((sum, one) => sum + one, 0) / sorted.length
          const values = [50, 95, 99, 100].map((p) => sorted[Math.max(0, Math.floor((sorted.length * p) / 100) - 1)]!)
          for (const [i, value] of [...values, mean].entries()) expected.push(["reading", names[i + 2]!, tags, value])
        }
        assert.strictEqual(refused.length, isRefused)
        const order = ["counter", "gauge", "reading"]
        expected.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
        assert.deepStrictEqual(
          stats.map(({ kind, name, tags, value }) => [kind, name, tags, Object.is(value, -0) ? "-0" : Number(value)]),
          expected.map(([kind, name, tags, value]) => [kind, name, tags, Object.is(value, -0) ? "-0" : Number(value)])
        )
        for (const { key, name, tags } of stats) assert.strictEqual(key, keyOf(name, tags))
      }),
      { numRuns: 500 }
    )
  })

  it("is a line of its own to whoever reads lines, even one that ends them elsewhere", () => {
    fc.assert(
      fc.property(fc.array(total, { maxLength: 4 }), (totals) => {
        const { text } = encode(totals)
        const { stats } = read(text)
        assert.lengthOf(text.split(/\r\n|[\p{Cc}\u2028\u2029]/u), 3 + stats.length + 1)
      })
    )
  })
})

it("reads counts and sums from a histogram as it is", () => {
  const histogram = new Histogram()
  for (const value of [1, 2, 4]) histogram.record(value)
  assert.deepStrictEqual(lines([{ ...distribution("x", []), histogram }]), ["x.count: 3", "x.sum: 7"])
})
