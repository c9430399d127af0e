// Send calls with @segment/analytics-node.
"use strict";
const { Analytics } = require("@segment/analytics-node");
const task = require("./asked.cjs");

task.run(async (errors) => {
  const address = new URL(task.host);
  const client = new Analytics({
    writeKey: task.key,
    host: address.origin,
    path: `${address.pathname}/v1/batch`,
    ...task.options,
  });
  client.on("error", (error) => errors.push(error));
  for (const { type, ...call } of task.calls) client[type](call);
  await client.closeAndFlush();
});
