import { exportedDecoders } from '@transprune/fixtures';
import { testExports } from '../../testing/exports.js';

testExports(exportedDecoders, true);
