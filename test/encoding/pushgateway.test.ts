import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Pushgateway from "../../src/encoding/pushgateway.js"
import type { Measurement, Series, Tag } from "../../src/recording/measurement.js"
import { seriesOf } from "./series.js"

const gauge = (series: Series, value: number, millis = 1000): Measurement => ({
  _tag: "gauge",
  series,
  weight: 1,
  startMillis: 0,
  millis,
  nanos: 0,
  value
})

const textOf = ({ payload }: Pushgateway.Bodies): string => new TextDecoder().decode(payload.bytes)

const make = (expireAfter = Infinity) => Pushgateway.make({ boundaries: () => [1], expireAfter })

describe("what is pushed to the Pushgateway", () => {
  it("is everything that was pushed before, as it is now", () => {
    const [a, b] = [seriesOf("a"), seriesOf("b", { description: "What it is." })]
    const encoder = make()
    encoder.keep(encoder.encode([gauge(a, 1), gauge(b, 2)]).payload)
    const all = encoder.encode([gauge(a, 3)])
    assert.strictEqual(textOf(all), "# TYPE a gauge\na 3\n# HELP b What it is.\n# TYPE b gauge\nb 2\n")
    assert.strictEqual(all.payload.series, 2)
    // It was not pushed.
    assert.strictEqual(
      textOf(encoder.encode([gauge(b, 4)])),
      "# TYPE a gauge\na 1\n# HELP b What it is.\n# TYPE b gauge\nb 4\n"
    )
  })

  it("leaves out what was forgotten", () => {
    const [a, b] = [seriesOf("a"), seriesOf("b")]
    const encoder = make(5000)
    encoder.keep(encoder.encode([gauge(a, 1), gauge(b, 2)]).payload)
    assert.strictEqual(encoder.encode([gauge(b, 2, 6000)]).payload.series, 2)
    const last = encoder.encode([gauge(b, 2, 6001)])
    assert.strictEqual(textOf(last), "# TYPE b gauge\nb 2\n")
    encoder.keep(last.payload)
    assert.strictEqual(encoder.encode([]).payload.series, 1)
  })

  it("has no points, and says so of each", () => {
    const point: Measurement = {
      _tag: "point",
      series: seriesOf("p", { kind: "point" }),
      weight: 1,
      millis: 1000,
      nanos: 0,
      fieldNames: ["value"],
      fieldValues: [1],
      sampleRate: 1
    }
    const { payload, refused, taken } = make().encode([point, gauge(seriesOf("a"), 1)])
    assert.deepStrictEqual([taken, payload.series, payload.measurements.length], [2, 1, 1])
    assert.deepStrictEqual(
      refused.map(({ drop, index }) => [index, drop]),
      [[0, "unsupported"]]
    )
  })

  it("has labels of the group nowhere else, and no two tags under one name", () => {
    const key = fc.constantFrom(
      "job",
      "instance",
      "exported_job",
      "exported_exported_job",
      "in.stance",
      "in_stance",
      "x"
    )
    const group = new Set(["job", "instance", "in_stance"])
    fc.assert(
      fc.property(fc.uniqueArray(key), (keys) => {
        const tags = keys.sort().map((one): Tag => [one, one])
        const spelled = Pushgateway.spell(group)({ name: "a", tags }).tags.map(([key]) => key)
        assert.lengthOf(new Set(spelled), keys.length)
        for (const one of spelled) assert.isFalse(group.has(one.replace(".", "_")), one)
        assert.deepStrictEqual(spelled, [...spelled].sort())
      })
    )
    assert.deepStrictEqual(Pushgateway.spell(group)({ name: "a", tags: [["x", ""]] }).tags, [])
  })

  it("goes to a path that can be read back, whatever the group is called", () => {
    const value = fc.oneof(fc.constantFrom("", ".", "..", "/", "a/b", "%2F", "a b"), fc.string({ unit: "grapheme" }))
    fc.assert(
      fc.property(
        value.filter((text) => text !== ""),
        value,
        (job, instance) => {
          const { pathname } = new URL(Pushgateway.pathOf(job, [["instance", instance]]), "http://h")
          const parts = pathname.split("/").slice(2)
          const read = (i: number): readonly [string, string] => {
            const [name = "", text = ""] = [parts[i], parts[i + 1]]
            return name.endsWith("@base64")
              ? [name.slice(0, -7), Buffer.from(text, "base64url").toString()]
              : [name, decodeURIComponent(text)]
          }
          assert.lengthOf(parts, 4)
          assert.deepStrictEqual(
            [read(0), read(2)],
            [
              ["job", job],
              ["instance", instance]
            ]
          )
        }
      )
    )
  })
})
