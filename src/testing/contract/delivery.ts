/**
 * A backend that is well: every kind of measurement arrives, in order, in writes of the size that was asked for.
 */
import { Effect, Exit, Layer, Schedule, Schema, Scope } from "effect"
import { int } from "../../Measurement.js"
import * as Metrics from "../../Metrics.js"
import * as Sink from "../../Sink.js"
import * as Marks from "./marks.js"
import { isClose, keysOf, numberOf, type Reading, show, spellingOf, sum } from "./readings.js"
import { account, calm, check, type Stage } from "./stage.js"
import type { Backend, Check, ContractViolation, Subject } from "./subject.js"

const tags = { side: "left" }

/** Those of a field, in order. */
const under = (stage: Stage, name: string, field: string, readings: ReadonlyArray<Reading>): ReadonlyArray<Reading> => {
  const keys = keysOf(stage.wire, name, field)
  return readings.filter(({ key }) => keys.has(key))
}

const showOf =
  (name: string) =>
  (readings: ReadonlyArray<Reading>): unknown =>
    readings.filter(({ key }) => key.startsWith(name.slice(0, 8)))

/** The record has the tags that it was recorded with, and those of the lane. */
const isTagged = (stage: Stage, { tags: given }: Reading): boolean => {
  const { maxTags = Infinity } = stage.wire
  const spell = spellingOf(stage.wire)
  return Object.entries({ ...tags, ...calm.tags })
    .slice(0, maxTags < 2 ? 0 : 2)
    .every(([key, value]) => given[spell(key, "tag key") ?? ""] === spell(value, "tag value"))
}

const tagged = (stage: Stage, readings: ReadonlyArray<Reading>): Effect.Effect<void, ContractViolation> =>
  stage.expect(
    readings.every((reading) => isTagged(stage, reading)),
    `tags ${show({ ...tags, ...calm.tags })}`,
    () => readings.map(({ tags }) => tags)
  )

/** All that was recorded is delivered, by the ledger too. */
const settled = (stage: Stage): Effect.Effect<void, ContractViolation> =>
  Effect.zipRight(
    stage.settle,
    Effect.suspend(() => {
      const ledger = stage.ledger()
      const isAll = ledger.delivered === ledger.recorded
      return stage.expect(isAll, "a ledger that has all as delivered", () => account(ledger))
    })
  )

