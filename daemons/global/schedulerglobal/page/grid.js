/**
 * The CPUs of a host as a grid: a column per core with its SMT siblings one under another, a box
 * per L3, a block per NUMA node. One canvas, drawn only while it is in sight.
 */

import { foreignCpus, levelsOf } from "./cluster.js";
import { h, say } from "./elements.js";
import { FOREIGN, FREE, lookOf, paint, styled } from "./levels.js";
import { counted, levelName } from "./words.js";

/** Sides of a cell in pixels: for many hosts, on the cards of large and other hosts, on a page. */
export const SMALL = 4;
export const SMALLER = 9;
export const MEDIUM = 12;
export const LARGE = 15;

const NARROW = 560;
const CORES_IN_A_ROW = 16;
const LABEL = 18;

/** What the grid shows, in words. @param {import("./cluster.js").Host} host */
function gridText(host) {
  const level = ([name, { owned }]) => `${owned} of level ${levelName(name)}`;
  const foreign = foreignCpus(host).size;
  const others = foreign ? [`${foreign} withheld`] : [];
  const parts = [...levelsOf(host).map(level), ...others, `${host.cpus_free} free`];
  return `${counted(host.cpus, "CPU")} of ${host.name}: ${parts.join(", ")}`;
}

export class Grid {
  /** @type {import("./cluster.js").Host | null} */
  #host = null;
  #marked = null;
  #side;
  /** Side of a cell as it is drawn: smaller where there is little room. */
  #cell = 0;
  #inSight = false;
  #width = 0;
  /** @type {Map<number, [number, number]>} corner of each CPU's cell */
  #corners = new Map();
  #boxes = [];
  #labels = [];
  #height = 0;

