/**
 * A backend in memory with a wire of its own, and a sink for it that keeps the contract unless it is told to break it.
 */
import type { Scope } from "effect"
import { Effect, type Layer } from "effect"
import type * as Metrics from "../../src/Metrics.js"
import type { FieldValue, Measurement } from "../../src/recording/measurement.js"
import * as Sink from "../../src/Sink.js"
import type * as SinkContract from "../../src/testing/SinkContract.js"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** `name key=value,key=value field=value,field=value millis`, each word percent-encoded, a line each. */
export const wordOf = (text: string): string => encodeURIComponent(decoder.decode(encoder.encode(text)))

export interface Habits {
  readonly word?: (text: string, place: SinkContract.Place) => string
  readonly line?: (line: string, measurement: Measurement) => string
  readonly number?: (value: number) => string
  readonly lines?: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
  readonly encode?: (encode: Encode) => Encode | undefined
  readonly write?: (
    write: (payload: string) => Effect.Effect<void, Sink.SinkError>,
    batch: Sink.Batch<string>
  ) => Effect.Effect<Sink.WriteResult | void, Sink.SinkError>
  /** Runs when the sink is made, in its scope. */
  readonly start?: (backend: ToyBackend) => Effect.Effect<void, Sink.SinkError, Scope.Scope>
  readonly options?: (delivery: Sink.DeliveryOptions) => Sink.DeliveryOptions
  readonly layer?: (layer: Layer.Layer<Metrics.Metrics, unknown>) => Layer.Layer<Metrics.Metrics, unknown>
}

type Encode = NonNullable<Sink.Sink<string>["encode"]>

export interface ToyBackend extends SinkContract.Backend {
  readonly take: (payload: string) => Effect.Effect<void, Sink.SinkError>
}

const parse = (line: string): SinkContract.Received | undefined => {
  const [name, tags, fields, millis, ...more] = line.split(" ")
  if (name === undefined || fields === undefined || millis === undefined || more.length > 0) return undefined
  const pairs = (text: string): ReadonlyArray<readonly [string, string]> =>
    text === "" ? [] : text.split(",").map((pair) => [read(pair.split("=")[0] ?? ""), pair.split("=")[1] ?? ""])
  return {
    name: read(name),
    tags: Object.fromEntries(pairs(tags ?? "").map(([key, value]) => [key, read(value)])),
    fields: Object.fromEntries(pairs(fields).map(([key, value]) => [key, valueOf(value)])),
    millis: Number(millis)
  }
}

const read = (word: string): string => {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}

const valueOf = (text: string): number | bigint | boolean | string => {
  if (text.startsWith("'")) return read(text.slice(1))
  if (text.endsWith("i")) return BigInt(text.slice(0, -1))
  return text === "true" || text === "false" ? text === "true" : Number(text)
}

/** `acceptance` is what it says to a write that it does not store. */
export const backend = (acceptance: "honest" | "blind" = "honest"): Effect.Effect<ToyBackend> =>
  Effect.sync(() => {
    const received: Array<SinkContract.Received> = []
    const writes: Array<SinkContract.Write> = []
    let fault: SinkContract.Fault = "none"
    const store = (payload: string) =>
      Effect.sync(() => {
        const lines = payload.split("\n").filter((line) => line !== "")
        const records = lines.map(parse).filter((record) => record !== undefined)
        for (const record of records) received.push(record)
        writes.push({ records: records.length, bytes: payload.length })
      })
    const fail = (ambiguous: boolean) =>
      acceptance === "blind"
        ? Effect.void
        : Effect.fail(new Sink.Unavailable({ sink: "toy", reason: `the backend plays ${fault}`, ambiguous }))
    let breaks = 0
    /** It gets lost if the connection breaks in the meantime. */
    const answerLate = Effect.suspend(() => {
      const before = breaks
      return Effect.delay(
        Effect.suspend(() => (breaks > before ? fail(true) : Effect.void)),
        25
      )
    })
    return {
      received: Effect.sync(() => [...received]),
      writes: Effect.sync(() => [...writes]),
      fault: (next) =>
        Effect.sync(() => {
          fault = next
          if (next === "down" || next === "close") breaks++
        }),
      take: (payload) =>
        Effect.suspend(() => {
          switch (fault) {
            case "none":
              return store(payload)
            case "slow":
              return Effect.zipRight(Effect.delay(store(payload), 25), answerLate)
            case "hang":
              return acceptance === "blind" ? Effect.void : Effect.never
            case "down":
              return fail(false)
            case "close":
              return fail(true)
          }
        })
    }
  })

