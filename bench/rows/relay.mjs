// @ts-check
/** Points to the relay's binary bodies and back, and through broker and worker over ZeroMQ. */
import { Effect, Layer, ManagedRuntime } from "effect"
import * as zmq from "zeromq"
import { make as makeLines } from "../../dist/encoding/influxLine.js"
import { frame, topicOf } from "../../dist/encoding/relayFrame.js"
import { decode } from "../../dist/encoding/relayReader.js"
import { make as makeBodies } from "../../dist/encoding/relayWriter.js"
import { Broker, Metrics, Worker, ZeroMq } from "../../dist/index.js"
import { Histogram } from "../../dist/recording/histogram.js"
import { Int } from "../../dist/recording/measurement.js"
import { atMost, compare } from "../harness.mjs"
import { nullSink, quiet, silently } from "../ours.mjs"
import { tagKeys, tagSets } from "./inputs.mjs"
import { pointsOf, seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 1000

const pointsWithTwoFields = () =>
  pointsOf(100_000, seriesOf("point"), ["duration", "size"], (i) => [(i % 10_000) / 64, new Int((i * 7919) % 100_000)])

/** One window for each series. @param {"count" | "distribution"} tag */
const windowsOf = (tag) =>
  seriesOf(tag === "count" ? "counter" : "timer").map((series, i) => {
    const histogram = new Histogram()
    for (let k = 0; k < 1000; k++) histogram.record(0.001 * (1 + (((i + 1) * k) % 400)))
    const window = { series, weight: 1000, millis: start, nanos: 0, startMillis: start - 10_000 }
    return tag === "count"
      ? { ...window, _tag: /** @type {const} */ ("count"), value: 1000 + i }
      : { ...window, _tag: /** @type {const} */ ("distribution"), histogram, buckets: undefined }
  })

const encodeBodies = makeBodies()
/** @param {ReadonlyArray<any>} measurements */
const bodyOf = (measurements) => {
  const [section] = encodeBodies(measurements, Infinity).payload
  if (section?.count !== measurements.length) throw new Error(`${section?.count} of ${measurements.length} encoded`)
  return frame({ publisher: "bench", batch: "1", level: undefined }, section)
}

const encodeLines = makeLines({ version: 1, precision: "ns", uint: "unsupported", quantiles: [] })
/** @param {ReadonlyArray<any>} measurements */
const linesOf = (measurements) => encodeLines(measurements, Infinity).payload

/** What a library does that has no format of its own. @param {ReadonlyArray<any>} measurements */
const jsonOf = (measurements) =>
  Buffer.from(
    JSON.stringify(
      measurements.map(({ series, millis, nanos, fieldValues, value, histogram }) => ({
        name: series.name,
        tags: Object.fromEntries(series.tags),
        time: `${millis}${String(nanos).padStart(6, "0")}`,
        ...(fieldValues === undefined ? {} : { fields: { duration: fieldValues[0], size: fieldValues[1].value } }),
        ...(value === undefined ? {} : { value }),
        ...(histogram === undefined
          ? {}
          : {
              count: histogram.count,
              sum: histogram.sum,
              min: histogram.min,
              max: histogram.max,
              zeroCount: histogram.zeroCount,
              scale: histogram.scale,
              positive: histogram.positive,
              negative: histogram.negative
            })
      }))
    )
  )

/** @type {import("../harness.mjs").Row} */
export const relayFrame = {
  name: "relay-frame",
  title: "100 000 points to the relay's bodies: 3 tags, a float, an int, a timestamp, 1000 a body",
  unit: "ns",
  goals: [atMost("no dearer than line protocol", "effect-metrics, encode", 1, "effect-metrics, line protocol")],
  run: async (context) => {
    // Each of its own, as an encoder keeps what it knows in the series.
    const [ours, lines, json] = [pointsWithTwoFields(), pointsWithTwoFields(), pointsWithTwoFields()]
    const bodies = Array.from({ length: ours.length / batch }, (_, i) => bodyOf(ours.slice(i * batch, (i + 1) * batch)))
    const each =
      (
        /** @type {ReadonlyArray<any>} */ measurements,
        /** @type {(batch: ReadonlyArray<any>) => Uint8Array} */ encode
      ) =>
      (/** @type {number} */ n) => {
        for (let from = 0; from < n; from += batch) bytes += encode(measurements.slice(from, from + batch)).length
      }
    const texts = bodies.map((_, i) => jsonOf(json.slice(i * batch, (i + 1) * batch)).toString())
    let bytes = 0
    const results = await compare(
      context,
      [
        { name: "effect-metrics, line protocol", kind: "ours", run: each(lines, linesOf) },
        { name: "effect-metrics, encode", kind: "ours", run: each(ours, bodyOf) },
        {
          name: "effect-metrics, decode",
          kind: "ours",
          run: (n) => {
            for (let i = 0; i < n / batch; i++) {
              const body = decode(/** @type {Uint8Array} */ (bodies[i]), Infinity)
              if (!("measurements" in body)) throw new Error(body.reason)
              bytes += body.measurements.length
            }
          }
        },
        { name: "raw: JSON.stringify", kind: "raw", run: each(json, jsonOf) },
        {
          name: "raw: JSON.parse",
          kind: "raw",
          run: (n) => {
            for (let i = 0; i < n / batch; i++) bytes += JSON.parse(texts[i] ?? "").length
          }
        }
      ],
      { operations: 100_000, chunk: 50_000, rounds: 9, warmup: 3 }
    )
    if (bytes === 0) throw new Error("nothing was encoded")
    const size = (
      /** @type {ReadonlyArray<any>} */ all,
      /** @type {(all: ReadonlyArray<any>) => Uint8Array} */ encode
    ) => (encode(all).length / all.length).toFixed(1)
    const sizes = [
      ["point", ours.slice(0, batch), lines.slice(0, batch)],
      ["window of a counter", windowsOf("count"), windowsOf("count")],
      ["window of a timer, 400 values", windowsOf("distribution"), windowsOf("distribution")]
    ].map(
      ([what, one, two]) =>
        `${what} ${size(/** @type {any} */ (one), bodyOf)}, ${size(/** @type {any} */ (two), linesOf)}, ${size(/** @type {any} */ (one), jsonOf)}`
    )
    return {
      results,
      notes: [
        `Bytes a measurement in bodies, line protocol and JSON: ${sizes.join("; ")}. Line protocol has no histograms: count, sum, least, greatest and mean only.`
      ]
    }
  }
}

const host = "127.0.0.1"

/** Bare sockets: a publisher, a forwarder, a subscriber. @param {Uint8Array} body */
const bare = async (body) => {
  const [front, back, subscriber, publisher] = [
    new zmq.Subscriber({ receiveHighWaterMark: 0 }),
    new zmq.Publisher({ sendHighWaterMark: 0 }),
    new zmq.Subscriber({ receiveHighWaterMark: 0 }),
    new zmq.Publisher({ sendHighWaterMark: 0 })
  ]
  front.subscribe()
  subscriber.subscribe(topicOf(undefined))
  await front.bind(`tcp://${host}:*`)
  await back.bind(`tcp://${host}:*`)
  subscriber.connect(back.lastEndpoint ?? "")
  publisher.connect(front.lastEndpoint ?? "")
  let received = 0
  let wake = () => {}
  const forward = async () => {
    for await (const frames of front) await back.send(frames)
  }
  const receive = async () => {
    for await (const [, message] of subscriber) {
      if (message?.length === body.length) received++
      wake()
    }
  }
  const loops = [forward(), receive()]
  const topic = Buffer.from(topicOf(undefined))
  const until = (/** @type {number} */ count) =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        wake = () => {
          if (received >= count) resolve()
        }
        wake()
      })
    )
  while (received === 0) {
    await publisher.send([topic, body])
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  return {
    /** @param {number} n */
    run: async (n) => {
      received = 0
      for (let i = 0; i < n / batch; i++) await publisher.send([topic, body])
      await until(n / batch)
    },
    close: async () => {
      for (const socket of [publisher, front, back, subscriber]) socket.close()
      await Promise.all(loops)
    }
  }
}

