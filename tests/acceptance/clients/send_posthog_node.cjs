// Send calls with posthog-node: what the Segment spec calls by a type, PostHog names with a dollar.
"use strict";
const { PostHog } = require("posthog-node");
const task = require("./asked.cjs");

const EVENTS = { page: "$pageview", screen: "$screen" };

function send(client, call) {
  const distinctId = call.userId ?? call.anonymousId;
  const common = { distinctId, timestamp: call.timestamp, uuid: call.messageId };
  if (call.type === "identify") {
    client.identify({ distinctId, properties: call.traits });
  } else if (call.type === "group") {
    const { groupId: groupKey, traits: properties } = call;
    client.groupIdentify({ groupType: "company", groupKey, properties, distinctId });
  } else if (call.type === "alias") {
    client.alias({ distinctId: call.previousId, alias: distinctId });
  } else {
    const event = EVENTS[call.type] ?? call.event;
    client.capture({ event, properties: call.properties, ...common });
  }
}

task.run(async (errors) => {
  const client = new PostHog(task.key, {
    host: task.host,
    disableCompression: !task.gzip,
    ...task.options,
  });
  client.on("error", (error) => errors.push(error));
  for (const call of task.calls) send(client, call);
  await client.shutdown();
});
