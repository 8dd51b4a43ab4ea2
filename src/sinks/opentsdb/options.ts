/**
 * The options of the OpenTSDB sinks, and what they come to. A value that cannot work is an error when the layer is built.
 */
import { Duration, Effect, Redacted } from "effect"
import { isReplacement } from "../../encoding/openTsdbNames.js"
import type { Dialect, Resolution } from "../../encoding/openTsdbPoints.js"
import type { DeliveryOptions } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"
import { basic, type Credentials, type Secret, secretOf } from "../../transport/credentials.js"
import { baseOf, headersOf } from "../../transport/poster.js"
import { type Address, addressOf, type TlsOptions } from "../../transport/stream.js"

/** What it is called unless it is given a name. */
export const sinkName = "opentsdb"

/**
 * What both wires have. Delivery has defaults of its own here: `hostTag: "auto"`, with the key `host`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PointOptions extends DeliveryOptions {
  /**
   * The unit of timestamps. A series should keep to one: mixed ones are slow to read. Default: `"s"` over TCP, since
   * VictoriaMetrics takes no other there; `"ms"` over HTTP.
   */
  readonly resolution?: Resolution | undefined
  /**
   * What becomes of points of one series in the same unit of time, of which the server may keep no more than one. `"spread"`
   * moves those that the clock gave to the next free unit, up to a second; of those that callers gave it moves one, and keeps
   * the first of what still repeats. `"last"` moves none, and of those in one write keeps the last. What is left over is
   * `dropped: same_timestamp`; so is a point for one of the last 64 times of its series that were sent. Default `"spread"`.
   */
  readonly duplicates?: "spread" | "last" | undefined
  /**
   * What a window of a counter sends: its `"increase"`, which adds up over any time; or the `"total"` of what was delivered
   * since the layer was built, which is what `rate` in a query wants. Default `"increase"`.
   */
  readonly counters?: "increase" | "total" | undefined
  /** The most tags a series may have, as the server's `tsd.storage.max_tags` says. Default 8. */
  readonly maxTags?: number | undefined
  /**
   * Goes in place of each character that the server does not take in names and tags, such as `"_"`. Series that it makes equal
   * are one. Default: such measurements are `dropped: invalid`, with the reason in the log.
   */
  readonly sanitise?: string | undefined
  /** Which of timers and distributions are sent, 0 to 1. Default 0.5, 0.95 and 0.99. */
  readonly quantiles?: ReadonlyArray<number> | undefined
}

/**
 * Of the line protocol over TCP. Only `host` is needed. Delivery: at most 1000 measurements and 64 KiB a write.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends PointOptions {
  /** Name or address of the server. */
  readonly host: string
  /** Default 4242. */
  readonly port?: number | undefined
  /** For a server behind a TLS proxy: OpenTSDB has none of its own. Certificates are always checked. Default `false`. */
  readonly tls?: boolean | TlsOptions | undefined
  /**
   * What `delivered` means. The protocol has no answer to a good line. `"none"`: the kernel has taken the bytes.
   * `"version"`: behind each write the server is asked for its version, and its answer proves that it has read all before
   * it. VictoriaMetrics does not answer. Default `"none"`.
   */
  readonly acknowledge?: "none" | "version" | undefined
}

/**
 * Of JSON over HTTP. Only `url` is needed. Delivery: at most 500 measurements and 64 KiB a write, before compression.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpOptions extends PointOptions {
  /** The server's address, `http` or `https`, without user name and query. A path goes before `/api/put`. */
  readonly url: string | URL
  /** With `password`, for a proxy that asks for them: OpenTSDB has no users of its own. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** Sent with every request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /**
   * Bodies of so many bytes and more are gzipped; `Infinity` for never. OpenTSDB by default takes no more than 8 KiB at once,
   * compressed: what it refuses for that is halved and written again. Default 1000.
   */
  readonly gzip?: number | undefined
  /**
   * What `delivered` means: `"queued"`, the server has taken the points; or `"stored"`, its storage has (`sync`), which
   * takes longer. Default `"queued"`.
   */
  readonly acknowledge?: "queued" | "stored" | undefined
}

