/**
 * The lane's decisions, all of them and nothing else: `step(config, state, event)` answers with the next state and with what
 * is to be done. It has no clock, no randomness and no side effect, so that tests can enumerate it. `flusher.ts` tells it what happens
 * and does what it asks for.
 *
 * Of `MarkDue`, `Reopen`, `Gather` and `Encode`, which are answered by an event of their own, a step asks for one at most.
 */
import type { DropReason } from "../Ledger.js"
import { isDoubling } from "../recording/notices.js"
import * as Drain from "./drain.js"
import * as Retry from "./retry.js"
import type { Action, Batch, Config, Event, Flight, Item, Moment, Outcome, State } from "./state.js"

type Out<I> = Array<Action<I>>
type Failure = Exclude<Outcome, { readonly _tag: "Written" }>

export const step = <I extends Item>(
  config: Config,
  before: State<I>,
  event: Event<I>
): readonly [State<I>, ReadonlyArray<Action<I>>] => {
  const out: Out<I> = []
  if (before.phase === "ended") {
    if (event._tag === "Flush") out.push({ _tag: "Flushed", tokens: [event.token] })
    return [before, out]
  }
  const known = Drain.observe(before, event)
  const handled = handle(config, known, event, out)
  if (handled.phase === "ended") return [handled, out]
  const trimmed = expireWaiting(config, triggered(config, handled, event), event, out)
  const drained = asks(out) ? trimmed : Drain.advance(trimmed, event, out)
  return [asks(out) ? drained : pump(config, drained, event, out), out]
}

/** What comes next is decided when these are done, because they change which windows are due. */
const asks = (out: Out<Item>): boolean => out.some(({ _tag }) => _tag === "MarkDue" || _tag === "Reopen")

/** When to tell `Wake` at the latest, if nothing else happens. */
export const wakeAt = <I extends Item>(config: Config, state: State<I>, moment: Moment): number | undefined => {
  if (state.phase === "ended") return undefined
  let at = Number.POSITIVE_INFINITY
  for (const batch of state.waiting) at = Math.min(at, expiry(config, batch))
  const { wanted } = plan(config, state, moment)
  if (state.flying.length < slots(config, state) && wanted > 0) {
    at = Math.min(at, Math.max(state.notBefore, Retry.allowedAt(config, state, wanted, moment.now)))
  }
  return Number.isFinite(at) ? at : undefined
}

const handle = <I extends Item>(config: Config, state: State<I>, event: Event<I>, out: Out<I>): State<I> => {
  switch (event._tag) {
    case "Wake":
      if (event.world.tail > event.world.head) out.push({ _tag: "ExpireQueued" })
      return state
    case "Tick":
      if (state.phase === "closing") return state
      out.push({ _tag: "ExpireQueued" }, { _tag: "MarkDue", by: "schedule" })
      return state
    case "Flush": {
      if (state.phase === "closing") return { ...state, laterTokens: [...state.laterTokens, event.token] }
      // Sooner than planned, but a caller that flushes in a loop is no reason to hammer a backend that is down.
      const soon = Math.max(event.now, state.failedAt + config.retryInitial)
      const due = { ...state, notBefore: state.throttled ? state.notBefore : Math.min(state.notBefore, soon) }
      return Drain.join(due, event.token, event, out)
    }
    case "Forget":
      return Drain.forget(state, event.token)
    case "Close":
      if (state.phase === "closing") return state
      out.push({ _tag: "MarkDue", by: "close" })
      return {
        ...state,
        phase: "closing",
        through: Number.POSITIVE_INFINITY,
        notBefore: event.now,
        throttled: false,
        backoff: 0,
        drain: undefined,
        laterTokens: [...(state.drain?.tokens ?? []), ...state.laterTokens]
      }
    case "Deadline":
      return giveUp(state, out)
    case "Marked": {
      const marked = { ...state, marks: state.marks + 1, through: Math.max(state.through, event.world.tail) }
      return event.by === "flush" ? Drain.begin(marked, event) : marked
    }
    case "Reopened":
      return state
    case "Gathered":
      return gathered(config, state, event)
    case "Encoded":
      return encoded(config, state, event, out)
    case "EncodeThrew":
      return settle(state, event.id, (landed, { batch }) =>
        isolate(config, landed, batch, { _tag: "Defect", reason: event.reason, ambiguous: false }, event, out)
      )
    case "Done":
      return settle(state, event.id, (landed, flight) => done(config, landed, flight, event.outcome, event, out))
  }
}

