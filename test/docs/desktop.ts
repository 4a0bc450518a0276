import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

/** Your code that drives the mouse and the keyboard. */
export interface Desktop {
  screenshot(): Promise<Buffer>;
  click(x: number, y: number): Promise<void>;
  type(text: string): Promise<void>;
}

const action = z.discriminatedUnion('action', [
  z.object({ action: z.literal('screenshot') }),
  z.object({ action: z.literal('left_click'), coordinate: z.tuple([z.int(), z.int()]) }),
  z.object({ action: z.literal('type'), text: z.string() }),
]);

export const operatorOf = (desktop: Desktop) =>
  defineAgent({
    name: 'operator',
    model: 'claude-opus-5-5',
    serverTools: [{ type: 'computer_toolset_20260801' }],
    tools: [
      defineTool({
        name: 'computer',
        description: 'Uses the desktop.',
        inputSchema: z.looseObject({ action: z.string() }).pipe(action),
        async run(input) {
          if (input.action === 'left_click') await desktop.click(...input.coordinate);
          if (input.action === 'type') await desktop.type(input.text);
          if (input.action !== 'screenshot') return 'Done.';
          const data = (await desktop.screenshot()).toString('base64');
          return [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }];
        },
      }),
    ],
  });
