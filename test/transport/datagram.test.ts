import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import dns, { type LookupAddress, type LookupAllOptions } from "node:dns"
import { rmSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import * as Datagram from "../../src/transport/datagram.js"
import { freePort } from "../servers/harness.js"
import { folder, udp } from "../sinks/statsd/harness.js"
import { isBuilt, receiver } from "./unixReceiver.js"

const probe = new Uint8Array([10])
const unpaced = { burstBytes: Infinity, pauseMillis: 1 }

const toUdp = (port: number, pacing = unpaced, host = "127.0.0.1") =>
  Datagram.make({ address: { host, port }, pacing, probe })

/** Datagrams of these texts. */
const packed = (texts: ReadonlyArray<string>): readonly [Uint8Array, ReadonlyArray<number>] => {
  const bounds: Array<number> = []
  let at = 0
  for (const text of texts) bounds.push(at, (at += Buffer.byteLength(text)))
  return [Buffer.from(texts.join("")), bounds]
}

const send = ({ send }: Datagram.Datagrams, ...texts: ReadonlyArray<string>) => send(...packed(texts))

/** Nobody listens at it. Those of TCP and UDP are not the same, but the system gives neither away. */
const free = Effect.promise(freePort)

describe("datagrams over UDP", () => {
  it.scopedLive("arrive each by itself, in their order", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port)
      const { fates, reason } = yield* send(datagrams, "a", "bc", "def")
      assert.deepStrictEqual([fates, reason], [["sent", "sent", "sent"], undefined])
      yield* receiver.until(3)
      assert.deepStrictEqual(receiver.packets, ["a", "bc", "def"])
    })
  )

  it.scopedLive("arrive although the scope ends at once", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const texts = Array.from({ length: 50 }, (_, i) => `p${i}`)
      yield* Effect.scoped(Effect.flatMap(toUdp(receiver.port), (datagrams) => send(datagrams, ...texts)))
      yield* receiver.until(50)
    })
  )

  it.scopedLive("do not wait for each other's pauses for ever, where several sendings share them", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port, { burstBytes: 2, pauseMillis: 200 })
      const sending = (name: string) => send(datagrams, ...Array.from({ length: 2 }, () => name.repeat(2)))
      const first = yield* Effect.fork(sending("a"))
      // In the middle of the first one's pause.
      yield* receiver.until(1)
      yield* Effect.sleep("100 millis")
      const all = yield* Effect.zip(Fiber.join(first), sending("b"), { concurrent: true })
      for (const { fates } of all) assert.deepStrictEqual(fates, ["sent", "sent"])
      yield* receiver.until(4)
    })
  )

  it.scopedLive("are known not to be wanted also by a process that is busy", () =>
    Effect.gen(function* () {
      const datagrams = yield* toUdp(yield* free)
      let isBusy = true
      const work = (): void => {
        const end = Date.now() + 20
        while (Date.now() < end);
        if (isBusy) setImmediate(work)
      }
      work()
      const failure = yield* Effect.flip(datagrams.open).pipe(Effect.ensuring(Effect.sync(() => (isBusy = false))))
      assert.include(failure.reason, "nobody listens")
    })
  )

  it.scopedLive("are not sent where nobody listens, and are once somebody does", () =>
    Effect.gen(function* () {
      const port = yield* free
      const datagrams = yield* toUdp(port)
      for (let i = 0; i < 3; i++) {
        const failure = yield* Effect.flip(send(datagrams, "lost"))
        assert.strictEqual(failure.reason, `nobody listens (ECONNREFUSED) at 127.0.0.1:${port}`)
        assert.isFalse(failure.ambiguous)
      }
      const receiver = yield* udp(port)
      yield* send(datagrams, "kept")
      yield* receiver.until(1)
      assert.deepStrictEqual(receiver.packets, ["kept"])
    })
  )

  it.scopedLive("find a receiver that was started again, and lose no more than one sending", () =>
    Effect.gen(function* () {
      const first = yield* udp(yield* free)
      const datagrams = yield* toUdp(first.port)
      yield* send(datagrams, "a")
      yield* first.until(1)
      yield* first.close
      // The kernel takes it, and is told afterwards that nobody was there.
      yield* send(datagrams, "lost")
      yield* Effect.sleep("20 millis")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(send(datagrams, "kept"))))
      const second = yield* udp(first.port)
      yield* send(datagrams, "kept")
      yield* second.until(1)
      assert.deepStrictEqual(second.packets, ["kept"])
    })
  )

  it.scopedLive("say that a host is not known", () =>
    Effect.gen(function* () {
      const datagrams = yield* toUdp(8125, unpaced, "no-such-host.invalid")
      const failure = yield* Effect.flip(send(datagrams, "a"))
      assert.match(failure.reason, /no-such-host\.invalid:8125/)
      assert.isFalse(failure.ambiguous)
    })
  )

  it.scopedLive("say that an address may not be sent to", () =>
    Effect.gen(function* () {
      const datagrams = yield* toUdp(8125, unpaced, "255.255.255.255")
      const failure = yield* Effect.flip(send(datagrams, "a"))
      assert.strictEqual(failure.reason, "permission denied (EACCES) at 255.255.255.255:8125")
    })
  )

  it.scopedLive("go to the address of a name at which somebody listens", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port, unpaced, "localhost")
      yield* send(datagrams, "a")
      yield* receiver.until(1)
    })
  )

  it.scopedLive(
    "follow the name of a host that has moved, and stay where it cannot be looked up or nobody is there",
    () =>
      Effect.gen(function* () {
        const before = yield* udp()
        const after = yield* udp(before.port, "127.0.0.2")
        // What the name stands for, asked for every sending.
        let addresses: ReadonlyArray<string> = ["127.0.0.1"]
        yield* lookingUp("moves.example", (tell) =>
          addresses.length === 0
            ? tell(Object.assign(new Error("away"), { code: "EAI_AGAIN" }), [])
            : tell(
                null,
                addresses.map((address) => ({ address, family: 4 }))
              )
        )
        const address = { host: "moves.example", port: before.port }
        const datagrams = yield* Datagram.make({ address, pacing: unpaced, probe, nameMillis: 0 })
        yield* send(datagrams, "a")
        for (const [text, ...names] of [
          ["b"],
          ["c", "127.0.0.3"],
          ["d", "127.0.0.9", "127.0.0.1"],
          ["e", "127.0.0.2"]
        ]) {
          addresses = names
          yield* send(datagrams, text!)
        }
        yield* after.until(1)
        yield* before.until(4)
        assert.deepStrictEqual([before.packets, after.packets], [["a", "b", "c", "d"], ["e"]])
      })
  )

  it.scopedLive("are rejected one by one where they are too large for any socket", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port)
      const { fates } = yield* send(datagrams, "a", "x".repeat(70_000), "b")
      assert.deepStrictEqual(fates, ["sent", "rejected", "sent"])
      yield* receiver.until(2)
    })
  )

  it.scopedLive("go in bursts, with a pause after each", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port, { burstBytes: 100, pauseMillis: 20 })
      yield* datagrams.open
      const before = performance.now()
      yield* send(datagrams, ...Array.from({ length: 10 }, () => "x".repeat(50)))
      // Five bursts have four pauses between them, and timers may fire a little early.
      assert.isAtLeast(performance.now() - before, 4 * 19)
      yield* receiver.until(10)
    })
  )

  it.scopedLive("stop where they are interrupted, and go on with the next sending", () =>
    Effect.gen(function* () {
      const receiver = yield* udp()
      const datagrams = yield* toUdp(receiver.port, { burstBytes: 1, pauseMillis: 1000 })
      const fiber = yield* Effect.fork(send(datagrams, "a", "b", "c"))
      yield* receiver.until(1)
      yield* Fiber.interrupt(fiber)
      const paced = yield* Effect.fork(send(datagrams, "d"))
      yield* receiver.until(2)
      yield* Fiber.join(paced)
      assert.deepStrictEqual(receiver.packets, ["a", "d"])
    })
  )
})

