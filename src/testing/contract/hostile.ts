/**
 * Input that tries to break out: what arrives of it is one record or none, what stands beside it is whole, and the ledger
 * tells which.
 */
import { Effect } from "effect"
import { Int, UInt } from "../../recording/measurement.js"
import * as Metrics from "../../Metrics.js"
import * as Marks from "./marks.js"
import { isClose, keysOf, type Reading, show, spellingOf } from "./readings.js"
import { account, calm, check, type Stage } from "./stage.js"
import type { Backend, Check, ContractViolation, Place, Subject } from "./subject.js"
import { times, values, words } from "./words.js"

/** A recording that tries something, and what may arrive of it. */
interface Attempt {
  readonly id: number
  readonly record: Effect.Effect<void>
  readonly what: string
  /** By field. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
}

/** Apart from the values of marks, and from what is forged. */
const firstId = 10_000

const attemptAt = (place: Place, word: string, index: number): Attempt => {
  const id = firstId + index
  const name = place === "name" ? word : "contracthostile"
  const tags =
    place === "tag key"
      ? { id: String(id), [word]: "v" }
      : place === "tag value"
        ? { id: String(id), t: word }
        : { id: String(id) }
  const fields: Record<string, number | string> =
    place === "field key" ? { [word]: id } : place === "text" ? { value: id, text: word } : { value: id }
  const what = `${show(word.length > 50 ? `${word.slice(0, 50)}…` : word)} as a ${place}`
  return { id, name, tags, fields, what, record: Metrics.emit(name, fields, { tags, timestamp: Marks.timeOf(index) }) }
}

/** Tells of which attempts a reading may be. */
const attributor = (stage: Stage, attempts: ReadonlyArray<Attempt>): ((reading: Reading) => ReadonlyArray<Attempt>) => {
  const spell = spellingOf(stage.wire)
  const candidates = new Map<string, Array<{ readonly attempt: Attempt; readonly given: unknown }>>()
  for (const attempt of attempts) {
    for (const [field, value] of Object.entries(attempt.fields)) {
      const given = typeof value === "string" ? spell(value, "text") : value
      for (const key of keysOf(stage.wire, attempt.name, field)) {
        candidates.set(key, [...(candidates.get(key) ?? []), { attempt, given }])
      }
    }
  }
  return ({ key, value }) =>
    candidates
      .get(key)
      ?.filter(({ given }) => isEqual(given, value))
      .map(({ attempt }) => attempt) ?? []
}

/** As numbers, where it is one on either side; a text is that text. */
const isEqual = (given: unknown, seen: Reading["value"]): boolean => {
  if (typeof given === "string" || typeof seen === "string") return given === seen
  if (given instanceof Int || given instanceof UInt) return isClose(Number(given.value), Number(seen))
  return (
    (typeof given === "number" || typeof given === "bigint" || typeof given === "boolean") &&
    isClose(Number(given), Number(seen))
  )
}

/** Its own tags and those of the lane, all of them and no others. */
const tagFault = (stage: Stage, attempt: Attempt, given: Reading["tags"]): string | undefined => {
  const { maxTags = Infinity } = stage.wire
  const spell = spellingOf(stage.wire)
  const expected = new Map<string, string>()
  for (const [key, value] of Object.entries({ ...attempt.tags, ...calm.tags })) {
    const [spelledKey, spelledValue] = [spell(key, "tag key"), spell(value, "tag value")]
    if (spelledKey !== undefined && spelledValue !== undefined && spelledValue !== "") {
      expected.set(spelledKey, spelledValue)
    }
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === "" && !expected.has(key)) continue
    if (expected.get(key) !== value) return `the tag ${show(key)}: ${show(value)}`
  }
  const missing = maxTags < expected.size ? undefined : [...expected.keys()].find((key) => !Object.hasOwn(given, key))
  return missing === undefined ? undefined : `no tag ${show(missing)} among ${show(given)}`
}

