// An ordinary program for Azure Service Bus; prints what it saw as JSON.
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus';

const connectionString = process.env.CONNECTION ?? '';
const admin = new ServiceBusAdministrationClient(connectionString);
await admin.createTopic('orders');
await admin.createSubscription('orders', 'large', {
  defaultRuleOptions: { name: 'large', filter: { sqlExpression: "total >= 15 AND sys.Label = 'placed'" } },
});
await admin.createSubscription('orders', 'all');

const client = new ServiceBusClient(connectionString);
const sender = client.createSender('orders');
/** @param {string} id @param {number} total */
const order = (id, total, subject = 'placed') => ({
  messageId: id,
  subject,
  body: { id, total },
  applicationProperties: { total },
});
await sender.sendMessages([order('1', 10), order('2', 20), order('3', 30), order('4', 40, 'cancelled')]);

const receiver = client.createReceiver('orders', 'large');
const completed = [];
const parked = [];
while (completed.length + parked.length < 2) {
  for (const message of await receiver.receiveMessages(10, { maxWaitTimeInMs: 5000 })) {
    if (message.body.total < 30) {
      await receiver.completeMessage(message);
      completed.push(message.body);
    } else {
      await receiver.deadLetterMessage(message, {
        deadLetterReason: 'too dear',
        deadLetterErrorDescription: 'over 25',
      });
      parked.push(message.body);
    }
  }
}
const left = await receiver.peekMessages(10);

const graveyard = client.createReceiver('orders', 'large', { subQueueType: 'deadLetter' });
const [dead] = await graveyard.receiveMessages(1, { maxWaitTimeInMs: 5000 });
if (dead !== undefined) await graveyard.completeMessage(dead);
const counts = await admin.getSubscriptionRuntimeProperties('orders', 'large');
const others = await admin.getSubscriptionRuntimeProperties('orders', 'all');
await client.close();

console.log(
  JSON.stringify({
    completed,
    parked,
    left: left.length,
    dead: [dead?.body, dead?.deadLetterReason, dead?.deadLetterErrorDescription],
    counts: [counts.activeMessageCount, counts.deadLetterMessageCount, others.activeMessageCount],
  }),
);
