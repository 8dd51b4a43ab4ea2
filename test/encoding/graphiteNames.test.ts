import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Naming, PathOf } from "../../src/encoding/graphiteNames.js"
import { fieldSuffix, pathOf, readSuffix } from "../../src/encoding/graphiteNames.js"
import type { Tag } from "../../src/recording/measurement.js"
import { parsePath } from "./graphite.js"

const strict: Naming = { naming: "tagged", sanitise: false }
const lax: Naming = { naming: "tagged", sanitise: true }
const dotted: Naming = { naming: "dotted", sanitise: false }

const written = (name: string, tags: ReadonlyArray<Tag>, naming: Naming): string => {
  const { fault, head, tail } = pathOf(name, tags, naming)
  assert.strictEqual(fault, undefined)
  return head + tail
}

const faultOf = (name: string, tags: ReadonlyArray<Tag> = [], naming: Naming = strict): string => {
  const { fault, head, tail } = pathOf(name, tags, naming)
  assert.strictEqual(head + tail, "")
  assert.isDefined(fault)
  return fault
}

const nasty = fc.string({
  unit: fc.constantFrom(..."ab.;=~/\\*?[]{}(),'\"|!^ \n\t\0_", "é", "\u00a0", "\u2028", "\ud800", "name", "_tagged"),
  maxLength: 6
})
const tagsOf = fc
  .uniqueArray(fc.tuple(nasty, nasty), { maxLength: 3, selector: ([key]) => key })
  .map((tags) => tags.sort(([a], [b]) => (a < b ? -1 : 1)))

/** The file that carbon's whisper storage makes of a path without tags, below its folder. */
const fileOf = (path: string): string => `${path.replaceAll(".", "/").replace(/^\/+/, "")}.wsp`

