import { defineAgent } from 'plait';
import { findContacts } from './contacts.ts';
import { readNote, writeNote } from './files.ts';
import { checkLedger } from './ledger.ts';
import { pay } from './payments.ts';
import { printReport } from './print.ts';

export const office = defineAgent({
  name: 'office',
  model: 'claude-opus-5-5',
  tools: [pay, readNote, writeNote, findContacts, checkLedger, printReport],
  onToolFailure: 'report', // the default
  batchTimeout: '1h', // for all calls of one reply
  onApproval: ({ turnId, callId, tool, input }) => {
    console.log(`${tool} waits for a person: plait approve ${turnId} ${callId}`, input);
  },
});
