import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as LaneQueue from "../../src/delivery/queue.js"
import { Account } from "../../src/recording/account.js"
import type { Point, Series } from "../../src/recording/measurement.js"

// Nothing here reads a series.
const series = {} as Series

const point = (id: number): Point => ({
  _tag: "point",
  series,
  weight: 1,
  millis: id,
  nanos: 0,
  fieldNames: [],
  fieldValues: [],
  sampleRate: 1
})

const made = (options: Partial<LaneQueue.QueueOptions> = {}) => {
  const account = new Account()
  const triggers: Array<number> = []
  const queue: LaneQueue.LaneQueue = Effect.runSync(
    LaneQueue.make(
      {
        capacity: 5,
        capacityBytes: 1_000_000,
        overflow: "drop-newest",
        triggerSize: 1000,
        onTrigger: () => triggers.push(queue.tail() - queue.head()),
        maxAge: 1000,
        ...options
      },
      account
    )
  )
  let next = 0
  const offer = (count: number, bytes = 1): void => {
    for (let i = 0; i < count; i++) queue.offer(point(next++), bytes)
  }
  const take = (limit: number): ReadonlyArray<number> => queue.take(limit, 0).points.map(({ millis }) => millis)
  return { account, queue, offer, take, triggers }
}

const range = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from }, (_, i) => from + i)

