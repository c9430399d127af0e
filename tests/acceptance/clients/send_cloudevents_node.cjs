// Send calls with cloudevents, one after another: in the mode "binary" or "structured".
// Its transport sends chunked bodies, and resolves whatever the status is.
"use strict";
const { CloudEvent, Mode, emitterFor, httpTransport } = require("cloudevents");
const task = require("./asked.cjs");

function eventOf(call) {
  return new CloudEvent({
    type: call.event ?? call.type,
    source: "https://shop.example/checkout",
    time: call.timestamp?.toISOString(),
    data: call.properties ?? call.traits ?? {}, // without data the transport itself fails
    ...(call.messageId && { id: call.messageId }),
    ...(call.userId && { subject: call.userId }),
    ...(call.anonymousId && { anonymousid: call.anonymousId }),
    ...(call.previousId && { previousid: call.previousId }),
    ...(call.groupId && { groupid: call.groupId }),
  });
}

task.run(async (errors) => {
  const transport = httpTransport(`${task.host}/v1/cloudevents`);
  const emit = emitterFor(transport, { mode: Mode[task.options.mode.toUpperCase()] });
  const headers = { Authorization: `Bearer ${task.key}` };
  for (const call of task.calls) {
    const { code } = JSON.parse((await emit(eventOf(call), { headers })).body);
    if (code) errors.push({ name: "refused", code });
  }
});