/** What holds of any path: one word for carbon, and one file below its folder that no other path has. */
const assertSafe = (path: string): void => {
  assert.notMatch(path, /[\s\p{Cc}]/u)
  const { name, tags } = parsePath(path)
  assert.notMatch(name, /[;/\\*?[\]{}(),'"|]/)
  if (tags.length > 0) return
  const file = fileOf(path)
  assert.strictEqual(file.slice(0, -".wsp".length).replaceAll("/", "."), path)
  for (const segment of file.split("/")) {
    assert.isFalse(segment === "" || segment === "." || segment === "..")
    assert.isAtMost(new TextEncoder().encode(segment).length, 255)
  }
  assert.isFalse(file.startsWith("_tagged/") || file === "_tagged.wsp")
}

describe("paths of Graphite", () => {
  it("have tags in their order, and none without a value", () => {
    const tags = [
      ["a", ""],
      ["b", "1"],
      ["c", "/users/:id?x=y"]
    ] as const
    assert.strictEqual(written("disk.used", tags, strict), "disk.used;b=1;c=/users/:id?x=y")
    assert.strictEqual(written("disk.used", [["a", ""]], strict), "disk.used")
  })

  it("have a segment for each key and value where they are dotted", () => {
    const tags = [
      ["host", "web1"],
      ["route", "users"]
    ] as const
    assert.strictEqual(written("http.requests", tags, dotted), "http.requests.host.web1.route.users")
    assert.match(faultOf("a", [["host", "web1.example"]], dotted), /^its value of the tag "host" .* contains "\."$/)
    assert.match(faultOf("a", [["a.b", "x"]], dotted), /^its tag key .* contains "\."$/)
    assert.match(faultOf("a", [["route", "/users"]], dotted), /contains "\/"$/)
    const sanitised = written("a", [["a.b", "/web1.example"]], { ...dotted, sanitise: true })
    assert.strictEqual(sanitised, "a.a_b._web1_example")
  })

  it("are those of a function, held to the rules of names", () => {
    const by = (naming: PathOf, sanitise = false): Naming => ({ naming, sanitise })
    const tags = [
      ["host", "web1"],
      ["__proto__", "p"]
    ] as const
    const own: PathOf = (name, { host, ...rest }) => `servers.${host}.${name}.${Object.values(rest).join("")}`
    assert.strictEqual(written("load", tags, by(own)), "servers.web1.load.p")
    assert.match(
      faultOf(
        "a",
        [],
        by(() => "a b")
      ),
      /^its path "a b" contains " "$/
    )
    assert.match(
      faultOf(
        "a",
        [],
        by(() => "../a")
      ),
      /^its path "\.\.\/a" contains "\/"$/
    )
    assert.match(
      faultOf(
        "a",
        [],
        by(() => "a;b=c")
      ),
      /contains ";"$/
    )
    assert.match(
      faultOf(
        "a",
        [],
        by(() => "")
      ),
      /^its path is empty$/
    )
    assert.strictEqual(
      written(
        "a",
        [],
        by(() => "../a b", true)
      ),
      "__a_b"
    )
    const throwing = () => {
      throw new Error("no")
    }
    assert.match(faultOf("a", [], by(throwing)), /threw/)
    // What is not typed may give anything.
    assert.match(faultOf("a", [], by((() => undefined) as unknown as PathOf)), /gave no text/)
  })

  const refused: ReadonlyArray<readonly [name: string, tags: ReadonlyArray<Tag>, reason: RegExp]> = [
    ["", [], /^its name is empty$/],
    ["a b", [], /^its name "a b" contains " "$/],
    ["a\nb 1 1", [], /contains "\\n"$/],
    ["a\u00a0b", [], /contains/],
    ["a\u0085b", [], /contains/],
    ["a/b", [], /contains "\/"$/],
    ["../../etc/passwd", [], /contains "\/"$/],
    ["a..b", [], /an empty segment/],
    [".a", [], /an empty segment/],
    ["a.", [], /an empty segment/],
    ["a;b=c", [], /contains ";"$/],
    ["a{b}", [], /contains "\{"$/],
    ["~a", [], /starts with ~$/],
    ["_tagged", [], /where carbon keeps tagged series$/],
    ["_tagged.a", [], /where carbon keeps tagged series$/],
    ["x".repeat(252), [], /more than 251 bytes between two dots$/],
    [`a.${"é".repeat(126)}`, [["k", "v"]], /more than 251 bytes between two dots$/],
    [`${"x".repeat(200)}.`.repeat(20).slice(0, -1), [], /longer than 3840 bytes$/],
    ["a", [["k;", "v"]], /^its tag key "k;" contains ";"$/],
    ["a", [["k!", "v"]], /contains "!"$/],
    ["a", [["k=", "v"]], /contains "="$/],
    ["a", [["name", "v"]], /what carbon calls the name/],
    ["a", [["k", "~v"]], /^its value of the tag "k" "~v" starts with ~$/],
    ["a", [["k", "v w"]], /^its value of the tag "k" "v w" contains " "$/],
    ["a", [["k", "v;w"]], /contains ";"$/],
    ["a", [["k", '{"}']], /ends with "\}$/]
  ]
  for (const [name, tags, reason] of refused) {
    it(`are refused of ${JSON.stringify([name.slice(0, 20), ...tags])}`, () => {
      assert.match(faultOf(name, tags), reason)
    })
  }

  it("are sanitised where that is asked for", () => {
    const cases: ReadonlyArray<readonly [name: string, tags: ReadonlyArray<Tag>, path: string]> = [
      ["a b(c)", [["k ;", "~v w"]], "a_b_c_;k__=_v_w"],
      ["../../etc/passwd", [], "____etc_passwd"],
      ["a..b.", [], "a_b_"],
      ["...", [], "_"],
      ["~a", [["name", "x"]], "_a;_name=x"],
      ["_tagged.a", [], "__tagged.a"],
      ["a", [["k", '{"}']], 'a;k={"_']
    ]
    for (const [name, tags, path] of cases) assert.strictEqual(written(name, tags, lax), path)
    const twice = [
      ["k ", "v"],
      ["k;", "v"]
    ] as const
    assert.match(faultOf("a", twice, lax), /^two of its tag keys become "k_"$/)
  })

  for (const sanitise of [false, true]) {
    for (const naming of ["tagged", "dotted"] as const) {
      it(`are one word and one file, or refused, whatever is in them (${naming}, sanitise: ${sanitise})`, () => {
        fc.assert(
          fc.property(nasty, tagsOf, (name, tags) => {
            const { fault, head, tail } = pathOf(name, tags, { naming, sanitise })
            if (fault === undefined) assertSafe(head + tail)
            else assert.isFalse(sanitise && name !== "" && !/two of its tag keys/.test(fault), fault)
          }),
          { numRuns: 1000 }
        )
      })
    }
  }

  it("keep series with different tags apart", () => {
    fc.assert(
      fc.property(nasty, tagsOf, nasty, tagsOf, (name, tags, otherName, otherTags) => {
        const [one, other] = [pathOf(name, tags, strict), pathOf(otherName, otherTags, strict)]
        if (one.fault !== undefined || other.fault !== undefined) return
        const known = (tags: ReadonlyArray<Tag>) => tags.filter(([key, value]) => key !== "" && value !== "")
        const isSame = JSON.stringify([name, known(tags)]) === JSON.stringify([otherName, known(otherTags)])
        assert.strictEqual(one.head + one.tail === other.head + other.tail, isSame)
      }),
      { numRuns: 2000 }
    )
  })

  it("are made in time that grows with the length", () => {
    for (const unit of [".", "~", " ", '"', "}", "é", "a."]) {
      for (const naming of [strict, lax, dotted])
        pathOf(unit.repeat(200_000), [[unit.repeat(200_000), unit.repeat(200_000)]], naming)
    }
  })
})

describe("fields of Graphite", () => {
  it("are segments behind the name, but for the field `value`", () => {
    assert.strictEqual(fieldSuffix("value", strict).text, "")
    assert.strictEqual(fieldSuffix("size", strict).text, ".size")
    assert.strictEqual(fieldSuffix("a.b", strict).text, ".a.b")
    assert.strictEqual(fieldSuffix("a b", lax).text, ".a_b")
    for (const field of ["", "a b", "..", "a/b", ".a"]) assert.isDefined(fieldSuffix(field, strict).fault)
  })

  it("are no more than one segment for the numbers of distributions", () => {
    assert.deepStrictEqual(["count", "p99.9", "le_0.005", "le_1e+21"].map(readSuffix), [
      ".count",
      ".p99_9",
      ".le_0_005",
      ".le_1e+21"
    ])
  })
})
