import { width } from "../../../src/sinks/console/text.js"

/** As much of a terminal as the console uses: lines, cursor, erasing, wrapping and scrollback. Anything else throws. */
export class Terminal {
  readonly isTTY = true
  readonly scrollback: Array<string> = []
  /** Everything written, as it came. */
  readonly received: Array<string> = []
  private lines: Array<Array<string>> = [[]]
  private row = 0
  private column = 0
  constructor(
    public columns: number,
    public rows: number
  ) {}

  readonly write = (text: unknown): boolean => {
    if (typeof text !== "string") throw new Error("this terminal takes text only")
    this.received.push(text)
    // eslint-disable-next-line no-control-regex -- a terminal is made of them
    for (const [token] of text.matchAll(/\x1b\[[?0-9;]*[A-Za-z]|[^]/gu)) this.take(token)
    return true
  }

  /** What a person sees, without the empty lines at the end. */
  get screen(): ReadonlyArray<string> {
    const lines = this.lines.map((line) => line.join("").trimEnd())
    while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop()
    return lines
  }

  /** All lines that ever scrolled out, and the screen. */
  get history(): ReadonlyArray<string> {
    return [...this.scrollback, ...this.screen]
  }

  get cursor(): { readonly row: number; readonly column: number } {
    return { row: this.row, column: this.column }
  }

  private take(token: string): void {
    if (token === "\n") return this.newLine()
    if (token === "\r") {
      this.column = 0
      return
    }
    if (token.startsWith("\x1b")) return this.control(token)
    if (token < " ") throw new Error(`unexpected control character ${JSON.stringify(token)}`)
    const cells = width(token)
    if (cells === 0) return
    if (this.column + cells > this.columns) {
      this.newLine()
      this.column = 0
    }
    const line = this.line(this.row)
    while (line.length < this.column) line.push(" ")
    line[this.column] = token
    if (cells === 2) line[this.column + 1] = ""
    this.column += cells
  }

  private newLine(): void {
    this.column = 0
    if (this.row < this.rows - 1) {
      this.row++
      this.line(this.row)
    } else {
      this.scrollback.push((this.lines.shift() ?? []).join("").trimEnd())
      this.line(this.row)
    }
  }

  private line(row: number): Array<string> {
    while (this.lines.length <= row) this.lines.push([])
    return this.lines[row]!
  }

  private control(token: string): void {
    const count = Number(/\d+/.exec(token)?.[0] ?? 1)
    if (/\[\?2026[hl]$/.test(token) || token.endsWith("m")) return
    if (/\[\d*A$/.test(token)) this.row = Math.max(0, this.row - count)
    else if (token.endsWith("[K")) this.line(this.row).length = Math.min(this.line(this.row).length, this.column)
    else if (token.endsWith("[2K")) this.line(this.row).length = 0
    else if (token.endsWith("[J")) {
      this.line(this.row).length = Math.min(this.line(this.row).length, this.column)
      this.lines.length = this.row + 1
    } else throw new Error(`unexpected control sequence ${JSON.stringify(token)}`)
  }
}
