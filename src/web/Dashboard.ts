/**
 * A page in the browser that shows what an app records, as it happens: for development. It keeps totals in memory and serves them;
 * nothing is sent anywhere. Beside the page there are `/metrics`, Prometheus' text, so that the app can be scraped, and `/stats`,
 * its numbers as one JSON object.
 *
 * A counter and a gauge are a row each; a timer or distribution is six: `name.count` since the start, and the mean, median, 95th
 * and 99th percentile and maximum of its last 256 values. The last 100 points are listed below.
 *
 * All pipes of a host are shown by `StatsServer`, on the same page.
 *
 * @since 0.1.0
 */
import { Effect, type Layer, type Redacted, type Scope } from "effect"
import type * as Path from "node:path"
import type * as Process from "node:process"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import { checked } from "../delivery/checks.js"
import { load } from "../transport/node.js"
import { checkAccess } from "./access.js"
import { samples } from "./dashboard/rows.js"
import * as Source from "./dashboard/source.js"
import type { WebError } from "./failure.js"
import { type Address, listen } from "./listen.js"
import * as Server from "./server.js"

/**
 * All are optional, also those of every sink that is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Sink.ReadOptions {
  /** The address to listen on. One that others can reach needs a `token`. Default `127.0.0.1`. */
  readonly host?: string | undefined
  /**
   * The port. Where it is taken, a warning says so, and another that is free is used. 0 asks for one that is free. Default
   * 7829.
   */
  readonly port?: number | undefined
  /** The page's title. Default: the name of the script that runs. */
  readonly title?: string | undefined
  /**
   * What whoever reads must send, as `Authorization: Bearer ...`; the page asks for it. Visible ASCII characters, without spaces.
   * Default: nothing is asked for.
   */
  readonly token?: Redacted.Redacted | undefined
  /** Names, beside `localhost`, addresses and the machine's own name, by which it may be asked for. Default: none. */
  readonly hosts?: ReadonlyArray<string> | undefined
}

const sink = "dashboard"

const defaultHost = "127.0.0.1"

const defaultPort = 7829

const maxPoints = 100

/** A page that is open is not worth waiting for. */
const shutdownTimeout = "500 millis"

const check = ({ host = defaultHost, hosts = [], name = sink, port = defaultPort, token }: Options) =>
  checked(name, (refuse) => {
    checkAccess(refuse, { host, hosts, port, token })
    return {}
  })

const thisApp: Effect.Effect<Source.App> = Effect.promise(async () => {
  const { argv, pid } = await load<typeof Process>("node:process")
  const { parse } = await load<typeof Path>("node:path")
  const title = parse(argv[1] ?? "").name
  return { title: title === "" ? "app" : title, id: String(pid) }
})

/** Where the port is taken, on another: what helps to develop must not stand in the way. */
const listenSomewhere = (
  app: Parameters<typeof listen>[0],
  { host = defaultHost, port = defaultPort }: Options
): Effect.Effect<readonly [Address, note: string], WebError, Scope.Scope> => {
  const on = (wanted: number) => listen(app, { host, port: wanted, maxConnections: 100, shutdownTimeout })
  return Effect.map(on(port), (address) => [address, ""] as const).pipe(
    Effect.catchAll((taken) =>
      port === 0
        ? taken
        : Effect.mapBoth(on(0), {
            onSuccess: (address) => [address, `${taken.reason}; the dashboard is at ${address.url} instead`] as const,
            onFailure: () => taken
          })
    )
  )
}

const serve = (totals: Sink.Totals, options: Options): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const app = yield* thisApp
    const source = Source.make(totals, { ...app, title: options.title ?? app.title })
    const { hosts = [], token } = options
    const http = yield* Server.make(source, { path: "/stats", token, hosts, notFound: 404 })
    const [{ url }, note] = yield* listenSomewhere(http, options)
    yield* note === "" ? Effect.logInfo(`${totals.name}: ${url}`) : Effect.logWarning(`${totals.name}: ${note}`)
  }).pipe(
    Effect.catchAll(({ reason }) => Effect.logWarning(`${totals.name}: there is none: ${reason}`)),
    Effect.catchAllDefect((defect) => Effect.logWarning(`${totals.name}: there is none`, defect))
  )

/**
 * Serves what is recorded below it as a page, by default at `http://127.0.0.1:7829`; its address is logged once. Where it cannot be
 * served, one warning says why, and the app runs on. Inside a sealed hub, such as that of tests, it is not made.
 *
 * It fails with `InvalidOption` for a port that is none, and for a `host` that others can reach without a `token`.
 *
 * @example
 * import { Dashboard, Metrics } from "effect-metrics"
 * import { Effect, Schedule } from "effect"
 *
 * const visits = Metrics.counter("visits")
 *
 * const program = Metrics.increment(visits).pipe(
 *   Effect.repeat(Schedule.spaced("1 second")),
 *   Effect.provide(Dashboard.layer())
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Sink.layerRead({
    sink,
    samples,
    maxPoints,
    options,
    make: (totals) => Effect.zipRight(check(options), serve(totals, options))
  })
