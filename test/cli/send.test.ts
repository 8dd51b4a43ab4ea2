/** `send` in this process, against servers that answer as they are told. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { freePort } from "../servers/harness.js"
import { run, start } from "./run.js"

const secret = "hush-hush"

interface Answers {
  readonly url: string
  readonly bodies: Array<string>
  readonly authorizations: Array<string | undefined>
}

/** Answers requests in turn with these statuses, the last one again and again; 0 is no answer at all. */
const answering = (...statuses: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const bodies: Array<string> = []
      const authorizations: Array<string | undefined> = []
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8")
        request.on("data", (text: string) => (body += text))
        request.on("end", () => {
          const status = statuses[Math.min(bodies.length, statuses.length - 1)]!
          bodies.push(body)
          authorizations.push(request.headers.authorization)
          if (status !== 0) response.writeHead(status).end(status === 204 ? undefined : '{"error":"so it is"}')
        })
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      // It listens over TCP, so it has a port.
      const { port } = server.address() as AddressInfo
      return { url: `influxdb://127.0.0.1:${port}/app?hostTag=none`, bodies, authorizations, server }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ) satisfies Effect.Effect<Answers, never, unknown>

describe("send", () => {
  it.scopedLive("says nothing, and ends with 0, when a measurement has arrived", () =>
    Effect.gen(function* () {
      const { authorizations, bodies, url } = yield* answering(204)
      const args = ["send", "--to", url, "counter", "deploys", "2", "--tag", "env=prod", "--timestamp", "1700000000"]
      const ended = yield* run(args, { environment: { INFLUXDB_TOKEN: secret } })
      assert.deepStrictEqual(ended, { code: 0, stdout: "", stderr: "" })
      assert.deepStrictEqual(bodies, ["deploys,env=prod value=2 1700000000000000000"])
      assert.deepStrictEqual(authorizations, [`Bearer ${secret}`])
    })
  )

  it.scopedLive("writes points with typed fields, gauges below zero, and timers in seconds", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(204)
      const at = ["--timestamp", "1700000000", "--to", url]
      yield* run(["send", "point", "login", "--field", "user=ada", "--field", "n=3i", "--field", "ok=true", ...at])
      yield* run(["send", "gauge", "temp", "-5", ...at])
      yield* run(["send", "timer", "t", "250ms", ...at])
      assert.deepStrictEqual(bodies, [
        'login n=3i,ok=T,user="ada" 1700000000000000000',
        "temp value=-5 1700000000000000000",
        "t value=0.25 1700000000000000000"
      ])
    })
  )

  it.scopedLive("tries again while a backend is not ready", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(503, 503, 204)
      const ended = yield* run(["send", "--to", url, "counter", "n"])
      assert.deepStrictEqual(ended, { code: 0, stdout: "", stderr: "" })
      assert.strictEqual(bodies.length, 3)
    })
  )

  it.scopedLive("does not try again what is hopeless, and says why", () =>
    Effect.gen(function* () {
      const refusing = yield* answering(401)
      const ended = yield* run(["send", "--to", refusing.url, "--timeout", "1h", "counter", "n"])
      assert.deepStrictEqual(ended, {
        code: 1,
        stdout: "",
        stderr: "effect-metrics: influxdb: not delivered: 401: so it is\n"
      })
      const rejecting = yield* answering(400)
      const { code, stderr } = yield* run(["send", "--to", rejecting.url, "--timeout", "1h", "counter", "n"])
      assert.deepStrictEqual([code, stderr], [1, "effect-metrics: influxdb: not delivered: 400: so it is\n"])
    })
  )

  it.scopedLive("gives up in time where nobody answers, or is there, and delivers to the others", () =>
    Effect.gen(function* () {
      const silent = yield* answering(0)
      const well = yield* answering(204)
      const port = yield* Effect.promise(freePort)
      const urls = [silent.url, well.url, `opentsdb://127.0.0.1:${port}`].flatMap((url) => ["--to", url])
      const { code, stderr } = yield* run(["send", ...urls, "--timeout", "2s", "counter", "n"])
      assert.strictEqual(code, 1)
      assert.strictEqual(
        stderr,
        "effect-metrics: influxdb: not delivered: no answer within 2s\n" +
          `effect-metrics: opentsdb: not delivered: connection refused (ECONNREFUSED) at 127.0.0.1:${port}\n`
      )
      assert.strictEqual(well.bodies.length, 1)
    })
  )

  it.scopedLive("takes many from standard input: bad lines are named, the others arrive", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(204)
      const input = [
        "counter a 1\ncoun",
        `ter a 2\n\n${secret}\n# of no meaning\nevent --timestamp 1`,
        "\n",
        "gauge b 3"
      ]
      const { code, stderr, stdout } = yield* run(["send", "--to", url, "-"], { input })
      assert.strictEqual(code, 1)
      assert.strictEqual(
        stderr,
        [4, 6]
          .map(
            (line) => `effect-metrics: line ${line}: it begins with one of counter, gauge, timer, distribution, point\n`
          )
          .join("")
      )
      assert.strictEqual(stdout, "")
      assert.match(bodies.join(""), /^a value=3 \d+\nb value=3 \d+$/)
      const none = yield* run(["send", "--to", url, "-"], { input: [] })
      assert.deepStrictEqual(none, { code: 0, stdout: "", stderr: "" })
    })
  )

  it.scopedLive("takes more lines than are held at once, and loses none", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(204)
      const lines = Array.from(
        { length: 12_000 },
        (_, i) => `point p --field n=${i}i --timestamp ${1_700_000_000 + i}\n`
      )
      const input = lines.map((_, i) => (i % 1000 === 0 ? lines.slice(i, i + 1000).join("") : "")).filter(Boolean)
      const ended = yield* run(["send", "--to", `${url}&capacity=6000&gzip=Infinity`, "-"], { input })
      assert.deepStrictEqual(ended, { code: 0, stdout: "", stderr: "" })
      assert.strictEqual(bodies.join("\n").split("\n").length, 12_000)
    })
  )

  it.scopedLive("ends with 1 at a SIGTERM, also while standard input is silent, and has sent what it was given", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(204)
      const lines = Array.from({ length: 5000 }, () => "counter a 1\n").join("")
      const { stop } = yield* start(["send", "--to", url, "-"], { input: [lines], isOpen: true })
      yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => bodies.length > 0 })
      const { code, stderr } = yield* stop
      assert.deepStrictEqual(
        [code, stderr],
        [1, "effect-metrics: it was ended before it could say that all has arrived\n"]
      )
      const counts = Array.from(bodies.join("\n").matchAll(/^a value=(\d+)/gm), ([, value]) => Number(value))
      assert.strictEqual(
        counts.reduce((sum, count) => sum + count, 0),
        5000
      )
    })
  )

  it.scopedLive("ends with 1 at a SIGTERM while a backend does not answer", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(0)
      const { stop } = yield* start(["send", "--to", url, "--timeout", "1h", "counter", "a"])
      yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => bodies.length > 0 })
      assert.strictEqual((yield* stop).code, 1)
    })
  )

  it.scopedLive("says what a hub refuses", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* answering(204)
      const { code, stderr } = yield* run(["send", "--to", url, "counter", "_n"])
      assert.strictEqual(code, 1)
      assert.match(stderr, /^effect-metrics: influxdb: not delivered: [^\n]+\n$/)
      assert.deepStrictEqual(bodies, [])
    })
  )

  it.live("tells where a time does not arrive", () =>
    Effect.gen(function* () {
      const { stderr } = yield* run([
        "send",
        "--to",
        "statsd://127.0.0.1:1",
        "--timeout",
        "200ms",
        "counter",
        "n",
        "--timestamp",
        "1700000000"
      ])
      assert.include(stderr, "statsd: its wire has no times")
    })
  )

  for (const [args, words] of [
    [["counter", "n"], "--to is missing"],
    [["--to", "console:"], "it begins with one of counter"],
    [["--to", "console:", "gauge", "n", secret], "the gauge's value is not a number"],
    [["--to", "console:", "-", "--tag", "a=b"], "line by line"],
    [["--to", "console:", "counter", "n", "--timeout", "soon"], '--timeout: "soon" is not a duration'],
    [["--to", "console:", "counter", "n", "--token", secret], "secrets may not be on the command line"],
    [["--to", "console:", "counter", "n", "--nosuch", secret], "unknown option --nosuch"]
  ] as const) {
    it.live(`ends with 2 and one line: ${args.join(" ").replace(secret, "...")}`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run(["send", ...args])
        assert.strictEqual(code, 2, stderr)
        assert.match(stderr, /^effect-metrics: [^\n]+\n$/)
        assert.include(stderr, words)
        assert.notInclude(stdout + stderr, secret)
      })
    )
  }
})
