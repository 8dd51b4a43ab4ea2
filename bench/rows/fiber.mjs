// @ts-check
/** Recording from within a fiber, beside steps of the fiber that do nothing. */
import { Effect, Metric, MetricLabel } from "effect"
import { Metrics } from "../../dist/index.js"
import { atMost, compare } from "../harness.mjs"
import { nullLanes } from "../ours.mjs"
import { methodOf, routeOf, statusOf, tagKeys } from "./inputs.mjs"

const emptyStep = Effect.withFiberRuntime(() => Effect.void)
const syncStep = Effect.sync(() => {})

/** @param {Effect.Effect<unknown>} self */
const inRegion = (self) => Effect.tagMetrics(self, { region: "eu", zone: "a", service: "shop" })

const requests = Metrics.counter("requests")
const routed = Metrics.counter("requests.routed", { tagKeys })

/** @type {import("../harness.mjs").Row} */
export const prebuilt = {
  name: "fiber-increment",
  title: "`yield*` a prebuilt increment in a fiber",
  unit: "ns",
  goals: [
    atMost(
      "at most 1.25 times an empty withFiberRuntime step",
      "effect-metrics",
      1.25,
      "floor: empty withFiberRuntime"
    ),
    atMost(
      "at most 1.25 times it in a tagMetrics region",
      "effect-metrics, in a region",
      1.25,
      "floor: empty withFiberRuntime"
    )
  ],
  run: async (context) => {
    const one = nullLanes(1)
    const two = nullLanes(2)
    const increment = Metrics.increment(requests)
    const increment2 = Metrics.increment(requests)
    const incrementRegion = Metrics.increment(requests)
    const incrementTagged = Metrics.increment(routed, { tags: { method: "GET", route: "/users", status: "200" } })
    const effectIncrement = Metric.increment(Metric.counter("fiber.requests"))
    const effectRegion = Metric.increment(Metric.counter("fiber.requests"))
    const effectTagged = Metric.increment(
      Metric.taggedWithLabels(Metric.counter("fiber.requests"), [
        MetricLabel.make("method", "GET"),
        MetricLabel.make("route", "/users"),
        MetricLabel.make("status", "200")
      ])
    )
    const results = await compare(context, [
      {
        name: "floor: empty withFiberRuntime",
        kind: "floor",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* emptyStep
            })
          )
      },
      {
        name: "floor: Effect.sync",
        kind: "floor",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* syncStep
            })
          )
      },
      {
        name: "effect-metrics",
        kind: "ours",
        run: (n) =>
          one.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* increment
            })
          )
      },
      {
        name: "effect-metrics, 2 lanes",
        kind: "ours",
        run: (n) =>
          two.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* increment2
            })
          )
      },
      {
        name: "effect-metrics, in a region",
        kind: "ours",
        run: (n) =>
          one.runPromise(
            inRegion(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) yield* incrementRegion
              })
            )
          )
      },
      {
        name: "effect-metrics, 3 tags, in a region",
        kind: "ours",
        run: (n) =>
          one.runPromise(
            inRegion(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) yield* incrementTagged
              })
            )
          )
      },
      {
        name: "Effect",
        kind: "peer",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* effectIncrement
            })
          )
      },
      {
        name: "Effect, in a region",
        kind: "peer",
        run: (n) =>
          Effect.runPromise(
            inRegion(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) yield* effectRegion
              })
            )
          )
      },
      {
        name: "Effect, 3 tags, in a region",
        kind: "peer",
        run: (n) =>
          Effect.runPromise(
            inRegion(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) yield* effectTagged
              })
            )
          )
      }
    ])
    await Promise.all([one.dispose(), two.dispose()])
    return { results }
  }
}

