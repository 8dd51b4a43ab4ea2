import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger } from "effect"
import { spawn } from "node:child_process"
import * as Metrics from "../../src/Metrics.js"
import * as Broker from "../../src/relay/Broker.js"
import { publisher } from "../../src/transport/zeroMq.js"
import { bundled } from "../process/bundle.js"
import { backend, joined, ports, startBroker, startWorker } from "./harness.js"

describe("a broker", () => {
  it.scopedLive("forwards messages of any form, unchanged, and reports its traffic to the sinks around it", () =>
    Effect.gen(function* () {
      const at = yield* ports
      const into = backend()
      const hub = yield* Effect.map(Layer.build(Broker.layer(at).pipe(Layer.provideMerge(into.layer))), (context) =>
        Effect.provide(Metrics.Metrics, context)
      ).pipe(Effect.flatten)
      const worker = yield* startWorker(at)
      yield* joined(at, worker)
      const { unreadable } = yield* worker.account
      const { publish } = yield* publisher({ host: "127.0.0.1", port: at.port, highWaterMark: 10, linger: 0 })
      const frames = [[1], [1, 2], [1, 2, 3], [101, 109, 99]].map((bytes) => Uint8Array.from(bytes))
      yield* publish([
        { id: "1", level: "", frames },
        { id: "2", level: "", frames: [frames[0]!, frames[3]!] }
      ])
      yield* Effect.repeat(Effect.delay(worker.account, 5), {
        until: (account) => account.unreadable.version === unreadable.version + 1
      })
      assert.isAbove((yield* worker.account).unreadable.malformed, unreadable.malformed)
      yield* Effect.provideService(Metrics.flush, Metrics.Metrics, hub)
      const values = into.measurements.flatMap(({ series: { name, tags }, ...measurement }) =>
        measurement._tag === "count" || measurement._tag === "gauge"
          ? [[[name, ...tags.map(([, value]) => value)].join(" "), measurement.value] as const]
          : []
      )
      const seen = Object.fromEntries(values)
      const probes = unreadable.malformed
      assert.isAtLeast(seen["effect_metrics.broker.messages"]!, probes + 2)
      assert.isAtLeast(seen["effect_metrics.broker.bytes"]!, 13)
      assert.strictEqual(seen["effect_metrics.broker.connections subscriber"], 1)
      assert.isAtLeast(seen["effect_metrics.broker.connections publisher"]!, 1)
    })
  )

  it.scopedLive("says which port is taken, and leaves none behind", () =>
    Effect.gen(function* () {
      const at = yield* ports
      const bound = yield* Deferred.make<void>()
      const running = yield* Effect.fork(
        Broker.make(at).pipe(
          Effect.tap(() => Deferred.succeed(bound, undefined)),
          Effect.flatten,
          Effect.scoped
        )
      )
      yield* Deferred.await(bound)
      const error = yield* Effect.flip(Broker.run(at))
      assert.strictEqual(error.message, `tcp://127.0.0.1:${at.workerPort} is in use (EADDRINUSE)`)
      yield* Fiber.interrupt(running)
      yield* Effect.scoped(startBroker(at))
    })
  )

  it.effect("says which option cannot work", () =>
    Effect.gen(function* () {
      for (const [options, message] of [
        [{ port: 65_535 }, "option workerPort: 65536 is not a whole number from 1 to 65535"],
        [{ host: "" }, 'option host: "" is not a host\'s name or address, without scheme and port'],
        [{ highWaterMark: 0 }, "option highWaterMark: 0 is not a whole number from 1 to 1073741824"],
        [{ maxMessageBytes: 1.5 }, "option maxMessageBytes: 1.5 is not a whole number from 1 to 1073741824"]
      ] as const)
        assert.strictEqual((yield* Effect.flip(Broker.run(options))).message, message)
    })
  )

  it.scopedLive("is silent where nobody measures it", () =>
    Effect.gen(function* () {
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logs.push(String(message)))
      )
      const at = yield* ports
      yield* Layer.build(Broker.layer(at).pipe(Layer.provide(logger)))
      const worker = yield* startWorker(at)
      yield* joined(at, worker)
      assert.deepStrictEqual(logs, [])
    })
  )

  it.live("ends with its process, on a signal and in haste", () =>
    Effect.gen(function* () {
      for (const end of ["signal", "exit"] as const) {
        const at = yield* ports
        const program = yield* Effect.promise(() => bundled("test/process/broker.ts"))
        const ended = yield* Effect.async<number | null | NodeJS.Signals>((resume) => {
          const child = spawn(process.execPath, [program, JSON.stringify(at), end], {
            stdio: ["ignore", "pipe", "inherit"],
            timeout: 30_000,
            killSignal: "SIGKILL"
          })
          child.stdout.once("data", () => end === "signal" && child.kill("SIGTERM"))
          child.once("exit", (code, signal) => resume(Effect.succeed(signal ?? code)))
        })
        assert.strictEqual(ended, end === "exit" ? 3 : 0)
      }
    })
  )
})
