import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Retry from "../../src/delivery/retry.js"
import type { Config, Outcome } from "../../src/delivery/state.js"
import { check, defaults, heal, loseAnswer, rules, World } from "./world.js"

const fails = (
  _tag: Exclude<Outcome["_tag"], "Written">,
  more: { ambiguous?: boolean; retryAfterMillis?: number } = {}
): Outcome => ({
  _tag,
  reason: "no",
  ambiguous: false,
  ...more
})

const none = (): boolean => false

/** A world with `n` points in one batch that is being written. */
const writing = (n: number, config: Partial<Config> = {}, encode?: World["rules"]["encode"]): World => {
  const world = new World(
    rules({ batchSize: n, triggerSize: n, ...config }, { capacity: n, ...(encode && { encode }) })
  )
  for (let i = 0; i < n; i++) world.point()
  return world
}

/** Answers every write until nothing is left to write. */
const serve = (world: World, answer: (world: World) => void): void => {
  for (let turn = 0; turn < 5000; turn++) {
    check(world)
    if (world.open.length > 0) answer(world)
    else if (world.wakeAt() !== undefined) world.advance()
    else return
  }
  assert.fail("the lane does not come to rest")
}

const delivered = (world: World): ReadonlyArray<number> => world.delivered.flatMap(({ ids }) => ids)

describe("isolating what a backend refuses", () => {
  const batches = fc
    .integer({ min: 1, max: 64 })
    .chain((n) => fc.record({ n: fc.constant(n), bad: fc.uniqueArray(fc.nat(n - 1), { maxLength: 5 }) }))

  it("delivers exactly the good ones, drops exactly the bad ones, within 2|X|log2(n)+1 writes", () => {
    fc.assert(
      fc.property(batches, fc.constantFrom("Rejected" as const, "Defect" as const), ({ bad, n }, tag) => {
        const world = writing(n)
        serve(world, (world) => {
          const isBad = world.open[0]!.items.some(({ ids }) => bad.includes(ids[0]!))
          if (isBad) world.answer(fails(tag), none)
          else world.ok()
        })
        assert.deepStrictEqual(
          delivered(world),
          Array.from({ length: n }, (_, id) => id).filter((id) => !bad.includes(id))
        )
        assert.strictEqual(world.droppedFor("rejected"), bad.length)
        assert.isAtMost(world.requests, 2 * bad.length * Math.ceil(Math.log2(n)) + 1)
      }),
      { numRuns: 200 }
    )
  })

  it("finds by halves what makes the encoder throw, without writing it", () => {
    fc.assert(
      fc.property(batches, ({ bad, n }) => {
        const world = writing(n, {}, ({ items }) =>
          items.some(({ ids }) => bad.includes(ids[0]!)) ? "throws" : { taken: items.length, refused: [] }
        )
        serve(world, (world) => world.ok())
        assert.strictEqual(delivered(world).length, n - bad.length)
        assert.strictEqual(world.droppedFor("rejected"), bad.length)
      }),
      { numRuns: 200 }
    )
  })

  it("halves what is too large: everything that fits alone is delivered, the others are dropped as too_large", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 30 }), (sizes, limit) => {
        const world = writing(sizes.length)
        const size = (id: number): number => sizes[id]!
        serve(world, (world) => {
          const total = world.open[0]!.items.reduce((sum, { ids }) => sum + size(ids[0]!), 0)
          if (total > limit) world.answer(fails("TooLarge"), none)
          else world.ok()
        })
        const fits = sizes.flatMap((size, id) => (size <= limit ? [id] : []))
        assert.deepStrictEqual(delivered(world), fits)
        assert.strictEqual(world.droppedFor("too_large"), sizes.length - fits.length)
      }),
      { numRuns: 200 }
    )
  })

  it("never merges windows that were rejected back into their series", () => {
    const world = new World(rules())
    world.record("a")
    world.record("b")
    world.post({ _tag: "Tick" })
    world.answer(fails("Rejected"), none)
    assert.deepStrictEqual(
      world.open[0]!.items.map(({ series }) => series),
      ["a"]
    )
    world.answer(fails("Rejected"), none)
    world.ok()
    check(world)
    assert.strictEqual(world.droppedFor("rejected"), 1)
    assert.strictEqual(world.weight(world.delivered), 1)
  })

  it("waits between tries once 32 writes in a row were rejected, instead of spinning", () => {
    const world = writing(64)
    let before = world.now
    let spun = 0
    while (world.open.length > 0) {
      world.answer(fails("Rejected"), none)
      spun++
    }
    assert.strictEqual(spun, 32)
    const waits: Array<number> = []
    while (waits.length < 8) {
      world.advance()
      waits.push(world.now - before)
      before = world.now
      world.answer(fails("Rejected"), none)
    }
    assert.deepStrictEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000])
    heal(world)
  })
})

