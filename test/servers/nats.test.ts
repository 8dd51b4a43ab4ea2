/** The relay over real servers of NATS JetStream. */
import { jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Redacted, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Metrics from "../../src/Metrics.js"
import * as Transport from "../../src/relay/Transport.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Nats from "../../src/sinks/Nats.js"
import * as Sink from "../../src/Sink.js"
import { resolveTarget } from "../../src/sinks/nats/options.js"
import type { Received } from "../../src/transport/messages.js"
import { publisher } from "../../src/transport/natsPublisher.js"
import { bundled } from "../process/bundle.js"
import { countOf, nativeFrames } from "../relay/feed.js"
import { type Backend, backend, ofApps, totals } from "../relay/harness.js"
import type { Server } from "./harness.js"
import { cluster, configured, nats, noNats } from "./nats.js"

const at = ({ port }: Server): string => `127.0.0.1:${port}`

const server = (flags: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.promise(() => nats(flags)),
    (made) => Effect.promise(() => made.stop())
  )

const connected = (servers: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connection = await connect({ servers: [...servers] })
      return { connection, manager: await jetstreamManager(connection, { checkAPI: false }) }
    }),
    ({ connection }) => Effect.promise(() => connection.close())
  )

interface Asked {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
}

const stored = ({ manager }: Asked, stream = "METRICS"): Effect.Effect<number> =>
  Effect.promise(async () => (await manager.streams.info(stream)).state.messages).pipe(
    Effect.catchAllCause(() => Effect.succeed(-1))
  )

/** As publishers make it, but for what is given. */
const addStream = ({ manager }: Asked, limits: { readonly max_msgs?: number; readonly max_msg_size?: number }) =>
  Effect.promise(() =>
    manager.streams.add({
      name: "METRICS",
      subjects: ["metrics.*"],
      retention: "workqueue",
      discard: "new",
      duplicate_window: 1200e9,
      ...limits
    })
  )

const until = <A>(effect: Effect.Effect<A>, is: (value: A) => boolean): Effect.Effect<A> =>
  Effect.repeat(Effect.delay(effect, 20), { until: is })

const hits = Metrics.counter("hits", { level: "info" })
const soon = {
  retry: { initial: "50 millis", max: "200 millis" },
  hostTag: "none",
  // So long that no busy machine is too slow for a close that delivers everything.
  shutdownTimeout: "30 seconds"
} as const

const publish = (servers: ReadonlyArray<string>, count: number, options: Nats.Options = {}) =>
  Effect.gen(function* () {
    yield* Metrics.incrementBy(hits, count)
    return yield* Metrics.flushWithin("30 seconds")
  }).pipe(Effect.provide(Nats.layer({ servers, ...soon, ...options })))

const worker = (
  servers: ReadonlyArray<string>,
  into: Backend,
  options: Transport.NatsOptions = {}
): Effect.Effect<unknown, unknown, Scope.Scope> =>
  Layer.build(
    Worker.layer({ transport: Transport.nats({ servers, ackWait: "2 seconds", ...options }) }).pipe(
      Layer.provide(into.layer)
    )
  )

/** Passes everything on, until it swallows what the server says. */
const muteable = ({ port }: Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Socket>()
      let isMute = false
      const proxy = createServer((client) => {
        const backend = connectTo({ host: "127.0.0.1", port })
        for (const socket of [client, backend]) {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            client.destroy()
            backend.destroy()
          })
        }
        client.on("data", (bytes) => void backend.write(bytes))
        backend.on("data", (bytes) => {
          if (!isMute) client.write(bytes)
        })
      })
      const reset = (): void => {
        isMute = false
        for (const socket of sockets) socket.destroy()
      }
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
      const close = () => {
        reset()
        return new Promise<void>((resolve) => proxy.close(() => resolve()))
      }
      // A server that listens on a port has an address with one.
      return { port: (proxy.address() as AddressInfo).port, mute: () => void (isMute = true), reset, close }
    }),
    ({ close }) => Effect.promise(close)
  )

const hitsOf = ({ measurements }: Backend): number => totals(measurements)["info hits"] ?? 0

const program = Effect.promise(() => bundled("test/process/natsWorker.ts"))

