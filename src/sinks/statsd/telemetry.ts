/**
 * What DogStatsD's clients tell of themselves: how much they sent, as counters, with the first write of every ten seconds.
 */
import { Clock, Effect } from "effect"
import { isCheck, isEvent } from "../../encoding/dogstatsd.js"
import { Packer, type Packets } from "../../encoding/packets.js"
import type { Measurement } from "../../recording/measurement.js"
import type { WriteResult } from "../../Sink.js"
import type { Fate } from "../../transport/datagram.js"
import type { Target } from "./options.js"

const intervalMillis = 10_000

const transports = { udp: "udp", tcp: "tcp", unixgram: "uds", unix: "uds", unixstream: "uds-stream" } as const

/** Told of every write: what became of each packet, where that is known, and of the measurements. */
type Count = (
  measurements: ReadonlyArray<Measurement>,
  packets: Packets,
  fates: ReadonlyArray<Fate> | undefined,
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

    const report = Effect.suspend(() => {
      const lines = Object.entries(counts).map(
        ([name, count]) => `datadog.dogstatsd.client.${name}:${count}|c${tags}\n`
      )
      counts = nothing
      return Effect.ignore(carry(packed(lines, dialect.maxPacketBytes)))
    })

    return (measurements, { bounds, bytes }, fates, { keep = [], rejected = [] } = {}) =>
      Effect.flatMap(Clock.currentTimeMillis, (millis) => {
        // What is kept will be counted when it is sent.
        const unsent = new Set([...keep, ...rejected.map(({ index }) => index)])
        const sent = measurements.filter((_, index) => !unsent.has(index))
        const events = sent.filter((one) => one._tag === "point" && isEvent(one)).length
        const checks = sent.filter((one) => one._tag === "point" && isCheck(one)).length
        counts = {
          metrics: counts.metrics + sent.length - events - checks,
          events: counts.events + events,
          service_checks: counts.service_checks + checks,
          bytes_sent: counts.bytes_sent + (fates === undefined ? bytes.length : bytesOf(bounds, fates, "sent")),
          bytes_dropped: counts.bytes_dropped + bytesOf(bounds, fates, "rejected"),
          packets_sent: counts.packets_sent + (fates?.filter((fate) => fate === "sent").length ?? bounds.length / 2),
          packets_dropped: counts.packets_dropped + (fates?.filter((fate) => fate === "rejected").length ?? 0)
        }
        const now = Math.floor(millis / intervalMillis)
        if (now === interval) return Effect.void
        interval = now
        return report
      })
  })

const nothing = {
  metrics: 0,
  events: 0,
  service_checks: 0,
  bytes_sent: 0,
  bytes_dropped: 0,
  packets_sent: 0,
  packets_dropped: 0
}

const bytesOf = (bounds: ReadonlyArray<number>, fates: ReadonlyArray<Fate> = [], fate: Fate): number =>
  fates.reduce((sum, one, i) => (one === fate ? sum + bounds[2 * i + 1]! - bounds[2 * i]! : sum), 0)

/** Lines that are longer than a packet may be are left out. */
const packed = (lines: ReadonlyArray<string>, maxPacketBytes: number): Packets => {
  const packer = new Packer()
  let text = ""
  for (const line of lines) {
    packer.begin(text.length)
    packer.line(text.length)
    if (packer.end(text.length + line.length, maxPacketBytes, maxPacketBytes)) text += line
  }
  packer.finish(text.length)
  const { bounds, lastPacketOf, packetOf } = packer
  return { bytes: new TextEncoder().encode(text), bounds, packetOf, lastPacketOf }
}
