import { Duration, Effect, ScheduleDecision, ScheduleIntervals } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { assert, describe, it, vi } from "vitest"
import { resolve, type SinkDefaults } from "../../src/delivery/resolve.js"
import * as Console from "../../src/sinks/Console.js"
import * as Graphite from "../../src/sinks/Graphite.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as Librato from "../../src/sinks/Librato.js"
import * as Nats from "../../src/sinks/Nats.js"
import * as Otlp from "../../src/sinks/Otlp.js"
import * as PrometheusRemoteWrite from "../../src/sinks/PrometheusRemoteWrite.js"
import * as Pushgateway from "../../src/sinks/Pushgateway.js"
import * as OpenTsdb from "../../src/sinks/OpenTsdb.js"
import * as StatsD from "../../src/sinks/StatsD.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"

const { defined } = vi.hoisted(() => ({ defined: new Array<unknown>() }))

// Sinks hand their definition to one of these; a layer is not what is wanted here.
vi.mock(import("../../src/Sink.js"), async (original) => {
  const sink = await original()
  const keep = <A>(definition: A): never => {
    defined.push(definition)
    return {} as never // Nobody builds it.
  }
  return { ...sink, layerWith: keep, layerPartitioned: keep, layerEffect: keep }
})

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8")

/** The cells of the table below a line of a page, without its head. */
const table = (page: string, above: RegExp): ReadonlyArray<ReadonlyArray<string>> => {
  const found = above.exec(page)
  assert.isNotNull(found, `${above}`)
  const rows = /(?:^\|.*\|\n)+/m.exec(page.slice(found.index + found[0].length))?.[0] ?? ""
  return rows
    .trim()
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim())
    )
}

const names = (cell: string): ReadonlyArray<string> => Array.from(cell.matchAll(/`(\w+)`/g), (match) => match[1]!)

const members = (path: string, name: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true)
  ts.forEachChild(source, (node) => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === name) {
      for (const member of node.members) if (member.name !== undefined) found.push(member.name.getText())
    }
    if (ts.isTypeAliasDeclaration(node) && node.name.text === name && ts.isUnionTypeNode(node.type)) {
      for (const type of node.type.types) found.push(type.getText().slice(1, -1))
    }
  })
  return found
}

const number = (text: string): number => Number(text.replaceAll(" ", ""))

/** What a cell of the table says, in the terms of the resolved options. */
const millis = (text: string): number => Duration.toMillis(Duration.decode(text as Duration.DurationInput))

