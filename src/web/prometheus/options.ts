/** The options of what Prometheus reads: what they can be, and what they are where nothing is said. */
import { Duration, type Effect, Redacted } from "effect"
import { checked, isWhole, maxTimer, oneOf, quantiles, type Refuse, show, toMillis } from "../../delivery/checks.js"
import { isBoundaries, usual } from "../../recording/boundaries.js"
import type * as Sink from "../../Sink.js"
import { basic } from "../../transport/credentials.js"
import { checkAccess, isText } from "../access.js"
import type { ListenOptions } from "../listen.js"
import type { Names } from "./negotiate.js"

/**
 * What a scrape gets, and who. All are optional, also those of every sink that is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScrapeOptions extends Sink.ReadOptions, Pick<Sink.DeliveryOptions, "expireAfter"> {
  /**
   * What timers and distributions are that declare no `boundaries`: a histogram with those below, or a summary, which is quantiles
   * of the last values. Those that declare some are histograms. Default `"histogram"`.
   */
  readonly distributions?: "histogram" | "summary" | undefined
  /**
   * Upper bounds of the buckets of histograms that declare none, without infinity. Default: for what is in seconds 0.005, 0.01,
   * 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10; else 0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000.
   */
  readonly boundaries?: ReadonlyArray<number> | undefined
  /** Of summaries, from 0 to 1. Default 0.5, 0.9, 0.95, 0.99. */
  readonly quantiles?: ReadonlyArray<number> | undefined
  /** Of how many last values the quantiles are. Default 256. */
  readonly window?: number | undefined
  /**
   * How names are told that have other characters than Prometheus had at first, such as dots. `"underscores"`: with underscores,
   * whoever asks. `"negotiated"`: as they are to who asks for that, as Prometheus 3 does. Default `"underscores"`.
   */
  readonly names?: "underscores" | "negotiated" | undefined
  /** What whoever reads must send, as `Authorization: Bearer ...`. Visible ASCII characters, without spaces. Default: nothing. */
  readonly token?: Redacted.Redacted | undefined
  /** The name that whoever reads must send with `password`, in HTTP's Basic scheme. Default: none. */
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
}

/**
 * What a scrape gets, and where.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ScrapeOptions {
  /** The address to listen on. One that others can reach needs a `token`, or `username` and `password`. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** 0 for one that is free: it is logged. Default 9464. */
  readonly port?: number | undefined
  /** Default `"/metrics"`. */
  readonly path?: string | undefined
  /**
   * Names, beside `localhost`, addresses and the machine's own name, by which it may be asked for where neither token nor password
   * are. Default: none.
   */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** How long scrapes may go on that are being answered when the scope closes. Default 1 s. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
}

export interface Access {
  readonly scheme: "bearer" | "basic"
  readonly secret: Redacted.Redacted | undefined
}

export interface Exposed {
  readonly quantiles: ReadonlyArray<number>
  readonly names: Names
  readonly access: Access
}

export interface Served {
  readonly path: string
  readonly hosts: ReadonlyArray<string>
  readonly listen: ListenOptions
}

export const sinkName = "prometheus"

/** As Prometheus' own libraries have them. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const defaultWindow = 256
const maxWindow = 100_000

const isWindow = (given: unknown): given is number => isWhole(given, 1, maxWindow)

const accessOf = (refuse: Refuse, { password, token, username }: ScrapeOptions): Access => {
  if (username === undefined && password === undefined) return { scheme: "bearer", secret: token }
  const isName = isText(username) && !/[:\p{Cc}]/u.test(username)
  if (!isName) refuse("username", show(username), "a name without a colon, as there is a password")
  if (!(Redacted.isRedacted(password) && Redacted.value(password) !== "")) {
    refuse("password", password === undefined ? "undefined" : "<redacted>", "a Redacted text, as there is a username")
    return { scheme: "basic", secret: undefined }
  }
  if (token !== undefined) refuse("token", "<redacted>", "none, as there are username and password")
  const header = Redacted.value(basic(String(username), String(Redacted.value(password)), "").header)
  return { scheme: "basic", secret: Redacted.make(header.slice("Basic ".length)) }
}

/** What the lane keeps. Not checked: that is done where the sink is made, and only there. */
export const kept = ({
  boundaries,
  distributions,
  window = defaultWindow
}: ScrapeOptions): Required<Pick<Sink.ReadDefinition<never, never>, "boundaries" | "samples">> => {
  if (distributions === "summary") return { boundaries: () => undefined, samples: isWindow(window) ? window : 0 }
  const given = isBoundaries(boundaries) ? boundaries : undefined
  return { boundaries: ({ kind, unit }) => given ?? (kind === "timer" || unit === "s" ? seconds : usual), samples: 0 }
}

const exposedOf = (refuse: Refuse, options: ScrapeOptions): Exposed => {
  const { boundaries, window = defaultWindow } = options
  if (boundaries !== undefined && !isBoundaries(boundaries)) {
    refuse("boundaries", show(boundaries), "a list of finite numbers in ascending order")
  }
  if (!isWindow(window)) refuse("window", show(window), `a whole number from 1 to ${maxWindow}`)
  oneOf(refuse, "distributions", options.distributions ?? "histogram", ["histogram", "summary"])
  return {
    // One that is told twice would be two samples with the same labels. What is no list was refused.
    quantiles: Array.from(new Set([quantiles(refuse, options.quantiles ?? [0.5, 0.9, 0.95, 0.99])].flat())),
    names: oneOf(refuse, "names", options.names ?? "underscores", ["underscores", "negotiated"]),
    access: accessOf(refuse, options)
  }
}

const checkToken = (refuse: Refuse, { token }: ScrapeOptions): void => {
  checkAccess(refuse, { host: "localhost", port: 0, hosts: [], token })
}

/** Of what an app's own server serves. */
export const resolveScrape = (options: ScrapeOptions): Effect.Effect<Exposed, Sink.InvalidOption> =>
  checked(options.name ?? sinkName, (refuse) => {
    checkToken(refuse, options)
    return exposedOf(refuse, options)
  })

/** Of what is served on a port of its own. */
export const resolve = (options: Options): Effect.Effect<Exposed & Served, Sink.InvalidOption> =>
  checked(options.name ?? sinkName, (refuse) => {
    const { host = "127.0.0.1", hosts = [], path = "/metrics", port = 9464 } = options
    checkToken(refuse, options)
    const exposed = exposedOf(refuse, options)
    checkAccess(refuse, { host, port, hosts, token: exposed.access.secret })
    if (!(isText(path) && /^\/[\w.~!$&'()*+,;=:@%/-]*$/.test(path))) {
      refuse("path", show(path), "a path that starts with /")
    }
    const millis = toMillis(options.shutdownTimeout ?? "1 second")
    if (millis === undefined) refuse("shutdownTimeout", show(options.shutdownTimeout), "a duration")
    const shutdownTimeout = Duration.millis(Math.min(millis ?? 0, maxTimer))
    return { ...exposed, path, hosts, listen: { host, port, maxConnections: 100, shutdownTimeout } }
  })
