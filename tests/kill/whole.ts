// `npm run test:kill`: the whole kill test. Prints what it did; exits 1 on any fault.
import { killRun } from "./kill-run.ts";

const MESSAGES_EACH_WAY = 10_000;
const KILLS = 120;

const result = await killRun({
  messages: MESSAGES_EACH_WAY,
  kills: KILLS,
  longestLifeMilliseconds: 1_400,
  limitMilliseconds: 30 * 60_000,
  progress: (text) => process.stdout.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
process.exitCode = result.faults.length === 0 && result.kills >= 100 ? 0 : 1;