describe("the guide to sinks", () => {
  const page = read("docs/choosing-a-sink.md")
  const options = table(page, /^## What every sink can be told$/m)
  const defaultOf = (option: string): string => {
    const cell = options.find(([name = ""]) => names(name).includes(option))?.[1] ?? ""
    return /^`(.*)`$/.exec(cell)?.[1] ?? cell
  }

  it("has every option of delivery, in their order", () => {
    assert.deepStrictEqual(
      options.flatMap(([name = ""]) => names(name)),
      members("src/delivery/options.ts", "DeliveryOptions")
    )
  })

  it("says their defaults as they are", async () => {
    const sink: SinkDefaults = { name: "any", batchSize: 7, batchBytes: 7, ambiguous: "retry" }
    const resolved = await Effect.runPromise(resolve({}, sink))
    for (const option of ["shutdownTimeout", "requestTimeout", "maxAge"] as const) {
      assert.strictEqual(millis(defaultOf(option)), resolved[option], option)
    }
    for (const option of ["capacity", "maxSeries", "concurrency", "sampleRate"] as const) {
      assert.strictEqual(number(defaultOf(option)), resolved[option], option)
    }
    for (const option of ["enabled", "selfMetrics", "overflow", "resend"] as const) {
      assert.strictEqual(defaultOf(option), JSON.stringify(resolved[option]), option)
    }
    assert.strictEqual(number(defaultOf("capacityBytes").replace("MiB", "")) * 2 ** 20, resolved.capacityBytes)
    const [initial = "", max = "", jitter = ""] = Array.from(
      options.find(([name]) => name === "`retry`")?.[1]?.matchAll(/`([^`]+)`/g) ?? [],
      (match) => match[1]!
    )
    const { jitter: drawn, retryInitial, retryMax } = resolved
    assert.deepStrictEqual([millis(initial), millis(max), jitter], [retryInitial, retryMax, JSON.stringify(drawn)])
    assert.deepStrictEqual([defaultOf("triggerSize"), resolved.triggerSize], ["batchSize", 7])
    assert.deepStrictEqual([defaultOf("levels"), resolved.levels], ["all", undefined])
    assert.deepStrictEqual([defaultOf("expireAfter"), resolved.expireAfter], ["never", undefined])
    assert.deepStrictEqual([defaultOf("rateLimit"), resolved.rateLimit], ["none", undefined])
    assert.deepStrictEqual([defaultOf("prefix"), resolved.prefix], ["none", ""])
    assert.deepStrictEqual([defaultOf("tags"), resolved.tags], ["none", {}])
    assert.deepStrictEqual([defaultOf("view"), resolved.view, resolved.viewPoint], ["none", undefined, undefined])
    for (const option of ["batchSize", "batchBytes", "ambiguous", "hostTag", "aggregate"]) {
      assert.strictEqual(defaultOf(option), "per sink", option)
    }
    const { schedule } = resolved
    const [, , first] = await Effect.runPromise(schedule.step(0, undefined, schedule.initial))
    assert(ScheduleDecision.isContinue(first))
    assert.strictEqual(ScheduleIntervals.start(first.intervals), millis(defaultOf("schedule")))
  })

  const url = "http://localhost:1"
  const sinks: Record<string, () => unknown> = {
    InfluxDb: () => InfluxDb.layerFetch({ url, database: "app" }),
    Otlp: () => Otlp.layerFetch({ url }),
    PrometheusRemoteWrite: () => PrometheusRemoteWrite.layerFetch({ url }),
    Pushgateway: () => Pushgateway.layerFetch({ url, job: "j" }),
    "OpenTsdb.layer": () => OpenTsdb.layer({ host: "localhost" }),
    "OpenTsdb.layerHttp": () => OpenTsdb.layerHttpFetch({ url }),
    StatsD: () => StatsD.layer(),
    Graphite: () => Graphite.layer({ host: "localhost" }),
    Librato: () => Librato.layer({ service: "appoptics", token: Effect.die("not asked for") }),
    ZeroMq: () => ZeroMq.layer(),
    Nats: () => Nats.layer(),
    Console: () => Console.layer()
  }

  const differing = table(page, /^Defaults that differ by sink:$/m)

  for (const [sink, layer] of Object.entries(sinks)) {
    it(`has the defaults of ${sink}`, async () => {
      layer()
      // One of the definitions that sinks give, or an effect of it.
      const given = defined.at(-1) as
        Effect.Effect<{ readonly defaults: SinkDefaults }> | { readonly defaults: SinkDefaults }
      const { defaults } = Effect.isEffect(given) ? await Effect.runPromise(given) : given
      const row = differing.find(([name]) => name === `\`${sink}\``)
      assert.isDefined(row, sink)
      const [, batchSize = "", batchBytes = "", ambiguous = "", hostTag = "", other = ""] = row
      assert.strictEqual(number(batchSize), defaults.batchSize)
      assert.strictEqual(batchBytes === "" ? undefined : number(batchBytes), defaults.batchBytes)
      assert.strictEqual(ambiguous, `\`"${defaults.ambiguous}"\``)
      const tagged = typeof defaults.hostTag === "object" ? defaults.hostTag.key : defaults.hostTag
      assert.strictEqual(hostTag, `\`"${String(tagged ?? "none")}"\``)
      assert.strictEqual(other.includes('`resend: "always"`'), defaults.resend === "always")
      assert.strictEqual(other.startsWith("`schedule`"), defaults.schedule !== undefined)
      if (defaults.aggregate !== undefined)
        assert.include(other, `\`aggregate: ${JSON.stringify(defaults.aggregate)}\``)
    })
  }

  it("names every sink there is", () => {
    const chosen = table(page, /^# Choosing a sink$/m).flatMap(([, sink = ""]) => names(sink))
    for (const file of readdirSync(`${root}/src/sinks`).filter((name) => name.endsWith(".ts"))) {
      assert.include(chosen, file.slice(0, -3))
    }
  })
})

