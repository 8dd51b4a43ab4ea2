import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Librato from "../../src/encoding/librato.js"
import { squaredDeviations } from "../../src/encoding/libratoSummary.js"
import { Histogram, relativeError } from "../../src/recording/histogram.js"
import type { FieldValue, Kind, Measurement, Tag } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"

const dialect: Librato.Dialect = {
  api: "metrics",
  naming: "folded",
  sourceTags: ["source", "host"],
  sanitise: false,
  period: undefined,
  times: "s",
  quantiles: [],
  maxItems: 300
}
const tagged: Librato.Dialect = { ...dialect, api: "measurements" }

const seriesOf = (name: string, tags: ReadonlyArray<Tag> = [], kind: Kind | "point" = "point") => ({
  name,
  tags,
  kind,
  valueType: "float" as const,
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
})

const point = (
  name: string,
  fields: Readonly<Record<string, FieldValue>>,
  tags: ReadonlyArray<Tag> = [],
  millis = 1_700_000_000_999
): Measurement => ({
  _tag: "point",
  series: seriesOf(name, tags),
  weight: 1,
  millis,
  nanos: 0,
  fieldNames: Object.keys(fields),
  fieldValues: Object.values(fields),
  sampleRate: 1
})

const histogramOf = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

const distribution = (values: ReadonlyArray<number>): Measurement => ({
  _tag: "distribution",
  series: seriesOf("d", [], "distribution"),
  weight: values.length,
  startMillis: 0,
  millis: 1_700_000_000_000,
  nanos: 0,
  histogram: histogramOf(values),
  buckets: undefined
})

const textOf = ({ payload }: Librato.Bodies): string => new TextDecoder().decode(payload.bytes)

/** What one measurement comes to, or why to nothing. */
const encoded = (measurement: Measurement, options: Partial<Librato.Dialect> = {}): unknown => {
  const all = Librato.make({ ...dialect, ...options })([measurement], Infinity)
  if (all.refused.length > 0) return all.refused[0]!.reason
  const body = JSON.parse(textOf(all)) as Record<string, ReadonlyArray<unknown>>
  return body["gauges"] ?? body["measurements"]
}

const time = 1_700_000_000

describe("Librato's JSON", () => {
  it("is what JSON.stringify writes, whatever names, tags and numbers are", () => {
    const word = fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), fc.stringMatching(/^[\w.:-]{1,20}$/))
    const fields = fc.dictionary(word, fc.oneof(fc.double(), fc.boolean(), fc.maxSafeInteger(), fc.string()), {
      maxKeys: 4
    })
    // An object has keys that are whole numbers before all others, which is not the order of the text.
    const key = word.filter((text) => !/^\d+$/.test(text))
    const arbitrary = fc.record({ name: word, fields, tags: fc.array(fc.tuple(key, word), { maxLength: 4 }) })
    for (const api of ["metrics", "measurements"] as const) {
      for (const sanitise of [true, false]) {
        const encode = Librato.make({ ...dialect, api, sanitise })
        fc.assert(
          fc.property(fc.array(arbitrary, { maxLength: 5 }), (given) => {
            const measurements = given.map(({ fields, name, tags }) => point(name, fields, tags))
            const all = encode(measurements, Infinity)
            const text = textOf(all)
            const body = JSON.parse(text) as Record<string, ReadonlyArray<unknown>>
            assert.strictEqual(JSON.stringify(body), text)
            assert.strictEqual(
              Object.values(body)[0]!.length,
              all.payload.items.reduce((sum, n) => sum + n, 0)
            )
            assert.strictEqual(all.payload.items.length + all.refused.length, given.length)
            assert.strictEqual(all.bytes, all.payload.bytes.length)
          })
        )
      }
    }
  })

  it("has integers in full, also beyond what a double can hold", () => {
    const numbers = { a: 2n ** 53n + 1n, b: -(2n ** 63n), c: new UInt(2n ** 64n - 1n), d: new Int(7) }
    const all = Librato.make(dialect)([point("p", numbers)], Infinity)
    assert.deepStrictEqual(
      [...textOf(all).matchAll(/"value":(-?\d+)\}/g)].map((match) => match[1]),
      ["9007199254740993", "-9223372036854775808", "18446744073709551615", "7"]
    )
  })

  it("refuses numbers for which the service would refuse the request", () => {
    assert.match(String(encoded(point("p", { value: 1.1e126 }))), /beyond 1e\+126/)
    assert.match(String(encoded(point("p", { value: -1.1e126 }))), /beyond 1e\+126/)
    assert.deepStrictEqual(encoded(point("p", { value: 1e126 })), [{ name: "p", measure_time: time, value: 1e126 }])
    assert.match(String(encoded(point("p", { value: NaN }))), /NaN or infinite/)
    assert.match(String(encoded(point("p", { value: 2n ** 63n }))), /out of range/)
    assert.match(String(encoded(point("p", { value: new UInt(-1) }))), /out of range/)
    assert.match(String(encoded(point("p", { value: new Int(1.5) }))), /fraction/)
    assert.match(String(encoded(point("p", { value: 1, other: Infinity }))), /NaN or infinite/)
  })

  it("leaves out text, and refuses a point of nothing else", () => {
    const all = Librato.make(dialect)([point("p", { a: "x", b: 1, c: "y" }), point("q", { a: "x" })], Infinity)
    assert.deepStrictEqual(all.skipped, [{ index: 0, fields: 2 }])
    assert.deepStrictEqual(
      all.refused.map(({ drop, index }) => [index, drop]),
      [[1, "unsupported"]]
    )
    assert.deepStrictEqual(all.payload.items, [1])
  })

  it("has whole seconds from 1970 to 9999", () => {
    const at = (millis: number) => encoded(point("p", { value: 1 }, [], millis))
    for (const millis of [-1, -1e15, 253_402_300_800_000, Number.MAX_SAFE_INTEGER])
      assert.match(String(at(millis)), /time/)
    assert.deepStrictEqual(at(999), [{ name: "p", measure_time: 0, value: 1 }])
    assert.deepStrictEqual(at(1999), [{ name: "p", measure_time: 1, value: 1 }])
    assert.deepStrictEqual(encoded(point("p", { value: 1 }), { times: "none", period: 60 }), [
      { name: "p", period: 60, value: 1 }
    ])
  })

  it("ends a request where it has enough items or bytes, and never within a measurement", () => {
    const wide = point("w", { a: 1, b: 2, c: 3 })
    const one = point("p", { value: 1 })
    const take = (measurements: ReadonlyArray<Measurement>, maxItems: number, maxBytes = Infinity) => {
      const { payload, refused, taken } = Librato.make({ ...dialect, maxItems })(measurements, maxBytes)
      return [taken, payload.items, refused.map(({ drop }) => drop)]
    }
    assert.deepStrictEqual(take([wide, wide, one], 6), [2, [3, 3], []])
    assert.deepStrictEqual(take([one, wide, one], 3), [1, [1], []])
    assert.deepStrictEqual(take([wide, one], 2), [1, [], ["too_large"]])
    const { bytes } = Librato.make(dialect)([one, one], Infinity)
    assert.deepStrictEqual(take([one, one, one], 300, bytes), [2, [1, 1], []])
    assert.deepStrictEqual(take([wide, one], 300, bytes), [2, [1], ["too_large"]])
  })

  it("never throws, and tells of a function that does", () => {
    const naming = () => {
      throw new Error("no")
    }
    assert.strictEqual(encoded(point("p", { value: 1 }), { naming }), "the function that names it threw")
    // Functions of untyped code may give anything.
    assert.match(String(encoded(point("p", { value: 1 }), { naming: (() => undefined) as never })), /threw/)
    for (const name of [undefined, null, {}, 7]) {
      const options = { naming: (() => ({ name })) as never, sanitise: true }
      assert.match(String(encoded(point("p", { value: 1 }), options)), /gave no name/)
    }
  })
})

