import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { gunzipSync } from "node:zlib"
import { gzip } from "../../src/transport/gzip.js"

describe("gzip", () => {
  it.effect("packs what unpacks to the same, and lets other fibers run meanwhile", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode("requests,host=a value=1 1700000000000000000\n".repeat(5000))
      const packed = yield* gzip(bytes)
      assert.isBelow(packed!.length, bytes.length / 10)
      assert.deepStrictEqual(new Uint8Array(gunzipSync(packed!)), bytes)
      assert.strictEqual(gunzipSync((yield* gzip(new Uint8Array(0)))!).length, 0)
    })
  )
})
