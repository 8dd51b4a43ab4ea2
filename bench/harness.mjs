// @ts-check
/**
 * Runs subjects side by side in one process: the same number of operations each, in random order every round, so that
 * whatever else the machine does falls on all of them. Only ratios carry over to another machine; a ratio is the median of
 * the rounds' ratios.
 */
import { setImmediate as nextTurn } from "node:timers/promises"

/**
 * @typedef {"raw" | "floor" | "ours" | "peer"} Kind `raw` is the best plain JavaScript for the same work, `floor` what
 *   Effect's runtime costs without any work.
 * @typedef {object} Subject
 * @property {string} name
 * @property {Kind} kind
 * @property {(operations: number) => unknown} run Its own loop, since a shared one would be megamorphic. May be async.
 * @property {() => unknown} [after] Empties what a round left behind; not timed.
 * @typedef {object} Result
 * @property {string} name
 * @property {Kind} kind
 * @property {number} median In the row's unit an operation.
 * @property {number} p10
 * @property {number} p90
 * @property {number} [ratio] To the row's first subject.
 * @property {Record<string, number | string>} [more] Columns of this row alone.
 * @typedef {object} Context
 * @property {boolean} isQuick A smoke run: too short to be believed.
 * @typedef {object} Goal
 * @property {string} text
 * @property {number} limit
 * @property {(get: (name: string) => Result) => number} value Met when at most `limit`.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {ReadonlyArray<Goal>} goals
 * @property {(context: Context) => Promise<{ results: Array<Result>, notes?: Array<string> }>} run
 */

/** @param {ReadonlyArray<number>} values @param {number} q */
export const quantile = (values, q) => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.round(q * (sorted.length - 1))] ?? NaN
}

/** @param {ReadonlyArray<number>} values */
export const median = (values) => quantile(values, 0.5)

/** @template T @param {ReadonlyArray<T>} values @returns {Array<T>} */
export const shuffled = (values) => {
  const all = [...values]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const value = /** @type {T} */ (all[i])
    all[i] = /** @type {T} */ (all[j])
    all[j] = value
  }
  return all
}

/**
 * @param {Subject} subject @param {number} operations @param {number} chunk
 * @returns {Promise<number>} nanoseconds an operation
 */
const timed = async (subject, operations, chunk) => {
  let nanos = 0n
  for (let done = 0; done < operations; done += chunk) {
    const start = process.hrtime.bigint()
    const pending = subject.run(chunk)
    if (pending instanceof Promise) await pending
    nanos += process.hrtime.bigint() - start
    await nextTurn()
  }
  if (subject.after !== undefined) await subject.after()
  return Number(nanos) / operations
}

/**
 * Measures each subject once a round, in random order, and gives how they did.
 * @template {{ readonly name: string, readonly kind: Kind }} One
 * @param {Context} context @param {ReadonlyArray<One>} subjects the first is what the others are compared with
 * @param {(subject: One, round: number) => Promise<number>} measure in the row's unit; a round below 0 warms up
 * @param {{ rounds?: number, warmup?: number }} [options]
 */
export const inRounds = async ({ isQuick }, subjects, measure, options = {}) => {
  const rounds = isQuick ? 2 : (options.rounds ?? 15)
  const warmup = isQuick ? 1 : (options.warmup ?? 4)
  /** @type {Map<string, Array<number>>} */
  const times = new Map(subjects.map((subject) => [subject.name, []]))
  for (let round = -warmup; round < rounds; round++) {
    for (const subject of shuffled(subjects)) {
      const time = await measure(subject, round)
      if (round >= 0) times.get(subject.name)?.push(time)
    }
  }
  const base = times.get(subjects[0]?.name ?? "") ?? []
  return subjects.map(({ kind, name }) => {
    const own = times.get(name) ?? []
    return {
      name,
      kind,
      median: median(own),
      p10: quantile(own, 0.1),
      p90: quantile(own, 0.9),
      ratio: median(own.map((time, round) => time / (base[round] ?? NaN)))
    }
  })
}

/**
 * @param {Context} context @param {ReadonlyArray<Subject>} subjects the first is what the others are compared with
 * @param {{ operations?: number, chunk?: number, rounds?: number, warmup?: number }} [options] a quick run takes one chunk
 */
export const compare = async (context, subjects, options = {}) => {
  const operations = context.isQuick ? (options.chunk ?? 2_000) : (options.operations ?? 100_000)
  const chunk = Math.min(operations, options.chunk ?? 10_000)
  return inRounds(context, subjects, (subject) => timed(subject, operations, chunk), options)
}

/** What it costs, told in the row's first subject where rounds were compared. */
export const ratioOf = (/** @type {Result} */ { median, ratio }) => ratio ?? median

/** A goal that one subject costs at most `limit` times another. @returns {Goal} */
export const atMost = (
  /** @type {string} */ text,
  /** @type {string} */ subject,
  /** @type {number} */ limit,
  /** @type {string} */ other
) => ({ text, limit, value: (get) => ratioOf(get(subject)) / ratioOf(get(other)) })
