/** One VM: what it is, where it runs, and what can be done with it. */

import { call, vmPath } from "./api.js";
import { stateBadge } from "./badges.js";
import { Legend } from "./card.js";
import { confirmed, tell } from "./dialogs.js";
import { byId, h, linkTo, say } from "./elements.js";
import { Grid, LARGE } from "./grid.js";
import { counted, cpuList, gib, levelName, moment, shellWord } from "./words.js";

/** What can be done: how it is asked for, what it means (it is confirmed then), what was done. */
const VERBS = {
  start: ["Start", "", "runs"],
  stop: ["Stop", "Its guest is asked to shut down; CPUs and memory stay its own.", "was stopped"],
  restart: ["Restart", "Its guest boots anew.", "was restarted"],
  remove: [
    "Remove",
    "It ends now and for good. What an overlay on its image holds is lost; the image stays.",
    "was removed",
  ],
};

const FACTS = [
  ...["Host", "Size", "Level", "CPUs it may use"],
  ...["Image", "Addresses", "Created", "Console"],
];

export class VmView {
  title = "";
  /** @type {import("./vms.js").Vm | null} */
  #vm = null;
  #asked = "";
  #heading = h("h1", { tabIndex: -1 });
  #badges = h("span.badges");
  #problem = h("p.facts", { role: "status" });
  #buttons = Object.fromEntries(
    Object.entries(VERBS).map(([verb, [label, meaning]]) => {
      const text = meaning ? `${label}…` : label;
      return [verb, h("button", text, { type: "button", onclick: () => this.#act(verb) })];
    }),
  );
  #values = Object.fromEntries(FACTS.map((fact) => [fact, h("dd")]));
  #gridTitle = h("h2");
  #pointed = h("p.pointed.facts");
  #grid = new Grid(LARGE, this.#pointed);
  #legend = new Legend();
  #body = h(
    "div",
    h("div.actions", ...Object.values(this.#buttons)),
    h("dl.panel", ...FACTS.map((fact) => h("div", h("dt", fact), this.#values[fact]))),
    this.#gridTitle,
    h("div.panel", this.#grid.element, this.#pointed, this.#legend.element),
  );

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    byId("view-vm").append(h("header", this.#heading, this.#badges), this.#problem, this.#body);
  }

  /** @param {string} name */
  show(name) {
    this.title = name;
    this.#vm = null;
    this.#asked = "";
    say(this.#heading, name);
    say(this.#problem, "");
    this.#draw();
  }

  /** Asks for the VM where a host has changed since it was told. */
  async update() {
    const { revision } = this.cluster;
    if (revision === null || this.#asked === revision) return;
    this.#asked = revision;
    const name = this.title;
    let problem = "";
    try {
      const vm = await call("GET", vmPath(name));
      if (name !== this.title) return;
      this.#vm = vm;
    } catch (error) {
      if (name !== this.title) return;
      const isNone = error.status === 404 || error.status === 400; // 400: no VM can have that name
      if (isNone) this.#vm = null;
      else this.#asked = "";
      problem = isNone ? this.#whyNone() : error.message;
    }
    say(this.#problem, problem);
    this.#draw();
  }

  #whyNone() {
    const hosts = [...this.cluster.hosts.values()];
    const host = hosts.find(({ pending }) => pending.includes(this.title));
    return host ? `It is being deployed on ${host.name}.` : "There is no VM of this name.";
  }

  #draw() {
    const vm = this.#vm;
    this.#body.hidden = this.#badges.hidden = !vm;
    if (!vm) return;
    const host = this.cluster.hosts.get(vm.host);
    const isSimulated = host?.hypervisor === "memory";
    this.#badges.replaceChildren(stateBadge(vm.state));
    const texts = {
      Size: `${counted(vm.vcpus, "vCPU")}, ${gib(vm.memory_mib)} memory`,
      Level: levelName(vm.level),
      "CPUs it may use": cpuList(vm.cpu_list),
      Image: `${vm.image}${vm.clone ? " (its disk is an overlay on it)" : ""}`,
      Addresses: vm.addresses.join(", ") || "none known",
      Created: moment(vm.created),
      Console: isSimulated ? "none: this VM is simulated" : consoleCommand(vm, host),
    };
    for (const [fact, text] of Object.entries(texts)) say(this.#values[fact], text);
    this.#values.Console.classList.toggle("command", !isSimulated);
    const isThere = this.#values.Host.textContent === vm.host;
    if (!isThere) this.#values.Host.replaceChildren(linkTo("hosts", vm.host));
    const isOff = vm.state === "stopped" || vm.state === "crashed";
    this.#buttons.start.disabled = vm.state === "running";
    this.#buttons.stop.disabled = this.#buttons.restart.disabled = isOff;
    say(this.#gridTitle, `Its CPUs on ${vm.host}`);
    if (!host) return;
    this.#grid.show(host, vm.cpu_list);
    this.#legend.update(host);
  }

  async #act(verb) {
    const name = this.title;
    const [label, meaning, done] = VERBS[verb];
    if (meaning && !(await confirmed(`${label} ${name}?`, meaning, label))) return;
    try {
      if (verb === "remove") await call("DELETE", vmPath(name));
      else await call("POST", `${vmPath(name)}/${verb}`);
      tell(`${name} ${done}.`);
      if (verb === "remove" && name === this.title) location.hash = "#/vms";
    } catch (error) {
      tell(`${name}: ${error.message}`, { wrong: true });
    }
    this.cluster.poll();
  }
}

/** The machine of a host is reached where its daemon is. */
function consoleCommand(vm, host) {
  const machine = host ? new URL(host.url).hostname : vm.host;
  const uri = shellWord(`qemu+ssh://${machine}/system`);
  return `virsh -c ${uri} console ${shellWord(vm.name)}`;
}
