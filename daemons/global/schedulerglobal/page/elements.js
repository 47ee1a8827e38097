/** Making and keeping elements. Text goes in as text: nothing here ever parses HTML. */

/**
 * Makes an element, from children and from properties or attributes.
 * @param {string} selector its tag and classes, `p.facts`
 * @param {...(Node | string | Record<string, unknown>)} parts
 */
export function h(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const part of parts) {
    if (typeof part === "string" || part instanceof Node) element.append(part);
    else for (const [name, value] of Object.entries(part)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
  }
  return element;
}

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/** Changes the text of an element, and leaves it alone where it says so already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A link to a view of this page. @param {"hosts" | "vms"} view @param {string} name */
export const linkTo = (view, name) =>
  h("a", name, { href: `#/${view}/${encodeURIComponent(name)}` });

/** A bar; the text beside it tells what it shows. */
export const bar = () => h("span.bar", h("span"), { ariaHidden: "true" });

/** @param {Element} bar @param {number} share 0 to 1 */
export function fill(bar, share) {
  bar.firstChild.style.width = `${100 * Math.min(Math.max(share || 0, 0), 1)}%`;
}

/**
 * The children of an element, one part per item and the same part for the same key, so that focus
 * and selection stay. A part has an `element` and may have an `update(item)`.
 */
export class Listing {
  #parts = new Map();
  #parent;
  #keyOf;
  #make;

  constructor(parent, keyOf, make) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** @param {unknown[]} items in the order in which they shall stand */
  show(items) {
    const before = this.#parts;
    const focused = document.activeElement;
    this.#parts = new Map();
    for (const item of items) {
      const key = this.#keyOf(item);
      const part = before.get(key) ?? this.#make(item);
      before.delete(key);
      part.update?.(item);
      this.#parts.set(key, part);
    }
    for (const part of before.values()) part.element.remove();
    let next = this.#parent.firstElementChild;
    for (const { element } of this.#parts.values()) {
      if (element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(element, next);
    }
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
  }
}

/** A table in a box that scrolls where it is too wide; without rows it is hidden. */
export class Table {
  #caption = h("caption");
  #body = h("tbody");
  #rows;

  /**
   * @param {string} caption
   * @param {string[]} heads with a `#` before those of columns of numbers
   * @param {(item) => unknown} keyOf
   * @param {(item) => (Node | null)[]} cells of a new row that hold an element
   * @param {(item, row: Element) => string[]} texts what all other cells tell
   */
  constructor(caption, heads, keyOf, cells, texts) {
    const kinds = heads.map((head) => ({ className: head.startsWith("#") ? "number" : "" }));
    const names = heads.map((head) => head.replace("#", ""));
    const titles = names.map((name, at) => h("th", name, { scope: "col" }, kinds[at]));
    const table = h("table", this.#caption, h("thead", h("tr", ...titles)), this.#body);
    const box = { role: "region", ariaLabel: caption, tabIndex: 0 };
    this.element = h("div.scroll.panel", table, box);
    say(this.#caption, caption);
    this.#rows = new Listing(this.#body, keyOf, (item) => {
      const places = kinds.map((kind) => h("td", kind));
      cells(item).forEach((node, at) => node && places[at].append(node));
      const free = places.filter((place) => !place.firstChild);
      const element = h("tr", ...places);
      const update = (now) => {
        const said = texts(now, element);
        for (const place of free) say(place, said[places.indexOf(place)]);
      };
      return { element, update };
    });
  }

  show(items, caption) {
    if (caption) say(this.#caption, caption);
    this.element.hidden = items.length === 0;
    this.#rows.show(items);
  }
}
