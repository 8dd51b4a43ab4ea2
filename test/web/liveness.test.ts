import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { exists, isReused, pidOf } from "../../src/web/liveness.js"
import { folder, writer } from "./harness.js"

describe("the pid of a pipe", () => {
  it("is what its name starts with, if that can be one", () => {
    const named = ["1234", "1234-web", "1234.web", "01", "0", "-1", "web", "", "12345678901", "2147483648", "99x"]
    assert.deepStrictEqual(named.map(pidOf), [
      1234,
      1234,
      1234,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      99
    ])
  })

  it.scopedLive("is somebody's as long as the process lives, stopped or not", () =>
    Effect.gen(function* () {
      const one = yield* writer(yield* folder)
      assert.isTrue(exists(one.pid))
      yield* one.signal("SIGSTOP")
      assert.isTrue(exists(one.pid))
      yield* one.kill
      assert.isFalse(exists(one.pid))
    })
  )

  const noProc = process.platform !== "linux"
  it.scopedLive.skipIf(noProc)(
    "belongs to another program where that started after the pipe was made (Linux tells)",
    () =>
      Effect.gen(function* () {
        const before = Date.now()
        const one = yield* writer(yield* folder)
        assert.isFalse(yield* Effect.promise(() => isReused(one.pid, Date.now())))
        assert.isTrue(yield* Effect.promise(() => isReused(one.pid, before - 10_000)))
        // Clocks and times of files are not exact.
        assert.isFalse(yield* Effect.promise(() => isReused(one.pid, before)))
      })
  )
})
