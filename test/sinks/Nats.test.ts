import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Config, Effect, Layer, Redacted } from "effect"
import * as Transport from "../../src/relay/Transport.js"
import * as Nats from "../../src/sinks/Nats.js"
import { resolveTarget } from "../../src/sinks/nats/options.js"

const secret = Redacted.make("canary")

describe("options that cannot work", () => {
  const bad: ReadonlyArray<readonly [option: string, options: Nats.Options]> = [
    ["servers", { servers: [] }],
    ["servers", { servers: "nats://user:canary@localhost:4222" }],
    ["token", { token: secret, credentials: secret }],
    ["token", { token: secret, nkey: secret }],
    ["nkey", { nkey: secret }],
    ["password", { username: "app" }],
    ["tls", { servers: "nats.example.org:4222", token: secret }],
    ["tls", { servers: "nats.example.org:4222", tls: { servername: "other" } }],
    ["stream", { stream: "a.b" }],
    ["subject", { subject: "metrics.>" }],
    ["replicas", { replicas: 6 }],
    ["maxBytes", { maxBytes: 1 }],
    ["duplicateWindow", { duplicateWindow: 1 }],
    ["duplicateWindow", { maxAge: "1 hour" }],
    ["publisher", { publisher: "x".repeat(257) }]
  ]
  for (const [option, options] of bad) {
    it.effect(`${option}: ${JSON.stringify(options).slice(0, 60)}`, () =>
      Effect.map(Effect.flip(resolveTarget(options)), (error) => {
        assert.strictEqual(error.option, option)
        assert.notInclude(JSON.stringify(error), "canary")
      })
    )
  }

  const worker: ReadonlyArray<readonly [option: string, options: Transport.NatsOptions]> = [
    ["stream", { stream: "" }],
    ["durable", { durable: "a b" }],
    ["ackWait", { ackWait: 1 }],
    ["maxPending", { maxPending: 10_001 }],
    ["maxDeliver", { maxDeliver: 0 }],
    ["deadLetters", { deadLetters: "metrics.dead" }]
  ]
  for (const [option, options] of worker) {
    it.scoped(`of a worker, ${option}: ${JSON.stringify(options)}`, () =>
      Effect.map(Effect.flip(Transport.nats(options)), (error) => {
        assert.strictEqual(error._tag === "InvalidOption" ? error.option : "", option)
      })
    )
  }
})

describe("options that work", () => {
  it.effect("have defaults, and a longer maxAge wants a longer window", () =>
    Effect.gen(function* () {
      const { settings } = yield* resolveTarget({ maxAge: "1 hour", duplicateWindow: "2 hours" })
      assert.strictEqual(settings.duplicateWindowMillis, 7_200_000)
      const { server } = yield* resolveTarget({ servers: "nats.example.org:4222", token: secret, tls: true })
      assert.deepStrictEqual(server.servers, ["nats.example.org:4222"])
    })
  )

  it.scopedLive("may come from a configuration, and no server has to be there", () =>
    Layer.build(
      Nats.layerConfig({ servers: Config.string("SERVER"), shutdownTimeout: Config.succeed("10 millis") })
    ).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["SERVER", "127.0.0.1:1"]]))))
  )
})
