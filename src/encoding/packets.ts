/**
 * Where packets begin and end among lines that are written one behind the other. Lines are never cut; those of one measurement
 * stay in one packet if they fit into one.
 */

/**
 * Lines in packets, as `make` writes them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Packets {
  /** Lines, each with a LF at its end. */
  readonly bytes: Uint8Array
  /** Where each packet begins and ends: two entries a packet. The LF at the end of a packet is left out. */
  readonly bounds: ReadonlyArray<number>
  /** For each measurement that is in there, the number of the packet with its first line. */
  readonly packetOf: ReadonlyArray<number>
  /** The number of the packet with its last line, where that is another. */
  readonly lastPacketOf: ReadonlyMap<number, number>
}

/** Hot state: `begin` for each measurement, `line` before each of its lines, `end` behind them. */
export class Packer {
  bounds: Array<number> = []
  packetOf: Array<number> = []
  lastPacketOf = new Map<number, number>()
  /** Where the packet began that lines go into. */
  start = 0
  private measurement = 0
  private lines: Array<number> = []
  private count = 0

  /** A new batch. */
  reset(): void {
    this.bounds = []
    this.packetOf = []
    this.lastPacketOf = new Map()
    this.start = 0
  }

  begin(at: number): void {
    this.measurement = at
    this.count = 0
  }

  line(at: number): void {
    this.lines[this.count++] = at
  }

  /** `false` if a line is longer than `most`: its measurement is in no packet. One alone in a packet may take `mostAlone`. */
  end(at: number, most: number, mostAlone: number): boolean {
    if (at - 1 - this.start > most) {
      this.next(this.measurement)
      if (at - 1 - this.measurement > mostAlone) return this.split(at, most)
    }
    this.packetOf.push(this.bounds.length >> 1)
    return true
  }

  finish(at: number): void {
    this.next(at)
  }

  private split(at: number, most: number): boolean {
    const first = this.bounds.length >> 1
    this.lines[this.count] = at
    for (let i = 0; i < this.count; i++) {
      const end = this.lines[i + 1]! - 1
      if (end - this.lines[i]! > most) {
        this.bounds.length = first * 2
        this.start = this.measurement
        return false
      }
      if (end - this.start > most) this.next(this.lines[i]!)
    }
    this.lastPacketOf.set(this.packetOf.length, this.bounds.length >> 1)
    this.packetOf.push(first)
    return true
  }

  private next(at: number): void {
    if (at > this.start) this.bounds.push(this.start, at - 1)
    this.start = at
  }
}

/** The packets of measurements that were encoded in another order, as those measurements stand in their own. */
export const inOrder = (
  order: ReadonlyArray<number>,
  isRefused: (position: number) => boolean,
  { lastPacketOf, packetOf }: Pick<Packets, "packetOf" | "lastPacketOf">
): Pick<Packets, "packetOf" | "lastPacketOf"> => {
  const first: Array<number | undefined> = []
  const last = new Map<number, number>()
  let written = 0
  for (let position = 0; position < order.length; position++) {
    if (isRefused(position)) continue
    first[order[position]!] = packetOf[written]
    const end = lastPacketOf.get(written++)
    if (end !== undefined) last.set(order[position]!, end)
  }
  const packets: Array<number> = []
  const lasts = new Map<number, number>()
  for (let index = 0; index < order.length; index++) {
    const packet = first[index]
    if (packet === undefined) continue
    const end = last.get(index)
    if (end !== undefined) lasts.set(packets.length, end)
    packets.push(packet)
  }
  return { packetOf: packets, lastPacketOf: lasts }
}
