/**
 * How a service that measures itself, the app around it and their sinks are put together.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Console, Metrics } from "effect-metrics"

const sent = Metrics.counter("mail.sent", { tagKeys: ["to"] })
const connections = Metrics.gauge("mail.connections")
const refunds = Metrics.counter("refunds", { level: "audit" })

// It asks for no metrics in its type, and works without any. It records while it is built, while it is used, and in the end.
class Mailer extends Effect.Service<Mailer>()("Mailer", {
  scoped: Effect.gen(function* () {
    yield* Effect.acquireRelease(Metrics.increment(connections), () => Metrics.incrementBy(connections, -1))
    return { send: (to: string) => Metrics.increment(sent, { tags: { to } }) }
  })
}) {}

// Sinks that stand side by side each get everything they ask for: `audit` only what has that level.
const MetricsLive = Layer.mergeAll(
  Console.layer({ format: "lines", prefix: "all." }),
  Console.layer({ format: "lines", prefix: "audit.", name: "audit", levels: ["audit"] })
)

// `provideMerge`, so that the service's methods find the metrics too when `program` calls them.
const AppLive = Mailer.Default.pipe(Layer.provideMerge(MetricsLive))

// A sink around a part of the program sees that part alone; the outer ones see it too.
const refund = Metrics.increment(refunds).pipe(
  Effect.zipRight(Mailer.pipe(Effect.flatMap((mailer) => mailer.send("customer")))),
  Effect.provide(Console.layer({ format: "lines", prefix: "refund.", name: "refund" }))
)

const program = Effect.gen(function* () {
  // Fails where no metrics are provided, for apps that would rather not start than run unmeasured.
  yield* Metrics.required
  const mailer = yield* Mailer
  yield* mailer.send("staff")
  yield* refund
})

program.pipe(Effect.provide(AppLive), NodeRuntime.runMain)