export const delivery = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Check> => [
  check(subject, "delivers what counters count", calm, (stage) =>
    Effect.gen(function* () {
      const name = "contractcounter"
      const counter = Metrics.counter(name, { valueType: "int" })
      yield* stage.record(
        Effect.zipRight(Metrics.incrementBy(counter, 3, { tags }), Metrics.increment(counter, { tags }))
      )
      yield* stage.flush
      const readings = yield* stage.awaitArrival("a count of 4", Marks.isSum(stage, name, 4), showOf(name))
      yield* tagged(stage, under(stage, name, "value", readings))
      yield* settled(stage)
    })
  ),
  check(subject, "delivers the last value of gauges", calm, (stage) =>
    Effect.gen(function* () {
      const name = "contractgauge"
      const gauge = Metrics.gauge(name)
      yield* stage.record(Effect.zipRight(Metrics.set(gauge, 7, { tags }), Metrics.incrementBy(gauge, -9.5, { tags })))
      yield* stage.flush
      const isThere = (readings: ReadonlyArray<Reading>) => {
        const last = under(stage, name, "value", readings).at(-1)
        return last !== undefined && isClose(numberOf(last), -2.5)
      }
      const readings = yield* stage.awaitArrival("a value of -2.5", isThere, showOf(name))
      yield* tagged(stage, under(stage, name, "value", readings))
      yield* settled(stage)
    })
  ),
  check(subject, "delivers count and sum of timers", calm, (stage) =>
    distribution(stage, "contracttimer", (name) => {
      const timer = Metrics.timer(name)
      return (value) => Metrics.record(timer, value, { tags })
    })
  ),
  check(subject, "delivers count and sum of distributions", calm, (stage) =>
    distribution(stage, "contractdistribution", (name) => {
      const distribution = Metrics.distribution(name)
      return (value) => Metrics.record(distribution, value, { tags })
    })
  ),
  check(subject, "delivers points with their fields and times", calm, (stage) =>
    Effect.gen(function* () {
      const name = "contractpoint"
      const millis = Marks.timeOf(0) + 250
      const fields = { value: 1.5, n: int(3), flag: true, text: "two words" }
      yield* stage.record(Metrics.emit(name, fields, { tags, timestamp: millis }))
      yield* stage.flush
      const has = (field: string, readings: ReadonlyArray<Reading>, isRight: (reading: Reading) => boolean) => {
        const arrived = under(stage, name, field, readings)
        return arrived.length === 1 && isRight(arrived[0]!)
      }
      const { strings = true, times = "millis" } = stage.wire
      const isThere = (readings: ReadonlyArray<Reading>) =>
        has("value", readings, (reading) => isClose(numberOf(reading), 1.5)) &&
        has("n", readings, (reading) => numberOf(reading) === 3) &&
        has("flag", readings, (reading) => numberOf(reading) === 1) &&
        (!strings || has("text", readings, ({ value }) => value === spellingOf(stage.wire)("two words", "text")))
      const readings = yield* stage.awaitArrival(show(fields), isThere, showOf(name))
      const arrived = under(stage, name, "value", readings)
      yield* tagged(stage, arrived)
      const expected = times === "seconds" ? Math.floor(millis / 1000) * 1000 : millis
      yield* stage.expect(
        times === "none" || Math.abs((arrived[0]?.millis ?? 0) - expected) < 1,
        `a time of ${expected} ms`,
        () => arrived.map(({ millis }) => millis)
      )
      yield* settled(stage)
    })
  ),
  check(subject, "delivers in the order of recording", { ...calm, batchSize: 7 }, (stage) =>
    Effect.gen(function* () {
      const made = 100
      yield* stage.record(Marks.emit(0, made))
      yield* stage.flush
      const readings = yield* stage.awaitArrival(`all ${made} points`, Marks.areThere(stage, 0, made))
      yield* Marks.intact(stage, readings)
      const marks = Marks.among(stage, readings)
      yield* stage.expect(
        marks.every((mark, i) => i === 0 || mark > marks[i - 1]!),
        "ascending numbers, each once",
        () => marks
      )
      yield* settled(stage)
    })
  ),
  check(subject, "writes on its schedule, unasked", { ...calm, schedule: Schedule.spaced("20 millis") }, (stage) =>
    Effect.gen(function* () {
      yield* stage.record(Marks.emit(0, 1))
      yield* stage.awaitArrival("a point", Marks.areThere(stage, 0, 1))
      yield* stage.record(Marks.emit(1, 2))
      yield* stage.awaitArrival("another point", Marks.areThere(stage, 1, 2))
    })
  ),
  check(subject, "passes the options of delivery on", calm, (stage) =>
    Effect.gen(function* () {
      const names = stage.lanes().map(({ name }) => name)
      yield* stage.expect(
        names.length > 0 && names.every((name) => name.split("/")[0] === "contract"),
        "a ledger under the name `contract`, as the option says",
        () => names
      )
      const backend = yield* subject.backend
      const attempt = (delivery: Sink.DeliveryOptions) =>
        Effect.acquireUseRelease(
          Scope.make(),
          (scope) => Effect.exit(Layer.buildWithScope(Layer.fresh(subject.layer(backend, delivery)), scope)),
          (scope) => Scope.close(scope, Exit.void)
        )
      const exit = yield* attempt({ ...calm, batchSize: 0 })
      const isRefused = Exit.match(exit, {
        onSuccess: () => false,
        onFailure: (cause) => cause._tag === "Fail" && isInvalid(cause.error) && cause.error.option === "batchSize"
      })
      if (Exit.isFailure(exit)) yield* stage.overhear(exit.cause)
      yield* stage.expect(isRefused, "an InvalidOption for a batchSize of 0", () =>
        Exit.isSuccess(exit) ? "a layer that is built" : String(exit.cause)
      )
    }).pipe(Effect.scoped)
  ),
  check(subject, "is a hub without a sink where it is not enabled", { ...calm, enabled: false }, (stage) =>
    Effect.gen(function* () {
      yield* stage.record(Marks.emit(0, 1))
      yield* stage.flush
      yield* Effect.sleep(30)
      const readings = yield* stage.arrived
      yield* stage.expect(readings.length === 0 && stage.lanes().length === 0, "nothing", () => readings)
    })
  )
]

const distribution = (
  stage: Stage,
  name: string,
  declare: (name: string) => (value: number) => Effect.Effect<void>
): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    const values = [0.25, 0.5, 2]
    yield* stage.record(Effect.forEach(values, declare(name)))
    yield* stage.flush
    const readings = yield* stage.awaitArrival(
      `a count of ${values.length} and a sum of ${sum(values)}, or these values: ${values.join(", ")}`,
      (readings) => isDistribution(stage, name, values, readings),
      showOf(name)
    )
    yield* tagged(stage, [...under(stage, name, "count", readings), ...under(stage, name, "value", readings)])
    yield* settled(stage)
  })

const isInvalid = Schema.is(Sink.InvalidOption)

/** As `count` and `sum`, or, on wires that send each value, as the values. */
const isDistribution = (
  stage: Stage,
  name: string,
  values: ReadonlyArray<number>,
  readings: ReadonlyArray<Reading>
): boolean => {
  const total = (field: string) => sum(under(stage, name, field, readings).map(numberOf))
  const each = under(stage, name, "value", readings).map(numberOf)
  return each.length > 0
    ? each.length === values.length && isClose(sum(each), sum(values))
    : total("count") === values.length && isClose(total("sum"), sum(values))
}
