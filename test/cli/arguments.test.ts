import { assert, describe, it } from "@effect/vitest"
import { arranged } from "../../src/cli/arguments.js"

const commands = ["send", "check"]

describe("the arguments", () => {
  for (const [given, expected] of [
    [
      ["send", "--to", "a", "counter", "n", "1"],
      ["send", "--to", "a", "--", "counter", "n", "1"]
    ],
    [
      ["send", "gauge", "n", "-5", "--to=a=b"],
      ["send", "--to", "a=b", "--", "gauge", "n", "-5"]
    ],
    [
      ["send", "gauge", "n", "-.5"],
      ["send", "--", "gauge", "n", "-.5"]
    ],
    [
      ["send", "-", "--to", "a"],
      ["send", "--to", "a", "--", "-"]
    ],
    [
      ["send", "--to", "-1"],
      ["send", "--to", "-1"]
    ],
    [
      ["send", "--to", "a", "--", "counter", "--odd"],
      ["send", "--to", "a", "--", "counter", "--odd"]
    ],
    [
      ["check", "--write", "a"],
      ["check", "--write", "--", "a"]
    ],
    [
      ["check", "-h", "a"],
      ["check", "-h", "--", "a"]
    ],
    [
      ["--log-level=debug", "check", "a"],
      ["--log-level", "debug", "check", "--", "a"]
    ],
    [["--help"], ["--help"]],
    [
      ["send", "--to"],
      ["send", "--to"]
    ],
    [[], []]
  ] as const) {
    it(`are put in the order that is read: ${given.join(" ")}`, () =>
      assert.deepStrictEqual(arranged(given, commands), [...expected]))
  }
})
