import { assert, describe, it } from "@effect/vitest"
import { isObject, membersOf, readable } from "../../src/transport/words.js"

describe("a server's words", () => {
  it("are on one line, and move no cursor", () => {
    assert.strictEqual(readable("  a\nb\u001b[2J\u202ec \n"), "a\\u000ab\\u001b[2J\\u202ec")
  })

  it("are no longer than a log can bear, whatever is in them", () => {
    assert.strictEqual(readable("x".repeat(1024)).length, 1024)
    assert.strictEqual(readable("x".repeat(1025)), `${"x".repeat(1023)}…`)
    assert.strictEqual(readable("\n\u0001".repeat(5000).replace("\n", "a")).length, 1024)
    assert.strictEqual(readable("abcdef", 4), "abc…")
  })
})

describe("the members of an answer", () => {
  it("are those of an object, and none of anything else", () => {
    assert.deepStrictEqual(membersOf('{"a":1}'), { a: 1 })
    for (const body of ["", "null", "7", '"text"', "{", "<html>"]) assert.isUndefined(membersOf(body), body)
    assert.isUndefined(membersOf("[1]")?.["error"])
  })

  it("are objects themselves only where they are no lists", () => {
    assert.deepStrictEqual([{}, [], null, "a", undefined].map(isObject), [true, false, false, false, false])
  })
})
