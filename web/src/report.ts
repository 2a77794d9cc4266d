// Reads the document out of the page and shows it.
import {comparePage} from "./compare";
import {h} from "./dom";
import {explorer} from "./explorer";
import {fold} from "./fold";
import {mapPage} from "./network_map";
import {showPage} from "./page";
import {runPage} from "./run";
import {trainPage} from "./train";
import type {ReportDocument} from "./model";

const known = 1;

function show(root: HTMLElement, text: string): void {
  const doc = JSON.parse(text) as ReportDocument;
  if (doc.schema_version !== known)
    throw new Error(`The report's data have version ${doc.schema_version}; this page reads ${known}.`);
  const page = doc.kind === "run" ? runPage(doc)
      : doc.kind === "compare"    ? comparePage(doc)
      : doc.kind === "map"        ? mapPage(doc)
                                  : trainPage(doc);
  const tables = doc.explorer;
  if (tables?.activations.length) {
    page.sections.push({id: "explorer", title: "Explore activations", fill: into => into.append(doc.kind === "run" ? fold("Open the explorer", true, () => [explorer(tables)]) : explorer(tables))});
  }
  showPage(root, page, doc);
}

const root = document.getElementById("page")!;
try {
  show(root, document.getElementById("evengrad-report")!.textContent ?? "");
} catch (error) {
  root.replaceChildren(h("main.broken", h("h1", "This report cannot be shown"),
      h("p", error instanceof Error ? error.message : String(error))));
}