describe("waiting between tries", () => {
  it("is full jitter: from nothing to twice the last bound, at most the longest", () => {
    const config = fc.record({
      retryInitial: fc.integer({ min: 1, max: 5000 }),
      retryMax: fc.integer({ min: 1, max: 60_000 })
    })
    fc.assert(
      fc.property(
        config,
        fc.nat(2000),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (given, n, random) => {
          const wait = Retry.backoff({ ...defaults, ...given, jitter: "full" }, n, random)
          const bound = Math.min(given.retryMax, given.retryInitial * 2 ** Math.min(n, 40))
          assert.isAtLeast(wait, 0)
          assert.approximately(wait, bound * random, 1e-6)
        }
      )
    )
  })

  it("doubles with every failure and begins anew after a success", () => {
    const world = writing(2)
    const waits = (count: number): ReadonlyArray<number> =>
      Array.from({ length: count }, () => {
        world.answer(fails("Unavailable"), none)
        const before = world.now
        assert.strictEqual(world.open.length, 0)
        world.advance()
        return world.now - before
      })
    assert.deepStrictEqual(waits(9), [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    world.ok()
    world.point()
    world.point()
    assert.deepStrictEqual(waits(2), [250, 500])
  })

  it("uses the whole of the jitter", () => {
    const world = writing(2, { jitter: "full" })
    world.random = 0.25
    world.answer(fails("Unavailable"), none)
    assert.strictEqual(world.wakeAt(), 62.5)
  })

  it("is as long as the backend asks for, within (0, 5 minutes], and else as usual", () => {
    const asked: ReadonlyArray<readonly [number | undefined, number]> = [
      [7000, 7000],
      [1, 1],
      [300_001, 300_000],
      [Number.POSITIVE_INFINITY, 300_000],
      [2 ** 31, 300_000],
      [0, 250],
      [-5, 250],
      [Number.NaN, 250],
      [undefined, 250]
    ]
    for (const [retryAfterMillis, wait] of asked) {
      const world = writing(2)
      world.answer(fails("Throttled", retryAfterMillis === undefined ? {} : { retryAfterMillis }), none)
      assert.strictEqual(world.wakeAt(), wait, `Retry-After ${retryAfterMillis} ms`)
    }
  })

  it("pauses at the longest wait where credentials or settings are wrong, and keeps everything", () => {
    for (const tag of ["Unauthorized", "Misconfigured"] as const) {
      const world = writing(2)
      world.answer(fails(tag), none)
      assert.strictEqual(world.wakeAt(), 30_000)
      assert.strictEqual(world.buffered(), 2)
      assert.match(world.logs[0]!, /^error:/)
      heal(world)
      assert.strictEqual(world.weight(world.delivered), 2)
    }
  })

  it("is cut short by a flush, but to no less than the first wait, however many flushes there are", () => {
    for (const tag of ["Unavailable", "Misconfigured"] as const) {
      const world = writing(2)
      for (let i = 0; i < 5; i++) {
        world.answer(fails(tag), none)
        if (i < 4) world.advance()
      }
      const { now } = world
      for (let i = 0; i < 200; i++) world.flush()
      assert.strictEqual(world.requests, 5)
      assert.strictEqual(world.wakeAt(), now + 250)
      world.advance(1000)
      assert.strictEqual(world.requests, 6)
      world.answer(fails(tag), none)
      world.advance(300)
      world.flush()
      assert.strictEqual(world.requests, 7, "at once, if the last try is long enough ago")
    }
    const rejecting = writing(256)
    for (let i = 0; i < 40; i++) {
      if (rejecting.open.length === 0) rejecting.advance()
      rejecting.answer(fails("Rejected"), none)
    }
    for (let i = 0; i < 200; i++) rejecting.flush()
    assert.strictEqual(rejecting.requests, 40)
  })

  it("is skipped by a close, and a backend that asked for patience is only bothered by that", () => {
    const down = writing(2)
    down.answer(fails("Unavailable"), none)
    down.close()
    assert.strictEqual(down.open.length, 1)

    const throttled = writing(2)
    throttled.answer(fails("Throttled", { retryAfterMillis: 60_000 }), none)
    throttled.flush()
    assert.strictEqual(throttled.wakeAt(), 60_000)
    throttled.close()
    assert.strictEqual(throttled.open.length, 1)
    throttled.answer(fails("Unavailable"), none)
    assert.strictEqual(throttled.wakeAt(), 250, "a close tries several times within its deadline")
  })

  it("keeps one write in flight while the backend fails, and counts what failed together once", () => {
    const world = new World(rules({ concurrency: 3, batchSize: 1, triggerSize: 1 }, { capacity: 10 }))
    for (let i = 0; i < 5; i++) world.point()
    assert.strictEqual(world.open.length, 3)
    for (let i = 0; i < 3; i++) world.answer(fails("Unavailable"), none)
    assert.strictEqual(world.wakeAt(), 250)
    world.advance()
    assert.strictEqual(world.open.length, 1)
    world.ok()
    assert.strictEqual(world.open.length, 3)
    heal(world)
  })

  it("is logged at the first failure, at every doubling, and when it is over", () => {
    const world = writing(2)
    for (let i = 0; i < 9; i++) {
      world.answer(fails("Unavailable"), none)
      world.advance()
    }
    assert.strictEqual(world.logs.length, 4)
    world.ok()
    assert.strictEqual(world.logs.length, 5)
    assert.match(world.logs[4]!, /^info: writes again after 9 failures in 91\.8 s$/)
  })

  it("is logged no more often while a backend fails on and off, and anew after a calm minute", () => {
    const world = writing(2)
    const flap = (): void => {
      world.answer(fails("Throttled", { retryAfterMillis: 1000 }), none)
      world.advance()
      world.ok()
      world.point()
      world.point()
    }
    for (let i = 0; i < 65; i++) flap()
    assert.strictEqual(world.logs.length, 14, "7 doublings, each with its end")
    assert.match(world.logs[12]!, /64 times on and off/)
    world.now += 60_000
    flap()
    assert.deepStrictEqual(world.logs.slice(14), [
      "warning: cannot write (Throttled), keeping what is buffered: no",
      "info: writes again after a failure in 1 s"
    ])
  })
})

describe("the fate of a batch", () => {
  it("whose failure is definite: windows gather on, points stay first in line", () => {
    const world = new World(rules({ batchSize: 10 }, { capacity: 10 }))
    world.point()
    world.record("a")
    world.post({ _tag: "Tick" })
    world.answer(fails("Unavailable"), none)
    world.record("a")
    world.point()
    world.advance()
    assert.deepStrictEqual(
      world.open[0]!.items.map(({ ids }) => ids),
      [[0]]
    )
    world.ok()
    assert.deepStrictEqual(
      world.open[0]!.items.map(({ ids }) => ids),
      [[1, 2]]
    )
    world.ok()
    world.post({ _tag: "Tick" })
    assert.deepStrictEqual(
      world.open[0]!.items.map(({ ids }) => ids),
      [[3]]
    )
    heal(world)
    assert.strictEqual(world.retried, 1, "the point; the window gathered on")
  })

  it("which is unknown: it is written again as it was, under the same id, whatever happened meanwhile", () => {
    const world = new World(rules({ batchSize: 10 }, { capacity: 10 }))
    world.record("a")
    world.point()
    world.post({ _tag: "Tick" })
    const [first] = world.open
    loseAnswer(world, "stored")
    world.record("a")
    world.post({ _tag: "Tick" })
    world.advance()
    world.answer(fails("Unavailable"), none)
    world.advance()
    const [third] = world.open
    assert.strictEqual(third!.id, first!.id)
    assert.deepStrictEqual([first!.attempts, third!.attempts], [1, 3])
    assert.isTrue(third!.items.every((item, index) => item === first!.items[index]))
    heal(world)
    assert.strictEqual(world.ambiguous, 2, "counted once")
  })

  it("which is unknown where the wire sums: it is dropped and counted", () => {
    const world = writing(2, { ambiguous: "drop" })
    loseAnswer(world, "stored")
    check(world)
    assert.strictEqual(world.droppedFor("ambiguous"), 2)
    assert.strictEqual(world.ambiguous, 2)
    assert.strictEqual(world.buffered(), 0)
  })

  it("in part: what was stored is never written again, what was refused neither, the rest is, in order", () => {
    const verdicts = fc.array(fc.constantFrom("stored", "kept", "rejected"), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(verdicts, (verdicts) => {
        const world = writing(verdicts.length)
        world.backendReorders = true
        const indices = (wanted: string) => verdicts.flatMap((verdict, index) => (verdict === wanted ? [index] : []))
        const outcome: Outcome = {
          _tag: "Written",
          keep: indices("kept"),
          rejected: indices("rejected"),
          reason: "bad"
        }
        world.answer(outcome, (_, index) => verdicts[index] === "stored")
        check(world)
        assert.deepStrictEqual(delivered(world), indices("stored"))
        serve(world, (world) => {
          assert.deepStrictEqual(
            world.open[0]!.items.map(({ ids }) => ids[0]),
            indices("kept")
          )
          assert.isTrue(world.requests === 2)
          world.ok()
        })
        assert.strictEqual(world.droppedFor("rejected"), indices("rejected").length)
        assert.strictEqual(world.weight(world.delivered), verdicts.length - indices("rejected").length)
      })
    )
  })

  it("of which the backend keeps nothing: that is a failure, with a wait", () => {
    const world = writing(2)
    world.answer({ _tag: "Written", keep: [0, 1], rejected: [], reason: "" }, none)
    assert.strictEqual(world.open.length, 0)
    assert.strictEqual(world.wakeAt(), 250)
  })

  it("that grew too old: it is dropped as expired, its points by their own age", () => {
    const world = new World(rules({ batchSize: 10, maxAge: 1000 }, { capacity: 10 }))
    world.point()
    world.record("a")
    world.post({ _tag: "Tick" })
    loseAnswer(world, "not stored")
    for (let i = 0; i < 20 && world.buffered() > 0; i++) {
      if (world.open.length > 0) loseAnswer(world, "not stored")
      else world.advance()
    }
    check(world)
    assert.strictEqual(world.now, 1000)
    assert.strictEqual(world.droppedFor("expired"), 2)
  })

  it("at the deadline of a close: everything left is counted, and what is being written is of unknown fate", () => {
    const world = new World(rules({}, { capacity: 10 }))
    for (let i = 0; i < 5; i++) world.point()
    world.record("a")
    world.close()
    world.post({ _tag: "Deadline" })
    check(world)
    assert.strictEqual(world.droppedFor("shutdown_deadline"), 6)
    assert.strictEqual(world.ambiguous, 2)
    assert.strictEqual(world.ended, 1)
    world.ok()
    assert.strictEqual(world.delivered.length, 0, "an answer after the end changes nothing")
  })
})

describe("what is written when", () => {
  it("triggerSize writes full batches of points, and no windows", () => {
    const world = new World(rules({ batchSize: 3, triggerSize: 4 }, { capacity: 10 }))
    world.record("a")
    for (let i = 0; i < 3; i++) world.point()
    assert.strictEqual(world.open.length, 0)
    world.point()
    assert.strictEqual(world.open[0]!.items.length, 3)
    world.ok()
    assert.strictEqual(world.open.length, 0)
    assert.strictEqual(world.queue.length, 1)
  })

  it("a tick writes what has gathered until then, and leaves what comes later for the next one", () => {
    const world = new World(rules({ batchSize: 2, triggerSize: 100 }, { capacity: 100 }))
    for (let i = 0; i < 5; i++) world.point()
    world.post({ _tag: "Tick" })
    for (let i = 0; i < 5; i++) world.point()
    const sizes: Array<number> = []
    while (world.open.length > 0) {
      sizes.push(world.open[0]!.items.length)
      world.ok()
    }
    assert.deepStrictEqual(sizes, [2, 2, 1])
    assert.strictEqual(world.queue.length, 5)
  })

  it("what did not fit into a write by its bytes leads the next one, which is filled up", () => {
    const world = new World(
      rules(
        { batchSize: 4, triggerSize: 8 },
        {
          capacity: 10,
          encode: ({ items }) => ({ taken: Math.min(3, items.length), refused: [] })
        }
      )
    )
    for (let i = 0; i < 8; i++) world.point()
    const sizes: Array<number> = []
    while (world.open.length > 0) {
      sizes.push(world.open[0]!.items.length)
      world.ok()
      check(world)
    }
    assert.deepStrictEqual(sizes, [3, 3, 2])
    assert.deepStrictEqual(delivered(world), [0, 1, 2, 3, 4, 5, 6, 7])
  })

  it("what the encoder refuses is dropped for its reason, and a batch of nothing else is not written", () => {
    const world = new World(
      rules(
        { batchSize: 2, triggerSize: 4 },
        {
          capacity: 10,
          encode: ({ items }) => ({
            taken: items.length,
            refused: items.flatMap(({ ids }, index) =>
              ids[0]! < 3
                ? [{ index, drop: ids[0] === 0 ? ("invalid" as const) : ("unsupported" as const), reason: "" }]
                : []
            )
          })
        }
      )
    )
    for (let i = 0; i < 4; i++) world.point()
    assert.deepStrictEqual(
      world.open.map(({ items }) => items.map(({ ids }) => ids[0])),
      [[3]]
    )
    assert.strictEqual(world.droppedFor("invalid"), 1)
    assert.strictEqual(world.droppedFor("unsupported"), 2)
    check(world)
  })

  it("a rate limit holds over every second, and spreads the writes over it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50 }), (rateLimit, batchSize) => {
        const world = new World(rules({ rateLimit, batchSize, triggerSize: 1 }, { capacity: 1000 }))
        for (let i = 0; i < 3 * rateLimit; i++) world.point()
        const writes: Array<{ readonly at: number; readonly n: number }> = []
        while (world.buffered() > 0) {
          if (world.open.length > 0) {
            writes.push({ at: world.now, n: world.open[0]!.items.length })
            world.ok()
          } else world.advance()
        }
        const bucket = Math.max(1, rateLimit / 10)
        for (const { at } of writes) {
          const within = writes.filter((write) => write.at >= at && write.at < at + 1000)
          assert.isAtMost(
            within.reduce((sum, { n }) => sum + n, 0),
            rateLimit + bucket + 1e-6
          )
        }
        assert.isAtMost(Math.max(...writes.map(({ n }) => n)), bucket)
        // Neither slower than asked for.
        assert.isAtMost(world.now, 3000 + 1e-3)
      }),
      { numRuns: 50 }
    )
  })

  it("a flush ends though recording goes on and ticks come faster than writes", () => {
    const world = new World(rules({ batchSize: 2, triggerSize: 2 }, { capacity: 1000 }))
    for (let i = 0; i < 6; i++) world.point()
    world.record("a")
    world.flush()
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < 4; n++) world.point()
      world.record(["a", "b", "c"][i % 3]!)
      world.post({ _tag: "Tick" })
      world.ok()
      check(world)
    }
    assert.deepStrictEqual(world.flushed, [0])
  })

  it("a flush that nobody waits for any more leaves nothing behind", () => {
    const world = new World(rules())
    world.record("a")
    world.flush()
    for (let token = 1; token <= 100; token++) {
      world.record("b")
      world.flush()
      world.forget(token)
    }
    assert.deepStrictEqual(world.state.laterTokens, [])
    world.flush()
    world.forget(0)
    assert.deepStrictEqual(world.state.drain?.tokens, [])
    world.ok()
    assert.deepStrictEqual(world.flushed, [])
    assert.strictEqual(world.open.length, 1, "the one that is waited for goes on")
    world.ok()
    assert.deepStrictEqual(world.flushed, [101])
  })

  it("two flushes at once are one; one that has more to flush comes after it", () => {
    const world = new World(rules())
    world.record("a")
    world.flush()
    world.flush()
    assert.strictEqual(world.open.length, 1)
    world.record("a")
    world.flush()
    world.ok()
    assert.deepStrictEqual(world.flushed, [0, 1])
    world.ok()
    assert.deepStrictEqual(world.flushed, [0, 1, 2])
    assert.strictEqual(world.requests, 2)
  })
})
