import { assert, describe, it } from "@effect/vitest"
import { Deferred, type Duration, Effect, Exit, Fiber, Option, Queue, type Scope } from "effect"
import type { TransportFailure } from "../../src/transport/failure.js"
import type { MissingPackage } from "../../src/transport/missing.js"
import type { Message, Publisher, Received } from "../../src/transport/messages.js"
import { type ForwarderOptions, forwarder, publisher, subscriber, zeroMq } from "../../src/transport/zeroMq.js"
import { connect as connectTo } from "node:net"
import { freePort } from "../servers/harness.js"

const host = "127.0.0.1"
const forward = (options: ForwarderOptions) => Effect.scoped(Effect.flatten(forwarder(options)))
const text = (frame: Uint8Array | undefined): string => new TextDecoder().decode(frame)

const messageOf = (topic: string, body: string | Uint8Array): Message => ({
  id: "1",
  level: topic,
  frames: [new TextEncoder().encode(`${topic}\0`), typeof body === "string" ? new TextEncoder().encode(body) : body]
})

interface Traffic {
  messages: number
  bytes: number
  readonly connections: { publisher: number; subscriber: number }
}

const ports = Effect.all([Effect.promise(freePort), Effect.promise(freePort)])

const broker = (
  publishPort: number,
  subscribePort: number,
  more: { readonly highWaterMark?: number } = {}
): Effect.Effect<{ readonly traffic: Traffic; readonly stop: Effect.Effect<void> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const traffic: Traffic = { messages: 0, bytes: 0, connections: { publisher: 0, subscriber: 0 } }
    const running = yield* Effect.forkScoped(
      forward({
        host,
        publishPort,
        subscribePort,
        highWaterMark: 1000,
        maxMessageBytes: 1e6,
        linger: 500,
        onMessage: (bytes) => {
          traffic.messages++
          traffic.bytes += bytes
        },
        onConnection: (side, change) => {
          traffic.connections[side] += change
        },
        ...more
      })
    )
    return { traffic, stop: Effect.asVoid(Fiber.interrupt(running)) }
  })

const listen = (
  port: number,
  topics: ReadonlyArray<string>
): Effect.Effect<
  { readonly received: Queue.Queue<Received>; readonly fiber: Fiber.RuntimeFiber<never, TransportFailure> },
  MissingPackage,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const received = yield* Queue.unbounded<Received>()
    const { subscribe } = yield* subscriber({ host, port, highWaterMark: 100_000, maxMessageBytes: 1e6 })
    const fiber = yield* Effect.forkScoped(subscribe(topics, (message) => void received.unsafeOffer(message)))
    return { received, fiber }
  })

// What a busy machine has not sent on when a scope closes is no loss to be tested.
const connect = (port: number, highWaterMark = 1000) => publisher({ host, port, highWaterMark, linger: 20_000 })

/**
 * The broker forwards to whoever has subscribed by then, so what is sent first may be missed: it is sent until it is not. Done
 * when all of it has come, as it would else come between what the test sends: a publisher's messages keep their order, and the
 * last is another one.
 */
const join = ({ publish }: Pick<Publisher, "publish">, topic: string, received: Queue.Queue<Received>) => {
  const takenAs = (body: string, wait: Duration.DurationInput) =>
    Effect.repeat(Queue.take(received), { until: ({ frames }) => text(frames[1]) === body }).pipe(
      Effect.timeoutOption(wait)
    )
  return Effect.ignore(publish([messageOf(topic, "hello")])).pipe(
    Effect.zipRight(takenAs("hello", 50)),
    Effect.repeat({ until: Option.isSome }),
    Effect.zipRight(publish([messageOf(topic, "joined")])),
    Effect.zipRight(takenAs("joined", Infinity))
  )
}

