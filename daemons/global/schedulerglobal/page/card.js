/** A host in short: its badges, grid, levels, memory and VMs. */

import { hostBadges } from "./badges.js";
import { foreignCpus, idealRatio, levelsOf, ratio } from "./cluster.js";
import { Listing, bar, fill, h, linkTo, say } from "./elements.js";
import { Grid, MEDIUM, SMALL, SMALLER } from "./grid.js";
import { FOREIGN, FREE, lookOf, swatch } from "./levels.js";
import { ago, answered, counted, gibOf, levelName, number, ratioText } from "./words.js";

/** @typedef {import("./cluster.js").Host} Host */

const MANY_CPUS = 128;
const VMS_ON_A_CARD = 6;

/** The legend of a grid: per level, then what is withheld and free. */
export class Legend {
  element = h("ul.legend");
  #lines = new Listing(this.element, ({ name }) => name, ({ look }) => {
    const [short, more] = [h("span"), h("span.more")];
    const update = (line) => (say(short, line.short), say(more, line.more ?? ""));
    return { element: h("li", swatch(look), h("span", short, more)), update };
  });

  /** @param {Host} host */
  update(host) {
    const lines = levelsOf(host).map(([level, { owned, allocation }]) => ({
      name: level,
      look: lookOf(level),
      short: `${levelName(level)} ${counted(owned, "CPU")}`,
      more: ` for ${counted(allocation, "vCPU")}`,
    }));
    const foreign = foreignCpus(host).size;
    if (foreign) lines.push({ name: "withheld", look: FOREIGN, short: `${foreign} withheld` });
    this.#lines.show([...lines, { name: "free", look: FREE, short: `${host.cpus_free} free` }]);
  }
}

/** Memory, and memory per CPU (M/C) against the ideal, which stands in the middle of its scale. */
export class MemoryUse {
  #bar = bar();
  #memory = h("span");
  #dot = h("span");
  #ratio = h("span");
  #first = h("span.more");
  element = h(
    "div.memory",
    ...[h("p", "Memory", this.#memory), this.#bar],
    h("p", h("span", "M/C ratio", this.#first), this.#ratio),
    h("span.scale", this.#dot, { ariaHidden: "true" }),
  );

  /** @param {Host} host */
  update(host) {
    const taken = host.memory_mib - host.memory_free_mib;
    fill(this.#bar, taken / host.memory_mib);
    say(this.#memory, gibOf(taken, host.memory_mib));
    const [now, ideal] = [ratio(host), idealRatio(host)];
    const doublings = Math.log2(now / ideal);
    this.#dot.hidden = Number.isNaN(doublings);
    this.#dot.style.left = `${50 + 25 * Math.min(Math.max(doublings, -2), 2)}%`;
    const first = doublings > 0 ? ": memory runs out first" : ": CPUs run out first";
    say(this.#first, Math.abs(doublings) > 0.1 ? first : "");
    const used = Number.isNaN(now) ? "" : `${ratioText(now)}, `;
    say(this.#ratio, Number.isNaN(ideal) ? "unknown" : `${used}ideal ${ratioText(ideal)} GiB/CPU`);
  }
}

/** @param {Host} host @param {number | null} age seconds since it answered */
export function hostFacts(host, age, { isShort = false } = {}) {
  const free = `${host.cpus_free} of ${isShort ? host.cpus : counted(host.cpus, "CPU")} free`;
  const facts = host.cpus ? [free, counted(host.vms.length, "VM")] : ["nothing known of it yet"];
  if (host.pending.length) facts.push(`${host.pending.length} being deployed`);
  return [...facts, isShort && age !== null ? ago(age) : answered(age)].join(" · ");
}

/** What is wrong with a host. @param {Host} host */
export const reasonOf = (host) =>
  host.state === "overcommitted"
    ? "VMs of somebody else leave too little room: it takes no new VM."
    : host.reason;

export class Card {
  #host = null;
  #badges = h("span.badges");
  #facts = h("p.facts");
  #reason = h("p.reason");
  #grid = new Grid(MEDIUM);
  #legend = new Legend();
  #memory = new MemoryUse();
  #vms = h("span");
  #links = new Listing(this.#vms, (name) => name, (name) => ({ element: linkTo("vms", name) }));
  #more = h("span.facts");

  /** @param {Host} host @param {import("./hosts.js").HostsView} view */
  constructor(host, view) {
    this.view = view;
    this.element = h(
      "li.panel.card",
      h("header", h("h3", linkTo("hosts", host.name)), this.#badges),
      ...[this.#facts, this.#reason],
      ...[this.#grid, this.#legend, this.#memory].map((part) => part.element),
      h("p.names", this.#vms, this.#more),
    );
  }

  /** @param {Host} host */
  update(host) {
    const { cluster, isCompact } = this.view;
    say(this.#facts, hostFacts(host, cluster.age(host.name), { isShort: isCompact }));
    this.#grid.show(host, undefined, isCompact ? SMALL : host.cpus > MANY_CPUS ? SMALLER : MEDIUM);
    const names = isCompact ? [] : host.vms.slice(0, VMS_ON_A_CARD);
    this.#links.show(names);
    const left = host.vms.length - names.length;
    say(this.#more, names.length && left ? `and ${number(left)} more` : "");
    if (host === this.#host) return;
    this.#host = host;
    this.element.classList.toggle("blank", host.cpus === 0);
    this.#badges.replaceChildren(...hostBadges(host));
    say(this.#reason, reasonOf(host));
    this.#legend.update(host);
    this.#memory.update(host);
  }
}
