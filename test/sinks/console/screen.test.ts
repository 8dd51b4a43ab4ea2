import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { EventEmitter } from "node:events"
import { Writable } from "node:stream"
import * as Screen from "../../../src/sinks/console/screen.js"
import { asWritable, isColored, write } from "../../../src/sinks/console/output.js"
import { Terminal } from "./terminal.js"

/** The app's log: it finds `write` where everybody does. */
const log = (terminal: Terminal, text: string): void => {
  terminal.write(text)
}

/** Until the redraw that foreign text has asked for has been. */
const redrawn = (terminal: Terminal): Promise<void> =>
  new Promise((resolve) => {
    const before = terminal.received.length
    const look = () => (terminal.received.length > before ? resolve() : setImmediate(look))
    look()
  })

const block = (lines: number, mark: string): string =>
  Array.from({ length: lines }, (_, index) => `${mark}${index}`).join("\n")

describe("console screen", () => {
  it("replaces its block in place", () => {
    const terminal = new Terminal(40, 10)
    log(terminal, "$ npm start\n")
    const screen = Screen.make(terminal, [])
    screen.draw("a0\na1 long\na2")
    screen.draw("b0\nb1\nb2")
    assert.deepStrictEqual(terminal.screen, ["$ npm start", "b0", "b1", "b2"])
    screen.draw("c0")
    assert.deepStrictEqual(terminal.screen, ["$ npm start", "c0"])
    assert.deepStrictEqual(terminal.cursor, { row: 2, column: 0 })
    assert.deepStrictEqual(terminal.scrollback, [])
    screen.close()
  })

  it("draws each time in one write, without clearing what stands, so that nothing flickers", () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw(block(5, "a"))
    screen.draw(block(5, "b"))
    assert.lengthOf(terminal.received, 2)
    assert.notInclude(terminal.received[1], "[2K")
    assert.strictEqual(terminal.received[1]!.indexOf("\x1b[J") > terminal.received[1]!.indexOf("b4"), true)
    screen.close()
  })

  it("never hides the cursor", () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw(block(3, "a"))
    log(terminal, "line\n")
    screen.draw(block(3, "b"))
    screen.close()
    assert.notMatch(terminal.received.join(""), /\?25/)
  })

  it("lets foreign lines pass above it, and shows itself again below", async () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw("a0\na1")
    log(terminal, "first\n")
    log(terminal, "second\nthird\n")
    assert.deepStrictEqual(terminal.screen, ["first", "second", "third"])
    await redrawn(terminal)
    assert.deepStrictEqual(terminal.screen, ["first", "second", "third", "a0", "a1"])
    screen.draw("b0\nb1")
    assert.deepStrictEqual(terminal.screen, ["first", "second", "third", "b0", "b1"])
    screen.close()
  })

  it("leaves a line that is being written alone until the next drawing, then breaks it", () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw("a0")
    log(terminal, "name? ")
    screen.draw("b0")
    assert.deepStrictEqual(terminal.screen, ["name?"])
    log(terminal, "Ada\n")
    screen.draw("c0")
    assert.deepStrictEqual(terminal.screen, ["name? Ada", "c0"])
    log(terminal, "forever unfinished")
    screen.draw("d0")
    screen.draw("e0")
    assert.deepStrictEqual(terminal.screen, ["name? Ada", "forever unfinished", "e0"])
    screen.close()
  })

  it("knows the end of a line in bytes, and behind a colour that is switched off", () => {
    const written: Array<unknown> = []
    const output = { isTTY: true, columns: 40, rows: 10, write: (text: unknown) => written.push(text) }
    const screen = Screen.make(output, [])
    screen.draw("a0")
    const bytes = new TextEncoder().encode("bytes\n")
    output.write(bytes)
    screen.draw("b0")
    output.write("\x1b[31mred\n\x1b[0m")
    screen.draw("c0")
    assert.include(written, bytes)
    assert.match(String(written.at(-1)), /c0/)
    screen.close()
  })

  it("eats no line of anybody and leaves no old block behind, whatever is written when", () => {
    const action = fc.oneof(
      fc.record({ draw: fc.integer({ min: 1, max: 7 }) }),
      fc.record({
        log: fc.array(fc.stringOf(fc.constantFrom("a", "b", " ", "表"), { maxLength: 50 }), { maxLength: 3 })
      })
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const terminal = new Terminal(20, 8)
        const alone = new Terminal(20, 8)
        const screen = Screen.make(terminal, [])
        let drawn = 0
        for (const given of [...actions, { draw: 2 }]) {
          if ("draw" in given) {
            screen.draw(block(given.draw, `#${++drawn}.`))
            continue
          }
          for (const line of given.log) {
            log(terminal, `${line}|\n`)
            log(alone, `${line}|\n`)
          }
        }
        screen.close()
        assert.deepStrictEqual(terminal.history, [...alone.history, `#${drawn}.0`, `#${drawn}.1`])
      })
    )
  })

  it("finds its beginning again when a narrower terminal has wrapped it", () => {
    const terminal = new Terminal(40, 12)
    const screen = Screen.make(terminal, [])
    log(terminal, "log\n")
    screen.draw(`${"x".repeat(30)}\n${"表".repeat(10)}`)
    // What the terminal does: 30 cells become two lines of 20, the others fit exactly.
    const wrapped = new Terminal(20, 12)
    wrapped.write(`log\n${"x".repeat(30)}\n${"表".repeat(10)}\n`)
    const before = terminal.received.length
    terminal.columns = 20
    screen.draw("y0\ny1")
    for (const text of terminal.received.slice(before)) wrapped.write(text)
    assert.deepStrictEqual(wrapped.screen, ["log", "y0", "y1"])
    screen.close()
  })

  it("gives the streams back as it found them, and its last state stays", () => {
    const terminal = new Terminal(40, 10)
    const errors = new Terminal(40, 10)
    const own = terminal.write
    const errorsOwn = errors.write
    const screen = Screen.make(terminal, [errors])
    assert.isTrue(Screen.isTaken(terminal))
    assert.notStrictEqual(terminal.write, own)
    screen.draw("a0")
    screen.close()
    screen.close()
    assert.strictEqual(terminal.write, own)
    assert.strictEqual(errors.write, errorsOwn)
    assert.isFalse(Screen.isTaken(terminal))
    log(terminal, "after\n")
    assert.deepStrictEqual(terminal.screen, ["a0", "after"])
  })

  it("gives back a write that the stream has inherited", () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    const screen = Screen.make(stream, [])
    assert.isTrue(Object.hasOwn(stream, "write"))
    screen.close()
    assert.isFalse(Object.hasOwn(stream, "write"))
  })

  it("only passes on if someone has wrapped the stream meanwhile", () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw("a0")
    const ours = asWritable(terminal).write
    const theirs = (text: unknown) => ours.call(terminal, text)
    asWritable(terminal).write = theirs
    screen.close()
    assert.strictEqual(asWritable(terminal).write, theirs)
    const before = terminal.received.length
    log(terminal, "after\n")
    assert.deepStrictEqual(terminal.received.slice(before), ["after\n"])
  })

  it("shows again at the end what foreign text had cleared", () => {
    const terminal = new Terminal(40, 10)
    const screen = Screen.make(terminal, [])
    screen.draw("a0")
    log(terminal, "unfinished")
    screen.close()
    assert.deepStrictEqual(terminal.screen, ["unfinished", "a0"])
  })

  it("clears for standard error too", () => {
    const terminal = new Terminal(40, 10)
    // Two streams, one terminal.
    const errors = { write: terminal.write }
    const screen = Screen.make(terminal, [errors])
    screen.draw("a0")
    errors.write("oops\n")
    screen.draw("b0")
    assert.deepStrictEqual(terminal.screen, ["oops", "b0"])
    screen.close()
  })
})

