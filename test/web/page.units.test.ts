import { assert, describe, it } from "vitest"

// Plain scripts of the page, which has a type check of its own.
const load = (name: string) => import(new URL(`../../src/web/page/${name}`, import.meta.url).href)

const { elapsed, number, printable, rate } = await load("format.js")
const { depth, Store, Timeline, Track } = await load("history.js")

describe("numbers for people", () => {
  it.each([
    [0, undefined, "0"],
    [1234, undefined, "1,234"],
    [9_999_999, undefined, "9,999,999"],
    [12_345_678, undefined, "12.3 M"],
    [-3, undefined, "−3"],
    [0.045678, undefined, "0.0457"],
    [1e-9, undefined, "1.0e-9"],
    [1e300, undefined, "1.0e+300"],
    [null, "s", "–"],
    [NaN, undefined, "–"],
    [0, "s", "0 s"],
    [0.0123, "s", "12.3 ms"],
    [0.9999, "s", "1 s"],
    [0.99999, "ms", "1 ms"],
    [119, "s", "119 s"],
    [120, "s", "2 min"],
    [2500, "us", "2.5 ms"],
    [999_999, "By", "1 MB"],
    [48_000_000, "bytes", "48 MB"],
    [12, "%", "12 %"],
    [12, "{request}", "12 request"],
    [12, "1", "12"]
  ])("%s in %s is %s", (value, unit, text) => {
    assert.strictEqual(number(value, unit), text)
  })

  it("tell rates, of bytes in bytes", () => {
    assert.deepStrictEqual(
      [rate(0), rate(12.34), rate(2.3e6, "By"), rate(NaN), rate(0.25, "s")],
      ["0/s", "12.3/s", "2.3 MB/s", "–", "0.25/s"]
    )
  })

  it("tell how long it has been", () => {
    assert.deepStrictEqual([elapsed(900), elapsed(65_000), elapsed(7_380_000)], ["0 s", "1 min 05 s", "2 h 03 min"])
  })
})

describe("names for people", () => {
  it("keep letters of all languages, and write out what is not seen", () => {
    assert.strictEqual(printable("grüße.日本.مرحبا 1"), "grüße.日本.مرحبا 1")
    assert.strictEqual(printable("a\u202Eb\u00A0c\u2028d"), "a\\u{202e}b\\u{a0}c\\u{2028}d")
  })

  it("are cut to a length", () => {
    assert.strictEqual(printable("x".repeat(10), 4), "xxxx…")
  })
})

const snapshot = (millis: number, series: ReadonlyArray<{ readonly key: string; readonly value: number }>) => ({
  millis,
  series: series.map((one) => ({ name: one.key, tags: [], kind: "counter", count: 1, ...one }))
})

describe("the history", () => {
  it("tells a counter's increase a second, and no rate where it was started anew", () => {
    const store = new Store()
    const told = [10, 20, 35, 2, 5].map((value, second) => {
      store.add(snapshot(second * 1000, [{ key: "a", value }]))
      const { track } = store.entries.get("a")
      return track.at(store.timeline.ticks - 1)
    })
    assert.deepStrictEqual(told, [NaN, 10, 15, NaN, 3])
  })

  it("takes the jump for no increase when more processes have the series than before", () => {
    const timeline = new Timeline()
    const track = new Track(timeline, true)
    for (const [millis, value, count] of [
      [0, 100, 1],
      [1000, 110, 1],
      [2000, 5000, 2],
      [3000, 5020, 2]
    ]) {
      timeline.add(millis)
      track.add(value, count)
    }
    assert.deepStrictEqual(
      [1, 2, 3].map((tick) => track.at(tick)),
      [10, NaN, 20]
    )
    assert.strictEqual(track.rate(), 15)
  })

  it("is bounded, however long the page is open and however many series there were", () => {
    const store = new Store()
    for (let second = 0; second < 5 * depth; second++) {
      // A series that lives on, and others that come and go.
      store.add(
        snapshot(
          second * 1000,
          ["a", `b${second}`].map((key) => ({ key, value: second }))
        )
      )
    }
    const { track } = store.entries.get("a")
    assert.strictEqual(track.numbers.length, depth)
    assert.strictEqual(track.at(5 * depth - 1), 1)
    assert.isNaN(track.at(4 * depth - 1))
    assert.isAtMost(store.entries.size, depth + 2)
    assert.lengthOf(store.current, 2)
  })

  it("has a gap where a series was missing, or nobody answered", () => {
    const store = new Store()
    store.add(snapshot(0, [{ key: "a", value: 1 }]))
    store.add(snapshot(1000, []))
    store.add(snapshot(2000, [{ key: "a", value: 9 }]))
    store.interrupt()
    store.add(snapshot(9000, [{ key: "a", value: 12 }]))
    const { track } = store.entries.get("a")
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4].map((tick) => track.at(tick)),
      [NaN, NaN, NaN, NaN, NaN]
    )
    assert.strictEqual(track.value, 12)
  })

  it("does not take the same answer twice", () => {
    const store = new Store()
    assert.isTrue(store.add(snapshot(5, [{ key: "a", value: 1 }])))
    assert.isFalse(store.add(snapshot(5, [{ key: "a", value: 2 }])))
    assert.strictEqual(store.timeline.ticks, 1)
  })

  it("knows names of every kind apart", () => {
    const store = new Store()
    const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    store.add(
      snapshot(
        1,
        keys.map((key, value) => ({ key, value }))
      )
    )
    assert.sameMembers([...store.entries.keys()], keys)
    assert.sameMembers(
      store.current.map(({ series }: { readonly series: { readonly key: string } }) => series.key),
      keys
    )
  })
})
