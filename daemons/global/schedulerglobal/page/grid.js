/**
 * The CPUs of a host as a grid: a column per core with its SMT siblings one under another, a box
 * per L3, a block per NUMA node. One canvas, drawn only while it is in sight.
 */

import { foreignCpus, levelsOf } from "./cluster.js";
import { h, say } from "./elements.js";
import { FREE, UNMANAGED, lookOf, paint, styled } from "./levels.js";
import { counted, levelName } from "./words.js";

/** Sides of a cell in pixels: for many hosts, on the cards of large and other hosts, on a page. */
export const SMALL = 4;
export const SMALLER = 9;
export const MEDIUM = 12;
export const LARGE = 15;

const NARROW = 560;
const CORES_IN_A_ROW = 16;
const LABEL = 18;

/** @typedef {[number, number, number, number]} Box x, y, width, height */

/** What the grid shows, in words. @param {ClusterHostReply} host */
function gridText(host) {
  const levels = levelsOf(host).map(([level, { owned }]) => `${owned} of level ${levelName(level)}`);
  const unmanaged = foreignCpus(host).size;
  const others = unmanaged ? [`${unmanaged} reserved for unmanaged VMs`] : [];
  const parts = [...levels, ...others, `${host.cpus_free} free`];
  return `${counted(host.cpus, "CPU")} of ${host.name}: ${parts.join(", ")}`;
}

export class Grid {
  /** @type {ClusterHostReply | null} */
  #host = null;
  /** @type {number[] | undefined} */
  #marked;
  #side;
  /** Side of a cell as it is drawn: smaller where there is little room. */
  #cell = 0;
  #inSight = false;
  #width = 0;
  /** @type {Map<number, [number, number]>} corner of each CPU's cell */
  #corners = new Map();
  /** @type {Box[]} */
  #boxes = [];
  /** @type {[string, number, number][]} text, x, y */
  #labels = [];
  #height = 0;

  /** @param {number} side @param {HTMLElement} [pointed] describes the CPU under the pointer */
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

