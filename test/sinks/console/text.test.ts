import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { escape, padEnd, padStart, truncate, truncateStart, width, word } from "../../../src/sinks/console/text.js"

// All kinds of characters, many of them hostile.
const texts = fc.oneof(
  fc.fullUnicodeString(),
  fc.stringOf(
    fc.constantFrom("\x1b", "[", "2", "J", "\n", "\r", "\u202e", "\u200b", "\ud800", "表", "é", "e\u0301", "👍")
  )
)

const control = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe("console text", () => {
  it("writes control characters, direction marks and lone surrogates out", () => {
    assert.strictEqual(escape("a\x1b[31mb\nc\td\x07"), "a\\x1b[31mb\\nc\\td\\x07")
    assert.strictEqual(escape("abc\u202edef"), "abc\\u{202e}def")
    assert.strictEqual(escape("\ud800x\u2028"), "\\u{d800}x\\u{2028}")
  })

  it("leaves ordinary text of any language alone", () => {
    for (const text of ["http.requests", "größe", "表示", "👍🏽", "Москва", "naïve"]) {
      assert.strictEqual(escape(text), text)
    }
  })

  it("lets nothing through that could move a cursor, whatever it is given", () => {
    fc.assert(
      fc.property(texts, (text) => {
        assert.notMatch(escape(text), control)
        assert.notMatch(word(text), control)
      })
    )
  })

  it("gives different words for different texts", () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        fc.pre(a !== b)
        assert.notStrictEqual(word(a), word(b))
      })
    )
    assert.notStrictEqual(word("\n"), word("\\n"))
  })

  it("quotes what would break a line into other parts", () => {
    assert.strictEqual(word("plain-name.of_it:1/2"), "plain-name.of_it:1/2")
    assert.strictEqual(word("a b"), '"a b"')
    assert.strictEqual(word(""), '""')
    assert.strictEqual(word("x=1"), '"x=1"')
    assert.strictEqual(word("{a,b}"), '"{a,b}"')
    assert.strictEqual(word('say "hi\\"'), '"say \\"hi\\\\\\""')
  })

  it("measures in cells", () => {
    assert.strictEqual(width("abc"), 3)
    assert.strictEqual(width("größe"), 5)
    assert.strictEqual(width("e\u0301"), 1)
    assert.strictEqual(width("表示"), 4)
    assert.strictEqual(width("한국어"), 6)
    assert.strictEqual(width("ｆｕｌｌ"), 8)
    assert.strictEqual(width("👍"), 2)
    assert.strictEqual(width("❤\ufe0f"), 2)
    assert.strictEqual(width("▁▂█…"), 4)
  })

  it("cuts the beginning with an ellipsis and never beyond the width", () => {
    assert.strictEqual(truncateStart("abcdef", 6), "abcdef")
    assert.strictEqual(truncateStart("abcdef", 5), "…cdef")
    assert.strictEqual(truncateStart("表示表示", 6), "…表示")
    assert.strictEqual(truncateStart("abcdef", 1), "…")
    assert.strictEqual(truncateStart("abcdef", 0), "")
    fc.assert(
      fc.property(texts, fc.nat(30), (text, cells) => {
        const cut = truncateStart(escape(text), cells)
        assert.isAtMost(width(cut), cells)
        if (width(escape(text)) <= cells) assert.strictEqual(cut, escape(text))
      })
    )
  })

  it("cuts with an ellipsis and never beyond the width", () => {
    assert.strictEqual(truncate("abcdef", 6), "abcdef")
    assert.strictEqual(truncate("abcdef", 5), "abcd…")
    assert.strictEqual(truncate("表示表示", 6), "表示…")
    assert.strictEqual(truncate("abcdef", 1), "…")
    assert.strictEqual(truncate("abcdef", 0), "")
    fc.assert(
      fc.property(texts, fc.nat(30), (text, cells) => {
        const cut = truncate(escape(text), cells)
        assert.isAtMost(width(cut), cells)
        if (width(escape(text)) <= cells) assert.strictEqual(cut, escape(text))
      })
    )
  })

  it("pads to the width in cells", () => {
    assert.strictEqual(padEnd("表", 4) + "|", "表  |")
    assert.strictEqual(padStart("表", 4), "  表")
    assert.strictEqual(padEnd("abc", 2), "abc")
  })
})