/** Each attempt is followed by a mark in the same write, which must arrive whole and once. */
const play = (stage: Stage, attempts: ReadonlyArray<Attempt>): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    yield* stage.record(Marks.emit(0, 1))
    yield* stage.record(
      Effect.forEach(attempts, ({ record }, i) => Effect.zipRight(record, Marks.emit(i + 1, i + 2)), { discard: true })
    )
    const made = attempts.length + 1
    yield* stage.flush
    const all = yield* stage.awaitArrival(
      `every harmless record beside the hostile ones`,
      Marks.areThere(stage, 0, made),
      (readings) => missingBeside(stage, attempts, readings)
    )
    yield* stage.settle
    yield* Effect.sleep(20)
    const readings = (yield* stage.arrived).length === all.length ? all : yield* stage.arrived
    const ledger = stage.ledger()
    yield* Marks.judge(stage, readings, made, ledger)

    const marks = new Set(Marks.among(stage, readings))
    yield* stage.expect(marks.size === made, `${made} harmless records`, () => marks.size)
    const there = new Map<Attempt, ReadonlySet<string>>()
    const isMark = Marks.isMark(stage)
    const attemptsOf = attributor(stage, attempts)
    for (const reading of readings) {
      if (isMark(reading)) continue
      const alike = attemptsOf(reading)
      if (alike.length === 0) {
        return yield* stage.violation("only records that were recorded", `one that was not: ${show(reading)}`)
      }
      // Words may come to the same on the wire.
      const tagged = alike.filter((attempt) => tagFault(stage, attempt, reading.tags) === undefined)
      if (tagged.length === 0) {
        const [attempt] = alike
        return yield* stage.violation(`the tags of ${attempt!.what}`, tagFault(stage, attempt!, reading.tags))
      }
      const attempt = tagged.find((attempt) => there.get(attempt)?.has(reading.key) !== true)
      if (attempt === undefined) {
        return yield* stage.violation(`one record of ${tagged[0]!.what}`, `another: ${show(reading)}`)
      }
      there.set(attempt, new Set([...(there.get(attempt) ?? []), reading.key]))
    }
    yield* stage.expect(
      ledger.delivered === made + there.size,
      `${made + there.size} delivered, as that is what arrived`,
      () => account(ledger)
    )
  })

const missingBeside = (stage: Stage, attempts: ReadonlyArray<Attempt>, readings: ReadonlyArray<Reading>): string => {
  const there = new Set(Marks.among(stage, readings))
  const broken = attempts.filter((_, i) => !there.has(i) || !there.has(i + 1)).map(({ what }) => what)
  return `missing beside ${broken.slice(0, 3).join(" and ")}; ${account(stage.ledger())}`
}

export const hostile = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Check> => {
  const { maxTags = Infinity, strings = true } = subject.wire ?? {}
  const places: ReadonlyArray<Place> = [
    "name",
    ...(maxTags >= 3 ? (["tag key", "tag value"] as const) : []),
    "field key",
    ...(strings ? (["text"] as const) : [])
  ]
  return [
    ...places.map((place) =>
      check(subject, `makes one record or none of a hostile ${place}`, calm, (stage) =>
        play(
          stage,
          words.map((word, i) => attemptAt(place, word, i))
        )
      )
    ),
    check(subject, "makes one record or none of a hostile value, and never another number", calm, (stage) =>
      play(
        stage,
        values.map((value, i) => {
          const name = `contractvalue${i}`
          const what = `${typeof value === "symbol" ? "a symbol" : show(value)} as a value`
          // What is not typed is given all the same.
          const fields = { value } as Metrics.Fields
          return {
            id: i,
            name,
            tags: {},
            fields,
            what,
            record: Metrics.emit(name, fields, { timestamp: Marks.timeOf(i) })
          }
        })
      )
    ),
    check(subject, "makes one record or none of a hostile time", calm, (stage) =>
      play(
        stage,
        times.map((timestamp, i) => {
          const name = `contracttime${i}`
          const fields = { value: firstId + i }
          const what = `${String(timestamp)} as a time`
          return { id: i, name, tags: {}, fields, what, record: Metrics.emit(name, fields, { timestamp }) }
        })
      )
    ),
    check(subject, "makes one record or none of any number of tags", calm, (stage) =>
      play(
        stage,
        [0, 1, 7, 8, 9, 30].map((count, i) => {
          const name = `contracttags${i}`
          const fields = { value: firstId + i }
          const tags = Object.fromEntries(Array.from({ length: count }, (_, k) => [`t${k}`, `v${k}`]))
          const what = `${count} tags`
          const record = Metrics.emit(name, fields, { tags, timestamp: Marks.timeOf(i) })
          return { id: i, name, tags, fields, what, record }
        })
      )
    ),
    check(subject, "sends no number that an instrument refuses", calm, (stage) =>
      Effect.gen(function* () {
        const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
        yield* stage.record(
          Effect.forEach(numbers, (number) =>
            Effect.all([
              Metrics.incrementBy(Metrics.counter("contractcounter"), number),
              Metrics.set(Metrics.gauge("contractgauge"), number),
              Metrics.record(Metrics.timer("contracttimer"), number),
              Metrics.record(Metrics.distribution("contractdistribution"), number)
            ])
          )
        )
        yield* play(stage, [])
        const ledger = stage.ledger()
        yield* stage.expect(ledger.recorded === 1, "none of them recorded", () => account(ledger))
      })
    )
  ]
}