  /** @param {ClusterHostReply} host @param {number[]} [marked] CPUs to highlight */
  show(host, marked, side = this.#side) {
    if (host === this.#host && side === this.#side && `${marked}` === `${this.#marked}`) return;
    this.#host = host;
    this.#marked = marked;
    this.#side = side;
    this.element.setAttribute("aria-label", gridText(host));
    this.#arrange();
  }

  /** @param {number} width */
  resized(width) {
    if (width === this.#width) return;
    this.#width = width;
    this.#arrange();
  }

  /** @param {boolean} inSight */
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
    const nodes = groups(this.#host.topology ?? []).map(([node, caches]) => {
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
    const host = this.#host;
    if (!host || !this.#inSight || !this.#height) return;
    const scale = Math.max(1, devicePixelRatio);
    this.element.width = Math.round(this.#width * scale);
    this.element.height = Math.round(this.#height * scale);
    const context = this.element.getContext("2d");
    if (!context) return;
    context.scale(scale, scale);
    context.fillStyle = styled("--box");
    for (const box of this.#boxes) context.fillRect(...box);
    context.fillStyle = styled("--muted");
    context.font = `11px ${styled("--font")}`;
    for (const label of this.#labels) context.fillText(...label);
    const marked = this.#marked && new Set(this.#marked);
    for (const [look, cpus] of owners(host)) {
      for (const pale of marked ? [true, false] : [false]) {
        const cells = cpus
          .filter((cpu) => !marked || marked.has(cpu) !== pale)
          .flatMap((cpu) => this.#cornersOf(cpu));
        context.globalAlpha = pale ? 0.25 : 1;
        paint(context, look, cells, this.#cell);
      }
    }
    context.globalAlpha = 1;
    if (marked) this.#outline(context, marked);
  }

  /** The corner of a CPU's cell, none where the topology lacks it. @param {number} cpu */
  #cornersOf(cpu) {
    const corner = this.#corners.get(cpu);
    return corner ? [corner] : [];
  }

  /** @param {CanvasRenderingContext2D} context @param {Set<number>} marked */
  #outline(context, marked) {
    context.strokeStyle = styled("--text");
    context.lineWidth = 1;
    for (const [cpu, [x, y]] of this.#corners) {
      if (marked.has(cpu)) context.strokeRect(x - 0.5, y - 0.5, this.#cell + 1, this.#cell + 1);
    }
  }

  /** What there is under the pointer. @param {PointerEvent} event */
  #at({ offsetX, offsetY }) {
    const side = this.#cell;
    for (const { cpu_id, core, l3, numa_node } of this.#host?.topology ?? []) {
      const [x, y] = this.#corners.get(cpu_id) ?? [Infinity, Infinity];
      if (offsetX >= x && offsetX < x + side && offsetY >= y && offsetY < y + side) {
        const owner = this.#host ? ownerOf(this.#host, cpu_id) : "";
        return `CPU ${cpu_id}: ${owner} (core ${core}, L3 ${l3}, NUMA node ${numa_node})`;
      }
    }
    return "";
  }
}

/** Who owns a CPU, in words. @param {ClusterHostReply} host @param {number} cpu */
export function ownerOf(host, cpu) {
  const level = levelsOf(host).find(([, vnode]) => vnode.cpu_list.includes(cpu));
  const names = level ? [`level ${levelName(level[0])}`] : [];
  if (foreignCpus(host).has(cpu)) names.push("reserved for unmanaged VMs");
  return names.join(", ") || "free";
}

/**
 * CPUs by how they look; a CPU that is owned and reserved at once comes last, as reserved.
 * @param {ClusterHostReply} host
 * @returns {[import("./levels.js").Look, number[]][]}
 */
function owners(host) {
  const unmanaged = foreignCpus(host);
  const vnodes = levelsOf(host);
  const taken = new Set([...unmanaged, ...vnodes.flatMap(([, vnode]) => vnode.cpu_list)]);
  const free = (host.topology ?? []).map((cpu) => cpu.cpu_id).filter((cpu) => !taken.has(cpu));
  return [
    [FREE, free],
    ...vnodes.map(([level, vnode]) => /** @type {[import("./levels.js").Look, number[]]} */ ([
      lookOf(level),
      vnode.cpu_list,
    ])),
    [UNMANAGED, [...unmanaged]],
  ];
}

/**
 * How many of `count` fit in a row of at most `most`, so that all rows are about as long.
 * @param {number} count @param {number} most
 */
const evenly = (count, most) => Math.ceil(count / Math.ceil(count / Math.max(1, most)));

/**
 * Places boxes in rows.
 * @param {{width: number, height: number}[]} boxes @param {number} room @param {number} gap
 */
function flow(boxes, room, gap) {
  const widest = Math.max(...boxes.map((box) => box.width)) + gap;
  const inARow = evenly(boxes.length, Math.floor((room + gap) / widest));
  /** @type {[number, number][]} */
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

/**
 * CPUs by NUMA node, then L3, then core.
 * @param {CPUReply[]} topology
 * @returns {[number, [number, number[][]][]][]}
 */
function groups(topology) {
  return [...groupedBy(topology, (cpu) => cpu.numa_node)].map(([node, inNode]) => [
    node,
    [...groupedBy(inNode, (cpu) => cpu.l3)].map(([cache, inCache]) => [
      cache,
      [...groupedBy(inCache, (cpu) => cpu.core).values()].map((threads) =>
        threads.map((cpu) => cpu.cpu_id),
      ),
    ]),
  ]);
}

/** @param {CPUReply[]} cpus @param {(cpu: CPUReply) => number} key */
function groupedBy(cpus, key) {
  /** @type {Map<number, CPUReply[]>} */
  const found = new Map();
  for (const cpu of cpus) found.set(key(cpu), [...(found.get(key(cpu)) ?? []), cpu]);
  return found;
}

/** @type {WeakMap<Element, Grid>} */
const grids = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    grids.get(target)?.resized(Math.floor(contentRect.width));
  }
});
const sights = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) grids.get(target)?.seen(isIntersecting);
  },
  { rootMargin: "200px" },
);
