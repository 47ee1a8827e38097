/** How many more VMs of a mix fit, and how many hosts some would need. */

import { ApiError, call, messageOf } from "./api.js";
import { Table, byId, elementOf, fieldOf, linkTo, say } from "./elements.js";
import { counted, number } from "./words.js";

const MIX = "Write sizes as VCPUS:GIB:LEVEL or VCPUS:GIB:LEVEL@SHARE, with commas between them.";

export class CapacityView {
  title = "Capacity";
  #form = elementOf("capacity", HTMLFormElement);
  #button = elementOf("capacity-ask", HTMLButtonElement);
  /** @type {HostCapacity[]} */
  #hosts = [];
  /** @type {Table<HostCapacity>} */
  #table = new Table(
    "More VMs of this mix on each host",
    ["Host", "#VMs"],
    ({ host }) => host,
    ({ host }) => [linkTo("hosts", host)],
    ({ vms }) => ["", number(vms)],
    { Host: ({ host }) => host, VMs: ({ vms }) => vms },
    () => this.#draw(),
  );

  constructor() {
    byId("capacity-result").append(this.#table.element);
    this.#table.element.classList.add("tall");
    this.#table.sort = "-VMs";
    this.#form.addEventListener("submit", () => this.#ask());
  }

  /** @param {string} name */
  #text(name) {
    return fieldOf(this.#form, name, HTMLInputElement).value.trim();
  }

  async #ask() {
    say(byId("capacity-error"), "");
    byId("capacity-result").hidden = true;
    this.#button.disabled = true;
    this.#button.ariaBusy = "true";
    try {
      const count = this.#text("count");
      const size = this.#text("host");
      if (Boolean(count) !== Boolean(size)) throw new Error("Give both the number and the host's size, or neither.");
      const more = count ? { count: Number(count), host: hostSize(size) } : {};
      /** @type {CapacityReply} */
      const reply = await call("POST", "/v1/capacity", { mix: readMix(this.#text("mix")), ...more });
      this.#hosts = reply.hosts;
      const needed = reply.hosts_needed ?? null;
      const hosts = needed === null ? "" : ` ${counted(Number(count), "VM")} need ${counted(needed, "such host")}.`;
      say(byId("capacity-facts"), `${counted(reply.vms, "more VM")} of this mix fit.${hosts}`);
      byId("capacity-result").hidden = false;
      this.#draw();
    } catch (error) {
      const field = error instanceof ApiError && error.field ? ` (${error.field})` : "";
      say(byId("capacity-error"), `${messageOf(error)}${field}`);
    }
    this.#button.disabled = false;
    this.#button.ariaBusy = null;
  }

  #draw() {
    this.#table.show(this.#table.sorted(this.#hosts));
  }
}

/** @param {string} text @returns {MixPart[]} */
function readMix(text) {
  return text.split(",").map((part) => {
    const match = part.trim().match(/^(\d+):([\d.]+):([\d.]+)(?:@([\d.]+))?$/);
    if (!match) throw new Error(MIX);
    const [vcpus, memory_gib, level] = match.slice(1, 4).map(Number);
    return { vcpus, memory_gib, level, share: match[4] ? Number(match[4]) : 1 };
  });
}

/** @param {string} text @returns {HostSize} */
function hostSize(text) {
  const match = text.match(/^(\d+):([\d.]+)$/);
  if (!match) throw new Error("Write the size of the hosts as CPUS:GIB.");
  return { cpus: Number(match[1]), memory_gib: Number(match[2]) };
}
