import { GET_AGENT_RESULT_DESCRIPTION, GET_AGENT_RESULT_FIELDS } from '../core/calls/texts.ts';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import { DEFAULT_RESULT_BYTES } from '../core/conversation/cut-result.ts';
import { GET_AGENT_RESULT } from '../core/names.ts';
import type { Tool } from './define-tool.ts';
import { compileSchema } from './input-schema.ts';

const annotations = { title: 'Read a result from the background', readOnlyHint: true };

const { jsonSchema, parse } = compileSchema(GET_AGENT_RESULT, {
  type: 'object',
  properties: {
    id: { type: 'string', description: GET_AGENT_RESULT_FIELDS.id },
    wait: { type: 'boolean', default: true, description: GET_AGENT_RESULT_FIELDS.wait },
  },
  required: ['id'],
  additionalProperties: false,
});

/** Only the declaration of the tool: the workflow answers its calls, since it has the results. */
export const getAgentResultTool: Tool = {
  name: GET_AGENT_RESULT,
  spec: {
    name: GET_AGENT_RESULT,
    description: GET_AGENT_RESULT_DESCRIPTION,
    input_schema: jsonSchema,
  },
  annotations,
  policy: toolPolicy(annotations.readOnlyHint),
  access: undefined,
  startCallsEarly: false,
  approval: 'never',
  maxResultBytes: DEFAULT_RESULT_BYTES,
  summary: undefined,
  parse,
  run: () => {
    // Runs only in a workflow of an earlier version, which schedules an activity; today's workflow answers
    // the call.
    throw new Error(
      'The worker of this turn has an older version of Plait, without calls in the background. Update it.',
    );
  },
};
