import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { backend, type Habits, subject, type ToyBackend, wordOf } from "./toy.js"

const secret = "s3cret token"

const find = (name: string, checks: ReadonlyArray<SinkContract.Check>): SinkContract.Check => {
  const found = checks.find((check) => check.name === name)
  if (found === undefined) throw new Error(`no check is called "${name}"`)
  return found
}

/** Words of some places as they are, but for what the toy's reader needs to cut a line that is right. */
const raw =
  (...places: ReadonlyArray<SinkContract.Place>) =>
  (text: string, place: SinkContract.Place): string =>
    places.includes(place) ? text.replace(/[ ,=%]/g, encodeURIComponent) : wordOf(text)

const unavailable = (reason: string) => new Sink.Unavailable({ sink: "toy", reason, ambiguous: false })

/** What is broken, how, and which checks are to see it. */
type Case = readonly [
  what: string,
  habits: Habits,
  checks: ReadonlyArray<string>,
  more?: Partial<SinkContract.Subject<ToyBackend>>
]

const broken: ReadonlyArray<Case> = [
  [
    "loses a record here and there without a word",
    { lines: (lines) => lines.filter((_, i) => i % 5 !== 4) },
    ["delivers in the order of recording", "makes one record or none of a hostile name"]
  ],
  [
    "loses a write without a word",
    { write: (write, { id, payload }) => (id.endsWith("-2") ? Effect.void : write(payload)) },
    ["delivers in the order of recording"]
  ],
  [
    "writes everything twice",
    { write: (write, { payload }) => Effect.zipRight(write(payload), write(payload)) },
    [
      "delivers what counters count",
      "delivers count and sum of timers",
      "delivers points with their fields and times",
      "delivers in the order of recording",
      "makes one record or none of a hostile tag value",
      "delivers what is buffered when its scope closes, and nothing after"
    ]
  ],
  [
    "loses the order within a write",
    { lines: (lines) => [...lines].reverse() },
    ["delivers in the order of recording"]
  ],
  [
    "sends a piece of a record beside the whole ones",
    { lines: (lines) => [...lines, `${(lines[0] ?? "").slice(0, 10)} host=contract value=1 0\n`] },
    [
      "delivers in the order of recording",
      "delivers again after the backend is down in the middle",
      "delivers what is buffered when its scope closes, and nothing after",
      "makes one record or none of a hostile tag key"
    ]
  ],
  [
    "leaves tags out",
    { line: (line) => line.replace(/side=left,?/, "") },
    [
      "delivers what counters count",
      "delivers the last value of gauges",
      "delivers count and sum of distributions",
      "delivers points with their fields and times"
    ]
  ],
  [
    "sends milliseconds as seconds",
    { line: (line, { millis }) => line.replace(` ${millis}\n`, ` ${millis / 1000}\n`) },
    ["delivers points with their fields and times"]
  ],
  [
    "rounds",
    { number: (value) => value.toFixed(1) },
    ["delivers count and sum of timers", "makes one record or none of a hostile value, and never another number"]
  ],
  [
    "has a schedule of its own",
    { options: ({ schedule: _, ...delivery }) => delivery },
    ["writes on its schedule, unasked"]
  ],
  [
    "has a batchSize of its own",
    { options: (delivery) => ({ ...delivery, batchSize: 1000 }) },
    ["puts at most batchSize measurements into a write", "passes the options of delivery on"]
  ],
  [
    "has a name of its own",
    { options: (delivery) => ({ ...delivery, name: "toy" }) },
    ["passes the options of delivery on"]
  ],
  [
    "cannot be turned off",
    { options: ({ enabled: _, ...delivery }) => delivery },
    ["is a hub without a sink where it is not enabled"]
  ],
  [
    "collects writes, and sends more at once than it was told",
    {
      write: (() => {
        let kept = ""
        return (write: (payload: string) => Effect.Effect<void, Sink.SinkError>, batch: Sink.Batch<string>) => {
          kept += batch.payload
          if (!batch.id.endsWith("-6")) return Effect.void
          const all = kept
          kept = ""
          return write(all)
        }
      })()
    },
    ["puts at most batchSize measurements into a write"]
  ],
  [
    "encodes more than batchBytes",
    { encode: (encode) => (measurements) => encode(measurements, Infinity) },
    [
      "puts at most batchBytes bytes into a write",
      "drops and counts a measurement that is larger than a write, and no other"
    ]
  ],
  [
    "says of its bytes less than it sends",
    {
      encode: (encode) => (measurements) => ({ ...encode(measurements, Infinity), bytes: 100 })
    },
    ["puts at most batchBytes bytes into a write"]
  ],
  ["has no encode", { encode: () => undefined }, ["puts at most batchBytes bytes into a write"]],
  [
    "cuts what is too large",
    { encode: (encode) => (measurements, maxBytes) => cutting(encode(measurements, Infinity), maxBytes) },
    ["drops and counts a measurement that is larger than a write, and no other"]
  ],
  ["lets line breaks of a name through", { word: raw("name") }, ["makes one record or none of a hostile name"]],
  [
    "lets line breaks of a tag key through",
    { word: raw("tag key") },
    ["makes one record or none of a hostile tag key"]
  ],
  [
    "lets line breaks of a tag value through",
    { word: raw("tag value") },
    ["makes one record or none of a hostile tag value"]
  ],
  [
    "lets line breaks of a field key through",
    { word: raw("field key") },
    ["makes one record or none of a hostile field key"]
  ],
  ["lets line breaks of a text through", { word: raw("text") }, ["makes one record or none of a hostile text"]],
  [
    "spells names in a way that it does not tell",
    { word: (text, place) => wordOf(place === "name" ? text.replace(/[^a-z0-9]/gi, "_") : text) },
    ["makes one record or none of a hostile name"]
  ],
  [
    "lets a name swallow what stands behind it",
    { lines: (lines) => [lines.map((line) => line.replace(/^(\S*%5C) .*\n/, "$1")).join("")] },
    ["makes one record or none of a hostile name"]
  ],
  [
    "sends other numbers than those it cannot",
    { number: (value) => String(Math.max(-1e15, Math.min(value, 1e15))) },
    ["makes one record or none of a hostile value, and never another number"]
  ],
  [
    "sends a time of its own for one that it cannot",
    { line: (line, { millis }) => (millis < 0 ? line + line : line) },
    ["makes one record or none of a hostile time"]
  ],
  [
    "leaves tags out where there are many",
    { line: (line) => line.replace(/t8=v8,/, "") },
    ["makes one record or none of any number of tags"]
  ],
  [
    "sends a number that was refused",
    { start: (backend) => backend.take("contractcounter host=contract value=NaN 0\n") },
    ["sends no number that an instrument refuses"]
  ],
  [
    "asks for the backend when it is made",
    {
      start: (backend) => backend.take("")
    },
    ["starts while the backend is down, and delivers once it is well"]
  ],
  [
    "waits for the backend when it is made",
    { start: (backend) => Effect.eventually(Effect.delay(backend.take(""), 10)) },
    [
      "starts while the backend is down, and delivers once it is well",
      "starts while the backend hangs, and delivers once it is well",
      "starts while the backend closes connections at once, and delivers once it is well"
    ]
  ],
  [
    "counts as delivered what a failed write carried",
    { write: (write, { payload }) => Effect.ignore(write(payload)) },
    [
      "starts while the backend is down, and delivers once it is well",
      "delivers again after the backend is down in the middle",
      "delivers again after the backend closes connections at once in the middle",
      "accounts for every recording while the backend fails in one way after the other",
      "closes in time while the backend is down, and counts what is lost"
    ]
  ],
  [
    "drops what a failed write carried",
    {
      write: (write, { measurements, payload }) =>
        Effect.catchAll(write(payload), ({ reason }) =>
          Effect.succeed({ rejected: measurements.map((_, index) => ({ index, reason })) })
        )
    },
    [
      "starts while the backend is down, and delivers once it is well",
      "delivers again after the backend is down in the middle"
    ]
  ],
  [
    "never comes back after a failure",
    {
      write: (() => {
        let hasFailed = false
        return (write: (payload: string) => Effect.Effect<void, Sink.SinkError>, { payload }: Sink.Batch<string>) =>
          hasFailed
            ? Effect.fail(unavailable("it failed before"))
            : Effect.tapError(write(payload), () => Effect.sync(() => (hasFailed = true)))
      })()
    },
    ["delivers again after the backend is down in the middle"]
  ],
  [
    "takes a write that was given up for one that is under way",
    {
      write: (() => {
        let isBusy = false
        return (write: (payload: string) => Effect.Effect<void, Sink.SinkError>, { payload }: Sink.Batch<string>) => {
          if (isBusy) return Effect.fail(unavailable("one at a time"))
          isBusy = true
          return Effect.tapBoth(write(payload), {
            onFailure: () => Effect.sync(() => (isBusy = false)),
            onSuccess: () => Effect.sync(() => (isBusy = false))
          })
        }
      })()
    },
    ["delivers again after the backend hangs in the middle"]
  ],
  [
    "gives up on what is slow",
    {
      write: (write, { payload }) =>
        Effect.timeoutFail(write(payload), { duration: 1, onTimeout: () => unavailable("slow") })
    },
    ["delivers to a backend that is slow"]
  ],
  [
    "sends again what it was told is stored, in the belief that it was not",
    {
      write: (() => {
        let isFirst = true
        return (write: (payload: string) => Effect.Effect<void, Sink.SinkError>, { payload }: Sink.Batch<string>) =>
          Effect.flatMap(write(payload), () => {
            const wasFirst = isFirst
            isFirst = false
            return wasFirst ? Effect.fail(unavailable("lost the answer, and takes it for a refusal")) : Effect.void
          })
      })()
    },
    ["delivers in the order of recording"]
  ],
  [
    "takes an answer that was lost for a refusal",
    { write: (write, { payload }) => Effect.mapError(write(payload), ({ reason }) => unavailable(reason)) },
    ["has as ambiguous what arrived without an answer, and repeats nothing else"]
  ],
  [
    "loses tags whose keys every object has",
    { line: (line) => line.replace(/\b(__proto__|constructor|toString)=v,?/, "") },
    ["makes one record or none of a hostile tag key"]
  ],
  [
    "hangs when its scope closes",
    { start: () => Effect.addFinalizer(() => Effect.never) },
    [
      "delivers what is buffered when its scope closes, and nothing after",
      "closes in time while the backend is down, and counts what is lost",
      "closes in time while the backend hangs, and counts what is lost",
      "closes in time while the backend is slow, and counts what is lost",
      "closes in time while the backend closes connections at once, and counts what is lost"
    ]
  ],
  [
    "goes on when its scope has closed",
    {
      write: (write, { payload }) =>
        Effect.zipRight(write(payload), Effect.forkDaemon(Effect.delay(Effect.ignore(write(payload)), 30))).pipe(
          Effect.asVoid
        )
    },
    ["delivers what is buffered when its scope closes, and nothing after"]
  ],
  [
    "logs its secret",
    { start: () => Effect.logDebug(`connecting with ${secret}`) },
    ["delivers what counters count"],
    { secrets: [secret] }
  ],
  [
    "logs its secret as a header",
    { start: () => Effect.logDebug({ headers: { authorization: `Basic ${btoa(secret)}` } }) },
    ["delivers what counters count"],
    { secrets: [secret] }
  ],
  [
    "tells its secret in an error",
    {
      write: (write, { payload }) =>
        Effect.mapError(write(payload), ({ reason }) =>
          unavailable(`${reason}: http://x?p=${encodeURIComponent(secret)}`)
        )
    },
    ["starts while the backend is down, and delivers once it is well"],
    { secrets: [secret] }
  ],
  [
    "tells its secret when it refuses an option",
    {
      layer: Layer.mapError(
        () => new Sink.InvalidOption({ option: "batchSize", value: secret, expected: "a whole number" })
      )
    },
    ["passes the options of delivery on"],
    { secrets: [secret] }
  ],
  [
    "has a ledger that is off",
    { layer: (layer) => Layer.tap(layer, spoil) },
    ["delivers what counters count", "accounts for every recording while the backend fails in one way after the other"]
  ]
]

