// @ts-check
/** What a reader of a pipe gets, of ten thousand series. */
import { Effect } from "effect"
import { execFile, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { make } from "../../dist/encoding/statvent.js"
import { Metrics, Sink } from "../../dist/index.js"
import { atMost, inRounds } from "../harness.mjs"
import { compareEncoders } from "./encoders.mjs"

const counters = 6000
const gauges = 2000
const timers = 2000
const samples = 100
const readings = /** @type {const} */ (["median", "95th", "99th", "100th", "mean"])
const percents = [50, 95, 99, 100]

const tagsOf = (/** @type {number} */ i) => ({ route: `/users/${i}`, status: "200" })
const tagsText = (/** @type {number} */ i) => `{route="/users/${i}",status="200"}`
const count = (/** @type {number} */ i) => i * 7 + 1
const level = (/** @type {number} */ i) => i / 8 + 0.3
const seconds = (/** @type {number} */ i, /** @type {number} */ n) => ((i * 31 + n * 17) % 1000) / 999

/** What a program would keep: the key of each line, and its number or its last values. */
const plain = () => {
  /** @type {{ counters: Map<string, number>, gauges: Map<string, number>, rings: Map<string, Array<number>> }} */
  const kept = { counters: new Map(), gauges: new Map(), rings: new Map() }
  for (let i = 0; i < counters; i++) kept.counters.set(`http.requests${tagsText(i)}`, count(i))
  for (let i = 0; i < gauges; i++) kept.gauges.set(`queue.length${tagsText(i)}`, level(i))
  for (let i = 0; i < timers; i++) {
    kept.rings.set(
      tagsText(i),
      Array.from({ length: samples }, (_, n) => seconds(i, n))
    )
  }
  return kept
}

const { counters: counted, gauges: levels, rings } = plain()

const number = (/** @type {number} */ value) => (Number.isInteger(value) ? String(value) : value.toFixed(6))

/** Lines added up as a string, once they are all there as bytes. */
export const raw = () => {
  let told = ""
  let read = ""
  for (const [key, value] of counted) told += `${key}: ${number(value)}\n`
  for (const [tags, ring] of rings) {
    const sorted = Float64Array.from(ring).sort()
    let sum = 0
    for (const value of ring) sum += value
    let added = 0
    for (const value of sorted) added += value
    told += `http.duration.count${tags}: ${ring.length}\nhttp.duration.sum${tags}: ${number(sum)}\n`
    for (let i = 0; i < percents.length; i++) {
      const rank = Math.max(0, Math.floor((sorted.length * (percents[i] ?? 0)) / 100) - 1)
      read += `http.duration.${readings[i]}${tags}: ${number(sorted[rank] ?? 0)}\n`
    }
    read += `http.duration.mean${tags}: ${number(added / ring.length)}\n`
  }
  for (const [key, value] of levels) told += `${key}: ${number(value)}\n`
  const head = [counted.size + 2 * rings.size, levels.size, readings.length * rings.size]
  const kinds = ["counters", "gauges", "readings"]
  const first = head.map((lines, i) => `effect_metrics.pipe.${kinds[i]}: ${lines}\n`).join("")
  return Buffer.from(first + told + read)
}

export const record = Effect.gen(function* () {
  const requests = Metrics.counter("http.requests")
  const queue = Metrics.gauge("queue.length")
  const duration = Metrics.timer("http.duration")
  for (let i = 0; i < counters; i++) yield* Metrics.incrementBy(requests, count(i), { tags: tagsOf(i) })
  for (let i = 0; i < timers; i++) {
    const handle = yield* Metrics.bind(duration, tagsOf(i))
    for (let n = 0; n < samples; n++) handle.record(seconds(i, n))
  }
  for (let i = 0; i < gauges; i++) yield* Metrics.set(queue, level(i), { tags: tagsOf(i) })
})

/** @type {Effect.Effect<Sink.Totals>} */
const recorded = Effect.gen(function* () {
  /** @type {Sink.Totals | undefined} */
  let totals
  const layer = Sink.layerRead({
    sink: "bench",
    samples,
    options: { maxSeries: 20_000 },
    make: (given) => Effect.sync(() => void (totals = given))
  })
  yield* Effect.provide(record, layer)
  return totals ?? (yield* Effect.dieMessage("it was not made"))
})

/** @type {import("../harness.mjs").Row} */
export const namedPipe = {
  name: "named-pipe",
  title:
    "A snapshot of 10 000 series for the reader of a pipe: 6000 counters, 2000 gauges, 2000 timers with 100 values",
  unit: "ns",
  goals: [atMost("at most 1.5 times a string of lines from Maps", "effect-metrics", 1.5, "raw: lines of Maps, joined")],
  run: async (context) => {
    const totals = await Effect.runPromise(recorded)
    const formatName = (/** @type {string} */ name, /** @type {string} */ label) => `${name}.${label}`
    const encoder = make({ formatName, totals: true, floats: "fixed", integers: "whole" })
    const ours = () => {
      const taken = encoder.take(totals.series())
      while (taken.write(64));
      return taken.text()
    }
    const size = counters + gauges + timers
    return compareEncoders(
      context,
      size,
      [
        { name: "raw: lines of Maps, joined", kind: "raw", encode: raw },
        { name: "effect-metrics", kind: "ours", encode: ours }
      ],
      { operations: 10 * size, chunk: size }
    )
  }
}

const script = fileURLToPath(new URL("../isolated/namedPipe.mjs", import.meta.url))
const bare = "raw: node:fs and lines of Maps"

/** @type {import("../harness.mjs").Row} */
export const namedPipeCat = {
  name: "named-pipe-cat",
  title: "The same, read by `cat` from another process",
  unit: "ms",
  goals: [],
  run: async (context) => {
    const dir = await mkdtemp(join(tmpdir(), "effect-metrics-bench-"))
    const kinds = /** @type {const} */ ([
      { name: bare, kind: "raw", way: "bare" },
      { name: "effect-metrics", kind: "ours", way: "counted" },
      { name: "effect-metrics, countReaders: false", kind: "ours", way: "uncounted" }
    ])
    const subjects = kinds.map((subject) => {
      const child = fork(script, [dir, subject.way], { execArgv: [] })
      return { ...subject, child, path: join(dir, `${child.pid}.stats`) }
    })
    /** @type {Array<import("../harness.mjs").Result>} */
    const results = []
    try {
      await Promise.all(subjects.map(({ child }) => once(child, "message")))
      const read = async (
        /** @type {typeof subjects[number]} */ { child, name, path },
        /** @type {number} */ round
      ) => {
        if (round === 0) child.send("measure")
        const start = performance.now()
        const { stdout } = await promisify(execFile)("cat", [path], { maxBuffer: 2 ** 26, timeout: 60_000 })
        const millis = performance.now() - start
        if (!stdout.startsWith("effect_metrics.pipe.counters: 10000\n") || !stdout.endsWith("\n")) {
          throw new Error(`${name}: ${stdout.slice(0, 200)}`)
        }
        // The bare one needs a moment to open its pipe again.
        await new Promise((resolve) => setTimeout(resolve, 10))
        return millis
      }
      const measured = await inRounds(context, subjects, read, { rounds: 40, warmup: 5 })
      for (const [i, { child }] of subjects.entries()) {
        const told = once(child, "message")
        child.send("tell")
        const [longest] = await told
        results.push({
          .../** @type {typeof measured[number]} */ (measured[i]),
          more: { "loop max ms": Number(Number(longest).toFixed(1)) }
        })
      }
    } finally {
      for (const { child } of subjects) {
        child.disconnect()
        await once(child, "exit")
      }
      await rm(dir, { recursive: true, force: true })
    }
    return {
      results,
      notes: [
        "The start of `cat` is in all times. What has no care gives two readers at once parts of one text, and none to some.",
        "Readers that came at once are looked for once all processes that can run have run: some milliseconds."
      ]
    }
  }
}