const settle = <I>(state: State<I>, id: string, then: (landed: State<I>, flight: Flight<I>) => State<I>): State<I> => {
  const flight = state.flying.find(({ batch }) => batch.id === id)
  return flight === undefined
    ? state
    : then({ ...state, flying: state.flying.filter((other) => other !== flight) }, flight)
}

interface Plan {
  /** Measurements in the next write, and how many of them are to be gathered first. */
  readonly wanted: number
  readonly missing: number
}

/** Batches in line go first; one that was never sent, because its measurements did not fit into the last, is filled up. */
const plan = <I>(config: Config, state: State<I>, moment: Moment): Plan => {
  const [first] = state.waiting
  const there = first?.items.length ?? 0
  const mayFill = first === undefined || (state.waiting.length === 1 && first.attempts === 0 && !first.suspect)
  if (!mayFill) return { wanted: there, missing: 0 }
  const gatherable = moment.world.due + duePoints(state, moment)
  const missing = Math.max(0, Math.min(Retry.batchLimit(config) - there, gatherable))
  return { wanted: there + missing, missing }
}

/** Gathers, or has the first batch in line encoded, or ends. */
const pump = <I extends Item>(config: Config, state: State<I>, event: Event<I>, out: Out<I>): State<I> => {
  const { now, world } = event
  const nothingCame = event._tag === "Gathered" && event.windows.length + event.points.length === 0
  const { missing, wanted } = plan(config, state, event)
  const [first] = state.waiting
  if (
    wanted > 0 &&
    state.flying.length < slots(config, state) &&
    now >= state.notBefore &&
    Retry.allowedAt(config, state, wanted, now) <= now
  ) {
    if (missing > 0 && !nothingCame) {
      out.push({ _tag: "Gather", limit: missing, points: duePoints(state, event) })
      return state
    }
    if (first !== undefined) {
      out.push({ _tag: "Encode", batch: first })
      const flight = { batch: first, phase: "encoding", bytes: 0, round: state.round } as const
      return { ...state, waiting: state.waiting.slice(1), flying: [...state.flying, flight] }
    }
  }
  if (state.phase !== "closing" || wanted > 0 || state.flying.length > 0 || nothingCame) return state
  if (world.dirty > 0) {
    out.push({ _tag: "MarkDue", by: "close" })
    return state
  }
  out.push({ _tag: "Flushed", tokens: state.laterTokens }, { _tag: "End" })
  return { ...state, phase: "ended", laterTokens: [] }
}

/** One at a time while the backend answers to none. */
const slots = (config: Config, state: State<unknown>): number =>
  state.failures > 0 || state.rejections >= Retry.freeRejections ? 1 : config.concurrency

const duePoints = (state: State<unknown>, { world }: Moment): number =>
  Math.max(0, Math.min(state.through, world.tail) - world.head)

/** `triggerSize` makes full batches due, or what there is where a batch is larger. */
const triggered = <I>(config: Config, state: State<I>, { world }: Moment): State<I> => {
  const queued = world.tail - world.head
  if (queued < config.triggerSize) return state
  const full = queued < config.batchSize ? queued : queued - (queued % config.batchSize)
  return world.head + full <= state.through ? state : { ...state, through: world.head + full }
}

const gathered = <I extends Item>(
  config: Config,
  state: State<I>,
  event: Event<I> & { readonly _tag: "Gathered" }
): State<I> => {
  const items = event.windows.length === 0 ? event.points : [...event.windows, ...event.points]
  if (items.length === 0) return state
  const [first, ...others] = state.waiting
  const batch: Batch<I> = {
    ...(first ?? fresh(config, state)),
    items: first === undefined ? items : [...first.items, ...items],
    pointsSince: event.points.length > 0 || first === undefined ? event.pointsSince : first.pointsSince,
    windowsSince: event.windows.length > 0 || first === undefined ? event.now : first.windowsSince
  }
  return {
    ...state,
    waiting: [batch, ...others],
    nextAt: state.nextAt + items.length,
    nextId: first === undefined ? state.nextId + 1 : state.nextId
  }
}

