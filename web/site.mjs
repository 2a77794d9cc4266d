// The site as a folder of static pages: node site.mjs FOLDER. It takes what was built (dist/, the program, build/docs/html)
// and written (docs/site/*.md, runs/quick/), and works on any host or opened from disk.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { marked } from "marked";

const root = fileURLToPath(new URL("..", import.meta.url));
const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node site.mjs FOLDER");
  process.exit(2);
}
const program = process.env.EVENGRAD ?? path.join(root, "build/release/evengrad");
const report = process.env.REPORT ?? path.join(root, "runs/quick/report.html");
const api = path.join(root, "build/docs/html");
const text = (file) => readFile(path.join(root, file), "utf8");
const escaped = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

/** Pages in the order of the navigation; those with a source are written here. */
const pages = [
  { file: "index.html", title: "evengrad", name: "Findings", source: "index.md" },
  { file: "playground.html", name: "Playground" },
  { file: "report.html", name: "Report" },
  { file: "tutorial.html", title: "Ten minutes with evengrad", name: "Tutorial", source: "tutorial.md" },
  { file: "from-scratch.html", title: "The engine from scratch", name: "From scratch", source: "from_scratch.md" },
  { file: "cheat-sheet.html", title: "Cheat sheet", name: "Cheat sheet", source: "cheat-sheet.md" },
  { file: "glossary.html", title: "Glossary", name: "Glossary", source: "glossary.md" },
  { file: "faq.html", title: "FAQ", name: "FAQ", source: "faq.md" },
  { file: "api/index.html", name: "API" },
];

const cell = (s) => `\`${String(s).replaceAll("|", "\\|").replaceAll("`", "")}\``;
const plain = (s) => String(s).replaceAll("|", "\\|");
const table = (head, rows) => [`| ${head.join(" | ")} |`, `|${head.map(() => "---|").join("")}`, ...rows.map((r) => `| ${r.join(" | ")} |`)].join("\n");

/** What stands for {{name}} in the sources, made from the engine and from results. */
async function parts() {
  const lists = JSON.parse(execFileSync(program, ["list", "--json"], { maxBuffer: 1 << 26 }).toString());
  const claims = JSON.parse(await text("web/src/playground/claims.json")).experiments.flatMap((e) => e.claims);
  const surprises = claims.filter((c) => c.surprise).slice(0, 10);
  const source = await text("docs/site/from_scratch.hpp");
  const code = Object.fromEntries([...source.matchAll(/^\/\/ \[(\w+)\] (.*?)^\/\/ \[end\]$/gms)].filter(([, name]) => name !== "end")
    .map(([, name, body]) => [name, `\`\`\`cpp\n// ${body.trim()}\n\`\`\``]));
  return {
    ...code,
    findings: surprises.map((c) => `- **${c.surprise[0].toUpperCase()}${c.surprise.slice(1)}.** The claim: “${c.statement}” (${c.source}; ${c.verdict.replaceAll("_", " ")})`).join("\n"),
    activations: table(["name", "f(x)", "f′(x)", "range", "since", "used in"],
      lists.activations.map((a) => [cell(a.name), cell(a.formula), cell(a.derivative), cell(a.range), a.year ?? "", plain(a.uses)])),
    initializers: table(["name", "what it draws", "source"], lists.initializers.map((i) => [cell(i.name), plain(i.formula), plain(i.source)])),
  };
}

const style = `:root{color-scheme:light dark;--ink:light-dark(#1b2130,#e8e6e1);--muted:light-dark(#5d6470,#a2a8b3);--paper:light-dark(#fdfbf7,#14181c);--raised:light-dark(#f4f1ea,#1d2228);--line:light-dark(#ded9ce,#333a42);--accent:light-dark(#9a3707,#f29556)}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:1.02rem/1.6 system-ui,sans-serif}
header{border-bottom:1px solid var(--line);padding:.6rem clamp(1rem,4vw,2.5rem)}nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;margin:0;padding:0}
nav a{color:var(--muted);text-decoration:none;padding:.2rem 0}nav a:hover,nav a[aria-current]{color:var(--ink)}nav a[aria-current]{font-weight:600;border-bottom:2px solid var(--accent)}
main{max-width:50rem;margin:0 auto;padding:1.4rem clamp(1rem,4vw,2.5rem) 4rem;overflow-wrap:anywhere}h1,h2{font-family:Georgia,serif;line-height:1.25}h1{font-size:clamp(1.7rem,4vw,2.3rem)}h2{margin-top:2.2rem}
a{color:var(--accent)}code{font-size:.9em;background:var(--raised);padding:.05em .3em;border-radius:4px}pre{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;line-height:1.45}pre code{background:none;padding:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;width:100%}th,td{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.4rem .8rem .4rem 0}.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}`;
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'`;

const made = await parts();
const there = (page) => page.source || page.file === "playground.html" || (page.file === "report.html" && existsSync(report)) || (page.file.startsWith("api") && existsSync(api));
const links = (here) => pages.filter(there)
  .map((p) => `<li><a href="${p.file}"${p.file === here ? ' aria-current="page"' : ""}>${p.name}</a></li>`).join("");

await mkdir(folder, { recursive: true });
for (const { file, title, source } of pages.filter((p) => p.source)) {
  const filled = (await text(`docs/site/${source}`)).replace(/\{\{(\w+)\}\}/g, (hole, name) => {
    if (!(name in made)) throw new Error(`docs/site/${source}: nothing is known for ${hole}`);
    return made[name];
  });
  // A link to a page that was not made leads nowhere.
  const missing = pages.filter((p) => !there(p)).map((p) => p.file);
  const body = marked.parse(filled).replace(/<a href="([^"]*)">(.*?)<\/a>/gs, (link, to, name) => (missing.includes(to) ? name : link))
    .replaceAll("<table>", '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>').replaceAll("</table>", "</table></div>")
    .replaceAll("<pre>", '<pre tabindex="0">');
  await writeFile(path.join(folder, file), `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escaped(title)}${title === "evengrad" ? "" : " · evengrad"}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header><nav aria-label="Site"><ul>${links(file)}</ul></nav></header>
<main id="main">
${body}</main>
</body>
</html>
`);
}
await cp(path.join(root, "docs/site/from_scratch.hpp"), path.join(folder, "from_scratch.hpp"));
// The applications are pages of their own; a line at their end leads back.
const back = `<nav aria-label="Site"><p>More: ${pages.filter((p) => there(p)).map((p) => `<a href="${p.file}">${p.name}</a>`).join(" · ")}</p></nav>`;
const withLinks = async (from, name) => writeFile(path.join(folder, name), (await readFile(from, "utf8")).replace(/<\/body>/, () => `${back}</body>`));
await withLinks(path.join(root, "web/dist/playground.html"), "playground.html");
if (existsSync(report)) await withLinks(report, "report.html");
if (existsSync(api)) await cp(api, path.join(folder, "api"), { recursive: true });
for (const page of pages) console.log(`${there(page) ? "made   " : "missing"} ${path.join(folder, page.file)}`);
