import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { read, rememberKeys, splitKey, type Stat } from "../../src/encoding/statventReader.js"

const head = (counters: number, gauges: number, readings: number): string =>
  `effect_metrics.pipe.counters: ${counters}\neffect_metrics.pipe.gauges: ${gauges}\neffect_metrics.pipe.readings: ${readings}\n`

const only = (text: string): Stat => {
  const { malformed, stats } = read(text)
  assert.strictEqual(malformed, 0)
  assert.strictEqual(stats.length, 1)
  return stats[0]!
}

const values = (text: string) => read(text).stats.map(({ isInt, key, value }) => [key, value, isInt])

describe("reading statvent's text", () => {
  it("takes integers and floats, as statvent writes them and as its README shows them", () => {
    assert.deepStrictEqual(
      values("a.b.c.d: 42\nMy Nice Stat: 123.450000\nanother[one]: 0\nx: 123.45\ny: -7\nz: 1e-7\n"),
      [
        ["a.b.c.d", 42, true],
        ["My Nice Stat", 123.45, false],
        ["another[one]", 0, true],
        ["x", 123.45, false],
        ["y", -7, true],
        ["z", 1e-7, false]
      ]
    )
  })

  it("splits at the last colon and trims both parts", () => {
    assert.deepStrictEqual(values("a: b: c:3\n  http://x  :   4  \r\n"), [
      ["a: b: c", 3, true],
      ["http://x", 4, true]
    ])
  })

  it("keeps integers beyond 2^53 exact", () => {
    assert.strictEqual(only("x: 9007199254740993\n").value, 9007199254740993n)
    assert.strictEqual(only("x: -9007199254740993\n").value, -9007199254740993n)
    assert.strictEqual(only("x: +9007199254740993\n").value, 9007199254740993n)
    assert.strictEqual(only("x: 9007199254740991\n").value, 9007199254740991)
    assert.strictEqual(only("x: -0\n").value, 0)
  })

  it("reads what Python prints for what is no number", () => {
    assert.deepStrictEqual(values("a: nan\nb: inf\nc: -inf\nd: Infinity\ne: -nan\n"), [
      ["a", NaN, false],
      ["b", Infinity, false],
      ["c", -Infinity, false],
      ["d", Infinity, false],
      ["e", NaN, false]
    ])
  })

  it("reads no more lines than are wanted, and says how many are left of a text that is whole", () => {
    const { left, stats, ...rest } = read(`${head(3, 1, 0)}a: 1\nb: 2\nc: 3\ng: 4\n`, undefined, 3)
    assert.deepStrictEqual(
      stats.map(({ key }) => key),
      ["a", "b", "c"]
    )
    assert.deepStrictEqual({ left, ...rest }, { left: 1, malformed: 0, isWhole: true })
    assert.strictEqual(read("a: 1\n", undefined, 1).left, 0)
  })

  it("takes time in proportion to a line, whatever braces it has", () => {
    // Read anew from each brace, these would take days.
    for (const braces of ["\\{", '",\\{k=', "{", '{k="', '\\{k="', "{k=", '\\{",']) {
      const key = `a{k=${braces.repeat(100_000)}"x"y"}`
      const [stat] = read(`${key}: 1\n`).stats
      assert.deepStrictEqual([stat?.name.length, stat?.tags], [key.length, []])
    }
  })

  it("counts lines that are none, and goes on", () => {
    const { malformed, stats } = read("nothing\n: 3\na: b\nb: 0x10\nc: 1_000\nd:\n\ngood: 1\n")
    assert.strictEqual(malformed, 6)
    assert.deepStrictEqual(
      stats.map(({ key }) => key),
      ["good"]
    )
  })

  it("takes no line that was cut off for a number", () => {
    const { isWhole, malformed, stats } = read("a: 1\nb: 12")
    assert.strictEqual(malformed, 1)
    assert.isFalse(isWhole)
    assert.deepStrictEqual(
      stats.map(({ key }) => key),
      ["a"]
    )
  })

  it("is told the kinds by the first three lines, and leaves those out", () => {
    const { isWhole, stats } = read(`${head(1, 2, 1)}a: 1\nb: 2\nc: 3\nd: 4\n`)
    assert.isTrue(isWhole)
    assert.deepStrictEqual(
      stats.map(({ key, kind }) => [key, kind]),
      [
        ["a", "counter"],
        ["b", "gauge"],
        ["c", "gauge"],
        ["d", "reading"]
      ]
    )
  })

  it("keeps the kinds in step where a line is malformed", () => {
    const { malformed, stats } = read(`${head(2, 1, 0)}a: x\nb: 2\nc: 3\n`)
    assert.strictEqual(malformed, 1)
    assert.deepStrictEqual(
      stats.map(({ key, kind }) => [key, kind]),
      [
        ["b", "counter"],
        ["c", "gauge"]
      ]
    )
  })

  it("says whether lines are missing, and knows no kind of one too many", () => {
    assert.isFalse(read(`${head(2, 0, 0)}a: 1\n`).isWhole)
    const { isWhole, stats } = read(`${head(1, 0, 0)}a: 1\nb: 2\n`)
    assert.isFalse(isWhole)
    assert.strictEqual(stats[1]!.kind, "unknown")
    assert.isTrue(read(head(0, 0, 0)).isWhole)
  })

  it("knows no kinds without all three lines at the start", () => {
    const part = head(1, 0, 0).split("\n").slice(0, 2).join("\n") + "\n"
    const stats = [...read(part).stats, ...read(`a: 1\n${head(1, 0, 0)}`).stats, ...read("a: 1\n").stats]
    assert.strictEqual(stats.length, 2 + 4 + 1)
    for (const { kind } of stats) assert.strictEqual(kind, "unknown")
  })

  it("reads nothing from nothing", () => {
    assert.deepStrictEqual(read(""), { stats: [], malformed: 0, left: 0, isWhole: true })
  })
})

