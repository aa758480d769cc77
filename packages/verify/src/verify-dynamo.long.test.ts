import { exportedDecoders } from '@transprune/fixtures';
import { verifyExports } from '../testing/verify.js';

const decoders = exportedDecoders.filter(({ exporter }) => exporter === 'dynamo');
verifyExports(decoders, true);
