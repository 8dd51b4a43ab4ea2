/**
 * Numbers, times and names for people: three significant digits and the unit that makes them short.
 */

/** @typedef {ReadonlyArray<readonly [factor: number, suffix: string, limit: number]>} Scales values that round to `limit` go to the next */

/** @type {Scales} */
const times = [
  [1e-9, "ns", 1000],
  [1e-6, "µs", 1000],
  [1e-3, "ms", 1000],
  [1, "s", 120],
  [60, "min", 120],
  [3600, "h", 48],
  [86_400, "d", Infinity]
]

/** @type {Scales} */
const sizes = [
  [1, "B", 1000],
  [1e3, "kB", 1000],
  [1e6, "MB", 1000],
  [1e9, "GB", 1000],
  [1e12, "TB", Infinity]
]

/** @type {Scales} */
const large = [
  [1e6, "M", 1000],
  [1e9, "G", 1000],
  [1e12, "T", 1000]
]

/** @type {ReadonlyMap<string, number>} */
const timeFactors = new Map([
  ["s", 1],
  ["sec", 1],
  ["second", 1],
  ["seconds", 1],
  ["ms", 1e-3],
  ["millis", 1e-3],
  ["millisecond", 1e-3],
  ["milliseconds", 1e-3],
  ["us", 1e-6],
  ["µs", 1e-6],
  ["microsecond", 1e-6],
  ["microseconds", 1e-6],
  ["ns", 1e-9],
  ["nanos", 1e-9],
  ["nanosecond", 1e-9],
  ["nanoseconds", 1e-9]
])

const byteUnits = new Set(["b", "by", "byte", "bytes"])
const percents = new Set(["%", "percent"])

const nothing = "–"
const minus = "−"

/** @param {number} value */
const significant = (value) => Number(value.toPrecision(3))

/** @param {number} value */
const digits = (value) => {
  const size = Math.abs(value)
  if (value !== 0 && (size >= 1e15 || size < 1e-4)) return value.toExponential(1)
  return String(significant(value))
}

/** @param {string} text */
const signed = (text) => text.replace(/^-/, minus)

/**
 * @param {number} value
 * @param {Scales} scales
 */
const scaled = (value, scales) => {
  for (const [factor, suffix, limit] of scales) {
    const rounded = significant(value / factor)
    if (Math.abs(rounded) < limit) return `${digits(rounded)} ${suffix}`
  }
  return undefined
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })

/**
 * Whole numbers below ten million in full, others to three digits.
 *
 * @param {number} value
 */
const bare = (value) => {
  const size = Math.abs(value)
  const rounded = size >= 1000 ? Math.round(value) : value
  if (Number.isInteger(rounded) && size < 1e7) return whole.format(rounded)
  return size >= 1000 ? (scaled(value, large) ?? value.toExponential(1)) : digits(value)
}

/**
 * A value in its instrument's unit.
 *
 * @param {number | null | undefined} value `null` is what JSON cannot carry
 * @param {string | undefined} [unit]
 * @returns {string}
 */
export const number = (value, unit) => {
  if (value === undefined || value === null || Number.isNaN(value)) return nothing
  // In UCUM, what is counted stands in braces.
  if (unit?.startsWith("{") === true) return number(value, unit.replace(/^\{(.*)\}$/, "$1"))
  const lower = unit?.toLowerCase() ?? "1"
  const factor = timeFactors.get(lower)
  if (factor !== undefined) return signed(value === 0 ? "0 s" : (scaled(value * factor, times) ?? bare(value)))
  if (byteUnits.has(lower)) return signed(scaled(value, sizes) ?? bare(value))
  if (percents.has(lower)) return signed(`${bare(value)} %`)
  return signed(lower === "1" || lower === "" ? bare(value) : `${bare(value)} ${printable(unit ?? "", 24)}`)
}

/**
 * An increase a second.
 *
 * @param {number} value
 * @param {string | undefined} [unit]
 * @returns {string}
 */
export const rate = (value, unit) => {
  if (Number.isNaN(value)) return nothing
  // Seconds a second are no rate that anybody reads.
  const known = unit !== undefined && byteUnits.has(unit.toLowerCase()) ? unit : undefined
  return `${number(Math.abs(value) < 1e-4 ? 0 : value, known)}/s`
}

/**
 * @param {number} millis
 * @returns {string} as `4 s`, `1 min 05 s`, `2 h 03 min`
 */
export const elapsed = (millis) => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0")
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23"
})

/** @param {number} millis */
export const clock = (millis) => (Number.isFinite(millis) ? clockFormat.format(millis) : nothing)

// Characters that are not seen, or turn round what stands after them: a name must not look like another.
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|[\p{Zs}--\u0020]/v

const allHidden = new RegExp(hidden.source, "gv")

/**
 * A name, cut to a length that a page can carry, in which every character can be seen.
 *
 * @param {string} text
 * @param {number} [length]
 * @returns {string}
 */
export const printable = (text, length = 400) => {
  const cut = text.length > length ? `${text.slice(0, length)}…` : text
  if (!hidden.test(cut)) return cut
  return cut.replace(allHidden, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`)
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`
