import { assert, describe, it } from "@effect/vitest"
import { explain } from "../../src/cli/missing.js"

describe("a command that cannot be loaded", () => {
  it("names the package that is not installed, and how to install it", () => {
    const missing = Object.assign(new Error("Cannot find package '@effect/cli' imported from /app/dist/cli/app.js"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    assert.strictEqual(
      explain(missing),
      'the command needs the package "@effect/cli": npm install @effect/cli @effect/platform-node'
    )
  })

  it("names a package that such a package needs, and that nobody installed for it", () => {
    const missing = Object.assign(new Error("Cannot find package '@effect/printer' imported from elsewhere"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    assert.match(explain(missing), /npm install @effect\/cli @effect\/platform-node @effect\/printer$/)
  })

  it("tells any other reason in one line", () => {
    assert.strictEqual(explain(new Error("first\nsecond")), "cannot be loaded: first")
    assert.strictEqual(explain(undefined), "cannot be loaded")
  })
})