describe("tags in a name", () => {
  const tagsOf = (key: string) => {
    const { name, tags } = splitKey(key)
    return [name, tags]
  }

  it("are a whole list in braces at the end", () => {
    assert.deepStrictEqual(tagsOf('http.requests{route="/users",status="200"}'), [
      "http.requests",
      [
        ["route", "/users"],
        ["status", "200"]
      ]
    ])
  })

  it("have quotes, backslashes and line feeds escaped", () => {
    assert.deepStrictEqual(tagsOf(String.raw`a{k="\"x\\\n{}=,"}`), ["a", [["k", '"x\\\n{}=,']]])
    assert.deepStrictEqual(tagsOf(String.raw`a{k\=1="x"}`), ["a", [["k=1", "x"]]])
  })

  it("may stand behind a name with braces of its own", () => {
    assert.deepStrictEqual(tagsOf('a{b{k="v"}'), ["a{b", [["k", "v"]]])
    assert.deepStrictEqual(tagsOf('a{x="y"}{k="v"}'), ['a{x="y"}', [["k", "v"]]])
    assert.deepStrictEqual(tagsOf('a{k="{b="c"}'), ['a{k="', [["b", "c"]]])
  })

  it("are part of the name where they are not whole", () => {
    for (const key of [
      "a{}",
      "another[one]",
      'a{k="v"',
      "a{k=v}",
      'a{k="v",}',
      'a{="v"}',
      '{k="v"}',
      'a{k="v"} ',
      'a{k="v\\"}',
      'a k="v"}'
    ])
      assert.deepStrictEqual(tagsOf(key), [key, []])
  })

  it("take time in proportion to the key, whatever it is", () => {
    for (const part of ["{", '{a="', '{a="x",', '{a="{k=",', '{a=",b={",', '\\"{', '{a="\\"'])
      splitKey(part.repeat(200_000) + '"}')
  })
})

describe("any text", () => {
  it("is read without throwing, and every line is a stat, malformed or empty", () => {
    const piece = fc.constantFrom(...'ab:{}=,"\\ \n\r\t0159.-+e', "nan", "inf", "effect_metrics.pipe.counters: 1\n")
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 60 }), (text) => {
        const { malformed, stats } = read(text)
        assert.isAtMost(stats.length + malformed, text.split("\n").length)
        for (const { key, name } of stats) assert.isTrue(key.startsWith(name) && name !== "")
      })
    )
  })

  it("is read alike where keys are remembered, also more than may be, and long ones", () => {
    const key = fc.oneof(
      fc.constantFrom("a", 'a{k="v"}', 'a{k="w",l="\\n"}', "b: c", `long${"g".repeat(600)}`),
      fc.string({ maxLength: 5 })
    )
    const text = fc.array(key, { maxLength: 20 }).map((keys) => keys.map((one, i) => `${one}: ${i}\n`).join(""))
    const split = rememberKeys(3)
    fc.assert(fc.property(text, (lines) => assert.deepStrictEqual(read(lines, split), read(lines))))
  })
})
