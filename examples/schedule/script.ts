import { callTools, conversation, say } from 'plait/testing';

export default conversation('Which tickets are open?', [
  callTools({ get_tickets: {} }),
  ({ resultOf }) => {
    const tickets = JSON.parse(resultOf('get_tickets') ?? '[]') as Record<string, string>[];
    return say(
      `Open: ${tickets.map(({ ticket, subject }) => `${ticket} (${subject})`).join(', ')}.`,
    );
  },
]);
