/** Making and keeping elements. Text goes in as text: nothing here ever parses HTML. */

/**
 * The class of the element that a selector makes: of `p.facts`, a paragraph's.
 * @template {string} Selector
 * @typedef {Selector extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Selector]
 *   : Selector extends `${infer Tag extends keyof HTMLElementTagNameMap}.${string}`
 *     ? HTMLElementTagNameMap[Tag] : HTMLElement} ElementOf
 */

/**
 * Makes an element, from children and from properties or attributes.
 * @template {string} Selector
 * @param {Selector} selector its tag and classes, `p.facts`
 * @param {...(Node | string | Record<string, unknown>)} parts
 * @returns {ElementOf<Selector>}
 */
export function h(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const part of parts) {
    if (typeof part === "string" || part instanceof Node) {
      element.append(part);
      continue;
    }
    for (const [name, value] of Object.entries(part)) {
      if (name in element) Object.assign(element, { [name]: value });
      else element.setAttribute(name, `${value}`);
    }
  }
  return /** @type {ElementOf<Selector>} */ (element);
}

/**
 * The element of the page with this id.
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind its class
 */
export function elementOf(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new TypeError(`#${id} is not an ${kind.name}`);
  return element;
}

/** @param {string} id */
export const byId = (id) => elementOf(id, HTMLElement);

/**
 * The field of a form with this name.
 * @template {HTMLElement} Kind
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {new () => Kind} kind its class
 */
export function fieldOf(form, name, kind) {
  const field = form.elements.namedItem(name);
  if (!(field instanceof kind)) throw new TypeError(`${name} is not an ${kind.name}`);
  return field;
}

/** Changes the text of an element that has another. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A link to a view of this page. @param {"hosts" | "vms"} view @param {string} name */
export const linkTo = (view, name) =>
  h("a", name, { href: `#/${view}/${encodeURIComponent(name)}` });

/** A bar; the text beside it says what it shows. */
export class Bar {
  #filled = h("span");
  element = h("span.bar", this.#filled, { ariaHidden: "true" });

  /** @param {number} share 0 to 1; NaN shows an empty bar */
  fill(share) {
    this.#filled.style.width = `${100 * Math.min(Math.max(share || 0, 0), 1)}%`;
  }
}

/**
 * The children of an element, one part per item and the same part for the same key, so that focus
 * and selection stay. A part has an `element` and may have an `update(item)`.
 * @template Item
 */
export class Listing {
  /** @typedef {{element: HTMLElement, update?: (item: Item) => void}} Part */
  /** @type {Map<unknown, Part>} */
  #parts = new Map();
  #parent;
  #keyOf;
  #make;

  /**
   * @param {Element} parent
   * @param {(item: Item) => unknown} keyOf
   * @param {(item: Item) => Part} make
   */
  constructor(parent, keyOf, make) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** @param {Item[]} items in the order in which they are shown */
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
    if (focused === document.activeElement || !(focused instanceof HTMLElement)) return;
    focused.focus({ preventScroll: true });
  }
}

/**
 * A table in a box that scrolls where it is too wide; without rows it is hidden. On a phone each row
 * is a list of heads and cells.
 * @template Item
 */
export class Table {
  #caption = h("caption");
  #body = h("tbody");
  /** @type {Listing<Item>} */
  #rows;
  /** @type {Map<string, HTMLTableCellElement>} */
  #titles = new Map();
  /** What the rows are sorted by: a head, with a `-` before it where the largest is first. */
  sort = "";

  /**
   * @param {string} caption
   * @param {string[]} heads with a `#` before those of columns of numbers
   * @param {(item: Item) => unknown} keyOf
   * @param {(item: Item) => (Node | null)[]} cells of a new row that hold an element
   * @param {(item: Item, row: Element) => string[]} texts of all other cells
   * @param {Record<string, (item: Item) => string | number>} sorts what rows can be sorted by, by head
   * @param {() => void} onsort draws again after `sort` has changed
   */
  constructor(caption, heads, keyOf, cells, texts, sorts = {}, onsort = () => {}) {
    this.sorts = sorts;
    const kinds = heads.map((head) => ({ className: head.startsWith("#") ? "number" : "" }));
    const names = heads.map((head) => head.replace("#", ""));
    const titles = names.map((name, at) => {
      const onclick = () => (this.#turn(name), onsort());
      const title = name in sorts ? h("button.sort", name, { type: "button", onclick }) : name;
      const element = h("th", title, { scope: "col" }, kinds[at]);
      this.#titles.set(name, element);
      return element;
    });
    const table = h("table", this.#caption, h("thead", h("tr", ...titles)), this.#body);
    const box = { role: "region", ariaLabel: caption, tabIndex: 0 };
    this.element = h("div.scroll.panel", table, box);
    say(this.#caption, caption);
    this.#rows = new Listing(this.#body, keyOf, (first) => {
      const places = kinds.map((kind, at) => h("td", kind, { "data-head": names[at] }));
      cells(first).forEach((node, at) => node && places[at].append(node));
      const free = places.filter((place) => !place.firstChild);
      const element = h("tr", ...places);
      /** @param {Item} item */
      const update = (item) => {
        const written = texts(item, element);
        for (const place of free) say(place, written[places.indexOf(place)]);
      };
      return { element, update };
    });
  }

  /** Sorts by a head; by the one it is sorted by, the other way round. @param {string} name */
  #turn(name) {
    this.sort = this.sort === name ? `-${name}` : name;
  }

  /** The items in the order of `sort`. @param {Item[]} items */
  sorted(items) {
    const isDown = this.sort.startsWith("-");
    const name = this.sort.replace(/^-/, "");
    for (const [head, title] of this.#titles) {
      title.ariaSort = head !== name ? null : isDown ? "descending" : "ascending";
    }
    const valueOf = this.sorts[name];
    if (!valueOf) return items;
    const sign = isDown ? -1 : 1;
    return [...items].sort((one, other) => sign * compared(valueOf(one), valueOf(other)));
  }

  /** @param {Item[]} items @param {string} [caption] */
  show(items, caption) {
    if (caption) say(this.#caption, caption);
    this.element.hidden = items.length === 0;
    this.#rows.show(items);
  }
}

/** @param {string | number} one @param {string | number} other */
function compared(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other || 0;
  return `${one}`.localeCompare(`${other}`, "en", { numeric: true });
}
