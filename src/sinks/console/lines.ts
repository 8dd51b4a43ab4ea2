/**
 * One line a measurement, for logs and pipes: `name{tag=value} key=value key=value`, always in the same order.
 */
import type { FieldValue, Measurement, Point } from "../../recording/measurement.js"
import { value } from "./format.js"
import { labelOf, rowOf, type State, unitOf } from "./state.js"
import { word } from "./text.js"

/** In full where it is whole, else to six digits: what greps a line may also add it up. */
const exact = (amount: number): string => String(Number.isInteger(amount) ? amount : Number(amount.toPrecision(6)))

const field = (given: FieldValue): string => {
  if (typeof given === "string") return word(given)
  return typeof given === "object" ? String(given.value) : String(given)
}

/** `name=value` of each field, as they were given. */
export const fields = (point: Point): string =>
  point.fieldNames.map((name, index) => `${word(name)}=${field(point.fieldValues[index] ?? "")}`).join(" ")

/** `2026-01-02T03:04:05.678Z`, or the bare number where it is no date. */
export const instant = (millis: number): string =>
  Math.abs(millis) <= 8.64e15 ? new Date(millis).toISOString() : String(millis)

/** A series' first window is open since its first recording, from which no rate can be told if it is too near. */
const minRateMillis = 100

/** A window's amount a second, over the time that it was open. */
const rate = ({ millis, startMillis }: { readonly millis: number; readonly startMillis: number }, amount: number) =>
  millis - startMillis < minRateMillis ? "" : `rate=${exact(amount / ((millis - startMillis) / 1000))}/s `

const details = (state: State, measurement: Measurement): string => {
  const total = `total=${exact(rowOf(state, measurement.series)?.total ?? measurement.weight)}`
  const shown = (amount: number) => value(amount, unitOf(measurement.series), exact)
  switch (measurement._tag) {
    case "count":
      return `count=${exact(measurement.value)} ${rate(measurement, measurement.value)}${total}`
    case "gauge":
      return `value=${shown(measurement.value)}`
    case "point":
      return `${fields(measurement)} time=${instant(measurement.millis)}`
    case "distribution": {
      const { histogram } = measurement
      const quantiles = [50, 95, 99].map((percent) => `p${percent}=${shown(histogram.quantile(percent / 100))}`)
      return (
        `count=${exact(histogram.count)} ${rate(measurement, histogram.count)}mean=${shown(histogram.sum / histogram.count)} ` +
        `min=${shown(histogram.min)} ${quantiles.join(" ")} max=${shown(histogram.max)} ${total}`
      )
    }
  }
}

/** The line of one measurement that `state` has taken in, without a line break. */
export const line = (state: State, measurement: Measurement, colored: boolean): string => {
  const label = labelOf(measurement.series)
  return `${colored ? `\x1b[1m${label}\x1b[22m` : label} ${details(state, measurement)}`
}
