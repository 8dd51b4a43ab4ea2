/** The options of the service over all pipes: what they can be, and what they are where nothing is said. */
import { Duration, type Effect, type Redacted } from "effect"
import { checked, isWhole, maxTimer, oneOf, show, toMillis } from "../delivery/checks.js"
import type { InvalidOption } from "../Sink.js"
import { checkAccess, isText } from "./access.js"
import type { HostOptions } from "./host.js"
import type { ListenOptions } from "./listen.js"
import { reserved, type ServerOptions } from "./server.js"

/**
 * All are optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The address to listen on. One that others can reach needs a `token`. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** 0 for one that is free: see {@link Address}. Default 7828. */
  readonly port?: number | undefined
  /** Where the JSON is. Default `"/stats"`. */
  readonly path?: string | undefined
  /** The folder with the pipes, `<pid>.stats`. Default: that of `NamedPipe`. */
  readonly dir?: string | undefined
  /**
   * What whoever reads must send, as `Authorization: Bearer ...`; the page asks for it. Visible ASCII characters, without spaces.
   * Default: nothing is asked for.
   */
  readonly token?: Redacted.Redacted | undefined
  /** Names, beside `localhost`, addresses and the machine's own name, by which it may be asked for. Default: none. */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** The status of a path that is not there: 400 as in statvent. Default 404. */
  readonly notFound?: 400 | 404 | undefined
  /**
   * How `/stats` makes one number of several. `"by-kind"`: counters and gauges are added up, percentiles are the maximum, means are
   * weighted. `"plain"`: everything is added up, as in statvent. Default `"by-kind"`.
   */
  readonly sum?: "by-kind" | "plain" | undefined
  /**
   * How `/metrics` has counters. `"by-process"`: each process's own, with its `pid`. `"summed"`: of all processes, also of those that
   * have ended while this service ran; where it starts anew it begins with what runs, which looks like an increase.
   * Default `"by-process"`.
   */
  readonly counters?: "by-process" | "summed" | undefined
  /** How long a pipe may take. A process that takes longer is `slow`, and its last values stand in. Default 1 s. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Pipes that are read at once. Default 128. */
  readonly concurrency?: number | undefined
  /** Who asks within this time of a reading gets that reading. Default 200 ms. */
  readonly fresh?: Duration.DurationInput | undefined
  /** How long a process is listed after its end, and the gauges of one that is silent are shown. Default 5 minutes. */
  readonly keep?: Duration.DurationInput | undefined
  /** How long a process must have been dead until its pipe is removed. Default 2 s. */
  readonly unlinkAfter?: Duration.DurationInput | undefined
  /** Also reads pipes of other users. What they write is shown as any other. Default `false`. */
  readonly trustOthers?: boolean | undefined
  /** Pipes that are read at most. Default 1024. */
  readonly maxProcesses?: number | undefined
  /** Series that are kept at most, of all processes together. Default 200 000. */
  readonly maxSeries?: number | undefined
  /** A pipe with more is not read. Default 16 MiB. */
  readonly maxBytes?: number | undefined
  /** Connections at once; a further one takes the place of the one that has been idle for longest. Default 256. */
  readonly maxConnections?: number | undefined
  /** How long requests may go on that are being answered when the scope closes. Default 2 s. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
}

/** Checked, and complete. */
export interface Resolved {
  readonly host: Omit<HostOptions, "dir">
  readonly dir: string | undefined
  readonly server: ServerOptions
  readonly listen: ListenOptions
}

export const resolve = (options: Options): Effect.Effect<Resolved, InvalidOption> =>
  checked(undefined, (refuse) => {
    const expect = (option: string, value: unknown, isGood: boolean, expected: string): void => {
      if (!isGood) refuse(option, show(value), expected)
    }
    const whole = (option: keyof Options, least: number, most: number, fallback: number): number => {
      const value: unknown = options[option] ?? fallback
      expect(option, value, isWhole(value, least, most), `a whole number from ${least} to ${most}`)
      return isWhole(value, least, most) ? value : fallback
    }
    const millis = (option: keyof Options, least: number, fallback: number): number => {
      const value: unknown = options[option]
      if (value === undefined) return fallback
      const found = toMillis(value) ?? NaN
      expect(option, value, found >= least, least > 0 ? `a duration of at least ${least} ms` : "a duration")
      return Math.min(found, maxTimer)
    }

    const { dir, host = "127.0.0.1", hosts = [], path = "/stats", port = 7828, token } = options
    const { trustOthers = false } = options
    checkAccess(refuse, { host, hosts, port, token })
    expect("dir", dir, dir === undefined || isText(dir), "a folder")
    expect("path", path, isText(path) && /^\/[\w.~!$&'()*+,;=:@%/-]*$/.test(path), "a path that starts with /")
    expect("path", path, !reserved.includes(path), `a path of its own: there are ${reserved.join(", ")}`)
    expect("trustOthers", trustOthers, typeof trustOthers === "boolean", "true or false")
    const notFound = oneOf(refuse, "notFound", options.notFound ?? 404, [404, 400])
    const sum = oneOf(refuse, "sum", options.sum ?? "by-kind", ["by-kind", "plain"])
    const counters = oneOf(refuse, "counters", options.counters ?? "by-process", ["by-process", "summed"])

    return {
      dir,
      host: {
        sum,
        counters,
        timeoutMillis: millis("timeout", 1, 1_000),
        concurrency: whole("concurrency", 1, 1024, 128),
        freshMillis: millis("fresh", 0, 200),
        keepMillis: millis("keep", 0, 5 * 60_000),
        unlinkAfterMillis: millis("unlinkAfter", 0, 2_000),
        owner: trustOthers ? "anyone" : "ours",
        maxProcesses: whole("maxProcesses", 1, 65_536, 1024),
        maxSeries: whole("maxSeries", 1, 10_000_000, 200_000),
        maxBytes: whole("maxBytes", 1, 2 ** 30, 16 * 1024 * 1024)
      },
      server: { path, token, hosts, notFound },
      listen: {
        host,
        port,
        maxConnections: whole("maxConnections", 1, 65_536, 256),
        shutdownTimeout: Duration.millis(millis("shutdownTimeout", 0, 2_000))
      }
    }
  })
