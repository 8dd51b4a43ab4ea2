import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Dialect, Exposed, Single } from "../../src/encoding/prometheusText.js"
import { encode } from "../../src/encoding/prometheusText.js"
import { read } from "./prometheus.js"

const renaming: Dialect = { escaping: "underscores", conflicts: "rename" }
const refusing: Dialect = { escaping: "underscores", conflicts: "refuse" }

const gauge = (name: string, value: number | bigint = 1, tags: Exposed["tags"] = []): Single => ({
  type: "gauge",
  name,
  tags,
  value
})

const counter = (name: string, value: number | bigint = 1, tags: Exposed["tags"] = []): Single => ({
  type: "counter",
  name,
  tags,
  value
})

const text = (...all: ReadonlyArray<Exposed>): string => {
  const { refused, text } = encode(all, renaming)
  assert.deepStrictEqual(refused, [])
  return text
}

const reasons = (all: ReadonlyArray<Exposed>, dialect: Dialect): ReadonlyArray<string> =>
  encode(all, dialect).refused.map(({ index, reason }) => `${index}: ${reason}`)

describe("Prometheus' text", () => {
  it("ends the names of counters with _total, once", () => {
    assert.strictEqual(text(counter("a.b")), "# TYPE a_b_total counter\na_b_total 1\n")
    assert.strictEqual(text(counter("a_total")), "# TYPE a_total counter\na_total 1\n")
  })

  it("has known units in names, once, and before _total", () => {
    assert.strictEqual(text({ ...gauge("memory"), unit: "By" }), "# TYPE memory_bytes gauge\nmemory_bytes 1\n")
    assert.strictEqual(text({ ...gauge("a_bytes"), unit: "By" }), "# TYPE a_bytes gauge\na_bytes 1\n")
    assert.strictEqual(text({ ...gauge("bytes"), unit: "By" }), "# TYPE bytes gauge\nbytes 1\n")
    assert.strictEqual(
      text({ ...counter("sent"), unit: "By" }),
      "# TYPE sent_bytes_total counter\nsent_bytes_total 1\n"
    )
    assert.strictEqual(
      text({ ...counter("sent_total"), unit: "By" }),
      "# TYPE sent_bytes_total counter\nsent_bytes_total 1\n"
    )
    assert.strictEqual(text({ ...gauge("fill"), unit: "{thing}" }), "# TYPE fill gauge\nfill 1\n")
  })

  it("keeps a family together, under one description and one type", () => {
    const described = { ...gauge("a", 3, [["k", "2"]]), description: "what it is" }
    assert.strictEqual(
      text(gauge("a", 1, [["k", "1"]]), gauge("b"), described),
      '# HELP a what it is\n# TYPE a gauge\na{k="1"} 1\na{k="2"} 3\n# TYPE b gauge\nb 1\n'
    )
  })

  it("writes summaries with their quantiles, sum and count", () => {
    const summary: Exposed = {
      type: "summary",
      name: "http.duration",
      tags: [["route", "/"]],
      unit: "s",
      count: 2,
      sum: 0.75,
      quantiles: [
        [0.5, 0.25],
        [0.99, NaN]
      ]
    }
    assert.strictEqual(
      text(summary),
      [
        "# TYPE http_duration_seconds summary",
        'http_duration_seconds{route="/",quantile="0.5"} 0.25',
        'http_duration_seconds{route="/",quantile="0.99"} NaN',
        'http_duration_seconds_sum{route="/"} 0.75',
        'http_duration_seconds_count{route="/"} 2',
        ""
      ].join("\n")
    )
  })

  it("writes integers beyond 2^53 in full", () => {
    assert.strictEqual(
      text(counter("a_total", 9007199254740993n)),
      "# TYPE a_total counter\na_total 9007199254740993\n"
    )
  })

  it("starts no name with a digit", () => {
    assert.strictEqual(text(gauge("95th", 1, [["1st", "x"]])), '# TYPE _95th gauge\n_95th{_1st="x"} 1\n')
  })

  describe("where names are spelled alike", () => {
    it("keeps both apart, and the one that was legal keeps its name", () => {
      const both = [gauge("a.b", 1), gauge("a_b", 2)]
      const families = read(text(...both))
      assert.deepStrictEqual(
        families.map(({ name, samples }) => [name === "a_b", samples[0]!.value]),
        [
          [false, 1],
          [true, 2]
        ]
      )
      assert.match(families[0]!.name, /^a_b_[0-9a-z]{6}$/)
    })

    it("gives each the same name, in whatever order they come", () => {
      const all = [
        gauge("a.b", 1),
        gauge("a-b", 2),
        counter("a b", 3),
        { ...counter("a_b_total"), value: 4 },
        gauge("a_b", 5)
      ]
      const namesOf = (series: ReadonlyArray<Exposed>) =>
        new Map(read(text(...series)).map(({ name, samples }) => [samples[0]!.value, name]))
      const names = namesOf(all)
      assert.strictEqual(new Set(names.values()).size, 5)
      assert.deepStrictEqual([...namesOf([...all].reverse())].sort(), [...names].sort())
    })

    it("keeps two kinds of one name apart", () => {
      const families = read(text({ ...gauge("x"), type: "untyped" }, gauge("x", 2)))
      assert.deepStrictEqual(
        families.map(({ name }) => name === "x"),
        [false, true]
      )
    })

    it("takes no name that a part of another has", () => {
      const histogram: Exposed = { type: "histogram", name: "h", tags: [], count: 1, sum: 1, buckets: [[1, 1]] }
      read(text(histogram, gauge("h_count"), gauge("h_sum"), gauge("h_bucket"), counter("h")))
    })

    it("keeps labels apart, within a series and between series", () => {
      read(
        text(
          gauge("g", 1, [
            ["a.b", "1"],
            ["a_b", "2"],
            ["a-b", "3"]
          ])
        )
      )
      read(text(gauge("g", 1, [["a.b", "1"]]), gauge("g", 2, [["a_b", "1"]]), gauge("g", 3, [["a-b", "1"]])))
    })

    it("renames labels that are Prometheus' own", () => {
      assert.strictEqual(text(gauge("g", 1, [["__name__", "x"]])), '# TYPE g gauge\ng{exported_name__="x"} 1\n')
      const histogram: Exposed = { type: "histogram", name: "h", tags: [["le", "1"]], count: 0, sum: 0, buckets: [] }
      assert.include(text(histogram), 'h_bucket{exported_le="1",le="+Inf"} 0\n')
    })

    it("refuses the later one where that is asked for", () => {
      assert.deepStrictEqual(reasons([gauge("a.b"), gauge("a_b"), gauge("c")], refusing), [
        '1: its name "a_b" is that of another (conflict)'
      ])
      assert.deepStrictEqual(
        reasons(
          [
            gauge("g", 1, [
              ["a.b", "1"],
              ["a_b", "1"]
            ])
          ],
          refusing
        ),
        ['0: two of its tags are the label "a_b"']
      )
    })
  })

  it("refuses what has no name, counters that are no count, and series that come twice", () => {
    assert.deepStrictEqual(
      reasons([gauge(""), counter("c", NaN), counter("d", -1n), gauge("g"), gauge("g")], renaming),
      [
        "0: its name is empty",
        "1: a counter is negative or no number (out of range)",
        "2: a counter is negative or no number (out of range)",
        "4: another series has its name and tags (conflict)"
      ]
    )
  })

  it("leaves out a family of which nothing is left", () => {
    assert.strictEqual(encode([counter("c", -1)], renaming).text, "")
  })

  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.stringMatching(/^[a_.:1 "\\{}=,\n\0]{1,4}$/),
    fc.constantFrom(
      "__proto__",
      "le",
      "quantile",
      "a",
      "a_total",
      "a_sum",
      "a_count",
      "a_bucket",
      "\ud800",
      "# TYPE a gauge\n"
    )
  )
  const value = fc.oneof(
    fc.double({ min: 0 }),
    fc.bigInt({ min: 0n, max: 1n << 70n }),
    fc.constant(NaN),
    fc.constant(Infinity)
  )
  const described = {
    name: hostile,
    tags: fc.uniqueArray(
      fc.tuple(
        hostile.filter((key) => key !== ""),
        hostile
      ),
      { selector: ([key]) => key, maxLength: 4 }
    ),
    unit: fc.constantFrom(undefined, "s", "By", "odd"),
    description: fc.option(hostile, { nil: undefined })
  }
  const bounds = fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 3 })
  const series: fc.Arbitrary<Exposed> = fc.oneof(
    fc.record({ ...described, type: fc.constantFrom("gauge" as const, "untyped" as const), value }),
    fc.record({ ...described, type: fc.constant("counter" as const), value: value.filter((one) => one >= 0) }),
    fc.record({
      ...described,
      type: fc.constant("histogram" as const),
      count: fc.nat(),
      sum: fc.double(),
      buckets: bounds.map((all) => all.sort((a, b) => a - b).map((bound) => [bound, 0] as const))
    }),
    fc.record({
      ...described,
      type: fc.constant("summary" as const),
      count: fc.nat(),
      sum: fc.double(),
      quantiles: fc.subarray([0.5, 0.9, 0.99]).map((all) => all.map((q) => [q, q] as const))
    })
  )

  it("is read back, whatever the names, and nothing is lost but what has no name or comes twice", () => {
    fc.assert(
      fc.property(fc.array(series, { maxLength: 12 }), (all) => {
        const { refused, text } = encode(all, renaming)
        const families = read(new TextDecoder("utf-8", { fatal: true }).decode(new TextEncoder().encode(text)))
        for (const { reason } of refused) assert.match(reason, /^its name is empty$|has its name and tags/)
        const kept = all.filter((_, index) => !refused.some((one) => one.index === index))
        const samples = families.flatMap((family) => family.samples)
        const expected = kept.reduce((sum, one) => {
          if (one.type === "histogram") return sum + one.buckets.length + 3
          return sum + (one.type === "summary" ? one.quantiles.length + 2 : 1)
        }, 0)
        assert.strictEqual(samples.length, expected)
        const numbers = (type: string) =>
          families
            .filter((family) => family.type === type)
            .flatMap((family) => family.samples.map((sample) => sample.value))
            .sort()
        for (const type of ["counter", "gauge", "untyped"]) {
          const given = kept.flatMap((one) => ("value" in one && one.type === type ? [Number(one.value)] : [])).sort()
          // -0 is written as 0.
          assert.deepStrictEqual(
            numbers(type),
            given.map((one) => one + 0)
          )
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("has names in quotes where they may have all characters", () => {
    const { text } = encode([counter("a b", 1, [["k", "v"]])], { escaping: "allow-utf-8", conflicts: "rename" })
    assert.strictEqual(text, '# TYPE "a b_total" counter\n{"a b_total",k="v"} 1\n')
  })

  it("takes time in proportion to what there is", () => {
    const many = Array.from({ length: 20_000 }, (_, i) => gauge(`a${i % 100}.b`, i, [["k", String(i)]]))
    assert.strictEqual(read(encode(many, renaming).text).length, 100)
  })
})
