/**
 * The page's elements. Whatever comes from the service becomes text, never markup.
 */

/**
 * The element of an id.
 *
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @param {new () => E} [type]
 * @returns {E}
 */
export const byId = (id, type) => {
  const found = document.getElementById(id)
  if (found === null || !(found instanceof (type ?? HTMLElement))) throw new Error(`the page has no #${id}`)
  return /** @type {E} */ (found)
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [className]
 * @param {ReadonlyArray<Node | string>} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export const element = (name, className = "", children = []) => {
  const made = document.createElement(name)
  if (className !== "") made.className = className
  made.append(...children)
  return made
}

/**
 * Writes only what has changed: nothing is laid out anew for a number that stands still.
 *
 * @param {Node} node
 * @param {string} text
 */
export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value
 */
export const setAttribute = (node, name, value) => {
  if (value === null) node.removeAttribute(name)
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/**
 * @param {HTMLElement} node
 * @param {boolean} shown
 */
export const show = (node, shown) => {
  if (node.hidden === shown) node.hidden = !shown
}

/**
 * Buttons of which one is pressed.
 *
 * @template {string | number} Value
 * @param {HTMLElement} group
 * @param {ReadonlyArray<readonly [value: Value, label: string]>} choices
 * @param {Value} initial
 * @param {(value: Value) => void} choose
 */
export const segments = (group, choices, initial, choose) => {
  const buttons = choices.map(([value, label]) => {
    const button = element("button", "", [label])
    button.type = "button"
    button.addEventListener("click", () => {
      press(value)
      choose(value)
    })
    return /** @type {const} */ ([value, button])
  })
  const press = (/** @type {Value} */ pressed) => {
    for (const [value, button] of buttons) setAttribute(button, "aria-pressed", String(value === pressed))
  }
  press(initial)
  group.replaceChildren(...buttons.map(([, button]) => button))
  return press
}
