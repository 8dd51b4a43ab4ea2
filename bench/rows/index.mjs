// @ts-check
import { bound, fresh } from "./counter.mjs"
import { encodeLines } from "./encode.mjs"
import { duration, literal, prebuilt, unprovided } from "./fiber.mjs"
import { graphitePickle, graphitePlaintext } from "./graphite.mjs"
import { histogram } from "./histogram.mjs"
import { http } from "./http.mjs"
import { middleware, middlewareServer } from "./middleware.mjs"
import { namedPipe, namedPipeCat } from "./namedPipe.mjs"
import { nats } from "./nats.mjs"
import { putJson, putLines } from "./openTsdb.mjs"
import { libratoJson } from "./librato.mjs"
import { otlpJson, otlpProtobuf } from "./otlp.mjs"
import { page } from "./page.mjs"
import { points } from "./points.mjs"
import { prometheusScrape } from "./prometheus.mjs"
import { relay, relayFrame } from "./relay.mjs"
import { remoteWrite, remoteWriteSnappy } from "./remoteWrite.mjs"
import { series } from "./series.mjs"
import { sources } from "./sources.mjs"
import { stalled } from "./stalled.mjs"
import { statsd, statsdLines } from "./statsd.mjs"
import { statsServer } from "./statsServer.mjs"
import { workerMerge } from "./workerMerge.mjs"

/** @type {ReadonlyArray<import("../harness.mjs").Row>} */
export const rows = [
  bound,
  fresh,
  prebuilt,
  literal,
  unprovided,
  duration,
  histogram,
  points,
  encodeLines,
  putLines,
  putJson,
  graphitePlaintext,
  graphitePickle,
  statsdLines,
  libratoJson,
  otlpProtobuf,
  otlpJson,
  namedPipe,
  namedPipeCat,
  prometheusScrape,
  remoteWrite,
  remoteWriteSnappy,
  relayFrame,
  http,
  statsd,
  relay,
  nats,
  workerMerge,
  middleware,
  middlewareServer,
  series,
  stalled,
  sources,
  statsServer,
  page
]
