/**
 * What a lane has to say to an operator: each thing once, and not without end. The shell logs it.
 */
export interface Notice {
  readonly level: "warning" | "debug"
  readonly message: string
}

const most = 100

export class Notices {
  private waiting: Array<Notice> = []
  private readonly said = new Set<string>()

  /** Whether it is new. */
  add(level: Notice["level"], about: string, message: () => string): boolean {
    if (this.said.size >= most || this.said.has(about)) return false
    this.said.add(about)
    this.waiting.push({ level, message: message() })
    return true
  }

  take(): ReadonlyArray<Notice> {
    if (this.waiting.length === 0) return this.waiting
    const taken = this.waiting
    this.waiting = []
    return taken
  }
}

/** Whether the nth time of something is said: the first, and each doubling. */
export const isDoubling = (n: number): boolean => (n & (n - 1)) === 0

/** Callers without types may give anything as a name. */
export const short = (given: unknown): string => {
  const name = String(given)
  return name.length > 64 ? `${name.slice(0, 64)}…` : name
}