type Tell = (error: Error | null, found: ReadonlyArray<LookupAddress>) => void

/** Of this host, in place of the system's, until the scope ends. */
const lookingUp = (host: string, lookup: (tell: Tell) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const original = dns.lookup
      const instead = (asked: string, options: LookupAllOptions, tell: Tell) =>
        asked === host ? lookup(tell) : original(asked, options, tell)
      Object.assign(dns, { lookup: instead })
      syncBuiltinESMExports()
      return original
    }),
    (original) =>
      Effect.sync(() => {
        dns.lookup = original
        syncBuiltinESMExports()
      })
  )

const toUnix = (path: string) => Datagram.make({ address: { path }, pacing: unpaced, probe })

describe.skipIf(!isBuilt)(`datagrams over a Unix socket${isBuilt ? "" : " (unix-dgram was not built here)"}`, () => {
  it.scopedLive("arrive each by itself", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const { until } = yield* receiver(path)
      const datagrams = yield* toUnix(path)
      const { fates } = yield* send(datagrams, "a", "b\nc")
      assert.deepStrictEqual(fates, ["sent", "sent"])
      assert.deepStrictEqual(yield* until(2), ["a", "b~c"])
    })
  )

  it.scopedLive("wait for a receiver that is slow, and for one that is not there yet", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const datagrams = yield* toUnix(path)
      const failure = yield* Effect.flip(send(datagrams, "a"))
      assert.match(failure.reason, /^there is no socket \(ENOENT\)/)
      const { go, until } = yield* receiver(path, "waits")
      const texts = Array.from({ length: 2000 }, (_, i) => `${i}${"x".repeat(500)}`)
      const fiber = yield* Effect.fork(send(datagrams, ...texts))
      yield* Effect.sleep("50 millis")
      yield* go
      const { fates } = yield* Fiber.join(fiber)
      assert.isTrue(fates.every((fate) => fate === "sent"))
      assert.sameMembers([...(yield* until(2000))], texts)
    })
  )

  it.scopedLive("give up after a while what nobody reads, and say what was not sent", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      yield* receiver(path, "waits")
      const datagrams = yield* toUnix(path)
      const texts = Array.from({ length: 2000 }, (_, i) => `${i}${"x".repeat(500)}`)
      const { fates, reason } = yield* send(datagrams, ...texts)
      assert.include(fates, "sent")
      assert.include(fates, "unsent")
      assert.match(reason!, /ENOBUFS/)
    })
  )

  it.scopedLive("find a socket that was removed and made again", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const first = yield* receiver(path)
      const datagrams = yield* toUnix(path)
      yield* send(datagrams, "a")
      yield* first.until(1)
      yield* first.kill
      assert.isTrue(Exit.isFailure(yield* Effect.exit(send(datagrams, "kept"))))
      rmSync(path)
      const second = yield* receiver(path)
      yield* send(datagrams, "kept")
      assert.deepStrictEqual(yield* second.until(1), ["kept"])
    })
  )
})
