/**
 * The options of the StatsD sink, and what they come to. A combination that cannot work is an error when the layer is built.
 */
import { type Duration, Effect } from "effect"
import type { Dialect } from "../../encoding/statsd.js"
import type { Server, TagStyle } from "../../encoding/statsdNames.js"
import type { DeliveryOptions } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"
import { containerId } from "../../transport/container.js"
import { addressOf } from "../../transport/stream.js"

/** What it is called unless it is given a name. */
export const sinkName = "statsd"

/**
 * All have defaults, also those of delivery: here at most 5000 measurements and 256 KiB a write, `ambiguous: "drop"`, as
 * StatsD adds up what it is sent, and `aggregate: { timer: false, distribution: false }`, as it wants their samples.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** UDP and TCP: name or address. Over UDP a name is looked up again every half minute. Default `localhost`. */
  readonly host?: string | undefined
  /** UDP and TCP. Default 8125. */
  readonly port?: number | undefined
  /** `"uds"` is a Unix socket. Default `"udp"`. */
  readonly protocol?: "udp" | "uds" | "tcp" | undefined
  /** Where the Unix socket is. */
  readonly path?: string | undefined
  /**
   * Of which type the Unix socket is: `"datagram"` needs the optional package unix-dgram; over a `"stream"` each packet goes
   * behind its length, four bytes, little-endian; `"either"` asks the socket, and needs the package if it is of datagrams.
   * Default `"datagram"`.
   */
  readonly socket?: "datagram" | "stream" | "either" | undefined
  /** Whose lines: those of etsy's daemon and all that follow it, or DogStatsD's. Default `"etsy"`. */
  readonly dialect?: Server | undefined
  /** How tags are written. Default `"graphite"`, and `"datadog"` for DogStatsD. `"none"` leaves them out. */
  readonly tagStyle?: TagStyle | undefined
  /**
   * Replaces by `_` what a name or tag may not hold, instead of refusing the measurement; in the values of etsy's tags that is
   * always so, but for control characters. Default `false`.
   */
  readonly sanitise?: boolean | undefined
  /** Of UDP and Unix sockets. Default 1432, which Ethernet takes whole; 8192 over a Unix socket. */
  readonly maxPacketBytes?: number | undefined
  /**
   * The type of a distribution's samples. Default `"ms"`, which is all that etsy's daemon has, and `"h"` for DogStatsD. Etsy's
   * daemon counts `"h"` and `"d"` as counters; telegraf and statsd_exporter know them. `"none"` refuses distributions.
   */
  readonly histogramAs?: "h" | "d" | "ms" | "none" | undefined
  /** Which of timers and distributions that are aggregated become gauges, 0 to 1. Default 0.5, 0.95 and 0.99. */
  readonly quantiles?: ReadonlyArray<number> | undefined
  /**
   * DogStatsD 1.3: `"numbers"` sends counts and gauges with their time, in seconds, which the agent then does not aggregate;
   * `"all"` refuses whatever cannot have one. Default `"none"`.
   */
  readonly timestamps?: "none" | "numbers" | "all" | undefined
  /** DogStatsD 1.1: samples of one series share a line, `a:1:2:3|ms`. Default `false`. */
  readonly packedValues?: boolean | undefined
  /**
   * Etsy: counters whose increase is written as a step of a gauge, `a:+4|g`, so that several processes count up and down one
   * gauge; asked with the name as it is written. Default: none.
   */
  readonly deltas?: ((series: { readonly name: string }) => boolean) | undefined
  /**
   * DogStatsD 1.2: the container that this process runs in, `ci-<id>` or `in-<cgroup inode>`; `"auto"` asks Linux, and says
   * nothing outside of one. Default: not said.
   */
  readonly containerId?: string | undefined
  /** DogStatsD 1.5. Default: not said. */
  readonly externalData?: string | undefined
  /** DogStatsD 1.6: which tags the agent adds. Default: not said. */
  readonly cardinality?: "none" | "low" | "orchestrator" | "high" | undefined
  /** DogStatsD: counts what is sent, as `datadog.dogstatsd.client.*`, with the first write of every 10 seconds. Default `false`. */
  readonly telemetry?: boolean | undefined
  /**
   * UDP: so many bytes at once (16 384), then a pause (4 ms): 4 MB a second, at which a receiver with the usual buffer may be
   * away for 30 ms. A faster pace is for faster receivers, `"none"` for receivers that lose nothing.
   */
  readonly pacing?:
    | "none"
    | { readonly burstBytes?: number | undefined; readonly pause?: Duration.DurationInput | undefined }
    | undefined
}

/** Where to, as a transport takes it. */
export type Destination =
  | { readonly _tag: "udp" | "tcp"; readonly host: string; readonly port: number }
  /** `unix` is of a type that is not known. */
  | { readonly _tag: "unixgram" | "unixstream" | "unix"; readonly path: string }

export interface Target {
  readonly destination: Destination
  readonly dialect: Dialect
  readonly pacing: { readonly burstBytes: number; readonly pauseMillis: number }
  readonly telemetry: boolean
}

/** What the fields of the origin may hold. */
export const originText = /^[\w.:,/=+-]+$/
export const originExpected = "letters, digits and _.:,/=+-"

