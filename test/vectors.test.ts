/** The exact bytes of every protocol, one test a row. A protocol without an encoder is still to do. */
import { describe, it } from "@effect/vitest"
import * as DogStatsD from "./vectors/dogstatsd.js"
import * as Graphite from "./vectors/graphite.js"
import * as InfluxLine from "./vectors/influxLine.js"
import * as Librato from "./vectors/librato.js"
import * as OpenTsdb from "./vectors/openTsdb.js"
import * as Otlp from "./vectors/otlp.js"
import * as Prometheus from "./vectors/prometheus.js"
import * as Pushgateway from "./vectors/pushgateway.js"
import * as RemoteWrite from "./vectors/remoteWrite.js"
import type { Row } from "./vectors/rows.js"
import { readFiles } from "./vectors/rows.js"
import * as Sketches from "./vectors/sketches.js"
import * as StatsD from "./vectors/statsd.js"
import * as Statvent from "./vectors/statvent.js"
import * as Zibrato from "./vectors/zibrato.js"

const runners: Readonly<Record<string, (row: Row) => void | Promise<void>>> = {
  dogstatsd: DogStatsD.run,
  "graphite-pickle": Graphite.runPickle,
  "graphite-plaintext": Graphite.runText,
  "influx-line": InfluxLine.run,
  librato: Librato.run,
  openmetrics: Prometheus.runOpenMetrics,
  "opentsdb-http": OpenTsdb.runHttp,
  "opentsdb-telnet": OpenTsdb.runTelnet,
  "otlp-json": Otlp.runJson,
  "otlp-protobuf": Otlp.runProtobuf,
  "prometheus-remote-write-1": RemoteWrite.runFirst,
  "prometheus-remote-write-2": RemoteWrite.runSecond,
  "prometheus-text": Prometheus.run,
  "pushgateway-path": Pushgateway.run,
  sketches: Sketches.run,
  statsd: StatsD.runEtsy,
  statvent: Statvent.run,
  "zmq-zibrato": Zibrato.run
}

for (const { protocol, rows } of readFiles()) {
  describe(protocol, () => {
    const run = runners[protocol]
    for (const row of rows) {
      if (run === undefined || (protocol.startsWith("otlp-") && row.name in Otlp.beyond)) it.todo(row.name)
      else it(row.name, () => run(row))
    }
  })
}
