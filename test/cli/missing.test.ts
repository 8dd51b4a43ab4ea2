import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { explain } from "../../src/cli/missing.js"

describe("a command that cannot be loaded", () => {
  it("names the package that is not installed, and how to install it", () => {
    const missing = Object.assign(new Error("Cannot find package '@effect/cli' imported from /app/dist/cli/app.js"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    assert.strictEqual(
      explain(missing),
      'the command needs the package "@effect/cli": npm install @effect/cli@^0.77 @effect/platform-node@^0.108'
    )
  })

  it("names a package that such a package needs, and that nobody installed for it", () => {
    const missing = Object.assign(new Error("Cannot find package '@effect/printer' imported from elsewhere"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    assert.match(explain(missing), / @effect\/platform-node@\S+ @effect\/printer$/)
  })

  it("names the versions that fit this package", () => {
    const { peerDependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      readonly peerDependencies: Readonly<Record<string, string>>
    } // As it stands in this repository.
    const missing = Object.assign(new Error("Cannot find package '@effect/platform-node' imported from elsewhere"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    const [, named = ""] = explain(missing).split("npm install ")
    assert.deepStrictEqual(
      named.split(" "),
      ["@effect/cli", "@effect/platform-node"].map((name) => `${name}@${peerDependencies[name]?.replace(/\.0$/, "")}`)
    )
  })

  it("tells any other reason in one line", () => {
    assert.strictEqual(explain(new Error("first\nsecond")), "cannot be loaded: first")
    assert.strictEqual(explain(undefined), "cannot be loaded")
  })
})
