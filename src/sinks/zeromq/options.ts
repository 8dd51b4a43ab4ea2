/**
 * The options of the ZeroMQ sink, and what they come to. One that cannot work is an error when the layer is built.
 */
import type { Effect } from "effect"
import { Duration, Option } from "effect"
import type { DeliveryOptions } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"

/** What it is called unless it is given a name. */
export const sinkName = "zeromq"

/**
 * All have defaults, also those of delivery: here at most 1000 measurements and 1 MB a write. Native messages have the tag
 * `host` (`hostTag: "auto"`), so that gauges of several processes are told apart; on one host, give `tags` that do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** The broker's name or address, without scheme and port. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** The lower of the broker's two ports. Default 5550. */
  readonly port?: number | undefined
  /**
   * `"native"` carries everything. `"zibrato"` writes Zibrato's frames: each gauge's, timer's and distribution's recording by
   * itself, unless `aggregate` says otherwise, and of all tags only `source`. Default `"native"`.
   */
  readonly format?: "native" | "zibrato" | undefined
  /** In Zibrato's frames the source of what has no tag `source`. Default `"not_specified"`. */
  readonly source?: string | undefined
  /** Names this process in native messages. Default: the host's name and some letters. */
  readonly publisher?: string | undefined
  /** Messages that wait in ZeroMQ's memory at most; what finds no room waits in the lane. Default 1000. */
  readonly highWaterMark?: number | undefined
}

export interface Target {
  readonly host: string
  readonly port: number
  readonly format: "native" | "zibrato"
  readonly source: string
  readonly publisher: string | undefined
  readonly highWaterMark: number
}

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const {
      format = "native",
      highWaterMark = 1000,
      host = "127.0.0.1",
      port = 5550,
      publisher,
      source = "not_specified"
    } = options
    const problem = (
      [
        [typeof host === "string" && isHost(host), "host", host, "a host's name or address, without scheme and port"],
        [Checks.isWhole(port, 1, 65_535), "port", port, "a port from 1 to 65535"],
        [format === "native" || format === "zibrato", "format", format, "one of native, zibrato"],
        [typeof source === "string" && isSource(source), "source", source, "a text without |"],
        [
          publisher === undefined || (typeof publisher === "string" && publisher.length <= 256),
          "publisher",
          publisher,
          "a text of at most 256 characters"
        ],
        [
          Checks.isWhole(highWaterMark, 1, 2 ** 30),
          "highWaterMark",
          highWaterMark,
          "a whole number from 1 to 1073741824"
        ]
      ] as const
    ).find(([isGood]) => !isGood)
    if (problem !== undefined) refuse(problem[1], Checks.show(problem[2]), problem[3])
    return { format, highWaterMark, host, port, publisher, source }
  })

const isHost = (host: string): boolean => /^[\w.:%-]+$/.test(host)
const isSource = (source: string): boolean => source !== "" && !source.includes("|")

/** What is queued at the end may take as long as the lane's own shutdown; what that is, the lane checks. */
export const lingerOf = ({ shutdownTimeout = "5 seconds" }: DeliveryOptions): number =>
  Option.match(Duration.decodeUnknown(shutdownTimeout), {
    onNone: () => 5000,
    onSome: (duration) => Math.min(Duration.toMillis(duration), 2 ** 31 - 1)
  })