/** Linux has room for so many, with a zero behind them. */
const maxPathBytes = 107
const unixTags = { datagram: "unixgram", stream: "unixstream", either: "unix" } as const
const maxDatagram = 65_507
const dogStatsDOnly = ["containerId", "externalData", "cardinality", "packedValues", "telemetry"] as const

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  options.containerId === "auto" && options.dialect === "dogstatsd"
    ? Effect.flatMap(containerId(), (containerId) => resolve({ ...options, containerId }))
    : resolve(options)

const resolve = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (tell) => {
    const refuse: Refuse = (option, value, expected) => tell(option, Checks.show(value), expected)
    const oneOf = <A extends string>(option: keyof Options, value: A, all: ReadonlyArray<A>): A =>
      Checks.oneOf(tell, option, value, all)

    const protocol = oneOf("protocol", options.protocol ?? "udp", ["udp", "uds", "tcp"])
    const server = oneOf("dialect", options.dialect ?? "etsy", ["etsy", "dogstatsd"])
    const isUnix = protocol === "uds"
    const host = options.host ?? "localhost"
    const port = options.port ?? 8125
    const path = options.path ?? ""
    for (const option of isUnix ? (["host", "port"] as const) : (["path", "socket"] as const)) {
      if (options[option] !== undefined) refuse(option, options[option], `used with protocol ${protocol}`)
    }
    // Longer ones are cut off where nobody says so.
    if (isUnix && (path === "" || path.includes("\0") || new TextEncoder().encode(path).length > maxPathBytes)) {
      refuse("path", options.path, `the path of a Unix socket, of at most ${maxPathBytes} bytes`)
    }
    if (!isUnix) addressOf({ host, port }, tell)
    const socket = oneOf("socket", options.socket ?? "datagram", ["datagram", "stream", "either"])

    const tags = oneOf("tagStyle", options.tagStyle ?? (server === "etsy" ? "graphite" : "datadog"), [
      ...(["graphite", "influx", "librato", "signalfx", "datadog", "none"] as const)
    ])
    if (server === "dogstatsd" && tags !== "datadog" && tags !== "none") {
      refuse("tagStyle", tags, "used with DogStatsD: it is datadog or none")
    }
    for (const option of dogStatsDOnly) {
      const value = options[option]
      if (server === "etsy" && value !== undefined && value !== false) refuse(option, value, "used with dialect etsy")
    }
    const timestamps = oneOf("timestamps", options.timestamps ?? "none", ["none", "numbers", "all"])
    if (server === "etsy" && timestamps !== "none") refuse("timestamps", timestamps, "used with dialect etsy")
    if (server === "dogstatsd" && options.deltas !== undefined) {
      refuse("deltas", "a function", "used with DogStatsD, whose gauges cannot be stepped")
    }
    const histogramAs = oneOf("histogramAs", options.histogramAs ?? (server === "etsy" ? "ms" : "h"), [
      ...(["h", "d", "ms", "none"] as const)
    ])
    const most = options.maxPacketBytes ?? (isUnix ? 8192 : 1432)
    if (!Checks.isWhole(most, 64, maxDatagram)) {
      refuse("maxPacketBytes", most, `a whole number from 64 to ${maxDatagram}`)
    }
    if (protocol === "tcp" && options.maxPacketBytes !== undefined) {
      refuse("maxPacketBytes", most, "used with protocol tcp, which has no packets")
    }
    const quantiles = Checks.quantiles(tell, options.quantiles ?? [0.5, 0.95, 0.99])
    for (const option of ["containerId", "externalData"] as const) {
      const value = options[option]
      if (value !== undefined && !originText.test(value)) refuse(option, value, originExpected)
    }
    if (options.cardinality !== undefined) {
      oneOf("cardinality", options.cardinality, ["none", "low", "orchestrator", "high"])
    }
    const pacing = pacingOf(options.pacing, refuse)
    const deltas = options.deltas ?? (() => false)
    return {
      destination: isUnix ? { _tag: unixTags[socket], path } : { _tag: protocol, host, port },
      dialect: {
        server,
        tags,
        sanitise: options.sanitise === true,
        maxPacketBytes: protocol === "tcp" ? Number.POSITIVE_INFINITY : most,
        distributionAs: histogramAs,
        quantiles,
        timestamps,
        packedValues: options.packedValues === true,
        deltas: (series) => deltas(series),
        origin: originOf(options)
      },
      // Who writes to a full Unix socket is told so.
      pacing: isUnix ? unpaced : pacing,
      telemetry: options.telemetry === true
    }
  })

const unpaced = { burstBytes: Number.POSITIVE_INFINITY, pauseMillis: 1 }

type Refuse = (option: string, value: unknown, expected: string) => void

const pacingOf = (pacing: Options["pacing"], refuse: Refuse): Target["pacing"] => {
  if (pacing === "none") return unpaced
  const { burstBytes = 16_384, pause = "4 millis" } = pacing ?? {}
  if (!(burstBytes >= 1)) refuse("pacing.burstBytes", burstBytes, "a number of bytes of at least 1")
  const pauseMillis = Checks.toMillis(pause) ?? NaN
  if (!(pauseMillis >= 1 && pauseMillis <= 1000)) refuse("pacing.pause", pause, "a duration from 1 ms to 1 s")
  return { burstBytes, pauseMillis }
}

const originOf = ({ cardinality, containerId, externalData }: Options): string =>
  (
    [
      ["c", containerId],
      ["e", externalData],
      ["card", cardinality]
    ] as const
  )
    .map(([field, value]) => (value === undefined ? "" : `|${field}:${value}`))
    .join("")
