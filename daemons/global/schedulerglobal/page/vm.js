/** One VM: what it is, where it runs, and the operations on it. */

import { ApiError, call, messageOf, vmPath } from "./api.js";
import { labelTags, stateBadge } from "./badges.js";
import { busyWith, once } from "./busy.js";
import { Legend } from "./card.js";
import { confirmed, notify } from "./dialogs.js";
import { byId, h, linkTo, say } from "./elements.js";
import { Grid, LARGE } from "./grid.js";
import { counted, cpuList, gib, labelTexts, levelName, moment, shellWord } from "./words.js";

/**
 * The operations: a button's text, what is confirmed first (nothing: an empty text), the past form.
 * @type {Record<string, [string, string, string]>}
 */
const VERBS = {
  start: ["Start", "", "was started"],
  stop: ["Stop", "The guest is asked to shut down. The VM keeps its CPUs and memory.", "was stopped"],
  restart: ["Restart", "The guest boots again.", "was restarted"],
  remove: [
    "Remove",
    "The VM ends now, for good. A clone loses what it has written; the image stays.",
    "was removed",
  ],
  rebuild: [
    "Rebuild",
    "The VM is placed and created again as it was deployed. What a clone had written is lost.",
    "was rebuilt",
  ],
  forget: ["Let go", "The controller forgets the VM, and its name is free.", "was let go"],
};

/** Operations on a VM that is lost; the others are for VMs that exist. */
const FOR_LOST = new Set(["rebuild", "forget"]);

const FACTS = [
  ...["Host", "Size", "Level", "CPUs it may use"],
  ...["Labels", "Image", "Addresses", "Created", "Console"],
];

export class VmView {
  title = "";
  /** @type {ClusterVMReply | null} */
  #vm = null;
  #asked = "";
  /** The labels that are shown. */
  #labels = "";
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
  #place = h("div.panel", this.#grid.element, this.#pointed, this.#legend.element);
  #body = h(
    "div",
    h("div.actions", ...Object.values(this.#buttons)),
    h("dl.panel", ...FACTS.map((fact) => h("div", h("dt", fact), this.#values[fact]))),
    this.#gridTitle,
    this.#place,
  );

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    this.#values.Labels.classList.add("labels");
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

  /** Asks for the VM again where a host has changed since the last answer. */
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
      problem = noteAbout(vm);
    } catch (error) {
      if (name !== this.title) return;
      const status = error instanceof ApiError ? error.status : 0;
      const isNone = status === 404 || status === 400; // 400: no VM can have that name
      if (isNone) this.#vm = null;
      else this.#asked = "";
      problem = isNone ? this.#whyNone() : messageOf(error);
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
      "CPUs it may use": cpuList(vm.cpu_list) || "none",
      Image: `${vm.image}${vm.clone ? " (the disk is an overlay on it)" : ""}`,
      Addresses: vm.addresses.join(", ") || "none known",
      Created: moment(vm.created),
      Console: isSimulated ? "none: this VM is simulated" : consoleCommand(vm, host),
    };
    for (const [fact, text] of Object.entries(texts)) say(this.#values[fact], text);
    this.#values.Console.classList.toggle("command", !isSimulated);
    const labels = labelTexts(vm.labels).join();
    if (labels !== this.#labels) this.#values.Labels.replaceChildren(...labelTags(vm.labels));
    if (!labels) say(this.#values.Labels, "none");
    this.#labels = labels;
    const isThere = this.#values.Host.textContent === vm.host;
    if (!isThere) this.#values.Host.replaceChildren(linkTo("hosts", vm.host));
    const isOff = vm.state === "stopped" || vm.state === "crashed";
    const busy = busyWith(this.#key);
    const isRunning = vm.state === "running";
    const isLost = vm.state === "lost";
    /** @type {Record<string, boolean>} */
    const isPointless = { start: isRunning, stop: isOff, restart: isOff };
    for (const [verb, button] of Object.entries(this.#buttons)) {
      button.hidden = FOR_LOST.has(verb) !== isLost;
      button.disabled = busy !== "" || Boolean(isPointless[verb]);
      button.ariaBusy = busy === verb ? "true" : null;
    }
    this.#gridTitle.hidden = this.#place.hidden = isLost;
    say(this.#gridTitle, `Its CPUs on ${vm.host}`);
    if (!host) return;
    this.#grid.show(host, vm.cpu_list);
    this.#legend.update(host);
  }

  /** @param {string} verb */
  async #act(verb) {
    const name = this.title;
    const [label, meaning, done] = VERBS[verb];
    if (meaning && !(await confirmed(`${label} ${name}?`, meaning, label))) return;
    const work = async () => {
      try {
        if (verb === "remove") await call("DELETE", vmPath(name));
        else if (verb === "forget") await call("DELETE", `${vmPath(name)}?lost=true`);
        else await call("POST", `${vmPath(name)}/${verb}`);
        notify(`${name} ${done}.`);
        if (["remove", "forget"].includes(verb) && name === this.title) location.hash = "#/vms";
      } catch (error) {
        notify(`${name}: ${messageOf(error)}`, { isError: true });
      }
    };
    await once(this.#key, verb, work, () => this.#draw());
    this.cluster.poll();
  }

  get #key() {
    return `vms/${this.title}`;
  }
}

/** What must be known of a VM before anything else. @param {ClusterVMReply} vm */
function noteAbout({ state, state_reason: reason, duplicates = [] }) {
  const others = duplicates.join(", ");
  if (others) return `VMs of this name are also on ${others}: use slackvm with --host.`;
  if (state !== "lost") return reason ?? "";
  return `The VM is lost: ${reason}. It can be created again, or let go.`;
}

/**
 * The command that opens a VM's console; the host's machine is where its daemon listens.
 * @param {ClusterVMReply} vm @param {ClusterHostReply | undefined} host
 */
function consoleCommand(vm, host) {
  const machine = host ? new URL(host.url).hostname : vm.host;
  const uri = shellWord(`qemu+ssh://${machine}/system`);
  return `virsh -c ${uri} console ${shellWord(vm.name)}`;
}
