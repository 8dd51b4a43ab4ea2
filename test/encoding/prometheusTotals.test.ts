import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { canonical } from "../../src/encoding/prometheusLines.js"
import * as PrometheusTotals from "../../src/encoding/prometheusTotals.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Series } from "../../src/recording/measurement.js"
import { bucketOf } from "../../src/recording/buckets.js"
import type { Standing } from "../../src/recording/totals.js"
import { readOpenMetrics } from "./openMetrics.js"
import { read } from "./prometheus.js"

interface Told {
  readonly kind: "counter" | "gauge" | "timer"
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly unit?: string | undefined
  readonly description?: string | undefined
  readonly monotonic?: boolean | undefined
  readonly boundaries?: ReadonlyArray<number> | undefined
  readonly value: number
}

const seriesOf = ({ boundaries, description, kind, monotonic, name, tags, unit }: Told): Series => ({
  name,
  tags: Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
  kind,
  valueType: "float",
  unit,
  description,
  level: undefined,
  boundaries: kind === "timer" ? boundaries : undefined,
  monotonic: monotonic ?? true,
  encoded: undefined
})

const standing = (told: Told, series = seriesOf(told)): Standing => {
  const { kind, value } = told
  if (kind !== "timer") return { kind, series, startMillis: 1_520_430_000_123, value }
  const histogram = new Histogram()
  histogram.record(value)
  const buckets = series.boundaries === undefined ? undefined : new Array<number>(series.boundaries.length + 1).fill(0)
  if (buckets !== undefined) buckets[bucketOf(series.boundaries!, value)]!++
  return { kind: "distribution", series, startMillis: 1_520_430_000_123, histogram, buckets }
}

const text = (
  encoder: PrometheusTotals.Encoder,
  all: ReadonlyArray<Standing>,
  variant: Partial<PrometheusTotals.Variant> = {}
): string => {
  const taken = encoder.take(all, { format: "text", escaping: "underscores", ...variant })
  while (taken.write());
  return new TextDecoder("utf-8", { fatal: true }).decode(taken.bytes())
}

const variants: ReadonlyArray<PrometheusTotals.Variant> = [
  { format: "text", escaping: "underscores" },
  { format: "openmetrics", escaping: "underscores" },
  { format: "openmetrics", escaping: "allow-utf-8" }
]