describe("the guide to layers", () => {
  const pushing = { InfluxDb, Otlp, PrometheusRemoteWrite, Pushgateway, OpenTsdb, StatsD, Graphite, Librato }
  const modules: Record<string, object> = { ...pushing, ZeroMq, Nats }
  const rows = table(read("docs/choosing-a-sink.md"), /^## Which layer$/m)

  for (const layer of ["layerFetch", "layerConfig", "layerEnv", "check"]) {
    it(`says which sinks have ${layer}`, () => {
      const [, , of = ""] = rows.find(([name]) => name === `\`${layer}\``) ?? []
      const found = Object.keys(modules).filter((name) => layer in modules[name]!)
      assert.sameMembers(
        names(of.replace(/;.*/, "")).filter((name) => name in modules),
        found
      )
    })
  }

  it("says that who has check has layerChecked", () => {
    for (const module of Object.values(modules)) assert.strictEqual("layerChecked" in module, "check" in module)
    for (const module of [...Object.values(modules), Console]) assert.containsAllKeys(module, ["layer", "make"])
  })
})

describe("what is to be installed", () => {
  const { peerDependencies } = JSON.parse(read("package.json")) as {
    readonly peerDependencies: Readonly<Record<string, string>>
  }
  const pages = ["README.md", ...readdirSync(`${root}/docs`, { recursive: true }).map((path) => `docs/${String(path)}`)]

  it("has versions that fit, as the latest of Effect do not", () => {
    for (const page of pages.filter((path) => path.endsWith(".md"))) {
      for (const [line] of read(page).matchAll(/^npm install (?!-D).*$/gm)) {
        for (const name of ["effect", "@effect/platform", "@effect/platform-node", "@effect/cli"]) {
          const given = line.split(" ").find((word) => word === name || word.startsWith(`${name}@`))
          const fits = peerDependencies[name]?.replace(/\.0$/, "")
          if (given !== undefined) assert.strictEqual(given, `${name}@${fits}`, `${page}: ${line}`)
        }
      }
    }
  })
})

describe("the page for who comes from", () => {
  const suites = ["test/examples", "test"].flatMap((folder) =>
    readdirSync(`${root}/${folder}`)
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => read(`${folder}/${name}`))
  )

  for (const file of readdirSync(`${root}/docs/migration`)) {
    it(`${file.slice(0, -3)} has a before, an after that the suite runs, and tables`, () => {
      const page = read(`docs/migration/${file}`)
      const [, example = ""] =
        /^Before:\n\n```[^]*?^```$[^]*?^After:\n\n<!-- example: examples\/(\S+) -->$/m.exec(page) ?? []
      assert.notStrictEqual(example, "")
      assert.isTrue(
        suites.some((suite) => suite.includes(`"${example}"`)),
        example
      )
      assert.isAtLeast(page.match(/^\|(?: ?:?-+:? ?\|)+$/gm)?.length ?? 0, 2)
    })
  }
})

interface Option {
  readonly name: string
  /** What its comment says of the default; `undefined` if it says nothing. */
  readonly byDefault: string | undefined
}

const optionsOf = (path: string, name: string): ReadonlyArray<Option> => {
  const found: Array<Option> = []
  const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true)
  ts.forEachChild(source, (node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== name) return
    for (const member of node.members) {
      if (member.name === undefined) continue
      const comment = ts
        .getJSDocCommentsAndTags(member)
        .map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? "")
        .join(" ")
      const [, byDefault] = /\bDefaults?\b:?\s+([^]*?)(?:\.(?:\s|$)|$)/.exec(comment) ?? []
      found.push({ name: member.name.getText(), byDefault })
    }
  })
  return found
}

/** Texts and numbers that are the default; none where words tell what happens instead. */
const literals = (byDefault: string): ReadonlyArray<string> => {
  const clause = /^such /.test(byDefault) ? "" : byDefault.replace(/: .*$/s, "")
  const digits = clause.replace(/`[^`]+`/g, "").matchAll(/\d[\d.]*(?: \d{3})*/g)
  return [...clause.matchAll(/`([^`]+)`/g), ...digits].map(([all, code]) => code ?? all)
}

