// @ts-check
/** What a scrape of Prometheus costs, and for how long it holds up everything else. */
import { Effect } from "effect"
import { setImmediate as nextTurn } from "node:timers/promises"
import { Counter } from "prom-client"
import { Metrics, Sink } from "../../dist/index.js"
import * as Scrape from "../../dist/web/prometheus/scrape.js"
import { atMost, compare, median } from "../harness.mjs"
import { promRegistry } from "../peers.mjs"

const tagKeys = ["route", "method", "status"]
const tagsOf = (/** @type {number} */ i) => ({ route: `/users/${i}`, method: "GET", status: "200" })
const labelsOf = (/** @type {number} */ i) => `route="/users/${i}",method="GET",status="200"`
const value = (/** @type {number} */ i) => i * 7 + 1

const ours = "effect-metrics"
const bare = "raw: cached prefixes, concatenated"

/** @param {number} size @returns {Effect.Effect<Sink.Totals>} */
const recorded = (size) =>
  Effect.gen(function* () {
    /** @type {Sink.Totals | undefined} */
    let totals
    const layer = Sink.layerRead({
      sink: "bench",
      options: { maxSeries: size },
      make: (given) => Effect.sync(() => void (totals = given))
    })
    const requests = Metrics.counter("http.requests")
    const record = Effect.gen(function* () {
      for (let i = 0; i < size; i++) yield* Metrics.incrementBy(requests, value(i), { tags: tagsOf(i) })
    })
    yield* Effect.provide(record, layer)
    return totals ?? (yield* Effect.dieMessage("it was not made"))
  })

/** The longest time for which nothing else came to its turn, in milliseconds. @param {() => unknown} run */
const longestTurn = async (run) => {
  let longest = 0
  let last = performance.now()
  let isOn = true
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (isOn) setImmediate(look)
  }
  setImmediate(look)
  await nextTurn()
  last = performance.now()
  longest = 0
  await run()
  await nextTurn()
  isOn = false
  await nextTurn()
  return longest
}

/** @type {import("../harness.mjs").Row} */
export const prometheusScrape = {
  name: "prometheus-scrape",
  title: "A scrape of 100 000 counters with three labels, up to its bytes",
  unit: "ns",
  goals: [
    atMost("at most 1.3 times a string of cached prefixes", ours, 1.3, bare),
    {
      text: "holds the event loop for at most 10 ms",
      limit: 10,
      value: (get) => Number(get(ours).more?.["loop max ms"])
    }
  ],
  run: async (context) => {
    const size = context.isQuick ? 2_000 : 100_000
    const totals = await Effect.runPromise(recorded(size))
    const scrape = Scrape.make(totals, [])
    const encoded = () => Effect.runPromise(scrape({ format: "text", escaping: "underscores" }))
    const prefixes = Array.from({ length: size }, (_, i) => {
      const sorted = `method="GET",route="/users/${i}",status="200"`
      return `http_requests_total{${sorted}} `
    })
    const numbers = Array.from({ length: size }, (_, i) => value(i))
    const concat = () => {
      let text = "# TYPE http_requests_total counter\n"
      for (let i = 0; i < size; i++) text += `${prefixes[i]}${numbers[i]}\n`
      return Buffer.from(text)
    }
    const registry = promRegistry()
    const counter = new Counter({
      name: "http_requests_total",
      help: "Requests",
      labelNames: tagKeys,
      registers: [registry]
    })
    for (let i = 0; i < size; i++) counter.inc(tagsOf(i), value(i))
    const metrics = async () => Buffer.from(await registry.metrics())

    const told = Buffer.from(await encoded()).toString()
    if (told !== concat().toString()) throw new Error(`it writes\n${told.slice(0, 400)}`)
    const peer = (await metrics()).toString()
    if (!peer.includes(`http_requests_total{${labelsOf(1)}} ${value(1)}\n`)) throw new Error(peer.slice(0, 400))

    const all = [
      { name: bare, kind: /** @type {const} */ ("raw"), scrape: concat },
      { name: ours, kind: /** @type {const} */ ("ours"), scrape: encoded },
      { name: "prom-client", kind: /** @type {const} */ ("peer"), scrape: metrics }
    ]
    const results = await compare(
      context,
      all.map(({ kind, name, scrape }) => ({ name, kind, run: () => scrape() })),
      { operations: size, chunk: size }
    )
    for (const [i, result] of results.entries()) {
      const times = []
      for (let round = 0; round < (context.isQuick ? 2 : 9); round++)
        times.push(await longestTurn(() => all[i]?.scrape()))
      result.more = { "loop max ms": Number(median(times).toFixed(1)) }
    }
    return {
      results,
      notes: [
        "Before the run, the first two are checked to write the same bytes. Both keep what stands before each number.",
        "The longest turn of the event loop is the median of nine scrapes. All numbers are noted in one turn, so that they are of one moment."
      ]
    }
  }
}