/** A worker in a process of its own that holds what it gets; ended with the scope. */
const holder = (servers: ReadonlyArray<string>, replicas: number) =>
  Effect.acquireRelease(
    Effect.map(program, (file) => {
      const child = spawn(process.execPath, [file, servers.join(","), String(replicas)], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      const holding = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()))
      const kill = Effect.promise(() => {
        child.kill("SIGKILL")
        return exit
      })
      return { kill, holding: Effect.promise(() => holding) }
    }),
    ({ kill }) => kill
  )

describe.skipIf(noNats !== false)(`over JetStream${noNats === false ? "" : ` (${noNats})`}`, () => {
  it.scopedLive("delivered is what the stream has, and workers that share it write all of it once", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const [ledger] = yield* publish(servers, 5)
      assert.strictEqual(ledger?.ledger.delivered, 1)
      const asked = yield* connected(servers)
      assert.strictEqual(yield* stored(asked), 1)
      const into = backend()
      // Each holds what it has got for as long as it needs, however busy the machine is.
      yield* worker(servers, into, { ackWait: "30 seconds" })
      yield* worker(servers, into, { ackWait: "30 seconds" })
      for (let i = 0; i < 30; i++) yield* publish(servers, 2)
      yield* until(stored(asked), (messages) => messages === 0)
      assert.strictEqual(hitsOf(into), 65)
    })
  )

  it.scopedLive("a message that is published again is stored once", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const resolved = yield* resolveTarget({ servers })
      const { publish } = yield* publisher(resolved.server, resolved.settings)
      const message = { id: "batch.0", level: "a.b *>\r\n", frames: [new Uint8Array([1])] }
      yield* publish([message])
      yield* publish([message, { ...message, id: "batch.1" }])
      assert.strictEqual(yield* stored(yield* connected(servers)), 2)
    })
  )

  it.scopedLive("a write whose acknowledgement is lost is tried again, and stored once", () =>
    Effect.gen(function* () {
      const made = yield* server()
      const asked = yield* connected([at(made)])
      const between = yield* muteable(made)
      yield* Effect.gen(function* () {
        yield* Metrics.increment(hits)
        yield* Metrics.flushWithin("10 seconds")
        between.mute()
        yield* Metrics.incrementBy(hits, 2)
        const flush = yield* Effect.fork(Metrics.flushWithin("20 seconds"))
        // The server has it, and its publisher does not know.
        yield* until(stored(asked), (messages) => messages === 2)
        const ledger = yield* Effect.map(Metrics.ledgers, ([first]) => first!.ledger)
        assert.deepStrictEqual([ledger.delivered, ledger.buffered.inFlight], [1, 1])
        between.reset()
        const [after] = yield* Fiber.join(flush)
        assert.deepStrictEqual([after?.ledger.delivered, after?.ledger.ambiguous], [2, 1])
      }).pipe(Effect.provide(Nats.layer({ servers: `127.0.0.1:${between.port}`, ...soon })))
      assert.strictEqual(yield* stored(asked), 2)
      const into = backend()
      yield* worker([at(made)], into)
      yield* until(stored(asked), (messages) => messages === 0)
      assert.strictEqual(hitsOf(into), 3)
    })
  )

  it.scopedLive("a worker for some levels takes just those", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const into = backend()
      const strange = Metrics.counter("strange", { level: "a.b *>" })
      yield* Layer.build(
        Worker.layer({ levels: ["a.b *>"], transport: Transport.nats({ servers }) }).pipe(Layer.provide(into.layer))
      )
      yield* Effect.zipRight(Metrics.increment(strange), Metrics.increment(hits)).pipe(
        Effect.provide(Nats.layer({ servers, ...soon }))
      )
      const asked = yield* connected(servers)
      yield* until(
        Effect.sync(() => into.measurements.length),
        (length) => length > 0
      )
      yield* until(stored(asked), (messages) => messages === 1)
      assert.deepStrictEqual(totals(into.measurements), { "a.b *> strange": 1 })
    })
  )

  it.scopedLive("what a killed worker held goes to another", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      yield* publish(servers, 7)
      const victim = yield* holder(servers, 1)
      yield* victim.holding
      yield* victim.kill
      const into = backend()
      yield* worker(servers, into)
      const asked = yield* connected(servers)
      yield* until(stored(asked), (messages) => messages === 0)
      assert.strictEqual(hitsOf(into), 7)
    })
  )

  it.scopedLive("a consumer that is there is used as it is, and what it does otherwise is warned about", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      const waitOf = Effect.promise(() => asked.manager.consumers.info("METRICS", "workers")).pipe(
        Effect.map(({ config }) => Number(config.ack_wait) / 1e9)
      )
      const answers = yield* Effect.makeLatch(false)
      const slow = backend()
      let isHeld = false
      const layer = Sink.layer({
        name: "slow",
        make: Effect.succeed({
          write: ({ measurements }) => {
            isHeld ||= ofApps(measurements).length > 0
            return Effect.andThen(
              answers.await,
              Effect.sync(() => void slow.measurements.push(...measurements))
            )
          }
        })
      })
      const quick = backend()
      // It is made for this one, and the next one would have more time.
      yield* worker(servers, quick, { ackWait: "1 second" })
      yield* until(
        Effect.catchAllCause(waitOf, () => Effect.succeed(0)),
        (wait) => wait === 1
      )
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logs.push(String(message)))
      )
      yield* worker(servers, { ...slow, layer }, { ackWait: "1 minute" }).pipe(Effect.provide(logger))
      yield* until(
        Effect.sync(() => logs.join()),
        (said) => said.includes('the consumer "workers" is used as it is: its ackWait is 1 s, not 60 s')
      )
      assert.strictEqual(yield* waitOf, 1)
      let published = 0
      while (!isHeld) {
        yield* publish(servers, 1)
        published++
        yield* Effect.sleep("100 millis")
      }
      yield* Effect.sleep("2500 millis")
      yield* answers.open
      yield* until(stored(asked), (messages) => messages === 0)
      assert.strictEqual(hitsOf(quick) + hitsOf(slow), published)
    })
  )

  it.scopedLive("what a worker holds while its backend is silent is no longer there in full once it is merged", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const layer = Sink.layer({
        name: "silent",
        make: Effect.succeed({ write: () => Effect.never }),
        shutdownTimeout: 1
      })
      const context = yield* Layer.build(
        Worker.layer({ transport: Transport.nats({ servers }) }).pipe(Layer.provide(layer))
      )
      const { account } = yield* Effect.provide(Worker.Worker, context)
      const asked = yield* connected(servers)
      yield* until(stored(asked), (messages) => messages === 0)
      const count = 40
      const length = 500_000
      for (let i = 0; i < count; i++) {
        const [, body] = nativeFrames([countOf(1, { description: "x".repeat(length) })])
        yield* Effect.promise(() => jetstream(asked.connection).publish("metrics.info", body))
      }
      yield* until(account, ({ measurements }) => measurements === count)
      assert.strictEqual(yield* stored(asked), count)
      setFlagsFromString("--expose-gc")
      const collect: () => void = runInNewContext("gc")
      yield* until(
        Effect.sync(() => {
          collect()
          return process.memoryUsage().arrayBuffers
        }),
        (bytes) => bytes < (count * length) / 2
      )
    })
  )

  it.scopedLive("what no worker can read goes to the dead letters after maxDeliver, and the rest goes on", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const into = backend()
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logs.push(String(message)))
      )
      yield* worker(servers, into, { maxDeliver: 2 }).pipe(Effect.provide(logger))
      yield* publish(servers, 1)
      const asked = yield* connected(servers)
      const poison = Array.from({ length: 20 }, (_, i) => `poison ${i}`)
      yield* Effect.promise(() =>
        Promise.all(poison.map((text) => jetstream(asked.connection).publish("metrics.info", text)))
      )
      yield* publish(servers, 2)
      yield* until(stored(asked, "METRICS_DEAD"), (messages) => messages === poison.length)
      yield* until(stored(asked), (messages) => messages === 0)
      const dead = yield* Effect.promise(() =>
        asked.manager.streams.getMessage("METRICS_DEAD", { last_by_subj: "metrics_dead" })
      )
      assert.include(poison, dead?.string())
      assert.strictEqual(hitsOf(into), 3)
      // What is the same for many is not said of each.
      const said = logs.filter((line) => line.includes("put to metrics_dead"))
      assert.match(said.at(-1)!, /so far: 16; the last one: it is no body of this relay/)
      assert.lengthOf(said, 5)
    })
  )

  it.scopedLive("dead letters of a stream that was made anew are kept beside those of the old one", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      yield* worker(servers, backend(), { maxDeliver: 1 })
      for (let dead = 1; dead <= 2; dead++) {
        yield* until(stored(asked), (messages) => messages === 0)
        yield* Effect.promise(() => jetstream(asked.connection).publish("metrics.info", `poison ${dead}`))
        yield* until(stored(asked, "METRICS_DEAD"), (messages) => messages === dead)
        yield* Effect.promise(() => asked.manager.streams.delete("METRICS"))
      }
    })
  )

  it.scopedLive("a full stream is back-pressure: the lane keeps what it has until there is room", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      yield* addStream(asked, { max_msgs: 1 })
      yield* publish(servers, 1)
      yield* Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 2)
        const [full] = yield* Metrics.flushWithin("500 millis")
        assert.strictEqual(full?.ledger.delivered, 0)
        assert.deepStrictEqual(full?.ledger.dropped, {})
        assert.strictEqual(
          Object.values(full!.ledger.buffered).reduce((sum, count) => sum + count, 0),
          1
        )
        yield* Effect.promise(() => asked.manager.streams.purge("METRICS"))
        const [after] = yield* Metrics.flushWithin("20 seconds")
        assert.strictEqual(after?.ledger.delivered, 1)
      }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
    })
  )

  it.scopedLive("a server that comes late, and one that is away for a while, cost nothing", () =>
    Effect.gen(function* () {
      const made = yield* server()
      const servers = [at(made)]
      yield* Effect.promise(() => made.kill())
      const into = backend()
      yield* worker(servers, into)
      yield* Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 1)
        yield* Metrics.flushWithin("300 millis")
        yield* Effect.promise(() => made.restart())
        yield* Metrics.flushWithin("20 seconds")
        yield* until(
          Effect.sync(() => hitsOf(into)),
          (count) => count === 1
        )
        yield* Effect.promise(() => made.kill())
        yield* Metrics.incrementBy(hits, 2)
        yield* Metrics.flushWithin("300 millis")
        yield* Effect.promise(() => made.restart())
        const [ledger] = yield* Metrics.flushWithin("20 seconds")
        assert.strictEqual(ledger?.ledger.delivered, 2)
      }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
      const asked = yield* connected(servers)
      yield* until(stored(asked), (messages) => messages === 0)
      assert.strictEqual(hitsOf(into), 3)
    })
  )

  for (const gone of ["stream", "consumer"] as const) {
    it.scopedLive(`a ${gone} that is deleted is made again, and delivers`, () =>
      Effect.gen(function* () {
        const servers = [at(yield* server())]
        const asked = yield* connected(servers)
        const into = backend()
        yield* worker(servers, into)
        yield* Effect.gen(function* () {
          for (let count = 1; count <= 2; count++) {
            yield* Metrics.increment(hits)
            const [lane] = yield* Metrics.flushWithin("20 seconds")
            assert.strictEqual(lane?.ledger.delivered, count)
            yield* until(stored(asked), (messages) => messages === 0)
            yield* until(
              Effect.sync(() => hitsOf(into)),
              (total) => total === count
            )
            const { manager } = asked
            yield* Effect.promise(() =>
              gone === "stream" ? manager.streams.delete("METRICS") : manager.consumers.delete("METRICS", "workers")
            )
          }
        }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
      })
    )
  }

  it.scopedLive("what was held of a stream that is gone answers for nothing in the one that has its name", () =>
    Effect.gen(function* () {
      const made = yield* server()
      const servers = [at(made)]
      const received: Array<Received> = []
      const transport = yield* Transport.nats({ servers })
      yield* Effect.forkScoped(transport.subscribe([""], (message) => void received.push(message)))
      const hasReceived = (count: number) =>
        until(
          Effect.sync(() => received.length),
          (length) => length === count
        )
      yield* publish(servers, 1)
      yield* hasReceived(1)
      const asked = yield* connected(servers)
      yield* Effect.promise(() => asked.manager.streams.delete("METRICS"))
      yield* Effect.promise(() => made.kill())
      yield* Effect.promise(() => made.restart())
      yield* publish(servers, 2)
      yield* hasReceived(2)
      const again = yield* connected(servers)
      const [first, second] = received
      yield* first!.acknowledge!
      assert.strictEqual(yield* stored(again), 1)
      yield* second!.acknowledge!
      yield* until(stored(again), (messages) => messages === 0)
    })
  )

  it.scopedLive("a worker gets what comes after a server has forgotten how far its stream was", () =>
    Effect.gen(function* () {
      const store = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-nats-store-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      const made = yield* server(["-sd", store])
      const servers = [at(made)]
      const into = backend()
      const hasHits = (count: number) =>
        until(
          Effect.sync(() => hitsOf(into)),
          (found) => found === count
        )
      yield* worker(servers, into)
      for (let count = 1; count <= 3; count++) yield* publish(servers, 1)
      yield* hasHits(3)
      const asked = yield* connected(servers)
      yield* until(stored(asked), (messages) => messages === 0)
      yield* Effect.promise(() => made.kill())
      // As it is where it is killed while it removes its last message.
      const messages = join(store, "jetstream", "$G", "streams", "METRICS", "msgs")
      for (const name of readdirSync(messages)) rmSync(join(messages, name))
      yield* Effect.promise(() => made.restart())
      yield* publish(servers, 1)
      yield* hasHits(4)
    })
  )

  it.scopedLive("a publisher alone makes its stream again", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      yield* Effect.gen(function* () {
        for (let count = 1; count <= 2; count++) {
          yield* Metrics.increment(hits)
          const [lane] = yield* Metrics.flushWithin("20 seconds")
          assert.strictEqual(lane?.ledger.delivered, count)
          yield* Effect.promise(() => asked.manager.streams.delete("METRICS"))
        }
      }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
    })
  )

  const large = Metrics.counter("large", { level: "crit", tagKeys: ["id"] })
  const manyLarge = Effect.forEach(
    Array.from({ length: 300 }),
    (_, i) => Metrics.increment(large, { tags: { id: `${"x".repeat(60)}${i}` } }),
    { discard: true }
  )

  it.scopedLive("a write that is larger than a server takes is divided, and no part of it is stored twice", () =>
    Effect.gen(function* () {
      const made = yield* Effect.acquireRelease(
        Effect.promise(() => configured("max_payload: 10000")),
        (one) => Effect.promise(() => one.stop())
      )
      const servers = [at(made)]
      const [lane] = yield* Effect.gen(function* () {
        // Its level comes first, and fits.
        yield* Metrics.increment(hits)
        yield* manyLarge
        return yield* Metrics.flushWithin("20 seconds")
      }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
      assert.deepStrictEqual([lane?.ledger.delivered, lane?.ledger.ambiguous], [301, 0])
      const into = backend()
      yield* worker(servers, into)
      const asked = yield* connected(servers)
      yield* until(stored(asked), (messages) => messages === 0)
      const sum = Object.values(totals(into.measurements)).reduce((all, one) => all + one, 0)
      assert.deepStrictEqual([hitsOf(into), sum], [1, 301])
    })
  )

  it.scopedLive("a stream that takes but short messages gets short ones, and drops what fits in none", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      yield* addStream(asked, { max_msg_size: 8000 })
      const [lane] = yield* Effect.gen(function* () {
        yield* manyLarge
        yield* Metrics.emit("huge", { text: "x".repeat(9000) })
        return yield* Metrics.flushWithin("20 seconds")
      }).pipe(Effect.provide(Nats.layer({ servers, ...soon })))
      assert.deepStrictEqual([lane?.ledger.delivered, lane?.ledger.dropped], [300, { too_large: 1 }])
    })
  )

  it.scopedLive("a server that accepts and says nothing does not hold up a close", () =>
    Effect.gen(function* () {
      const open = new Set<Socket>()
      const mute = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const listening = createServer((socket) => {
            open.add(socket)
            for (const end of ["error", "end", "close"]) socket.on(end, () => void open.delete(socket))
            socket.resume()
          })
          await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve))
          return listening
        }),
        (listening) =>
          Effect.promise(() => {
            for (const socket of open) socket.destroy()
            return new Promise<void>((resolve) => listening.close(() => resolve()))
          })
      )
      // A server that listens on a port has an address with one.
      const servers = [`127.0.0.1:${(mute.address() as AddressInfo).port}`]
      yield* Effect.zipRight(
        Metrics.increment(hits),
        until(
          Effect.sync(() => open.size),
          (size) => size === 1
        )
      ).pipe(Effect.provide(Nats.layer({ servers, ...soon, shutdownTimeout: "100 millis" })))
      // It has not waited for the connection, which is given up after 5 s.
      yield* Effect.sleep(20)
      assert.strictEqual(open.size, 1)
    })
  )

  // An error of a socket that nobody hears ends the process, and this run with it.
  it.scopedLive("a server that goes at the moment of a close does not end the process", () =>
    Effect.gen(function* () {
      const made = yield* server()
      const servers = [at(made)]
      const into = backend()
      yield* Effect.gen(function* () {
        yield* worker(servers, into)
        yield* publish(servers, 1)
        yield* until(
          Effect.sync(() => hitsOf(into)),
          (total) => total === 1
        )
        yield* Effect.promise(() => made.kill())
      }).pipe(Effect.scoped)
    })
  )

  it.scopedLive("wrong credentials are said, without them, and right ones work", () =>
    Effect.gen(function* () {
      const made = yield* server(["--user", "app", "--pass", "right-secret"])
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ annotations, cause, message }) => void logs.push(JSON.stringify([message, annotations, cause])))
      )
      const tryWith = (password: string) =>
        Effect.gen(function* () {
          yield* Metrics.increment(hits)
          const flush = yield* Effect.fork(Metrics.flushWithin("20 seconds"))
          // It goes on until it may, or is told why not.
          yield* until(
            Effect.map(Metrics.ledgers, ([first]) => first!.ledger.delivered),
            (delivered) => delivered === 1 || /refuses the credentials/.test(logs.join())
          )
          yield* Fiber.interrupt(flush)
          return (yield* Metrics.ledgers)[0]!.ledger.delivered
        }).pipe(
          Effect.provide(
            Nats.layer({
              ...soon,
              servers: at(made),
              username: "app",
              password: Redacted.make(password),
              shutdownTimeout: "100 millis"
            }).pipe(Layer.provide(logger))
          )
        )
      assert.strictEqual(yield* tryWith("canary-password"), 0)
      assert.match(logs.join("\n"), /refuses the credentials/)
      assert.notInclude(logs.join("\n"), "canary")
      logs.length = 0
      assert.strictEqual(yield* tryWith("right-secret"), 1)
    })
  )

  it.scopedLive("a stream that may lose messages unseen is warned about", () =>
    Effect.gen(function* () {
      const servers = [at(yield* server())]
      const asked = yield* connected(servers)
      yield* Effect.promise(() =>
        asked.manager.streams.add({ name: "METRICS", subjects: ["metrics.*"], discard: "old" })
      )
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logs.push(String(message)))
      )
      yield* publish(servers, 1).pipe(Effect.provide(logger))
      assert.match(logs.join("\n"), /discards old messages/)
      assert.match(logs.join("\n"), /may be stored twice/)
    })
  )

  it.scopedLive(
    "the stream's leader and a worker, both killed under load, change no total",
    () =>
      Effect.gen(function* () {
        const nodes = yield* Effect.acquireRelease(Effect.promise(cluster), (made) =>
          Effect.promise(() => Promise.all(made.map(({ stop }) => stop())))
        )
        const servers = nodes.map(at)
        const asked = yield* connected(servers)
        const into = backend()
        const times = 300
        const app = Effect.gen(function* () {
          for (let i = 0; i < times; i++) {
            yield* Metrics.increment(hits)
            if (i % 10 === 0) yield* Metrics.flushWithin("30 seconds")
            yield* Effect.sleep(5)
          }
          const [ledger] = yield* Metrics.flushWithin("40 seconds")
          assert.deepStrictEqual(ledger?.ledger.dropped, {})
          return ledger?.ledger.delivered
        }).pipe(Effect.provide(Nats.layer({ servers, ...soon, replicas: 3 })))
        const apps = yield* Effect.fork(Effect.all([app, app, app], { concurrency: "unbounded" }))
        yield* until(stored(asked), (messages) => messages > 0)
        const victim = yield* holder(servers, 3)
        yield* victim.holding
        const leader = yield* Effect.promise(
          async () => (await asked.manager.streams.info("METRICS")).cluster?.leader ?? "n0"
        )
        yield* Effect.promise(() => nodes[Number(leader.slice(1))]!.kill())
        yield* worker(servers, into, { replicas: 3 })
        yield* Effect.sleep(500)
        yield* victim.kill
        assert.deepStrictEqual(yield* apps, [times, times, times])
        yield* until(stored(asked), (messages) => messages === 0)
        assert.strictEqual(hitsOf(into), 3 * times)
      }),
    120_000
  )
})
