/** `web`: its options as statvent's service had them, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort } from "../servers/harness.js"
import { folder, until, writer } from "../web/harness.js"
import { type Given, run, start } from "./run.js"

const secret = "hush-hush"

const serving = (args: ReadonlyArray<string>, given: Given = {}) =>
  Effect.gen(function* () {
    const port = yield* Effect.promise(freePort)
    const url = `http://127.0.0.1:${port}`
    const { stop } = yield* start(["web", "-p", String(port), ...args], given)
    const answers = Effect.promise(() =>
      fetch(url).then(
        () => true,
        () => false
      )
    )
    yield* until(answers, (isThere) => isThere)
    return { url, stop }
  })

const get = (url: string, token?: string) =>
  Effect.promise(() => fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }))

describe("web", () => {
  it.scopedLive("serves the pipes of a folder where it is told to, and adds them up as it is told to", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [one, two] = [yield* writer(dir), yield* writer(dir)]
      const text =
        "effect_metrics.pipe.counters: 0\neffect_metrics.pipe.gauges: 0\neffect_metrics.pipe.readings: 1\nt.median: 3\n"
      yield* one.say(text)
      yield* two.say(text)
      for (const [more, median] of [
        [[], 3],
        [["--sum", "plain"], 6]
      ] as const) {
        const { url } = yield* serving(["-i", "127.0.0.1", "-l", "/all", "-d", dir, ...more])
        const stats = Effect.flatMap(get(`${url}/all`), (answer) =>
          Effect.promise(async () => ((await answer.json()) as { stats: Record<string, number> }).stats)
        )
        // A busy machine may keep them from answering in time.
        yield* until(stats, (found) => found["t.median"] === median)
        assert.strictEqual((yield* get(`${url}/stats`)).status, 404)
      }
    })
  )

  it.scopedLive("asks for the token of the environment, and never tells it", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const { stop, url } = yield* serving(["-d", dir], { environment: { EFFECT_METRICS_TOKEN: ` ${secret}\n` } })
      assert.strictEqual((yield* get(`${url}/stats`)).status, 401)
      assert.strictEqual((yield* get(`${url}/stats`, secret)).status, 200)
      const { code, stderr, stdout } = yield* stop
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, `${url}\n`)
      assert.notInclude(stdout + stderr, secret)
    })
  )

  for (const [args, environment, code, words] of [
    [["--ip", "0.0.0.0"], {}, 2, 'others can reach "0.0.0.0": set EFFECT_METRICS_TOKEN'],
    [["--ip", "0.0.0.0"], { EFFECT_METRICS_TOKEN: "two words" }, 2, "is not a text of visible ASCII"],
    [["--port", "65536"], {}, 2, "is not a port"],
    [["--path", "stats"], {}, 2, "a path that starts with /"],
    [["--sum", "max"], {}, 2, "is not one of by-kind, plain"],
    [["--ip", "192.0.2.1", "-p", "0"], { EFFECT_METRICS_TOKEN: "t" }, 1, "is no address of this machine"],
    [["--token", secret], {}, 2, "secrets may not be on the command line"]
  ] as const) {
    it.live(`ends with ${code} and one line: ${args.join(" ")} ${JSON.stringify(environment)}`, () =>
      Effect.gen(function* () {
        const ended = yield* run(["web", ...args], { environment })
        assert.strictEqual(ended.code, code, ended.stderr)
        assert.match(ended.stderr, /^effect-metrics: [^\n]+\n$/)
        assert.include(ended.stderr, words)
        assert.notInclude(ended.stderr, "two words")
      })
    )
  }
})