  /** @param {number} side @param {HTMLElement} [pointed] tells of the CPU under the pointer */
  constructor(side, pointed) {
    this.#side = side;
    this.element = h("canvas.grid", { role: "img" });
    this.element.addEventListener("repaint", () => this.#draw());
    if (pointed) {
      this.element.addEventListener("pointermove", (event) => say(pointed, this.#at(event)));
      this.element.addEventListener("pointerleave", () => say(pointed, ""));
    }
    sizes.observe(this.element);
    sights.observe(this.element);
    grids.set(this.element, this);
  }

  /** @param {import("./cluster.js").Host} host @param {number[]} [marked] CPUs to point out */
  show(host, marked, side = this.#side) {
    if (host === this.#host && side === this.#side && `${marked}` === `${this.#marked}`) return;
    this.#host = host;
    this.#marked = marked;
    this.#side = side;
    this.element.setAttribute("aria-label", gridText(host));
    this.#arrange();
  }

  resized(width) {
    if (width === this.#width) return;
    this.#width = width;
    this.#arrange();
  }

  seen(inSight) {
    this.#inSight = inSight;
    this.#draw();
  }

  /** Places every cell, box and label for the width that there is. */
  #arrange() {
    if (!this.#host || !this.#width) return;
    const side = this.#width < NARROW ? Math.min(this.#side, MEDIUM) : this.#side;
    this.#cell = side;
    const [gap, edge] = side > SMALL ? [2, 3] : [1, 1];
    const step = side + gap;
    const title = side > SMALL ? LABEL : 0;
    const head = side >= LARGE ? LABEL - 4 : 0;
    const room = Math.max(1, Math.floor((this.#width - 2 * edge) / step));
    this.#corners.clear();
    this.#boxes = [];
    this.#labels = [];
    const nodes = groups(this.#host.topology).map(([node, caches]) => {
      const boxes = caches.map(([cache, cores]) => {
        const across = evenly(cores.length, Math.min(CORES_IN_A_ROW, room));
        const high = Math.max(...cores.map((core) => core.length)) * step + edge;
        const height = Math.ceil(cores.length / across) * high + edge + head;
        return { cache, cores, across, high, width: across * step + 2 * edge - gap, height };
      });
      return { node, boxes, ...flow(boxes, this.#width, edge) };
    });
    const all = flow(nodes.map(({ width, height }) => ({ width, height: height + title })),
      this.#width, 2 * edge + gap);
    nodes.forEach(({ node, boxes, places }, index) => {
      const [left, top] = all.places[index];
      if (title) this.#labels.push([`NUMA node ${node}`, left, top + title - 6]);
      boxes.forEach(({ cache, cores, across, high, width, height }, which) => {
        const [x, y] = [left + places[which][0], top + title + places[which][1]];
        if (head) this.#labels.push([`L3 ${cache}`, x, y + head - 4]);
        this.#boxes.push([x, y + head, width, height - head]);
        cores.forEach((core, place) =>
          core.forEach((cpu, thread) => {
            const [row, column] = [Math.floor(place / across), place % across];
            const down = y + head + edge + row * high + thread * step;
            this.#corners.set(cpu, [x + edge + column * step, down]);
          }),
        );
      });
    });
    this.#height = all.height;
    this.element.style.height = `${this.#height}px`;
    this.#draw();
  }

  #draw() {
    if (!this.#inSight || !this.#height) return;
    const scale = Math.max(1, devicePixelRatio);
    this.element.width = Math.round(this.#width * scale);
    this.element.height = Math.round(this.#height * scale);
    const context = this.element.getContext("2d");
    context.scale(scale, scale);
    context.fillStyle = styled("--box");
    for (const box of this.#boxes) context.fillRect(...box);
    context.fillStyle = styled("--muted");
    context.font = `11px ${styled("--font")}`;
    for (const label of this.#labels) context.fillText(...label);
    const marked = this.#marked && new Set(this.#marked);
    for (const [look, cpus] of owners(this.#host)) {
      for (const pale of marked ? [true, false] : [false]) {
        const cells = cpus
          .filter((cpu) => !marked || marked.has(cpu) !== pale)
          .map((cpu) => this.#corners.get(cpu))
          .filter(Boolean);
        context.globalAlpha = pale ? 0.25 : 1;
        paint(context, look, cells, this.#cell);
      }
    }
    context.globalAlpha = 1;
    if (marked) this.#outline(context, marked);
  }

  #outline(context, marked) {
    context.strokeStyle = styled("--text");
    context.lineWidth = 1;
    for (const [cpu, [x, y]] of this.#corners) {
      if (marked.has(cpu)) context.strokeRect(x - 0.5, y - 0.5, this.#cell + 1, this.#cell + 1);
    }
  }

  #at({ offsetX, offsetY }) {
    const side = this.#cell;
    for (const [cpu, [x, y]] of this.#corners) {
      if (offsetX >= x && offsetX < x + side && offsetY >= y && offsetY < y + side) {
        const { core, l3, numa_node } = this.#host.topology.find((each) => each.cpu_id === cpu);
        const owner = ownerOf(this.#host, cpu);
        return `CPU ${cpu}: ${owner} (core ${core}, L3 ${l3}, NUMA node ${numa_node})`;
      }
    }
    return "";
  }
}

/** Whose a CPU is, in words. @param {import("./cluster.js").Host} host @param {number} cpu */
export function ownerOf(host, cpu) {
  const level = levelsOf(host).find(([, vnode]) => vnode.cpu_list.includes(cpu));
  const names = level ? [`level ${levelName(level[0])}`] : [];
  if (foreignCpus(host).has(cpu)) names.push("withheld");
  return names.join(", ") || "free";
}

/** CPUs by how they look; a CPU that is owned and withheld at once comes last, as withheld. */
function owners(host) {
  const foreign = foreignCpus(host);
  const levels = levelsOf(host).map(([level, vnode]) => [lookOf(level), vnode.cpu_list]);
  const taken = new Set([...foreign, ...levels.flatMap(([, cpus]) => cpus)]);
  const free = host.topology.map((cpu) => cpu.cpu_id).filter((cpu) => !taken.has(cpu));
  return [[FREE, free], ...levels, [FOREIGN, [...foreign]]];
}

/** How many of `count` stand in a row of at most `most`, so that all rows are about as long. */
const evenly = (count, most) => Math.ceil(count / Math.ceil(count / Math.max(1, most)));

/** Places boxes in rows. @param {{width: number, height: number}[]} boxes @param {number} room */
function flow(boxes, room, gap) {
  const widest = Math.max(...boxes.map((box) => box.width)) + gap;
  const inARow = evenly(boxes.length, Math.floor((room + gap) / widest));
  const places = [];
  let [y, tallest] = [0, 0];
  boxes.forEach((box, index) => {
    const column = index % inARow;
    if (index && !column) [y, tallest] = [y + tallest + gap, 0];
    places.push([column * widest, y]);
    tallest = Math.max(tallest, box.height);
  });
  return { places, width: inARow * widest - gap, height: y + tallest };
}

/** CPUs by NUMA node, then L3, then core. */
function groups(topology) {
  /** @type {Map<number, Map<number, Map<number, number[]>>>} */
  const nodes = new Map();
  const within = (map, key, nothing) => map.get(key) ?? map.set(key, nothing).get(key);
  for (const { cpu_id, core, l3, numa_node } of topology) {
    const cores = within(within(nodes, numa_node, new Map()), l3, new Map());
    within(cores, core, []).push(cpu_id);
  }
  return [...nodes].map(([node, caches]) => [
    node,
    [...caches].map(([cache, cores]) => [cache, [...cores.values()]]),
  ]);
}

/** @type {WeakMap<Element, Grid>} */
const grids = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    grids.get(target).resized(Math.floor(contentRect.width));
  }
});
const sights = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) grids.get(target).seen(isIntersecting);
  },
  { rootMargin: "200px" },
);
