import { answerBlocks } from './answer-blocks.js';
import { simulate } from './simulate.js';

answerBlocks(simulate);