/** @type {import("../harness.mjs").Row} */
export const literal = {
  name: "fiber-literal",
  title: "`yield*` an increment with a tag literal a call",
  unit: "ns",
  goals: [atMost("at most 2 times a fresh-closure step", "effect-metrics", 2, "floor: fresh withFiberRuntime closure")],
  run: async (context) => {
    const runtime = nullLanes(1)
    const counter = Metric.counter("fiber.routed")
    /** @type {{ tags: unknown }} */
    const seen = { tags: undefined }
    const results = await compare(
      context,
      [
        {
          name: "floor: fresh withFiberRuntime closure",
          kind: "floor",
          run: (n) =>
            Effect.runPromise(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) {
                  const tags = { method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] }
                  yield* Effect.withFiberRuntime(() => {
                    seen.tags = tags
                    return Effect.void
                  })
                }
              })
            )
        },
        {
          name: "effect-metrics",
          kind: "ours",
          run: (n) =>
            runtime.runPromise(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) {
                  yield* Metrics.increment(routed, {
                    tags: { method: methodOf[i & 63], route: routeOf[i & 63], status: statusOf[i & 63] }
                  })
                }
              })
            )
        },
        {
          name: "Effect, taggedWithLabels a call",
          kind: "peer",
          run: (n) =>
            Effect.runPromise(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) {
                  yield* Metric.increment(
                    Metric.taggedWithLabels(counter, [
                      MetricLabel.make("method", methodOf[i & 63]),
                      MetricLabel.make("route", routeOf[i & 63]),
                      MetricLabel.make("status", statusOf[i & 63])
                    ])
                  )
                }
              })
            )
        },
        {
          name: "Effect, three Metric.tagged a call",
          kind: "peer",
          run: (n) =>
            Effect.runPromise(
              Effect.gen(function* () {
                for (let i = 0; i < n; i++) {
                  yield* Metric.increment(
                    counter.pipe(
                      Metric.tagged("method", methodOf[i & 63]),
                      Metric.tagged("route", routeOf[i & 63]),
                      Metric.tagged("status", statusOf[i & 63])
                    )
                  )
                }
              })
            )
        }
      ],
      { operations: 50_000 }
    )
    await runtime.dispose()
    return { results }
  }
}

/** @type {import("../harness.mjs").Row} */
export const unprovided = {
  name: "default-hub",
  title: "`yield*` a prebuilt increment with nothing provided",
  unit: "ns",
  goals: [
    atMost("at most 1.15 times an empty withFiberRuntime step", "effect-metrics", 1.15, "floor: empty withFiberRuntime")
  ],
  run: async (context) => {
    const increment = Metrics.increment(requests)
    const results = await compare(context, [
      {
        name: "floor: empty withFiberRuntime",
        kind: "floor",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* emptyStep
            })
          )
      },
      {
        name: "effect-metrics",
        kind: "ours",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* increment
            })
          )
      }
    ])
    return { results }
  }
}

/** @type {import("../harness.mjs").Row} */
export const duration = {
  name: "track-duration",
  title: "trackDuration around an effect",
  unit: "ns",
  goals: [
    atMost("at most 1.2 times Effect's Metric.trackDuration", "effect-metrics", 1.2, "Effect, Metric.trackDuration")
  ],
  run: async (context) => {
    const runtime = nullLanes(1)
    const tracked = syncStep.pipe(Metrics.trackDuration(Metrics.timer("work")))
    const trackedOutcome = syncStep.pipe(Metrics.trackDuration(Metrics.timer("work.outcome"), { outcome: true }))
    const effectTracked = Metric.trackDuration(syncStep, Metric.timer("fiber.work"))
    const results = await compare(context, [
      {
        name: "floor: the effect alone",
        kind: "floor",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* syncStep
            })
          )
      },
      {
        name: "effect-metrics",
        kind: "ours",
        run: (n) =>
          runtime.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* tracked
            })
          )
      },
      {
        name: "effect-metrics, outcome",
        kind: "ours",
        run: (n) =>
          runtime.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* trackedOutcome
            })
          )
      },
      {
        name: "Effect, Metric.trackDuration",
        kind: "peer",
        run: (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* effectTracked
            })
          )
      }
    ])
    await runtime.dispose()
    return { results, notes: ["Effect's records successes only, effect-metrics every exit."] }
  }
}
