/**
 * Where the console writes.
 */

/**
 * What `process.stdout` is, or as little as a function that takes text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Output {
  readonly write: (text: string) => unknown
  /** Whether it is a terminal. Default: it is not. */
  readonly isTTY?: boolean | undefined
  /** The terminal's size, asked for at each drawing. Default 80 by 24. */
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export const sizeOf = (output: Output): { readonly columns: number; readonly rows: number } => ({
  columns: output.columns !== undefined && output.columns > 0 ? output.columns : 80,
  rows: output.rows !== undefined && output.rows > 0 ? output.rows : 24
})

export type Environment = Readonly<Record<string, string | undefined>>

/** As Node itself decides: `FORCE_COLOR` over `NO_COLOR` over what the output is. */
export const isColored = (environment: Environment, isTerminal: boolean): boolean => {
  const forced = environment["FORCE_COLOR"]
  if (forced !== undefined) return forced !== "0" && forced !== "false"
  const refused = environment["NO_COLOR"]
  return (refused === undefined || refused === "") && isTerminal
}

/** The parts of a Node stream that matter here. */
interface Stream {
  readonly on: (event: string, listener: () => void) => unknown
  readonly once: (event: string, listener: () => void) => unknown
  readonly removeListener: (event: string, listener: () => void) => unknown
  readonly listenerCount: (event: string) => number
}

export const asStream = (output: object): Stream | undefined =>
  "on" in output && "once" in output && "removeListener" in output && "listenerCount" in output
    ? // Whoever has these is an event emitter.
      (output as Stream)
    : undefined

/** Any `write` there is: Node's has overloads that all begin with the chunk. */
export type Write = (this: unknown, ...args: ReadonlyArray<unknown>) => unknown

// A stream's `write` as those see it who replace it.
export interface Writable {
  write: Write
}

export const asWritable = (output: Output): Writable => output as unknown as Writable

const ignore = (): void => undefined

/**
 * Writes and says when it was done or why not. The error event of a stream whose reader has gone would end the process; a
 * console must not.
 */
export const write = (output: Output, through: Write, text: string, done: (error: unknown) => void): void => {
  const stream = asStream(output)
  if (stream === undefined) {
    try {
      through.call(output, text)
    } catch (error) {
      return done(error)
    }
    return done(undefined)
  }
  stream.once("error", ignore)
  try {
    through.call(output, text, (error: unknown) => {
      if (error instanceof Error && stream.listenerCount("error") === 0) stream.once("error", ignore)
      done(error ?? undefined)
    })
  } catch (error) {
    done(error)
  } finally {
    stream.removeListener("error", ignore)
  }
}
