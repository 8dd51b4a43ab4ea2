/**
 * The options of the NATS sink, and what they come to. One that cannot work is an error when the layer is built.
 */
import type { Duration } from "effect"
import { Effect } from "effect"
import type { DeliveryOptions } from "../../Sink.js"
import { show } from "../../delivery/checks.js"
import { InvalidOption } from "../../Sink.js"
import type { Problem, Server, ServerOptions, StreamSettings } from "../../transport/natsOptions.js"
import { millisOf, resolveServer } from "../../transport/natsOptions.js"

/** What it is called unless it is given a name. */
export const sinkName = "nats"

/**
 * All have defaults, also those of delivery: here at most 1000 measurements and 900 kB a write, as servers take no message of
 * more than 1 MiB. Messages have the tag `host` (`hostTag: "auto"`), so that gauges of several processes are told apart; on one
 * host, give `tags` that do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions, ServerOptions {
  /** Names this process in messages. Default: the host's name and some letters. */
  readonly publisher?: string | undefined
}

export interface Target {
  readonly server: Server
  readonly settings: StreamSettings
  readonly publisher: string | undefined
}

const invalid = ({ name }: Options, { expected, option, value }: Problem): Effect.Effect<never, InvalidOption> =>
  Effect.fail(new InvalidOption({ sink: String(name ?? sinkName), option, value: show(value), expected }))

const defaultMaxAge: Duration.DurationInput = "15 minutes"

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Effect.suspend(() => {
    const { maxAge = defaultMaxAge, publisher } = options
    const resolved = resolveServer(options)
    if ("option" in resolved) return invalid(options, resolved)
    if (publisher !== undefined && (typeof publisher !== "string" || publisher.length > 256)) {
      return invalid(options, { option: "publisher", value: publisher, expected: "a text of at most 256 characters" })
    }
    // A lane tries a batch again for as long as `maxAge`; what that can be the lane checks.
    if (millisOf(maxAge) > resolved.settings.duplicateWindowMillis) {
      return invalid(options, {
        option: "duplicateWindow",
        value: options.duplicateWindow ?? "20 minutes",
        expected: "at least maxAge, or a write that is tried again can be stored twice"
      })
    }
    return Effect.succeed({ ...resolved, publisher })
  })
