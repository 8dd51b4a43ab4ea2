/**
 * StatsD's lines, `name:value|type`, as etsy's daemon and as Datadog's agent read them, packed into packets at line
 * boundaries.
 *
 * `StatsD` has the table of what becomes of which measurement. A series' name and tags are encoded once and kept in
 * `series.encoded`, as what stands before the value and what stands behind it.
 *
 * Costs: `bench` row `statsd-lines`.
 */
import type { Distribution, FieldValue, Measurement, Point, Series } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { type Around, checkLine, eventLine, isCheck, isEvent, type Line, maxEventBytes } from "./dogstatsd.js"
import { type Covered, type Fault, fill, invalid, notFinite, Output } from "./output.js"
import { inOrder, Packer, type Packets } from "./packets.js"
import { type DistributionRead, distributionReads, numberOf } from "./scalars.js"
import { namesOf, type Server, type TagStyle } from "./statsdNames.js"

export interface Dialect {
  readonly server: Server
  readonly tags: TagStyle
  readonly sanitise: boolean
  /** `Infinity` where lines are not packed. */
  readonly maxPacketBytes: number
  /** The type of a distribution's samples: etsy's daemon would count `h` and `d` as counters. */
  readonly distributionAs: "h" | "d" | "ms" | "none"
  /** Which of a distribution that is aggregated, 0 to 1. */
  readonly quantiles: ReadonlyArray<number>
  /** DogStatsD: `numbers` says the time of counts and gauges; `all` refuses what cannot have one. */
  readonly timestamps: "none" | "numbers" | "all"
  /** DogStatsD: samples of one series share a line. */
  readonly packedValues: boolean
  /** Etsy: counters whose increases are written as steps of a gauge. */
  readonly deltas: (series: Series) => boolean
  /** DogStatsD: what stands at the end of every line. */
  readonly origin: string
}

export interface Lines extends Covered {
  readonly payload: Packets
}

/** Encodes as many measurements, from the first, as have lines that fit into `maxBytes`. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Lines

const negativeTime: Fault = { drop: "invalid", reason: "a time is out of range: below 0" }
const badRate: Fault = { drop: "invalid", reason: "its sample rate is out of range: not above 0 and at most 1" }
const noNumber: Fault = { drop: "invalid", reason: "its value is not a number" }
const noTime: Fault = { drop: "invalid", reason: "its time is out of range: before 1970" }
const noStamp: Fault = { drop: "unsupported", reason: "only counts and gauges can have a timestamp" }
const noSamples: Fault = { drop: "unsupported", reason: "etsy's StatsD has no type for distributions" }
const noFields: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const noEvents: Fault = { drop: "unsupported", reason: "events and service checks need DogStatsD" }
const tooLarge: Fault = { drop: "too_large", reason: "its line is longer than a packet may be" }

const lf = 10
const colon = 58
const dot = 46
const plus = 43

/** What stands around a value: `name:`, and `|g|#tags` with a LF. */
interface Frame {
  readonly head: Uint8Array
  readonly tail: Uint8Array
  readonly type: "c" | "g" | "ms" | "h" | "d"
  /** Etsy: the whole line that sets the gauge to 0. */
  readonly zero: Uint8Array | undefined
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly name: string
  readonly inName: string
  readonly atEnd: string
  readonly fault: Fault | undefined
  /** The rate that `frame` says. */
  rate: number
  /** Of the field `value`, and of windows that are one number. */
  frame: Frame | undefined
  /** Of others, by name and type. */
  fields: Map<string, Frame> | undefined
  reads: ReadonlyArray<Read> | undefined
  /** That of its last sample. */
  joins: Frame | undefined
  /** Its last window with a time, and that in seconds. */
  stamped: Measurement | undefined
  second: number
}

interface Read extends DistributionRead {
  readonly frame: Frame
  readonly isTime: boolean
}

/** Etsy's daemon reads `1e-7` as 1. */
const plainDecimal = (rate: number): string => {
  const text = String(rate)
  return text.includes("e") ? rate.toFixed(20).replace(/0+$/, "") : text
}

/** Seconds as milliseconds, to the nanosecond, without the noise of a binary fraction. */
const writeMillis = (bytes: Uint8Array, at: number, seconds: number): number => {
  const nanos = Math.round(seconds * 1e9)
  const isTiny = nanos < 1000 && Math.abs(seconds * 1e9 - nanos) > 1e-6
  if (isTiny || nanos > Number.MAX_SAFE_INTEGER) {
    return Bytes.writeNumber(bytes, at, seconds * 1000)
  }
  const whole = Math.floor(nanos / 1e6)
  let below = nanos - whole * 1e6
  const end = Bytes.writeInteger(bytes, at, whole)
  if (below === 0) return end
  bytes[end] = dot
  let width = 6
  while (below % 10 === 0) {
    below /= 10
    width--
  }
  return Bytes.writeDigits(bytes, end + 1, below, width)
}

