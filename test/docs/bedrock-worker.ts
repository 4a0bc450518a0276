import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { defineAgent } from 'plait';
import { createWorker } from 'plait/worker';

export const helper = defineAgent({ name: 'helper', model: 'eu.anthropic.claude-opus-5-5' });

/** Claude through Amazon Bedrock, with the AWS credentials of the machine. */
export const createBedrockWorker = (taskQueue: string) =>
  createWorker({
    taskQueue,
    agents: [helper],
    anthropic: new AnthropicBedrock({ awsRegion: 'eu-central-1' }),
  });
