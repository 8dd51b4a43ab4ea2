/**
 * What DogStatsD's clients tell of themselves: how much they sent, as counters, with the first write of every ten seconds.
 */
import { Clock, Effect } from "effect"
import { isCheck, isEvent } from "../../encoding/dogstatsd.js"
import type { Packets } from "../../encoding/packets.js"
import type { Measurement } from "../../recording/measurement.js"
import type { WriteResult } from "../../Sink.js"
import type { Target } from "./options.js"

const intervalMillis = 10_000

const transports = { udp: "udp", tcp: "tcp", unixgram: "uds", unix: "uds", unixstream: "uds-stream" } as const

type Count = (
  measurements: ReadonlyArray<Measurement>,
  packets: Packets,
  result: WriteResult | undefined
) => Effect.Effect<void>

export const make = (
  { destination, dialect }: Target,
  carry: (packets: Packets) => Effect.Effect<unknown, unknown>
): Effect.Effect<Count> =>
  Effect.sync(() => {
    const tags = `|#client:effect-metrics,client_transport:${transports[destination._tag]}${dialect.origin}`
    let interval: number | undefined
    let counts = nothing

    const lines = (): Packets => {
      const text = Object.entries(counts)
        .map(([name, count]) => `datadog.dogstatsd.client.${name}:${count}|c${tags}\n`)
        .join("")
      const bytes = new TextEncoder().encode(text)
      return { bytes, bounds: [0, bytes.length - 1], packetOf: [], lastPacketOf: new Map() }
    }

    const report = Effect.suspend(() => {
      const packets = lines()
      counts = nothing
      return Effect.ignore(carry(packets))
    })

    return (measurements, { bounds, bytes }, { keep = [], rejected = [] } = {}) =>
      Effect.flatMap(Clock.currentTimeMillis, (millis) => {
        const points = measurements.filter((one) => one._tag === "point")
        // What is kept will be counted when it is sent.
        const sent = measurements.length === 0 ? 1 : 1 - keep.length / measurements.length
        counts = {
          metrics: counts.metrics + measurements.length - keep.length,
          events: counts.events + points.filter(isEvent).length,
          service_checks: counts.service_checks + points.filter(isCheck).length,
          bytes_sent: counts.bytes_sent + Math.round(bytes.length * sent),
          packets_sent: counts.packets_sent + Math.round((bounds.length / 2) * sent),
          packets_dropped: counts.packets_dropped + rejected.length
        }
        const now = Math.floor(millis / intervalMillis)
        if (now === interval) return Effect.void
        interval = now
        return report
      })
  })

const nothing = { metrics: 0, events: 0, service_checks: 0, bytes_sent: 0, packets_sent: 0, packets_dropped: 0 }
