/** A host in short: its badges, labels, grid, levels, memory and VMs. */

import { hostBadges, labelTags } from "./badges.js";
import { foreignCpus, idealRatio, levelsOf, ratio } from "./cluster.js";
import { Bar, Listing, h, linkTo, say } from "./elements.js";
import { Grid, MEDIUM, SMALL, SMALLER } from "./grid.js";
import { FREE, UNMANAGED, lookOf, swatch } from "./levels.js";
import { ago, answered, counted, gibOf, levelName, number, ratioText } from "./words.js";

const MANY_CPUS = 128;
const VMS_ON_A_CARD = 6;

/** @typedef {{name: number | string, look: import("./levels.js").Look, short: string, more: string}} Line */

/** The legend of a grid: per level, then what is reserved and free. */
export class Legend {
  element = h("ul.legend");
  /** @type {Listing<Line>} */
  #lines = new Listing(this.element, ({ name }) => name, ({ look }) => {
    const [short, more] = [h("span"), h("span.more")];
    return {
      element: h("li", swatch(look), h("span", short, more)),
      update: (line) => (say(short, line.short), say(more, line.more)),
    };
  });

  /** @param {ClusterHostReply} host */
  update(host) {
    /** @type {Line[]} */
    const lines = levelsOf(host).map(([level, { owned, allocation }]) => ({
      name: level,
      look: lookOf(level),
      short: `${levelName(level)} ${counted(owned, "CPU")}`,
      more: ` for ${counted(allocation, "vCPU")}`,
    }));
    const unmanaged = foreignCpus(host).size;
    if (unmanaged) {
      const [short, more] = [`${unmanaged} reserved`, " for unmanaged VMs"];
      lines.push({ name: "unmanaged", look: UNMANAGED, short, more });
    }
    lines.push({ name: "free", look: FREE, short: `${host.cpus_free} free`, more: "" });
    this.#lines.show(lines);
  }
}

/** Memory, and memory per CPU (M/C) against the ideal, which stands in the middle of its scale. */
export class MemoryUse {
  #bar = new Bar();
  #memory = h("span");
  #dot = h("span");
  #ratio = h("span");
  #first = h("span.more");
  element = h(
    "div.memory",
    ...[h("p", "Memory", this.#memory), this.#bar.element],
    h("p", h("span", "M/C ratio", this.#first), this.#ratio),
    h("span.scale", this.#dot, { ariaHidden: "true" }),
  );

  /** @param {import("./cluster.js").Size} size */
  update(size) {
    const taken = size.memory_mib - size.memory_free_mib;
    this.#bar.fill(taken / size.memory_mib);
    say(this.#memory, gibOf(taken, size.memory_mib));
    const [now, ideal] = [ratio(size), idealRatio(size)];
    const doublings = Math.log2(now / ideal);
    this.#dot.hidden = Number.isNaN(doublings);
    this.#dot.style.left = `${50 + 25 * Math.min(Math.max(doublings, -2), 2)}%`;
    const first = doublings > 0 ? ": memory runs out first" : ": CPUs run out first";
    say(this.#first, Math.abs(doublings) > 0.1 ? first : "");
    const used = Number.isNaN(now) ? "" : `${ratioText(now)}, `;
    say(this.#ratio, Number.isNaN(ideal) ? "unknown" : `${used}ideal ${ratioText(ideal)} GiB/CPU`);
  }
}

/** @param {ClusterHostReply} host @param {number | null} age seconds since it answered */
export function hostFacts(host, age, { isShort = false } = {}) {
  const free = `${host.cpus_free} of ${isShort ? host.cpus : counted(host.cpus, "CPU")} free`;
  const facts = host.cpus ? [free, counted(host.vms.length, "VM")] : ["it has not answered yet"];
  if (host.pending.length) facts.push(`${host.pending.length} being deployed`);
  return [...facts, isShort && age !== null ? ago(age) : answered(age)].join(" · ");
}

/** What is wrong with a host. @param {ClusterHostReply} host */
export const reasonOf = (host) =>
  host.state === "overcommitted"
    ? "Unmanaged VMs leave too little room: the host takes no new VMs."
    : host.reason;

export class Card {
  /** @type {ClusterHostReply | null} */
  #host = null;
  #badges = h("span.badges");
  #facts = h("p.facts");
  #labels = h("p.labels");
  #reason = h("p.reason");
  #grid = new Grid(MEDIUM);
  #legend = new Legend();
  #memory = new MemoryUse();
  #vms = h("span");
  /** @type {Listing<string>} */
  #links = new Listing(this.#vms, (name) => name, (name) => ({ element: linkTo("vms", name) }));
  #more = h("span.facts");

  /** @param {ClusterHostReply} host @param {import("./hosts.js").HostsView} view */
  constructor(host, view) {
    this.view = view;
    this.element = h(
      "li.panel.card",
      h("header", h("h3", linkTo("hosts", host.name)), this.#badges),
      ...[this.#facts, this.#labels, this.#reason],
      ...[this.#grid, this.#legend, this.#memory].map((part) => part.element),
      h("p.names", this.#vms, this.#more),
    );
  }

  /** @param {ClusterHostReply} host */
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
    this.#labels.replaceChildren(...labelTags(host.labels));
    say(this.#reason, reasonOf(host));
    this.#legend.update(host);
    this.#memory.update(host);
  }
}
