import { Hub, type GivenTags } from "../../src/recording/hub.js"
import { make, type Declaration, type Instrument } from "../../src/recording/instrument.js"
import type { LaneConfig } from "../../src/recording/config.js"
import { Lane } from "../../src/recording/lane.js"
import type { Kind, Measurement, Point } from "../../src/recording/measurement.js"
import type { CounterEntry, DistributionEntry, GaugeEntry, PointEntry } from "../../src/recording/entry.js"
import { buffered, imbalance, type Ledger } from "../../src/Ledger.js"

export interface TestLane extends Lane {
  readonly taken: Array<Point>
}

export const clock = { now: 1_000_000 }

export const laneOf = (config: Partial<LaneConfig> = {}): TestLane => {
  const lane = new Lane({
    name: "test",
    now: () => clock.now,
    random: () => 0.5,
    levels: null,
    view: null,
    viewPoint: null,
    prefix: "",
    tags: [],
    maxSeries: 100,
    expireAfterMillis: null,
    raw: new Set(),
    resendGauges: false,
    sampleRate: 1,
    unsampled: new Set(),
    overwrites: null,
    nanos: 0,
    ...config
  })
  const taken: Array<Point> = []
  lane.queue = {
    offer: (point) => {
      lane.account.recorded += point.weight
      taken.push(point)
    }
  }
  return Object.assign(lane, { taken })
}

export const hubOf = (...lanes: ReadonlyArray<Lane>): Hub => {
  const hub = new Hub(null, "open")
  for (const lane of lanes) hub.attach({}, lane)
  return hub
}

export const instrument = make

const entry = (hub: Hub, instrument: Instrument, tags: GivenTags | undefined): unknown =>
  hub.entry(instrument, hub.region([]), tags)

export const counter = (hub: Hub, name: string, tags?: GivenTags, declaration?: Declaration): CounterEntry =>
  entry(hub, make("counter", name, declaration), tags) as CounterEntry

export const gauge = (hub: Hub, name: string, tags?: GivenTags, declaration?: Declaration): GaugeEntry =>
  entry(hub, make("gauge", name, declaration), tags) as GaugeEntry

export const distribution = (
  hub: Hub,
  name: string,
  tags?: GivenTags,
  declaration?: Declaration,
  kind: Kind = "distribution"
): DistributionEntry => entry(hub, make(kind, name, declaration), tags) as DistributionEntry

export const point = (hub: Hub, name: string, tags?: GivenTags): PointEntry =>
  entry(hub, hub.pointInstrument(name, undefined), tags) as PointEntry

/** Everything that has gathered, sealed now. */
export const sealAll = (lane: Lane): ReadonlyArray<Measurement> => {
  lane.markDue()
  return lane.sealDue(Number.MAX_SAFE_INTEGER, clock.now)
}

/** The ledger of a lane, given what of it is sealed and unsettled. */
export const ledgerOf = (lane: TestLane, inFlight: ReadonlyArray<Measurement> = []): Ledger =>
  lane.account.snapshot(lane.gathered(), {
    queued: lane.taken.reduce((sum, { weight }) => sum + weight, 0),
    open: lane.gathered(),
    inFlight: inFlight.reduce((sum, { weight }) => sum + weight, 0)
  })

export const balanced = (ledger: Ledger): boolean => imbalance(ledger) === 0 && buffered(ledger) >= 0

export const text = (measurement: Measurement): string =>
  `${measurement.series.name}{${measurement.series.tags.map(([key, value]) => `${key}=${value}`).join()}}`

export const numbers = (measurements: ReadonlyArray<Measurement>): Record<string, number> =>
  Object.fromEntries(
    measurements.map((m) => [
      text(m),
      m._tag === "distribution" ? m.histogram.sum : m._tag === "point" ? Number(m.fieldValues[0]) : m.value
    ])
  )