/** `undefined` if it is an integer with a fraction. */
const textOf = (value: FieldValue, number: (value: number) => string, word: typeof wordOf): string | undefined => {
  if (typeof value === "string") return `'${word(value)}`
  if (typeof value === "number") return number(value)
  if (typeof value === "boolean") return String(value)
  const whole = typeof value === "bigint" ? value : value.value
  return typeof whole === "bigint" || Number.isInteger(whole) ? `${BigInt(whole)}i` : undefined
}

const fieldsOf = (
  measurement: Measurement,
  number: (value: number) => string,
  word: (text: string, place: SinkContract.Place) => string
): string | undefined => {
  switch (measurement._tag) {
    case "count":
    case "gauge":
      return `value=${number(measurement.value)}`
    case "distribution":
      return `count=${measurement.histogram.count},sum=${number(measurement.histogram.sum)}`
    case "point": {
      const texts = measurement.fieldValues.map((value) => textOf(value, number, (text) => word(text, "text")))
      return texts.includes(undefined)
        ? undefined
        : measurement.fieldNames.map((name, i) => `${word(name, "field key")}=${texts[i]}`).join(",")
    }
  }
}

const encoderOf = (habits: Habits): Encode => {
  const number = habits.number ?? String
  const word = habits.word ?? wordOf
  const lineOf = (measurement: Measurement): string | undefined => {
    const { series } = measurement
    const tags = series.tags.map(([key, value]) => `${word(key, "tag key")}=${word(value, "tag value")}`).join(",")
    const fields = fieldsOf(measurement, number, word)
    if (fields === undefined) return undefined
    const line = `${word(series.name, "name")} ${tags} ${fields} ${measurement.millis}\n`
    return habits.line?.(line, measurement) ?? line
  }
  return (measurements, maxBytes) => {
    const lines: Array<string> = []
    const refused: Array<Sink.Encoded<string>["refused"][number]> = []
    let bytes = 0
    let index = 0
    for (; index < measurements.length; index++) {
      const line = lineOf(measurements[index]!)
      if (line === undefined) {
        refused.push({ index, drop: "invalid", reason: "an integer field has a fraction" })
        continue
      }
      if (line.length > maxBytes) {
        refused.push({ index, drop: "too_large", reason: "its line is longer than a write may be" })
        continue
      }
      if (bytes + line.length > maxBytes) break
      bytes += line.length
      lines.push(line)
    }
    return { payload: (habits.lines?.(lines) ?? lines).join(""), taken: index, bytes, refused }
  }
}

export const layer = (
  toy: ToyBackend,
  delivery: Sink.DeliveryOptions,
  habits: Habits = {}
): Layer.Layer<Metrics.Metrics, unknown> => {
  const encode = encoderOf(habits)
  const kept = habits.encode === undefined ? encode : habits.encode(encode)
  const built = Sink.layer<string, Sink.SinkError, Scope.Scope>({
    ...(habits.options?.(delivery) ?? delivery),
    name: habits.options?.(delivery).name ?? delivery.name ?? "toy",
    make: Effect.as(habits.start?.(toy) ?? Effect.void, {
      encode: kept,
      write: (batch: Sink.Batch<string>) => {
        const payload = batch.payload ?? encode(batch.measurements, Infinity).payload
        return habits.write?.(toy.take, { ...batch, payload }) ?? toy.take(payload)
      }
    })
  })
  return habits.layer?.(built) ?? built
}

export const subject = (
  habits: Habits = {},
  more: Partial<SinkContract.Subject<ToyBackend>> = {}
): SinkContract.Subject<ToyBackend> => ({
  name: "Toy",
  backend: backend(),
  layer: (toy, delivery) => layer(toy, delivery, habits),
  ...more
})
