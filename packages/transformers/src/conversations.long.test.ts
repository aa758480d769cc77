import { describeConversations } from '../testing/conversations.js';

describeConversations(['idefics3', 'paligemma', 'qwen2_5_vl']);