describe("console output", () => {
  it("says when a stream has written", async () => {
    const received: Array<string> = []
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        received.push(String(chunk))
        setImmediate(done)
      }
    })
    const error = await new Promise((resolve) => write(stream, asWritable(stream).write, "text", resolve))
    assert.isUndefined(error)
    assert.deepStrictEqual(received, ["text"])
  })

  it("survives a stream whose reader has gone, and says so", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => setImmediate(done, new Error("EPIPE")) })
    const closed = new Promise((resolve) => stream.once("close", resolve))
    const error = await new Promise((resolve) => write(stream, asWritable(stream).write, "text", resolve))
    assert.instanceOf(error, Error)
    // Its error event has come by then: without a listener it would have ended the process.
    await closed
    assert.strictEqual(stream.listenerCount("error"), 0)
    const again = await new Promise((resolve) => write(stream, asWritable(stream).write, "text", resolve))
    assert.instanceOf(again, Error)
  })

  it("survives what throws", () => {
    const results: Array<unknown> = []
    const failing = {
      write: () => {
        throw new Error("gone")
      }
    }
    write(failing, failing.write, "text", (error) => results.push(error))
    const emitter = Object.assign(new EventEmitter(), failing)
    write(emitter, failing.write, "text", (error) => results.push(error))
    assert.deepStrictEqual(results.map(String), ["Error: gone", "Error: gone"])
    assert.strictEqual(emitter.listenerCount("error"), 0)
  })
})

describe("console colours", () => {
  it("are for terminals, unless NO_COLOR or FORCE_COLOR say otherwise", () => {
    assert.isTrue(isColored({}, true))
    assert.isFalse(isColored({}, false))
    assert.isFalse(isColored({ NO_COLOR: "1" }, true))
    assert.isTrue(isColored({ NO_COLOR: "" }, true))
    assert.isTrue(isColored({ FORCE_COLOR: "" }, false))
    assert.isTrue(isColored({ FORCE_COLOR: "1", NO_COLOR: "1" }, false))
    assert.isFalse(isColored({ FORCE_COLOR: "0" }, true))
    assert.isFalse(isColored({ FORCE_COLOR: "false" }, true))
  })
})