describe("sources and names", () => {
  const tags: ReadonlyArray<Tag> = [
    ["", "x"],
    ["empty", ""],
    ["host", "web1"],
    ["route", "users"],
    ["status", "200"]
  ]
  const nameOf = (options: Partial<Librato.Dialect>, extra: ReadonlyArray<Tag> = []) => {
    const items = encoded(point("hits", { value: 1, f: 2 }, [...tags, ...extra]), options)
    if (!Array.isArray(items)) return items
    return (items as ReadonlyArray<{ readonly name: string; readonly source?: string }>).map((item) => [
      item.name,
      item.source
    ])
  }

  it("fold tags into the name, which keeps series apart", () => {
    assert.deepStrictEqual(nameOf({}), [
      ["hits.route.users.status.200", "web1"],
      ["hits.route.users.status.200.f", "web1"]
    ])
  })

  it("take the first tag that may be the source, and leave the others of these out", () => {
    assert.deepStrictEqual(nameOf({ naming: "bare" }, [["source", "prog"]]), [
      ["hits", "prog"],
      ["hits.f", "prog"]
    ])
    assert.deepStrictEqual(nameOf({ naming: "bare", sourceTags: ["pod", "status"] })?.[0 as never], ["hits", "200"])
    assert.deepStrictEqual(nameOf({ naming: "bare", sourceTags: [] })?.[0 as never], ["hits", undefined])
  })

  it("come from a function, which is held to the same rules", () => {
    const naming = (name: string, { host, route }: Readonly<Record<string, string>>) => ({
      name: `${route}.${name}`,
      source: host
    })
    assert.deepStrictEqual(nameOf({ naming })?.[0 as never], ["users.hits", "web1"])
    assert.match(String(nameOf({ naming: () => ({ name: "a b" }) })), /its name "a b" contains " "/)
    assert.match(String(nameOf({ naming: () => ({ name: "a", source: "b/c" }) })), /its source "b\/c" contains "\/"/)
  })

  it("are refused or cleaned where the service would not take them", () => {
    const reason = (name: string, given: ReadonlyArray<Tag> = [], options: Partial<Librato.Dialect> = {}) =>
      encoded(point(name, { value: 1 }, given), options)
    assert.match(String(reason("")), /its name is empty/)
    assert.match(String(reason("n".repeat(256))), /longer than 255/)
    assert.match(String(reason("n".repeat(255), [["k", "v"]])), /longer than 255/)
    for (const name of ["a b", "a/b", "é", "a\nb", `a"b`, "\ud800"]) assert.match(String(reason(name)), /contains/)
    assert.deepStrictEqual(reason("a b/é[c]", [["host", "x y"]], { sanitise: true }), [
      { name: "a-b-c-", source: "x-y", measure_time: time, value: 1 }
    ])
    assert.match(String(encoded(point("a", { "b c": 1 }))), /its name "a.b c" contains/)
    assert.match(String(encoded(point("a".repeat(250), { field: 1 }))), /longer than 255/)
  })
})