/** What both wires come to. */
export interface Points extends Dialect {
  readonly duplicates: "spread" | "last"
  readonly counters: "increase" | "total"
  readonly concurrency: number
}

export interface Target extends Points {
  readonly address: Address
  readonly acknowledge: "none" | "version"
}

export interface HttpTarget extends Points {
  readonly url: string
  /** Whether the server answers once its storage has the points. */
  readonly sync: boolean
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials | undefined, string>
  /** Over the network without TLS. */
  readonly isInClear: boolean
  readonly gzip: number
}

const pointsOf = (options: PointOptions, resolution: Resolution, refuse: Checks.Refuse): Points => {
  const { counters = "increase", duplicates = "spread", maxTags = 8, quantiles = [0.5, 0.95, 0.99], sanitise } = options
  if (!Checks.isWhole(maxTags, 1, Infinity)) refuse("maxTags", Checks.show(maxTags), "a whole number from 1 on")
  if (sanitise !== undefined && !(typeof sanitise === "string" && isReplacement(sanitise))) {
    refuse("sanitise", Checks.show(sanitise), "made of what goes into names: A-Z a-z 0-9 - _ . /")
  }
  return {
    resolution: Checks.oneOf(refuse, "resolution", options.resolution ?? resolution, ["ms", "s"]),
    duplicates: Checks.oneOf(refuse, "duplicates", duplicates, ["spread", "last"]),
    counters: Checks.oneOf(refuse, "counters", counters, ["increase", "total"]),
    concurrency: options.concurrency ?? 1,
    maxTags,
    sanitise,
    quantiles: Checks.quantiles(refuse, quantiles)
  }
}

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const { acknowledge = "none", host, port = 4242, tls } = options
    return {
      ...pointsOf(options, "s", refuse),
      address: addressOf({ host, port, tls }, refuse),
      acknowledge: Checks.oneOf(refuse, "acknowledge", acknowledge, ["none", "version"])
    }
  })

export const resolveHttpTarget = (options: HttpOptions): Effect.Effect<HttpTarget, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const { acknowledge = "queued", gzip = 1000, password, username } = options
    const base = baseOf(options.url, /\/(api\/put)?\/?$/, refuse)
    Checks.oneOf(refuse, "acknowledge", acknowledge, ["queued", "stored"])
    if ((username === undefined) !== (password === undefined)) {
      const lacking = username === undefined ? "username" : "password"
      refuse(lacking, "undefined", "given: user name and password go together")
    }
    if (username !== undefined && (username === "" || /[:\p{Cc}]/u.test(username))) {
      refuse("username", Checks.show(username), "a name without colon and control characters")
    }
    const headers = headersOf(options.headers, refuse)
    const hasSecrets = password !== undefined || Object.values(options.headers ?? {}).some(Redacted.isRedacted)
    const sync = acknowledge === "stored"
    const wait = sync ? `&sync&sync_timeout=${syncMillis(options.requestTimeout)}` : ""
    return {
      ...pointsOf(options, "ms", refuse),
      url: base === undefined ? "" : `${base.origin}${base.pathname}/api/put?details${wait}`,
      sync,
      headers,
      authorization:
        username === undefined || password === undefined
          ? Effect.succeed(undefined)
          : Effect.map(secretOf("password", password), (secret) => basic(username, secret, secret)),
      isInClear: hasSecrets && base?.isInClear === true,
      gzip: Checks.gzip(refuse, gzip)
    }
  })

/** So that the server says what it has not stored yet before nobody listens any more. */
const syncMillis = (requestTimeout: Duration.DurationInput = "10 seconds"): number =>
  Math.max(1, Math.floor(Math.min(Duration.toMillis(requestTimeout), Checks.maxTimer) * 0.9))
