// The checks of one client program: all run, each prints its line, and the exit code tells whether one failed.
import { basename } from "node:path";

export const BASE_URL = process.env.OPENAI_BASE_URL;
export const API_KEY = process.env.OPENAI_API_KEY;
export const CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"; // native structured output, signed reasoning
export const NOVA = "amazon.nova-lite-v1:0"; // structured output by a forced tool
export const TITAN = "amazon.titan-embed-text-v2:0";
// How the emulator ends a stream in the middle of an answer, and the message of the error that a client must throw then.
export const BREAKS = { "throttle after=2": /Too many requests/, "cut after=2": /broke off/ };

export async function run(checks) {
  const client = basename(process.argv[1], ".mjs");
  let failed = 0;
  for (const [title, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${client}: ${title}`);
    } catch (problem) {
      failed += 1;
      console.error(problem);
      console.log(`FAILED ${client}: ${title}: ${problem.name}: ${String(problem.message).split("\n")[0]}`.slice(0, 300));
    }
  }
  process.exitCode = failed ? 1 : 0;
}
