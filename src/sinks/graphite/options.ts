/**
 * The options of the Graphite sink, and what they come to. One that cannot work is an error when the layer is built.
 */
import type { Effect } from "effect"
import type { PathOf } from "../../encoding/graphiteNames.js"
import type { Dialect } from "../../encoding/graphiteRecords.js"
import type { DeliveryOptions } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"
import { type Address, addressOf, type TlsOptions } from "../../transport/stream.js"

/** What it is called unless it is given a name. */
export const sinkName = "graphite"

/**
 * All but `host` have defaults, also those of delivery: here at most 5000 measurements and 1 MB a write, and
 * `hostTag: "auto"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** A name or an address, without scheme and port. */
  readonly host: string
  /** Default 2003; 2004 for pickles. */
  readonly port?: number | undefined
  /** How records are written. Pickles are what carbon's relays speak; they end in January 2038. Default `"plaintext"`. */
  readonly protocol?: "plaintext" | "pickle" | undefined
  /** carbon has no TLS of its own: for a proxy before it. Default `false`. */
  readonly tls?: boolean | TlsOptions | undefined
  /**
   * How name and tags become a path. `"tagged"` is `name;key=value`, for carbon 1.1 and later; `"dotted"` is
   * `name.key.value`, with the tags by key; a function gives a path of its own, asked once a series. Default `"tagged"`.
   */
  readonly naming?: "tagged" | "dotted" | PathOf | undefined
  /**
   * Writes `_` for what a path cannot have, instead of refusing the measurement. Series that differ in nothing else
   * are one. Default `false`.
   */
  readonly sanitise?: boolean | undefined
  /** Which of timers and distributions become records, 0 to 1. Default 0.5, 0.95 and 0.99. */
  readonly quantiles?: ReadonlyArray<number> | undefined
}

export interface Target {
  readonly protocol: "plaintext" | "pickle"
  readonly address: Address
  readonly dialect: Dialect
}

const ports = { plaintext: 2003, pickle: 2004 } as const

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const { host, naming = "tagged", protocol = "plaintext", quantiles = [0.5, 0.95, 0.99], sanitise = false } = options
    Checks.oneOf(refuse, "protocol", protocol, ["plaintext", "pickle"])
    const address = addressOf({ host, port: options.port ?? ports[protocol], tls: options.tls }, refuse)
    if (naming !== "tagged" && naming !== "dotted" && typeof naming !== "function") {
      refuse("naming", Checks.show(naming), "one of tagged, dotted, or a function that gives a path")
    }
    Checks.quantiles(refuse, quantiles)
    return {
      protocol,
      address,
      dialect: { naming, sanitise, quantiles, precision: "s" }
    }
  })

/** A host's name with its dots would be several segments of a dotted path, and no other segments may have dots. */
export const hostTagOf = ({ hostTag, naming }: Options, host: string | undefined): DeliveryOptions["hostTag"] => {
  if (naming !== "dotted" || host === undefined || (typeof hostTag === "string" && hostTag !== "auto")) return hostTag
  const { key, value }: { readonly key?: string | undefined; readonly value?: string | undefined } =
    hostTag === undefined || hostTag === "auto" ? {} : hostTag
  return value === undefined ? { key, value: host.replace(/\./g, "_") } : hostTag
}