describe("the lane's queue", () => {
  it("holds capacity points, no more and no fewer, and counts the others", () => {
    for (const capacity of [1, 2, 63, 64, 65, 200]) {
      const { account, offer, queue, take } = made({ capacity })
      offer(capacity)
      assert.strictEqual(account.dropped.size, 0)
      offer(1)
      assert.strictEqual(queue.weight(), capacity)
      assert.strictEqual(account.dropped.get("queue_full"), 1)
      assert.strictEqual(account.recorded, capacity + 1)
      assert.deepStrictEqual(take(Number.POSITIVE_INFINITY), range(0, capacity))
    }
  })

  it("keeps the earliest of a burst, or with drop-oldest the latest", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(300), (capacity, burst) => {
        const kept = Math.min(capacity, burst)
        const newest = made({ capacity })
        newest.offer(burst)
        assert.deepStrictEqual(newest.take(1000), range(0, kept))
        const oldest = made({ capacity, overflow: "drop-oldest" })
        oldest.offer(burst)
        assert.deepStrictEqual(oldest.take(1000), range(burst - kept, burst))
        for (const { account } of [newest, oldest])
          assert.strictEqual(account.dropped.get("queue_full") ?? 0, burst - kept)
      })
    )
  })

  it("pushes out as many as it takes, and knows which are left", () => {
    const { account, offer, queue, take } = made({
      capacity: 70,
      capacityBytes: 10_000,
      overflow: "drop-oldest",
      maxAge: 1000
    })
    offer(70, 100)
    queue.mark(0)
    offer(1, 6000)
    assert.strictEqual(account.dropped.get("queue_bytes"), 30)
    assert.strictEqual(queue.head(), 30)
    assert.strictEqual(queue.tail(), 71)
    assert.strictEqual(queue.bytes(), 10_000)
    offer(1, 10_000)
    assert.strictEqual(queue.weight(), 1)
    queue.expire(1000)
    assert.strictEqual(queue.weight(), 1, "what came after the mark stays")
    assert.deepStrictEqual(take(10), [71])
    assert.strictEqual(queue.head(), queue.tail())
  })

  it("is bounded in bytes too", () => {
    const newest = made({ capacityBytes: 100 })
    newest.offer(2, 50)
    newest.offer(1, 1)
    assert.deepStrictEqual(newest.take(10), [0, 1])
    assert.strictEqual(newest.account.dropped.get("queue_bytes"), 1)

    const oldest = made({ capacityBytes: 100, overflow: "drop-oldest" })
    oldest.offer(3, 30)
    oldest.offer(1, 70)
    assert.strictEqual(oldest.queue.bytes(), 100)
    oldest.offer(1, 101)
    assert.strictEqual(oldest.queue.weight(), 2, "what can never fit pushes nothing out")
    assert.deepStrictEqual(oldest.take(10), [2, 3])
    assert.strictEqual(oldest.account.dropped.get("queue_bytes"), 3)
    assert.strictEqual(oldest.queue.bytes(), 0)
  })

  it("behaves as a list with a bound, through any sequence of offers and takes", () => {
    const step = fc.oneof(
      fc.record({ offer: fc.nat(150), bytes: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ take: fc.nat(150) })
    )
    const settings = fc.record({
      capacity: fc.integer({ min: 1, max: 200 }),
      capacityBytes: fc.integer({ min: 20, max: 900 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), settings, (steps, options) => {
        const { account, offer, queue, take } = made(options)
        let list: ReadonlyArray<readonly [id: number, bytes: number]> = []
        let next = 0
        let lost = 0
        for (const one of steps) {
          if ("offer" in one) {
            offer(one.offer, one.bytes)
            for (let i = 0; i < one.offer; i++) {
              const bytes = list.reduce((sum, [, bytes]) => sum + bytes, one.bytes)
              if (list.length < options.capacity && bytes <= options.capacityBytes) list = [...list, [next, one.bytes]]
              else lost++
              next++
            }
          } else {
            assert.deepStrictEqual(
              take(one.take),
              list.slice(0, one.take).map(([id]) => id)
            )
            list = list.slice(one.take)
          }
          assert.strictEqual(queue.weight(), list.length)
          assert.strictEqual(queue.tail() - queue.head(), list.length)
          assert.strictEqual((account.dropped.get("queue_full") ?? 0) + (account.dropped.get("queue_bytes") ?? 0), lost)
          assert.strictEqual(account.recorded, next)
        }
      })
    )
  })

  it("gives nothing while it is empty, and holds no more for having been asked", () => {
    const { offer, queue, take } = made({ capacity: 3 })
    assert.deepStrictEqual(take(5), [])
    offer(9)
    assert.strictEqual(queue.weight(), 3)
    assert.deepStrictEqual(take(5), [0, 1, 2])
  })

  it("tells when triggerSize points wait, each time it comes to that", () => {
    const { offer, take, triggers } = made({ capacity: 10, triggerSize: 3 })
    offer(5)
    assert.deepStrictEqual(triggers, [3])
    take(4)
    offer(2)
    assert.deepStrictEqual(triggers, [3, 3])
  })

  it("expires what was recorded before a mark that is maxAge old, and nothing younger", () => {
    const { account, offer, queue, take } = made({ capacity: 10, maxAge: 1000 })
    offer(2)
    queue.mark(0)
    offer(2)
    queue.mark(500)
    offer(1)
    queue.expire(999)
    assert.strictEqual(queue.weight(), 5)
    queue.expire(1000)
    assert.strictEqual(queue.weight(), 3)
    assert.strictEqual(account.dropped.get("expired"), 2)
    queue.expire(1499)
    queue.expire(1500)
    assert.strictEqual(account.dropped.get("expired"), 4)
    queue.expire(1_000_000)
    assert.deepStrictEqual(take(10), [4], "never marked, so nobody knows its age")
  })

  it("says of what it gives since when it has been there at the latest", () => {
    const { offer, queue } = made({ capacity: 10, maxAge: 1000 })
    offer(2)
    queue.mark(100)
    offer(2)
    queue.mark(300)
    offer(1)
    assert.strictEqual(queue.take(1, 900).since, 100)
    assert.strictEqual(queue.take(2, 900).since, 300)
    assert.strictEqual(queue.take(2, 900).since, 900)
  })

  it("keeps few marks however often it is asked to", () => {
    const { offer, queue } = made({ capacity: 100_000, maxAge: 1000 })
    for (let at = 0; at < 5000; at++) {
      offer(1)
      queue.mark(at / 5)
    }
    // Each mark that is kept ends one expiry.
    let expiries = 0
    for (let at = 0; at < 3000; at += 1) {
      const before = queue.weight()
      queue.expire(at)
      if (queue.weight() < before) expiries++
    }
    assert.isAtMost(expiries, 33)
    assert.isAbove(expiries, 25)
  })
})
