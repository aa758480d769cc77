import { verifyExports } from '../testing/verify.js';

verifyExports('dynamo');
