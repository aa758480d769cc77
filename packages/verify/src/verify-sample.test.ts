import { exportSample } from '@transprune/fixtures';
import { verifyExports } from '../testing/verify.js';

verifyExports(exportSample, true);
