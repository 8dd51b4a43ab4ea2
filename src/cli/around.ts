/** Runs a command's work among its sinks, and says at the end what became of everything that they accepted. */
import { Effect } from "effect"
import * as Ledger from "../Ledger.js"
import * as Metrics from "../Metrics.js"
import { tell } from "./output.js"
import { Shell } from "./shell.js"
import type { LayerError, SinkLayer } from "./sinks.js"

const reasons = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ")

/** What will not arrive any more. */
export const lostOf = (ledger: Ledger.Ledger): number => Ledger.dropped(ledger) + Ledger.buffered(ledger)

/** One line: `influxdb: 12 recorded, 10 delivered, 2 lost (shutdown_deadline 2)`. */
export const ledgerLine = (name: string, ledger: Ledger.Ledger): string => {
  const lost = Ledger.dropped(ledger)
  const left = Ledger.buffered(ledger)
  const refused = Ledger.refused(ledger)
  return [
    `${name}: ${ledger.recorded} recorded`,
    `${ledger.delivered} delivered`,
    `${lost} lost${lost > 0 ? ` (${reasons(ledger.dropped)})` : ""}`,
    ...(left > 0 ? [`${left} left over`] : []),
    ...(refused > 0 ? [`${refused} refused (${reasons(ledger.refused)})`] : []),
    ...(ledger.ambiguous > 0 ? [`${ledger.ambiguous} of unknown fate for a time`] : [])
  ].join(", ")
}

/**
 * Ends as `work` does. What was not delivered makes the exit code 1, also where an interruption, the usual end of a service,
 * leaves no failure that could say so.
 */
export const around = <E>(
  layer: SinkLayer,
  work: Effect.Effect<never, E>
): Effect.Effect<never, E | LayerError | Metrics.MetricsNotProvided> =>
  Effect.suspend(() => {
    let hub: Metrics.Service | undefined
    const settle = Effect.gen(function* () {
      const ledgers = hub === undefined ? [] : Metrics.ledgersOf(hub)
      for (const { ledger, name } of ledgers) yield* tell(ledgerLine(name, ledger))
      const lost = ledgers.reduce((sum, { ledger }) => sum + lostOf(ledger), 0)
      if (lost === 0) return
      yield* tell(`effect-metrics: ${lost} ${lost === 1 ? "recording was" : "recordings were"} not delivered`)
      const { exitWith } = yield* Shell
      exitWith(1)
    })
    return Effect.flatMap(Metrics.required, (service) => {
      hub = service
      return work
    }).pipe(
      Effect.provide(layer),
      // When the sinks have closed.
      Effect.ensuring(settle)
    )
  })