const cutting = (encoded: Sink.Encoded<string>, maxBytes: number): Sink.Encoded<string> => {
  const payload = encoded.payload
    .split("\n")
    .map((line) => line.slice(0, maxBytes / 10).replace(/^(contractl\S*)$/, "$1 host=contract value=1 0"))
    .join("\n")
  return { ...encoded, payload, bytes: payload.length }
}

/** Adds a lane that says of a recording that it is nowhere. */
const spoil = (context: Context.Context<Metrics.Metrics>) =>
  Effect.sync(() => {
    const hub = Context.get(context, Metrics.Metrics)
    const [lane] = hub.allAttached()
    if (lane === undefined) return
    hub.add({ ...lane, ledger: () => ({ ...lane.ledger(), recorded: lane.ledger().recorded + 1 }) })
  })

describe("SinkContract", () => {
  describe.concurrent("passes a sink that keeps it: it", () => {
    for (const { name, run } of SinkContract.checks(subject({}, { secrets: [secret, ""] }))) it.live(name, () => run)
  })

  describe.concurrent("catches a sink that", () => {
    for (const [what, habits, checks, more] of broken) {
      for (const name of checks) {
        it.live(`${what}: it no longer ${name}`, () =>
          Effect.gen(function* () {
            const violation = yield* Effect.flip(
              find(name, SinkContract.checks(subject(habits, { patience: "500 millis", ...more }))).run
            )
            assert.strictEqual(violation._tag, "ContractViolation")
            assert.strictEqual(violation.check, name)
            assert.strictEqual(violation.sink, "Toy")
          })
        )
      }
    }
  })

  it("is tried by a broken sink in each of its checks", () => {
    const tried = new Set(broken.flatMap(([_what, _habits, checks]) => checks))
    assert.deepStrictEqual(
      SinkContract.checks(subject())
        .map(({ name }) => name)
        .filter((name) => !tried.has(name)),
      []
    )
  })

  describe.concurrent("asks of a wire without answers no more than it can keep: it", () => {
    const blind = subject(
      {},
      { backend: backend("blind"), wire: { acknowledgedBy: "kernel" }, faults: ["hang", "slow", "close"] }
    )
    for (const { name, run } of SinkContract.checks(blind)) it.live(name, () => run)
  })

  it.live("asks of a wire with answers that they are true", () =>
    Effect.gen(function* () {
      const checks = SinkContract.checks(subject({}, { backend: backend("blind") }))
      const { expected } = yield* Effect.flip(
        find("closes in time while the backend is down, and counts what is lost", checks).run
      )
      assert.strictEqual(expected, "at most 1 delivered, as that is what arrived")
    })
  )

  describe.concurrent("reads a wire with one number a record as it does others: it", () => {
    const each = (received: ReadonlyArray<SinkContract.Received>) =>
      received.flatMap(({ fields, name, ...rest }) =>
        Object.entries(fields).map(([field, value]) => ({
          ...rest,
          name: field === "value" ? name : `${name}.${field}`,
          fields: { value }
        }))
      )
    const single = Effect.map(backend(), (toy) => ({ ...toy, received: Effect.map(toy.received, each) }))
    for (const { name, run } of SinkContract.checks(subject({}, { backend: single }))) it.live(name, () => run)
  })

  describe.concurrent("knows what a wire cannot carry: it", () => {
    const spell = (text: string, place: SinkContract.Place): string | undefined =>
      place === "tag key" || place === "tag value" ? undefined : text.replace(/[^\w.]/g, "_").slice(0, 100)
    const habits: Habits = {
      word: (text, place) => wordOf(spell(text, place) ?? text),
      line: (line, { millis }) =>
        line.replace(/ \S* (\S+) \S+\n$/, (_, fields: string) => `  ${fields} ${Math.floor(millis / 1000) * 1000}\n`)
    }
    const poor = subject(habits, { wire: { maxTags: 0, times: "seconds", spell } })
    for (const { name, run } of SinkContract.checks(poor)) it.live(name, () => run)
  })

  it("leaves out the checks that the backend or the wire is not made for", () => {
    const names = (more: Partial<SinkContract.Subject<ToyBackend>>) =>
      SinkContract.checks(subject({}, more)).map(({ name }) => name)
    const all = names({})
    assert.strictEqual(new Set(all).size, all.length)
    const without = (more: Partial<SinkContract.Subject<ToyBackend>>) =>
      all.filter((name) => !names(more).includes(name))
    assert.deepStrictEqual(without({ faults: ["down", "hang", "close"] }), [
      "delivers to a backend that is slow",
      "has as ambiguous what arrived without an answer, and repeats nothing else",
      "closes in time while the backend is slow, and counts what is lost"
    ])
    assert.lengthOf(without({ faults: [] }), 13)
    assert.deepStrictEqual(without({ wire: { batchBytes: false } }), [
      "puts at most batchBytes bytes into a write",
      "drops and counts a measurement that is larger than a write, and no other"
    ])
    assert.deepStrictEqual(without({ wire: { strings: false } }), ["makes one record or none of a hostile text"])
  })

  it.effect(
    "runs on the live clock, whatever the test's",
    () => find("delivers what counters count", SinkContract.checks(subject())).run
  )

  it.live("says whose violation it is, of what, and what was seen instead", () =>
    Effect.gen(function* () {
      const checks = SinkContract.checks(subject({ write: () => Effect.void }, { patience: "20 millis" }))
      const violation = yield* Effect.flip(find("delivers what counters count", checks).run)
      assert.strictEqual(violation.message, "Toy delivers what counters count\n  expected: a count of 4\n  seen: []")
    })
  )

  it.live("says so where a backend has no faults to play", () =>
    Effect.gen(function* () {
      const bare = Effect.map(backend(), ({ fault: _, ...toy }) => toy)
      const checks = SinkContract.checks(subject({}, { backend: bare }))
      yield* find("delivers what is buffered when its scope closes, and nothing after", checks).run
      const violation = yield* Effect.flip(find("delivers to a backend that is slow", checks).run)
      assert.strictEqual(violation.expected, "a backend that plays faults, or a subject with `faults: []`")
    })
  )
})
