// What a reader has practised, kept in this browser and nowhere else; it leaves as a file.

export interface Progress {
  /** The day of the first visit, YYYY-MM-DD. */
  started: string;
  /** Of the self-assessment, 1 … 5 by the skill's id. */
  skills: Record<string, number>;
  /** What was answered, by the exercise's id. */
  answers: Record<string, string>;
  /** How well it went by the reader's own judgement: points of the rubric that were met. */
  marks: Record<string, boolean[]>;
}

const key = "evengrad.practice";
const longest = 5000;

export const today = () => new Date().toISOString().slice(0, 10);
export const daysSince = (day: string) => Math.max(0, Math.round((Date.parse(today()) - Date.parse(day)) / 86_400_000));

const none = (): Progress => ({started: today(), skills: {}, answers: {}, marks: {}});

/** Reads any text without harm. \throws Error with what is wrong. */
export function readProgress(text: string): Progress {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error("the file is not JSON");
  }
  if (typeof given !== "object" || given === null || !("started" in given)) throw new Error("the file holds no practice progress");
  const of = given as Record<string, unknown>;
  const entries = (name: string) => (typeof of[name] === "object" && of[name] !== null ? Object.entries(of[name]) : []);
  const started = typeof of["started"] === "string" && /^\d{4}-\d\d-\d\d$/.test(of["started"]) && !Number.isNaN(Date.parse(of["started"])) ? of["started"] : today();
  return {
    started,
    skills: Object.fromEntries(entries("skills").filter(([, v]) => Number.isInteger(v) && v >= 1 && v <= 5)) as Record<string, number>,
    answers: Object.fromEntries(entries("answers").filter(([, v]) => typeof v === "string" && v.length <= longest)) as Record<string, string>,
    marks: Object.fromEntries(entries("marks").filter(([, v]) => Array.isArray(v) && v.length <= 20).map(([k, v]) => [k, (v as unknown[]).map(m => m === true)]))
  };
}

/** Where the browser keeps nothing for pages, it lasts as long as the page. */
export class Keeper {
  progress: Progress = none();

  constructor() {
    try {
      const kept = localStorage.getItem(key);
      if (kept) this.progress = readProgress(kept);
    } catch {
      // What cannot be read is begun anew.
    }
  }
  save(): void {
    try {
      localStorage.setItem(key, JSON.stringify(this.progress));
    } catch {
      // Private windows refuse; the page goes on.
    }
  }
  replace(text: string): void {
    this.progress = readProgress(text);
    this.save();
  }
  forget(): void {
    this.progress = none();
    try {
      localStorage.removeItem(key);
    } catch {
      // There is nothing to remove then.
    }
  }
}
