/** `effect-metrics web` */
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import * as StatsServer from "../web/StatsServer.js"
import { Usage } from "./failures.js"
import * as Shared from "./options.js"
import { say } from "./output.js"
import { secretOf } from "./secrets.js"
import { Shell } from "./shell.js"
import { choice, list, port as portOf, text } from "./values.js"

const tokenVariable = "EFFECT_METRICS_TOKEN"

const port = Options.text("port").pipe(
  Options.withAlias("p"),
  Options.withPseudoName("port"),
  Options.withDefault("7828"),
  Options.withDescription("Where to serve; 0 is one that is free. Without it: 7828")
)

const ip = Options.text("ip").pipe(
  Options.withAlias("i"),
  Options.withPseudoName("address"),
  Options.withDefault("127.0.0.1"),
  Options.withDescription(
    `The address of this machine to listen at. One that others can reach needs a token, in ${tokenVariable}. Without it: 127.0.0.1`
  )
)

const path = Options.text("path").pipe(
  Options.withAlias("l"),
  Options.withDefault("/stats"),
  Options.withDescription("Where the JSON is. Without it: /stats")
)

const sum = Options.text("sum").pipe(
  Options.withPseudoName("how"),
  Options.withDefault("by-kind"),
  Options.withDescription(
    "How several processes' numbers become one: by-kind, or plain, which adds up everything, as statvent did. Without it: by-kind"
  )
)

const hosts = Options.text("hosts").pipe(
  Options.withPseudoName("list"),
  Options.optional,
  Options.withDescription("Names under which it may be asked for, beside localhost, addresses and the machine's own.")
)

const servedPort = { ...portOf, read: (given: string) => (given === "0" ? 0 : portOf.read(given)) }

export const web = Command.make(
  "web",
  { port, ip, path, dir: Shared.pipeDir, sum, hosts, trustOthers: Shared.trustOthers },
  (given) =>
    Effect.gen(function* () {
      const { environment } = yield* Shell
      const options: StatsServer.Options = {
        port: yield* Shared.parse("--port", servedPort, given.port),
        host: given.ip,
        path: given.path,
        dir: yield* Shared.folder(given.dir),
        sum: yield* Shared.parse("--sum", choice("by-kind", "plain"), given.sum),
        hosts: Option.isNone(given.hosts) ? undefined : yield* Shared.parse("--hosts", list(text), given.hosts.value),
        token: secretOf(environment, tokenVariable),
        trustOthers: given.trustOthers
      }
      const address = yield* Effect.mapError(StatsServer.make(options), (error) =>
        error._tag === "InvalidOption" && error.option === "token"
          ? new Usage({
              reason:
                options.token === undefined
                  ? `others can reach ${JSON.stringify(given.ip)}: set ${tokenVariable}, which whoever reads must send then`
                  : `${tokenVariable} is not a text of visible ASCII characters, without spaces`
            })
          : error
      )
      yield* say(address.url)
      return yield* Effect.never
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription(
    "Serves what all processes of this host with a pipe measure: a page, JSON at /stats, and Prometheus' text at /metrics."
  )
)
