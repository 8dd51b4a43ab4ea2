import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as StatsServer from "../../src/web/StatsServer.js"

const refusal = (options: StatsServer.Options) =>
  Effect.scoped(StatsServer.make({ port: 0, ...options })).pipe(
    Effect.flip,
    Effect.map(({ message }) => message)
  )

describe("the options of StatsServer", () => {
  it.effect("ask for a token where others can reach it, and tell it to nobody", () =>
    Effect.gen(function* () {
      for (const host of ["0.0.0.0", "::", "192.168.1.2", "web1", "127.evil.com"]) {
        assert.strictEqual(
          yield* refusal({ host }),
          `option token: undefined is not a token, as others can reach "${host}"`
        )
      }
      for (const token of ["", "two words", "naïve", "line\nbreak"]) {
        const message = yield* refusal({ host: "0.0.0.0", token: Redacted.make(token) })
        assert.strictEqual(
          message,
          "option token: <redacted> is not a Redacted text of visible ASCII characters, without spaces"
        )
      }
    })
  )

  it.effect("are checked by name", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [StatsServer.Options, string]> = [
        [{ port: 70_000 }, "option port: 70000 is not a whole number from 0 to 65535"],
        [{ port: NaN }, "option port: NaN is not a whole number from 0 to 65535"],
        [{ host: "" }, 'option host: "" is not an address or a name'],
        [{ path: "stats" }, 'option path: "stats" is not a path that starts with /'],
        [{ path: "/a?b" }, 'option path: "/a?b" is not a path that starts with /'],
        [
          { path: "/metrics" },
          'option path: "/metrics" is not a path of its own: there are /, /metrics, /api/snapshot, /api/series'
        ],
        [{ dir: "" }, 'option dir: "" is not a folder'],
        [{ timeout: 0 }, "option timeout: 0 is not a duration of at least 1 ms"],
        [{ concurrency: 0 }, "option concurrency: 0 is not a whole number from 1 to 1024"],
        // As from JavaScript.
        [
          JSON.parse('{"counters":"all"}') as StatsServer.Options,
          'option counters: "all" is not one of by-process, summed'
        ],
        [{ hosts: [""] }, 'option hosts: [""] is not a list of names']
      ]
      for (const [options, message] of cases) assert.strictEqual(yield* refusal(options), message)
    })
  )

  it.scoped("are all optional but a free port, and the address is told", () =>
    Effect.gen(function* () {
      const { host, port, url } = yield* StatsServer.Address
      assert.strictEqual(host, "127.0.0.1")
      assert.strictEqual(url, `http://127.0.0.1:${port}`)
    }).pipe(Effect.provide(StatsServer.layer({ port: 0 })))
  )
})