describe("ZeroMQ", () => {
  it.scopedLive("forwards from a publisher to those who subscribed to just this topic", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      const { traffic } = yield* broker(publishPort, subscribePort)
      const info = yield* listen(subscribePort, ["info\0"])
      const { publish } = yield* connect(publishPort)
      yield* join({ publish }, "info", info.received)
      const sent = ["information", "info", "inf", "info"].map((topic, i) => messageOf(topic, String(i)))
      assert.deepStrictEqual(yield* publish(sent), { published: 4, reason: "" })
      const [one, two] = [yield* Queue.take(info.received), yield* Queue.take(info.received)]
      assert.deepStrictEqual(
        [one, two].map(({ frames }) => frames.map(text)),
        [
          ["info\0", "1"],
          ["info\0", "3"]
        ]
      )
      assert.isUndefined(one.acknowledge)
      assert.isAtLeast(traffic.messages, 5)
      assert.deepStrictEqual(traffic.connections, { publisher: 1, subscriber: 1 })
    })
  )

  it.scopedLive("says that nobody listens, instead of throwing messages away", () =>
    Effect.gen(function* () {
      const [port] = yield* ports
      const { publish, ready } = yield* connect(port)
      const exit = yield* Effect.exit(publish([messageOf("info", "lost?")]))
      assert(Exit.isFailure(exit))
      assert.match(String(exit.cause), new RegExp(`nobody has subscribed at tcp://127.0.0.1:${port}`))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ready)))
    })
  )

  it.scopedLive("loses nothing that was taken while there is a broker, and takes no more than there is room for", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      yield* broker(publishPort, subscribePort, { highWaterMark: 100_000 })
      const all = yield* listen(subscribePort, [""])
      const { publish } = yield* connect(publishPort, 10)
      yield* join({ publish }, "a", all.received)
      const count = 5000
      const body = new Uint8Array(200)
      const result = yield* publish(Array.from({ length: count }, (_, i) => messageOf(`t${i}`, body)))
      assert.strictEqual(result.published, count)
      for (let i = 0; i < count; i++) {
        const { frames } = yield* Queue.take(all.received)
        assert.strictEqual(text(frames[0]), `t${i}\0`)
      }
    })
  )

  it.scopedLive("goes on with a broker that was started anew", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      const first = yield* broker(publishPort, subscribePort)
      const all = yield* listen(subscribePort, [""])
      const { publish, ready } = yield* connect(publishPort)
      yield* join({ publish }, "a", all.received)
      yield* first.stop
      // The publisher hears of it in a moment.
      yield* Effect.repeat(Effect.delay(Effect.exit(ready), 10), { until: Exit.isFailure })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(publish([messageOf("a", "2")]))))
      yield* broker(publishPort, subscribePort)
      yield* join({ publish }, "a", all.received)
    })
  )

  it.scopedLive("sends on what was taken after the publisher has closed", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      yield* broker(publishPort, subscribePort, { highWaterMark: 100_000 })
      const all = yield* listen(subscribePort, ["b"])
      const warm = yield* connect(publishPort)
      yield* join(warm, "b", all.received)
      yield* Effect.scoped(
        Effect.flatMap(connect(publishPort), ({ publish }) =>
          publish(Array.from({ length: 500 }, () => messageOf("burst", "x")))
        )
      )
      for (let i = 0; i < 500; i++) yield* Queue.take(all.received)
    })
  )

  it.scopedLive("lets a subscriber that reads nothing hurt nobody", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      yield* broker(publishPort, subscribePort, { highWaterMark: 100_000 })
      const zmq = yield* zeroMq()
      const dead = new zmq.Subscriber({ receiveHighWaterMark: 1, linger: 0 })
      yield* Effect.addFinalizer(() => Effect.sync(() => dead.close()))
      dead.connect(`tcp://${host}:${subscribePort}`)
      dead.subscribe("")
      const live = yield* listen(subscribePort, [""])
      const { publish } = yield* connect(publishPort)
      yield* join({ publish }, "a", live.received)
      const body = new Uint8Array(1000)
      const result = yield* publish(Array.from({ length: 5000 }, () => messageOf("a", body)))
      assert.strictEqual(result.published, 5000)
      for (let i = 0; i < 5000; i++) assert.lengthOf((yield* Queue.take(live.received)).frames[1]!, 1000)
    })
  )

  it.scopedLive("gives a subscriber what had arrived when it ends, in order, and then nothing", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      yield* broker(publishPort, subscribePort)
      const witness = yield* listen(subscribePort, [""])
      const received = yield* Queue.unbounded<Received>()
      let release = (): void => {}
      const released = new Promise<void>((resolve) => (release = resolve))
      const { subscribe } = yield* subscriber({ host, port: subscribePort, highWaterMark: 1000, maxMessageBytes: 1e6 })
      const taking = yield* Effect.forkScoped(
        subscribe([""], (message) => {
          received.unsafeOffer(message)
          // Nobody has to wait for what it gives, but this subscriber does: so the others are still in its socket.
          return text(message.frames[0]) === "b\0" ? released : undefined
        })
      )
      const { publish } = yield* connect(publishPort)
      yield* join({ publish }, "a", received)
      yield* join({ publish }, "a", witness.received)
      const sent = Array.from({ length: 500 }, (_, i) => `number ${i}`)
      yield* publish(sent.map((body) => messageOf("b", body)))
      const numbered = (messages: Iterable<Received>): ReadonlyArray<string> =>
        Array.from(messages, ({ frames }) => text(frames[1])).filter((body) => !["hello", "joined"].includes(body))
      for (let seen = 0; seen < sent.length;) seen += numbered([yield* Queue.take(witness.received)]).length
      const ended = yield* Effect.fork(Fiber.interrupt(taking))
      yield* Effect.yieldNow()
      release()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(ended)))
      const got = numbered(yield* Queue.takeAll(received))
      assert.isAbove(got.length, 1)
      assert.deepStrictEqual(got, sent.slice(0, got.length))
      yield* publish([messageOf("b", "too late")])
      assert.deepStrictEqual(numbered([yield* Queue.take(witness.received)]), ["too late"])
      assert.deepStrictEqual(numbered(yield* Queue.takeAll(received)), [])
    })
  )

  it.scopedLive("counts who is connected, and none of those who only try the door", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      const { traffic } = yield* broker(publishPort, subscribePort)
      const strangers = [publishPort, subscribePort].flatMap((port) =>
        ["", "GET / HTTP/1.1\r\n\r\n"].map((words) => [port, words] as const)
      )
      for (const [port, words] of strangers) {
        yield* Effect.async<void>((resume) => {
          const socket = connectTo(port, host, () => socket.end(words))
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
          socket.resume()
        })
      }
      const all = yield* listen(subscribePort, [""])
      yield* Effect.scoped(Effect.flatMap(connect(publishPort), (publisher) => join(publisher, "a", all.received)))
      yield* Effect.repeat(Effect.sleep(5), { until: () => traffic.connections.publisher === 0 })
      assert.deepStrictEqual(traffic.connections, { publisher: 0, subscriber: 1 })
    })
  )

  it.scopedLive("says which address is taken, or none", () =>
    Effect.gen(function* () {
      const [publishPort, subscribePort] = yield* ports
      const started = yield* Deferred.make<void>()
      yield* broker(publishPort, subscribePort)
      const other = yield* connect(publishPort)
      yield* Effect.repeat(Effect.exit(other.ready), { until: Exit.isSuccess })
      yield* Deferred.succeed(started, undefined)
      const quiet = { highWaterMark: 1, maxMessageBytes: 1, linger: 0, onMessage: () => {}, onConnection: () => {} }
      const taken = yield* Effect.flip(forward({ ...quiet, host, publishPort, subscribePort }))
      assert.strictEqual(taken.message.includes("EADDRINUSE") || taken.reason.includes("EADDRINUSE"), true)
      const none = yield* Effect.flip(forward({ ...quiet, host: "192.0.2.1", publishPort, subscribePort }))
      assert.match(none.reason, /tcp:\/\/192\.0\.2\.1:\d+ is no address of this machine/)
    })
  )

  it.effect("says what to install where the package is missing", () =>
    Effect.map(Effect.flip(zeroMq("no-such-package")), (error) => {
      assert.deepInclude(error, { _tag: "MissingPackage", package: "no-such-package" })
      assert.strictEqual(
        error.message,
        'the optional package "no-such-package" is not installed: npm install no-such-package'
      )
    })
  )
})
