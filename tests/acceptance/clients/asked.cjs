// What a sender is asked to send, and how it says what its client reported: as asked.py.
"use strict";
const fs = require("node:fs");

const task = JSON.parse(fs.readFileSync(0, "utf8"));
for (const call of task.calls) {
  if (call.timestamp) call.timestamp = new Date(call.timestamp);
}

const words = (error) => `${error?.name ?? typeof error}: ${error?.message ?? error?.code ?? error}`;

// Send, then print the errors that the client reported or threw.
task.run = async (send) => {
  const errors = [];
  try {
    await send(errors);
  } catch (error) {
    errors.push(error);
  }
  process.stdout.write(JSON.stringify(errors.map(words)));
};

module.exports = task;
