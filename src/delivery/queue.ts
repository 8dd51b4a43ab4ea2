/**
 * The lane's bounded queue of points: Effect's `Queue` with the dropping strategy over a ring of our own, which costs less than
 * `Queue.dropping` (the benchmark's row "points"). Recording only calls `unsafeOffer`, the flusher only `takeUpTo`; what is pushed out by newer points is
 * polled from the ring, since nobody waits for room. No fiber ever waits on it (an interrupted taker loses what was handed to
 * it, and lets one more in than fits), and it is never shut down (what it holds would be out of reach).
 */
import { Chunk, Effect, Queue } from "effect"
import type { Account } from "../recording/account.js"
import type { PointQueue, Queued } from "../recording/queue.js"

const initialSlots = 64

/** Points with their bytes, first in first out. Grows by doubling, so that an idle lane holds no slots. */
class Ring implements Queue.BackingQueue<Queued> {
  readonly [Queue.BackingQueueTypeId] = { _A: (_: Queued) => _ }
  private points: Array<Queued | undefined> = new Array<Queued | undefined>(initialSlots)
  private sizes: Array<number> = new Array<number>(initialSlots)
  private first = 0
  private count = 0
  bytes = 0
  /** The size of the point that is offered next: `BackingQueue.offer` has no room for it. */
  nextSize = 0

  constructor(private readonly most: number) {}

  capacity(): number {
    return this.most
  }

  length(): number {
    return this.count
  }

  offer(point: Queued): boolean {
    if (this.count >= this.most) return false
    if (this.count === this.points.length) this.grow()
    const slot = (this.first + this.count) & (this.points.length - 1)
    this.points[slot] = point
    this.sizes[slot] = this.nextSize
    this.bytes += this.nextSize
    this.count++
    return true
  }

  offerAll(points: Iterable<Queued>): Chunk.Chunk<Queued> {
    return Chunk.fromIterable(Array.from(points).filter((point) => !this.offer(point)))
  }

  poll<Def>(empty: Def): Queued | Def {
    if (this.count === 0) return empty
    const slot = this.first
    const point = this.points[slot]!
    this.points[slot] = undefined
    this.bytes -= this.sizes[slot]!
    this.first = (slot + 1) & (this.points.length - 1)
    this.count--
    return point
  }

  pollUpTo(limit: number): Chunk.Chunk<Queued> {
    const { points, sizes } = this
    const mask = points.length - 1
    const count = Math.min(limit, this.count)
    const taken = new Array<Queued>(count)
    let bytes = 0
    for (let i = 0; i < count; i++) {
      const slot = (this.first + i) & mask
      taken[i] = points[slot]!
      points[slot] = undefined
      bytes += sizes[slot]!
    }
    this.first = (this.first + count) & mask
    this.count -= count
    this.bytes -= bytes
    return Chunk.unsafeFromArray(taken)
  }

  weight(): number {
    let weight = 0
    for (let i = 0; i < this.count; i++) weight += this.points[(this.first + i) & (this.points.length - 1)]!.weight
    return weight
  }

  private grow(): void {
    const { count, first, points, sizes } = this
    const slots = points.length * 2
    this.points = new Array<Queued | undefined>(slots)
    this.sizes = new Array<number>(slots)
    for (let i = 0; i < count; i++) {
      const slot = (first + i) & (points.length - 1)
      this.points[i] = points[slot]
      this.sizes[i] = sizes[slot]!
    }
    this.first = 0
  }
}

export interface QueueOptions {
  readonly capacity: number
  readonly capacityBytes: number
  readonly overflow: "drop-newest" | "drop-oldest"
  /** `onTrigger` is called when this many points wait. */
  readonly triggerSize: number
  readonly onTrigger: () => void
  /** Milliseconds; how old a point may become. */
  readonly maxAge: number
}

export interface LaneQueue extends PointQueue {
  /** Sequence number of the first point waiting: how many ever left. */
  readonly head: () => number
  /** Sequence number of the next point: how many were ever let in. */
  readonly tail: () => number
  /** The first points, at most `limit`, and a time at which all of them had been recorded. */
  readonly take: (limit: number, now: number) => { readonly points: ReadonlyArray<Queued>; readonly since: number }
  /** Remembers that all points waiting now were recorded before `now`, so that no clock is read for each. */
  readonly mark: (now: number) => void
  /** Drops the points which are known to be recorded `maxAge` or longer before `now`. */
  readonly expire: (now: number) => void
  /** Found by walking. */
  readonly weight: () => number
  readonly bytes: () => number
}

/** So many marks are kept; points may be older than `maxAge` by this part of it when they expire. */
const marksPerAge = 32

export const make = (options: QueueOptions, account: Account): Effect.Effect<LaneQueue> => {
  const ring = new Ring(options.capacity)
  return Effect.map(Queue.make<Queued>(ring, Queue.droppingStrategy()), (queue) =>
    fromQueue(queue, ring, options, account)
  )
}

const fromQueue = (queue: Queue.Queue<Queued>, ring: Ring, options: QueueOptions, account: Account): LaneQueue => {
  const { capacity, capacityBytes, maxAge, onTrigger, triggerSize } = options
  const dropOldest = options.overflow === "drop-oldest"
  let head = 0
  let tail = 0
  let marks: Array<{ readonly tail: number; readonly at: number }> = []

  const left = (count: number): void => {
    head += count
    let passed = 0
    while (passed < marks.length && marks[passed]!.tail <= head) passed++
    if (passed > 0) marks = marks.slice(passed)
  }

  const remove = (limit: number): ReadonlyArray<Queued> => {
    const points = Chunk.toReadonlyArray(Effect.runSync(Queue.takeUpTo(queue, limit)))
    left(points.length)
    return points
  }

  const evict = (mostPoints: number, mostBytes: number, reason: "queue_full" | "queue_bytes"): void => {
    let victims = 0
    let weight = 0
    while (ring.length() > mostPoints || ring.bytes > mostBytes) {
      weight += ring.poll(undefined)!.weight
      victims++
    }
    account.drop(reason, weight)
    left(victims)
  }

  const offer = (point: Queued, bytes: number): void => {
    account.recorded += point.weight
    if (ring.bytes + bytes > capacityBytes) {
      if (!dropOldest || bytes > capacityBytes) return account.drop("queue_bytes", point.weight)
      evict(capacity, capacityBytes - bytes, "queue_bytes")
    }
    if (dropOldest && ring.length() >= capacity) evict(capacity - 1, capacityBytes, "queue_full")
    ring.nextSize = bytes
    if (!queue.unsafeOffer(point)) return account.drop("queue_full", point.weight)
    tail++
    if (ring.length() === triggerSize) onTrigger()
  }

  return {
    offer,
    offerWindow: offer,
    isCrowded: () => ring.length() > capacity / 2 || ring.bytes > capacityBytes / 2,
    head: () => head,
    tail: () => tail,
    take: (limit, now) => {
      const last = head + Math.min(limit, ring.length())
      const since = marks.find((mark) => mark.tail >= last)?.at ?? now
      return { points: remove(limit), since }
    },
    mark: (now) => {
      const last = marks[marks.length - 1]
      if (tail === head || (last !== undefined && (last.tail === tail || now - last.at < maxAge / marksPerAge))) return
      marks.push({ tail, at: now })
    },
    expire: (now) => {
      while (marks.length > 0 && now - marks[0]!.at >= maxAge) {
        for (const point of remove(marks[0]!.tail - head)) account.drop("expired", point.weight)
      }
    },
    weight: () => ring.weight(),
    bytes: () => ring.bytes
  }
}