const fresh = <I>(config: Config, state: State<I>): Batch<I> => ({
  id: `${config.idPrefix}${state.nextId}`,
  at: state.nextAt,
  items: [],
  attempts: 0,
  unsure: false,
  suspect: false,
  pointsSince: 0,
  windowsSince: 0
})

const encoded = <I extends Item>(
  config: Config,
  before: State<I>,
  event: Event<I> & { readonly _tag: "Encoded" },
  out: Out<I>
): State<I> => {
  const flight = before.flying.find(({ batch }) => batch.id === event.id)
  if (flight === undefined) return before
  const { batch } = flight
  const taken = event.taken >= 1 ? Math.min(Math.floor(event.taken), batch.items.length) : batch.items.length
  const covered = taken === batch.items.length ? batch.items : batch.items.slice(0, taken)
  const refused = new Map(event.refused.map((one) => [one.index, one.drop]))
  const items = refused.size === 0 ? covered : covered.filter((_, index) => !refused.has(index))
  for (const [index, reason] of refused) drop(out, covered.slice(index, index + 1), reason)
  let state = countRefused(before, taken - items.length, event.refused[0]?.reason ?? "", out)
  if (taken < batch.items.length) {
    state = enqueue(config, state, { ...batch, at: batch.at + taken, items: batch.items.slice(taken) })
  }
  const others = state.flying.filter((other) => other !== flight)
  if (items.length === 0) return { ...state, flying: others }
  const sent = { ...batch, items, attempts: batch.attempts + 1 }
  if (batch.attempts > 0) out.push({ _tag: "Retried", weight: weigh(items) })
  out.push({ _tag: "Send", batch: sent, payload: event.payload })
  const sending: Flight<I> = { ...flight, batch: sent, phase: "sending", bytes: event.bytes }
  return Retry.spend(config, { ...state, flying: [...others, sending] }, items.length, event.now)
}

const done = <I extends Item>(
  config: Config,
  state: State<I>,
  flight: Flight<I>,
  outcome: Outcome,
  moment: Moment,
  out: Out<I>
): State<I> => {
  const { batch } = flight
  switch (outcome._tag) {
    case "Written":
      return written(config, state, flight, outcome, moment, out)
    case "TooLarge":
    case "Rejected":
    case "Defect":
      return isolate(
        config,
        outcome._tag === "Defect" ? state : recovered(state, moment, out),
        batch,
        outcome,
        moment,
        out
      )
    default: {
      const failed = failing(config, state, flight, outcome, moment, out)
      return outcome.ambiguous
        ? doubted(config, failed, batch, out, enqueueAgain)
        : keep(config, failed, batch, batch.items, out)
    }
  }
}

const written = <I extends Item>(
  config: Config,
  before: State<I>,
  flight: Flight<I>,
  outcome: Outcome & { readonly _tag: "Written" },
  moment: Moment,
  out: Out<I>
): State<I> => {
  const { batch, bytes } = flight
  const bad = new Set(outcome.rejected)
  const kept = new Set(outcome.keep.filter((index) => !bad.has(index)))
  const rejected = at(batch.items, bad)
  const again = at(batch.items, kept)
  if (again.length > 0 && again.length === batch.items.length) {
    const refusal = { _tag: "Unavailable", reason: "the backend kept nothing", ambiguous: false } as const
    return keep(config, failing(config, before, flight, refusal, moment, out), batch, again, out)
  }
  const whole = bad.size + kept.size === 0
  const delivered = whole ? batch.items : batch.items.filter((_, index) => !kept.has(index) && !bad.has(index))
  if (delivered.length > 0) out.push({ _tag: "Delivered", items: delivered })
  out.push({ _tag: "Sent", measurements: delivered.length, bytes })
  drop(out, rejected, "rejected")
  const state = countRefused(recovered(before, moment, out), rejected.length, outcome.reason, out)
  return keep(config, { ...state, rejections: delivered.length > 0 ? 0 : state.rejections }, batch, again, out)
}

const at = <I>(items: ReadonlyArray<I>, indices: ReadonlySet<number>): ReadonlyArray<I> =>
  indices.size === 0 ? [] : items.filter((_, index) => indices.has(index))

