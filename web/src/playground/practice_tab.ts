// Practice: rate yourself, answer, then see what the engine measures; what is due by day. Progress stays in this browser.
import {download, h, type Child} from "../dom";
import {plural, prose} from "../format";
import {button} from "./controls";
import type {Engine} from "./engine";
import {card, flash, levels, problems, skills, type Exercise} from "./exercises";
import {guides} from "./learn_tab";
import {daysSince, Keeper} from "./progress";
import {wasStopped} from "./stories";
import type {Host, Mounted, State, Tab} from "./tab";

const parts: {id: string; title: string; items: readonly Exercise[]}[] = [
  {id: "assess", title: "Where do I stand?", items: []}, {id: "card", title: "Four short questions", items: card},
  {id: "problems", title: "Four problems", items: problems}, {id: "flash", title: "Recall by day", items: flash}
];

export const practiceTab: Tab = {
  id: "practice",
  title: "Practice",
  question: "Could you explain it to someone?",
  hint: "Answer first. Then the engine measures, and you see the answer, a rubric to mark yourself by, and what the measurement adds or contradicts.",
  defaults: {part: "assess", item: "1"},
  mount
};

function mount(into: HTMLElement, host: Host): Mounted {
  const keeper = new Keeper();
  const chips = parts.map(({id, title}) => ({id, chip: button(title, () => host.set({part: id, item: "1"}), {class: "chip", "aria-pressed": "false"})}));
  const body = h("div.practice-body");
  const status = h("p.hint", {role: "status"});
  const file = h("input", {type: "file", accept: ".json,application/json", class: "hidden", tabindex: -1, "aria-label": "A file with saved progress"});
  file.addEventListener("change", () => void load());
  into.append(h("div.learn.practice",
      h("div.presets", {role: "group", "aria-label": "Kinds of practice"}, chips.map(c => c.chip)), body,
      h("div.keep", status,
          h("div.map-bar", button("Save progress as a file", save, {class: "quiet"}),
              button("Load progress", () => file.click(), {class: "quiet"}), file, button("Forget everything", forget, {class: "quiet"})),
          h("p.note", "Questions after ", guides.map(({name, url}, i) => [i ? " and " : "", h("a", {href: url, rel: "noreferrer"}, name)]),
              ". Your answers stay in this browser."))));
  let state = practiceTab.defaults;
  let shown = "";
  let asking: Asking|undefined;

  function update(next: State): void {
    state = next;
    const part = parts.find(p => p.id === state["part"]) ?? parts[0]!;
    if (part.id !== state["part"]) host.notice(`There is no practice “${state["part"]!.slice(0, 40)}”. This is the first.`);
    const at = Number(state["item"]);
    const fits = part.items.length === 0 || (Number.isInteger(at) && at >= 1 && at <= part.items.length);
    if (!fits) host.notice(`There ${part.items.length === 1 ? "is" : "are"} ${plural(part.items.length, "question")}; this is the first.`);
    const item = fits && part.items.length ? at : 1;
    for (const {id, chip} of chips) chip.setAttribute("aria-pressed", String(id === part.id));
    if (`${part.id} ${item}` === shown) return;
    shown = `${part.id} ${item}`;
    show(part, item);
  }

  function show(part: (typeof parts)[number], item: number): void {
    asking?.end();
    asking = undefined;
    host.command("");
    const inside = body.contains(document.activeElement);
    body.replaceChildren();
    if (part.id === "assess") body.append(...assessment());
    else {
      if (part.id === "flash") body.append(h("p.opening", dueText()));
      body.append(h("ol.steps", part.items.map((exercise, i) => h("li", button(stepName(exercise, i),
          () => host.set({item: String(i + 1)}),
          {"aria-current": i + 1 === item ? "step" : null, class: marked(exercise) ? "done" : null, "aria-label": `Question ${i + 1} of ${part.items.length}${marked(exercise) ? ", answered" : ""}`})))));
      asking = new Asking(body, host, keeper, part.items[item - 1]!, item < part.items.length ? () => host.set({item: String(item + 1)}) : undefined, tell);
      if (inside) body.querySelector<HTMLElement>("textarea")?.focus();
    }
    tell();
  }

  function assessment(): Child[] & Node[] {
    const told = h("p.lesson");
    const count = () => {
      const high = skills.filter(({id}) => (keeper.progress.skills[id] ?? 0) >= 4).length;
      told.textContent = `${high} of ${skills.length} at “${levels[3]}” or better.${high === skills.length ? " You are ready." : ""}`;
    };
    const rows = skills.map(({id, text, link}) => h("tr", h("th", {scope: "row"}, text),
        levels.map((level, i) => h("td", h("label", h("input", {
          type: "radio",
          name: `skill-${id}`,
          "aria-label": `${text}: ${level}`,
          checked: keeper.progress.skills[id] === i + 1,
          change: () => {
            keeper.progress.skills[id] = i + 1;
            keeper.save();
            count();
          }
        })))),
        h("td", button(link.label, () => host.go(link.tab, link.state), {class: "quiet"}))));
    count();
    return [h("p.opening", "How well can you do each of these today? Come back after practising."),
      h("div.scroll-x", {tabindex: 0, role: "group", "aria-label": "Self-assessment"}, h("table.assess", h("thead", h("tr", h("td"), levels.map(level => h("th", {scope: "col"}, level)), h("th", {scope: "col"}, "practise"))), h("tbody", rows))), told];
  }

  const marked = (exercise: Exercise) => (keeper.progress.marks[exercise.id] ?? []).some(Boolean);
  const stepName = (exercise: Exercise, i: number) => ("day" in exercise ? `${exercise.day}.${flash.filter((f, k) => f.day === exercise.day && k <= i).length}` : String(i + 1));
  function dueText(): string {
    const day = daysSince(keeper.progress.started);
    const due = flash.filter(f => f.day <= day && !marked(f));
    const next = flash.find(f => f.day > day)?.day;
    return `Day ${day} since your first visit. ${due.length ? `Due now: ${due.map(f => stepName(f, flash.indexOf(f))).join(", ")}.` : "Nothing is due."}${
        next === undefined ? "" : ` The next come on day ${next}.`} The number before the dot is the day.`;
  }
  function tell(): void {
    const all = [...card, ...problems, ...flash];
    status.textContent = `${all.filter(marked).length} of ${all.length} questions marked.`;
  }
  function save(): void { download("evengrad-practice.json", "application/json", `${JSON.stringify(keeper.progress, null, 2)}\n`); }
  async function load(): Promise<void> {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (!chosen) return;
    try {
      keeper.replace(await chosen.text());
      shown = "";
      update(state);
      host.announce("Progress loaded.");
    } catch (error) {
      host.notice(`${chosen.name}: ${(error as Error).message}.`);
    }
  }
  function forget(): void {
    keeper.forget();
    shown = "";
    update(state);
    host.announce("Progress forgotten.");
  }
  return {update, pause() {}, resume() {}};
}