describe("tags", () => {
  const tagsOf = (given: ReadonlyArray<Tag>, options: Partial<Librato.Dialect> = {}) => {
    const items = encoded(point("p", { value: 1 }, given), { ...tagged, ...options })
    return Array.isArray(items) ? (items[0] as { readonly tags: unknown }).tags : items
  }

  it("are what the service takes, but for those without a value", () => {
    const given: ReadonlyArray<Tag> = [
      ["a", ""],
      ["b", "x y/z\\?-.:_"],
      ["k".repeat(64), "v".repeat(255)]
    ]
    assert.deepStrictEqual(tagsOf(given), Object.fromEntries(given.slice(1)))
  })

  it("are refused where it would not take them", () => {
    const many = Array.from({ length: 51 }, (_, i): Tag => [`t${i}`, "v"])
    assert.match(String(tagsOf([])), /it has no tags/)
    assert.match(String(tagsOf([["a", ""]])), /it has no tags/)
    assert.match(String(tagsOf(many)), /51 tags, and the service takes at most 50/)
    assert.match(String(tagsOf([["k".repeat(65), "v"]])), /longer than 64/)
    assert.match(String(tagsOf([["a", "v".repeat(256)]])), /longer than 255/)
    assert.match(String(tagsOf([["a b", "v"]])), /its tag key "a b" contains " "/)
    assert.match(String(tagsOf([["a", "v\n"]])), /contains "\\n"/)
    const twice: ReadonlyArray<Tag> = [
      ["A", "1"],
      ["a", "2"]
    ]
    assert.match(String(tagsOf(twice)), /two of its tags are "a"/)
  })

  it("are cleaned where that is asked for", () => {
    const given: ReadonlyArray<Tag> = [
      ["a b", "é & ü"],
      ["__proto__", "v"]
    ]
    const cleaned = tagsOf(given, { sanitise: true }) as object
    assert.deepStrictEqual(Object.entries(cleaned), [
      ["a-b", "- - -"],
      ["__proto__", "v"]
    ])
  })
})

describe("distributions", () => {
  it("have their sum of squares with a source, and their deviation with tags", () => {
    const values = [1, 3, 3, 3]
    const own = { count: 4, sum: 10, min: 1, max: 3 }
    const [gauge] = encoded(distribution(values)) as ReadonlyArray<{ readonly sum_squares: number }>
    const { sum_squares: squares, ...rest } = gauge!
    assert.deepStrictEqual<object>(rest, { name: "d", measure_time: time, ...own })
    assert.closeTo(squares, 28, 0.1)
    const measurement = { ...distribution(values), series: seriesOf("d", [["t", "v"]], "distribution") }
    const [item] = encoded(measurement, tagged) as ReadonlyArray<Readonly<Record<string, number>>>
    assert.closeTo(item!["stddev"]!, Math.sqrt(0.75), 0.02)
    assert.notProperty(item, "sum_squares")
  })

  it("go without their spread where that is too great, and are refused where their sum is", () => {
    const [gauge] = encoded(distribution([1e100])) as ReadonlyArray<object>
    assert.deepStrictEqual(Object.keys(gauge!), ["name", "measure_time", "count", "sum", "min", "max"])
    assert.match(String(encoded(distribution([1e127]))), /beyond 1e\+126/)
    assert.match(String(encoded(distribution([1.7e308, 1.7e308]))), /NaN or infinite/)
  })

  const exact = (values: ReadonlyArray<number>): number => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  }

  it("are spread as exactly as their buckets are wide, and one or two values exactly", () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), (values) => {
        const histogram = histogramOf(values)
        const found = squaredDeviations(histogram)
        const largest = Math.max(...values.map(Math.abs))
        const truth = exact(values)
        // Each distance from the mean is wrong by at most as much as its value is.
        const wrong = values.length <= 2 ? 0 : relativeError(histogram.scale) * largest
        const bound = 2 * wrong * Math.sqrt(truth * values.length) + wrong * wrong * values.length
        assert.isAtLeast(found, 0)
        assert.isAtMost(Math.abs(found - truth), bound + 1e-9 * largest * largest * values.length)
      })
    )
  })

  it("of equal values are not spread at all, however many and however coarse", () => {
    for (const value of [0, 0.1, -7, 1e12]) {
      assert.closeTo(squaredDeviations(histogramOf(Array.from({ length: 1000 }, () => value))), 0, 1e-9 * value * value)
    }
  })
})
