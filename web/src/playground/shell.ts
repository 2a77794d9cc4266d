// What stays while tabs change: the way between them, the address, sharing, colours, the command line, messages.
import {commandLine, h} from "../dom";
import {themeSwitch} from "../theme";

import {readAddress, writeAddress} from "./address";
import {sameBits} from "./command";
import {Engine} from "./engine";
import {keepFocus} from "./keep_focus";

import type {Host, Mounted, State, Tab} from "./tab";

interface Panel {
  tab: Tab;
  state: State;
  section: HTMLElement;
  body: HTMLElement;
  notice: HTMLElement;
  command: HTMLElement;
  mounted?: Mounted;
}

/** Browsers refuse an address that changes with each movement of a pointer. */
const addressDelay = 250;

export function showPlayground(root: HTMLElement, tabs: readonly Tab[]): void {
  const live = h("div.hidden", {"aria-live": "polite"});
  const engine = new Engine();
  const panels = tabs.map(panel);
  // The address of what is left is written while it is still this one's.
  const links = tabs.map(tab => h("a", {href: `#${tab.id}`, click: flushAddress}, tab.title));
  const share = h("button.quiet", {type: "button", click: copyAddress}, "Copy link");
  let current: Panel | undefined;
  let writing: ReturnType<typeof setTimeout> | undefined;

  root.append(h("a.skip", {href: "#main", click: skip}, "Skip to the playground"),
      h("header.top", h("a.brand", {href: `#${tabs[0]!.id}`}, "evengrad ", h("span", "playground")),
          h("nav", {"aria-label": "Tabs"}, h("ol", links.map(link => h("li", link)))), share, themeSwitch()),
      h("main", {id: "main", tabindex: -1}, panels.map(p => p.section)), live);
  keepFocus(root);
  addEventListener("hashchange", open);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden)
      current?.mounted?.pause();
    else
      current?.mounted?.resume();
  });
  open();

  function panel(tab: Tab): Panel {
    const [body, notice, command] = [h("div.body"), h("p.notice", {role: "status", hidden: true}), h("div.footer")];
    const section = h("section", {id: `tab-${tab.id}`, hidden: true, "aria-labelledby": `${tab.id}-question`},
        h("div.lead", h("h1", {id: `${tab.id}-question`}, tab.question), h("p.hint", tab.hint)), notice, body, command);
    return {tab, state: tab.defaults, section, body, notice, command};
  }

  function open(): void {
    const place = readAddress(location.hash, tabs);
    const next = panels.find(p => p.tab === place.tab)!;
    const first = !next.mounted;
    if (current !== next) {
      clearTimeout(writing);
      writing = undefined;
      current?.mounted?.pause();
      panels.forEach((p, i) => {
        p.section.hidden = p !== next;
        if (p === next)
          links[i]!.setAttribute("aria-current", "page");
        else
          links[i]!.removeAttribute("aria-current");
      });
      current = next;
      document.title = `${place.tab.title} · evengrad playground`;
      scrollTo(0, 0);
    }
    // A plain link to a tab goes on with what it last showed.
    const plain = !location.hash.includes("?") && !first;
    if (!plain) next.state = place.state;
    if (first)
      next.mounted = place.tab.mount(next.body, hostOf(next));
    else
      next.mounted!.resume();
    say(next, place.problems.join(" "));
    next.mounted!.update(next.state);
    if (plain) writeNow(next);
  }

  function hostOf(p: Panel): Host {
    return {
      engine,
      newEngine: () => new Engine(),
      set(changes) {
        p.state = {...p.state, ...changes};
        say(p, "");
        p.mounted?.update(p.state);
        if (p !== current) return;
        clearTimeout(writing);
        writing = setTimeout(() => writeNow(p), addressDelay);
      },
      go(id, state = {}) {
        const tab = tabs.find(t => t.id === id);
        if (!tab) return;
        flushAddress();
        history.pushState(null, "", writeAddress(tab, {...tab.defaults, ...state}));
        open();
        focusMain();
      },
      command(text) {
        // Nothing on the command line does the same.
        if (!text) return p.command.replaceChildren();
        const exact = sameBits(text);
        const code = p.command.querySelector("code");
        // While it plays only the count of steps changes; the button to copy keeps the focus.
        if (code)
          code.textContent = exact;
        else
          p.command.replaceChildren(h("p", "The same on the command line"), commandLine(exact));
      },
      notice: text => add(p, text),
      announce: text => (live.textContent = text),
    };
  }

  /** Beside what is said already; all of it goes when the state changes. */
  function add(p: Panel, text: string): void {
    const said = p.notice.textContent!;
    if (!said.includes(text)) say(p, `${said} ${text}`.trim());
  }
  function say(p: Panel, text: string): void {
    p.notice.textContent = text;
    p.notice.hidden = !text;
  }
  function writeNow(p: Panel): void {
    clearTimeout(writing);
    writing = undefined;
    // A link or Back may have moved on already, and its tab opens with the next event.
    if (readAddress(location.hash, tabs).tab === p.tab) history.replaceState(null, "", writeAddress(p.tab, p.state));
  }
  function flushAddress(): void {
    if (writing !== undefined && current) writeNow(current);
  }
  async function copyAddress(): Promise<void> {
    flushAddress();
    let said = "Link copied";
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      said = "The address bar has the link";
    }
    share.textContent = said;
    live.textContent = said;
    setTimeout(() => (share.textContent = "Copy link"), 2000);
  }
  function skip(event: Event): void {
    event.preventDefault();
    focusMain();
  }
  function focusMain(): void { document.getElementById("main")!.focus(); }
}