/** One question: the answer, the run, then what is right and what was measured. */
class Asking {
  private readonly reveal = h("div.reveal");
  private readonly progress = h("progress", {max: 1, value: 0, "aria-label": "The experiment", hidden: true});
  private readonly text: HTMLTextAreaElement;
  private readonly run: HTMLButtonElement;
  private engine: Engine|undefined;
  private ended = false;

  constructor(into: HTMLElement, private readonly host: Host, private readonly keeper: Keeper, private readonly exercise: Exercise,
      private readonly next: (() => void)|undefined, private readonly marked: () => void) {
    const {id, hints = []} = exercise;
    this.text = h("textarea", {
      rows: 5,
      maxlength: 5000,
      "aria-label": "Your answer",
      placeholder: "Answer before you look",
      input: () => {
        keeper.progress.answers[id] = this.text.value;
        keeper.save();
        this.enable();
      }
    });
    this.text.value = keeper.progress.answers[id] ?? "";
    this.run = button("Commit and run", () => void this.measure(), {class: "primary"});
    const todo = h("p.hint", {id: "practice-todo"}, "Write an answer first, if only “I do not know”.");
    this.run.setAttribute("aria-describedby", todo.id);
    into.append(h("h2.ask-text", exercise.text), ...hints.map((hint, i) => h("details.hint-box", h("summary", `Hint ${i + 1}`), h("p", hint))),
        this.text, h("div.map-bar", this.run, todo, this.progress), this.reveal);
    this.todo = todo;
    this.enable();
  }
  private readonly todo: HTMLElement;

  private enable(): void {
    const written = this.text.value.trim() !== "";
    this.run.disabled = !written;
    this.todo.hidden = written;
  }

  end(): void {
    this.ended = true;
    this.engine?.end();
  }

  private async measure(): Promise<void> {
    if (this.engine) return;
    const engine = (this.engine = this.host.newEngine());
    this.run.setAttribute("aria-disabled", "true");
    this.progress.hidden = false;
    this.progress.removeAttribute("value");
    this.reveal.replaceChildren(h("p.status", "The experiment runs …"));
    try {
      const found = await this.exercise.measure(engine, share => {
        if (!this.ended) this.progress.value = share;
        return !this.ended;
      });
      if (!this.ended) this.show(found.filter(Boolean));
    } catch (error) {
      if (this.ended || wasStopped(error)) return;
      this.reveal.replaceChildren();
      this.host.notice((error as Error).message);
    } finally {
      engine.end();
      this.engine = undefined;
      this.progress.hidden = true;
      this.run.removeAttribute("aria-disabled");
    }
  }

  private show(found: string[]): void {
    const {id, answer, rubric, links = []} = this.exercise;
    const marks = (this.keeper.progress.marks[id] ??= rubric.map(() => false));
    const boxes = rubric.map((point, i) => h("li", h("label.toggle", h("input", {
      type: "checkbox",
      checked: marks[i] === true,
      change: event => {
        marks[i] = (event.target as HTMLInputElement).checked;
        this.keeper.save();
        this.marked();
      }
    }), h("span", point))));
    this.reveal.replaceChildren(h("h3", "An answer"), ...answer.map(line => h("p", line)), h("h3", "Which of these did yours have?"),
        h("ul.rubric", boxes), h("h3", "What the measurement adds"), ...found.map(line => h("p.lesson", prose(line))),
        h("div.map-bar", this.next ? button("Next question", this.next, {class: "primary"}) : null,
            links.map(link => button(link.label, () => this.host.go(link.tab, link.state)))));
    this.host.announce(`${answer.join(" ")} ${found.join(" ")}`);
  }
}
