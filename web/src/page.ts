// What every report has: the first screen, the way around, and sections that are drawn when they are needed.
import {commandLine, h, lazily, showNow, type Child} from "./dom";
import {duration} from "./format";
import {unfold} from "./fold";
import {themeSwitch} from "./theme";

import type {ReportDocument} from "./model";

export interface Section {
  id: string;
  title: string;
  fill(into: HTMLElement): void;
}

export interface Page {
  title: string;
  question: string;
  answer: string;
  facts: string[];
  lead: Child[];
  sections: Section[];
}

export function showPage(root: HTMLElement, page: Page, doc: ReportDocument): void {
  document.title = `${page.title} · evengrad`;
  const facts = [
    ...page.facts, doc.seed === undefined ? "" : `seed ${doc.seed}`,
    doc.seconds === undefined ? "" : duration(doc.seconds)
  ];
  const sections = page.sections.map((section, i) => {
    const body = h("div.body");
    const element = h("section", {id: section.id, "aria-labelledby": `${section.id}-title`},
        h("h2", {id: `${section.id}-title`}, page.sections.length > 1 ? h("span.ordinal", `${i + 1}`) : null,
            section.title),
        body);
    lazily(element, () => section.fill(body));
    return element;
  });
  const links = page.sections.map(section => h("li", h("a", {href: `#${section.id}`}, section.title)));
  root.append(h("a.skip", {href: "#main"}, "Skip to the report"),
      h("header.top", h("a.brand", {href: "#top"}, "evengrad"), h("nav", {"aria-label": "Sections"}, h("ol", links)),
          themeSwitch()),
      h("main", {id: "main"},
          h("div.lead", {id: "top"}, h("p.kicker", facts.filter(Boolean).join(" · ")), h("h1", page.title),
              h("p.question", page.question), h("p.answer", page.answer), ...page.lead),
          ...sections),
      h("footer", doc.command ? h("p", "Made by") : null, doc.command ? commandLine(doc.command) : null,
          h("p", Object.entries(doc.provenance).map(([key, value]) => `${key} ${value}`).join(" · "))));
  addEventListener("hashchange", jump);
  root.addEventListener("click", event => {
    const link = (event.target as Element).closest("a[href^=\"#\"]");
    const id = link?.getAttribute("href")!.slice(1);
    if (id && id !== "top") prepare(id);
  });
  jump();

  /** Draws what a link leads to and all that stands before it, so that nothing moves it away later. */
  function prepare(id: string): HTMLElement | null {
    for (const section of sections) {
      showNow(section);
      if (section.id === id) break;
    }
    unfold(id);
    return document.getElementById(id);
  }
  function jump(): void {
    const id = location.hash.slice(1);
    if (!id || id === "top") return;
    (prepare(id) ?? prepare(unescaped(id)))?.scrollIntoView();
  }
}

function unescaped(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
