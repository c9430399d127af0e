// Says whether patterns are found in texts: by the shipped module, with the nodes that it
// visited, and by the engine's own expressions from the form that is handed on, if one is
// given. JSON in, JSON out, in one process.

import { readFileSync } from "node:fs";
import { foundIn } from "../../personalization/static/personalization/rules/patterns.js";

const questions = JSON.parse(readFileSync(0, "utf8"));
const { pop } = Array.prototype;
let visits = 0;
// A node is visited when it is taken from the list of those that wait.
Array.prototype.pop = function counted() {
  visits += 1;
  return pop.call(this);
};
const answers = questions.map(({ pattern, form, text }) => {
  visits = 0;
  const shipped = foundIn(text, pattern);
  return { shipped, visits, own: form === null ? null : new RegExp(form, "u").test(text) };
});
process.stdout.write(JSON.stringify(answers));
