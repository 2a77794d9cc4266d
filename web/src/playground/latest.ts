// Questions that come faster than answers, as while a slider moves: the newest waits, those between are never asked.

/** A function that asks. `show` gets each answer with its question; a failure goes to `fail`. */
export function latest<Q, A>(ask: (question: Q) => Promise<A>, show: (answer: A, question: Q) => void,
    fail: (error: Error, question: Q) => void): (question: Q) => void {
  let waiting: {question: Q} | undefined;
  let busy = false;
  async function run(): Promise<void> {
    busy = true;
    for (let next; (next = waiting);) {
      waiting = undefined;
      try {
        const answer = await ask(next.question);
        show(answer, next.question);
      } catch (error) {
        fail(error as Error, next.question);
      }
    }
    busy = false;
  }
  return question => {
    waiting = {question};
    if (!busy) void run();
  };
}
