/** A sample; other classes are in the long suite. */
import { describeConversations } from '../testing/conversations.js';

describeConversations(['llava', 'qwen3_5']);
