import { describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import * as StatsD from "../../src/sinks/StatsD.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { type Line, parseDogStatsD, parseEtsy } from "../encoding/statsdLines.js"
import { freePort } from "../servers/harness.js"
import { type Receiver, tcp, udp } from "../sinks/statsd/harness.js"

type Dialect = "etsy" | "dogstatsd"

const parsers = { etsy: parseEtsy, dogstatsd: parseDogStatsD }

const receivedOf = ({ name, tags, time, type, values }: Line): ReadonlyArray<SinkContract.Received> =>
  values.map((value) => ({
    name,
    tags: Object.fromEntries(tags),
    // A distribution's samples have the type of a timer's, where that is the only one.
    fields: {
      value: type === "s" ? value : type === "ms" && name.includes("timer") ? Number(value) / 1000 : Number(value)
    },
    millis: time === undefined ? undefined : time * 1000
  }))

/** A gauge that is set below 0 was set to 0 before: one record. */
const withoutResets = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.filter(({ name, tags, type, values }, i) => {
    const next = lines[i + 1]
    const isReset = type === "g" && values[0] === "0" && next?.type === "g" && next.values[0]!.startsWith("-")
    return !(isReset && next.name === name && JSON.stringify(next.tags) === JSON.stringify(tags))
  })

const reading = (dialect: Dialect, packets: () => ReadonlyArray<string>) => ({
  received: Effect.sync(() =>
    packets().flatMap((packet) => {
      const lines = parsers[dialect](packet)
      return (dialect === "etsy" ? withoutResets(lines) : lines).flatMap(receivedOf)
    })
  )
})

const overTcp = (dialect: Dialect) =>
  Effect.gen(function* () {
    const receiver = yield* tcp()
    const proxy = yield* ChaosProxy.make({ port: receiver.port })
    return { ...proxy, ...reading(dialect, () => [receiver.packets.join("\n")].filter((text) => text !== "")) }
  })

/** A socket that is closed while it is down: nobody else comes by its port meanwhile. */
const overUdp = (dialect: Dialect) =>
  Effect.gen(function* () {
    const port = yield* Effect.promise(freePort)
    const receivers: Array<Receiver> = [yield* udp(port)]
    const scope = yield* Effect.scope
    const fault = (fault: SinkContract.Fault) =>
      fault === "down"
        ? receivers.at(-1)!.close
        : Effect.provideService(
            Effect.flatMap(udp(port), (receiver) => Effect.sync(() => receivers.push(receiver))),
            Scope.Scope,
            scope
          )
    return {
      host: "127.0.0.1",
      port,
      fault: (given: SinkContract.Fault) => Effect.asVoid(fault(given)),
      ...reading(dialect, () => receivers.flatMap(({ packets }) => packets))
    }
  })

/** What a word becomes: itself, `_` for what it may not hold in the values of etsy's tags, or its measurement is refused. */
const spell =
  (dialect: Dialect) =>
  (word: string, place: SinkContract.Place): string | undefined => {
    const isTag = place === "tag key" || place === "tag value"
    if (word === "" && !(dialect === "dogstatsd" && place === "tag value")) return undefined
    // Members of sets; other text fields are left out.
    if (place === "text") return (dialect === "etsy" ? /[\p{Cc}|:]/u : /[\p{Cc}|]/u).test(word) ? undefined : word
    if (dialect === "etsy" && place === "tag value") {
      return /\p{Cc}/u.test(word) ? undefined : word.replace(/[^\w./-]/gu, "_")
    }
    if (dialect === "etsy" || !isTag) {
      const isName = dialect === "etsy" || (/^[a-z]/i.test(word) && word.length <= 200) || place === "field key"
      return isName && !/[^\w./-]/u.test(word) ? word : undefined
    }
    return (place === "tag key" ? /[\p{Cc},|#@:]/u : /[\p{Cc},|#@]/u).test(word) || word.length > 150 ? undefined : word
  }

for (const dialect of ["etsy", "dogstatsd"] as const) {
  const wire = { strings: false, times: dialect === "etsy" ? "none" : "seconds", spell: spell(dialect) } as const
  const options = dialect === "etsy" ? {} : ({ dialect, timestamps: "numbers", tags: { host: "h" } } as const)
  type Where = SinkContract.Backend & { readonly host: string; readonly port: number }
  const layer =
    (protocol: "udp" | "tcp") =>
    ({ host, port }: Where, delivery: object) =>
      StatsD.layer({ host, port, protocol, ...options, ...delivery })

  describe.concurrent(`StatsD (${dialect}) over TCP keeps the contract: it`, () => {
    const subject: SinkContract.Subject<Where> = {
      name: `StatsD (${dialect}, tcp)`,
      backend: overTcp(dialect),
      layer: layer("tcp"),
      wire: { acknowledgedBy: "kernel", ...wire }
    }
    for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
  })

  describe.concurrent(`StatsD (${dialect}) over UDP keeps the contract: it`, () => {
    const subject: SinkContract.Subject<Where> = {
      name: `StatsD (${dialect}, udp)`,
      backend: overUdp(dialect),
      layer: layer("udp"),
      wire: { acknowledgedBy: "nobody", ...wire },
      faults: ["down"]
    }
    for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
  })
}
