import { assert, describe, it } from "@effect/vitest"
import { fill, invalid, Output, quote } from "../../src/encoding/output.js"
import { measurementOf } from "../vectors/rows.js"

const named = (name: string) => measurementOf({ name, kind: "counter", value: 1, tags: {}, timestampNanos: "0" })

const tooLarge = { drop: "too_large", reason: "too large" } as const

/** Writes names with commas between them. */
const run = (names: ReadonlyArray<string>, maxBytes: number) => {
  const output = new Output()
  const covered = fill(output, names.map(named), maxBytes, { separator: 1, tooLarge }, ({ series }) => {
    output.reserve(series.name.length + 1)
    output.put(new TextEncoder().encode(output.at > 0 ? `,${series.name}` : series.name))
    if (series.name.startsWith("bad")) output.fault = invalid("bad")
    if (series.name.startsWith("half")) output.skipped = 2
  })
  return { ...covered, text: new TextDecoder().decode(output.bytes.subarray(0, covered.bytes)) }
}

describe("filling a batch", () => {
  it("takes all that fits, and leaves the rest for the next batch", () => {
    assert.deepInclude(run(["aa", "bb", "cc"], 100), { text: "aa,bb,cc", taken: 3, bytes: 8 })
    assert.deepInclude(run(["aa", "bb", "cc"], 5), { text: "aa,bb", taken: 2, bytes: 5 })
    assert.deepInclude(run(["aa", "bb", "cc"], 4), { text: "aa", taken: 1, bytes: 2 })
  })

  it("takes back all that a refused measurement wrote, and says why", () => {
    const { refused, taken, text } = run(["aa", "bad", "cc"], 100)
    assert.deepStrictEqual([text, taken], ["aa,cc", 3])
    assert.deepStrictEqual(refused, [{ index: 1, drop: "invalid", reason: "bad" }])
  })

  it("refuses what is too large even alone, wherever it stands, and nothing that would fit alone", () => {
    for (const names of [
      ["long!", "aa"],
      ["aa", "long!"]
    ]) {
      const { refused, text } = run(names, 4)
      assert.strictEqual(text, "aa")
      assert.deepStrictEqual(refused, [{ index: names.indexOf("long!"), ...tooLarge }])
    }
    assert.deepInclude(run(["aa", "bbbb"], 4), { text: "aa", taken: 1, refused: [] })
  })

  it("says how many fields were left out of what it wrote, and nothing of what it took back", () => {
    assert.deepStrictEqual(run(["aa", "half"], 100).skipped, [{ index: 1, fields: 2 }])
    assert.deepStrictEqual(run(["aa", "half"], 5).skipped, [])
  })

  it("grows as far as it must", () => {
    const long = "x".repeat(300_000)
    assert.strictEqual(run(["a", long], Infinity).text, `a,${long}`)
  })
})

describe("a name in a reason", () => {
  it("is on one line and of bounded length", () => {
    assert.strictEqual(quote("a\nb"), '"a\\nb"')
    assert.isAtMost(quote("y".repeat(1000)).length, 70)
  })
})
