import { exportSample } from '@transprune/fixtures';
import { testExports } from '../../testing/exports.js';

testExports(exportSample);