describe("the page of", () => {
  const sinks: Record<
    string,
    { readonly page: string; readonly above: RegExp; readonly from: Array<[string, string]> }
  > = {
    Console: { page: "sinks/console.md", above: /^# Console$/m, from: [["sinks/Console.ts", "Options"]] },
    InfluxDb: { page: "sinks/influxdb.md", above: /^## Options$/m, from: [["sinks/influxdb/options.ts", "Options"]] },
    Otlp: { page: "sinks/otlp.md", above: /^## Options$/m, from: [["sinks/otlp/options.ts", "Options"]] },
    PrometheusRemoteWrite: {
      page: "sinks/prometheus-remote-write.md",
      above: /^## Options$/m,
      from: [["sinks/prometheusRemoteWrite/options.ts", "Options"]]
    },
    Pushgateway: {
      page: "sinks/pushgateway.md",
      above: /^## Options$/m,
      from: [["sinks/pushgateway/options.ts", "Options"]]
    },
    OpenTsdb: {
      page: "sinks/opentsdb.md",
      above: /^Which one\?/m,
      from: ["PointOptions", "Options", "HttpOptions"].map((name) => ["sinks/opentsdb/options.ts", name])
    },
    StatsD: { page: "sinks/statsd.md", above: /^# StatsD$/m, from: [["sinks/statsd/options.ts", "Options"]] },
    Graphite: { page: "sinks/graphite.md", above: /^# Graphite$/m, from: [["sinks/graphite/options.ts", "Options"]] },
    Librato: { page: "sinks/librato.md", above: /^# Librato/m, from: [["sinks/librato/options.ts", "Options"]] },
    ZeroMq: {
      page: "relay.md",
      above: /^### Options of `ZeroMq`/m,
      from: [["sinks/zeromq/options.ts", "Options"]]
    },
    Broker: { page: "relay.md", above: /^### Options of `Broker`/m, from: [["relay/Broker.ts", "Options"]] },
    Worker: { page: "relay.md", above: /^### Options of `Worker`/m, from: [["relay/Worker.ts", "Options"]] },
    Nats: {
      page: "relay.md",
      above: /^### Options of `Nats`/m,
      from: [
        ["transport/natsOptions.ts", "ServerOptions"],
        ["sinks/nats/options.ts", "Options"],
        ["relay/Transport.ts", "NatsOptions"]
      ]
    },
    NamedPipe: {
      page: "sinks/named-pipe.md",
      above: /^# NamedPipe$/m,
      from: [["sinks/namedPipe/options.ts", "Options"]]
    },
    StatsServer: { page: "web.md", above: /^## Options$/m, from: [["web/options.ts", "Options"]] },
    Prometheus: {
      page: "sinks/prometheus.md",
      above: /^## Options$/m,
      from: ["ScrapeOptions", "Options"].map((name) => ["web/prometheus/options.ts", name])
    },
    Dashboard: { page: "dashboard.md", above: /^## Options$/m, from: [["web/Dashboard.ts", "Options"]] },
    HttpServerMetrics: {
      page: "sources/http.md",
      above: /^## Servers$/m,
      from: [["sources/HttpServerMetrics.ts", "Options"]]
    },
    EffectMetrics: {
      page: "sources/effect-metrics.md",
      above: /^## Options$/m,
      from: [["sources/effectMetrics/options.ts", "Options"]]
    },
    RuntimeMetrics: {
      page: "sources/runtime.md",
      above: /^# RuntimeMetrics$/m,
      from: [["sources/runtime/options.ts", "Options"]]
    }
  }

  for (const [sink, { above, from, page }] of Object.entries(sinks)) {
    it(`${sink} has every option of its own, with its default`, () => {
      const text = read(`docs/${page}`)
      const start = above.exec(text)
      assert.isNotNull(start, `${above}`)
      const rows = table(text.slice(start.index), /^(?=\| option )/m)
      for (const { byDefault, name } of from.flatMap(([path, type]) => optionsOf(`src/${path}`, type))) {
        const row = rows.find(([option = ""]) => names(option).includes(name))
        assert.isDefined(row, `${page} does not say what ${name} is`)
        const [, cell = ""] = row
        if (byDefault === undefined) continue
        for (const literal of literals(byDefault)) {
          assert.include(cell, literal, `${page}, the default of ${name}`)
        }
        assert.notStrictEqual(cell, "", `${page}, the default of ${name}`)
      }
    })
  }
})

describe("the guide to reliability", () => {
  const page = read("docs/reliability.md")

  for (const [title, type] of [
    ["Dropped", "DropReason"],
    ["Refused", "RefuseReason"]
  ] as const) {
    it(`has cause and cure of every ${type}`, () => {
      const rows = table(page, new RegExp(`^### ${title}$`, "m"))
      assert.sameMembers(
        rows.flatMap(([reason = ""]) => names(reason)),
        [...members("src/Ledger.ts", type)]
      )
      for (const row of rows) assert.isTrue(row.length === 3 && row.every((cell) => cell !== ""), row.join(" | "))
    })
  }
})