describe("totals as Prometheus has them", () => {
  it("spells floats in labels as Go does", () => {
    const spelled: ReadonlyArray<readonly [number, string]> = [
      [0, "0.0"],
      [-0, "0.0"],
      [1, "1.0"],
      [0.1, "0.1"],
      [-2.5, "-2.5"],
      [1e-4, "0.0001"],
      [1e-5, "1e-05"],
      [123456, "123456.0"],
      [1e6, "1e+06"],
      [12345678, "1.2345678e+07"],
      [1e100, "1e+100"],
      [5e-324, "5e-324"],
      [Infinity, "+Inf"]
    ]
    for (const [value, expected] of spelled) assert.strictEqual(canonical(value), expected)
  })

  it("is of one moment, however long it takes to write", () => {
    const encoder = PrometheusTotals.make([])
    const told: Told = { kind: "counter", name: "a", tags: {}, value: 1 }
    const one = { ...standing(told), value: 1 }
    const taken = encoder.take([one], variants[0]!)
    one.value = 2
    while (taken.write());
    assert.strictEqual(new TextDecoder().decode(taken.bytes()), "# TYPE a_total counter\na_total 1\n")
  })

  it("leaves the sums of what was negative out of OpenMetrics, where a sum may not fall", () => {
    const encoder = PrometheusTotals.make([])
    const below = (boundaries: ReadonlyArray<number>, value: number) =>
      text(encoder, [standing({ kind: "timer", name: "t", tags: { b: boundaries.join() }, boundaries, value })], {
        format: "openmetrics"
      })
    assert.notInclude(below([0], -1), "_sum")
    assert.notInclude(below([-1, 0], 1), "_sum")
    assert.include(below([1], 1), 't_seconds_count{b="1"} 1\nt_seconds_sum{b="1"} 1\n')
    const fallen = standing({ kind: "timer", name: "t", tags: {}, boundaries: [1], value: 3 })
    if (fallen.kind === "distribution") fallen.histogram.record(-2)
    assert.notInclude(text(encoder, [fallen], { format: "openmetrics" }), "_sum")
    assert.include(text(encoder, [fallen]), "t_seconds_sum 1\n")
  })

  it("gives what comes later the names that are left, and those back that are free again", () => {
    const encoder = PrometheusTotals.make([])
    const of = (name: string): Standing => standing({ kind: "gauge", name, tags: {}, value: 1 })
    const [dotted, plain] = [of("a.b"), of("a_b")]
    const names = (all: ReadonlyArray<Standing>) => read(text(encoder, all)).map(({ name }) => name)
    assert.deepStrictEqual(names([dotted]), ["a_b"])
    const both = names([dotted, plain])
    assert.match(both[0]!, /^a_b_\w{6}$/)
    assert.strictEqual(both[1], "a_b")
    assert.deepStrictEqual(names([dotted]), [both[0]])
    assert.deepStrictEqual(names([of("c"), dotted]), ["a_b", "c"])
  })

  it("tells once what is written alike", () => {
    const encoder = PrometheusTotals.make([])
    const of = (tags: Record<string, string>, value: number): Standing =>
      standing({ kind: "gauge", name: "g", tags, value })
    const all = [
      of({}, 1),
      of({ a: "\ud800" }, 2),
      of({ a: "" }, 3),
      of({ a: "\udc00" }, 4),
      of({ "": "x", a: "y" }, 5)
    ]
    const expected = '# TYPE g gauge\ng 1\ng{a="\ufffd"} 2\ng{a="y"} 5\n'
    assert.strictEqual(text(encoder, all), expected)
    assert.strictEqual(text(encoder, all), expected)
  })

  const word = fc.oneof(
    fc.constantFrom(
      "a",
      "a.b",
      "a_b",
      "a_total",
      "a_sum",
      "a_created",
      "le",
      "quantile",
      "__x",
      "x\ny",
      '"',
      "日",
      "\u0001"
    ),
    fc.string({ unit: "binary", minLength: 1, maxLength: 4 })
  )
  const told: fc.Arbitrary<Told> = fc.record({
    kind: fc.constantFrom("counter", "gauge", "timer"),
    name: word,
    tags: fc.dictionary(word, word, { maxKeys: 3 }),
    unit: fc.constantFrom(undefined, "s", "By", "x"),
    description: fc.option(word, { nil: undefined }),
    monotonic: fc.boolean(),
    boundaries: fc.option(
      fc
        .uniqueArray(fc.oneof(fc.integer({ min: -9, max: 9 }), fc.double({ noNaN: true, noDefaultInfinity: true })), {
          maxLength: 3,
          minLength: 1
        })
        .map((all) => all.map((one) => one + 0).sort((a, b) => a - b)),
      { nil: undefined }
    ),
    value: fc.double({ min: 0, max: 1e300, noNaN: true })
  })
  /** As a lane has them: a name is of one kind, and no two have its tags. */
  const lane = fc
    .uniqueArray(told, {
      maxLength: 8,
      selector: (one) => JSON.stringify([one.name, PrometheusTotals.spell(seriesOf(one)).tags])
    })
    .map((all) => all.filter((one) => all.find(({ name }) => name === one.name)!.kind === one.kind))

  it("is read back, whatever comes when and is called how, and each series is called the same each time", () => {
    fc.assert(
      fc.property(lane, fc.nat(8), (all, first) => {
        const encoder = PrometheusTotals.make([0.5])
        const series = all.map((one) => seriesOf(one))
        const standings = all.map((one, i) => standing(one, { ...series[i]!, ...PrometheusTotals.spell(series[i]!) }))
        text(encoder, standings.slice(0, first))
        for (const variant of variants) {
          const found = text(encoder, standings, variant)
          assert.strictEqual(text(encoder, standings, variant), found)
          const families = variant.format === "text" ? read(found) : readOpenMetrics(found)
          // One number of each is its value, or its count.
          const numbers = families.flatMap(({ name, samples, type }) =>
            samples.flatMap(({ name: sampled, labels, value }) => {
              if (type === "histogram") return labels.get("le") === "+Inf" ? [value] : []
              if (type === "summary") return labels.has("quantile") ? [1] : []
              return sampled === `${name}_created` && type === "counter" ? [] : [value]
            })
          )
          const given = all.map(({ kind, value }) => (kind === "timer" ? 1 : value))
          assert.deepStrictEqual(numbers.sort(), given.sort())
        }
      }),
      { numRuns: 150 }
    )
  })
})
