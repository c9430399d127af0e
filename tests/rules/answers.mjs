// Answers questions about rules with the shipped engine: JSON in, JSON out, in one process.

import { readFileSync } from "node:fs";
import { evaluate } from "../../personalization/static/personalization/rules.js";

const questions = JSON.parse(readFileSync(0, "utf8"));
const answers = questions.map(({ rule, facts, now }) => evaluate(rule, facts, now));
process.stdout.write(JSON.stringify(answers));
