// Commands of the program that give what the page shows.

/** Trains and measures with the instructions that a browser has, so that every bit is the page's. */
export function sameBits(command: string): string {
  return command.split(" && ")
      .map(part => /^evengrad (train|propagate|compare) /.test(part) && !part.includes(" --isa ") ? `${part} --isa baseline` : part)
      .join(" && ");
}
