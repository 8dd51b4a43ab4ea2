/**
 * What was seen since the page was opened: for each series a ring of numbers, one a tick, and the same ticks for all. Bounded:
 * `depth` ticks, and fewer for series beyond the first `deepSeries`.
 */

/** Ticks kept: ten minutes, at one a second. */
export const depth = 600

const deepSeries = 5000
const shallowDepth = 60

/** Over a longer time no increase a second is told. In a tab that is not seen, browsers let a minute pass between ticks. */
const gapMillis = 90_000

/** Ticks over which the rate that is shown is taken. */
const rateTicks = 5

/** When each tick was. */
export class Timeline {
  constructor() {
    this.times = new Float64Array(depth)
    /** How many ticks there have been; the last one's number is one less. */
    this.ticks = 0
  }

  /**
   * @param {number} millis
   * @returns {boolean} whether it is later than the last one, and so was taken
   */
  add(millis) {
    if (this.ticks > 0 && millis <= this.at(this.ticks - 1)) return false
    this.times[this.ticks % depth] = millis
    this.ticks++
    return true
  }

  /** @param {number} tick one of the last `depth` */
  at(tick) {
    return this.times[tick % depth] ?? NaN
  }

  /** Milliseconds between the last tick and the one before; NaN where there is none, or where it is too long ago. */
  step() {
    const step = this.ticks < 2 ? NaN : this.at(this.ticks - 1) - this.at(this.ticks - 2)
    return step <= gapMillis ? step : NaN
  }

  /**
   * The first tick of the last `millis`.
   *
   * @param {number} millis
   */
  since(millis) {
    const oldest = Math.max(0, this.ticks - depth)
    if (this.ticks === 0) return 0
    const from = this.at(this.ticks - 1) - millis
    let low = oldest
    let high = this.ticks - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.at(middle) < from) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The numbers of one series. Where a tick has none, it is NaN. */
export class Track {
  /**
   * @param {Timeline} timeline
   * @param {boolean} increases whether increases a second are kept, or values
   * @param {number} [room]
   */
  constructor(timeline, increases, room = depth) {
    this.timeline = timeline
    this.increases = increases
    this.room = room
    this.numbers = new Float64Array(Math.min(room, 16)).fill(NaN)
    /** The first tick that is kept, and the one after the last. */
    this.first = timeline.ticks
    this.end = timeline.ticks
    this.value = NaN
    this.count = 0
    this.recent = new Float64Array(rateTicks).fill(NaN)
  }

  /**
   * Of the timeline's last tick.
   *
   * @param {number} value
   * @param {number} count how many processes it is of: where that changes, there is no saying what the increase was
   */
  add(value, count) {
    const tick = this.timeline.ticks - 1
    const seconds = this.end === tick ? this.timeline.step() / 1000 : NaN
    const increase = count === this.count ? (value - this.value) / seconds : NaN
    // What has become less was started anew.
    const rate = this.increases && increase < 0 ? NaN : increase
    this.value = value
    this.count = count
    this.recent[tick % rateTicks] = rate
    this.put(tick, this.increases ? rate : value)
  }

  /**
   * @param {number} tick
   * @param {number} number
   */
  put(tick, number) {
    if (tick - this.first >= this.numbers.length && this.numbers.length < this.room) this.grow()
    for (let missed = Math.max(this.end, tick - this.room + 1); missed < tick; missed++) {
      this.numbers[missed % this.numbers.length] = NaN
      this.recent[missed % rateTicks] = NaN
    }
    this.numbers[tick % this.numbers.length] = number
    this.end = tick + 1
    this.first = Math.max(this.first, this.end - this.numbers.length)
  }

  grow() {
    const larger = new Float64Array(Math.min(this.room, this.numbers.length * 4)).fill(NaN)
    for (let tick = this.first; tick < this.end; tick++) larger[tick % larger.length] = this.at(tick)
    this.numbers = larger
  }

  /** @param {number} tick */
  at(tick) {
    return tick < this.first || tick >= this.end ? NaN : (this.numbers[tick % this.numbers.length] ?? NaN)
  }

  /** The increase a second over the last few ticks; NaN where it is not known. */
  rate() {
    if (this.end < this.timeline.ticks) return NaN
    let sum = 0
    let known = 0
    for (const rate of this.recent) {
      if (Number.isNaN(rate)) continue
      sum += rate
      known++
    }
    return known === 0 ? NaN : sum / known
  }
}

/** Names compare as people read them: `p9` before `p10`. */
const collator = new Intl.Collator("en", { numeric: true })

/**
 * A series as the page knows it.
 *
 * @typedef {object} Entry
 * @property {import("./api.js").Series} series as it was last told
 * @property {Track} track
 * @property {string} sought what a search looks through
 * @property {number} order where it stands among all by name
 * @property {number} seen the last tick that had it
 */

/** All series there are, by key. */
export class Store {
  constructor() {
    this.timeline = new Timeline()
    /** @type {Map<string, Entry>} */
    this.entries = new Map()
    /** Those of the last tick, by name. @type {ReadonlyArray<Entry>} */
    this.current = []
    /** Changes when `current` holds others than before. */
    this.generation = 0
  }

  /**
   * @param {import("./api.js").Snapshot} snapshot
   * @returns {boolean} whether anything was new
   */
  add(snapshot) {
    if (!this.timeline.add(snapshot.millis)) return false
    const tick = this.timeline.ticks - 1
    let changed = snapshot.series.length !== this.current.length
    /** @type {Array<Entry>} */
    const current = []
    for (const series of snapshot.series) {
      const entry = this.entries.get(series.key) ?? this.create(series)
      // Told twice, it would be counted twice.
      if (entry.seen === tick) continue
      if (entry.seen !== tick - 1) changed = true
      entry.series = series
      entry.seen = tick
      entry.track.add(series.value ?? NaN, series.count)
      current.push(entry)
    }
    if (changed) {
      // A name alone stands before those that begin as it does, whatever tags it has.
      current.sort(
        (a, b) => collator.compare(a.series.name, b.series.name) || collator.compare(a.series.key, b.series.key)
      )
      current.forEach((entry, index) => (entry.order = index))
      this.current = current
      this.generation++
    }
    if (this.entries.size > this.current.length) this.forget(tick - depth)
    return true
  }

  /** Nothing was heard for a while: what comes next does not follow what was last. */
  interrupt() {
    if (this.timeline.ticks > 0) this.timeline.add(this.timeline.at(this.timeline.ticks - 1) + 1)
  }

  /** @param {import("./api.js").Series} series */
  create(series) {
    const room = this.entries.size < deepSeries ? depth : shallowDepth
    /** @type {Entry} */
    const entry = {
      series,
      track: new Track(this.timeline, series.kind === "counter", room),
      sought: series.key.toLowerCase(),
      order: 0,
      seen: -1
    }
    this.entries.set(series.key, entry)
    return entry
  }

  /**
   * Those that have not been seen since a tick, of which nothing is left to show.
   *
   * @param {number} before
   */
  forget(before) {
    for (const [key, entry] of this.entries) if (entry.seen < before) this.entries.delete(key)
  }
}
