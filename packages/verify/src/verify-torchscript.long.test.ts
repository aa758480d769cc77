import { verifyExports } from '../testing/verify.js';

verifyExports('torchscript');
