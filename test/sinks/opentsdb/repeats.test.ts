import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Measurement, Point, Series } from "../../../src/recording/measurement.js"
import * as Repeats from "../../../src/sinks/opentsdb/repeats.js"

const seriesOf = (name: string): Series => ({
  ...{ name, tags: [["host", "h"]], kind: "point", valueType: "float", unit: undefined, description: undefined },
  ...{ level: undefined, boundaries: undefined, encoded: undefined }
})

const [a, b] = [seriesOf("a"), seriesOf("b")]

const at = (millis: number, series = a, fields: ReadonlyArray<string> = ["value"]): Point => ({
  ...({ _tag: "point", series, weight: 1, millis, nanos: 0, sampleRate: 1 } as const),
  fieldNames: fields,
  fieldValues: fields.map(() => 1)
})

const gauge: Measurement = { ...{ _tag: "gauge", series: a, weight: 1, millis: 1, nanos: 0, startMillis: 0, value: 1 } }

describe("points that repeat a time", () => {
  it("are those of the same series and unit", () => {
    const { find } = Repeats.make({ resolution: "s", keep: "first" })
    const batch = [at(1000), at(1999), at(2000), at(1000, b), gauge, at(1000, seriesOf("a"))]
    assert.deepStrictEqual(find(batch), [1, 5])
  })

  it("are all but the first or all but the last of a batch", () => {
    const batch = [at(1), at(2), at(1), at(1), at(2)]
    assert.deepStrictEqual(Repeats.make({ resolution: "ms", keep: "first" }).find(batch), [2, 3, 4])
    assert.deepStrictEqual(Repeats.make({ resolution: "ms", keep: "last" }).find(batch), [0, 1, 2])
  })

  it("are those of times that were sent before", () => {
    for (const keep of ["first", "last"] as const) {
      const { find, settle } = Repeats.make({ resolution: "ms", keep })
      const batch = [at(1), at(3)]
      assert.deepStrictEqual(find(batch), [])
      settle(batch, {})
      assert.deepStrictEqual(find([at(1), at(2), at(3), at(4)]), [0, 2])
    }
  })

  it("are those of times that are under way, where batches are side by side", () => {
    const { find } = Repeats.make({ resolution: "ms", keep: "first", isShared: true })
    assert.deepStrictEqual(find([at(1), at(3)]), [])
    assert.deepStrictEqual(find([at(1), at(2), at(3), at(4)]), [0, 2])
  })

  it("are not those of which nothing was stored", () => {
    for (const isShared of [false, true]) {
      const { find, free, settle } = Repeats.make({ resolution: "ms", keep: "first", isShared })
      const batch = [at(1), at(2), at(3), at(4)]
      assert.deepStrictEqual(find(batch), [])
      free(batch, [{ index: 3 }])
      settle(batch.slice(0, 3), { rejected: [{ index: 0, reason: "bad" }], keep: [2] })
      assert.deepStrictEqual(find([at(1), at(2), batch[2]!, at(4)]), [1])
    }
  })

  it("are not those that are written again", () => {
    for (const [keep, isShared] of [
      ["first", false],
      ["last", true]
    ] as const) {
      const { find } = Repeats.make({ resolution: "ms", keep, isShared })
      const batch = [at(1), at(2), at(3)]
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(find(batch), [])
    }
  })

  it("are told apart by fields, as each is a series of its own to the server", () => {
    const { find } = Repeats.make({ resolution: "ms", keep: "first" })
    const fields = [["x", "y"], ["z"], ["value"], ["w", "y"], ["w"]]
    assert.deepStrictEqual(find(fields.map((names) => at(1, a, names))), [3])
  })

  it("are told apart by what the wire makes of a field", () => {
    const { find } = Repeats.make({ resolution: "ms", keep: "first", clean: (field) => field.replace(/\W/g, "_") })
    assert.deepStrictEqual(find([at(1, a, ["x y"]), at(1, a, ["x;y"]), at(1, a, ["x_z"])]), [1])
  })

  it("are forgotten after 64 others of the series", () => {
    for (const isShared of [false, true]) {
      const { find, settle } = Repeats.make({ resolution: "ms", keep: "first", isShared })
      const batch = Array.from({ length: 65 }, (_, i) => at(i))
      find(batch)
      settle(batch, {})
      assert.deepStrictEqual(find([at(1), at(0)]), [0])
    }
  })

  it("never leave two of one time, nor more out than that needs", () => {
    const batches = fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { maxLength: 9 }))
    fc.assert(
      fc.property(
        batches,
        fc.constantFrom("first" as const, "last" as const),
        fc.boolean(),
        (batches, keep, isShared) => {
          const { find, settle } = Repeats.make({ resolution: "ms", keep, isShared })
          const seen = new Set<string>()
          const all = new Set<string>()
          for (const batch of batches) {
            const points = batch.map(([millis, isA]) => at(millis, isA ? a : b))
            const out = new Set(find(points))
            for (const { millis, series } of points) all.add(`${series.name} ${millis}`)
            const sent = points.filter((_, index) => !out.has(index))
            for (const { millis, series } of sent) {
              assert.isFalse(seen.has(`${series.name} ${millis}`))
              seen.add(`${series.name} ${millis}`)
            }
            settle(sent, {})
          }
          assert.deepStrictEqual(seen, all)
        }
      )
    )
  })
})

describe("leaving them out", () => {
  /** Takes two, refuses those at 9. */
  const encode = (measurements: ReadonlyArray<Measurement>) => {
    const taken = measurements.slice(0, 2)
    const refused = taken.flatMap(({ millis }, index) =>
      millis === 9 ? [{ index, drop: "invalid" as const, reason: "nine" }] : []
    )
    const skipped = taken.flatMap(({ millis }, index) => (millis === 8 ? [{ index, fields: 1 }] : []))
    return { payload: taken.map(({ millis }) => millis), taken: taken.length, bytes: 1, refused, skipped }
  }

  const outcome = (times: ReadonlyArray<number>, repeated: ReadonlyArray<number>) => {
    const { payload, refused, skipped, taken } = Repeats.leaveOut(
      encode,
      times.map((millis) => at(millis)),
      100,
      repeated
    )
    return {
      payload,
      taken,
      refused: refused.map(({ drop, index }) => [index, drop]),
      skipped: skipped?.map(({ index }) => index)
    }
  }

  it("counts them by their own indices, up to where the batch ends", () => {
    assert.deepStrictEqual(outcome([1, 2, 9, 8, 5, 6], [0, 1, 5]), {
      payload: [9, 8],
      taken: 4,
      refused: [
        [0, "same_timestamp"],
        [1, "same_timestamp"],
        [2, "invalid"]
      ],
      skipped: [3]
    })
  })

  it("takes those at the end with the last that fits", () => {
    assert.deepStrictEqual(outcome([1, 2, 3], [2]), {
      payload: [1, 2],
      taken: 3,
      refused: [[2, "same_timestamp"]],
      skipped: []
    })
  })

  it("can leave nothing", () => {
    assert.deepStrictEqual(outcome([1], [0]), {
      payload: [],
      taken: 1,
      refused: [[0, "same_timestamp"]],
      skipped: []
    })
  })
})
