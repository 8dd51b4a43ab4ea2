/**
 * Who may import whom. The picture is: instruments -> recording -> delivery -> sinks -> encoding | transport, and nothing
 * imports upward. Type-only imports count (`tsPreCompilationDeps`), so a cycle of types is a cycle.
 */

/** Modules of @effect/platform and effect itself; without @effect/platform-node and the like. */
const effect = "(^|/)node_modules/(effect|@effect/platform)/"

/** The rooms that may touch Node. A sink that needs it is added here by its file. */
const nodeRooms = "^src/((transport|relay|web|cli)/|testing/ChaosProxy[.]ts$|sources/runtime/node[.]ts$)"

/** Sinks that are more than one file, and the folder where the rest of each is. */
const sinkFolders = {
  Console: "console",
  Graphite: "graphite",
  InfluxDb: "influxdb",
  Librato: "librato",
  NamedPipe: "namedPipe",
  Nats: "nats",
  OpenTsdb: "opentsdb",
  Otlp: "otlp",
  PrometheusRemoteWrite: "prometheusRemoteWrite",
  Pushgateway: "pushgateway",
  StatsD: "statsd",
  ZeroMq: "zeromq"
}

const only = (name, from, allowed, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: from },
  to: { pathNot: allowed }
})

export default {
  forbidden: [
    only(
      "recording-is-pure",
      "^src/recording/",
      ["^src/recording/", "^src/Ledger[.]ts$"],
      "recording/ imports itself and types of Ledger: no Effect, no Node, nothing above it."
    ),
    {
      name: "recording-takes-only-types-of-ledger",
      severity: "error",
      comment: "The ledger's words are shared, its code is above recording/.",
      from: { path: "^src/recording/" },
      to: { path: "^src/Ledger[.]ts$", dependencyTypesNot: ["type-only"] }
    },
    only(
      "encoding-is-pure",
      "^src/encoding/",
      ["^src/(encoding|recording)/", "^src/Ledger[.]ts$"],
      "encoding/ imports itself and what recording/ gives it to encode: no Effect, no Node, nothing above it."
    ),
    {
      name: "transport-knows-bytes",
      severity: "error",
      comment:
        "transport/ moves bytes: no wire format, no sink, only how failures and bad options are told (delivery/).",
      from: { path: "^src/transport/" },
      to: { path: "^src/", pathNot: ["^src/transport/", "^src/delivery/(sink|checks)[.]ts$"] }
    },
    only(
      "delivery-below-sinks",
      "^src/delivery/",
      ["^src/(delivery|recording)/", "^src/transport/host[.]ts$", "^src/Ledger[.]ts$", effect],
      "delivery/ imports recording/, Effect, and from transport/ only the host's name; nothing above it."
    ),
    only(
      "instruments-below-sinks",
      "^src/instruments/",
      ["^src/(instruments|recording|delivery)/", "^src/(Ledger|Measurement)[.]ts$", effect],
      "instruments/ is the inside of Metrics: it records into hubs, and knows no backend."
    ),
    {
      name: "instruments-through-metrics",
      severity: "error",
      comment: "What instruments/ offers is exported by Metrics; only Metrics imports it.",
      from: { path: "^src/", pathNot: ["^src/instruments/", "^src/Metrics[.]ts$"] },
      to: { path: "^src/instruments/" }
    },
    only("ledger-stands-alone", "^src/Ledger[.]ts$", ["^$"], "Everybody speaks of the ledger, so it imports nothing."),
    only(
      "measurement-below-metrics",
      "^src/Measurement[.]ts$",
      ["^src/recording/"],
      "Measurement is the public name of recording/measurement."
    ),
    only(
      "core-below-sinks",
      "^src/(Metrics|Sink)[.]ts$",
      ["^src/(instruments|recording|delivery)/", "^src/(Metrics|Sink|Ledger|Measurement)[.]ts$", effect],
      "Metrics and Sink are above recording/ and delivery/, and below every backend."
    ),
    only(
      "http-sources-below-sinks",
      "^src/sources/(Http[^/]*[.]ts$|http/)",
      ["^src/sources/http/", "^src/(Metrics|Measurement|delivery/checks)[.]ts$", effect],
      "The HTTP sources record as any app does, through Metrics; all they know beside it is Effect's platform, and how an option that cannot work is told."
    ),
    {
      name: "sinks-apart",
      severity: "error",
      comment: "Importing one sink loads no other's dependencies.",
      from: {
        path: "^src/sinks/([^/.]+)",
        pathNot: Object.keys(sinkFolders).map((sink) => `^src/sinks/${sink}[.]ts$`)
      },
      to: { path: "^src/sinks/", pathNot: "^src/sinks/$1([./]|$)" }
    },
    ...Object.entries(sinkFolders).map(([sink, folder]) => ({
      name: "sinks-apart",
      severity: "error",
      comment: `${sink} is made of the files in sinks/${folder}/, and of no other sink's.`,
      from: { path: `^src/sinks/${sink}[.]ts$` },
      to: { path: "^src/sinks/", pathNot: `^src/sinks/${folder}/` }
    })),
    only(
      "pulled-sources-below-sinks",
      "^src/sources/(EffectMetrics[.]ts$|effectMetrics/|RuntimeMetrics[.]ts$|runtime/(?!node[.]ts$))",
      ["^src/sources/(effectMetrics|runtime)/", "^src/(delivery|recording)/", "^src/(Metrics|Ledger)[.]ts$", effect],
      "The sources that lanes read know lanes and what is recorded, and no backend."
    ),
    {
      name: "nothing-imports-upward",
      severity: "error",
      comment: "The front door and what is made for tests, sources and programs is above everything else.",
      from: { path: "^src/", pathNot: ["^src/(testing|relay|web|cli|sources)/", "^src/index[.]ts$"] },
      to: { path: ["^src/(testing|relay|web|cli|sources)/"] }
    },
    {
      name: "nothing-imports-the-front-door",
      severity: "error",
      comment: "index.ts names every sink, so importing it loads them all.",
      from: { path: "^src/" },
      to: { path: "^src/index[.]ts$" }
    },
    {
      name: "sources-and-testing-know-no-backend",
      severity: "error",
      comment: "What records, and what tests any sink, depends on no particular one.",
      from: { path: "^src/(sources|testing)/" },
      to: { path: "^src/sinks/" }
    },
    {
      name: "core-has-no-node-modules",
      severity: "error",
      comment: "The core runs in a browser: Node only in transport/, relay/, web/, cli/ and the sinks that need it.",
      from: { path: "^src/", pathNot: nodeRooms },
      to: { dependencyTypes: ["core"] }
    },
    {
      name: "core-has-no-node-platform",
      severity: "error",
      comment: "The same for Effect's Node platform.",
      from: { path: "^src/", pathNot: nodeRooms },
      to: { path: "(^|/)node_modules/@effect/platform-(node|bun)" }
    },
    {
      name: "no-circles",
      severity: "error",
      comment: "Circular imports, type-only ones included: merge the files or turn one arrow round.",
      from: {},
      to: { circular: true }
    },
    {
      name: "no-undeclared-packages",
      severity: "error",
      comment: "src/ imports peers that package.json declares; development packages are for tests.",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["npm-peer"] }
    },
    {
      name: "no-unresolvable",
      severity: "error",
      comment: "An import that leads nowhere.",
      from: {},
      to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: "(^|/)node_modules/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] }
  }
}