/** These were not stored. Windows merge back and points stay first in line, unless an earlier write may have stored them. */
const keep = <I extends Item>(
  config: Config,
  state: State<I>,
  batch: Batch<I>,
  items: ReadonlyArray<I>,
  out: Out<I>
): State<I> => {
  if (items.length === 0) return state
  const windows = batch.unsure ? [] : items.filter((item) => !isPoint(item))
  const left = windows.length === 0 ? items : items.filter(isPoint)
  if (windows.length > 0) out.push({ _tag: "Reopen", windows })
  const reopened = windows.length === 0 ? state : Drain.reopened(state)
  if (left.length === 0) return reopened
  return left.length === batch.items.length
    ? enqueueAgain(config, reopened, batch)
    : enqueue(config, reopened, { ...batch, items: left })
}

/** Nobody knows whether these were stored. */
const doubted = <I extends Item>(
  config: Config,
  state: State<I>,
  batch: Batch<I>,
  out: Out<I>,
  again: (config: Config, state: State<I>, batch: Batch<I>) => State<I>
): State<I> => {
  if (!batch.unsure) out.push({ _tag: "Ambiguous", weight: weigh(batch.items) })
  if (config.ambiguous === "retry") return again(config, state, { ...batch, unsure: true })
  drop(out, batch.items, "ambiguous")
  return state
}

/** Something in the batch is bad, or it is too large: halves it, until one is left. */
const isolate = <I extends Item>(
  config: Config,
  before: State<I>,
  batch: Batch<I>,
  outcome: Failure,
  moment: Moment,
  out: Out<I>
): State<I> => {
  const rejections = before.rejections + 1
  const wait =
    rejections < Retry.freeRejections ? 0 : Retry.backoff(config, rejections - Retry.freeRejections, moment.random)
  const notBefore = Math.max(before.notBefore, moment.now + wait)
  const state = { ...before, rejections, failedAt: moment.now, notBefore }
  if (outcome.ambiguous && config.ambiguous === "drop") {
    return countRefused(doubted(config, state, batch, out, halve), batch.items.length, outcome.reason, out)
  }
  if (batch.items.length === 1) {
    if (outcome.ambiguous && !batch.unsure) out.push({ _tag: "Ambiguous", weight: weigh(batch.items) })
    drop(out, batch.items, outcome._tag === "TooLarge" ? "too_large" : "rejected")
    return countRefused(state, 1, outcome.reason, out)
  }
  return outcome.ambiguous ? doubted(config, state, batch, out, halve) : halve(config, state, batch)
}

const halve = <I extends Item>(config: Config, state: State<I>, batch: Batch<I>): State<I> => {
  const middle = Math.ceil(batch.items.length / 2)
  const second = { ...batch, suspect: true, at: batch.at + middle, items: batch.items.slice(middle) }
  const first = { ...batch, suspect: true, items: batch.items.slice(0, middle) }
  return enqueue(config, enqueue(config, state, second), first)
}

const enqueueAgain = <I>(_config: Config, state: State<I>, batch: Batch<I>): State<I> => {
  const behind = state.waiting.findIndex((other) => other.at > batch.at)
  const place = behind < 0 ? state.waiting.length : behind
  return { ...state, waiting: [...state.waiting.slice(0, place), batch, ...state.waiting.slice(place)] }
}

/** With other contents than before, so with an id of its own. */
const enqueue = <I>(config: Config, state: State<I>, batch: Batch<I>): State<I> =>
  enqueueAgain(config, { ...state, nextId: state.nextId + 1 }, { ...batch, id: `${config.idPrefix}${state.nextId}` })

/** After so long without a failure, milliseconds, the next one is news. */
const calm = 60_000

