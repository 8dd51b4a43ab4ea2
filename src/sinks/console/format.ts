/**
 * Numbers for people: three significant digits and the unit that makes them short.
 */
interface Scale {
  readonly factor: number
  readonly suffix: string
  /** Values that round to this or more go to the next scale. */
  readonly limit: number
}

const times: ReadonlyArray<Scale> = [
  { factor: 1e-9, suffix: "ns", limit: 1000 },
  { factor: 1e-6, suffix: "µs", limit: 1000 },
  { factor: 1e-3, suffix: "ms", limit: 1000 },
  { factor: 1, suffix: "s", limit: 120 },
  { factor: 60, suffix: "min", limit: 120 },
  { factor: 3600, suffix: "h", limit: 48 },
  { factor: 86_400, suffix: "d", limit: Infinity }
]

const sizes: ReadonlyArray<Scale> = [
  { factor: 1, suffix: "B", limit: 1000 },
  { factor: 1024, suffix: "KiB", limit: 1000 },
  { factor: 1024 ** 2, suffix: "MiB", limit: 1000 },
  { factor: 1024 ** 3, suffix: "GiB", limit: 1000 },
  { factor: 1024 ** 4, suffix: "TiB", limit: Infinity }
]

const large: ReadonlyArray<Scale> = [
  { factor: 1e6, suffix: "M", limit: 1000 },
  { factor: 1e9, suffix: "G", limit: 1000 },
  { factor: 1e12, suffix: "T", limit: 1000 }
]

const significant = (value: number): number => Number(value.toPrecision(3))

/** Below one, two decimals are enough, and keep the width. */
const short = (value: number): number => (Math.abs(value) < 1 ? Number(value.toFixed(2)) : significant(value))

const digits = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 1e15 || (size < 1e-4 && value !== 0)) return value.toExponential(1)
  return String(significant(value))
}

const scaled = (value: number, scales: ReadonlyArray<Scale>): string | undefined => {
  for (const { factor, limit, suffix } of scales) {
    const rounded = short(value / factor)
    if (Math.abs(rounded) < limit) return digits(rounded) + suffix
  }
  return undefined
}

const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",")

/** Whole numbers below a million in full, others to three digits: `12,345`, `1.23M`, `0.0457`. */
export const number = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  const whole = size >= 1000 ? Math.round(value) : value
  if (Number.isInteger(whole) && Math.abs(whole) < 1e6) return grouped(whole)
  return size >= 1000 ? (scaled(value, large) ?? value.toExponential(1)) : digits(value)
}

const timeFactors = new Map<string, number>([
  ["s", 1],
  ["sec", 1],
  ["second", 1],
  ["seconds", 1],
  ["ms", 1e-3],
  ["millisecond", 1e-3],
  ["milliseconds", 1e-3],
  ["us", 1e-6],
  ["µs", 1e-6],
  ["microsecond", 1e-6],
  ["microseconds", 1e-6],
  ["ns", 1e-9],
  ["nanosecond", 1e-9],
  ["nanoseconds", 1e-9]
])

const byteUnits = new Set(["b", "by", "byte", "bytes"])
const percents = new Set(["%", "percent"])

/** Whether {@link value} writes the unit beside the number, so that nothing else need name it. */
export const isKnownUnit = (unit: string): boolean => {
  const lower = unit.toLowerCase()
  return timeFactors.has(lower) || byteUnits.has(lower) || percents.has(lower) || lower === "1"
}

/** A value in its instrument's unit: seconds and the like as `1.5ms`, bytes as `2KiB`, others as `bare` writes them. */
export const value = (amount: number, unit: string | undefined, bare: (amount: number) => string = number): string => {
  if (!Number.isFinite(amount) || unit === undefined) return bare(amount)
  const lower = unit.toLowerCase()
  const factor = timeFactors.get(lower)
  if (factor !== undefined) {
    const seconds = amount * factor
    return seconds === 0 ? "0s" : (scaled(seconds, times) ?? number(seconds) + "s")
  }
  if (byteUnits.has(lower)) return scaled(amount, sizes) ?? number(amount) + "B"
  return percents.has(lower) ? bare(amount) + "%" : bare(amount)
}

/** Whole seconds as `4s`, `1m05s`, `2h03m`. */
export const elapsed = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  const two = (part: number) => String(part).padStart(2, "0")
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`
}

const bars = "▁▂▃▄▅▆▇█"

/** Half of it, so that the highest less the lowest is a number still; what is infinite counts as the largest there is. */
const half = (amount: number): number => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, amount)) / 2

/** One bar a value, from zero (or the lowest, if that is negative) to the highest; a space for NaN. */
export const sparkline = (values: ReadonlyArray<number>): string => {
  let low = 0
  let high = 0
  for (const amount of values) {
    if (half(amount) < low) low = half(amount)
    if (half(amount) > high) high = half(amount)
  }
  const span = high - low
  let drawn = ""
  for (const amount of values) {
    if (Number.isNaN(amount)) drawn += " "
    else drawn += bars[span === 0 ? 0 : Math.round(((half(amount) - low) / span) * (bars.length - 1))]
  }
  return drawn
}