const typeOf = (series: Series, distributionAs: Dialect["distributionAs"]): Frame["type"] => {
  switch (series.kind) {
    case "counter":
      return "c"
    case "timer":
      return "ms"
    case "distribution":
      return distributionAs === "none" ? "ms" : distributionAs
    default:
      return "g"
  }
}

// Encoding is synchronous, so all encoders of a process grow their lines in the same place.
const output = new Output()

export const make = (dialect: Dialect): Encode => {
  const { deltas, distributionAs, maxPacketBytes, origin, packedValues, server, timestamps } = dialect
  const isEtsy = server === "etsy"
  const names = namesOf(server, dialect.tags, dialect.sanitise)

  const packer = new Packer()
  /** Of the batch that is being encoded. */
  let limit = 0
  /** Events may be longer than packets, and are then packets by themselves. */
  let isLong = false
  /** The sample before, if another may join its line; and the one whose line the next may join. */
  let joinable: Kept | undefined
  let latest: Kept | undefined

  const keep = (series: Series): Kept => {
    const name = names.name(series.name)
    const tags = names.tags(series.tags)
    const kept: Kept = {
      name: name.fault === undefined ? name.value : "",
      inName: tags.fault === undefined ? tags.value.inName : "",
      atEnd: tags.fault === undefined ? tags.value.atEnd : "",
      fault: invalid(name.fault ?? tags.fault),
      rate: 1,
      frame: undefined,
      fields: undefined,
      reads: undefined,
      joins: undefined,
      stamped: undefined,
      second: -Infinity
    }
    series.encoded = kept
    return kept
  }

  const frameOf = (kept: Kept, name: string, type: Frame["type"], rate: number): Frame => {
    const head = `${name}${kept.inName}:`
    const sampled = rate === 1 ? "" : `|@${plainDecimal(rate)}`
    const tail = `|${type}${sampled}${kept.atEnd}${origin}\n`
    return {
      head: Bytes.encodeKept(head),
      tail: Bytes.encodeKept(tail),
      type,
      zero: isEtsy && type === "g" ? Bytes.encodeKept(`${head}0${tail}`) : undefined
    }
  }

  const ownFrame = (kept: Kept, series: Series, rate: number): Frame => {
    if (kept.frame === undefined || kept.rate !== rate) {
      const type = series.kind === "counter" && deltas(series) ? "g" : typeOf(series, distributionAs)
      kept.frame = frameOf(kept, kept.name, type, type === "g" ? 1 : rate)
      kept.rate = rate
    }
    return kept.frame
  }

  const fieldFrame = (kept: Kept, field: string, type: Frame["type"]): Frame | undefined => {
    const id = `${type}${field}`
    let frame = kept.fields?.get(id)
    if (frame === undefined) {
      const name = names.name(`${kept.name}.${field}`)
      if (name.fault !== undefined) return undefined
      kept.fields ??= new Map()
      if (kept.fields.size >= 256) kept.fields.clear()
      kept.fields.set(id, (frame = frameOf(kept, name.value, type, 1)))
    }
    return frame
  }

  /** In the order of the wire: the value, and what stands behind it. */
  const putLine = (
    { head, tail }: Frame,
    value: number | bigint,
    isTime: boolean,
    second: number | undefined
  ): void => {
    output.reserve(head.length + tail.length + 64)
    packer.line(output.at)
    output.put(head)
    putValue(value, isTime)
    endLine(tail, second)
  }

  const putValue = (value: number | bigint, isTime: boolean): void => {
    if (typeof value === "bigint") {
      const text = String(value)
      output.reserve(text.length + 512)
      output.at = Bytes.writeAscii(output.bytes, output.at, text)
    } else if (!isTime) output.float(value)
    // Also where only the milliseconds are.
    else if (value * 1000 - value * 1000 !== 0) output.fault = notFinite
    else output.at = writeMillis(output.bytes, output.at, value)
  }

  const endLine = (tail: Uint8Array, second: number | undefined): void => {
    output.put(tail)
    if (second === undefined) return
    if (!(second >= 1)) {
      output.fault = noTime
      return
    }
    const { bytes } = output
    let { at } = output
    bytes[at - 1] = 124
    bytes[at++] = 84
    at = Bytes.writeInteger(bytes, at, second)
    bytes[at++] = lf
    output.at = at
  }

  /** Etsy's daemon takes a sign for a step, so below 0 the gauge is set to 0 first, in the same packet. */
  const putGauge = (frame: Frame, value: number | bigint, second: number | undefined): void => {
    const { zero } = frame
    if (zero === undefined || value >= 0 || (typeof value !== "bigint" && value - value !== 0)) {
      return putLine(frame, value, false, second)
    }
    output.reserve(zero.length + frame.head.length + frame.tail.length + 64)
    packer.line(output.at)
    output.put(zero)
    output.put(frame.head)
    putValue(value, false)
    endLine(frame.tail, second)
  }

  const putDelta = ({ head, tail }: Frame, value: number): void => {
    output.reserve(head.length + tail.length + 64)
    packer.line(output.at)
    output.put(head)
    if (value >= 0) output.bytes[output.at++] = plus
    putValue(value, false)
    endLine(tail, undefined)
  }

  /** Seconds. Windows of a series have different ones, as the last of a second would stand for all; a point has its own. */
  const stampOf = (measurement: Measurement, kept: Kept): number | undefined => {
    if (timestamps === "none") return undefined
    const second = Math.floor(measurement.millis / 1000)
    if (measurement._tag === "point") return second
    // One that is written again keeps its own.
    if (kept.stamped !== measurement) {
      kept.second = Math.max(second, kept.second + 1)
      kept.stamped = measurement
    }
    return kept.second
  }

  const putDistribution = (window: Distribution, kept: Kept): void => {
    const { series } = window
    const isTime = series.kind === "timer"
    if (kept.reads === undefined) {
      const reads: Array<Read> = []
      for (const read of distributionReads(series.boundaries, dialect.quantiles)) {
        const isSum = read.name === "sum"
        // A dot would be a level of the name.
        const frame = fieldFrame(kept, read.name.replaceAll(".", "_"), read.isInt || isSum ? "c" : "g")
        if (frame === undefined) {
          output.fault = invalid(`its name is too long for ${read.name} behind it`)
          return
        }
        reads.push({ ...read, frame, isTime: isTime && !read.isInt })
      }
      kept.reads = reads
    }
    for (const { frame, isTime, read } of kept.reads) {
      const value = read(window)
      if (frame.type === "g" && !isTime) putGauge(frame, value, stampOf(window, kept))
      else putLine(frame, value, isTime, stampOf(window, kept))
    }
  }

  /** A recording of an instrument that is not aggregated. */
  const putSample = (point: Point, kept: Kept): void => {
    const { sampleRate, series } = point
    const value = point.fieldValues[0]
    if (typeof value !== "number") {
      output.fault = noNumber
      return
    }
    if (!(sampleRate > 0 && sampleRate <= 1)) {
      output.fault = badRate
      return
    }
    const frame = kept.frame !== undefined && kept.rate === sampleRate ? kept.frame : ownFrame(kept, series, sampleRate)
    // Gauges have no rate that the server could scale steps by.
    if (series.kind === "counter" && frame.type === "g") return putDelta(frame, value / sampleRate)
    if (frame.type === "g") return putGauge(frame, value, stampOf(point, kept))
    if (timestamps === "all") output.fault = noStamp
    else if (frame.type === "ms" && value < 0) output.fault = negativeTime
    else if (series.kind === "distribution" && distributionAs === "none") output.fault = noSamples
    else if (packedValues) putPacked(frame, kept, value, series.kind === "timer")
    else putLine(frame, value, series.kind === "timer", undefined)
  }

  /** Joins the line before, if that is of the same series and has room. */
  const putPacked = (frame: Frame, kept: Kept, value: number, isTime: boolean): void => {
    const { tail } = frame
    const room = Bytes.maxNumberBytes + 1
    const most = Math.min(limit, packer.start + maxPacketBytes)
    // What is refused must not have touched the line before.
    const isFinite = Number.isFinite(isTime ? value * 1000 : value)
    if (joinable === kept && kept.joins === frame && isFinite && output.at + room <= most) {
      output.reserve(room + tail.length)
      output.at -= tail.length
      output.bytes[output.at++] = colon
      putValue(value, isTime)
      endLine(tail, undefined)
    } else putLine(frame, value, isTime, undefined)
    kept.joins = frame
    latest = kept
  }

  const putText = ({ head, tail }: Frame, text: string): void => {
    output.reserve(head.length + tail.length + text.length * 3)
    packer.line(output.at)
    output.put(head)
    output.at = Bytes.writeText(output.bytes, output.at, text)
    output.put(tail)
  }

  const putLong = (line: Line): void => {
    if (line.fault !== undefined) {
      output.fault = line.fault
      return
    }
    output.reserve(line.text.length * 3 + 1)
    packer.line(output.at)
    output.at = Bytes.writeText(output.bytes, output.at, line.text)
    output.bytes[output.at++] = lf
    isLong = true
  }

  const putPoint = (point: Point, kept: Kept): void => {
    if (isEvent(point) || isCheck(point)) {
      if (isEtsy) {
        output.fault = noEvents
        return
      }
      const around: Around = { tags: kept.atEnd, origin, word: names.word, message: names.message }
      putLong(isEvent(point) ? eventLine(point, around) : checkLine(point, kept.name, around))
      // The agent takes the second 0 for now.
      if (!(point.millis >= 1000)) output.fault ??= noTime
      return
    }
    const start = output.at
    const { fieldNames, fieldValues } = point
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      if (!putField(point, kept, fieldNames[i]!, fieldValues[i]!)) output.skipped++
    }
    if (output.at === start) output.fault ??= noFields
  }

  const putField = (point: Point, kept: Kept, name: string, value: FieldValue): boolean => {
    const isMember = name === "value" && typeof value === "string"
    const number = numberOf(value)
    if (!isMember && number === undefined) return false
    if (isMember) {
      const member = names.member(value)
      if (member.fault !== undefined) output.fault = invalid(member.fault)
      else if (timestamps === "all") output.fault = noStamp
      else putText(setFrame(kept), member.value)
      return true
    }
    const frame = name === "value" ? ownFrame(kept, point.series, 1) : fieldFrame(kept, name, "g")
    if (frame === undefined) return false
    putGauge(frame, number!, stampOf(point, kept))
    return true
  }

  const setFrame = (kept: Kept): Frame => {
    let frame = kept.fields?.get("s")
    if (frame === undefined) {
      const tail = Bytes.encodeKept(`|s${kept.atEnd}${origin}\n`)
      frame = { head: Bytes.encodeKept(`${kept.name}${kept.inName}:`), tail, type: "g", zero: undefined }
      kept.fields ??= new Map()
      kept.fields.set("s", frame)
    }
    return frame
  }

  const putLines = (measurement: Measurement): void => {
    const { series } = measurement
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    const kept = (series.encoded as Kept | undefined) ?? keep(series)
    if (kept.fault !== undefined) {
      output.fault = kept.fault
      return
    }
    switch (measurement._tag) {
      case "point":
        return series.kind === "point" ? putPoint(measurement, kept) : putSample(measurement, kept)
      case "distribution":
        return putDistribution(measurement, kept)
      default: {
        const frame = ownFrame(kept, series, 1)
        if (measurement._tag === "gauge") putGauge(frame, measurement.value, stampOf(measurement, kept))
        else if (frame.type === "g") putDelta(frame, measurement.value)
        else putLine(frame, measurement.value, false, stampOf(measurement, kept))
      }
    }
  }

  const put = (measurement: Measurement): void => {
    packer.begin(output.at)
    isLong = false
    joinable = latest
    latest = undefined
    putLines(measurement)
    const isWritten = output.fault === undefined && output.at <= limit
    if (isWritten && packer.end(output.at, maxPacketBytes, isLong ? maxEventBytes : maxPacketBytes)) return
    if (isWritten) output.fault = tooLarge
    // It is taken back, so there is no line to join.
    latest = undefined
  }

  const cover = (measurements: ReadonlyArray<Measurement>, maxBytes: number): Covered => {
    limit = maxBytes
    latest = undefined
    packer.reset()
    const covered = fill(output, measurements, maxBytes, { tooLarge }, put)
    packer.finish(covered.bytes)
    return covered
  }

  const linesOf = (
    covered: Covered,
    { lastPacketOf, packetOf }: Pick<Packets, "packetOf" | "lastPacketOf">
  ): Lines => ({
    ...covered,
    payload: { bytes: output.bytes.slice(0, covered.bytes), bounds: packer.bounds, packetOf, lastPacketOf }
  })

  /** Series by series, so that samples find the line of those before. */
  const packed = (measurements: ReadonlyArray<Measurement>, maxBytes: number): Lines | undefined => {
    const order = bySeries(measurements)
    const sorted = order.map((index) => measurements[index]!)
    const covered = cover(sorted, maxBytes)
    // What is left over must be the last of them as they were given.
    if (covered.taken < sorted.length) return undefined
    const refused = new Set(covered.refused.map(({ index }) => index))
    const placed = <A extends { readonly index: number }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
      all.map((one) => ({ ...one, index: order[one.index]! })).sort((a, b) => a.index - b.index)
    return linesOf(
      { ...covered, refused: placed(covered.refused), skipped: placed(covered.skipped) },
      inOrder(order, (position) => refused.has(position), packer)
    )
  }

  return (measurements, maxBytes) =>
    (packedValues ? packed(measurements, maxBytes) : undefined) ?? linesOf(cover(measurements, maxBytes), packer)
}

/** The indices of measurements, those of one series together. */
const bySeries = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<number> => {
  const groups = new Map<Series, Array<number>>()
  measurements.forEach(({ series }, index) => {
    const group = groups.get(series)
    if (group === undefined) groups.set(series, [index])
    else group.push(index)
  })
  return [...groups.values()].flat()
}
