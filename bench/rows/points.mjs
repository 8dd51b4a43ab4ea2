// @ts-check
/** Points into a bounded queue and out again. */
import { Effect, Queue } from "effect"
import { Account } from "../../dist/recording/account.js"
import { make } from "../../dist/delivery/queue.js"
import { atMost, compare } from "../harness.mjs"

const capacity = 65_536
const batch = 1000
const names = ["value"]
const series = { name: "latency", tags: [], kind: /** @type {const} */ ("point"), encoded: undefined }

const makeRing = () => {
  const slots = new Array(capacity).fill(undefined)
  const mask = capacity - 1
  let first = 0
  let count = 0
  return {
    offer: (/** @type {unknown} */ point) => {
      if (count === capacity) return false
      slots[(first + count++) & mask] = point
      return true
    },
    take: (/** @type {number} */ limit) => {
      const taken = []
      for (let n = Math.min(limit, count); n > 0; n--) {
        taken.push(slots[first])
        slots[first] = undefined
        first = (first + 1) & mask
        count--
      }
      return taken
    }
  }
}

/** @param {number} i */
const point = (i) => ({
  _tag: /** @type {const} */ ("point"),
  series: /** @type {any} */ (series),
  weight: 1,
  millis: i,
  nanos: 0,
  fieldNames: names,
  fieldValues: [i],
  sampleRate: 1
})

/** @type {import("../harness.mjs").Row} */
export const points = {
  name: "points",
  title: "A point into the queue and out, by batches of 1000",
  unit: "ns",
  goals: [atMost("at most 2 times a ring", "effect-metrics, the lane's queue", 2, "raw: ring")],
  run: async (context) => {
    const ring = makeRing()
    const fullRing = makeRing()
    for (let i = 0; i < capacity; i++) fullRing.offer(point(i))
    const options = {
      capacity,
      capacityBytes: Infinity,
      overflow: /** @type {const} */ ("drop-newest"),
      triggerSize: Infinity,
      onTrigger: () => {},
      maxAge: 900_000
    }
    const queue = Effect.runSync(make(options, new Account()))
    const fullQueue = Effect.runSync(make(options, new Account()))
    for (let i = 0; i < capacity; i++) fullQueue.offer(point(i), 100)
    const dropping = Effect.runSync(Queue.dropping(capacity))
    let taken = 0
    const results = await compare(context, [
      {
        name: "raw: ring",
        kind: "raw",
        run: (n) => {
          for (let i = 0; i < n; i += batch) {
            for (let j = 0; j < batch; j++) ring.offer(point(i + j))
            taken += ring.take(batch).length
          }
        }
      },
      {
        name: "effect-metrics, the lane's queue",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i += batch) {
            for (let j = 0; j < batch; j++) queue.offer(point(i + j), 100)
            taken += queue.take(batch, 0).points.length
          }
        }
      },
      {
        name: "Effect, Queue.dropping",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i += batch) {
            for (let j = 0; j < batch; j++) Queue.unsafeOffer(dropping, point(i + j))
            taken += Effect.runSync(Queue.takeUpTo(dropping, batch)).length
          }
        }
      },
      {
        name: "raw: full ring",
        kind: "raw",
        run: (n) => {
          for (let i = 0; i < n; i++) fullRing.offer(point(i))
        }
      },
      {
        name: "effect-metrics, the lane's queue, full",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i++) fullQueue.offer(point(i), 100)
        }
      }
    ])
    if (taken === 0) throw new Error("nothing was taken")
    return { results, notes: ["Making the point is part of the work in all of them."] }
  }
}
