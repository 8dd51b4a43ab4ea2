/**
 * What the service is asked for, and every way in which it may not answer.
 *
 * @typedef {"counter" | "gauge" | "reading" | "unknown"} Kind
 *
 * @typedef {object} Series
 * @property {string} key
 * @property {string} name
 * @property {ReadonlyArray<readonly [string, string]>} tags
 * @property {Kind} kind
 * @property {string} [unit]
 * @property {string} [description]
 * @property {number | null} value what is shown: a counter's sum, a gauge's sum, a reading's maximum
 * @property {number | null} sum
 * @property {number | null} min
 * @property {number | null} max
 * @property {number} count how many processes have it
 *
 * @typedef {object} Process
 * @property {string} id
 * @property {"live" | "slow" | "gone" | "unreadable"} state
 * @property {string | null} reason
 * @property {number} series
 *
 * @typedef {object} Point
 * @property {string} name
 * @property {ReadonlyArray<readonly [string, string]>} tags
 * @property {ReadonlyArray<readonly [string, unknown]>} fields
 * @property {number} millis
 *
 * @typedef {object} Snapshot
 * @property {number} format
 * @property {"host" | "app"} source
 * @property {string} title
 * @property {number} millis
 * @property {ReadonlyArray<Process>} processes
 * @property {ReadonlyArray<Series>} series
 * @property {ReadonlyArray<Point>} points
 *
 * @typedef {object} SeriesByProcess
 * @property {number} millis
 * @property {ReadonlyArray<{ readonly id: string, readonly value: number | null }>} processes
 */

const format = 1

/** How long an answer may take. */
const timeout = 5000

const tokenKey = "effect-metrics.token"

/**
 * No answer that can be shown. `unauthorized` asks for a token; `unreachable`: nobody answered; `refused`: somebody did, but
 * not with metrics; `missing`: there is no such thing.
 */
export class Failure extends Error {
  /**
   * @param {"unauthorized" | "unreachable" | "refused" | "missing"} reason
   * @param {string} message
   */
  constructor(reason, message) {
    super(message)
    this.reason = reason
  }
}

/** @type {string | null} */
let token = null
try {
  token = sessionStorage.getItem(tokenKey)
} catch {
  // Storage may be forbidden: it is asked for again.
}

/** Whether one has been given, so that a refusal means that it is wrong. */
export const hasToken = () => token !== null

/** @param {string | null} given */
export const setToken = (given) => {
  token = given
  try {
    if (given === null) sessionStorage.removeItem(tokenKey)
    else sessionStorage.setItem(tokenKey, given)
  } catch {
    // As above.
  }
}

/**
 * @param {string} path
 * @returns {Promise<unknown>}
 */
const get = async (path) => {
  /** @type {Response} */
  let response
  try {
    response = await fetch(path, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: AbortSignal.timeout(timeout)
    })
  } catch (error) {
    const slow = error instanceof DOMException && error.name === "TimeoutError"
    throw new Failure("unreachable", slow ? `no answer within ${timeout / 1000} s` : "no connection")
  }
  if (response.status === 401) throw new Failure("unauthorized", "a token is wanted")
  if (response.status === 404) throw new Failure("missing", "not found")
  if (!response.ok) throw new Failure("refused", `it answers with status ${response.status}`)
  try {
    return await response.json()
  } catch {
    throw new Failure("unreachable", "the answer broke off")
  }
}

/**
 * @param {unknown} body
 * @param {ReadonlyArray<string>} lists
 */
const checked = (body, lists) => {
  const known = /** @type {Record<string, unknown> | null} */ (typeof body === "object" ? body : null)
  if (known?.format !== format) throw new Failure("refused", "it speaks another version; reload the page")
  if (!lists.every((list) => Array.isArray(known[list]))) throw new Failure("refused", "its answer makes no sense")
  return known
}

/** @returns {Promise<Snapshot>} */
export const snapshot = async () => {
  const body = checked(await get("./api/snapshot"), ["processes", "series", "points"])
  return /** @type {Snapshot} */ (/** @type {unknown} */ (body))
}

/**
 * @param {string} key
 * @returns {Promise<SeriesByProcess>}
 */
export const series = async (key) => {
  const body = checked(await get(`./api/series?${new URLSearchParams({ key })}`), ["processes"])
  return /** @type {SeriesByProcess} */ (/** @type {unknown} */ (body))
}
