// @ts-check
/** Counters in synchronous code: bound handles, and a fresh tag object a call. */
import { Effect, Metric, MetricLabel } from "effect"
import { Counter } from "prom-client"
import { Metrics } from "../../dist/index.js"
import { atMost, compare, ratioOf } from "../harness.mjs"
import { nullLanes } from "../ours.mjs"
import { otelMeter, promRegistry, statsdMock } from "../peers.mjs"
import { methodOf, routeOf, statusOf, tagKeys, tagSets, tagValues } from "./inputs.mjs"

const promCounter = () =>
  new Counter({ name: "requests", help: "requests", labelNames: tagKeys, registers: [promRegistry()] })

const requests = Metrics.counter("requests", { tagKeys })

/** @param {number} lanes */
const handles = async (lanes) => {
  const runtime = nullLanes(lanes)
  const bound = await runtime.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
  return { runtime, bound }
}

/** @type {import("../harness.mjs").Row} */
export const bound = {
  name: "counter-bound",
  title: "Bound counter, 3 tags, 64 series",
  unit: "ns",
  goals: [
    atMost("at most 5 times a bare field with one lane", "effect-metrics, 1 lane", 5, "raw: field"),
    {
      text: "at most 3 times a bare field more for each of two further lanes",
      limit: 3,
      value: (get) => (ratioOf(get("effect-metrics, 3 lanes")) - ratioOf(get("effect-metrics, 1 lane"))) / 2
    }
  ],
  run: async (context) => {
    const fields = tagValues.map(() => ({ value: 0 }))
    const one = await handles(1)
    const two = await handles(2)
    const three = await handles(3)
    const prom = promCounter()
    const promChildren = tagSets.map((tags) => prom.labels(tags))
    const effectCounters = tagSets.map((tags) =>
      Metric.taggedWithLabels(
        Metric.counter("requests"),
        Object.entries(tags).map(([key, value]) => MetricLabel.make(key, value))
      )
    )
    /** @type {Array<never>} */
    const noLabels = []
    const results = await compare(context, [
      {
        name: "raw: field",
        kind: "raw",
        run: (n) => {
          for (let i = 0; i < n; i++) fields[i & 63].value++
        }
      },
      {
        name: "effect-metrics, 1 lane",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i++) one.bound[i & 63].increment()
        }
      },
      {
        name: "effect-metrics, 2 lanes",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i++) two.bound[i & 63].increment()
        }
      },
      {
        name: "effect-metrics, 3 lanes",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i++) three.bound[i & 63].increment()
        }
      },
      {
        name: "prom-client, labels() child",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i++) promChildren[i & 63].inc()
        }
      },
      {
        name: "Effect, taggedWithLabels, unsafeUpdate",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i++) effectCounters[i & 63].unsafeUpdate(1, noLabels)
        }
      }
    ])
    await Promise.all([one, two, three].map(({ runtime }) => runtime.dispose()))
    return { results, notes: ["OpenTelemetry and hot-shots have no bound counters."] }
  }
}

/** @type {import("../harness.mjs").Row} */
export const fresh = {
  name: "counter-fresh-tags",
  title: "Counter with a fresh tag object a call, 3 declared keys, 64 series",
  unit: "ns",
  goals: [
    atMost("at most 0.4 times a Map by concatenated key", "effect-metrics, lookup", 0.4, "raw: Map by concatenated key")
  ],
  run: async (context) => {
    /** @type {Map<string, { value: number }>} */
    const series = new Map()
    const runtime = nullLanes(1)
    const hub = await runtime.runPromise(Metrics.Metrics)
    const region = hub.region([])
    const prom = promCounter()
    const otel = otelMeter().createCounter("requests")
    const statsd = statsdMock()
    const results = await compare(context, [
      {
        name: "raw: Map by concatenated key",
        kind: "raw",
        run: (n) => {
          for (let i = 0; i < n; i++) {
            const tags = { method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] }
            const key = "requests," + tags.method + "," + tags.route + "," + tags.status
            const found = series.get(key)
            if (found === undefined) series.set(key, { value: 1 })
            else found.value++
          }
        }
      },
      {
        name: "effect-metrics, lookup",
        kind: "ours",
        run: (n) => {
          for (let i = 0; i < n; i++) {
            hub
              .entry(requests, region, { method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] })
              .increment()
          }
        }
      },
      {
        name: "prom-client, inc(labels)",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i++) {
            prom.inc({ method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] })
          }
        }
      },
      {
        name: "OpenTelemetry, add(1, attributes)",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i++) {
            otel.add(1, { method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] })
          }
        }
      },
      {
        name: "hot-shots, mock",
        kind: "peer",
        run: (n) => {
          for (let i = 0; i < n; i++) {
            statsd.increment("requests", 1, {
              method: methodOf[i & 63],
              route: routeOf[i & 63],
              status: statusOf[i & 63]
            })
          }
          statsd.mockBuffer = []
        }
      }
    ])
    statsd.close()
    await runtime.dispose()
    return {
      results,
      notes: [
        "The lookup is the hub's own, without a fiber; rows `fiber-*` have the cost of the public effect.",
        "The raw key is injectable: it does not escape its separator."
      ]
    }
  }
}