const failing = <I>(
  config: Config,
  state: State<I>,
  flight: Flight<I>,
  outcome: Failure,
  { now, random }: Moment,
  out: Out<I>
): State<I> => {
  const asked = outcome._tag === "Throttled" ? Retry.retryAfter(outcome.retryAfterMillis) : undefined
  const wrong = outcome._tag === "Unauthorized" || outcome._tag === "Misconfigured"
  // Those that were under way together say nothing new about when to try again.
  const counts = flight.round === state.round
  const usual = wrong ? config.retryMax : Retry.backoff(config, state.backoff, random)
  const until = asked === undefined && !counts ? state.notBefore : Math.max(state.notBefore, now + (asked ?? usual))
  const failures = state.failures + 1
  const isCalm = state.failures === 0 && now - state.recoveredAt >= calm
  const troubles = isCalm ? 1 : state.troubles + 1
  const logs = isDoubling(troubles)
  if (logs) {
    const row = failures === 1 ? "" : `, ${failures} times in a row for ${seconds(now - state.failingSince)}`
    const since = troubles === failures ? row : `${row}, ${troubles} times on and off`
    const message = `cannot write (${outcome._tag}${since}), keeping what is buffered: ${outcome.reason}`
    out.push({ _tag: "Log", level: wrong ? "error" : "warning", message })
  }
  return {
    ...state,
    failures,
    failingSince: failures === 1 ? now : state.failingSince,
    troubles,
    logged: logs || (failures > 1 && state.logged),
    round: counts ? state.round + 1 : state.round,
    backoff: counts ? state.backoff + 1 : state.backoff,
    failedAt: now,
    notBefore: until,
    throttled: asked !== undefined || (state.throttled && state.notBefore > now)
  }
}

/** The backend answered. */
const recovered = <I>(state: State<I>, { now }: Moment, out: Out<I>): State<I> => {
  if (state.failures === 0) return state
  const failures = state.failures === 1 ? "a failure" : `${state.failures} failures`
  const message = `writes again after ${failures} in ${seconds(now - state.failingSince)}`
  if (state.logged) out.push({ _tag: "Log", level: "info", message })
  return { ...state, failures: 0, recoveredAt: now, backoff: 0, notBefore: now, throttled: false }
}

const countRefused = <I>(state: State<I>, count: number, reason: string, out: Out<I>): State<I> => {
  if (count === 0) return state
  const refused = state.refused + count
  if (Math.floor(Math.log2(refused)) > Math.floor(Math.log2(state.refused))) {
    out.push({
      _tag: "Log",
      level: "warning",
      message: `measurements refused so far: ${refused}, the last one for: ${reason}`
    })
  }
  return { ...state, refused }
}

const expiry = (config: Config, batch: Batch<Item>): number =>
  Math.min(batch.pointsSince, batch.windowsSince) + config.maxAge

const expireWaiting = <I extends Item>(config: Config, state: State<I>, { now }: Moment, out: Out<I>): State<I> => {
  if (!state.waiting.some((batch) => expiry(config, batch) <= now)) return state
  const waiting: Array<Batch<I>> = []
  for (const batch of state.waiting) {
    const isOld = (item: I): boolean => (isPoint(item) ? batch.pointsSince : batch.windowsSince) + config.maxAge <= now
    const items = batch.items.filter((item) => !isOld(item))
    drop(out, batch.items.filter(isOld), "expired")
    // What has expired says nothing of what has not: that is asked again when it has.
    if (items.length > 0) {
      const since = Math.max(batch.pointsSince, batch.windowsSince)
      waiting.push({ ...batch, items, pointsSince: since, windowsSince: since })
    }
  }
  return { ...state, waiting }
}

const giveUp = <I extends Item>(state: State<I>, out: Out<I>): State<I> => {
  for (const { batch, phase } of state.flying) {
    if (phase === "sending" && !batch.unsure) out.push({ _tag: "Ambiguous", weight: weigh(batch.items) })
    drop(out, batch.items, "shutdown_deadline")
  }
  for (const { items } of state.waiting) drop(out, items, "shutdown_deadline")
  const tokens = [...(state.drain?.tokens ?? []), ...state.laterTokens]
  out.push({ _tag: "DropRest", reason: "shutdown_deadline" }, { _tag: "Flushed", tokens }, { _tag: "End" })
  return { ...state, phase: "ended", flying: [], waiting: [], drain: undefined, laterTokens: [] }
}

const drop = <I extends Item>(out: Out<I>, items: ReadonlyArray<I>, reason: DropReason): void => {
  if (items.length > 0) out.push({ _tag: "Dropped", items, reason })
}

/** What waits in the queue: points, and windows that stay as they are. */
const isPoint = (item: Item): boolean => item._tag === "point" || item.foreign === true

const weigh = (items: ReadonlyArray<Item>): number => {
  let weight = 0
  for (const item of items) weight += item.weight
  return weight
}

const seconds = (millis: number): string => `${Math.round(millis / 100) / 10} s`
