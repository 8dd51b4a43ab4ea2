/**
 * What becomes of messages that want an answer. One is acknowledged when a flush that began after it was recorded has ended in
 * all sinks, and given back to its transport where a sink has dropped what it carried for want of room or time: the ledgers
 * say so. What a backend refuses, or a wire cannot carry, it would refuse again: the sink has counted and logged it, and it is
 * acknowledged.
 */
import { Effect } from "effect"
import type { LiveHub } from "../delivery/service.js"
import type { DropReason } from "../Ledger.js"
import type { Received } from "../transport/messages.js"

/** Dropped as it was recorded: then it was of the message being recorded. */
const full: ReadonlyArray<DropReason> = ["queue_full", "queue_bytes"]
/** Dropped at some time between its recording and the end of the flush. */
const late: ReadonlyArray<DropReason> = ["expired", "shutdown_deadline"]

interface Held extends Pick<Received, "release"> {
  readonly acknowledge: Effect.Effect<void>
  readonly id: string | undefined
  /** Why it is to be given back, if it is. */
  lost: DropReason | undefined
}

export interface Settler {
  /** Records the message, or has it wait where sinks have little room and it can wait. */
  readonly take: (message: Received) => void
  readonly isWaiting: () => boolean
  /** Records what waits, as far as there is room. */
  readonly admit: Effect.Effect<void>
  /** Flushes the sinks, and answers for what was recorded before. */
  readonly settle: Effect.Effect<void>
  /** Gives back what waits. */
  readonly end: Effect.Effect<void>
}

interface Parts {
  /** `undefined` where the message has been answered for. */
  readonly merge: (message: Received) => { readonly id: string | undefined } | undefined
  /** It will come again. */
  readonly released: (id: string | undefined, reason: string) => Effect.Effect<void>
}

type Dropped = ReadonlyMap<object, ReadonlyMap<DropReason, number>>

/** One that dies is no reason to answer for no message any more. */
const answered = (answer: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllDefect(answer, (defect) =>
    Effect.logError(
      `worker: a defect of the transport, whose message may be delivered again: ${defect instanceof Error ? defect.name : "it died"}`
    )
  )

export const make = (hub: LiveHub, { merge, released }: Parts): Settler => {
  const lanes = () => hub.allAttached().map(({ lane }) => lane)
  const isCrowded = (): boolean => lanes().some(({ closed, queue }) => !closed && queue.isCrowded?.() === true)

  const droppedNow = (): Dropped => new Map(lanes().map((lane) => [lane, new Map(lane.account.dropped)]))
  /** Which of these reasons has gained, in any sink. */
  const gained = (before: Dropped, reasons: ReadonlyArray<DropReason>): DropReason | undefined => {
    for (const lane of lanes()) {
      const known = before.get(lane)
      for (const reason of reasons)
        if ((lane.account.dropped.get(reason) ?? 0) > (known?.get(reason) ?? 0)) return reason
    }
    return undefined
  }

  const isHeard = (): boolean => hub.path().some(({ closed }) => !closed)
  /** Those of a worker may all be turned off. */
  const hasSinks = isHeard()

  let waiting: Array<Received> = []
  /** In the order in which they came. */
  let held: Array<Held> = []
  /** When the first of `held` can have come. */
  let since = droppedNow()

  const record = (message: Received): void => {
    const { acknowledge, release } = message
    if (acknowledge !== undefined && hasSinks && !isHeard()) {
      // There is nobody any more who could say that he dropped it.
      held.push({ acknowledge, release, id: undefined, lost: "shutdown_deadline" })
      return
    }
    const before = acknowledge === undefined ? undefined : droppedNow()
    const merged = merge(message)
    if (merged === undefined || acknowledge === undefined || before === undefined) return
    held.push({ acknowledge, release, id: merged.id, lost: gained(before, full) })
  }

  const giveBack = ({ id, release }: Pick<Held, "id" | "release">, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      // One that came again meanwhile shares its fate.
      for (const other of held) if (id !== undefined && other.id === id) other.lost ??= "expired"
      return Effect.zipRight(released(id, reason), release?.(reason) ?? Effect.void)
    })

  const settle = Effect.suspend(() => {
    const settled = held
    const before = since
    held = []
    since = droppedNow()
    return settled.length === 0
      ? Effect.void
      : Effect.forEach(hub.allAttached(), ({ flush }) => flush, { concurrency: "unbounded", discard: true }).pipe(
          Effect.zipRight(
            Effect.suspend(() => {
              const lost = gained(before, late)
              // One that came again was not recorded again, so it is no better than the first.
              const fates = new Map(settled.flatMap((one) => (one.lost === undefined ? [] : [[one.id, one.lost]])))
              return Effect.forEach(
                settled,
                (one) => {
                  const shared = one.id === undefined ? undefined : fates.get(one.id)
                  const reason = one.lost ?? shared ?? lost
                  return answered(reason === undefined ? one.acknowledge : giveBack(one, reason))
                },
                { concurrency: 64, discard: true }
              )
            })
          ),
          // They are delivered again if nobody acknowledges them.
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              held = [...settled, ...held]
              since = before
            })
          )
        )
  })

  return {
    take: (message) => {
      if (message.acknowledge !== undefined && (waiting.length > 0 || isCrowded())) waiting.push(message)
      else record(message)
    },
    isWaiting: () => waiting.length > 0,
    admit: Effect.sync(() => {
      let admitted = 0
      // One at least: it may be larger than all the room there is.
      for (; admitted < waiting.length && (admitted === 0 || !isCrowded()); admitted++) record(waiting[admitted]!)
      waiting = waiting.slice(admitted)
    }),
    settle,
    end: Effect.suspend(() => {
      const left = waiting
      waiting = []
      return Effect.forEach(left, ({ release }) => release?.("the worker ends") ?? Effect.void, { discard: true })
    })
  }
}
