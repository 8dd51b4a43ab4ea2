/**
 * A flush that somebody waits for: what was buffered when it was asked for is to be delivered or dropped, whatever is
 * recorded meanwhile. Two at once are one; one that asks for more than the one under way comes after it.
 */
import type { Action, Batch, Event, Item, Moment, State } from "./state.js"

/** A flush was asked for. */
export const join = <I extends Item>(
  state: State<I>,
  token: number,
  { world }: Moment,
  out: Array<Action<I>>
): State<I> => {
  const { drain } = state
  if (drain === undefined) return start(state, [token], out)
  const same = drain.marks === state.marks && drain.points === world.tail && world.dirty === 0
  return same
    ? { ...state, drain: { ...drain, tokens: [...drain.tokens, token] } }
    : { ...state, laterTokens: [...state.laterTokens, token] }
}

const start = <I extends Item>(state: State<I>, tokens: ReadonlyArray<number>, out: Array<Action<I>>): State<I> => {
  out.push({ _tag: "MarkDue", by: "flush" })
  // A series that has a sealed window is not sealed again before that is settled.
  const sealed = [...state.waiting, ...state.flying.map(({ batch }) => batch)].some(hasWindow)
  return { ...state, drain: { tokens, passes: sealed ? 2 : 1, marks: 0, points: 0, windows: 0, before: undefined } }
}

/** One that is under way goes on, so that who asks next may join it. */
export const forget = <I>(state: State<I>, token: number): State<I> => {
  const without = (tokens: ReadonlyArray<number>): ReadonlyArray<number> => tokens.filter((other) => other !== token)
  const { drain, laterTokens } = state
  return {
    ...state,
    drain: drain === undefined ? undefined : { ...drain, tokens: without(drain.tokens) },
    laterTokens: without(laterTokens)
  }
}

/** What had gathered was marked: a pass begins. */
export const begin = <I>(state: State<I>, { world }: Moment): State<I> =>
  state.drain === undefined
    ? state
    : {
        ...state,
        drain: {
          ...state.drain,
          passes: state.drain.passes - 1,
          marks: state.marks,
          points: world.tail,
          windows: world.due,
          before: undefined
        }
      }

/** Due windows are gathered in the order in which they became due. */
export const observe = <I>(state: State<I>, event: Event<I>): State<I> => {
  const { drain } = state
  if (drain === undefined || drain.windows === 0) return state
  const gathered = event._tag === "Gathered" ? event.windows.length : 0
  const windows = Math.min(Math.max(0, drain.windows - gathered), event.world.due)
  return { ...state, drain: { ...drain, windows } }
}

/** Windows merged back, so they are to be gathered once more. */
export const reopened = <I>(state: State<I>): State<I> =>
  state.drain === undefined
    ? state
    : { ...state, drain: { ...state.drain, windows: Number.POSITIVE_INFINITY, before: undefined } }

export const advance = <I extends Item>(state: State<I>, { world }: Moment, out: Array<Action<I>>): State<I> => {
  const { drain } = state
  if (drain === undefined || (drain.before === undefined && (drain.windows > 0 || world.head < drain.points)))
    return state
  const before = drain.before ?? state.nextAt
  const open = (batch: Batch<I>): boolean => batch.at < before
  if (state.waiting.some(open) || state.flying.some(({ batch }) => open(batch))) {
    return drain.before === before ? state : { ...state, drain: { ...drain, before } }
  }
  if (drain.passes > 0) {
    out.push({ _tag: "MarkDue", by: "flush" })
    return { ...state, drain: { ...drain, before } }
  }
  out.push({ _tag: "Flushed", tokens: drain.tokens })
  const ended: State<I> = { ...state, drain: undefined, laterTokens: [] }
  return state.laterTokens.length === 0 ? ended : start(ended, state.laterTokens, out)
}

const hasWindow = (batch: Batch<Item>): boolean =>
  batch.items.some((item) => item._tag !== "point" && item.foreign !== true)
