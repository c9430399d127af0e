// Send calls with @rudderstack/rudder-sdk-node.
"use strict";
const Analytics = require("@rudderstack/rudder-sdk-node");
const task = require("./asked.cjs");

task.run(async (errors) => {
  const client = new Analytics(task.key, {
    dataPlaneUrl: task.host,
    gzip: task.gzip,
    logLevel: "error",
    errorHandler: (error) => errors.push(error),
    ...task.options,
  });
  for (const { type, ...call } of task.calls) {
    if (call.timestamp) {
      call.originalTimestamp = call.timestamp;
      delete call.timestamp;
    }
    client[type](call);
  }
  await client.flush();
});