/** @param {number} port */
const relayed = async (port) => {
  const broker = ManagedRuntime.make(silently(Broker.layer({ host, port })))
  await broker.runPromise(Effect.void)
  const worker = ManagedRuntime.make(
    silently(Worker.layer({ host, port: port + 1 })).pipe(
      Layer.provide(silently(nullSink("null", { capacity: 2 ** 20 })))
    )
  )
  const app = ManagedRuntime.make(silently(ZeroMq.layer({ host, port, batchSize: batch, ...quiet })))
  const requests = Metrics.distribution("requests", { tagKeys, aggregate: false })
  const bound = await app.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
  const { account } = await worker.runPromise(Worker.Worker)
  const seen = async () => (await Effect.runPromise(account)).measurements
  while ((await seen()) === 0) {
    bound[0]?.record(1)
    await app.runPromise(Metrics.flush)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return {
    /** @param {number} n */
    run: async (n) => {
      const before = await seen()
      for (let i = 0; i < n; i++) bound[i & 63]?.record((i % 1000) + 0.25)
      await app.runPromise(Metrics.flush)
      while ((await seen()) < before + n) await new Promise((resolve) => setImmediate(resolve))
    },
    close: async () => {
      await app.dispose()
      await worker.dispose()
      await broker.dispose()
    }
  }
}

/** @type {import("../harness.mjs").Row} */
export const relay = {
  name: "relay",
  title: "points from publisher to broker to worker over ZeroMQ, all in one process, 1000 a message",
  unit: "ns",
  goals: [],
  run: async (context) => {
    const body = bodyOf(pointsOf(batch, seriesOf("point"), ["value"], (i) => [(i % 1000) + 0.25]))
    const raw = await bare(body)
    const ours = await relayed(20_000 + Math.floor(Math.random() * 10_000))
    try {
      const results = await compare(
        context,
        [
          { name: "raw: bare sockets, the same bytes", kind: "raw", run: raw.run },
          { name: "effect-metrics, recorded to merged", kind: "ours", run: ours.run }
        ],
        { operations: 50_000, chunk: 10_000, rounds: 9, warmup: 3 }
      )
      const rate = (/** @type {number} */ i) => Math.round(1e9 / (results[i]?.median ?? NaN) / batch)
      return {
        results,
        notes: [
          `Messages of ${body.length} bytes a second: bare ${rate(0)}, with recording, encoding, decoding and merging ${rate(1)}. All arrived.`
        ]
      }
    } finally {
      await ours.close()
      await raw.close()
    }
  }
}
