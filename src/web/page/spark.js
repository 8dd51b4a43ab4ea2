/**
 * The small line in each row.
 */

/** @typedef {import("./history.js").Track} Track */

/** Shown at most; fewer at first, so that there is something to see. */
const maxTicks = 120
const minTicks = 30

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Track} track
 * @param {number} width
 * @param {number} height in CSS pixels, both
 * @param {string} color
 */
export const drawSpark = (canvas, track, width, height, color) => {
  const ratio = window.devicePixelRatio
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext("2d")
  if (context === null) return
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const last = track.timeline.ticks - 1
  const ticks = Math.min(maxTicks, Math.max(minTicks, track.timeline.ticks))
  let low = Infinity
  let high = -Infinity
  for (let tick = last - ticks + 1; tick <= last; tick++) {
    const number = track.at(tick)
    if (number < low) low = number
    if (number > high) high = number
  }
  if (!(high - low < Infinity)) return
  // Zero is where rates begin, so a rate that trembles a little looks like one.
  const fromZero = track.increases || (low > 0 && low < high / 2)
  if (fromZero) low = Math.min(0, low)
  const span = (high - low) * (fromZero ? 1.2 : 1)
  const inset = 2
  const y = (/** @type {number} */ number) =>
    span === 0
      ? number === 0
        ? height - inset
        : height / 2
      : height - inset - ((number - low) / span) * (height - 2 * inset)
  const x = (/** @type {number} */ tick) => width - inset - ((last - tick) / (ticks - 1)) * (width - 2 * inset)
  context.beginPath()
  let drawing = false
  for (let tick = last - ticks + 1; tick <= last; tick++) {
    const number = track.at(tick)
    if (Number.isNaN(number)) drawing = false
    else if (drawing) context.lineTo(x(tick), y(number))
    else {
      context.moveTo(x(tick), y(number))
      drawing = true
    }
  }
  context.strokeStyle = color
  context.lineWidth = 1.5
  context.lineJoin = "round"
  context.lineCap = "round"
  context.stroke()
  const now = track.at(last)
  if (Number.isNaN(now)) return
  context.beginPath()
  context.arc(x(last), y(now), 1.75, 0, 2 * Math.PI)
  context.fillStyle = color
  context.fill()
}
